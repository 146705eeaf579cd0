"""Mistakes about what runs share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from holdfast.core import fold_shares
from holdfast.core.state import CallState
from holdfast.shell import book
from holdfast.testing.sim.mistake import Mutant, Patch


def _unconditional() -> Sequence[Patch]:
    return [(book, "TAKING", ())]


def _kept_at_close() -> Sequence[Patch]:
    return [(fold_shares, "closed", lambda state: {"awaits": {}})]


def _free_while_unsure() -> Sequence[Patch]:
    original = fold_shares.kept

    def kept(state: Any, call: CallState) -> Any:
        held = original(state, call)
        left = tuple(one for one in held.get(call.seq, ()) if one.until or call.status == "running")
        return {**held, call.seq: left} if left else {place: own for place, own in held.items() if place != call.seq}

    return [(fold_shares, "kept", kept)]


def _amount_not_returned() -> Sequence[Patch]:
    return [(fold_shares, "_surely_not", lambda call: False)]


SHARES: Final = (
    Mutant("unconditional", "limits over runs", "what is taken is appended without its condition", _unconditional),
    Mutant("kept_at_close", "limits over runs", "a run that closes does not let go", _kept_at_close),
    Mutant(
        "free_while_unsure",
        "limits over runs",
        "a place is free while nobody knows whether its call is over",
        _free_while_unsure,
    ),
    Mutant(
        "amount_not_returned",
        "limits over runs",
        "what a write took that surely did nothing is kept",
        _amount_not_returned,
    ),
)
