"""A program's outcome is a function of its code, seed, clock, inputs and recorded answers."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import ContractError, SettingsError, UsageError
from holdfast.sandbox.programs import (
    Answer,
    Broke,
    Called,
    Diverged,
    Finished,
    Limits,
    MemoryCache,
    Offered,
    Paused,
    Program,
    Recorded,
    Workers,
    step,
    version,
)
from tests.sandbox.programs import TOOLS, answer, play, schema

SUM = """\
print('begin')
total = 0
for name in names:
    total += get_order(name)['cents']
print('sum', total)
done = refund('a', cents=total)
{'total': total, 'done': done}
"""


@pytest.fixture(scope="module")
def stage():
    """(run a coroutine, workers)."""
    with asyncio.Runner() as runner:
        workers = Workers()
        runner.run(workers.__aenter__())
        yield runner.run, workers
        runner.run(workers.__aexit__(None, None, None))


@pytest.fixture
def go(stage):
    """One step of a program with these recorded calls."""
    run, workers = stage

    def go(code, *recorded, limits=None, cache=None, **more):
        program = Program(code=code, tools=more.pop("tools", TOOLS), **more)
        return run(step(program, recorded, limits or Limits(), cache, workers=workers))

    return go


def record(ordinal, tool, value=None, error="", **args):
    return Recorded(Called(ordinal, tool, args), Answer(value, error))


# -------------------------------------------------------------------------------------------------- its course


def test_it_pauses_at_the_first_call_and_performs_nothing(go):
    assert go(SUM, inputs={"names": ["a"]}) == Paused(Called(1, "get_order", {"order_id": "a"}), "begin\n")


def test_recorded_answers_lead_it_to_its_end(stage):
    run, workers = stage
    last, recorded, outcomes = run(play(Program(code=SUM, tools=TOOLS, inputs={"names": ["a", "bb"]}), workers))
    assert last == Finished({"total": 300, "done": {"done": {"order_id": "a", "cents": 300}}}, "begin\nsum 300\n")
    assert [one.call.ordinal for one in recorded] == [1, 2, 3]
    assert [one.printed for one in outcomes] == ["begin\n", "begin\n", "begin\nsum 300\n", "begin\nsum 300\n"]


def test_without_a_last_expression_it_gives_nothing(go):
    assert go("x = 1") == Finished(None, "")


def test_an_error_is_raised_where_the_call_was_made(go):
    code = "try:\n    get_order('x')\nexcept RuntimeError as error:\n    said = str(error)\nsaid"
    assert go(code, record(1, "get_order", error="no such order", order_id="x")) == Finished("no such order", "")
    assert go("\nget_order('x')", record(1, "get_order", error="no", order_id="x")) == Broke(
        "error", "RuntimeError: no", 2, ""
    )


@pytest.mark.parametrize(
    ("call", "args"),
    [
        ("refund('a', note='n', cents=2)", {"order_id": "a", "note": "n", "cents": 2}),
        ("refund('a', 'n', cents=2)", {"order_id": "a", "note": "n", "cents": 2}),
        ("refund(cents=2, order_id='a')", {"order_id": "a", "cents": 2}),
        ("refund(*['a'], **{'cents': 2})", {"order_id": "a", "cents": 2}),
        ("(lambda f: f('a', cents=2))(refund)", {"order_id": "a", "cents": 2}),
        ("[refund(name, cents=2) for name in 'ab']", {"order_id": "a", "cents": 2}),
    ],
)
def test_arguments_come_by_position_and_by_name(go, call, args):
    assert go(call) == Paused(Called(1, "refund", args), "")


@pytest.mark.parametrize(
    "call",
    ["refund('a')", "refund()", "refund('a', 'n', 2)", "refund('a', cents=2, other=3)", "get_order(1, order_id=2)"],
)
def test_a_wrong_call_is_a_type_error_of_the_program_and_no_call(go, call):
    assert go(f"try:\n    {call}\nexcept TypeError:\n    x = 'caught'\nx") == Finished("caught", "")


def test_parameters_whose_names_are_no_names_are_given_by_two_stars(go):
    tools = (
        Offered(
            name="send", parameters=schema(["from", "x-y", "a"], **{"from": "string", "x-y": "string", "a": "string"})
        ),
    )
    outcome = go("send('1', **{'from': 'b', 'x-y': 'c'})", tools=tools)
    assert outcome == Paused(Called(1, "send", {"a": "1", "from": "b", "x-y": "c"}), "")
    assert isinstance(go("send('1', **{'b': 'b'})", tools=tools), Broke)


def test_a_name_that_is_not_offered_is_a_name_error(go):
    assert go("x = 1\nrefnud('a', 2)") == Broke("error", "NameError: name 'refnud' is not defined", 2, "")
    assert go("try:\n    y\nexcept NameError as error:\n    y = str(error)\ny") == Finished(
        "name 'y' is not defined", ""
    )


def test_it_may_call_a_tool_by_its_own_function_of_that_name(go):
    assert go("def refund(x):\n    return x + 1\nrefund(1)") == Finished(2, "")


# ------------------------------------------------------------------------------------------------- divergence


@pytest.mark.parametrize(
    "recorded",
    [
        record(1, "get_order", {"cents": 1}, order_id="b"),
        record(1, "get_order", {"cents": 1}, order_id="a", more=1),
        record(1, "refund", {"cents": 1}, order_id="a"),
    ],
)
def test_another_call_than_the_recorded_one_diverges(go, recorded):
    outcome = go("get_order('a')", recorded)
    assert outcome == Diverged(1, recorded.call, Called(1, "get_order", {"order_id": "a"}))


def test_numbers_are_compared_as_json(go):
    assert isinstance(go("anything(x=1.0)", record(1, "anything", x=1)), Diverged)
    assert isinstance(go("anything(x=[1, {'b': 1, 'a': 2}])", record(1, "anything", x=[1, {"a": 2, "b": 1}])), Finished)


def test_an_end_before_all_recorded_calls_diverges(go):
    extra = record(2, "get_order", {"cents": 1}, order_id="b")
    first = record(1, "get_order", {"cents": 1}, order_id="a")
    assert go("get_order('a')", first, extra) == Diverged(2, extra.call, None)
    assert go("get_order('a')\n1/0", first, extra) == Diverged(2, extra.call, None)
    assert go("syntax error", first) == Diverged(1, first.call, None)


def test_no_new_call_before_all_recorded_ones_are_matched(go):
    later = record(2, "get_order", {"cents": 1}, order_id="b")
    assert go("get_order('a')\nget_order('b')", later) == Diverged(
        2, later.call, Called(1, "get_order", {"order_id": "a"})
    )


def test_a_limit_is_a_limit_and_no_divergence(go):
    first, extra = record(1, "get_order", {"cents": 1}, order_id="a"), record(2, "get_order", order_id="b")
    outcome = go(
        "get_order('a')\nx = []\nwhile True: x.append('a' * 1000)", first, extra, limits=Limits(memory=8 << 20)
    )
    assert (type(outcome), outcome.kind) == (Broke, "memory")


# ----------------------------------------------------------------------------------------------- at the same time

TOGETHER = """\
import asyncio
async def chain(n):
    one = await ask(n)
    two = await ask(one + n)
    print(n, one, two)
    return [one, two]
