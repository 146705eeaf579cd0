"""The contract: data with safe defaults, one canonical form, and errors in its own words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import codec, units
from holdfast.contract import Contract, Grant, Limits
from holdfast.errors import ContractError

SIX = {
    "name": "refund-desk", "task": "Decide one refund.", "takes": {"type": "object"}, "gives": {"type": "string"},
    "models": ["anthropic:claude-sonnet-4-5-20250929"], "tools": {"get_order": {}},
}  # fmt: skip
FULL = {
    **SIX,
    "tools": {
        "get_order": {},
        "refund": {
            "needs": {"get_order": {"order": "args.order"}}, "fresh": "10m", "from": {"order": ["input.order"]},
            "must": [{"that": "args.cents > 0", "because": "something"}, {"check": "open", "because": "hours", "secret": True}],
            "review": [{"when": "args.cents > 100", "by": "finance", "people": 2, "within": "4h", "then": "ask: legal", "because": "much"}],
            "amendable": ["cents"], "at_most": 1, "accepts": ["contact"],
        },
    },
    "instructions": "Be kind.", "context": ["now", "tags"], "conversation": True,
    "done": {"must": [{"that": "true", "because": "so"}], "review": {"because": "look"}},
    "limits": {"steps": 12, "usd": "0.20", "work": "2m", "wall": "3d", "retries": 4, "repeats": 2},
    "surprises": {"partial": "stop", "exhausted": "tell", "unknown": "stop", "limit": "stop"},
    "worth": {"success": "4.00", "failure": "-25.00", "reviewer_minute": "0.80"}, "predicates": {"open": "abc"},
}  # fmt: skip


def test_six_keys_are_enough():
    made = Contract.parse(SIX)
    assert made.limits == Limits()
    assert made.tools == {"get_order": Grant()}
    assert (made.limits.steps, made.limits.usd, made.limits.work, made.limits.retries) == (
        20,
        10**9,
        5 * units.MINUTE,
        4,
    )


@pytest.mark.parametrize("key", sorted(SIX))
def test_each_of_the_six_is_required_and_missed_by_name(key):
    with pytest.raises(ContractError, match=f"`{key}` is missing"):
        Contract.parse({name: value for name, value in SIX.items() if name != key})


def test_defaults_never_let_an_unknown_write_be_merely_told():
    """SEMANTICS rule 21: `surprises.unknown: tell` does not exist."""
    assert Contract.parse(SIX).surprises.unknown == "review"
    with pytest.raises(ContractError, match=r"surprises\.unknown"):
        Contract.parse({**SIX, "surprises": {"unknown": "tell"}})


def test_durations_and_money_are_written_for_people_and_kept_as_whole_numbers():
    made = Contract.parse(FULL)
    refund = made.tools["refund"]
    assert (refund.fresh, refund.review[0].within) == (10 * units.MINUTE, 4 * units.HOUR)
    assert (made.limits.usd, made.limits.work, made.limits.wall) == (200_000_000, 2 * units.MINUTE, 3 * units.DAY)
    assert Contract.parse({**SIX, "limits": {"usd": None}}).limits.usd is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "two words"}, "`name`"), ({"name": ""}, "`name`"), ({"task": ""}, "`task`"), ({"models": []}, "`models`"),
        ({"tols": {}}, "`tols` is no key of a contract"), ({"tools": {"x": {"need": {}}}}, r"`tools\.x\.need` is no key"),
        ({"limits": {"steps": 0}}, r"limits\.steps"), ({"limits": {"usd": "lots"}}, "no amount of US dollars"),
        ({"limits": {"work": "soon"}}, "no duration"), ({"limits": {"output": 1}}, r"limits\.output"),
        ({"tools": {"x": {"must": [{"that": "true"}]}}}, r"must\.0\.because` is missing"),
        ({"tools": {"x": {"must": [{"that": "true", "because": ""}]}}}, "because"),
        ({"tools": {"x": {"must": [{"because": "b"}]}}}, "give either `that`"),
        ({"tools": {"x": {"must": [{"because": "b", "that": "true", "check": "c"}]}}}, "give either `that`"),
        ({"tools": {"x": {"review": [{"because": "b", "people": 0}]}}}, "people"),
        ({"tools": {"x": {"review": [{"because": "b", "then": "allow"}]}}}, "then"),
        ({"tools": {"x": {"at_most": 0}}}, "at_most"), ({"tools": ["get_order"]}, "tools"), ({"context": ["mood"]}, "context"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(change, said):
    with pytest.raises(ContractError, match=said) as caught:
        Contract.parse({**SIX, **change}, "desk.yaml")
    assert caught.value.what.startswith("desk.yaml: ")
    assert caught.value.hint


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(ContractError) as caught:
        Contract.parse({**SIX, "task": "", "nonsense": 1, "limits": {"steps": 0}})
    assert len(caught.value.what.splitlines()) == 4


@pytest.mark.parametrize("data", [None, [], "desk", 7])
def test_what_is_no_mapping_is_no_contract(data):
    with pytest.raises(ContractError):
        Contract.parse(data)


# ------------------------------------------------------------------------------------------------- the canonical form


def test_a_contract_is_read_from_its_canonical_form_as_it_was():
    """The journal keeps the form; a parked run goes on under what is read from it."""
    for data in (SIX, FULL):
        made = Contract.parse(data)
        again = Contract.parse(codec.parse(codec.canonical(made.data)))
        assert again == made
        assert again.digest == made.digest
        assert again.data == made.data


durations = st.integers(0, 10**15).map(lambda us: f"{us // 1000}.{us % 1000:03}ms")
money = st.decimals(min_value=0, max_value=1000, places=9).map(str)


@settings(deadline=None)
@given(durations, durations, money, st.integers(1, 100))
def test_no_ceiling_changes_on_its_way_through_the_journal(work, wall, usd, steps):
    made = Contract.parse({**SIX, "limits": {"work": work, "wall": wall, "usd": usd, "steps": steps}})
    assert Contract.parse(made.data).limits == made.limits


def test_the_digest_is_of_what_the_contract_says_and_not_of_how_it_is_written():
    base = Contract.parse(SIX).digest
    reordered = dict(reversed(SIX.items()))
    spelled = {**SIX, "limits": {"usd": "1.0", "work": "300s"}, "conversation": False}
    assert Contract.parse(reordered).digest == Contract.parse(spelled).digest == base


@pytest.mark.parametrize(
    "change",
    [
        {"task": "Decide two."}, {"instructions": "Be quick."}, {"models": ["other:model-2025-01-01"]}, {"tools": {}},
        {"tools": {"get_order": {"at_most": 1}}}, {"limits": {"steps": 21}}, {"predicates": {"open": "abc"}}, {"conversation": True},
        {"gives": {"type": "integer"}}, {"worth": {"success": "1"}},
    ],
)  # fmt: skip
def test_any_other_word_is_another_version(change):
    assert Contract.parse({**SIX, **change}).digest != Contract.parse(SIX).digest


def test_a_contract_cannot_be_changed_after_it_was_made():
    made = Contract.parse(SIX)
    with pytest.raises(ValueError, match="frozen"):
        made.task = "Anything."  # type: ignore[misc]
