"""What detectors found, in words that somebody may read who is not shown everything in the runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from holdfast.cli.viewing import Viewer, plain
from holdfast.events import Entry, Label
from holdfast.labels import TRUSTED, join
from holdfast.views.carried import labels
from holdfast.views.detectors import Finding
from holdfast.views.failures import Classifier, Reading, read


class Seen:
    """Reads runs for one viewer. Detectors look at what really stands there, a rule of somebody's own at what is shown."""

    def __init__(self, looks: Viewer, own: Classifier | None) -> None:
        self._looks, self._own = looks, own
        self._labels: dict[tuple[str, tuple[int, ...]], Label] = {}

    def read(self, entries: Sequence[Entry], below: Mapping[str, Sequence[Entry]]) -> Reading:
        """What was found in a run; each finding in the words it has in what is shown, or else in none but its name.

        below: run → entries of those below it.
        """
        shown = self._looks.shown(entries)
        found = read(shown, self._own, {run: self._looks.shown(some) for run, some in below.items()})
        carried = labels(entries)
        if self._looks.sees is not None and shown != list(entries):
            words = {_key(one): one for one in found.findings}
            own = tuple([one for one in found.findings if one.number == 0])
            found = read(entries, None, below)
            found = msgspec.structs.replace(
                found, findings=(*(words.get(_key(one)) or _bare(one) for one in found.findings), *own)
            )
        for one in found.findings:
            said = [carried[seq - 1] for seq in one.seqs if 0 < seq <= len(carried)]
            self._labels[found.run, one.seqs] = join(said) if said else TRUSTED
        return found

    def record(self, url: str) -> None:
        """Record that it was shown, before it is."""
        asyncio.run(self._looks.record(url))

    def labelled(self, found: Any) -> Any:
        """What was found as JSON, each cluster with the label of the entries that its sentence is about."""
        made = msgspec.to_builtins(found, str_keys=True)
        for one, cluster in zip(found.clusters, made["clusters"], strict=True):
            run, seqs = one.example
            cluster["label"] = plain(self._labels.get((run, seqs), Label()))
        return made


def _key(one: Finding) -> tuple[int, str, tuple[int, ...], str]:
    return one.number, one.name, one.seqs, one.tool


def _bare(one: Finding) -> Finding:
    """A finding that cannot be made from what is shown: what is found stands in what is not."""
    return msgspec.structs.replace(one, sentence=f"{one.name}, in words that are not shown", error="")
