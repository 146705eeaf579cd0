"""One call in a trace: what was asked for, what was decided, who was asked, each attempt, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from holdfast import units
from holdfast.cli.row import Brief, Row, said
from holdfast.events import Fired, Json
from holdfast.views import places, words
from holdfast.views.account import spoken
from holdfast.views.claim import Claim
from holdfast.views.claims import asks_back, claimed
from holdfast.views.course import MANY
from holdfast.views.delegation import called, posts_of, team_of
from holdfast.views.happenings import amount
from holdfast.views.record import Amended, Call, Judged, Question, Ruling, Trace, Tried
from holdfast.views.waterfall import waited

STYLES: Final = {
    "done": "green",
    "accepted": "green",
    "answered": "green",
    "happened": "green",
    "done in part": "yellow",
    "simulated": "yellow",
    "refused": "red",
    "denied": "red",
    "given up": "red",
    "not done": "red",
    "asked back": "yellow",
    "not accepted": "red",
    "did not happen": "red",
    "unresolved": "red",
    "in doubt": "red",
    "outcome unknown": "red",
    "waits for a person": "yellow",
    "waits for a place": "yellow",
    "stopped for now": "yellow",
    "declined": "yellow",
    "escalated": "yellow",
    "stopped": "red",
    "failed": "red",
    "cancelled": "red",
}


def about_call(
    seen: Trace, call: Call, depth: int, brief: Brief, fate: str = "", below: Iterable[Row] = ()
) -> Iterator[Row]:
    """Every line about a call. fate: what became of it, where more than the call tells is known; below: the run it opened."""
    fate = fate or words.fate(call)
    took = sum(one.took for one in call.tried) if call.tried else call.delegated.took if call.delegated else None
    yield said(
        call.seq,
        call.at,
        depth,
        (_name(seen, call, brief), "bold" if call.effect == "write" else ""),
        "  ",
        (fate, STYLES.get(fate, "yellow" if call.child and not call.answered else "cyan")),
        took=took,
    )
    if brief.full and call.sources:
        for path, origin in call.sources.items():
            where, entries = words.origin(seen, origin)
            place = f" [{entries[0]}]" if entries else ""
            yield said(0, 0, depth + 1, (f"{words.plain(path)} from {where}{place}", "dim"))
    elif call.effect == "write":
        yield from _untrusted(seen, call, depth + 1)
    yield from sorted(_course(seen, call, depth + 1, brief), key=lambda row: row.seq)
    yield from below
    if posts := posts_of(call) if call.tool in team_of(seen.contract)[0] else []:
        yield from _posts(seen, call, posts, depth + 1, brief)
    elif call.result is not None and call.complete != "simulated":
        shown = words.said(call.result, brief(240))
        missing = (
            f"  [not complete: {words.plain(call.missing)}]" if call.complete == "partial" and call.missing else ""
        )
        yield said(call.answered, 0, depth + 1, "→ ", shown, (missing, "yellow"))
    for file in call.files:
        yield said(call.answered, 0, depth + 1, f"→ with the file {words.plain(file)}")
    if call.undone_by:
        yield said(0, 0, depth + 1, (f"undone by run {call.undone_by}", "yellow"))
    for seq in call.inner:
        yield from about_call(seen, seen.calls[seq], depth + 1, brief)


def _posts(seen: Trace, call: Call, posts: list[dict[str, Json]], depth: int, brief: Brief) -> Iterator[Row]:
    """What a peer of a team has to say, a line each, by the name that others cite it by."""
    given = call.args.value if isinstance(call.args.value, dict) else {}
    value = call.result.value if call.result is not None else None
    position = str(value.get("position") or "") if isinstance(value, dict) else ""
    if position:
        yield said(call.answered, 0, depth, "→ holds: ", words.shortened(position, brief(160)))
    for at, post in enumerate(posts, 1):
        cites = f"  (on {', '.join(map(str, post['cites']))})" if post.get("cites") else ""
        text = f"{post.get('kind')} about {post.get('about')}: {post.get('text')}{cites}"
        name = f"{given.get('round', '?')}.{call.tool}.{at}"
        yield said(call.answered, 0, depth, "→ ", (f"{name}  ", "bold"), words.shortened(text, brief(240)))


def _untrusted(seen: Trace, call: Call, depth: int) -> Iterator[Row]:
    """Arguments that stand in text anyone may have written."""
    origins: dict[str, list[str]] = {}
    for path, origin in call.sources.items():
        if origin.startswith("untrusted:"):
            origins.setdefault(origin, []).append(words.plain(path))
    for origin, paths in origins.items():
        where, entries = words.origin(seen, origin)
        yield said(0, 0, depth, (f"{words.listed(paths)} from {where} [{entries[0]}]", "dim yellow"))


def _name(seen: Trace, call: Call, brief: Brief) -> str:
    if call.cursor:
        return f"next page of it ({words.shortened(call.cursor, brief(24))})"
    if call.serves:
        return f"read again by the machine: {words.called(call, brief(120))}"
    if call.tool == "done" and call.ending == "accepted" and not brief.full:
        return "done(…)"
    return words.called(call, brief(200)) if brief.full else called(seen.contract, call, 200)


def _course(seen: Trace, call: Call, depth: int, brief: Brief) -> Iterator[Row]:
    yield from _judged(seen, call, depth, brief)
    for seq in call.questions:
        yield from about_question(seen, seen.questions[seq], depth, brief)
    for change in call.amended:
        yield _amended(change, depth, brief)
    for one in call.waited:
        took = one.took if one.ended else None
        yield said(one.seq, one.at, depth, (words.shortened(places.said(one), brief(300)), "yellow"), took=took)
    for attempt in call.tried:
        for told in filter(None, (places.taken(share, attempt.at, full=brief.full) for share in attempt.shares)):
            yield said(attempt.seq, attempt.at, depth, (told, "dim"))
        if (row := _attempt(call, attempt, depth, brief)) is not None:
            yield row
    yield from _looked(call, depth, brief)
    if call.stage == "doubt":
        place = call.tried[-1].ended if call.tried else call.seq
        yield said(place, 0, depth, ("in doubt: ", "red"), words.shortened(call.doubt, brief(300)))
    for ruling in call.rulings:
        yield _ruling(ruling, depth, brief)
    if call.child:
        yield from _delegated(call, depth, brief)
    yield from _told(seen, call, depth, brief)


def _delegated(call: Call, depth: int, brief: Brief) -> Iterator[Row]:
    """Under which limits another run was opened, and how it ended where that is not all right."""
    one = call.delegated
    if one is not None and one.carved and brief.full:
        limits = [f"{name} {amount(name, top)}" for name, top in one.carved.items()]
        yield said(one.seq, one.at, depth, (f"opened {one.run} under {', '.join(limits)}", "dim"))
    if one is not None and call.ending == "ended":
        word = (f"{one.outcome}: ", STYLES.get(one.outcome or "", "red"))
        yield said(one.ended, 0, depth, word, words.shortened(one.why, brief(300)))


def _judged(seen: Trace, call: Call, depth: int, brief: Brief) -> Iterator[Row]:
    reviews = [seq for seq in call.questions if seen.questions[seq].about in ("review", "output")]
    for judged in call.judged:
        if judged.verdict == "allow" and reviews and reviews[0] < judged.seq:
            yield said(judged.seq, judged.at, depth, ("let through", "green"))
        elif judged.verdict != "allow":
            gone = call.ending == "given_up" and judged.seq == call.answered
            for fired in judged.rules:
                word = "given up" if gone and fired.verdict == "refuse" else _VERDICTS[fired.verdict][0]
                yield _fired(judged, depth, fired, word, brief)


def _told(seen: Trace, call: Call, depth: int, brief: Brief) -> Iterator[Row]:
    if call.ending == "rejected":
        yield said(call.answered, 0, depth, ("could not stand: ", "red"), words.shortened(call.told, brief(300)))
    if call.ending == "answered" and call.told and not any(seen.questions[seq].voices for seq in call.questions):
        yield said(call.answered, 0, depth, words.shortened(call.told, brief(300)))


_VERDICTS: Final = {
    "refuse": ("refused", "red"),
    "review": ("for review", "yellow"),
    "allow": ("allowed", "green"),
}


def _fired(judged: Judged, depth: int, fired: Fired, word: str, brief: Brief) -> Row:
    rule = f"  {fired.rule}" if fired.rule not in (fired.because, word) else ""
    secret = "  (kept from the agent and the requester)" if fired.secret else ""
    return said(
        judged.seq, judged.at, depth, (f"{word}: ", _VERDICTS[fired.verdict][1]),
        words.shortened(fired.because, brief(300)), (f"{rule}{secret}", "dim"),
    )  # fmt: skip


def about_question(seen: Trace, question: Question, depth: int, brief: Brief) -> Iterator[Row]:
    """What a person was asked, and what came of it."""
    who = "the requester" if question.role == "requester" else question.role or "a person"
    whom = f"{question.people} × {who}" if question.people > 1 else who
    until = f", until {units.say_at(question.until)}" if question.until else ""
    text = "" if question.about == "review" else f": {words.shortened(question.text, brief(300))}"
    took = waited(seen, question) if question.end else None
    yield said(
        question.seq, question.at, depth, (f"{question.about} asked of {whom}{until}", "yellow"), text, took=took
    )
    for voice in question.voices:
        told = f": {words.shortened(voice.text, brief(300))}" if voice.text else ""
        word = {
            "approve": "approved",
            "deny": "denied",
            "answer": "answered",
            "take": "took it over",
            "stop": "stopped it",
            "retry": "said: try again",
            "tell": "said: go on without",
            "grant": "granted",
        }.get(voice.verdict, voice.verdict)
        if whom := asks_back(voice.verdict):
            word = f"asked {whom} before deciding"
        style = "green" if voice.verdict in ("approve", "answer", "grant", "happened") else "magenta"
        after = (f"  after {units.say_duration(max(voice.at - question.at, 0))}", "dim")
        name = words.plain(spoken(voice.by, voice.actor))
        yield said(voice.seq, voice.at, depth + 1, (f"{name} {word}", style), told, after)
    for claim in question.claims:
        if (row := _claim(question, claim, depth + 1, brief)) is not None:
            yield row
    why = {
        "expired": "nobody decided in time",
        "overtaken": "withdrawn: the requester has written since",
        "void": "withdrawn: what it asked about changed",
        "closing": "withdrawn: the run is ending",
        "resolved": "withdrawn: it was resolved meanwhile",
    }.get(question.end)
    if why:
        yield said(question.ended, 0, depth + 1, (why, "yellow"))


def _claim(question: Question, claim: Claim, depth: int, brief: Brief) -> Row | None:
    """Who looks into it; who did before they decided is told where everything is."""
    name = words.plain(spoken(claim.by, claim.actor))
    if claim is claimed(question):
        return said(claim.seq, claim.at, depth, (f"{name} looks into it since {units.say_at(claim.at)}", "magenta"))
    if not claim.ended and not brief.full:
        return None
    took = f" for {units.say_duration(max(claim.until - claim.at, 0))}" if claim.ended else ""
    return said(claim.seq, claim.at, depth, (f"{name} looked into it{took}", "magenta" if claim.ended else "dim"))


def _amended(change: Amended, depth: int, brief: Brief) -> Row:
    before = change.before.value if isinstance(change.before.value, dict) else {}
    after = change.args.value if isinstance(change.args.value, dict) else {}
    each = brief(60)
    parts = [
        f"{name}: {words.value(before.get(name), each)} → {words.value(after.get(name), each)}"
        for name in change.changed
    ]
    return said(
        change.seq,
        change.at,
        depth,
        (f"{words.plain(spoken(change.by, change.actor))} changed ", "magenta"),
        ", ".join(parts),
    )


def _attempt(call: Call, one: Tried, depth: int, brief: Brief) -> Row | None:
    """A line where an attempt is more than "it was done"."""
    number = f"attempt {one.attempt}"
    detail = f" · worker {one.worker}" + (f" · key {one.key}" if one.key else "") if brief.full else ""
    if one.state == "failed":
        fate = "surely nothing happened" if one.fate == "not_done" else "nobody can tell whether it took effect"
        late = "; its answer came late" if one.late else ""
        over = "" if one.over else "; it may still be under way"
        message = f" ({words.shortened(one.message, brief(200))})" if one.message else ""
        what = f"{number} failed: {one.error}, {fate}{over}{late}"
        return said(
            one.seq,
            one.at,
            depth,
            (what, "red"),
            message,
            (detail, "dim"),
            took=one.took if len(call.tried) > 1 else None,
        )
    if one.late:
        return said(one.seq, one.at, depth, (f"{number} was answered late", "yellow"), (detail, "dim"))
    if one.state == "started":
        return said(one.seq, one.at, depth, f"{number} began work that takes longer", (detail, "dim"))
    if one.state == "running":
        return said(one.seq, one.at, depth, f"{number} is running", (detail, "dim"))
    if len(call.tried) > 1 or detail:
        name = f"{number}{' under the same key' if one.key and one.attempt > 1 else ''}: answered"
        return said(one.seq, one.at, depth, name, (detail, "dim"), took=one.took if len(call.tried) > 1 else None)
    return None


def _looked(call: Call, depth: int, brief: Brief) -> Iterator[Row]:
    """Each look-up; where there were many, how often and what they said."""
    if len(call.looked) <= MANY or brief.full:
        for look in call.looked:
            found = f" as {look.effect_id}" if look.effect_id else ""
            message = f" ({words.shortened(look.message, brief(200))})" if look.message else ""
            text = (f"looked up: {_FOUND[look.answer]}{found}", "cyan")
            yield said(look.seq, look.at, depth, text, message, took=look.took)
        return
    answers = Counter(look.answer for look in call.looked)
    told = ", ".join(f"{times} × {_FOUND[answer]}" for answer, times in answers.most_common())
    first, took = call.looked[0], sum(look.took for look in call.looked)
    text = (f"looked up {len(call.looked)} times, up to entry {call.looked[-1].seq}: ", "cyan")
    yield said(first.seq, first.at, depth, text, told, took=took)


_FOUND: Final = {
    "found": "found",
    "absent": "not there",
    "cannot_tell": "no clear answer",
    "pending": "still going on",
}


def _ruling(ruling: Ruling, depth: int, brief: Brief) -> Row:
    word = {"happened": "it happened", "did_not": "it did not happen", "stop": "nobody can tell, stop"}[ruling.verdict]
    text = f" ({words.shortened(ruling.text, brief(200))})" if ruling.text else ""
    return said(
        ruling.seq,
        ruling.at,
        depth,
        (f"{words.plain(spoken(ruling.by, ruling.actor))} settled it: {word}", "magenta"),
        text,
    )
