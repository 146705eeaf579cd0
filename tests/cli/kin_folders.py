"""A desk that has bills paid by the payer of `bills`: agents in folders, one of which calls the other."""

from __future__ import annotations

from pathlib import Path

from tests.cli.bills import write_agent
from tests.cli.test_undo import BACK

CONTRACT = """\
name: desk
task: Have two bills paid.
takes: {type: object, properties: {bills: {type: array, items: {type: string}}}, required: [bills]}
gives: {type: object, properties: {paid: {type: integer}}, required: [paid]}
models: [anthropic:claude-sonnet-4-5-20250929]
tools:
  payer: {agent: ../payer, limits: {usd: "0.02"}}
limits: {steps: 6, usd: "0.10"}
"""

STANDIN = '''\
"""Has each bill paid, one after the other."""

import json

from holdfast.models.scripted import call, done, script_by

standin = script_by(lambda first: [
    *(call("payer", bill=bill) for bill in json.loads(first)["bills"]), done(paid=len(json.loads(first)["bills"]))
])
'''


def write_family(folder: Path) -> Path:
    """The place of the desk; the payer stands beside it, and what it pays can be taken back."""
    write_agent(folder, tools=BACK)
    place = folder / "desk"
    place.mkdir()
    (place / "contract.yaml").write_text(CONTRACT)
    (place / "tools.py").write_text('"""None of its own."""\n')
    (place / "standin.py").write_text(STANDIN)
    return place
