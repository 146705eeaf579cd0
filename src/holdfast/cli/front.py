"""The first page: the verbs a newcomer needs, and where the others are."""

from __future__ import annotations

from typing import Final

FIRST: Final = (
    ("new NAME", "an agent folder that runs at once"),
    ("run AGENT [INPUT]", "checks, then runs; --batch FILE --concurrency N --mode M --model NAME"),
    ("show [RUN]", "the list (--where, --text WORDS), or one trace; --html FILE --follow --full"),
    ("why RUN", "what it did and why, in sentences; [SEQ | --tool NAME]"),
    ("review", "decide what waits for you: list, show, approve, amend, deny, answer, settle"),
)

MORE: Final = {
    "contract": (
        ("check AGENT", "what is wrong with an agent, what could be better, and every default"),
        ("diff A B", "how two contracts differ, and --backtest over what was recorded; --since"),
    ),
    "operate": (
        ("say RUN TEXT", "speak to the agent as the requester; --ends"),
        ("stop RUN", "let nothing new start in a run, until it is resumed"),
        ("resume RUN", "let a run go on, and drive it here; --agent PATH --all --grant usd=0.10"),
        ("cancel RUN", "end a run; --because TEXT"),
        ("undo RUN", "what of a run can be taken back, newest first; --yes does it, in a run of its own; --to SEQ"),
    ),
    "improve": (
        ("failures", "what failed alike in many runs; --where --since --detector NAME --classifier MODULE:FUNCTION"),
        ("note RUN good|bad", "what you make of a run, or all that was said of it; --seq --correct PATH=VALUE"),
        (
            "fork RUN --at SEQ",
            "run again from an entry on; --model --contract --instructions --edit SEQ=JSON --live TOOL",
        ),
    ),
    "account": (
        (
            "cost [RUN]",
            "what runs cost, and a success, and what was for nothing; --per tool --a-month N --where --since",
        ),
        (
            "verify [RUN]",
            "prove that the journal, or an EXPORT, holds what was written; --pub FILE --anchor URL --decisions",
        ),
        ("checkpoint", "sign what the journal holds now; --make-key FILE --key FILE --anchor URL"),
        ("prove RUN", "that a run stands as it was signed, for others to check; --out FILE"),
        ("export", "the journal or some runs, for others to check; --to PATH --where --since --parquet"),
        ("erase RUN…", "destroy what was recorded about somebody, for good; --subject ID --because TEXT"),
    ),
    "serve": (
        ("worker AGENT…", "drive whatever is due, until it is told to stop"),
        ("telemetry --to URL", "send what runs did to an OpenTelemetry collector; --once --content --header KEY=VALUE"),
    ),
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
