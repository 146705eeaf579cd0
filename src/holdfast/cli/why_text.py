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
        others = ", asked others for" if any(one.effect == "child" for one in found.accounts) else ""
        parts += [Text(), Text(f"What it wrote{others}, was refused, or put before a person", style="bold")]
        for account, again in _alike(found.accounts):
            parts += about_account(account, full=full)
            if again:
                times = "once more" if len(again) == 1 else f"{len(again)} times more"
                parts.append(
                    _line(Sentence(f"The same was asked for {times}, and went the same way.", tuple(again)), 4)
                )
    if not only:
        parts += _section("What else bore on it", found.besides)
        parts += _section("How it ended", found.ended)
    return parts


def _alike(accounts: Iterable[Account]) -> Iterator[tuple[Account, list[int]]]:
    """Accounts, each with the calls right after it that were refused in the same words."""
    first: Account | None = None
    again: list[int] = []
    for account in accounts:
        if first is not None and not first.ok and _said(account) == _said(first):
            again.append(account.call)
            continue
        if first is not None:
            yield first, again
        first, again = account, []
    if first is not None:
        yield first, again


def _said(account: Account) -> tuple[object, ...]:
    clauses = tuple((clause.rule, clause.because) for clause in account.clauses)
    return account.title, account.fate, clauses, len(account.course)


def _section(title: str, sentences: Iterable[Sentence]) -> list[RenderableType]:
    lines = [_line(sentence) for sentence in sentences]
    return [Text(), Text(title, style="bold"), *lines] if lines else []


def line(text: str, entries: Iterable[int]) -> RenderableType:
    """A sentence with the entries that show it."""
    return _line(Sentence(text, tuple(entries)))


def _line(sentence: Sentence, indent: int = 2, mark: str = "") -> RenderableType:
    return Padding(
        Text.assemble(mark, words.plain(sentence.text), _places(sentence.entries, sentence.run)),
        (0, 0, 0, indent + 2 * bool(sentence.run)),
        expand=False,
    )


def _places(entries: Iterable[int], run: str = "") -> tuple[str, str]:
    places = ", ".join(str(seq) for seq in dict.fromkeys(entries) if seq)
    whose = f"{run} " if run else ""
    return (f"  [{whose}{places}]" if places else "", "dim")


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
        yield from _clause(clause, given_up=account.fate == "given up")
    if account.held and account.ok and not any(clause.verdict == "refuse" for clause in account.clauses):
        yield from _held(account, full=full)
    if account.evidence:
        rested = "It rested on:" if account.ok else "What it could rest on:"
        yield Padding(Text(rested), (0, 0, 0, 4), expand=False)
        for reading in account.evidence:
            yield _line(reading, 6)
    for text_, names in _by_origin(account):
        yield _line(Sentence(f"{names} came from {text_[0]}.", text_[1]), 4)
    for sentence in account.course:
        yield _line(sentence, 4)
    for sentence in account.needed:
        lead = (
            "What is needed: "
            if account.fate in ("waits for a person", "in doubt")
            else "What would have been needed: "
        )
        yield _line(Sentence(sentence.text[:1].lower() + sentence.text[1:], sentence.entries), 4, lead)


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


def _clause(clause: Clause, *, given_up: bool = False) -> Iterator[RenderableType]:
    secret = "  (kept from the agent and the requester)" if clause.secret else ""
    gone = given_up and clause.verdict == "refuse" and not clause.rule.startswith("tools.")
    yield Padding(
        Text.assemble(
            ("It was given up: ", "red") if gone else _VERDICTS[clause.verdict],
            words.plain(clause.because),
            (secret, "dim"),
            (f"  {clause.rule}", "dim"),
            _places(clause.entries),
        ),
        (0, 0, 0, 4),
    )
    if not clause.asks:
        return
    said = (
        "the limit is"
        if clause.rule.endswith(".across")
        else "review when"
        if clause.verdict == "review"
        else "asks for"
    )
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
