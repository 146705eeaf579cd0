"""What can be set for a place: people, roles, calendars, notifying, values; each read strictly, and over an environment."""

from __future__ import annotations

from datetime import date

import pytest

from holdfast.calendars import DAYS, say, working
from holdfast.errors import SettingsError
from holdfast.shell.settings import parse

OFFICE = """
[calendars.office]
zone = "Europe/Berlin"
days = ["mon", "tue", "wed", "thu", "fri"]
hours = ["09:00-12:30", "13:00-17:00"]
holidays = [2026-12-25]
"""

DESK = f"""
mode = "simulate"
journal = "sqlite:///desk.db"
notify = {{command = ["notify-send", "holdfast"]}}

[values]
erp = "https://test.example"
token = {{variable = "ERP_TEST_TOKEN"}}

[people]
alice = ["finance"]
bob = ["finance", "lead"]

[people.carol]
roles = ["lead"]
represents = ["c:551", "carol@example.org"]

[roles.finance]
calendar = "office"
[roles.lead]
{OFFICE}
[env.prod]
mode = "live"
journal = "sqlite:////srv/desk.db"
notify = {{webhook = "https://hooks.example/desk", secret = "HOOK_KEY"}}
[env.prod.values]
token = {{variable = "ERP_TOKEN"}}
[env.prod.people]
alice = []
[env.prod.people.bob]
roles = ["lead"]
represents = ["c:9"]
[env.prod.calendars.office]
hours = {{mon = ["08:00-09:00"], tue = ["08:00-09:00"]}}
days = ["tue", "mon"]
"""


def test_a_place_says_who_there_is_and_when_they_work():
    found = parse(DESK)
    assert found.roles_of("alice") == ("finance",)
    assert found.roles_of("bob") == ("finance", "lead")
    assert found.roles_of("nobody") == ()
    assert found.identities("carol") == {"carol", "c:551", "carol@example.org"}
    assert found.identities("carol@example.org") == {"carol", "carol@example.org"}
    assert found.identities("alice") == {"alice"}
    office = working("Europe/Berlin", {day: ["09:00-12:30", "13:00-17:00"] for day in DAYS[:5]}, [date(2026, 12, 25)])
    assert found.calendars_of(["finance", "lead", "", "requester", "nowhere"]) == {"finance": office}


def test_an_environment_has_its_own_journal_mode_people_values_and_hours():
    plain, prod = parse(DESK), parse(DESK, environment="prod")
    assert (plain.mode, plain.journal) == ("simulate", "sqlite:///desk.db")
    assert (prod.mode, prod.journal) == ("live", "sqlite:////srv/desk.db")
    assert plain.notify.command == ["notify-send", "holdfast"]
    assert (prod.notify.command, prod.notify.webhook, prod.notify.secret) == (
        [],
        "https://hooks.example/desk",
        "HOOK_KEY",
    )
    assert (prod.roles_of("alice"), prod.roles_of("bob"), prod.roles_of("carol")) == ((), ("lead",), ("lead",))
    assert prod.identities("bob") == {"bob", "c:9"}
    assert (
        say(prod.calendars_of(["finance"])["finance"])
        == "Mon and Tue 08:00–09:00 (Europe/Berlin), closed on 2026-12-25"
    )
    variables = {"ERP_TEST_TOKEN": "one-two-three", "ERP_TOKEN": "four-five-six"}
    assert plain.given(variables) == {"erp": "https://test.example", "token": "one-two-three"}
    assert prod.given(variables) == {"erp": "https://test.example", "token": "four-five-six"}
    assert prod.credentials(variables) == {"token": "four-five-six"}


def test_each_variable_that_is_not_set_is_named_and_none_is_a_setting_of_its_own():
    found = parse('[values]\ntoken = {variable = "ONE"}\nother = {variable = "TWO"}\nplain = "x"\n')
    with pytest.raises(SettingsError, match=r"ONE \(for values.token\), TWO \(for values.other\)"):
        found.given({"TWO": ""})
    assert parse("").given({}) == {}


