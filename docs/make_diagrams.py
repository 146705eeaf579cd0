"""Draw the life of a call from its table of legal moves: `docs/state.md` and `docs/state.svg`.

    python docs/make_diagrams.py

What the two files say comes from `holdfast.core.state` (`STATUSES`, `MOVES`, `QUIET`) and `holdfast.events`. Where
things stand in the picture is said here, in `PLACES` and `ROUTES`: a pair of statuses without a route gets a straight
line, and a status without a place is an error, so a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Final, NamedTuple, TypeAlias

from holdfast import events
from holdfast.core.state import MOVES, QUIET, STATUSES

DOCS: Final = Path(__file__).parent

Point: TypeAlias = tuple[float, float]
Pair: TypeAlias = tuple[str, str]

PEOPLE: Final = frozenset({"PersonAnswered", "ProposalAmended", "CallSettled", "AskedBack"})
"""Entries that hold what a person said."""

# ------------------------------------------------------------------------------------------------ what is drawn


def pairs() -> dict[Pair, list[str]]:
    """(from, to) → the entries that make this move, in the order of the table."""
    found: dict[Pair, list[str]] = {}
    for (before, entry), after in MOVES.items():
        found.setdefault((before, after), []).append(entry)
    return found


def lines_of(entries: Iterable[str]) -> list[tuple[str, str]]:
    """Labels of one arrow, one a kind of entry: (who, `CallLookedUp absent, pending`)."""
    kinds: dict[str, list[str]] = {}
    for entry in entries:
        kind, _, word = entry.partition(" ")
        kinds.setdefault(kind if word else f"{kind} ", []).append(word)  # a kind without a word is a line of its own
    named = {kind.strip(): ", ".join(word for word in words if word) for kind, words in kinds.items()}
    return [(_who(kind), f"{kind} {words}".strip()) for kind, words in named.items()]


def _who(kind: str) -> str:
    if kind in PEOPLE:
        return "person"
    return "machine" if getattr(events, kind) in events.DECISIONS else "world"


# ------------------------------------------------------------------------------------------------ where it stands

WIDE: Final = 132.0
HIGH: Final = 50.0
WIDTH: Final = 1010
HEIGHT: Final = 872

PLACES: Final[dict[str, Point]] = {
    "asked": (495, 70),
    "held": (157, 240),
    "cleared": (495, 240),
    "running": (495, 420),
    "failed": (150, 590),
    "unsure": (560, 590),
    "doubt": (560, 780),
    "answered": (953, 436),
}
"""Centre of each status."""

BAR: Final = (56.0, 792.0)
"""Width and height of `answered`: nearly every road leads there."""

KINDS: Final = {"held": "people", "doubt": "people", "unsure": "unsure", "answered": "end"}
"""How a status looks, where it is not the machine's own turn."""


class Route(NamedTuple):
    """The corners of an arrow, from border to border, and where its words stand."""

    points: tuple[Point, ...]
    words: Point
    anchor: str = "start"


EDGE: Final = PLACES["answered"][0] - BAR[0] / 2

ROUTES: Final[dict[Pair, Route]] = {
    ("asked", "cleared"): Route(((495, 95), (495, 215)), (505, 150)),
    ("asked", "held"): Route(((429, 58), (140, 58), (140, 215)), (149, 51)),
    ("held", "asked"): Route(((175, 215), (175, 84), (429, 84)), (184, 102)),
    ("asked", "answered"): Route(((561, 70), (EDGE, 70)), (575, 63)),
    ("held", "cleared"): Route(((223, 230), (429, 230)), (240, 207)),
    ("cleared", "held"): Route(((429, 252), (223, 252)), (240, 270)),
    ("held", "held"): Route(((91, 240), (62, 240), (62, 294), (115, 294), (115, 265)), (14, 313)),
    ("held", "answered"): Route(((214, 265), (214, 345), (EDGE, 345)), (575, 307)),
    ("cleared", "answered"): Route(((561, 240), (EDGE, 240)), (575, 233)),
    ("cleared", "running"): Route(((495, 265), (495, 395)), (505, 374)),
    ("running", "answered"): Route(((561, 420), (EDGE, 420)), (575, 413)),
    ("running", "failed"): Route(((429, 408), (110, 408), (110, 565)), (192, 427)),
    ("failed", "running"): Route(((145, 565), (145, 440), (429, 440)), (192, 459)),
    ("failed", "held"): Route(((183, 565), (183, 265)), (192, 540)),
    ("failed", "answered"): Route(((150, 615), (150, 680), (EDGE, 680)), (670, 673)),
    ("running", "unsure"): Route(((545, 445), (545, 565)), (555, 480)),
    ("unsure", "running"): Route(((512, 565), (512, 445)), (503, 520), "end"),
    ("unsure", "held"): Route(((494, 602), (395, 602), (395, 376), (199, 376), (199, 265)), (488, 621), "end"),
    ("unsure", "answered"): Route(((626, 578), (EDGE, 578)), (670, 540)),
    ("unsure", "unsure"): Route(((626, 595), (648, 595), (648, 644), (600, 644), (600, 615)), (670, 603)),
    ("unsure", "doubt"): Route(((560, 615), (560, 755)), (552, 736), "end"),
    ("doubt", "answered"): Route(((626, 768), (EDGE, 768)), (670, 714)),
    ("doubt", "doubt"): Route(((626, 785), (648, 785), (648, 834), (600, 834), (600, 805)), (670, 793)),
    ("doubt", "cleared"): Route(((494, 780), (352, 780), (352, 292), (450, 292), (450, 265)), (488, 773), "end"),
}

