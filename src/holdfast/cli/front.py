"""The first page: the verbs a newcomer needs, and where the others are."""

from __future__ import annotations

from typing import Final

FIRST: Final = (
    ("new NAME", "an agent folder that runs at once"),
    ("run AGENT [INPUT]", "checks, then runs; --batch FILE --concurrency N --mode M --model NAME"),
    ("show [RUN]", "the list (--where FIELD=VALUE), or one trace; --follow --full"),
    ("why RUN", "what it did and why, in sentences; [SEQ | --tool NAME]"),
    ("review", "decide what waits for you: list, show, approve, amend, deny, answer, settle"),
)

MORE: Final = {
    "contract": (("check AGENT", "what is wrong with an agent, what could be better, and every default"),),
    "operate": (
        ("say RUN TEXT", "speak to the agent as the requester; --ends"),
        ("stop RUN", "let nothing new start in a run, until it is resumed"),
        ("resume RUN", "let a run go on, and drive it here; --agent PATH --all --grant usd=0.10"),
        ("cancel RUN", "end a run; --because TEXT"),
    ),
    "account": (("verify [RUN]", "prove that the journal holds what was written to it"),),
    "serve": (("worker AGENT…", "drive whatever is due, until it is told to stop"),),
}

_FOOT: Final = """\
Each verb takes --help, --json, --debug and --journal URL (sqlite:///.holdfast/journal.db, or HOLDFAST_JOURNAL).
Exit codes: 0 done or declined, 1 failed or stopped, 2 waiting, 3 contract or input wrong, 4 journal or environment,
64 called the wrong way, 70 a bug."""


def front() -> str:
    """What `holdfast` alone prints."""
    lines = [f"holdfast {usage:<20}{says}" for usage, says in FIRST]
    lines += ["More (holdfast help GROUP):"]
    lines += [f"  {group:<11}{' · '.join(usage.split()[0] for usage, _ in verbs)}" for group, verbs in MORE.items()]
    return "\n".join([*lines, "", _FOOT])


def group(name: str) -> str:
    """The verbs of one group, one a line; empty where there is no such group."""
    return "\n".join(f"holdfast {usage:<20}{says}" for usage, says in MORE.get(name, ()))
