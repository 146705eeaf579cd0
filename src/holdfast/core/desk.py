"""What people may do to a run, and when: one place that says no, with a reason.

Each function gives the fact to append, or raises NotAllowed. Whether an answer is valid is decided from its own moment,
never from when somebody looks: an approval that comes after its end is refused even if nobody has recorded the expiry yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from holdfast import codec
from holdfast.agent import Bound
from holdfast.codec import canonical, keyed, plain
from holdfast.core.state import CallState, Question, State
from holdfast.dialogue import Attached
from holdfast.errors import NotAllowed, UsageError
from holdfast.events import (
    AskedBack,
    Body,
    CallSettled,
    Inline,
    Json,
    LimitGranted,
    LimitName,
    PersonAnswered,
    PersonAsked,
    ProposalAmended,
    QuestionClaimed,
    QuestionReleased,
    Said,
)
from holdfast.shape import Misfit

VERDICTS: Mapping[str, tuple[str, ...]] = {
    "review": ("approve", "deny", "take", "stop"),
    "output": ("approve", "deny", "take", "stop"),
    "question": ("answer", "take", "stop"),
    "surprise": ("retry", "tell", "take", "stop"),
    "limit": ("stop", "take"),
    "doubt": (),
}
"""Kind of question → what can be answered to it. A limit is also met by a grant, a doubt by a settlement."""


def question(
    state: State, seq: int, by: str, at: int, roles: Sequence[str] | None = None, *, over: bool = False
) -> Question:
    """An open question that this person may answer now.

    roles: what they may act as; None: not known, so not checked. over: whether they may although somebody else claimed it.

    Raises NotAllowed, with the reason.
    """
    found = state.questions.get(seq)
    if found is None:
        raise NotAllowed(
            f"question {seq} is not open",
            run=state.run,
            hint="somebody decided it, or it was withdrawn; holdfast show says which",
        )
    asked = found.asked
    if asked.until and at >= asked.until:
        raise NotAllowed(
            f"question {seq} expired",
            run=state.run,
            seq=seq,
            hint="what follows is decided when the run is driven next",
        )
    if not by:
        raise NotAllowed("nobody is named as deciding", run=state.run, seq=seq, hint="say who you are: --as alice")
    if asked.about != "question" and by in state.speakers:
        raise NotAllowed(
            f"{by} opened, spoke or amended in this run and cannot decide in it",
            run=state.run,
            seq=seq,
            hint="somebody else has to",
        )
    if found.claimed and by != found.claimed and not over and asked.about != "question":
        raise NotAllowed(
            f"{found.claimed} is looking into question {seq}",
            run=state.run,
            seq=seq,
            hint="wait until it is released, or take it over",
        )
    free = ("", "requester") if asked.about == "question" else ("",)
    if roles is not None and asked.role not in (*free, *roles):
        raise NotAllowed(
            f"this is for {asked.role}; {by} acts as {', '.join(roles) or 'nobody'}", run=state.run, seq=seq
        )
    return found


def apart(state: State, by: str, others: Collection[str]) -> None:
    """Raise NotAllowed where somebody took part in a run, or has decided in it, by another name of theirs."""
    took = sorted(state.speakers.intersection(others) - {by})
    if took:
        raise NotAllowed(
            f"{by} is or acts for {took[0]}, who opened, spoke or amended in this run, and cannot decide in it",
            run=state.run,
            hint="somebody else has to",
        )
    votes = [vote for call in state.calls.values() for vote in call.votes if not vote.until or state.at < vote.until]
    voted = sorted({vote.by for vote in votes}.intersection(others) - {by})
    if voted:
        raise NotAllowed(
            f"{by} is or acts for {voted[0]}, who has approved here already",
            run=state.run,
            hint="another person is needed",
        )


def answer(
    state: State, seq: int, verdict: str, by: str, at: int, text: str = "", roles: Sequence[str] | None = None
) -> PersonAnswered:
    """A person's answer to a question."""
    asked = question(state, seq, by, at, roles).asked
    allowed = VERDICTS[asked.about]
    if verdict not in allowed:
        how = "settle it: happened, did not, or stop" if asked.about == "doubt" else f"one of {', '.join(allowed)}"
        raise NotAllowed(
            f"a question about {asked.about} cannot be answered with {verdict}", run=state.run, seq=seq, hint=how
        )
    call = state.calls.get(asked.call)
    if verdict in ("approve", "deny"):
        _as_shown(state, seq, asked, call)
    if verdict == "approve" and call is not None:
        if state.said > asked.heard and call.effect == "write":
            raise NotAllowed(
                "the requester has written since this was shown",
                run=state.run,
                seq=seq,
                hint="read it; the agent decides again with it",
            )
        if any(vote.by == by for vote in call.votes if not vote.until or at < vote.until):
            raise NotAllowed(f"{by} has approved this already", run=state.run, seq=seq, hint="another person is needed")
    return PersonAnswered(seq, verdict, by, text, version=asked.version)  # type: ignore[arg-type]  # one of `allowed`


def claim(
    state: State, seq: int, by: str, at: int, roles: Sequence[str] | None = None, *, over: bool = False
) -> QuestionClaimed | None:
    """Say that somebody looks into a question; None where they do already. over: also where somebody else does."""
    found = question(state, seq, by, at, roles, over=over)
    return None if found.claimed == by else QuestionClaimed(seq, by)


def release(state: State, seq: int, by: str) -> QuestionReleased | None:
    """Let others decide a question that one claimed; None where nobody had. Raises NotAllowed for another's claim."""
    found = state.questions.get(seq)
    if found is None or not found.claimed:
        return None
    if found.claimed != by:
        raise NotAllowed(
            f"{found.claimed} claimed question {seq}, not {by}",
            run=state.run,
            seq=seq,
            hint="claim it over them, if need be",
        )
    return QuestionReleased(seq, by)


