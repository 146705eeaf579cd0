"""What a program tries to get out of its interpreter, to outlive its limits, or to call what it may not: nothing comes of it.

Each attempt ends within its bound, as told, with neither the secret of a file nor that of the environment in what comes out, and
with no process left.
"""

from __future__ import annotations

import asyncio
import os
import time

import msgspec
import pytest

from holdfast.sandbox.programs import (
    Answer,
    Broke,
    Called,
    Finished,
    Limits,
    Offered,
    Paused,
    Program,
    Recorded,
    Workers,
    step,
)
from tests.sandbox.programs import TOOLS, answer, children, play

SECRET = "swordfish-9321"
LIMITS = Limits(stretch=400_000, wall=6_000_000, memory=32 << 20, calls=20, printed=10_000, value=20_000)
SLACK = 5.0
"""Seconds beyond a bound that a busy machine may take."""


@pytest.fixture(scope="module")
def stage():
    with asyncio.Runner() as runner:
        workers = Workers()
        runner.run(workers.__aenter__())
        yield runner.run, workers
        runner.run(workers.__aexit__(None, None, None))


@pytest.fixture
def attempt(stage, tmp_path, monkeypatch):
    """Execute a program, and look at what every attempt has to leave as it was."""
    run, workers = stage
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    monkeypatch.setenv("HOLDFAST_SECRET", SECRET)
    before = sorted(tmp_path.iterdir())

    def attempt(code, *recorded, tools=TOOLS, limits=LIMITS):
        program = Program(code=code.replace("SECRET_FILE", str(secret)), tools=tools)
        began = time.monotonic()
        outcome = run(step(program, recorded, limits, workers=workers))
        assert time.monotonic() - began < limits.wall / 1e6 + SLACK
        assert SECRET.encode() not in msgspec.json.encode(outcome)
        assert sorted(tmp_path.iterdir()) == before
        assert secret.read_text() == SECRET
        return outcome

    return attempt


# ---------------------------------------------------------------------------------------------- what there is not

NOTHING = {
    "import subprocess": "import subprocess\nsubprocess.run(['cat', 'SECRET_FILE'])",
    "import socket": "import socket\nsocket.socket()",
    "import ctypes": "import ctypes\nctypes.CDLL(None)",
    "import signal": "import signal\nsignal.raise_signal(9)",
    "import gc": "import gc\ngc.get_objects()",
    "import inspect": "import inspect\ninspect.currentframe()",
    "import pickle": "import pickle\npickle.loads(b'cos\\nsystem\\n(S\"id\"\\ntR.')",
    "import threading": "import threading\nthreading.Thread(target=print).start()",
    "import multiprocessing": "import multiprocessing\nmultiprocessing.Process().start()",
    "import importlib": "import importlib\nimportlib.import_module('os')",
    "import builtins": "import builtins\nbuiltins.open('SECRET_FILE').read()",
    "import holdfast": "import holdfast\nholdfast.run_sync",
    "import pydantic_monty": "import pydantic_monty\npydantic_monty.Monty()",
    "import by name": "__import__('os').system('id')",
    "import in eval": "eval(\"__import__('os').listdir('/')\")",
    "import in exec": "exec('import socket\\nsocket.socket()')",
    "compile": "exec(compile('import socket', 'x', 'exec'))",
    "os.system": "import os\nos.system('touch SECRET_FILE.new')",
    "os.listdir": "import os\nos.listdir('/')",
    "os.environ": "import os\nos.environ['HOLDFAST_SECRET']",
    "os.getenv": "import os\nx = os.getenv('HOLDFAST_SECRET')\nassert x is not None",
    "os.kill": "import os\nos.kill(os.getppid(), 9)",
    "os.fork": "import os\nos.fork()",
    "os.urandom": "import os\nos.urandom(8)",
    "sys.modules": "import sys\nsys.modules['os'].system('id')",
    "sys._getframe": "import sys\nsys._getframe().f_globals",
    "sys.stdin": "import sys\nsys.stdin.read()",
    "read a file": "open('SECRET_FILE').read()",
    "read with pathlib": "from pathlib import Path\nPath('SECRET_FILE').read_text()",
    "write a file": "open('SECRET_FILE', 'w').write('x')",
    "make a file": "open('SECRET_FILE.new', 'w').write('x')",
    "/proc": "open('/proc/self/environ').read()",
    "input": "input()",
    "subclasses": "().__class__.__bases__[0].__subclasses__()",
    "subclasses of type": "type.__subclasses__(type)",
    "mro": "str.__mro__[1].__subclasses__()",
    "builtins of print": "print.__self__.open('SECRET_FILE')",
    "globals of a function": "def f(): pass\nf.__globals__['__builtins__']",
    "code of a function": "def f(): pass\nf.__code__.replace(co_code=b'')",
    "closure of a function": "def f(x):\n    return lambda: x\nf(1).__closure__[0].cell_contents",
    "globals of a tool": "refund.__globals__",
    "attributes of a tool": "refund.__self__.__dict__",
    "attribute set on a tool": "refund.tool = 'anything'\nrefund.tool.upper()()",
    "format": "'{0.__class__.__init__.__globals__}'.format(refund)",
    "format_map": "'{x.__globals__}'.format_map({'x': refund})",
    "f-string": "f'{refund.__globals__}'",
    "getattr": "getattr(refund, '__glo' + 'bals__')",
    "vars": "vars(refund)['__globals__']",
    "frame of an exception": "try:\n    1/0\nexcept Exception as e:\n    e.__traceback__.tb_frame.f_back.f_globals",
    "frame of a generator": "g = (x for x in [1])\ng.gi_frame.f_back.f_globals",
    "frame of a coroutine": "c = ask(1)\nc.cr_frame.f_globals",
    "class of an object": "class A: pass\nA().__class__.__base__.__subclasses__()",
    "metaclass": "type('A', (object,), {'__del__': print})()",
    "reduce": "(1).__reduce_ex__(4)[0].__globals__",
    "open by a list": "[f for f in dir(__builtins__) if f == 'open'][0]",
}