await asyncio.gather(chain(1), chain(2), chain(3))
"""


def test_calls_that_are_awaited_together_are_told_together(go):
    assert go(TOGETHER) == Paused(
        Called(1, "ask", {"n": 1}), "", (Called(2, "ask", {"n": 2}), Called(3, "ask", {"n": 3}))
    )  # fmt: skip


def test_the_order_in_which_answers_come_changes_nothing(go):
    """Whichever subset of the first three has an answer: what is asked, and what comes in the end, is the same."""
    firsts = [record(n, "ask", 10 * n, n=n) for n in (1, 2, 3)]
    for some in itertools.chain(itertools.combinations(firsts[1:], 1), itertools.combinations(firsts[1:], 2)):
        outcome = go(TOGETHER, *some)
        assert outcome.call.ordinal == 1
        assert {one.ordinal for one in outcome.also} == {2, 3} - {one.call.ordinal for one in some}
    outcome = go(TOGETHER, *firsts)
    calls = [outcome.call, *outcome.also]
    assert [(one.ordinal, one.args["n"]) for one in calls] == [(4, 11), (5, 22), (6, 33)]
    seconds = [Recorded(one, Answer(one.args["n"] + 1)) for one in calls]
    assert go(TOGETHER, *firsts, *seconds) == Finished([[10, 12], [20, 23], [30, 34]], "1 10 12\n2 20 23\n3 30 34\n")


def test_an_awaited_call_that_is_not_awaited_is_never_made(go):
    assert go("x = ask(1)\n'end'") == Finished("end", "")


def test_a_failure_among_calls_made_together(go):
    code = "import asyncio\ntry:\n    await asyncio.gather(ask(1), ask(2))\nexcept RuntimeError as error:\n    x = str(error)\nx"
    assert go(code, record(1, "ask", error="no", n=1), record(2, "ask", 1, n=2)) == Finished("no", "")


# ---------------------------------------------------------------------------------------------------- determinism

CHANCE = """\
import random, time, datetime
class Thing:
    pass
