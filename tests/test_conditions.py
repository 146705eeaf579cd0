"""Conditions: CEL that answers true or false, or says that it cannot."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast import conditions
from holdfast.conditions import MAX_ITEMS, MAX_LENGTH, NAMES, Scope, Unanswered
from holdfast.errors import ContractError
from tests.core import strategies

VALUES = {
    "args": {"cents": 400, "order": "A-1", "why": None, "list": [1, 2], "lines": [{"cents": 100}, {"cents": 50}]},
    "input": {"order": "A-1", "letter": "Please send  MY money\nback, it is 4,00 €."},
    "seen": {"get_order": {"paid": 500, "refunded": 100, "customer": {"name": "Ann"}}},
    "run": {"usd": 0.2, "steps": 3, "trusted": False, "classes": ["contact"]},
    "caller": {"by": "alice", "on_behalf_of": "", "tenant": ""},
    "effects": {"refund": [{"cents": 100}, {"cents": 250}], "note": []},
    "output": {"refunded": 350},
}


@pytest.fixture
def scope():
    return Scope(VALUES)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("args.cents <= seen.get_order.paid - seen.get_order.refunded", True),
        ("args.cents > 400", False),
        ("args.order == input.order", True),
        ("output.refunded == total(effects.refund, 'cents')", True),
        ("total(effects.note, 'cents') == 0", True),
        ("total(args.lines, 'cents') == 150", True),
        ("quotes('my MONEY back', input)", True),
        ("quotes('my  monney', input)", False),
        ("quotes('', input)", False),
        ("quotes('oney', input)", False),
        ("quotes(' ', input)", False),
        ("'contact' in run.classes && !run.trusted", True),
        ("args.list.all(x, x > 0)", True),
        ("args.lines.exists(line, line.cents == 50)", True),
        ("size(args.order) == 3", True),
        ("has(args.cents)", True),
        ("has(args.nothing)", False),
        ("args.why == null", True),
        ("run.usd < 1.0", True),
        ("caller.by == 'alice'", True),
        ("seen.get_order.customer.name.startsWith('A')", True),
    ],
)
def test_a_condition_is_true_or_false(scope, expression, answer):
    assert scope.holds(expression) is answer


@pytest.mark.parametrize(
    "expression",
    [
        "args.nothing > 1", "seen.get_policy.days > 1", "args.cents > 'x'", "args.why > 1", "args.list[7] > 0", "1 / 0 == 1",
        "args.cents", "'true'", "null", "args.lines", "total(args.cents, 'cents') > 0", "total(args.lines, 'euros') > 0",
        "total(args.list, 'cents') > 0", "quotes(7, input)", "quotes('x')", "args.order.matches('(')", "int('x') > 1",
        "9223372036854775807 + 1 > 0",
    ],
)  # fmt: skip
def test_what_has_no_answer_is_never_taken_for_one(scope, expression):
    with pytest.raises(Unanswered) as caught:
        scope.holds(expression)
    assert str(caught.value)


def test_a_missing_field_is_named(scope):
    with pytest.raises(Unanswered, match="nothing"):
        scope.value("args.nothing")


def test_a_value_need_not_be_true_or_false(scope):
    assert scope.value("input.order") == "A-1"
    assert scope.value("args.lines.map(line, line.cents)") == [100, 50]


def test_only_what_stands_in_the_scope_is_known():
    with pytest.raises(Unanswered):
        Scope({"args": {}}).holds("output.refunded == 0")


@pytest.mark.parametrize(
    ("text", "source", "found"),
    [
        ("IBAN DE89", {"a": ["my iban  de89 3704"]}, True), ("ﬁve", "five", True), ("STRASSE", "straße", True),
        ("five", {"five": 1}, False), ("5", 5, False), ("a\nb", "a b", True), ("ab", ["a", "b"], False),
    ],
)  # fmt: skip
def test_a_quote_is_word_for_word_with_case_and_white_space_folded(text, source, found):
    assert conditions.quotes(text, source) is found


# ------------------------------------------------------------------------------------------------------------ bounds


def test_a_condition_has_a_bounded_length():
    longest = "args.cents == 1" + " " * (MAX_LENGTH - 15)
    assert conditions.compiled(longest)
    with pytest.raises(ContractError, match=f"{MAX_LENGTH + 1} characters"):
        conditions.compiled(longest + " ")


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("args.a.all(x, x > 0) && args.b.exists(y, y > 0)", True),
        ("args.a.map(x, x + 1).filter(y, y > 1).size() > 0", True),
        ("args.a.all(x, (x.size() + 1) > 0)", True),
        ("args.a.all(x, args.b.all(y, y > x))", False),
        ("args.a.map(x, x.b.filter(y, y > 0)).size() > 0", False),
        ("args.a . exists_one ( x , args.b .all( y, true))", False),
        ("args.a == '.all(x, .all(y, '", True),
    ],
)
def test_list_macros_stand_side_by_side_and_not_in_each_other(expression, fine):
    if fine:
        assert conditions.compiled(expression)
    else:
        with pytest.raises(ContractError, match="inside a list macro"):
            conditions.compiled(expression)


def test_a_macro_does_not_walk_a_list_longer_than_the_bound():
    fits, over = ({"args": {"deep": [{"list": [0] * size}]}} for size in (MAX_ITEMS, MAX_ITEMS + 1))
    assert Scope(fits).holds("args.deep[0].list.all(x, x == 0)") is True
    with pytest.raises(Unanswered, match=str(MAX_ITEMS)):
        Scope(over).holds("args.deep[0].list.all(x, x == 0)")
    assert Scope(over).holds("size(args.deep[0].list) > 1000") is True


@pytest.mark.parametrize(
    "expression", ["", " ", "args.", "a b", "args.cents >", "(", "'x", "for x in y", "args.cents = 1"]
)
def test_what_is_no_cel_is_an_error_of_the_contract(expression):
    with pytest.raises(ContractError, match="no CEL expression") as caught:
        conditions.compiled(expression)
    assert caught.value.hint


# ------------------------------------------------------------------------------------------------- what it talks of


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("args.cents <= seen.get_order.paid", [("args", "cents"), ("seen", "get_order", "paid")]),
        ("total(effects.refund, 'cents') > 0", [("effects", "refund")]),
        ("args.lines.all(line, line.cents > args.least)", [("args", "lines"), ("args", "least")]),
        ("input.name == 'args.fake' && true", [("input", "name")]),
        ('input.name == "a\\"args.fake"', [("input", "name")]),
        ("args . cents > 1.5", [("args", "cents")]),
        ("input.name.startsWith('x')", [("input", "name")]),
        ("args['cents'] == 1", [("args",)]),
        ("has(args.note) || output == null", [("args", "note"), ("output",)]),
        ("args.cents == args.cents", [("args", "cents")]),
    ],
)
def test_the_places_a_condition_reads_can_be_told(expression, found):
    assert list(conditions.paths(expression)) == found


@pytest.mark.parametrize(
    ("expression", "strangers"),
    [
        ("args.x == 1 && arg.y == 2", ["arg"]), ("args.list.all(x, x > 0)", []), ("args.list.all(x, x > y)", ["y"]),
        (" && ".join(f"{name}.a == 1" for name in sorted(NAMES)), []),
    ],
)  # fmt: skip
def test_names_that_no_contract_has_can_be_told(expression, strangers):
    assert conditions.unknown_names(expression) == strangers


# -------------------------------------------------------------------------------------------------------- whatever

WORDS = [
    "args", "args.cents", "args.list", "args.lines", "input.order", "seen.get_order.paid", "effects.refund", "null", "true", "1", "-1", "1.5",
    "0", "9223372036854775807", "'a'", "[]", "[1]", "{'a': 1}", "x", "total(effects.refund, 'cents')", "quotes(input.order, input)",
]  # fmt: skip
MACROS = ["all", "exists", "map", "filter"]
OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "in"]

expressions = st.recursive(
    st.sampled_from(WORDS),
    lambda inner: (
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda part: f"({part[0]} {part[1]} {part[2]})")
        | st.tuples(inner, st.sampled_from(MACROS), inner).map(lambda part: f"{part[0]}.{part[1]}(x, {part[2]})")
        | st.tuples(st.sampled_from(["!", "-", "size", "total", "int"]), inner).map(
            lambda part: f"{part[0]}({part[1]})"
        )
    ),
    max_leaves=5,
)
anything = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


@anything
@given(expressions, st.dictionaries(st.sampled_from(sorted(NAMES)), strategies.json))
def test_a_condition_gives_an_answer_or_says_that_it_cannot_and_nothing_else(expression, values):
    """Deny is the safe answer: whatever a condition does, the judge hears of it as `Unanswered` and refuses."""
    for scope in (Scope(values), Scope(VALUES)):
        try:
            assert scope.holds(expression) in (True, False)
        except (Unanswered, ContractError) as error:
            assert str(error)


@anything
@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_an_error_of_the_contract(text):
    try:
        conditions.compiled(text)
        conditions.unknown_names(text)
        Scope(VALUES).holds(text)
    except (Unanswered, ContractError):
        pass
    conditions.paths(text)
