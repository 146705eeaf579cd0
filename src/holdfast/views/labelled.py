"""A trace whose bodies have their labels beside them, for faces that give it to other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.events import Label
from holdfast.views.record import Amended, Call, Content, Item, Said, Trace, Turn

replace = msgspec.structs.replace


def labelled(seen: Trace, labels: Sequence[Label]) -> Trace:
    """A trace with the label of each body. labels: of what each entry says, in order (`views.carried`)."""

    def of(seq: int, content: Any) -> Any:
        known = isinstance(content, Content) and 0 < seq <= len(labels)
        return replace(content, label=labels[seq - 1]) if known else content

    def item(one: Item) -> Item:
        match one:
            case Turn():
                return replace(one, text=of(one.answered, one.text))
            case Said():
                return replace(one, text=of(one.seq, one.text))
        return one

    def amended(one: Amended) -> Amended:
        return replace(one, args=of(one.seq, one.args), before=of(one.seq, one.before))

    def call(one: Call) -> Call:
        changed = tuple([amended(change) for change in one.amended])
        latest = changed[-1].seq if changed else one.seq
        return replace(one, args=of(latest, one.args), result=of(one.answered, one.result), amended=changed)

    end = replace(seen.end, output=of(seen.end.seq, seen.end.output)) if seen.end is not None else None
    return replace(
        seen, input=of(1, seen.input), items=tuple([item(one) for one in seen.items]), end=end,
        calls={seq: call(one) for seq, one in seen.calls.items()},
    )  # fmt: skip
