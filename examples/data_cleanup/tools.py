"""What goes in and what comes out. The tools are those of a workspace: `shell`, `read_file`, `write_file`, `python`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

ARTEFACTS: Final = (
    "clean/customers.csv",
    "clean/orders.csv",
    "clean/products.csv",
    "clean/stock_moves.csv",
    "report.json",
)
"""The files that have to be there when it is done, made in this run."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Job(_Record):
    """A clean-up that is wanted: the name of the file that says what is to be done."""

    task: Annotated[str, Field(min_length=1, max_length=200)]


class Cleaned(_Record):
    """What came of it, in the figures of the report."""

    customers: Annotated[int, Field(ge=0)]
    orders: Annotated[int, Field(ge=0)]
    orders_cents: Annotated[int, Field(ge=0)]
    products: Annotated[int, Field(ge=0)]
    stock_units: int
    sentence: Annotated[str, Field(min_length=1, max_length=300)]
