"""One entry on one line, by itself: for following a run while it goes."""

from __future__ import annotations

from holdfast import units
from holdfast.events import (
    AskedBack,
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallSettled,
    CallStarted,
    ChildClosed,
    ChildOpened,
    DoubtRaised,
    Entry,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    OutputRejected,
    PersonAnswered,
    PersonAsked,
    PlaceAwaited,
    PlaceTaken,
    ProgramCalled,
    ProposalAmended,
    QuestionClaimed,
    QuestionReleased,
    QuestionWithdrawn,
    RoundClosed,
    RunClosed,
    RunOpened,
    Said,
    Unknown,
)
from holdfast.views import places, words
from holdfast.views.calls import Draft
from holdfast.views.happenings import HAPPENINGS, amount
from holdfast.views.record import Content, Happening, content

LIMIT = 160


def line(entry: Entry) -> str:
    """What an entry says."""
    return words.shortened(_call(entry) or _other(entry), LIMIT * 2)


def _call(entry: Entry) -> str:
    match entry.event:
        case CallAsked(tool=tool, args=args):
            return f"call {entry.seq}: {tool}({words.args(content(args) or Content(), LIMIT)})"
        case CallJudged(call, verdict, rules):
            because = "; ".join(fired.because for fired in rules)
            word = {"allow": "allowed", "review": "goes before a person", "refuse": "refused"}[verdict]
            return f"call {call} {word}{': ' + because if because else ''}"
        case CallStarted(call, attempt, shares=shares):
            told = filter(None, (places.taken(share, entry.at, full=False) for share in shares))
            return "; ".join([f"call {call} started, attempt {attempt}", *told])
        case PlaceAwaited() as awaited:
            whose = f"call {awaited.call} " if awaited.call else ""
            return f"{whose}{places.said(places.of(entry.seq, entry.at, awaited))}"
        case PlaceTaken():
            return f"it is its turn ({places.TURN})"
        case CallReturned(call, _, result, took=took, complete=complete):
            note = "" if complete == "complete" else f" ({complete})"
            return f"call {call} returned{note} in {units.say_duration(took)}: {words.said(content(result), LIMIT)}"
        case ProgramCalled(call, _, ordinal, tool):
            return f"call {call}, a program, called {tool}: the {ordinal}. of its calls"
        case CallFailed(call, attempt, error, fate, message):
            known = "surely nothing happened" if fate == "not_done" else "nobody can tell whether it took effect"
            return f"call {call}, attempt {attempt} failed: {error}, {known} ({message})"
        case CallLookedUp():
            return _looked_up(entry, entry.event)
        case DoubtRaised(call, why):
            return f"call {call} is in doubt: {why}"
        case CallSettled(call, verdict, by):
            return f"{by} settled call {call}: {verdict.replace('_', ' ')}"
        case ProposalAmended(call, changed=changed, by=by):
            return f"{by} changed {', '.join(changed)} of call {call}"
    return _delegated(entry)


def _delegated(entry: Entry) -> str:
    match entry.event:
        case ChildOpened(call, child, carved):
            limits = ", ".join(f"{name} {amount(name, top)}" for name, top in carved.items())
            return f"call {call} opened the run {child}{' under ' + limits if limits else ''}"
        case ChildClosed(call, child, "done", result=result):
            return f"call {call}: the run {child} is done: {words.said(content(result), LIMIT)}"
        case ChildClosed(call, child, outcome, why=why):
            return f"call {call}: the run {child} ended as {outcome}: {why}"
        case RoundClosed(number, posts):
            names = ", ".join(name for name, _ in posts)
            return f"round {number} closed with {words.count(len(posts), 'post')}{': ' + names if names else ''}"
    return ""


def _looked_up(entry: Entry, look: CallLookedUp) -> str:
    if look.answer != "pending":
        return f"call {look.call} was looked up: {look.answer.replace('_', ' ')}"
    progress = f": {words.shortened(look.message, LIMIT)}" if look.message else ""
    later = f", asked again in {units.say_duration(look.again_at - entry.at)}" if look.again_at > entry.at else ""
    return f"call {look.call} is working{progress}{later}"


def _other(entry: Entry) -> str:
    match entry.event:
        case RunOpened(agent, input=given, by=by):
            return f"{by} opened {agent}: {words.said(content(given), LIMIT)}"
        case Said(text, by):
            return f"{by} said: {words.said(content(text), LIMIT)}"
        case ModelAsked(step, attempt, model):
            return f"step {step}: {model} was asked{f', attempt {attempt}' if attempt > 1 else ''}"
        case ModelAnswered(text=text, calls=calls, took=took):
            spoken = f": {words.said(content(text), LIMIT)}" if text is not None else ""
            return f"it answered in {units.say_duration(took)} with {words.count(len(calls), 'call')}{spoken}"
        case ModelFailed(error=error, message=message):
            return f"it gave no answer: {error} ({message})"
        case OutputRejected(why=why):
            return f"the answer could not stand: {why}"
        case PersonAsked(about, text, role=role):
            return f"{about} for {role or 'a person'}: {text}"
        case PersonAnswered(question, verdict, by, text):
            return f"{by} on question {question}: {verdict}{': ' + text if text else ''}"
        case RunClosed(outcome, reason):
            return f"{outcome}: {reason}"
        case Unknown(kind):
            return f"an entry of a kind this version does not know: {kind}"
    return _looked_into(entry) or _happened(entry) or type(entry.event).__name__


def _looked_into(entry: Entry) -> str:
    match entry.event:
        case QuestionClaimed(question, by):
            return f"{by} looks into question {question}"
        case QuestionReleased(question, by):
            return f"{by} leaves question {question} to others"
        case AskedBack(question, to, text, by):
            return f"{by} asks the {to} before deciding question {question}: {text}"
        case QuestionWithdrawn(question, why):
            return f"question {question} was closed: {why}"
    return ""


def _happened(entry: Entry) -> str:
    """What the trace says of it, where that is one sentence."""
    kind = type(entry.event)
    if kind not in HAPPENINGS:
        return ""
    draft = Draft()
    HAPPENINGS[kind](draft, entry, entry.event)
    return next((item.text for item in draft.items if isinstance(item, Happening)), "")
