"""`import` and `tape`: recorded runs become ordinary runs, and these come out the same when they are played again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import cache

from holdfast.core.essence import same
from holdfast.core.prompt import WINDOW
from real.contracts import Fit, agent_of, missing
from real.conversation import Part, play
from real.figures import Figure, Sheet, less, whole
from real.packs import Exchange, Pack, Run, exchanges
from real.scripts import of_entries, of_run
from real.transcripts import calls_of, dropped, messages_of
from real.worlds import Tape


@cache
def taped(pack: Pack, stem: str) -> list[Part]:
    """Play every run of a set, the tools answering as recorded."""
    return asyncio.run(play(agent_of(pack), [of_run(run) for run in pack.runs(stem)], Tape))


def check_import(pack: Pack) -> Iterator[Figure]:
    """Count in the journals what was recorded."""
    for stem in pack.sets():
        sheet, expected = Sheet("import", pack, stem), pack.expected(stem)
        if lacking := missing(pack, "policy", "tools", "effects"):
            yield sheet.skipped(lacking)
            continue
        runs, fit = pack.runs(stem), Fit(pack)
        kept = [messages_of(part.entries) for part in taped(pack, stem)]
        messages = [message for run in kept for message in run]
        asked = [call for message in messages for call in message.tool_calls]
        calls = [call for part in taped(pack, stem) for call in calls_of(part.entries)]
        unfit_errors = sum((pair.answer or "").startswith("Error") for run in runs for pair in _unfit(run, fit))
        errors = sum(message.role == "tool" and (message.content or "").startswith("Error") for message in messages)
        yield sheet.compare("runs", len(kept), whole(expected, "runs"))
        yield sheet.compare("messages", len(messages), whole(expected, "messages"))
        yield sheet.compare("tool calls", len(asked), whole(expected, "tool_calls"))
        parallel = sum(len(message.tool_calls) > 1 for message in messages)
        yield sheet.compare("parallel-call messages", parallel, whole(expected, "parallel_tool_call_messages"))
        malformed = sum(call.parsed() is None for call in asked)
        yield sheet.compare("malformed arguments", malformed, whole(expected, "malformed_arguments"))
        refused = sum(call.refused for call in calls)
        yield sheet.compare("calls flagged and refused", refused, sum(len(_unfit(run, fit)) for run in runs))
        yield sheet.compare("error results", errors, less(whole(expected, "tool_results_starting_Error"), unfit_errors))
        yield sheet.compare("dropped", sum(dropped(*pair) for pair in zip(runs, kept, strict=True)), 0)


def check_tape(pack: Pack) -> Iterator[Figure]:
    """Play the runs again from their journals alone."""
    for stem in pack.sets():
        sheet, expected = Sheet("tape", pack, stem), pack.expected(stem)
        if lacking := missing(pack, "policy", "tools", "effects"):
            yield sheet.skipped(lacking)
            continue
        first = taped(pack, stem)
        again = asyncio.run(play(agent_of(pack), [of_entries(part.entries) for part in first], Tape))
        runs, fit = pack.runs(stem), Fit(pack)
        shown = sum(results_equal(run, part, fit.passing(run)) for run, part in zip(runs, first, strict=True))
        unfit = sum(len(_unfit(run, fit)) for run in runs)
        unanswered = sum(pair.answer is None for run in runs for pair in exchanges(run))
        yield sheet.compare("tool results as recorded", shown, less(whole(expected, "tool_calls"), unfit, unanswered))
        equal = sum(same(one.entries, two.entries) for one, two in zip(first, again, strict=True))
        yield sheet.compare("journals equal on second replay", equal, whole(expected, "runs"))


def results_equal(run: Run, part: Part, passing: Sequence[bool], without: str | None = None) -> int:
    """Count the calls whose recorded answer is what the model was shown. without: an answer that does not count."""
    equal = 0
    for pair, passes, call, shown in zip(exchanges(run), passing, calls_of(part.entries), part.shown, strict=False):
        if passes and pair.answer is not None and pair.answer != without and call.returned:
            same_call = (call.tool, call.result) == (pair.call.name, pair.answer)
            equal += same_call and shown[:WINDOW] == pair.answer[:WINDOW]
    return equal


def _unfit(run: Run, fit: Fit) -> list[Exchange]:
    """The calls of a run that the contract does not let through."""
    return [pair for pair, passes in zip(exchanges(run), fit.passing(run), strict=True) if not passes]
