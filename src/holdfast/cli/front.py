"""The first page: the verbs a newcomer needs, and where the others are."""

from __future__ import annotations

from typing import Final

FIRST: Final = (
    ("new NAME", "an agent folder that runs at once"),
    ("run AGENT [INPUT]", "checks, then runs; --batch FILE --mode M --model NAME --again RUN --debug"),
    ("show [RUN]", "the list (--where, --text WORDS), or one trace; --html FILE --follow"),
    ("why RUN", "what it did and why, in sentences; [SEQ | --tool NAME]"),
    ("review", "what waits for you: --as NAME goes through it; show, approve, amend, deny, ask"),
    ("eval AGENT", "its cases, played: pass, fail or inconclusive; --trials --require --baseline"),
)

MORE: Final = {
    "contract": (
        ("check AGENT", "what is wrong with an agent, what could be better; every default; --strict"),
        ("diff A B", "how two contracts differ; --backtest over what was recorded, --since 7d"),
        ("accept AGENT", "let new runs begin under it as it is now; --share 10% --list --back --run RUN"),
    ),
    "operate": (
        ("say RUN TEXT", "speak to the agent as the requester; --ends"),
        ("stop [RUN|AGENT]", "let nothing new start: --tool NAME --all; alone, what is stopped"),
        ("resume RUN|AGENT", "let it go on; --tool NAME --all; --agent PATH --all --grant usd=0.10"),
        ("cancel RUN", "end a run; --because TEXT"),
        ("undo RUN", "what can be taken back, newest first; --to SEQ; --yes does it"),
    ),
    "improve": (
        ("failures", "what went wrong alike in many runs; --since --detector NAME --blame"),
        ("drift AGENT", "what changed since the first runs, and since which one; --baseline N --since"),
        ("note RUN good|bad", "what you make of a run; --seq SEQ --correct PATH=VALUE"),
        ("case RUN", "a case of a run, for the suite beside its agent; --expect KEY=VALUE --as-is"),
        ("fork RUN --at SEQ", "go on from there; --model --contract --edit SEQ=JSON --live TOOL"),
        ("drill AGENT", "what faults do to it, and deaths: --standard --kind --plan FILE --inputs FILE"),
        ("compare A B…", "whether a more complex agent earns its complexity; --suite --worth --svg FILE"),
        ("horizon ROWS", "success against human time, and how far to rely on it; --svg --png FILE"),
    ),
    "account": (
        ("cost [RUN]", "what runs cost, a success, and what was for nothing; --a-month N"),
        ("report AGENT", "how ready it is, by what journals hold; --html FILE --markdown FILE"),
        ("verify [RUN]", "that all is what was written; --pub --anchor --decisions; an EXPORT"),
        ("checkpoint", "sign what the journal holds now; --make-key, --key, --anchor"),
        ("prove RUN", "that a run stands as it was signed, for others to check; --out FILE"),
        ("export", "the journal or some runs, for others to check; --to PATH --parquet"),
        ("access [RUN]", "who was shown what, took it away, decided; --by NAME --since 7d"),
        ("erase RUN…", "destroy what was recorded, for good; --subject ID, --older-than 400d"),
    ),
    "serve": (
        ("worker AGENT…", "drive whatever is due, until told to stop; --key signs checkpoints"),
        ("notify", "tell people outside what waits for them, once; --command --webhook --list"),
        ("telemetry --to URL", "send what runs did to an OpenTelemetry collector; --once --content"),
    ),
}

_FOOT: Final = """\
Each verb takes --help, --json, --debug, --env NAME (an environment of holdfast.toml) and
--journal URL (else HOLDFAST_JOURNAL, what the environment says, or sqlite:///.holdfast/journal.db).
Exit codes: 0 done or declined, 1 failed or stopped (a gate too), 2 waiting or inconclusive,
3 contract or input wrong, 4 journal or environment, 64 called the wrong way, 70 a bug."""


def front() -> str:
    """What `holdfast` alone prints."""
    lines = [f"holdfast {usage:<20}{says}" for usage, says in FIRST]
    lines += ["More (holdfast help GROUP):"]
    lines += [f"  {group:<11}{' · '.join(usage.split()[0] for usage, _ in verbs)}" for group, verbs in MORE.items()]
    return "\n".join([*lines, "", _FOOT])


def group(name: str) -> str:
    """The verbs of one group, one a line; empty where there is no such group."""
    return "\n".join(f"holdfast {usage:<20}{says}" for usage, says in MORE.get(name, ()))