seen = [random.random(), random.randint(0, 10**9), random.Random().random(), time.time(), time.monotonic(), time.perf_counter(),
        str(datetime.datetime.now()), hash('text'), id(seen_before), repr(print), repr(lambda: 1),
        list({f'k{n * 7919 % 1009}' for n in range(200)}), list({(1, 'a'), 'b', None, 2.5}), hash(Thing)]
anything(seen=seen)
time.sleep(10**6)
print(random.random(), time.time(), time.process_time())
[random.random(), seen]
"""


def test_same_program_and_answers_give_the_same_bytes_in_fresh_workers():
    async def once():
        async with Workers() as workers:
            program = Program(
                code=CHANCE.replace("seen_before", "Thing"), tools=TOOLS, seed=7, now=1_700_000_000_123_456
            )
            last, recorded, outcomes = await play(program, workers, world=lambda _call: Answer("ok"))
            assert isinstance(last, Finished), last
            return msgspec.json.encode([outcomes, recorded])

    assert len({asyncio.run(once()) for _ in range(3)}) == 1


def test_seed_and_clock_are_those_of_the_program(go):
    code = "import random, time\n[random.random(), time.time()]"
    first, again, other = (go(code, seed=seed, now=1_500_000_000_000_000).value for seed in (1, 1, 2))
    assert first == again != other
    assert first[1] == 1_500_000_000.0


# -------------------------------------------------------------------------------------------------------- cache


class Spoiled(MemoryCache):
    """It forgets, and turns bits over, as told."""

    def __init__(self, moods):
        super().__init__()
        self.moods = itertools.cycle(moods)

    async def get(self, key):
        data, mood = await super().get(key), next(self.moods)
        if data is None or mood == "right":
            return data
        if mood == "gone":
            return None
        at = int(key[:8], 16) % len(data)
        return data[:at] if mood == "cut" else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


LINES = st.sampled_from([
    "get_order('abc')",
    "seen.append(get_order('x' * len(seen))['cents'])",
    "print('printed', len(seen), random.random())",
    "seen.append(random.randint(0, 9))",
    "if len(seen) % 2: refund('a', cents=len(seen))",
    "for n in range(2): seen.append(anything(n=n, t=time.time()))",
    "try:\n    anything(x='trouble')\nexcept RuntimeError as error:\n    seen.append(str(error))",
    "seen += await asyncio.gather(ask(1), ask(len(seen)), ask(3))",
    "try:\n    nowhere\nexcept NameError:\n    print('none')",
    "anything(x='trouble')",
    "seen.append({1, 2})",
    "print('y' * 3000)",
])  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lines=st.lists(LINES, max_size=6),
    moods=st.lists(st.sampled_from(["right", "right", "gone", "flip", "cut"]), min_size=1),
)
def test_with_and_without_a_cache_the_outcomes_are_the_same(stage, lines, moods):
    run, workers = stage
    code = "\n".join(("import asyncio, random, time", "seen = []", *lines, "seen"))
    program, limits = Program(code=code, tools=TOOLS, seed=3, now=10**15), Limits(printed=5000, calls=8)
    plainly = run(play(program, workers, limits=limits))
    cached = run(play(program, workers, limits=limits, cache=MemoryCache()))
    spoiled = run(play(program, workers, limits=limits, cache=Spoiled(moods)))
    assert msgspec.json.encode(cached) == msgspec.json.encode(plainly)
    assert msgspec.json.encode(spoiled) == msgspec.json.encode(plainly)


class Watched(MemoryCache):
    """It says what was found."""

    found = 0

    async def get(self, key):
        data = await super().get(key)
        self.found += data is not None
        return data


def test_what_was_kept_is_gone_on_from(go):
    """A dump of another place under the right key: what comes shows that it was taken."""
    cache = Watched()
    paused = go("print('a')\nget_order('a')\nprint('b')\n1", cache=cache)
    assert go(
        "print('a')\nget_order('a')\nprint('b')\n1", record(1, "get_order", order_id="a"), cache=cache
    ) == Finished(1, "a\nb\n")
    assert (cache.found, len(cache.kept)) == (1, 1)
    assert go("print('a')\nget_order('a')\nprint('b')\n1", cache=cache) == paused  # asked again, without an answer


def test_what_was_kept_before_the_version_was_written_down_is_found(go):
    cache = Watched()
    paused = go("get_order('a')", cache=cache)
    assert go("get_order('a')", cache=cache, interpreter=version()) == paused
    assert cache.found == 1


def test_what_was_kept_for_other_answers_is_not_found(go):
    """One cache, two answers to the first call: what each leads to is its own."""
    code, cache = (
        "cents = get_order('a')['cents']\nrefund('a', cents=cents)\nrefund('b', cents=cents + 1)",
        MemoryCache(),
    )
    for _ in range(2):
        for cents in (1, 2):
            first = record(1, "get_order", {"cents": cents}, order_id="a")
            assert go(code, first, cache=cache).call.args == {"order_id": "a", "cents": cents}
            assert (
                go(code, first, record(2, "refund", order_id="a", cents=cents), cache=cache).call.args["cents"]
                == cents + 1
            )
    assert isinstance(go(code, first, record(2, "refund", order_id="a", cents=1), cache=cache), Diverged)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"now": 1}, {"inputs": {"x": 1}}, {"limits": Limits(calls=7)}, {"tools": TOOLS[:1]}]
)
def test_what_was_kept_for_something_else_is_not_found(go, change):
    cache = Watched()
    go("get_order('a')", cache=cache)
    go("get_order('a')", cache=cache, **change)
    assert cache.found == 0


def test_what_the_interpreter_does_not_load_is_passed_over(go, monkeypatch):
    """The hash is right and the dump is not one: it is executed from the start."""
    from holdfast.sandbox import programs, programs_cache

    cache, real = Watched(), programs.seal
    monkeypatch.setattr(programs, "seal", lambda key, place: real(key, msgspec.structs.replace(place, dump=b"rubbish")))
    paused = go("print(1)\nget_order('a')", cache=cache)
    assert programs_cache.unseal(*next(iter(cache.kept.items()))).dump == b"rubbish"
    assert go("print(1)\nget_order('a')", cache=cache) == paused
    assert go("print(1)\nget_order('a')", record(1, "get_order", 5, order_id="a"), cache=cache) == Finished(5, "1\n")
    assert cache.found == 2


def test_a_memory_cache_keeps_few_and_small_ones():
    async def fill():
        cache = MemoryCache(most=2, largest=3)
        for name in "abc":
            await cache.put(name, b"123")
        await cache.put("d", b"1234")
        return [await cache.get(name) for name in "abcd"]

    assert asyncio.run(fill()) == [None, b"123", b"123", None]


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("name", ["print", "open", "a-b", "class", "holdfast_call", "__import__", "", "größe"])
def test_a_tool_that_no_program_can_name_is_refused(name):
    with pytest.raises(ContractError):
        asyncio.run(step(Program(code="1", tools=(Offered(name=name, parameters={}),))))


def test_two_things_of_one_name_are_refused():
    with pytest.raises(ContractError, match="two things called get_order"):
        asyncio.run(step(Program(code="1", tools=TOOLS, inputs={"get_order": 1})))


@pytest.mark.parametrize("limits", [Limits(calls=0), Limits(stretch=-1), Limits(memory=1 << 40), Limits(wall=10**12)])
def test_limits_that_are_none_are_refused(limits):
    with pytest.raises(UsageError, match="a program's limit"):
        asyncio.run(step(Program(code="1"), (), limits))


@pytest.mark.parametrize("ordinals", [[2, 1], [1, 1], [0]])
def test_a_record_that_is_out_of_order_is_refused(ordinals):
    with pytest.raises(UsageError, match="in the order"):
        asyncio.run(step(Program(code="1"), [record(one, "get_order") for one in ordinals]))


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    with pytest.raises(SettingsError, match="pydantic-monty") as caught:
        asyncio.run(step(Program(code="1")))
    assert 'pip install "holdfast[sandbox]"' in caught.value.hint


def test_a_record_of_another_interpreter_is_refused(go):
    assert go("1", interpreter=version()) == Finished(1, "")
    with pytest.raises(SettingsError, match=r"begun in pydantic-monty 0\.1\.0") as caught:
        go("1", interpreter="0.1.0")
    assert caught.value.hint == 'pip install "pydantic-monty==0.1.0"'


def test_holdfast_is_imported_without_it():
    code = "import sys, holdfast, holdfast.sandbox, holdfast.sandbox.programs; print('pydantic_monty' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_the_world_of_these_tests_answers_alike():
    call = Called(1, "get_order", {"order_id": "ab"})
    assert answer(call) == answer(call) == Answer({"cents": 200})