@pytest.mark.parametrize("code", NOTHING.values(), ids=NOTHING)
def test_there_is_nothing_to_reach(attempt, code):
    outcome = attempt(code)
    assert isinstance(outcome, Broke), outcome
    assert outcome.kind in ("error", "syntax")


# -------------------------------------------------------------------------------------------- what has no end

ENDLESS = {
    "infinite loop": ("while True: pass", "time"),
    "loop that catches": ("while True:\n    try:\n        while True: pass\n    except BaseException: pass", "time"),
    "loop in finally": ("try:\n    while True: pass\nfinally:\n    while True: pass", "time"),
    "infinite sum": ("sum(range(10**15))", "time"),
    "infinite comprehension": ("[0 for _ in range(10**15) if False]", "time"),
    "factorial": ("import math\nmath.factorial(10**7)", ("time", "memory")),
    "huge power": ("10 ** 10000000", "time"),
    "huge power by pow": ("pow(3, 3 ** 20)", ("time", "memory")),
    "huge shift": ("1 << (1 << 40)", ("memory", "error")),
    "huge number as text": ("str(10 ** 1000000)", ("error", "time")),
    "tower of powers": ("x = 9\nwhile True: x = x * x", ("time", "memory")),
    "huge text": ("'a' * (1 << 40)", "memory"),
    "doubling text": ("x = 'ab'\nwhile True: x += x", "memory"),
    "huge padding": ("f'{1:>10000000000}'", ("memory", "error")),
    "percent padding": ("'%10000000000d' % 1", ("memory", "error")),
    "replace bomb": ("('a' * 10000).replace('a', 'b' * 100000)", "memory"),
    "list bomb": ("x = []\nwhile True: x.append('a' * 100000)", "memory"),
    "dict bomb": ("x = {}\nwhile True: x[len(x)] = [len(x)]", "memory"),
    "bomb that catches": ("x = []\nwhile True:\n    try:\n        x.append('a' * 1000)\n    except BaseException: pass", ("memory", "time")),
    "sort bomb": ("sorted(range(10**12))", "memory"),
    "recursion": ("def f(): return f()\nf()", "recursion"),
    "recursion of two": ("def f(): return g()\ndef g(): return f()\nf()", "recursion"),
    "recursion that catches": ("def f():\n    try:\n        f()\n    except BaseException:\n        f()\nf()", "time"),
    "infinite print": ("while True: print('x' * 100)", "output"),
    "giant print": ("print('x' * 20_000_000)", "output"),
    "print, then catch": ("try:\n    while True: print('x')\nexcept BaseException:\n    pass\n'caught'", "output"),
    "print to stderr": ("import sys\nwhile True: print('x' * 100, file=sys.stderr)", "output"),
    "print of very little": ("while True: print(end='x')", "output"),
    "names for ever": ("while True:\n    try:\n        nowhere\n    except NameError: pass", "calls"),
    "strange calls for ever": ("while True:\n    try:\n        nowhere()\n    except NameError: pass", "calls"),
    "files for ever": ("while True:\n    try:\n        open('x')\n    except OSError: pass", "calls"),
    "wrong calls for ever": ("while True:\n    try:\n        holdfast_call(1)\n    except TypeError: pass", "calls"),
    "deep source": ("(" * 20_000, "syntax"),
    "deep expression": ("-" * 20_000 + "1", "syntax"),
    "deep blocks": ("\n".join(" " * n + "if 1:" for n in range(200)) + "\n" + " " * 200 + "pass", ("syntax", "none")),
    "long chain": ("x" + ".x" * 20_000, "syntax"),
    "too long": ("#" * 100_000, "syntax"),
    "huge result": ("'a' * 1_000_000", "value"),
    "result that holds itself": ("a = [0] * 1000\nb = [a] * 1000\n[b] * 1000", "value"),
    "deep result": ("a = []\nfor _ in range(100000): a = [a]\na", "value"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "kinds"), ENDLESS.values(), ids=ENDLESS)
