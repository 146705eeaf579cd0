"""What each key of the walk does: asks for what is needed, records it, and says what was recorded and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rich.text import Text

from holdfast import units
from holdfast.cli import out
from holdfast.cli.review import ASSERTED, DONE, parsed
from holdfast.cli.review_act import Acting
from holdfast.cli.review_plan import decide_plan
from holdfast.core import desk
from holdfast.core.state import State
from holdfast.errors import InputError
from holdfast.events import Json, LimitName
from holdfast.views import words
from holdfast.views.action import field, money
from holdfast.views.amending import Effect
from holdfast.views.desk import Matter, way

if TYPE_CHECKING:
    from holdfast.cli.review_walk import Walk


class Key(NamedTuple):
    """What a key says and means. verdict: the way to decide that it is; empty: it is none."""

    says: str
    means: str
    verdict: str = ""


KEYS: Final = {
    "a": Key("approve", "approve: say yes to exactly what is shown", "approve"),
    "d": Key("deny", "deny: say no; the agent is told the reason you give", "deny"),
    "e": Key(
        "amend", "amend: say yes to another value, where the contract lets you; you see the effect first", "amend"
    ),
    "w": Key("answer", "answer: the agent is told your words", "answer"),
    "q": Key("ask back", "ask back: the agent, or the requester, before you decide", "ask"),
    "c": Key("claim", "claim: tell the others that you look into it; once more: leave it to them again"),
    "r": Key("retry", "retry: have it tried once more", "retry"),
    "g": Key("go on without", "go on without: the agent is told that it failed", "tell"),
    "m": Key("grant more", "grant more: raise the limit", "grant"),
    "h": Key("it happened", "it happened: you found it in the other system", "happened"),
    "n": Key("it did not", "it did not happen: you found that it is not there, and will not be", "did_not"),
    "u": Key("nobody can tell", "nobody can tell: the run ends, and it stays listed", "settle_stop"),
    "t": Key("take over", "take over: see to the case yourself; the run ends as escalated", "take"),
    "o": Key("stop", "stop: end the run", "stop"),
    "s": Key("skip", "skip: leave it as it is, and go on to the next"),
    "v": Key("view all", "view all: nothing cut, with every rule and reading"),
    "?": Key("help", "help: this"),
    "x": Key("leave", "leave: what is not decided goes on waiting"),
}

BY_ABOUT: Final = {
    "review": "adeqtoc", "output": "adeqtoc", "question": "wtoc", "surprise": "rgtoc", "limit": "mtoc", "doubt": "hnuc",
}  # fmt: skip
"""Kind of question → the keys that decide it."""


class Moves:
    """The keys at one question, or at those of one plan. An empty answer means: nothing came of it."""

    def __init__(self, walk: Walk, meant: list[Matter]) -> None:
        self.walk, self.meant, self.one = walk, meant, meant[0]
        self.keys = walk.keys

    def do(self, key: str) -> str:
        """What came of a key; empty: nothing. Raises HoldfastError with the reason where it may not be."""
        if key == "c":
            return self._claim()
        match KEYS[key].verdict:
            case "approve" | "deny" as verdict:
                return self._decide(verdict)
            case "amend":
                return self._amend()
            case "ask":
                return self._ask()
            case "answer":
                return self._said("answer", "your answer")
            case "retry" | "tell" as verdict:
                return self._plain(verdict)
            case "take" | "stop" as verdict:
                return self._plain(verdict) if self.keys.sure(f"{KEYS[key].means}?") else self._nothing()
            case "grant":
                return self._grant()
            case "happened" | "did_not" | "settle_stop" as verdict:
                return self._settle(verdict)
        return ""

    def _nothing(self) -> str:
        print("nothing was recorded")
        return ""

    # ---- yes and no

    def _decide(self, verdict: str) -> str:
        text = ""
        if verdict == "deny":
            text = self.keys.ask("the reason, which the agent is told > ") or ""
            if not text:
                return self._nothing()
        if len(self.meant) == 1:
            return self._plain(verdict, text)
        shown = tuple(one.question for one in self.meant)
        done = self.walk.act(self.one.run, lambda acts: decide_plan(acts, shown[0], verdict, text, shown))
        numbers = {one.question: one.number for one in self.meant}
        for part in done.recorded:
            self._recorded(f"number {numbers[part.question]} {DONE[verdict]}", part.entry)
        for part in done.refused:
            out.show(Text.assemble((f"number {numbers[part.question]} not {DONE[verdict]}: ", "red"), part.why))
        self._follows(verdict)
        return "again" if done.refused else verdict

    def _plain(self, verdict: str, text: str = "") -> str:
        state = self.walk.act(self.one.run, lambda acts: acts.answer(self.one.question, verdict, text))
        self._recorded(DONE[verdict], state.seq)
        self._follows(verdict)
        return verdict

    def _said(self, verdict: str, what: str) -> str:
        text = self.keys.ask(f"{what} > ") or ""
        return self._plain(verdict, text) if text else self._nothing()

    # ---- not yet

    def _ask(self) -> str:
        whom = (self.keys.ask("whom: a the agent, r the requester > ") or "").lower()
        to: Literal["agent", "requester"] | None = {"a": "agent", "r": "requester"}.get(whom[:1])  # type: ignore[assignment]
        text = (self.keys.ask("your question > ") or "") if to else ""
        if to is None or not text:
            return self._nothing()
        state = self.walk.act(self.one.run, lambda acts: acts.ask_back(self.one.question, text, to))
        self._recorded(f"asked the {to}", state.seq)
        told = {
            "agent": "the agent is told, and may propose it again; then it is put before somebody again",
            "requester": "it stays open; what they write reaches the agent, which decides again with it",
        }
        out.show(Text(f"what follows: {told[to]}"))
        return "asked"

    def _claim(self) -> str:
        place, name = (self.one.run, self.one.question), self.walk.who.name
        theirs = place in self.walk.claimed or self.one.who.claimed == name
        if theirs:
            state = self.walk.act(self.one.run, lambda acts: acts.release(self.one.question))
            self.walk.claimed.discard(place)
        else:
            state = self.walk.act(self.one.run, lambda acts: acts.claim(self.one.question))
            self.walk.claimed.add(place)
        self._recorded("left to whoever takes it" if theirs else "claimed", state.seq)
        return ""

    # ---- yes to something else

    def _amend(self) -> str:
        changes: dict[str, Json] = {}
        given = {argument.name: argument.value for argument in self.one.arguments}
        for name in dict.fromkeys(one.name.split(".")[0].split("[")[0] for one in self.one.arguments if one.amendable):
            if name not in given:
                print(f"{name} is more than one value: holdfast review amend {self.one.run} --set {name}=JSON")
                continue
            sum_ = money(name, given[name], given)
            how = "; 40.00 means 4000" if sum_ else ""
            text = self.keys.ask(
                f"{name} is {field(name, given[name], given)}; a new value, or Enter to keep it{how} > "
            )
            if text:
                changes[name] = text
        if not changes:
            return self._nothing()
        question = self.one.question

        async def foreseen(acts: Acting) -> Effect:
            return await acts.foreseen(await acts.amendment(question, changes, "", quiet=True))

        self._effect(self.walk.act(self.one.run, foreseen))
        if not self.keys.sure("record this?"):
            return self._nothing()

        async def amend(acts: Acting) -> State:
            return await acts.put(await acts.amendment(question, changes, "", quiet=True))

        state = self.walk.act(self.one.run, amend)
        self._recorded(f"changed {words.listed(sorted(changes))}", state.seq)
        out.show(Text("what follows: it is judged again when the run is driven next, with your one voice for it"))
        return "amended"

    def _effect(self, found: Effect) -> None:
        """What an amendment would lead to. Its values are those on the screen: not everything is for everybody's eyes."""
        given = {argument.name: argument.value for argument in self.one.arguments}
        for name, _, after in found.changed:
            out.show(Text.assemble(f"  {name}: {field(name, given.get(name))} → ", (field(name, after), "bold")))
        if found.unknown:
            out.show(Text(f"  what the rules say to it cannot be told here: {found.unknown}", style="yellow"))
        elif found.refused:
            for fired in found.refused:
                because = words.plain(fired.because) if self.walk.looks.sees is None else "by the contract"
                out.show(Text.assemble(("  ✗ it would be refused: ", "red"), because, (f"  {fired.rule}", "dim")))
        else:
            out.show(Text.assemble(("  ✓ ", "green"), "every rule of the contract holds for it"))
            told = [f"{more} more of {role}" if role else f"{more} more" for role, more in found.asks]
            need = f"; {words.listed(told)} would have to say yes" if told else "; nobody else has to"
            counts = f"  your voice counts for it{need}" if found.reviews else "  no rule asks for a person any more"
            out.show(Text(counts))

    # ---- limits and doubts

    def _grant(self) -> str:
        seen = self.one
        limit = seen.limit
        text = self.keys.ask(f"how much more of {limit} > ") or ""
        if not text or not limit:
            return self._nothing()
        amount = _amount(limit, text)
        state = self.walk.act(
            seen.run, lambda acts: acts.put(lambda state: desk.grant(state, limit, amount, acts.person.name))
        )
        self._recorded(f"granted {text} more of {limit}", state.seq)
        self._follows("grant")
        return "granted"

    def _settle(self, verdict: str) -> str:
        doubt = self.one.doubt
        if verdict == "did_not" and doubt is not None and not doubt.ended and not self.keys.sure(
            "it may still happen, since the attempt is not proven over; say that it did not all the same?"
        ):  # fmt: skip
            return self._nothing()
        result = self.keys.ask("what it returned, as JSON, if you know > ") or "" if verdict == "happened" else ""
        text = self.keys.ask("what you found, for the record > ") or ""
        given = parsed(result)
        ruling = verdict.removeprefix("settle_")
        state = self.walk.act(self.one.run, lambda acts: acts.settle(self.one.question, ruling, text, given, ""))
        self._recorded(f"settled: {KEYS[_key(verdict)].says}", state.seq)
        self._follows(verdict)
        return "settled"

    # ---- what is said of it

    def _recorded(self, what: str, entry: int) -> None:
        name = self.walk.who.name
        out.show(Text.assemble(("recorded: ", "green"), f"{self.one.run}, entry {entry}: {what} by {name}"))
        if not self.walk.told:
            self.walk.told = True
            out.note(ASSERTED.format(name=name))

    def _follows(self, verdict: str) -> None:
        found = way(self.one, verdict)
        if found is not None:
            out.show(Text(f"what follows: {found.leads_to}"))
        out.show(Text(f"it goes on when a worker drives it, or by: holdfast resume {self.one.run}", style="dim"))


def _amount(limit: LimitName, text: str) -> int:
    """How much more of a limit, in its own unit. Raises InputError."""
    unit = desk.UNITS.get(limit)
    try:
        return units.nusd(text) if unit == "dollars" else units.duration(text) if unit else int(text)
    except ValueError as error:
        raise InputError(str(error), hint="like 0.10 for usd, 2d for wall, 5 for steps") from None


def _key(verdict: str) -> str:
    return next(key for key, one in KEYS.items() if one.verdict == verdict)
