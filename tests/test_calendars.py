"""Working calendars, against tables and against a clock that is looked at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.calendars import DAYS, LONGEST, Calendar, add, passed, say, working
from holdfast.errors import SettingsError
from holdfast.units import DAY, HOUR, MINUTE, SECOND

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "UTC",
)
OFFICE = {day: ["09:00-12:30", "13:00-17:00"] for day in DAYS[:5]}
BERLIN = working("Europe/Berlin", OFFICE, [date(2026, 12, 25)])


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """A moment by the clock on the wall; a `*` behind it means the second time that it shows this."""
    wall = datetime.fromisoformat(text.rstrip("*")).replace(tzinfo=ZoneInfo(zone), fold=int(text.endswith("*")))
    return (wall - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("since", "within", "until"),
    [
        ("2026-11-23 09:00", 2 * HOUR, "2026-11-23 11:00"),
        ("2026-11-23 11:00", 4 * HOUR, "2026-11-23 15:30"),  # over lunch
        ("2026-11-23 09:00", 7 * HOUR + 30 * MINUTE, "2026-11-23 17:00"),  # used up exactly when it closes
        ("2026-11-23 09:00", 7 * HOUR + 30 * MINUTE + 1, "2026-11-24 09:00:00.000001"),
        ("2026-11-23 09:00", 3 * HOUR + 30 * MINUTE, "2026-11-23 12:30"),
        ("2026-11-23 12:30", MINUTE, "2026-11-23 13:01"),  # begins as it closes
        ("2026-11-23 13:00", MINUTE, "2026-11-23 13:01"),
        ("2026-11-23 03:00", 1, "2026-11-23 09:00:00.000001"),
        ("2026-11-27 16:59:59.5", SECOND, "2026-11-30 09:00:00.5"),  # over the weekend
        ("2026-11-28 12:00", HOUR, "2026-11-30 10:00"),
        ("2026-12-24 16:00", 4 * HOUR, "2026-12-28 12:00"),  # over the holiday, and the weekend behind it
        ("2026-12-25 10:00", HOUR, "2026-12-28 10:00"),
        ("2026-03-27 16:00", 2 * HOUR, "2026-03-30 10:00"),  # clocks were put forward meanwhile
        ("2026-10-23 16:00", 2 * HOUR, "2026-10-26 10:00"),  # and back
        ("2026-11-23 10:00", 0, "2026-11-23 10:00"),
        ("2026-11-22 10:00", 0, "2026-11-22 10:00"),  # nothing to wait for, though it is Sunday
    ],
)
def test_office_hours_in_berlin(since, within, until):
    assert add(BERLIN, at(since), within) == at(until)
    assert passed(BERLIN, at(since), at(until)) == within


NIGHT = {"sun": ["00:00-06:00"]}


@pytest.mark.parametrize(
    ("zone", "hours", "since", "within", "until"),
    [
        ("Europe/Berlin", NIGHT, "2026-03-29 00:00", 4 * HOUR, "2026-03-29 05:00"),  # the hour from 2 to 3 is left out
        ("Europe/Berlin", NIGHT, "2026-03-29 00:00", 5 * HOUR, "2026-03-29 06:00"),
        ("Europe/Berlin", NIGHT, "2026-03-29 00:00", 6 * HOUR, "2026-04-05 01:00"),
        ("Europe/Berlin", NIGHT, "2026-10-25 00:00", 4 * HOUR, "2026-10-25 03:00"),  # it comes twice
        ("Europe/Berlin", NIGHT, "2026-10-25 00:00", 7 * HOUR, "2026-10-25 06:00"),
        (
            "Europe/Berlin",
            {"sun": ["02:00-03:00"]},
            "2026-03-29 00:00",
            1,
            "2026-04-05 02:00:00.000001",
        ),  # never open that day
        ("Europe/Berlin", {"sun": ["02:00-03:00"]}, "2026-10-25 00:00", 2 * HOUR, "2026-10-25 03:00"),
        (
            "Europe/Berlin",
            {"sun": ["02:30-03:00"]},
            "2026-10-25 00:00",
            31 * MINUTE,
            "2026-10-25 02:31*",
        ),  # in two pieces
        ("Europe/Berlin", {"sun": ["02:00-02:30"]}, "2026-10-25 02:29", 2 * MINUTE, "2026-10-25 02:01*"),
        ("America/New_York", NIGHT, "2026-11-01 00:00", 3 * HOUR, "2026-11-01 02:00"),
        ("America/New_York", NIGHT, "2026-03-08 00:00", 3 * HOUR, "2026-03-08 04:00"),
        ("Australia/Lord_Howe", NIGHT, "2026-04-05 00:00", 3 * HOUR, "2026-04-05 02:30"),  # half an hour back
        ("Australia/Lord_Howe", NIGHT, "2026-10-04 00:00", 3 * HOUR, "2026-10-04 03:30"),  # half an hour forward
        ("Asia/Kolkata", OFFICE, "2026-11-23 09:00", HOUR, "2026-11-23 10:00"),
        # clocks went back over midnight: the last hour of Saturday came twice
        ("America/Sao_Paulo", {"sat": ["22:00-24:00"]}, "2018-02-17 22:00", 3 * HOUR, "2018-02-18 00:00"),
        # the zone went over the date line, and had no Friday 30 December 2011
        (
            "Pacific/Apia",
            {"fri": ["00:00-24:00"], "sat": ["00:00-24:00"]},
            "2011-12-29 12:00",
            HOUR,
            "2011-12-31 01:00",
        ),
    ],
)
def test_where_clocks_are_changed(zone, hours, since, within, until):
    calendar = working(zone, hours)
    assert add(calendar, at(since, zone), within) == at(until, zone)
    assert passed(calendar, at(since, zone), at(until, zone)) == within


def test_over_years():
    monthly = working("UTC", {"mon": ["09:00-10:00"]})
    assert add(monthly, at("2026-01-01", "UTC"), 104 * HOUR) == at("2027-12-27 10:00", "UTC")  # 104 Mondays
    assert add(monthly, at("2026-01-01", "UTC"), 10**6 * HOUR) == at("2026-01-01", "UTC") + LONGEST
    for moment in (0, -10 * DAY, 10**18, 2**62):  # a journal's clock may be anybody's
        assert moment < add(BERLIN, moment, HOUR) <= moment + LONGEST


# ---------------------------------------------------------------------------------------- a clock, every minute


def is_open(calendar: Calendar, moment: int) -> bool:
    wall = datetime.fromtimestamp(moment // SECOND, ZoneInfo(calendar.zone))
    shown = f"{wall:%H:%M}"
    spans = calendar.hours.get(DAYS[wall.weekday()], ())
    return wall.date() not in calendar.holidays and any(span[:5] <= shown < span[6:] for span in spans)


def minute_by_minute(calendar: Calendar, since: int, until: int) -> list[tuple[int, int]]:
    """The pieces of [since, until) of a minute at most, in which it is open."""
    edges = [since, *range((since // MINUTE + 1) * MINUTE, until, MINUTE), until]
    return [(begin, end) for begin, end in pairwise(edges) if begin < end and is_open(calendar, begin)]


MINUTES = st.one_of(st.integers(0, 24 * 60), st.integers(0, 48).map(lambda half: half * 30))


@st.composite
def spans(draw):
    edges = sorted(draw(st.sets(MINUTES, min_size=2, max_size=6)))
    return [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in zip(edges[::2], edges[1::2], strict=False)]


CHANGES = {  # days on which clocks were, or will be, changed
    "Europe/Berlin": ["2026-03-29", "2026-10-25", "2040-03-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],
    "America/Sao_Paulo": ["2018-02-18", "2018-11-04"],
    "Pacific/Apia": ["2011-12-30", "2012-04-01"],
}


@st.composite
def calendars(draw):
    zone = draw(st.sampled_from(ZONES))
    hours = draw(st.dictionaries(st.sampled_from(DAYS), spans(), min_size=1))
    day = date.fromisoformat(draw(st.sampled_from(CHANGES.get(zone, ["2026-11-22"]))))
    holidays = draw(st.sets(st.integers(-3, 4).map(lambda off: day + timedelta(days=off)), max_size=2))
    since = at(f"{day}T00:00", "UTC") + draw(st.integers(-2 * DAY, 2 * DAY))
    return working(zone, hours, sorted(holidays)), since


@settings(max_examples=150, deadline=None)
@given(calendars(), st.data())
def test_it_is_what_a_clock_shows_that_is_looked_at_every_minute(made, data):
    calendar, since = made
    until = since + data.draw(st.integers(1, 5 * DAY))
    pieces = minute_by_minute(calendar, since, until)
    total = sum(end - begin for begin, end in pieces)
    assert passed(calendar, since, until) == total
    if not total:
        return
    within = data.draw(st.integers(1, total))
    left = within
    for begin, end in pieces:
        if end - begin >= left:
            break
        left -= end - begin
    assert add(calendar, since, within) == begin + left


@settings(max_examples=100, deadline=None)
@given(calendars(), st.integers(1, 40 * HOUR), st.integers(1, 40 * HOUR))
def test_it_is_the_first_moment_and_times_add_up(made, one, other):
    calendar, since = made
    found = add(calendar, since, one)
    assert passed(calendar, since, found) == one
    assert passed(calendar, since, found - 1) == one - 1
    assert add(calendar, found, other) == add(calendar, since, one + other)


# --------------------------------------------------------------------------------------------- what a calendar is


def test_it_stands_in_a_journal_and_reads_as_what_was_written():
    data = msgspec.json.encode(BERLIN)
    assert b'"09:00-12:30"' in data
    again = msgspec.json.decode(data, type=Calendar)
    assert again == BERLIN
    assert add(again, at("2026-12-24 16:00"), 4 * HOUR) == at("2026-12-28 12:00")


def test_the_order_in_which_it_is_written_does_not_matter():
    one = working(
        "UTC", {"fri": ["13:00-14:00", "09:00-10:00"], "mon": ["09:00-10:00"]}, [date(2027, 1, 1), date(2026, 1, 1)]
    )
    other = working(
        "UTC", {"mon": ["09:00-10:00"], "fri": ["09:00-10:00", "13:00-14:00"]}, [date(2026, 1, 1), date(2027, 1, 1)]
    )
    assert one == other
    assert say(one) == say(other)


@pytest.mark.parametrize(
    ("zone", "hours", "said"),
    [
        ("Europe/Berlin", {}, "never open"),
        ("Europe/Berlin", {"mon": []}, "never open"),
        ("Europe/Berlin", {"monday": ["09:00-10:00"]}, "'monday' is no weekday"),
        ("Europe/Berlin", {"mon": ["9-17"]}, "'9-17' are no hours"),
        ("Europe/Berlin", {"mon": ["09:00-24:30"]}, "are no hours"),
        ("Europe/Berlin", {"mon": ["24:00-24:00"]}, "are no hours"),
        ("Europe/Berlin", {"mon": ["22:00-06:00"]}, "ends before it begins"),
        ("Europe/Berlin", {"mon": ["09:00-09:00"]}, "ends before it begins"),
        ("Europe/Berlin", {"mon": ["09:00-12:00", "11:00-13:00"]}, "on mon, 09:00-12:00 and 11:00-13:00 overlap"),
        ("Europe/Bielefeld", OFFICE, "Europe/Bielefeld is not known on this machine"),
        ("Europe", OFFICE, "not known on this machine"),
        ("../../etc/passwd", OFFICE, "is no time zone"),
        ("localtime", OFFICE, "is no time zone"),
        ("right/Europe/Berlin", OFFICE, "is no time zone"),
        ("", OFFICE, "is no time zone"),
    ],
)
def test_what_is_wrong_is_said(zone, hours, said):
    with pytest.raises(SettingsError, match=said) as caught:
        working(zone, hours)
    assert caught.value.hint


def test_one_that_nobody_checked_is_refused_where_it_is_never_open_and_read_where_it_overlaps():
    with pytest.raises(SettingsError, match="never open"):
        add(Calendar("UTC", {}), 0, HOUR)
    with pytest.raises(SettingsError, match="not known on this machine"):
        add(Calendar("Mars/Phobos", {"mon": ("09:00-10:00",)}), 0, HOUR)
    twice = Calendar("UTC", {"mon": ("09:00-12:00", "10:00-11:00", "11:30-13:00")})
    assert add(twice, at("2026-11-23 09:00", "UTC"), 4 * HOUR) == at("2026-11-23 13:00", "UTC")


@pytest.mark.parametrize(
    ("zone", "hours", "holidays", "said"),
    [
        ("Europe/Berlin", OFFICE, [date(2026, 12, 25)], "Mon–Fri 09:00–12:30 and 13:00–17:00 (Europe/Berlin), closed on 2026-12-25"),
        ("UTC", {day: ["00:00-24:00"] for day in DAYS}, [], "Mon–Sun all day (UTC)"),
        ("UTC", {**OFFICE, "fri": ["09:00-12:00"]}, [], "Mon–Thu 09:00–12:30 and 13:00–17:00; Fri 09:00–12:00 (UTC)"),
        ("UTC", {"mon": ["09:00-10:00"], "tue": ["09:00-10:00"], "thu": ["09:00-10:00"]}, [], "Mon, Tue and Thu 09:00–10:00 (UTC)"),
        ("UTC", {"sat": ["09:00-10:00"]}, [date(2026, 1, day) for day in range(1, 6)],
         "Sat 09:00–10:00 (UTC), closed on 2026-01-01, 2026-01-02, 2026-01-03 and 2 more days"),
    ],
)  # fmt: skip
def test_in_words(zone, hours, holidays, said):
    assert say(working(zone, hours, holidays)) == said
    assert say(Calendar("UTC", {})) == "never (UTC)"
