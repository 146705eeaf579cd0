"""Tools, answers and a driver for programs."""

from __future__ import annotations

from pathlib import Path

from holdfast.sandbox.programs import Answer, Limits, Offered, Paused, Recorded, step


def schema(required=(), **types):
    properties = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in types.items()}
    return {"type": "object", "properties": properties, "required": list(required)}


ORDER = {"type": "object", "properties": {"cents": {"type": "integer"}}, "required": ["cents"]}
TOOLS = (
    Offered(name="get_order", parameters=schema(["order_id"], order_id="string"), returns=ORDER),
    Offered(
        name="refund",
        parameters=schema(["order_id", "cents"], order_id="string", note="string", cents="integer"),
        returns=schema(),
    ),
    Offered(name="ask", parameters=schema(["n"], n="integer"), returns={"type": "integer"}, awaited=True),
    Offered(name="anything", parameters={"type": "object", "additionalProperties": True}),
)


def answer(call):
    """A world that answers each call alike, and fails for whoever asks for trouble."""
    if "trouble" in call.args.values():
        return Answer(error="there is trouble")
    if call.tool == "get_order":
        return Answer({"cents": 100 * len(call.args["order_id"])})
    return Answer(call.args["n"] * 10) if call.tool == "ask" else Answer({"done": call.args})


async def play(program, workers, *, limits=None, cache=None, world=answer, most=200):
    """(last outcome, record, all outcomes): each call answered in the order in which it is asked."""
    recorded, outcomes = [], []
    for _ in range(most):
        outcomes.append(await step(program, recorded, limits or Limits(), cache, workers=workers))
        last = outcomes[-1]
        if not isinstance(last, Paused):
            return last, recorded, outcomes
        recorded = sorted([*recorded, Recorded(last.call, world(last.call))], key=lambda one: one.call.ordinal)
    raise AssertionError("it calls for ever")


def children(pid):
    """The processes below one: process id → command line."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            for child in (task / "children").read_text().split():
                found[int(child)] = (Path("/proc") / child / "cmdline").read_text().replace("\0", " ")
                found |= children(int(child))
        except OSError:  # it ended meanwhile
            continue
    return found
