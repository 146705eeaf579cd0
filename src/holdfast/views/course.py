"""How a call went that was let through: for what it waited, its attempts, and what the other system said when it was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from holdfast.views import places, words
from holdfast.views.record import Call
from holdfast.views.sentence import Sentence


def sentences(call: Call) -> Iterator[Sentence]:
    """Each with the entries that show it; by kind, and not in their order."""
    for waited in call.waited:
        yield Sentence(f"It {places.said(waited)}.", (waited.seq, waited.ended))
    yield from _attempts(call)
    yield from _looked(call)


def _looked(call: Call) -> Iterator[Sentence]:
    """Each look-up; where there were many, what they said in all."""
    asked = "The other system was asked"
    if len(call.looked) <= MANY:
        for look in call.looked:
            found = f" ({look.effect_id})" if look.effect_id else ""
            message = f": {look.message}" if look.message else ""
            yield Sentence(f"{asked} whether it happened, and {_FOUND[look.answer]}{found}{message}.", (look.seq,))
        return
    answers = Counter(look.answer for look in call.looked)
    parts = words.listed([f"{times} times it {_FOUND[answer]}" for answer, times in answers.most_common()])
    places = (call.looked[0].seq, call.looked[-1].seq)
    yield Sentence(f"{asked} {len(call.looked)} times whether it happened: {parts}.".replace("1 times", "once"), places)


MANY = 3
"""Look-ups that are told one by one."""

_FOUND = {
    "found": "found it",
    "absent": "did not find it",
    "cannot_tell": "gave no clear answer",
    "pending": "said that it is still going on",
}


def _attempts(call: Call) -> Iterator[Sentence]:
    for one in call.tried:
        number = f"Attempt {one.attempt}" if len(call.tried) > 1 else "It"
        for told in filter(None, (places.taken(share, one.at, full=False) for share in one.shares)):
            yield Sentence(f"{number} {told}.", (one.seq,))
        if one.state == "failed" and not one.late:
            fate = "nothing happened" if one.fate == "not_done" else "nobody can tell whether it took effect"
            text = f"{number} {_FAILED.get(one.error, 'failed')}{f' (“{one.message}”)' if one.message else ''}: {fate}."
            yield Sentence(text, (one.seq, one.ended))
        elif one.late:
            yield Sentence(f"{number} was answered late, after it had been given up.", (one.seq, one.ended))
        elif one.state == "started":
            yield Sentence(f"{number} began work that takes longer, to be looked up.", (one.ended,))
        elif one.state == "returned" and call.effect == "write":
            name = f"; the other system calls it {call.effect_id}" if call.effect_id else ""
            how = "was recorded and not carried out" if call.complete == "simulated" else "succeeded"
            key = " under the same key" if one.key and one.attempt > 1 else ""
            result = f": {words.said(call.result, 160)}" if call.complete != "simulated" else ""
            yield Sentence(f"{number} {how}{key}{name}{result}.".replace("..", "."), (one.ended,))


_FAILED = {
    "raised": "failed with an error",
    "timeout": "took longer than it may",
    "lost": "was lost with its worker",
    "refused": "was refused by the tool",
    "not_done": "failed",
    "unknown": "failed without a clear answer",
    "result": "gave a result that does not fit its type",
    "size": "gave a result that is too big",
    "ended": "was ended",
}
"""What an attempt did, by its error."""
