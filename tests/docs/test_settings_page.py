"""The settings of docs/settings.md are some that can be read, and the page speaks of all that can be set."""

from __future__ import annotations

import re

from pydantic import BaseModel

from holdfast.calendars import say
from holdfast.shell.place import Hours, Person, Place, Role
from holdfast.shell.settings import parse
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "settings.md"


def test_the_settings_of_the_page_are_settings():
    (sample,) = samples(PAGE, "toml")
    plain, prod = parse(sample.text), parse(sample.text, environment="prod")
    assert (plain.mode, prod.mode) == ("simulate", "live")
    assert prod.journal == "sqlite:////srv/desk/journal.db"
    assert (plain.notify.command[0], prod.notify.secret) == ("notify-send", "DESK_HOOK_KEY")
    assert plain.given({"ERP_TEST_TOKEN": "t"}) == {"erp": "https://erp.test.example", "token": "t"}
    assert prod.given({"ERP_TOKEN": "p"}) == {"erp": "https://erp.example.org", "token": "p"}
    assert prod.roles_of("fay") == ("desk", "finance")
    assert "c:551" in prod.identities("carol")
    assert say(prod.calendars_of(["desk"])["desk"]).startswith("Mon–Fri 09:00–12:30 and 13:00–17:00 (Europe/Berlin)")


def test_the_page_speaks_of_all_that_can_be_set():
    said = PAGE.read_text(encoding="utf-8")
    parts: tuple[type[BaseModel], ...] = (Place, Person, Role, Hours)
    named = {name for part in parts for name in part.model_fields}
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", said)] == []
