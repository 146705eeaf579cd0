"""Write `docs/commands.md`: the verbs of the command line, with their options as they are.

    python docs/make_commands.py

Arguments, options, defaults and one line about each come from the command line itself; what a verb is for, when to use
it and how it ends is said here. A verb that is not said anything about is an error, and so is a word about none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

from typer.main import get_command

from holdfast import errors
from holdfast.cli import front
from holdfast.cli.app import app
from holdfast.cli.standing import CODES

PAGE: Final = Path(__file__).parent / "commands.md"

INTRODUCTION: Final = """\
# Commands

`holdfast` alone prints the first page, `holdfast help GROUP` the verbs of a group, and `holdfast VERB --help` what a
verb takes. This page is made from the command line itself, by `docs/make_commands.py`.

In every verb:

* `AGENT` is an agent's folder, or `package.module:name` for one made in Python.
* `RUN` is a run's name, enough of its first letters, or its request key.
* `--journal URL` says where runs are kept: `sqlite:///path.db` (a fourth slash for an absolute path). Without it, the
  variable `HOLDFAST_JOURNAL`, then what the [settings](settings.md) say, and without that
  `sqlite:///.holdfast/journal.db` in the current folder.
* `--env NAME`, or `HOLDFAST_ENV`, chooses an environment of the settings: its journal, mode, people and calendars.
* `--json` prints one JSON value on stdout, for scripts. Notes to whoever watches go to stderr.
* `--debug` adds the Python traceback to an error.
"""


class Verb(NamedTuple):
    """What is said of a verb beside what it says itself."""

    about: str
    ends: str
    example: str = ""


VERBS: Final = {
    "new": Verb(
        """\
The folder holds a contract, instructions, tools and a stand-in for a model, so it runs without a key. Change it
into your own from there.
""",
        "0; 64 where the name is none, or something is in the way.",
        """\
$ holdfast new rooms
""",
    ),
    "run": Verb(
        """\
The agent is checked first; one with errors does not run. The input is a JSON value or plain text, as the
contract `takes` it. Where no model's key is set and the folder has a stand-in, the stand-in answers, and says
so. The run is driven here until it ends or waits; a run that waits goes on with `resume` or a `worker`.

`--batch` takes JSON Lines: each line has `input`, and may have `key`, `by`, `on_behalf_of`, and `then` (what
the requester says later, and when). The journal remembers and not the batch: run the file again, and it goes on
where it stopped and repeats nothing.