def test_whatever_has_no_end_is_ended(attempt, code, kinds):
    outcome = attempt(code)
    assert getattr(outcome, "kind", "none") in ((kinds,) if isinstance(kinds, str) else kinds), outcome
    assert isinstance(outcome, Finished) or len(outcome.printed) <= LIMITS.printed
    assert isinstance(outcome, Finished) or len(outcome.message) <= 2_000


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*b", r"(a|aa)+$", r"(.*)*\1b"])
def test_a_pattern_that_goes_back_for_ever_ends(attempt, pattern):
    outcome = attempt(f"import re\nre.match({pattern!r}, 'a' * 5000 + 'c')\n'over'")
    assert isinstance(outcome, Broke | Finished)


@pytest.mark.parametrize(
    "code", ["import time\ntime.sleep(10**9)\n'over'", "import asyncio\nawait asyncio.sleep(10**9)\n'over'"]
)
def test_sleeping_takes_no_time(attempt, code):
    began = time.monotonic()
    assert attempt(code) == Finished("over", "")
    assert time.monotonic() - began < SLACK


def test_a_whole_step_has_an_end_too(attempt):
    """Stretches that are each short enough, and too many of them."""
    code = "for n in range(20):\n    for _ in range(10**9):\n        if _ > 200000: break\n    anything(n=n)"
    record = [Recorded(Called(n + 1, "anything", {"n": n}), Answer(n)) for n in range(20)]
    limits = msgspec.structs.replace(LIMITS, wall=50_000, stretch=10_000_000)
    outcome = attempt(code, *record, limits=limits)
    assert (outcome.kind, outcome.message) == ("time", "a step took more than 50ms")


# ------------------------------------------------------------------------------------------------ around the tools


@pytest.mark.parametrize(
    "caught", ["except BaseException", "except Exception", "except RuntimeError", "except", "finally"]
)
def test_a_pause_cannot_be_caught(attempt, caught):
    outcome = attempt(f"try:\n    refund('a', cents=1)\n{caught}:\n    refund('b', cents=2)\nrefund('c', cents=3)")
    assert outcome == Paused(Called(1, "refund", {"order_id": "a", "cents": 1}), "")


@pytest.mark.parametrize("value", [
    "{1}", "lambda: 1", "b'x'", "refund", "print", "float('nan')", "float('inf')", "10**5000", "2**70", "int", "range(3)", "iter([1])",
    "ValueError('x')", "...", "{1: object}", "{(1, 2): 3}", "1j", "ask(1)",
])  # fmt: skip
def test_what_is_no_json_is_never_an_argument(attempt, value):
    code = f"try:\n    anything(x={value})\nexcept (TypeError, ValueError, OverflowError, NotImplementedError, AttributeError):\n    x = 'refused'\nx"
    outcome = attempt(code)
    assert outcome == Finished("refused", "") or (isinstance(outcome, Broke) and outcome.kind in ("syntax", "error")), (
        outcome
    )


@pytest.mark.parametrize(
    "args",
    [
        "a = []\na.append(a)",
        "a = {}\na['a'] = a",
        "a = []\nfor _ in range(10000): a = [a]",
        "a = ['x' * 30_000]",
        "a = [[0] * 1000] * 1000",
    ],
)
def test_arguments_without_end_are_refused_in_the_program(attempt, args):
    outcome = attempt(
        f"{args}\ntry:\n    anything(x=a)\nexcept (TypeError, ValueError, RecursionError):\n    x = 'refused'\nx"
    )
    assert outcome == Finished("refused", "") or (isinstance(outcome, Broke) and outcome.kind == "memory"), outcome


