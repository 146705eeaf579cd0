"""Placeholders: what is about somebody, replaced by something like it, the same everywhere, so that what matched still matches.

    hiding = Placeholders(contract)
    hiding.person("c:551")              a name that somebody goes by
    hiding.classified(result)           every value of a result that carries data classes
    hiding.look_at(text)                e-mail addresses, telephone numbers and IBANs in whatever there is
    hiding.value(anything)              with everything replaced

A placeholder has the form of what it stands for, so that a tool's types still take it. Words that the contract itself uses are
nobody's secret and stay. Names inside of free text are not recognised: nobody but a reader can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from holdfast.core.provenance import leaves
from holdfast.events import Json

_MAIL: Final = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Z0-9])", re.IGNORECASE)
_COUNTRY: Final = re.compile(r"\b[A-Z]{2}\d{2}(?=[ A-Z0-9])", re.IGNORECASE)
_PHONE: Final = re.compile(r"(?<![\w./:-])(?:\+|0)\d[\d ()/-]{6,}\d(?![\w])")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY: Final = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_CODE: Final = re.compile(r"[A-Za-z]{0,3}[^A-Za-z0-9]?\d+")

COUNTED: Final = 1000
"""Numbers below are kept, whatever their class: they say nothing of anybody by themselves, and much is counted with them."""

SHORTEST: Final = 4
"""Characters under which a hidden value is replaced only where it stands as a word of its own."""


class Placeholders:
    """What stands for what in one case. public: what anybody may read, of which nothing is replaced. taken: all other texts."""

    def __init__(self, public: Json = None, taken: Json = None) -> None:
        self._public = "\n".join(_texts(public)).casefold()
        self._taken = "\n".join(_texts(taken)).casefold()
        self._for: dict[str, str] = {}
        """Folded text → what stands for it."""
        self._whole: set[str] = set()
        """Texts that are replaced only where they are all there is."""
        self._numbers: dict[float, int] = {}
        self._counts: dict[str, int] = {}
        self._inside: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    @property
    def replaced(self) -> int:
        """How many different values have one."""
        return len(self._for) + len(self._numbers)

    # -------------------------------------------------------------------------------------------------- what is hidden

    def person(self, name: str) -> None:
        """Hide a name, or a number, that somebody goes by; of a name of several words, each of them too."""
        if not name or name.startswith("svc:") or self._is_known(name) or self._shaped(name):
            return
        stands = self._like_code(name) or f"person-{self._next('person')}"
        for part in (name, *(part for part in name.split() if len(part) >= SHORTEST)):
            if not self._is_known(part):
                self._put(part, stands)

    def classified(self, value: Json, name: str = "hidden") -> None:
        """Hide every text in a value, and every number that is no small one. name: what their class is called."""
        for _, leaf in leaves(value):
            if isinstance(leaf, str) and leaf.strip():
                if not self._is_known(leaf) and not self._shaped(leaf):
                    self._put(leaf, self._dated(leaf) or f"{name}-{self._next(name)}")
                    if len(leaf) < SHORTEST:
                        self._whole.add(leaf.casefold())
            elif isinstance(leaf, int | float) and not isinstance(leaf, bool) and abs(leaf) >= COUNTED:
                self._numbers.setdefault(leaf, 10 ** (len(str(int(abs(leaf)))) - 1) + len(self._numbers))
                self._pattern = None

    def look_at(self, value: Json) -> None:
        """Hide the e-mail addresses, telephone numbers and IBANs in a value."""
        for text in _texts(value):
            for found in _MAIL.findall(text):
                self._shaped(found)
            for found in _ibans(text):
                self._shaped(found)
            for found in _PHONE.findall(text):
                if _is_phone(found):
                    self._shaped(found)

    # ----------------------------------------------------------------------------------------------------- replacing it

    def value(self, value: Json) -> Json:
        """A value with placeholders in it. Names of fields are kept."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key if key.isidentifier() else self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._numbers.get(value, value)
        return value

    def text(self, text: str) -> str:
        """A text with placeholders in it."""
        if (whole := self._for.get(text.casefold())) is not None:
            return whole
        if self._pattern is None:
            self._inside = {known: stands for known, stands in self._for.items() if known not in self._whole}
            self._inside |= {str(number): str(other) for number, other in self._numbers.items()}
            forms = [rf"(?<!\w){re.escape(one)}(?!\w)" for one in sorted(self._inside, key=len, reverse=True)]
            self._pattern = re.compile("|".join(forms) or r"(?!)", re.IGNORECASE)
        return self._pattern.sub(lambda found: self._inside.get(found.group().casefold(), found.group()), text)

    # --------------------------------------------------------------------------------------------------------- its form

    def _put(self, what: str, stands: str) -> bool:
        self._for[what.casefold()], self._pattern = stands, None
        return True

    def _next(self, kind: str) -> int:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind]

    def _is_known(self, text: str) -> bool:
        """Whether it has a placeholder, or needs none."""
        folded = text.casefold()
        return folded in self._for or re.search(rf"(?<!\w){re.escape(folded)}(?!\w)", self._public) is not None

    def _shaped(self, text: str) -> bool:
        """Whether it is a mail address, a telephone number or an IBAN, which is hidden then."""
        if self._is_known(text):
            return True
        if _MAIL.fullmatch(text):
            return self._put(text, f"person{self._next('mail')}@example.com")
        if _IBAN.fullmatch(text) and _is_iban(text):
            return self._put(text, self._alike(text) or _iban_like(text, self._next("iban")))
        if _PHONE.fullmatch(text) and _is_phone(text):
            return self._put(text, self._alike(text) or f"+1202555{100 + self._next('phone'):04d}")
        return False

    def _alike(self, text: str) -> str:
        """What stands for the same number in another spelling."""
        bare = re.sub(r"\W", "", text).casefold()
        return next((stands for known, stands in self._for.items() if re.sub(r"\W", "", known) == bare), "")

    def _dated(self, text: str) -> str:
        """Another day, for one."""
        return f"2000-01-{self._next('day') % 28 + 1:02d}" if _DATE.fullmatch(text) else ""

    def _like_code(self, text: str) -> str:
        """Another number of the same form, for one like `c:015`; empty for anything else, and where there is none free."""
        if not _CODE.fullmatch(text):
            return ""
        digits = _digits(text)
        for number in range(10 ** len(digits) - 1, max(10 ** len(digits) - 100, 0), -1):
            other = text[: -len(digits)] + str(number)
            if other != text and other.casefold() not in self._taken and other not in self._for.values():
                return other
        return ""


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _ibans(text: str) -> Iterator[str]:
    """Every account number in a text: where one may begin, the longest that its check digits make one."""
    for begin in _COUNTRY.finditer(text):
        rest = text[begin.start() : begin.start() + 42]
        for end in range(len(rest), 14, -1):
            found = rest[:end]
            whole = end == len(rest) or not rest[end].isalnum()
            if whole and found[-1] != " " and _IBAN.fullmatch(found) and _is_iban(found):
                yield found
                break


def _is_phone(text: str) -> bool:
    return _DAY.fullmatch(text) is None and 7 <= len(_digits(text)) <= 15


def _rest(iban: str) -> int:
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97


def _is_iban(text: str) -> bool:
    bare = text.replace(" ", "").upper()
    return 15 <= len(bare) <= 34 and _rest(bare) == 1


def _iban_like(text: str, number: int) -> str:
    """An account of the same country and length that nobody has, with its check digits."""
    bare = text.replace(" ", "").upper()
    form = re.sub(r"[A-Z]", "X", re.sub(r"\d", "0", bare[4:]))
    tail = str(number)
    account = form[: -len(tail)] + tail if form[-len(tail) :].isdigit() else form
    check = 98 - _rest(f"{bare[:2]}00{account}")
    return f"{bare[:2]}{check:02d}{account}"
