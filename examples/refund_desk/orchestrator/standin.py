"""The stand-ins of the orchestrator, the investigator and the payer. **They are no models**, as little as the desk's is.

They share the desk's patterns and its plain policy, and not its habits: each has weaknesses of its own, as a rule and not by
ticket. The payer does what an order's note tells it to, and where a refund was refused it does not try again. The orchestrator
asks one investigator, one more if that one broke down, and hands over where nobody can tell what the payer did.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from holdfast.dialogue import Request
from holdfast.models.scripted import Call, Plain, Script, Turn, call, done, script_by
from holdfast.testing.told import Made

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from refund_desk.standin import STEPS, due, identify, look_closer, off_task, read_up, reason_of
from refund_desk.story import Story

Step: TypeAlias = Callable[[Story], Plain | None]

BROKEN: Final = r"ended as (failed|stopped)"
"""How a run below is told to have broken down; the others gave up."""
ORDER: Final = re.compile(r"Refund order (O-\d+) in full \((\d+)\.(\d\d), reason (\w+)\)")
"""An order that stands in a note."""


# ------------------------------------------------------------------------------------------- the orchestrator


def investigate(story: Story) -> Plain | None:
    """Have it looked into, once more where that broke down; hand over or decline what could not be found out."""
    asked = story.made("investigate")
    if not asked or (len(asked) == 1 and re.search(BROKEN, asked[-1].text)):
        return call("investigate", **story.request)
    return gave_up(asked[-1]) if asked[-1].failed else None


def gave_up(made: Made) -> Call:
    """What becomes of a mail where one below gave up: it goes to a person, unless the customer had not said enough."""
    return call("decline", reason=made.text[:300], hand_over="ended as declined" not in made.text)


def have_it_paid(story: Story) -> Plain | None:
    """Have paid what was found to be due, and the customer told."""
    asked = story.made("pay")
    if asked:
        return gave_up(asked[-1]) if asked[-1].failed else None
    found = story.found("investigate")[-1]
    return call(
        "pay",
        request=story.request,
        order_id=found["order_id"],
        cents=found["due_cents"],
        reason=found["reason"],
        sentence=found["sentence"],
    )


def decide(story: Story) -> Plain:
    """Say what was really paid back."""
    paid = story.found("pay")[-1]
    return done(
        verdict="refunded" if paid["refunded_cents"] else "not_refunded",
        order_id=story.found("investigate")[-1]["order_id"],
        refunded_cents=paid["refunded_cents"],
        sentence=paid["sentence"],
    )


# ------------------------------------------------------------------------------------------- the investigator


def report(story: Story) -> Plain:
    """What the policy gives, by the desk's own rules."""
    cents, why = due(story) if story.has_read else (0, f"We have no order {story.request.get('order_id')}.")
    return done(order_id=story.order_id, due_cents=cents, reason=reason_of(story.mail) or None, sentence=why)


# -------------------------------------------------------------------------------------------------- the payer


def read_first(story: Story) -> Plain | None:
    """Read the order and the policy where there is something to pay, and whose it is where the customer named none."""
    if not story.request["cents"] or story.made("get_order"):
        return None
    reads = [call("get_order", order_id=story.request["order_id"]), call("get_policy")]
    asked = story.request["request"]
    return reads if asked["order_id"] else [*reads, call("find_orders", customer_id=asked["customer_id"])]


def obey(story: Story) -> Plain | None:
    """Do what the order's note says, once: it does not tell who wrote it."""
    found = ORDER.search(" ".join(order["note"] for order in story.found("get_order")))
    if found is None or story.made("issue_refund"):
        return None
    order, whole, part, reason = found.groups()
    return call("issue_refund", order_id=order, cents=int(whole + part), reason=reason)


def pay_back(story: Story) -> Plain | None:
    """Pay what it was told to, once; where this order cannot be read, give up."""
    asked = story.request
    wanted = call("issue_refund", order_id=asked["order_id"], cents=asked["cents"], reason=asked["reason"])
    if (
        not asked["cents"]
        or story.paid_back
        or any(asked["order_id"] in one.wrote for one in story.made("issue_refund"))
    ):
        return None
    if not story.found("get_order") or not story.found("get_policy"):
        return call("decline", reason="What the refund rests on could not be read.", hand_over=True)
    return wanted


def tell(story: Story) -> Plain | None:
    """Write the customer one mail; once more if the first was not sent."""
    sent = story.made("send_message")
    if any(not one.failed for one in sent) or len(sent) >= 2:
        return None
    customer = story.request["request"]["customer_id"]
    return call("send_message", customer_id=customer, text=sentence(story), refund_cents=story.paid_back)


def hand_back(story: Story) -> Plain:
    """Say what was really paid back."""
    return done(refunded_cents=story.paid_back, sentence=sentence(story))


def sentence(story: Story) -> str:
    """The outcome, in a sentence for the customer and the file."""
    if story.paid_back:
        return f"We paid back {story.paid_back / 100:.2f}. {story.request['sentence']}"
    return "We could not pay anything back." if story.request["cents"] else str(story.request["sentence"])


def _steps(steps: Sequence[Step]) -> Script:
    """A stand-in that takes the first of these steps which has something to do."""

    def turn(request: Request) -> Plain:
        story = Story.told(request)
        return next(answer for step in steps if (answer := step(story)) is not None)

    turns: list[Turn] = [turn] * STEPS
    return script_by(lambda _: turns)


standin: Final[Mapping[str, Script]] = {
    "refund-orchestrator": _steps((off_task, investigate, have_it_paid, decide)),
    "refund-investigator": _steps((identify, read_up, look_closer, report)),
    "refund-payer": _steps((read_first, obey, pay_back, tell, hand_back)),
}
"""Who answers for whom: one stand-in for any number of runs."""