LONGEST: Final = 33
"""Characters of a line of words."""

LINE: Final = 15.5
"""Height of a line of words."""


def route(pair: Pair) -> Route:
    """The way of an arrow; a straight one where nobody has laid it."""
    laid = ROUTES.get(pair)
    if laid is not None:
        return laid
    (x, y), (to_x, to_y) = PLACES[pair[0]], PLACES[pair[1]]
    side = 1 if to_x > x else -1
    start, end = (x + side * WIDE / 2, y), (EDGE if pair[1] == "answered" else to_x - side * WIDE / 2, to_y)
    return Route((start, end), ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 6), "middle")


# ------------------------------------------------------------------------------------------------ the picture

STYLE: Final = """\
  svg { --card: #fbfaf8; --rim: #d5d2cb; --ink: #24272b; --line: #8a8d91; --soft: #5f6368;
        --machine: #1f4e8c; --world: #3f6212; --person: #9a4f04;
        --box: #e9eef6; --boxrim: #6b86ad; --people: #fcefdc; --peoplerim: #c07f26;
        --unsure: #f4e6ee; --unsurerim: #a8577f; --end: #e4f1e6; --endrim: #4f8f5f; }
  @media (prefers-color-scheme: dark) {
    svg { --card: #1d2024; --rim: #3a3f45; --ink: #e8e6e3; --line: #868b91; --soft: #a9adb2;
          --machine: #8fb8f0; --world: #a8cf78; --person: #f0b06a;
          --box: #26303e; --boxrim: #6f8db8; --people: #3a2d1b; --peoplerim: #c58a3a;
          --unsure: #38242f; --unsurerim: #bb6d94; --end: #1f3324; --endrim: #63a874; }
  }
  .card { fill: var(--card); stroke: var(--rim); }
  .under { fill: none; stroke: var(--card); stroke-width: 6; }
  .way { fill: none; stroke: var(--line); stroke-width: 1.6; }
  .tip { fill: var(--line); }
  rect.box { fill: var(--box); stroke: var(--boxrim); stroke-width: 1.6; }
  rect.people { fill: var(--people); stroke: var(--peoplerim); stroke-width: 1.6; }
  rect.unsure { fill: var(--unsure); stroke: var(--unsurerim); stroke-width: 1.6; }
  rect.end { fill: var(--end); stroke: var(--endrim); stroke-width: 1.6; }
  .name { font: 600 17px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); text-anchor: middle; }
  .words { font: 12.5px ui-monospace, "DejaVu Sans Mono", monospace; }
  .words { stroke: var(--card); stroke-width: 4; paint-order: stroke; }
  .machine { fill: var(--machine); }
  .world { fill: var(--world); }
  .person { fill: var(--person); }
  .key { font: 12.5px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
"""

LEGEND: Final = (
    ("machine", "the machine decides"),
    ("world", "a tool or the other system answers"),
    ("person", "a person decides"),
)


