"""`holdfast review --as NAME` in a terminal: what waits for somebody, one question after another, decided in a few keys.

Nothing is held open while a person thinks: a question is read, shown, and read again when it is decided. Whether what was shown
still stands, `core.desk` says; where it does not, its reason is shown and then the question as it is now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from rich.rule import Rule
from rich.text import Text

from holdfast.cli import out, reading
from holdfast.cli.queue import Waiting, waiting
from holdfast.cli.review_act import Acting, Person
from holdfast.cli.review_keys import Keys
from holdfast.cli.review_moves import BY_ABOUT, KEYS, Moves
from holdfast.cli.review_show import above_of
from holdfast.cli.viewing import Viewer
from holdfast.errors import HoldfastError
from holdfast.journal.port import Journal
from holdfast.views import words
from holdfast.views.desk import Matter, matters

T = TypeVar("T")

AGAIN: Final = "again"
"""The same question is to be shown again."""


class Left(Exception):
    """Somebody has had enough."""


class Walk:
    """One person's way through what waits for them."""

    def __init__(self, looks: Viewer, url: str, who: Person, keys: Keys | None = None) -> None:
        self.looks, self.url, self.who = looks, url, who
        self.keys = keys or Keys()
        self.passed: set[tuple[str, int]] = set()
        """(run, question) that were skipped or decided here."""
        self.claimed: set[tuple[str, int]] = set()
        """What they claimed here."""
        self.told = False
        """Whether it was said that a name is an assertion."""
        self.decided = 0
        self._again = ""
        """The run at which a decision was refused: it is shown again before any other."""
        self._queue: list[Waiting] = []
        """What was found to wait, and was not looked at yet; read anew when it is empty."""
        self._barred: dict[tuple[str, int], str] = {}
        """What they cannot decide → why."""

    def go(self) -> int:
        """Show one question after another until none is left; the exit code."""
        try:
            while (shown := self._next()) is not None:
                self._one(shown)
        except Left:
            pass
        self._farewell()
        return 0

    def act(self, run: str, do: Callable[[Acting], Coroutine[Any, Any, T]]) -> T:
        """Something done at a run. Raises what it raises."""

        async def acted() -> T:
            async with reading.speaking(self.url) as runner:
                return await do(Acting(runner, await reading.find_row(runner.journal, run), self.who))

        return asyncio.run(acted())

    # ------------------------------------------------------------------------------------------------ what is next

    def _next(self) -> list[Matter] | None:
        """The most urgent question they can decide; all of its plan that they can. None where there is none."""
        return asyncio.run(self._find())

    async def _find(self) -> list[Matter] | None:
        async with reading.looking(self.url) as journal:
            if self._again and (shown := await self._at(journal, self._again)):
                return shown
            for fresh in (False, True):
                if fresh:
                    found = await waiting(journal, Viewer("review", self.who.name))
                    self._queue = [one for one in found if self._is_theirs(one)]
                while self._queue:
                    one = self._queue[0]
                    shown = [] if (one.run, one.question) in self.passed else await self._at(journal, one.run, one)
                    if shown:
                        return shown
                    self._queue.pop(0)
        return None

    async def _at(self, journal: Journal, run: str, meant: Waiting | None = None) -> list[Matter]:
        """What they can decide in a run: the question that is meant, or the first; with those of its plan. Empty: nothing."""
        entries = await self.looks.entries(journal, run)
        every = matters(entries, now=journal.now(), above=await above_of(self.looks, journal, entries))
        mine = [one for one in every if (one.run, one.question) not in self.passed and self._can(one)]
        first = next((one for one in mine if meant is None or one.question == meant.question), None)
        if first is None:
            if meant is not None and not every and meant.about == "doubt":
                settle = f"holdfast review settle {run} {meant.question} --as {self.who.name}"
                self._barred[run, meant.question] = (
                    f"its run is over, and nobody knows whether this happened ({settle})"
                )
            return []
        await self.looks.record(self.url)
        return self._together(first, mine)

    def _is_theirs(self, one: Waiting) -> bool:
        """Whether the queue says that it may be for them."""
        known = self.who.roles is None or one.role in ("", *self.who.roles)
        return known and not one.decided and one.about != "damage" and one.role != "requester"

    def _can(self, one: Matter) -> bool:
        """Whether they may decide it; where somebody else is at it, it is left to them."""
        name, place = self.who.name, (one.run, one.question)
        barred = next((each for each in one.who.barred if each.name in {name, *self.who.names}), None)
        if barred is not None:
            whose = "" if barred.name == name else f"you act for {barred.name}: "
            self._barred[place] = f"{whose}{barred.why}"
        elif any(voice.by == name for voice in one.who.voices):
            self._barred[place] = "you have said yes to it already"
        elif one.who.claimed not in ("", name):
            over = f"holdfast review claim {one.run} {one.question} --as {name} --over"
            self._barred[place] = f"{one.who.claimed} is at it ({over} takes it from them)"
        elif one.ends.over:
            self._barred[place] = "its time is over"
        else:
            known = self.who.roles is None or one.who.role in ("", *self.who.roles)
            return known and one.who.role != "requester"
        return False

    def _together(self, first: Matter, mine: Sequence[Matter]) -> list[Matter]:
        """A question, with those of its plan that they can decide too, in asked order."""
        calls = {item.question for item in first.plan if item.question}
        beside = [one for one in mine if one.question in calls]
        return beside if len(beside) > 1 and first in beside else [first]

    # ------------------------------------------------------------------------------------------------ one question

    def _one(self, shown: list[Matter]) -> None:
        """Show a question, or the questions of a plan, and do what is typed until it is decided or left."""
        self._again = ""
        self._show(shown)
        while True:
            typed = self.keys.ask(f"{_brief(shown)} > ")
            if typed is None:
                raise Left
            key, _, rest = typed.partition(" ")
            if not key:
                continue
            came = self._typed(key.lower(), rest.strip(), shown)
            if came == AGAIN:
                self._again = shown[0].run
                return
            if came:
                self.passed |= {(one.run, one.question) for one in shown}
                return

    def _show(self, shown: Sequence[Matter], *, full: bool = False) -> None:
        from holdfast.cli.review_text import screens

        now = asyncio.run(self._now())
        out.show(
            Text(),
            Rule(_left(self._left(shown)), style="dim"),
            *screens(shown, now, full=full, keys=self._ways(shown)),
            Text(),
        )
        out.show(Text(self._legend(shown), style="cyan"))
        self.keys.fresh()

    def _left(self, shown: Sequence[Matter]) -> int:
        """How many questions there are yet, these among them."""
        these = {(one.run, one.question) for one in shown}
        return len(
            these | {(one.run, one.question) for one in self._queue if (one.run, one.question) not in self.passed}
        )

    async def _now(self) -> int:
        async with reading.looking(self.url) as journal:
            return journal.now()

    def _keys(self, shown: Sequence[Matter]) -> list[str]:
        """The keys that mean something here."""
        one = shown[0]
        verdicts = {way.verdict for way in one.ways}
        return [key for key in BY_ABOUT[one.about] if KEYS[key].verdict in ("", *verdicts)] + ["s", "v", "?", "x"]

    def _ways(self, shown: Sequence[Matter]) -> dict[str, str]:
        """Way to decide → its key."""
        return {KEYS[key].verdict: key for key in self._keys(shown) if KEYS[key].verdict}

    def _legend(self, shown: Sequence[Matter]) -> str:
        parts = [f"{key} {KEYS[key].says}" for key in self._keys(shown) if not KEYS[key].verdict]
        plan = "  (alone: the whole plan; with a number, like a 2: only that call)" if len(shown) > 1 else ""
        return f"{' · '.join(parts)}{plan}"

    def _typed(self, key: str, rest: str, shown: list[Matter]) -> str:
        """Do what was typed. Empty: nothing came of it; AGAIN: read it again; anything else: go on to the next."""
        if key not in self._keys(shown):
            print(f"{words.shortened(key, 20)} means nothing here; ? says what does")
            return ""
        match key:
            case "x":
                raise Left
            case "s":
                return "skipped"
            case "v":
                self._show(shown, full=True)
                return ""
            case "?":
                self._help(shown)
                return ""
        meant = shown
        if len(shown) > 1 and (rest or key not in "ad"):
            meant = [one for one in shown if rest == str(one.number)]
            if not meant:
                numbers = words.listed([str(one.number) for one in shown], "or")
                print(f"which one? {key} {shown[0].number}, with a number of the plan: {numbers}")
                return ""
        return self._moved(key, meant, shown)

    def _moved(self, key: str, meant: list[Matter], shown: list[Matter]) -> str:
        try:
            came = Moves(self, meant).do(key)
        except HoldfastError as error:
            out.show(Text.assemble(("not recorded: ", "red"), error.what))
            if error.hint:
                out.show(Text(f"what to do: {error.hint}", style="dim"))
            out.show(Text("here it is as it stands now, if it still waits:", style="dim"))
            return AGAIN
        if not came:
            return ""
        if came != AGAIN:
            self.decided += len(meant)
            self.passed |= {(one.run, one.question) for one in meant}
        return AGAIN if came == AGAIN or len(meant) < len(shown) else came

    def _help(self, shown: Sequence[Matter]) -> None:
        for key in self._keys(shown):
            out.show(Text(f"  {key}  {KEYS[key].means}"))
        out.show(Text("A letter and Enter; nothing is recorded before you have seen what. Ctrl-D leaves.", style="dim"))

    def _farewell(self) -> None:
        print(f"{words.count(self.decided, 'decision')} recorded" if self.decided else "nothing was recorded")
        for (run, question), why in self._barred.items():
            print(f"left out: {run} question {question}: {why}")


def _left(count: int) -> str:
    return f"{words.count(count, 'question')} for you" if count > 1 else "the last one for you"


def _brief(shown: Sequence[Matter]) -> str:
    """What a key would be about, in the prompt: the screen may have scrolled away."""
    if len(shown) > 1:
        return f"{len(shown)} calls of {shown[0].run}"
    one = shown[0]
    return words.shortened(one.action, 90) if one.action and one.about != "question" else f"question {one.question}"