def test_keys_are_texts_as_json_has_it(attempt):
    assert attempt("anything(x={1: 2, None: 3})") == Paused(Called(1, "anything", {"x": {"1": 2, "null": 3}}), "")


@pytest.mark.parametrize("call", [
    "holdfast_call('refund', '{\"order_id\": \"a\", \"to\": \"me\"}')", "holdfast_call('delete_all', '{}')", "holdfast_call('refund', '[1]')",
    "holdfast_call('refund', 'rubbish')", "holdfast_call('refund', {'order_id': 'a'})", "holdfast_call('refund')", "a = [[0] * 1000] * 1000\n    holdfast_call([a] * 1000, [a] * 1000)", "holdfast_call()",
    "holdfast_call('refund', '[' * 5000)", "holdfast_call('refund', '{\"order_id\": 1e999}')", "await holdfast_call_awaited('x', '{}')",
])  # fmt: skip
def test_the_function_below_the_tools_takes_no_other_calls(attempt, call):
    assert attempt(f"try:\n    {call}\nexcept TypeError:\n    x = 'refused'\nx") == Finished("refused", "")


def test_the_function_below_the_tools_makes_the_same_calls(attempt):
    """Whoever calls it makes a call like any other: recorded, judged, counted."""
    code = 'holdfast_call(\'refund\', \'{"order_id": "a", "cents": 1}\')'
    assert attempt(code) == Paused(Called(1, "refund", {"order_id": "a", "cents": 1}), "")


@pytest.mark.parametrize(
    "spoil",
    [
        "holdfast_json = None",
        "holdfast_not_given = None",
        "def refund(*a, **k): return anything(**k)",
        "del refund",
        "refund = anything",
    ],
)
def test_spoiling_what_stands_before_it_harms_only_itself(attempt, spoil):
    outcome = attempt(f"{spoil}\nrefund(order_id='a', cents=1)")
    if isinstance(outcome, Paused):
        assert outcome.call.tool in {tool.name for tool in TOOLS}
        assert outcome.call.args.items() <= {"order_id": "a", "cents": 1, "note": None}.items()
    else:
        assert outcome.kind in ("error", "syntax")


def test_a_tool_offered_to_one_program_is_not_there_for_the_next(attempt):
    only = (Offered(name="only_here", parameters={"properties": {}}),)
    assert attempt("only_here()", tools=only) == Paused(Called(1, "only_here", {}), "")
    assert attempt("only_here()").kind == "error"
    assert attempt("x = 1\nglobal_thing = 2").value is None
    assert attempt("global_thing").kind == "error"


def test_ten_thousand_calls_end_at_the_limit(stage):
    run, workers = stage
    last, recorded, _ = run(
        play(Program(code="for n in range(10_000):\n    anything(n=n)", tools=TOOLS), workers, limits=LIMITS)
    )
    assert (last.kind, last.message) == ("calls", "it called tools more than 20 times")
    assert len(recorded) == 20


def test_ten_thousand_calls_at_once_end_at_the_limit(attempt):
    outcome = attempt("import asyncio\nawait asyncio.gather(*[ask(n) for n in range(10_000)])")
    assert outcome.kind == "calls"


def test_what_a_tool_answers_is_a_value_and_no_code(attempt):
    told = "__import__('os').system('id')"
    outcome = attempt("get_order('a')", Recorded(Called(1, "get_order", {"order_id": "a"}), Answer(told)))
    assert outcome == Finished(told, "")


def test_an_answer_that_does_not_fit_ends_the_program_and_nothing_else(attempt):
    large = Recorded(Called(1, "get_order", {"order_id": "a"}), Answer([0] * 5_000_000))
    assert attempt("x = get_order('a')\nlen(x)", large).kind in ("memory", "crash", "time")
    assert attempt("1 + 1") == Finished(2, "")


def test_no_worker_is_left(attempt):
    """Of a program that was ended in the middle of a computation."""
    assert attempt("while True: pass").kind == "time"
    deadline = time.monotonic() + SLACK
    while left := [line for line in children(os.getpid()).values() if " subprocess" in line]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_the_number_of_attempts():
    assert len(NOTHING) + len(ENDLESS) >= 80
    assert answer(Called(1, "ask", {"n": 1})).value == 10
