"""What a run says at its end: 5 claimed but not done, 6 done but not claimed, 10 premature stop, 14 output contract violated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from holdfast.events import OutputRejected
from holdfast.views import words
from holdfast.views.detectors.finding import Case, Hit, called, text_of
from holdfast.views.record import Said

_DEEDS: Final = (
    r"refunded|cancell?ed|processed|updated|changed|booked|sent|issued|returned|exchanged|modified|added|removed"
    r"|scheduled|submitted|approved|credited|upgraded|downgraded|deleted|created|paid|completed|initiated|transferred"
)
_CLAIM: Final = re.compile(
    rf"\b(?:(?:ha(?:ve|s)|['’]ve) (?:now |just |all )?(?:been )?(?:now )?(?:successfully )?(?:{_DEEDS})"
    rf"|(?:was|were) successfully (?:{_DEEDS})|successfully (?:{_DEEDS}))\b",
    re.IGNORECASE,
)


def undone_claims(case: Case) -> Iterator[Hit]:
    """5, S. Words to the requester say that something has been done, and neither the run nor one it opened had done a write.

    By lexicon, hence only suspect: a structured claim would be exact, and no contract links a field of the output to an
    effect yet except by `done.must`, which the run itself is held to. Origin: τ-bench. False positives: something done
    earlier, or by a run of another tree, of which a reading told; a quoted sentence. A child that is not at hand and was done is
    taken to have done it. It does not see a claim about one write where
    another was done, nor one in a language other than English.
    """
    first = min((*(call.answered for call in case.effects), *case.acted_below), default=0)
    replies = [
        (item.seq, text_of(item.text)) for item in case.seen.items if isinstance(item, Said) and not item.to_agent
    ]
    if case.done and case.seen.end is not None:
        replies.append((case.done, text_of(case.seen.end.output)))
    for seq, text in replies:
        claim = _CLAIM.search(text)
        if claim is not None and not (first and first < seq):
            before = max((turn.answered for turn in case.turns if turn.answered < seq), default=seq)
            said = words.shortened(text[max(0, claim.start() - 40) : claim.end() + 40], 120)
            yield Hit((before, seq), f"it said “{said}”, and nothing had been done")
            return


def unsaid(case: Case) -> Iterator[Hit]:
    """6, E. The run was declined, as one that must not be done, after a write of it had been done and not taken back.

    Of the rest nobody can tell: no contract declares which writes an output has to name, but for `done.must`, which the run
    itself is held to. Origin: this project's brief. False positives: technical writes, such as a log, or the message that
    says that nothing is done.
    """
    end = case.seen.end
    if end is None or end.outcome != "declined":
        return
    for call in case.effects:
        if not call.undone_by:
            yield Hit((call.answered, end.seq), f"it was declined, and {called(call)} had been done", call.tool)


def premature(case: Case) -> Iterator[Hit]:
    """10, E. The run ended as done while a write of it was open or unresolved, or on an answer that was cut short.

    Origin: MAST 3.1, premature termination. A checklist of what "done" needs is `done.must`, and kept by the run itself;
    this is what is left. False positives: none known for the first; a provider that calls a whole answer truncated.
    """
    end = case.seen.end
    if not case.done or end is None:
        return
    writes = [call for call in case.calls if call.effect == "write"]
    open_ = [call for call in writes if call.seq in end.unresolved or call.stage not in ("answered", "asked", "held")]
    for call in open_:
        yield Hit((call.seq, end.seq), f"it ended as done while {called(call)} was unresolved", call.tool)
    last = next((turn for turn in reversed(case.turns) if turn.answered), None)
    if last is not None and last.finish in ("length", "filter", "unknown") and last.answered < end.seq:
        text = f"it ended as done on an answer that was cut short ({last.finish})"
        yield Hit((last.answered, end.seq), text, error=last.finish)


def bad_outputs(case: Case) -> Iterator[Hit]:
    """14, E. What the model offered as the output broke the contract again after it had been told why.

    Origin: this project's brief. False positives: a contract that is itself wrong.
    """
    for entry in case.entries:
        if isinstance(entry.event, OutputRejected) and entry.event.final:
            yield Hit((entry.event.ask, entry.seq), f"the output broke the contract: {entry.event.why}")