def svg() -> str:
    """The picture."""
    missing = [status for status in STATUSES if status not in PLACES]
    if missing:
        raise SystemExit(f"docs/make_diagrams.py has no place for the status {missing[0]}: add it to PLACES")
    drawn = pairs()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' role="img" aria-labelledby="title about">',
        '<title id="title">The life of a call</title>',
        f'<desc id="about">{escape(_in_words(drawn))}</desc>',
        f"<style>\n{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0 L10 5 L0 10 z"/></marker></defs>',
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10"/>',
        *(_way(route(pair)) for pair in drawn),
        *(_box(status) for status in STATUSES),
        *(_words(route(pair), lines_of(entries)) for pair, entries in drawn.items()),
        _legend(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _in_words(drawn: dict[Pair, list[str]]) -> str:
    return " ".join(f"{before} to {after}: {', '.join(entries)}." for (before, after), entries in drawn.items())


def _way(laid: Route) -> str:
    path = _rounded(laid.points)
    return f'<path class="under" d="{path}"/><path class="way" d="{path}" marker-end="url(#tip)"/>'


def _rounded(points: Sequence[Point], radius: float = 9) -> str:
    """A way with its corners rounded off."""
    path = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        one, two = _towards(corner, before, radius), _towards(corner, after, radius)
        path.append(f"L{one[0]:g} {one[1]:g} Q{corner[0]:g} {corner[1]:g} {two[0]:g} {two[1]:g}")
    return " ".join([*path, f"L{points[-1][0]:g} {points[-1][1]:g}"])


def _towards(start: Point, end: Point, far: float) -> Point:
    x, y = end[0] - start[0], end[1] - start[1]
    length = max((x * x + y * y) ** 0.5, 1e-9)
    part = min(far, length / 2) / length
    return round(start[0] + x * part, 1), round(start[1] + y * part, 1)


def _box(status: str) -> str:
    x, y = PLACES[status]
    wide, high = BAR if status == "answered" else (WIDE, HIGH)
    turned = f' transform="rotate(90 {x:g} {y:g})"' if status == "answered" else ""
    look = KINDS.get(status, "box")
    return (
        f'<rect class="{look}" x="{x - wide / 2:g}" y="{y - high / 2:g}" width="{wide:g}" height="{high:g}" rx="9"/>'
        f'<text class="name" x="{x:g}" y="{y + 6:g}"{turned}>{escape(status)}</text>'
    )


def _words(laid: Route, lines: Sequence[tuple[str, str]]) -> str:
    x, y = laid.words
    wrapped = [(who, piece) for who, text in lines for piece in wrap(text, LONGEST, subsequent_indent="  ")]
    return "".join(
        f'<text class="words {who}" x="{x + 7.5 * (len(piece) - len(piece.lstrip())):g}" y="{y + at * LINE:g}"'
        f' text-anchor="{laid.anchor}">{escape(piece.strip())}</text>'
        for at, (who, piece) in enumerate(wrapped)
    )


def _legend() -> str:
    top = HEIGHT - 22 - 18 * (len(LEGEND) - 1)
    return "".join(
        f'<text class="key" x="24" y="{top + 18 * at}"><tspan class="{who}">■</tspan> {escape(text)}</text>'
        for at, (who, text) in enumerate(LEGEND)
    )


# ------------------------------------------------------------------------------------------------ the page

INTRODUCTION: Final = """\
# The life of a call

Every tool call of a run stands in one of the statuses below. An entry of the journal moves it from one to the next, and
the table at the end of this page is all there is: an entry that has no line there for the status a call stands in is
refused. Time alone moves nothing. A lease, an approval or a limit ends when an entry says so.

This page and the picture are made from the table in `holdfast.core.state`, by `docs/make_diagrams.py`.

![The life of a call](state.svg)
"""

SENTENCES: Final = """\
Three things to see in it:

* **A write that may have happened is never given up quietly.** It stands in `unsure` while the machine finds out, by
  the same key or by looking it up, and in `doubt` when only a person can tell.
* **A person's approval starts nothing.** It stays with the `held` call as a vote. Then the machine judges again, and
  the start is an entry of its own.
* **`answered` does not mean done.** A refused call and a denied one are answered too: the model is told why.
"""


def page() -> str:
    """`docs/state.md`."""
    return "\n".join([INTRODUCTION, *_statuses(), "", SENTENCES, *_mermaid(), "", *_moves()]) + "\n"


def _statuses() -> list[str]:
    rows = [f"| `{status}` | {meaning} |" for status, meaning in STATUSES.items()]
    return ["## Statuses", "", "| status | what it says of a call |", "|---|---|", *rows]


def _mermaid() -> list[str]:
    lines = [f"    [*] --> {next(iter(STATUSES))}: CallAsked"]
    for (before, after), entries in pairs().items():
        words = "<br>".join(text for _, text in lines_of(entries))
        lines.append(f"    {before} --> {after}: {words}")
    lines.append("    answered --> [*]")
    return ["## The same as a diagram in text", "", "```mermaid", "stateDiagram-v2", *lines, "```"]


def _moves() -> list[str]:
    rows = []
    for (before, entry), after in MOVES.items():
        who = NAMES[_who(entry.partition(" ")[0])]
        rows.append(f"| `{before}` | `{entry}` | `{after}` | {who} |")
    quiet = ", ".join(f"`{entry}`" for entry in sorted(QUIET))
    return [
        "## Every legal move", "",
        "The second word of an entry is what it says: a verdict, an outcome, an answer.", "",
        "| from | entry | to | said by |", "|---|---|---|---|", *rows, "",
        "These come from outside at any time. Where the table has no line for them, they are kept and move nothing:",
        f"{quiet}.",
    ]  # fmt: skip


NAMES: Final = {"machine": "the machine", "world": "the tool or the other system", "person": "a person"}


def files() -> dict[Path, str]:
    """What this script writes."""
    return {DOCS / "state.md": page(), DOCS / "state.svg": svg()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
