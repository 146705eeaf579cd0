"""What a run used up, as far as its entries tell."""

from __future__ import annotations

from msgspec import Struct


class Totals(Struct, frozen=True, omit_defaults=True):
    """What the run used up."""

    steps: int = 0
    nusd: int = 0
    unsettled: int = 0
    """nusd charged for attempts whose cost nobody told."""
    reserved: int = 0
    unpriced: int = 0
    """Answers whose cost nobody knows."""
    input: int = 0
    output: int = 0
    work: int = 0
    """µs of models and tools."""
    opened: int = 0
    """Child runs."""
    below: int = 0
    """nusd that closed children told of, for themselves and theirs."""
    carved: int = 0
    """nusd that open children may use."""

    @property
    def charged(self) -> int:
        """nusd that this run itself was charged, without its children."""
        return self.nusd + self.unsettled + self.reserved
