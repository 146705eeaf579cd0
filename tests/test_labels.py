"""Labels: joining never raises trust and never drops a class."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from holdfast.events import Label
from holdfast.labels import TRUSTED, UNTRUSTED, Untrusted, join, meet

quick = settings(deadline=None)
labels = st.builds(
    Label, st.booleans(), st.sets(st.sampled_from(["contact", "health", "payment"])).map(lambda found: tuple(sorted(found)))
)  # fmt: skip


@quick
@given(st.lists(labels))
def test_a_join_is_trusted_if_all_are_and_has_every_class_of_any(parts):
    made = join(parts)
    assert made.trusted == all(label.trusted for label in parts)
    assert set(made.classes) == {name for label in parts for name in label.classes}
    assert list(made.classes) == sorted(set(made.classes))


def test_a_join_of_nothing_is_trusted_and_plain():
    assert join([]) == TRUSTED


@quick
@given(labels, labels, labels)
def test_order_and_grouping_of_joins_never_matter(one, two, three):
    assert meet(one, two) == meet(two, one) == join([one, two])
    assert meet(meet(one, two), three) == meet(one, meet(two, three))
    assert meet(one, one) == one
    assert meet(one, TRUSTED) == one


def test_a_marked_field_shows_in_the_schema_where_a_digest_can_see_it():
    class Mail(BaseModel):
        sender: str
        body: Untrusted[str]

    parts = Mail.model_json_schema()["properties"]
    assert parts["body"]["x-untrusted"] is True
    assert "x-untrusted" not in parts["sender"]
    assert Mail(sender="a", body="b").body == "b"


def test_the_two_levels_differ_in_trust_alone():
    assert (UNTRUSTED.trusted, TRUSTED.trusted) == (False, True)
    assert UNTRUSTED.classes == TRUSTED.classes == ()
