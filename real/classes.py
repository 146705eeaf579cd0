"""`classes`: what kind of failure a run is, from its journal and the gold actions of its task, beside the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from holdfast.events import Entry
from holdfast.views.detectors.finding import is_effect
from holdfast.views.failures import Deed, Verdict, Wanted, classify
from holdfast.views.record import Call, Said, Trace
from holdfast.views.trace import trace
from real.contracts import missing
from real.figures import Figure, Sheet
from real.live import lacking
from real.packs import Effect, Label, Pack, Task, Write
from real.replay import play_gold
from real.retail import invoke
from real.shops import Shops
from real.tape import taped

STOP: Final = "###STOP###"
"""What the simulated requester says when there is nothing more to say."""


class Judge:
    """Says what kind of failure a run of a pack is. The labels are not asked."""

    def __init__(self, pack: Pack) -> None:
        self._effects = pack.effects() or {}
        self._tasks = {task.task_id: task for task in pack.tasks() or []}
        self._shops = None if lacking(pack) else Shops(pack.db() or {})
        self._gold: dict[int | str, str] = {}
        """The state the gold actions of a task leave, by its digest."""

    def verdict(self, entries: Sequence[Entry], task: int | str) -> Verdict:
        """What kind of failure a run is. Raises KeyError for a task the pack does not have."""
        seen, wanted = trace(entries), self._tasks[task]
        deeds = tuple(Deed(a.name, a.kwargs) for a in wanted.actions if self._changes(a.name))
        verdict = classify(
            seen, Wanted(deeds, wanted.outputs), finished=finished(seen, self._effects), done=self.is_deed
        )
        if self._shops is None or not (verdict.missing or verdict.extra):
            return verdict
        same = self._left(self._shops, seen) == self._wanted(self._shops, wanted)
        return classify(
            seen, Wanted(deeds, wanted.outputs), finished=finished(seen, self._effects), done=self.is_deed, same=same
        )

    def is_deed(self, call: Call) -> bool:
        """Whether a call changed the pack's world: a hand-off does not."""
        return self._changes(call.tool) and is_effect(call)

    def _changes(self, tool: str) -> bool:
        return tool in self._effects and self._effects[tool].changes

    def _left(self, shops: Shops, seen: Trace) -> str:
        shop = shops.fresh()
        for call in seen.calls.values():
            if self.is_deed(call):
                invoke(shop, call.tool, call.args.value)
        return shops.digest(shop)

    def _wanted(self, shops: Shops, task: Task) -> str:
        if task.task_id not in self._gold:
            shop = shops.fresh()
            play_gold(task.actions, self._effects, lambda tool, args: invoke(shop, tool, args))
            self._gold[task.task_id] = shops.digest(shop)
        return self._gold[task.task_id]


def finished(seen: Trace, effects: Mapping[str, Effect]) -> bool:
    """Whether a conversation came to its end: the requester said so, or it was handed over."""
    told = (str(item.text.value) for item in seen.items if isinstance(item, Said) and item.to_agent)
    last = {tool for tool, effect in effects.items() if effect.terminal}
    return any(STOP in text for text in told) or any(call.tool in last for call in seen.calls.values())


def check_classes(pack: Pack) -> Iterator[Figure]:
    """Put the kind of failure of each run beside its label."""
    for stem in pack.sets():
        sheet, labels = Sheet("classes", pack, stem), pack.labels(stem)
        if why := missing(pack, "policy", "tools", "effects") or (
            "" if pack.tasks() else f"{pack.name} has no tasks.jsonl"
        ):
            yield sheet.skipped(why)
            continue
        judge, runs = Judge(pack), pack.runs(stem)
        found = {
            run.run_id: judge.verdict(part.entries, run.task_id)
            for run, part in zip(runs, taped(pack, stem), strict=True)
        }
        counted = Counter(verdict.kind for verdict in found.values())
        expected = (pack.expected(stem) or {}).get("failure_classes")
        for kind in sorted({*counted, *(expected if isinstance(expected, dict) else ())}):
            wanted = expected.get(kind, 0) if isinstance(expected, dict) else None
            yield sheet.compare(f"class {kind}", counted[kind], wanted)
        yield from _labelled(sheet, found, labels)


def _labelled(sheet: Sheet, found: Mapping[str, Verdict], labels: Mapping[str, Label] | None) -> Iterator[Figure]:
    if labels is None:
        yield sheet.without("classes equal to label", None, "the set has no labels")
        return
    equal = [run for run, verdict in found.items() if run in labels and labels[run].failure_class == verdict.kind]
    yield sheet.compare("classes equal to label", len(equal), len(labels), _where(sorted(set(labels) - set(equal))))
    alike = [
        run
        for run, verdict in found.items()
        if run in labels and _same(verdict.missing, labels[run].missing) and _same(verdict.extra, labels[run].extra)
    ]
    if all(label.n_gold_writes is not None for label in labels.values()):
        wrong = sorted(set(labels) - set(alike))
        yield sheet.compare("missing and extra writes equal to label", len(alike), len(labels), _where(wrong))


def _where(runs: Sequence[str]) -> str:
    return f"not in {', '.join(runs[:5])}" + (" and others" if len(runs) > 5 else "") if runs else ""


def _same(deeds: Sequence[Deed], writes: Sequence[Write]) -> bool:
    ours = sorted((deed.tool, repr(sorted(deed.args.items()))) for deed in deeds)
    return ours == sorted((write.name, repr(sorted(write.kwargs.items()))) for write in writes)
