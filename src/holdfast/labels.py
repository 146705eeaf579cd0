"""Labels: what may be said of where data came from, and how labels join.

A label has a trust and data classes. Joining never raises trust and never drops a class, so a run's label says the worst
of everything that reached its model. Source of the design: FIDES (arXiv 2505.23643), with two trust levels only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from holdfast.events import Label

T = TypeVar("T")

TRUSTED = Label(trusted=True)
"""Data nobody outside could have written."""

UNTRUSTED = Label()
"""Anything else."""


class Mark:
    """What `Untrusted[...]` leaves on a type: the field's text may have been written by anyone."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Write the mark into the field's JSON Schema, where a contract's digest can see it."""
        schema: dict[str, Any] = handler(core)
        schema["x-untrusted"] = True
        return schema


Untrusted = Annotated[T, Mark()]
"""A field of an input that somebody else wrote: `body: Untrusted[str]`."""


def join(labels: Iterable[Label]) -> Label:
    """The label of data made from data with these labels; of nothing: trusted, plain."""
    trusted, classes = True, set[str]()
    for label in labels:
        trusted = trusted and label.trusted
        classes.update(label.classes)
    return Label(trusted, tuple(sorted(classes)))


def meet(one: Label, other: Label) -> Label:
    """The join of two labels, sharing the first where it says it all."""
    if (other.trusted or not one.trusted) and set(other.classes) <= set(one.classes):
        return one
    return join((one, other))