def test_hours_may_differ_from_day_to_day():
    text = '[calendars.c]\nzone = "UTC"\nhours = {mon = ["09:00-17:00"], fri = ["09:00-12:00"]}\n[roles.r]\ncalendar = "c"\n'
    assert say(parse(text).calendars_of(["r"])["r"]) == "Mon 09:00–17:00; Fri 09:00–12:00 (UTC)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jurnal = 'sqlite:///x'", "jurnal is no setting"),
        ("mode = 'lvie'", "mode: Input should be 'simulate', 'supervise' or 'live'"),
        ("[env.prod]\nmode = 'lvie'", "env.prod.mode:"),
        ("journal = 'desk.db'", "named by a URL"),
        ("journal = 'memory:'", "gone with each command"),
        ("journal = 'postgresql://desk:hunter2@db/desk'", "no password stands in a URL"),
        ("[people.alice]\nrole = ['x']", "people.alice.role is no setting"),
        ("[people]\nalice = 'finance'", "people.alice: a person is a list of roles, or a table"),
        ("[people.alice]\nroles = ['finanse']", "people.alice has the role finanse, which is not among roles"),
        ("[people.alice]\nrepresents = 'c:551'", "people.alice.represents: Input should be a valid list"),
        ("[roles.x]\ncalender = 'office'", "roles.x.calender is no setting"),
        ("[roles.x]\ncalendar = 'offise'", "roles.x works by the calendar offise, which is not among calendars"),
        ("[env.prod.roles.x]\ncalendar = 'offise'", "env.prod.roles.x works by the calendar offise"),
        ("calendars = 3", "calendars:"),
        ("[calendars]\noffice = 3", "calendars.office:"),
        (OFFICE + "lunch = true", "calendars.office.lunch is no setting"),
        (OFFICE.replace("Berlin", "Berln"), "calendars.office: the time zone Europe/Berln is not known"),
        (OFFICE.replace('"mon"', '"monday"'), "days says which weekdays the hours are for"),
        (OFFICE.replace("\ndays", "\n# days"), "days says which weekdays the hours are for"),
        (OFFICE.replace("hours", "# hours"), "calendars.office.hours: Field required"),
        (OFFICE.replace("12:30", "12.30"), "'09:00-12.30' are no hours"),
        (OFFICE.replace("13:00", "12:00"), "overlap"),
        (OFFICE.replace("2026-12-25", "'2026-12-25'"), "calendars.office.holidays.0: Input should be a valid date"),
        (OFFICE.replace("2026-12-25", "2026-12-25T00:00:00"), "calendars.office.holidays.0:"),
        ('[calendars.c]\nzone = "UTC"\ndays = ["mon"]\nhours = {tue = ["09:00-10:00"]}', "leave it out"),
        ('[calendars.c]\nzone = "UTC"\ndays = 3\nhours = {tue = ["09:00-10:00"]}', "leave it out"),
        (
            '[calendars.c]\nzone = "UTC"\ndays = []\nhours = ["09:00-10:00"]',
            "calendars.c: a calendar that is never open",
        ),
        ('[calendars.c]\nzone = "UTC"\nhours = {}', "calendars.c: a calendar that is never open"),
        ('[calendars.c]\nzone = "UTC"\nhours = {someday = ["09:00-10:00"]}', "'someday' is no weekday"),
        ("notify = {}", "notify: give either command"),
        ("notify = {comand = ['x']}", "notify.comand is no setting"),
        ("notify = {command = ['x'], webhook = 'https://a', secret = 'KEY'}", "notify: give either command"),
        ("notify = {command = ['']}", "the command has no name"),
        ("notify = {webhook = 'https://a'}", "notify: a webhook is signed"),
        ("notify = {command = ['x'], secret = 'KEY'}", "notify: a webhook is signed"),
        ("notify = {webhook = 'http://a.example', secret = 'KEY'}", "not encrypted"),
        ("notify = {webhook = 'a.example', secret = 'KEY'}", "no URL that begins with https"),
        ("notify = {webhook = 'https://me:pw@a.example', secret = 'KEY'}", "no credential stands in a URL"),
        (
            "notify = {webhook = 'https://a', secret = 'sk-live-8fj3'}",
            "notify.secret: this is the name of an environment variable",
        ),
        ("[values]\nport = 3", "values.port: a text in quotes"),
        ("[values]\napi_token = 'hunter2'", "api_token looks like a credential"),
        ("[values]\nerp-password = 'hunter2'", "erp-password looks like a credential"),
        ("[values]\nx = {variable = 'sk-live-8fj3'}", "this is the name of an environment variable"),
        ("[values]\nx = {varable = 'X'}", "values.x.varable is no setting"),
        ("[env.prod.env.other]\nmode = 'live'", "env.prod.env is no setting"),
    ],
)
def test_what_is_wrong_is_named_and_no_credential_is_repeated(text, said):
    with pytest.raises(SettingsError) as caught:
        parse(text, "desk.toml")
    assert said in caught.value.what
    assert "desk.toml" in caught.value.what
    assert not any(secret in str(caught.value) for secret in ("hunter2", "sk-live", "me:pw"))


def test_what_only_looks_like_a_credential_is_a_text():
    text = "[values]\ntoken_url = 'https://a'\nsecretary = 'mia'\nkeyboard = 'de'\n"
    assert parse(text).given({}) == {"token_url": "https://a", "secretary": "mia", "keyboard": "de"}
    assert parse("notify = {webhook = 'http://127.0.0.1:8000/x', secret = 'KEY'}").notify.webhook