def ask_back(
    state: State,
    seq: int,
    text: str,
    by: str,
    at: int,
    to: Literal["agent", "requester"],
    roles: Sequence[str] | None = None,
) -> AskedBack:
    """A reviewer's question before they decide. The agent answers by what it does next; the requester by writing."""
    asked = question(state, seq, by, at, roles).asked
    call = state.calls.get(asked.call)
    if asked.about not in ("review", "output"):
        raise NotAllowed(f"a question about {asked.about} has nobody to ask back", run=state.run, seq=seq)
    if not text.strip():
        raise UsageError("nothing is asked", run=state.run, seq=seq, hint="say what you want to know: --text")
    _as_shown(state, seq, asked, call)
    return AskedBack(seq, to, text, by)


def _as_shown(state: State, seq: int, asked: PersonAsked, call: CallState | None) -> None:
    """Raise NotAllowed where the proposal is not, or not yet again, what the question shows."""
    other = asked.about == "output" and asked.contract != state.contract_digest
    if call is None or call.status != "held" or call.version != asked.version or other:
        raise NotAllowed(
            "the proposal has changed since this was shown",
            run=state.run,
            seq=seq,
            hint="decide once it is shown again",
        )


def amend(
    bound: Bound | None,
    state: State,
    seq: int,
    changes: Mapping[str, Json],
    by: str,
    at: int,
    secret: bytes,
    amendable: Sequence[str],
    *,
    roles: Sequence[str] | None = None,
) -> ProposalAmended:
    """A reviewer's other arguments for a held call. bound: checks their shape, where the agent's code is at hand."""
    asked = question(state, seq, by, at, roles).asked
    call = state.calls.get(asked.call)
    if asked.about not in ("review", "output") or call is None or call.attempt or not isinstance(call.args, dict):
        raise NotAllowed("only a proposal that was not started can be amended", run=state.run, seq=seq)
    _as_shown(state, seq, asked, call)
    fixed = [name for name in changes if name not in amendable and asked.about == "review"]
    if fixed:
        may = ", ".join(amendable) or "nothing"
        raise NotAllowed(
            f"{', '.join(fixed)} may not be changed here",
            run=state.run,
            seq=seq,
            hint=f"the contract lets a reviewer change: {may}",
        )
    args = {**call.args, **changes}
    if bound is not None:
        shape = bound.gives if asked.about == "output" else bound.tools[call.tool].takes
        try:
            args = shape.check(args)
        except Misfit as error:
            raise NotAllowed(f"the change does not fit: {error}", run=state.run, seq=seq) from None
    digest = keyed(secret, "args", call.tool, canonical(args))
    return ProposalAmended(call.seq, seq, call.version + 1, Inline(args), digest, by, tuple(sorted(changes)))


def amendable_of(state: State, call: CallState) -> list[str]:
    """The arguments of a call that a reviewer may change, as the run's contract says."""
    terms = (state.contract or {}).get("tools", {}).get(call.tool, {})
    return list(terms.get("amendable", []))


def settle(
    state: State,
    call: int,
    verdict: Literal["happened", "did_not", "stop"],
    by: str,
    text: str = "",
    result: Json = None,
    *,
    known: bool = False,
) -> CallSettled:
    """A person's ruling on a write in doubt. known: `result` is what it returned, and was checked."""
    if not by:
        raise NotAllowed("nobody is named as deciding", run=state.run, hint="say who you are: --as alice")
    if by in state.speakers:
        raise NotAllowed(
            f"{by} opened or spoke in this run and cannot settle it", run=state.run, hint="somebody else has to"
        )
    doubtful = state.calls.get(call)
    if state.closed is None and (doubtful is None or doubtful.status != "doubt"):
        raise NotAllowed(f"call {call} is not in doubt", run=state.run, seq=call)
    if state.closed is not None and call not in state.unresolved:
        raise NotAllowed(f"call {call} is not unresolved", run=state.run, seq=call)
    body: Body | None = Inline(result) if known else None
    return CallSettled(call, verdict, by, text, body)


def said(state: State, text: Json, by: str, attached: Sequence[Attached] = (), *, ends: bool = False) -> Said:
    """What the requester says. Raises NotAllowed once the run is closed."""
    if state.closed is not None:
        raise NotAllowed(
            "the run is closed", run=state.run, hint="start another one; give it this one's name in its tags"
        )
    files = tuple(Inline(plain(file)) for file in attached)
    return Said(Inline(text), by or state.opened.on_behalf_of or state.opened.by, files, ends=ends)


UNITS: Mapping[LimitName, str] = {"usd": "dollars", "work": "duration", "wall": "duration"}


def grant(state: State, limit: LimitName, amount: int, by: str) -> LimitGranted:
    """More of a limit. Raises NotAllowed, UsageError."""
    if state.closed is not None:
        raise NotAllowed("the run is closed", run=state.run)
    if amount <= 0:
        raise UsageError(f"a grant of {amount}", run=state.run, hint="give more than nothing")
    if limit in state.opened.carved:
        raise NotAllowed(
            f"its {limit} is a part of what its parent may use",
            run=state.run,
            hint="raise the parent's limit, and let it ask again",
        )
    if not by or by in state.speakers:
        raise NotAllowed(
            f"{by or 'nobody'} cannot raise the limits of this run",
            run=state.run,
            hint="somebody who did not open it has to",
        )
    return LimitGranted(limit, amount, by)


def amended_text(call: CallState) -> str:
    """The arguments of a proposal as text, for showing."""
    return codec.canonical(call.args).decode()
