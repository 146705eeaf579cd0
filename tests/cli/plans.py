"""An agent that pays two bills in one answer, each of which waits for somebody."""

from __future__ import annotations

from pathlib import Path

from tests.cli.bills import CONTRACT, STANDIN, write_agent

TWICE = STANDIN.replace(
    '    return [call("look_up", bill=bill), call("pay", bill=bill, cents=int(bill)), finish]',
    '    other = str(int(bill) + 1000)\n'
    '    looks = [call("look_up", bill=bill), call("look_up", bill=other)]\n'
    '    pays = [call("pay", bill=bill, cents=int(bill)), call("pay", bill=other, cents=int(other))]\n'
    "    return [looks, pays, finish]",
)  # fmt: skip


def write_pair(folder: Path, name: str = "pair", contract: str = CONTRACT) -> Path:
    """An agent in a folder: bill 5000 is paid together with bill 6000."""
    return write_agent(folder, name, contract=contract, standin=TWICE)
