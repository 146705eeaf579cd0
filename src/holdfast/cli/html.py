"""HTML as a value: elements out of a closed list, whose texts and attributes are always escaped.

    tag("p", "what the agent said: ", tag("b", text))

A `str` is text, and cannot become anything else; only `tag` makes `Markup`. There is no raw text, no `style` or `on…`
attribute, and a link leads within the page. What a page of ours needs is this much; a template language would be a
dependency, and a second place where somebody can forget to escape.

Characters that show nothing, or that turn the direction of what follows, are written out (`⟨U+202E⟩`): a reader sees
what stands there, and not what its author wanted to be seen.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable
from importlib import resources
from typing import Final, TypeAlias

_ELEMENTS: Final = frozenset({
    "a", "article", "b", "body", "button", "code", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2", "h3",
    "head", "header", "html", "i", "input", "label", "li", "line", "main", "meta", "nav", "ol", "p", "pre", "rect",
    "section", "small", "span", "strong", "summary", "svg", "table", "tbody", "td", "th", "thead", "title", "tr",
    "ul",
})  # fmt: skip
_EMPTY: Final = frozenset({"input", "meta"})
_ATTRIBUTES: Final = frozenset({
    "aria-hidden", "aria-label", "charset", "class", "colspan", "content", "height", "hidden", "href", "http-equiv",
    "id", "lang", "name", "open", "placeholder", "preserveAspectRatio", "role", "scope", "title", "type", "viewBox",
    "width", "x", "x1", "x2", "y", "y1", "y2",
})  # fmt: skip
_WITHIN: Final = re.compile(r"#[\w.-]+")
_ODD: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\uffff"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)
"""Nothing to be seen, or not to be written in a page; tab and end of line are no part of it."""


class Markup(str):
    """Text that is HTML. Made by `tag`, `sheet` and `program` only."""

    __slots__ = ()


Content: TypeAlias = "str | Iterable[Content | None] | None"
"""Text, markup, several of them, or nothing."""


def named(character: str) -> str:
    """How a character that cannot be seen is written: `⟨U+202E⟩`."""
    return f"⟨U+{ord(character):04X}⟩"


def _odd(found: re.Match[str]) -> str:
    character = found[0]
    name = unicodedata.name(character, "a control character").lower()
    return f'<b class="odd" title="{html.escape(name)}">{named(character)}</b>'


def text(value: str) -> Markup:
    """A text as markup that shows it, character for character."""
    if isinstance(value, Markup):
        return value
    return Markup(_ODD.sub(_odd, html.escape(value, quote=False)))


def tag(name: str, /, *content: Content, **attributes: str | bool | None) -> Markup:
    """An element. Attribute names end in `_` where Python has the word itself, and have `_` for `-`; None and False leave one out.

    Raises ValueError for an element, an attribute or a link that is not on the lists above.
    """
    if name not in _ELEMENTS:
        raise ValueError(f"no element {name!r} in our pages")
    head = [name]
    for given, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = given.rstrip("_").replace("_", "-")
        if attribute not in _ATTRIBUTES:
            raise ValueError(f"no attribute {attribute!r} in our pages")
        if attribute == "href" and not _WITHIN.fullmatch(str(value)):
            raise ValueError(f"a link of our pages leads within the page, not to {value!r}")
        if value is True:
            head.append(attribute)
        else:
            plain = _ODD.sub(lambda found: named(found[0]), value)
            head.append(f'{attribute}="{html.escape(plain)}"')
    opened = f"<{' '.join(head)}>"
    if name in _EMPTY:
        return Markup(opened)
    return Markup(f"{opened}{_joined(content)}</{name}>")


def _joined(content: Iterable[Content]) -> str:
    found: list[str] = []
    for part in content:
        if isinstance(part, str):
            found.append(text(part))
        elif part is not None:
            found.append(_joined(part))
    return "".join(found)


def sheet(css: str) -> Markup:
    """A style sheet of ours. Raises ValueError where it could end early."""
    return _verbatim("style", css)


def program(script: str) -> Markup:
    """A script of ours. Raises ValueError where it could end early."""
    return _verbatim("script", script)


def _verbatim(name: str, ours: str) -> Markup:
    if "</" in ours or "<!--" in ours:
        raise ValueError(f"a {name} of ours holds no markup")
    return Markup(f"<{name}>{ours}</{name}>")


# --------------------------------------------------------------------------------------------------------- the page


def whole(title: str, *body: Content, css: str, script: str = "") -> str:
    """A page that needs nothing else; css, script: files of ours in `page/`.

    No request leaves it. The policy in its head forbids whatever is not in it: `default-src 'none'`, and the one style
    sheet and the one script by their digests.
    """
    style = _file(css)
    code = _file(script) if script else ""
    allowed = f"style-src '{_digest(style)}'" + (f"; script-src '{_digest(code)}'" if code else "")
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        sheet(style),
    )
    shown = tag("body", *body, program(code) if code else None)
    return f"<!doctype html>\n{tag('html', head, shown, lang='en')}\n"


def _file(name: str) -> str:
    return resources.files("holdfast.cli").joinpath("page", name).read_text(encoding="utf-8")


def _digest(ours: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
