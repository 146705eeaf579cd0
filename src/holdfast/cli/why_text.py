"""What a run did and why, as text at a hundred columns: each sentence ends with the entries that show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from holdfast.cli.call_text import STYLES
from holdfast.views import words
from holdfast.views.account import Account, Clause
from holdfast.views.sentence import Sentence
from holdfast.views.why import Why

if TYPE_CHECKING:
    from rich.console import RenderableType


def text(found: Why, *, full: bool = False, only: bool = False) -> list[RenderableType]:
    """The whole story; `only`: just the accounts of calls."""
    parts: list[RenderableType] = [Text.assemble((found.agent, "bold"), f"  {found.run}")]
    if not only:
        parts += _section("What it was asked", found.asked)
        parts += _section("What it read", found.read)
    if found.accounts:
        parts += [Text(), Text("What it wrote, was refused, or put before a person", style="bold")]
        for account in found.accounts:
            parts += about_account(account, full=full)
    if not only:
        parts += _section("What else bore on it", found.besides)
        parts += _section("How it ended", found.ended)
    return parts


def _section(title: str, sentences: Iterable[Sentence]) -> list[RenderableType]:
    lines = [_line(sentence) for sentence in sentences]
    return [Text(), Text(title, style="bold"), *lines] if lines else []


def line(text: str, entries: Iterable[int]) -> RenderableType:
    """A sentence with the entries that show it."""
    return _line(Sentence(text, tuple(entries)))


def _line(sentence: Sentence, indent: int = 2, mark: str = "") -> RenderableType:
    return Padding(
        Text.assemble(mark, words.plain(sentence.text), _places(sentence.entries)), (0, 0, 0, indent), expand=False
    )


def _places(entries: Iterable[int]) -> tuple[str, str]:
    places = ", ".join(str(seq) for seq in dict.fromkeys(entries) if seq)
    return (f"  [{places}]" if places else "", "dim")


def about_account(account: Account, *, full: bool) -> Iterator[RenderableType]:
    """Why one call went as it did."""
    style = "bold" if account.effect == "write" else ""
    yield Padding(
        Text.assemble(
            (account.title, style), "  ", (account.fate, STYLES.get(account.fate, "cyan")), _places([account.call])
        ),
        (0, 0, 0, 2),
    )
    for clause in account.clauses:
        yield from _clause(clause)
    if account.held and account.ok and not any(clause.verdict == "refuse" for clause in account.clauses):
        yield from _held(account, full=full)
    if account.evidence:
        yield Padding(Text("It rested on:"), (0, 0, 0, 4), expand=False)
        for reading in account.evidence:
            yield _line(reading, 6)
    for text_, names in _by_origin(account):
        yield _line(Sentence(f"{names} came from {text_[0]}.", text_[1]), 4)
    for sentence in account.course:
        yield _line(sentence, 4)
    for sentence in account.needed:
        yield _line(sentence, 4, "What would have been needed: ")


def _by_origin(account: Account) -> Iterator[tuple[tuple[str, tuple[int, ...]], str]]:
    """Arguments with the same origin, in one sentence."""
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for argument in account.arguments:
        groups.setdefault((argument.text, argument.entries), []).append(
            f"{argument.name}={words.value(argument.value, 60)}"
        )
    for origin, names in groups.items():
        yield origin, words.listed(names)


_VERDICTS = {
    "refuse": ("The contract refused it: ", "red"),
    "review": ("The contract wanted a person: ", "yellow"),
    "allow": ("The contract allowed it: ", "green"),
}


def _clause(clause: Clause) -> Iterator[RenderableType]:
    secret = "  (kept from the agent and the requester)" if clause.secret else ""
    yield Padding(
        Text.assemble(
            _VERDICTS[clause.verdict],
            words.plain(clause.because),
            (secret, "dim"),
            (f"  {clause.rule}", "dim"),
            _places(clause.entries),
        ),
        (0, 0, 0, 4),
    )
    if not clause.asks:
        return
    said = "review when" if clause.verdict == "review" else "asks for"
    yield Padding(Text.assemble((f"{said} ", "dim"), clause.asks), (0, 0, 0, 6), expand=False)
    if clause.saw:
        seen = [
            f"{saw.name} = {words.value(saw.value, 60)} {_places(saw.entries)[0].strip()}".strip() for saw in clause.saw
        ]
        yield Padding(Text.assemble(("it saw ", "dim"), words.plain("; ".join(seen))), (0, 0, 0, 6), expand=False)


def _held(account: Account, *, full: bool) -> Iterator[RenderableType]:
    if not full:
        conditions = "condition" if len(account.held) == 1 else f"{len(account.held)} conditions"
        yield Padding(Text(f"The contract's {conditions} for {account.tool} held."), (0, 0, 0, 4), expand=False)
        return
    yield Padding(Text(f"The contract's conditions for {account.tool}, which held:"), (0, 0, 0, 4), expand=False)
    for because in account.held:
        yield Padding(Text(f"· {words.plain(because)}"), (0, 0, 0, 6), expand=False)