`--again RUN` gives that run's input once more, under today's contract, instructions and tools: reads are answered from its
record, writes are recorded and not done, and what came out differently is shown. `--model recorded` gives its recorded answers
too. `--debug` drives one run step by step, without timeouts, and a `breakpoint()` in a tool works. Both simulate; see
[testing](testing.md#going-through-a-run-by-hand).
""",
        "as the run ends, see [exit codes](#exit-codes); for a batch, the worst of its lines; with `--again` 0 where it ended as "
        "before, else 1.",
        """\
$ holdfast run rooms "A room for 6 on Monday, please. Ana" --by ana
$ holdfast run rooms --batch requests.jsonl --concurrency 4
$ holdfast run rooms @request.txt --mode simulate
$ holdfast run rooms --again RUN
$ holdfast run rooms "A room for 6 on Monday, please. Ana" --debug
""",
    ),
    "show": Verb(
        """\
Without a run: the list. With one: its trace, entry by entry, with what was asked, judged, started and answered, and how long
each took. `--follow` goes on until the run is closed, `--html` writes one page that needs nothing else, `--text` searches.
What one sees is explained in [trace](trace.md).
""",
        "0; 64 where there is no such run.",
        """\
$ holdfast show
$ holdfast show --where status=waiting --where agent=rooms
$ holdfast show r_7f3 --full
$ holdfast show r_7f3 --html trace.html
$ holdfast show --text "lost parcel"
""",
    ),
    "why": Verb(
        """\
For each call: what the model proposed, which clause allowed, refused or held it, with the values the clause
saw, what it rested on, where every argument came from, who decided, and what became of it. The numbers in
brackets are entries of the journal.
""",
        "0; 64 where there is no such run.",
        """\
$ holdfast why r_7f3 --tool book_room
""",
    ),
    "check": Verb(
        """\
Errors apart from advice: errors are what could never work or would break a guarantee, and an agent with one
does not run. Each has its line in the contract's file and the section that explains it. Resources are opened, to
see whether the tools get what they want. Every default that the contract relies on is printed.
""",
        "0 without errors, whatever advice there is, or 1 with `--strict` where there is any; 3 with an error.",
        """\
$ holdfast check rooms
$ holdfast check rooms --strict
""",
    ),
    "say": Verb(
        """\
What is said is on the disk before this returns. A write that has not started yet does not start before the
agent has read it. An open question to the requester is answered by it.
""",
        "0 when it is recorded; 3 where the run is closed.",
        """\
$ holdfast say r_7f3 "Leave it, I found the parcel." --by ana
""",
    ),
    "stop": Verb(
        """\
Nothing new starts; what is under way is finished and recorded. The run stays open until `resume` or `cancel`.
To end it for good use `cancel`, or `review stop` where it waits for a decision.

With an agent's name or folder, `--tool NAME` or `--all` it holds for all runs of the journal, those to come too: when the
command has returned, no write of theirs begins any more, by whichever worker. See [going live](live.md#stopping-many-runs).
Alone, it lists what is stopped so, since when, by whom, and how many runs wait for its end.
""",
        "0 when it is recorded; 3 where the run is closed; 64 where no contract in the journal has such an agent or tool.",
        """\
$ holdfast stop r_7f3 --because "the bank is down"
$ holdfast stop rooms --because "it books the wrong week"
$ holdfast stop --tool issue_refund
$ holdfast stop --all --as kim
$ holdfast stop
""",
    ),
    "resume": Verb(
        """\
For a run that was stopped, whose process died, that somebody answered, or that reached a limit (with
`--grant`). It goes on under the contract in its journal. Raising a limit is a decision: whoever opened the run
or spoke in it cannot do it.

An agent that was stopped, `--tool NAME` or `--all` alone let go on what was stopped so; workers take the runs up. With
`--agent` it is other than that: `--all` then drives every run of that agent here that can go on.
""",
        "as the run ends, see [exit codes](#exit-codes); 3 where it is closed; 0 with `--all`, and for what was stopped.",
        """\
$ holdfast resume r_7f3
$ holdfast resume rooms
$ holdfast resume --all --as kim
$ holdfast resume r_7f3 --grant usd=0.10 --as kim
$ holdfast resume --all --agent rooms
""",
    ),
    "cancel": Verb(
        """\
The request is on the disk before this returns. Nothing new starts, running writes are awaited, and what nobody
can tell is listed as unresolved. Nothing is undone.
""",
        "0 when it is recorded; 3 where the run is closed.",
        """\
$ holdfast cancel r_7f3 --because "ordered twice"
""",
    ),
    "undo": Verb(
        """\
The plan is shown first: what goes back, newest first, what stays and why, and who has to agree. Taking back is a run of its
own, judged, recorded and reviewed like any other. See [undo](undo.md).
""",
        "0 for a plan, and when all of it was taken back; 1 when it was not; 2 while it waits; 3 where the run is open.",
        """\
$ holdfast undo r_7f3
$ holdfast undo r_7f3 --to 12 --yes --as kim
""",
    ),
    "fork": Verb(
        """\
It begins as the run did, up to the entry `--at`, and goes on from there with another model, contract, instructions or result;
then it shows what the two did from there on, side by side. It writes nothing unless a tool is named `--live`. See
[fork](fork.md).
""",
        "as the fork ends, see [exit codes](#exit-codes).",
        """\
$ holdfast fork r_7f3 --at 11 --model anthropic:claude-opus-4-1-20250805 --as fay
$ holdfast fork r_7f3 --at 11 --edit 10=@order.json
""",
    ),
    "diff": Verb(
        """\
A and B are agents' folders, contract files in them, `package.module:name`, runs, or digests of contracts in the journal.
`--backtest` judges every recorded call of A's agent under both: what would newly be refused, reviewed or allowed, and the
reviews that would make; see [replay](replay.md#backtest).
""",
        "0 whatever it finds; 64 where there is no such contract.",
        """\
$ holdfast diff rooms r_7f3
$ holdfast diff rooms next/rooms --backtest --since 30d
""",
    ),
    "accept": Verb(
        """\
It says first how the contract differs from the one in force, and what the newest recorded runs say of it, as `diff --backtest`
does; then new runs begin under it: all of them, or with `--share` a part, chosen by request key. Until something is accepted,
runs begin under the contract of the code that opens them. `--list` compares how the runs under each contract went. `--back`
accepts the one before once more. `--run` and `--waiting` put open runs under it that stand between two turns. See
[going live](live.md).
""",
        "0 when it is recorded, or was so already; 1 where a run that was named stays as it is; 3 where this person may not say so.",
        """\
$ holdfast accept rooms --as kim --because "reviewed on the 3rd"
$ holdfast accept rooms --share 10% --as kim
$ holdfast accept rooms --list
$ holdfast accept rooms --back --as kim
$ holdfast accept rooms --waiting --as kim --dry-run
""",
    ),
    "cost": Verb(
        """\
What was paid for runs that fit, what a success cost with all failures in it, what was for nothing, and what more of them
would cost. With RUN: its bill. How it is counted is in [cost](cost.md).
""",
        "0; a price that nobody knows is said as unknown, never as 0.",
        """\
$ holdfast cost --per tool
$ holdfast cost --a-month 5000
""",
    ),
    "failures": Verb(
        """\
Deterministic detectors over the runs that fit, in clusters; what they do not see is in [failures](failures.md). `--blame` names
the agent and the step to look at first; see [blame](blame.md).
""",
        "0, whatever was found.",
        """\
$ holdfast failures --since 7d
$ holdfast failures --classifier checks:long_way --write
""",
    ),
    "case": Verb(
        """\
Writes the run's input, what its tools answered, how people answered and what somebody said should have come of it into
`cases/` beside the agent; what is about somebody is replaced. See [cases](cases.md).
""",
        "0; 2 where nobody said what should have come of it, so that the case judges next to nothing; 3 for an erased run.",
        """\
$ holdfast case mail:0012 --expect outcome=declined --expect 'effects={}'
""",
    ),
    "eval": Verb(
        """\
Plays each case of an agent several times through the ordinary runner, every trial a run one can open, and null agents
beside it; says how often it does all of them every time, with intervals. See [eval](eval.md).
""",
        "0 pass, 1 fail, 2 inconclusive.",
        """\
$ holdfast eval refund-desk --trials 4 --junit eval.xml
$ holdfast eval refund-desk --require 0.9
""",
    ),
    "drill": Verb(
        """\
Plays cases with faults at the tools and at the model, each recorded as landed or not, beside the same cases without; or
kills the worker before, in and after every effect (`--standard`). See [drill](drill.md).
""",
        "0 nothing came twice or was lost, 1 something did, or a tool is not safe, 2 too few faults landed to say.",
        """\
$ holdfast drill refund-desk --standard
""",
    ),
    "compare": Verb(
        """\
Plays the same cases with two agents or more, in pairs: the same trials, the same faults, in turns. Says what each costs, how
often and how reliably it is right, and whether the more complex one is worth more than the simpler one. See
[compare](compare.md).
""",
        "0 it earns its complexity, 1 it does not, 2 not enough evidence.",
        """\
$ holdfast compare refund-desk refund-team --trials 4
$ holdfast compare refund-desk refund-team --worth success=4.00,failure=-25.00,reviewer_minute=0.80 --svg compare.svg
""",
    ),
    "drift": Verb(
        """\
Compares an agent's runs with its first ones: success, cost, time, tools, arguments; which changed, since which run, and how
often that is said for nothing. See [drift](drift.md).
""",
        "0 no alarm, 1 an alarm, 2 too few runs to say.",
        """\
$ holdfast drift refund-desk --baseline 200
$ holdfast drift refund-desk --since 7d --expect 0.95 --json
""",
    ),
    "horizon": Verb(
        """\
Takes attempts at tasks from a file, each with its score and with how long a person needs, and says how success falls
with that length: the curve, its 50 % and 80 % horizons with intervals, and what was seen. No number is given for
lengths that no task had. [How to read it](horizon.md).
""",
        "0, whatever it finds; 3 where a row is wrong; 4 where a package is missing; 64 where a picture cannot be written.",
        """\
$ holdfast horizon rows.jsonl --svg horizon.svg
""",
    ),
    "note": Verb(
        """\
What you make of a run, closed or not; a correction has to fit the contract. Without words: all that was said of it, with what
follows from reviewers' amendments and denials.
""",
        "0; 3 where a correction does not fit.",
        """\
$ holdfast note r_7f3 bad --correct refunded_cents=0 --as lea
$ holdfast note r_7f3
""",
    ),
    "erase": Verb(
        """\
Shows what would go, and with `--yes` destroys it: the secrets that bodies are encrypted and digests keyed with, then the bodies.
What happened when stays and verifies. `--subject` takes every run on behalf of one, with what came from these; `--older-than`
what ended long ago and nobody has to look at any more. Copies made before are not reached. See [erasing](erase.md).
""",
        "0; 3 for less than 180 days without a reason; 64 where one of the runs is open, and then nothing is erased.",
        """\
$ holdfast erase --subject c:551 --because "they asked" --as dpo --yes
$ holdfast erase --older-than 400d
""",
    ),
    "telemetry": Verb(
        """\
Sends spans over OTLP/HTTP, each when it is over, and goes on where it stopped; what is sent twice has the same ids.
What was said, asked and returned is sent only with `--content`, and never where it is about somebody. See
[telemetry](telemetry.md). Needs `holdfast[otel]`.
""",
        "0 when it was told to end, or `--once` sent everything; 4 where the collector refuses, or takes nothing for a minute.",
        """\
$ holdfast telemetry --to http://localhost:4318
$ holdfast telemetry --to http://localhost:6006 --once
""",
    ),
    "verify": Verb(
        """\
Every entry is compared with the digest its successors were chained to, and every text kept beside the chain
with its own; where there are checkpoints, all of it with what they signed, and with `--anchor` with the copies
that others keep. `EXPORT` is what `export` or `prove` wrote, or its folder. `--decisions` decides every recorded
run anew instead. What that proves and what it does not is in [proving what happened](audit.md).
""",
        "0 where everything is what was written; 1 where something is not, each thing named; 4 where it cannot be read.",
        """\
$ holdfast verify
$ holdfast verify r_7f3
$ holdfast verify --pub desk.key.pub --anchor /mnt/elsewhere/desk
$ holdfast verify export.jsonl --pub desk.key.pub
""",
    ),
    "checkpoint": Verb(
        """\
What the journal holds now is signed, appended to it, and given to the anchors. A `worker --key` does it by
itself. `--make-key` makes a key; see [proving what happened](audit.md).
""",
        "0; 4 where an anchor could not be given it, or does not agree with the journal.",
        """\
$ holdfast checkpoint --make-key desk.key --origin example.com/desk
$ holdfast checkpoint --key desk.key --anchor /mnt/elsewhere/desk
""",
    ),
    "prove": Verb(
        """\
The file of `--out` holds the run, the signed checkpoint and what leads from one to the other, and nothing of any
other run. `verify` checks it, and so does a script for those who have no holdfast; see [audit](audit.md#prove-one-run).
""",
        "0; 64 where no checkpoint covers the run; 4 where the journal is not what was signed.",
        """\
$ holdfast prove r_7f3 --out run.jsonl
""",
    ),
    "report": Verb(
        """\
The readiness page of an agent, made of journals alone: contract, repeatability, drill, right reason, cost, people, audit and
governance rows, with “no evidence” wherever there is none. It claims compliance with nothing. See [report](report.md).
""",
        "0 whatever it says; 3 for input that is wrong, 4 where a journal that was named is not there.",
        """\
$ holdfast report refund-desk --html report.html --markdown report.md
$ holdfast report examples/refund_desk --pub desk.key.pub --anchor elsewhere/desk --json
""",
    ),
    "access": Verb(
        """\
Who was shown what, who took it away, and who decided what: viewings, where the settings have them recorded, beside the
decisions that stand in the runs. See [access](access.md).
""",
        "0.",
        """\
$ holdfast access mail:0012
$ holdfast access --by lea --since 30d
""",
    ),
    "export": Verb(
        """\
The whole journal with its checkpoints; with `--where` or `--since`, those runs, each with its proof. Texts kept
beside the chain are not in it. `PATH` is a file, or a folder for `export.jsonl` or `export.parquet`.
""",
        "0 when it is written; 64 where no run fits.",
        """\
$ holdfast export --to export.jsonl
$ holdfast export --to quarter/ --where agent=refund-desk --since 2026-07-01 --parquet
""",
    ),
    "worker": Verb(
        """\
It takes up what is due: runs that were answered, whose time has come, or whose process died. Any number of
workers may share a journal on one machine. On SIGTERM or Ctrl-C it starts nothing more, finishes and records
what is under way, and ends. With `--key` it takes checkpoints as it goes; see [proving what happened](audit.md).
""",
        "0 when it was told to end; 4 where the journal cannot be trusted any more.",
        """\
$ holdfast worker rooms ./refunds --slots 50
$ holdfast worker rooms --once
$ holdfast worker rooms --key desk.key --anchor /mnt/elsewhere/desk
""",
    ),
    "notify": Verb(
        """\
Tells people outside what waits for them, what ends soon, what expired, and what is in doubt: by a command, or by a signed post to a
webhook. At least once, each under an id of its own. A `worker` does it too where the settings say so; see [notify](notify.md).
""",
        "0 everything is told; 1 something was given up; 2 something is still to be told.",
        """\
$ holdfast notify --list
$ holdfast notify --webhook https://hooks.example.com/holdfast --secret-env NOTIFY_KEY
""",
    ),
    "review": Verb(
        """\
`holdfast review --as NAME` in a terminal goes through what waits for them, one question after another; without a
terminal or a name it is `review list`. Where a run has several open questions, name the one by its number, or decide the
calls of one answer together with `--plan`. See [reviews](reviews.md).
`--as` says who decides: an assertion and not an identity, see [guarantees](guarantees.md#what---as-means).
Their roles come from the settings; where these name nobody, `--role` says what they act as. `settle` takes one of `--happened`, `--did-not`
and `--stop`. A decision is recorded and does not drive the run: `resume` or a `worker` does.
""",
        "0 when it is recorded; 1 where a part of a plan is not; 3 where this person may not decide this, or not any more.",
        """\
$ holdfast review
$ holdfast review --as kim
$ holdfast review show r_7f3
$ holdfast review approve r_7f3 --as kim --role office
$ holdfast review amend r_7f3 --as kim --role finance --set cents=4000
$ holdfast review deny r_7f3 --as kim --text "not without a photo"
$ holdfast review settle r_7f3 --as kim --happened --result '{"refund_id": "re-1", "cents": 500}'
""",
    ),
}

COMMON: Final = frozenset({"--journal", "--json", "--env", "--help"})
"""Options that the introduction speaks of."""

# ------------------------------------------------------------------------------------------------- the page


def page() -> str:
    """`docs/commands.md`."""
    verbs = dict(get_command(app()).commands)  # type: ignore[attr-defined]  # the parser's own type has no stub
    if set(verbs) != set(VERBS):
        strange = sorted(set(verbs) ^ set(VERBS))
        raise SystemExit(f"docs/make_commands.py and the command line disagree about {', '.join(strange)}")
    listed = [usage for usage, _ in (*front.FIRST, *(verb for group in front.MORE.values() for verb in group))]
    order = [usage.split()[0] for usage in listed]
    parts = [INTRODUCTION, *_overview(verbs), *_codes()]
    for name, usage in zip(order, listed, strict=True):
        parts += _verb(name, usage, verbs[name])
    return "\n".join(parts) + "\n"


def _overview(verbs: dict[str, Any]) -> Iterator[str]:
    yield "| verb | what it is for | group |"
    yield "|---|---|---|"
    groups = {"first": front.FIRST, **front.MORE}
    for group, listed in groups.items():
        for usage, _ in listed:
            name = usage.split()[0]
            yield f"| [`{name}`](#holdfast-{name}) | {_sentence(verbs[name].help)} | {group} |"
    yield ""


def _codes() -> Iterator[str]:
    outcomes: dict[int, list[str]] = {}
    for outcome, code in CODES.items():
        outcomes.setdefault(code, []).append(outcome)
    faults: dict[int, list[type[errors.HoldfastError]]] = {}
    for kind in _kinds(errors.HoldfastError):
        if kind is not errors.UserError:
            faults.setdefault(kind.exit_code, []).append(kind)
    yield "## Exit codes\n"
    yield "| code | means | errors of that kind |"
    yield "|---|---|---|"
    for code in sorted(outcomes):
        also = ", or the command did what it is for" if code == 0 else ""
        yield f"| {code} | a run ended as {', '.join(outcomes[code])}{also} | |"
        if code == 1:
            yield "| 2 | a run waits for somebody or for a time, or still works | |"
    for code in sorted(faults):
        names = ", ".join(f"`{kind.__name__}`" for kind in faults[code] if kind is not errors.HoldfastError)
        yield f"| {code} | {MEANS[code]} | {names} |"
    yield "| 130 | interrupted; what was under way was recorded | |"
    yield ""


MEANS: Final = {
    3: "a contract, an input or a decision is wrong",
    4: "the journal or the environment",
    64: "called the wrong way",
    70: "a bug of holdfast: please report it",
}


def _kinds(kind: type[errors.HoldfastError]) -> Iterator[type[errors.HoldfastError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == kind.__module__:  # the errors a user meets; a test may have kinds of its own
            yield from _kinds(below)


def _verb(name: str, usage: str, command: Any) -> Iterator[str]:
    said = VERBS[name]
    inner = getattr(command, "commands", {})
    yield f"## `holdfast {name}`\n"
    yield f"    holdfast {f'{name} VERB …' if inner else usage}\n"
    yield f"{_sentence(command.help)}\n"
    yield f"{said.about}"
    yield from _inner(name, inner) if inner else ()
    yield from _table([command, *inner.values()])
    yield f"Ends with: {said.ends}\n"
    if said.example:
        yield f"```console\n{said.example}```\n"


def _inner(name: str, verbs: dict[str, Any]) -> Iterator[str]:
    """The verbs of a verb, each with what it takes."""
    yield f"| `{name}` | what it does | takes |"
    yield "|---|---|---|"
    for title, command in verbs.items():
        takes = " ".join(_taken(part) for part in _shown(command))
        yield f"| `{title}` | {_sentence(command.help)} | {takes} |"
    yield ""


def _taken(part: Any) -> str:
    name = _metavar(part) if part.param_type_name == "argument" else part.opts[0]
    return f"`{name}`" if part.required else f"`[{name}]`"


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _shown(command: Any) -> list[Any]:
    return [part for part in command.params if not part.hidden and not COMMON & set(part.opts)]


def _table(commands: list[Any]) -> Iterator[str]:
    rows = dict.fromkeys(_row(part) for command in commands for part in _shown(command))
    if rows:
        yield "| | default | meaning |"
        yield "|---|---|---|"
        yield from rows
        yield ""


def _row(part: Any) -> str:
    if part.param_type_name == "argument":
        return f"| `{_metavar(part)}` | {'required' if part.required else 'none'} | {_cell(part.help)} |"
    value = "" if part.is_flag else f" {_value(part)}"
    names = ", ".join(f"`{name}{value}`" for name in part.opts)
    return f"| {names} | {_default(part)} | {_cell(part.help)} |"


def _metavar(part: Any) -> str:
    return str(part.metavar or part.name.upper()).strip("[]")


def _value(part: Any) -> str:
    """What an option takes, in a word."""
    kind = getattr(getattr(part, "type_descriptor", None), "annotation", str)
    if part.metavar:
        return str(part.metavar)
    if get_origin(kind) is Literal:
        return "\\|".join(get_args(kind))
    return "N" if kind is int else "TEXT"


def _default(part: Any) -> str:
    if part.required:
        return "required"
    return "none" if part.default in (None, "", False, ()) else f"`{part.default}`"


def _cell(text: str | None) -> str:
    return _sentence(text or "").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
