"""Working calendars: when somebody works, so that `within: 4h` can mean four hours of their time.

All follows from one sentence: **a calendar is open at a moment if the clock on the wall of its zone then shows a time in one of
the spans of that weekday, and that date is no holiday.** Where clocks are put back, an hour that comes twice counts twice; where
they are put forward, one that is left out counts nothing. No hour is missed or counted for a date that the zone leaves out.

A calendar is data and stands in the journal, in the first entry of a run: changing `holdfast.toml` changes nothing for runs that
began. What it does not hold is how its zone keeps its clocks: that is read from the tz database of this machine. So `add` gives
the same on two machines whose databases say the same of that zone for the time in question. Where they differ (a country changed
its rules, and one machine was not updated), the moment that is worked out differs by as much as the clocks do, usually an hour.
Nothing in a run becomes inconsistent by that: the moment is worked out once, by whoever asks the question, and stands in the
journal from then on. Only deciding that entry again on the other machine (`verify --decisions`) would show another moment.

Times are µs since 1970, durations µs, as everywhere (`units`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

from holdfast.errors import SettingsError
from holdfast.units import DAY, MINUTE, SECOND

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)

LONGEST: Final = 3_660 * DAY
"""Nothing is looked for later than that: about ten years."""


class Calendar(Struct, frozen=True, omit_defaults=True):
    """When somebody works. Made by `working`, which checks it."""

    zone: str
    """A name of the tz database, `Europe/Berlin`."""
    hours: dict[Day, tuple[str, ...]]
    """Weekday → spans like `09:00-12:30`, by the clock on the wall; a day that is not named is closed."""
    holidays: tuple[date, ...] = ()
    """Closed all day, by the date on the wall."""


def working(zone: str, hours: Mapping[str, Sequence[str]], holidays: Sequence[date] = ()) -> Calendar:
    """A calendar, checked and in order. Raises SettingsError that says what is wrong with it."""
    strange = [day for day in hours if day not in DAYS]
    if strange:
        raise SettingsError(f"{strange[0]!r} is no weekday", hint=f"write {', '.join(DAYS)}")
    made: dict[Day, tuple[str, ...]] = {}
    for day in DAYS:
        spans = sorted(hours.get(day, ()), key=_minutes)
        for before, after in pairwise(spans):
            if _minutes(after)[0] < _minutes(before)[1]:
                raise SettingsError(f"on {day}, {before} and {after} overlap", hint="write one span for both")
        if spans:
            made[day] = tuple(spans)
    found = Calendar(zone, made, tuple(sorted(set(holidays))))
    _week(found)
    _zone(zone)
    return found


# ------------------------------------------------------------------------------------------------- reckoning with it


def add(calendar: Calendar, at_us: int, within_us: int) -> int:
    """The first moment at which `within_us` of open time have passed since `at_us`, in µs since 1970.

    Time that is used up exactly when it closes ends then, and not when it opens again. Nothing to wait for: `at_us` itself.
    What would end later than `LONGEST` after `at_us` ends there, so the work is bounded. Raises SettingsError for a calendar
    that is never open, and for a zone that this machine does not know.
    """
    left = within_us
    if left <= 0:
        return at_us
    for begin, end in _open(calendar, at_us, at_us + LONGEST):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return at_us + LONGEST


def passed(calendar: Calendar, since_us: int, until_us: int) -> int:
    """The open time between two moments, in µs; what lies later than `LONGEST` after the first is not counted.

    `passed(calendar, at, add(calendar, at, within)) == within`, where `add` did not end at `LONGEST`. Raises what `add` does.
    """
    return sum(end - begin for begin, end in _open(calendar, since_us, min(until_us, since_us + LONGEST)))


def _open(calendar: Calendar, since: int, until: int) -> Iterator[tuple[int, int]]:
    """The pieces of [since, until) in which it is open, in order; two may touch."""
    week = _week(calendar)
    closed = {holiday.toordinal() - _DAY_ZERO for holiday in calendar.holidays}
    for begin, end, offset in _even(_zone(calendar.zone), since, until):
        day = (begin + offset) // DAY
        while (midnight := day * DAY - offset) < end:
            for opens, closes in week[(day + _THURSDAY) % 7] if day not in closed else ():
                first, last = max(begin, midnight + opens), min(end, midnight + closes)
                if first < last:
                    yield first, last
            day += 1


_DAY_ZERO: Final = date(1970, 1, 1).toordinal()
_THURSDAY: Final = 3
"""What 1970 began with, where Monday is 0."""


def _even(zone: tzinfo, since: int, until: int) -> Iterator[tuple[int, int, int]]:
    """[since, until) in pieces of a day at most in which clocks are not changed: (begin, end, offset to UTC).

    A change is found where the offsets at two ends of a day differ. A zone that changes its clocks and changes them back
    within one day would be missed; there is none in the tz database, where it took four days at the least (1939).
    """
    begin, offset = since, _offset(zone, since // SECOND)
    while begin < until:
        second = begin // SECOND
        ahead = second + DAY // SECOND
        then = _offset(zone, ahead)
        while then != offset and ahead - second > 1:
            middle = (second + ahead) // 2
            if _offset(zone, middle) == offset:
                second = middle
            else:
                ahead, then = middle, _offset(zone, middle)
        end = min(ahead * SECOND, until)
        yield begin, end, offset * SECOND
        begin, offset = end, then


def _offset(zone: tzinfo, second: int) -> int:
    """How far clocks there are ahead of UTC, in seconds, at a second since 1970."""
    found = datetime.fromtimestamp(min(max(second, _FIRST), _LAST), zone).utcoffset()
    return found.days * 86_400 + found.seconds if found is not None else 0


_FIRST: Final = -60_000_000_000
_LAST: Final = 253_000_000_000
"""Seconds since 1970 between which Python knows dates: from the year 69 to 9987. Beyond them, clocks stay as they are."""


def _week(calendar: Calendar) -> list[list[tuple[int, int]]]:
    """For each weekday its spans in order, apart from each other, in µs since midnight."""
    if not any(calendar.hours.values()):
        raise SettingsError("a calendar that is never open", hint='give it hours, like ["09:00-12:30", "13:00-17:00"]')
    week = []
    for day in DAYS:
        spans: list[tuple[int, int]] = []
        for opens, closes in sorted(map(_minutes, calendar.hours.get(day, ()))):
            after = max(opens, spans[-1][1] // MINUTE) if spans else opens  # one that was written by hand may overlap
            if after < closes:
                spans.append((after * MINUTE, closes * MINUTE))
        week.append(spans)
    return week


_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _minutes(span: str) -> tuple[int, int]:
    """Minutes since midnight at which a span begins and ends. Raises SettingsError."""
    found = _SPAN.fullmatch(span)
    if found is None:
        raise SettingsError(f"{span!r} are no hours", hint="write them like 09:00-12:30, from 00:00 to 24:00")
    opens = int(found[1]) * 60 + int(found[2])
    closes = int(found[3]) * 60 + int(found[4]) if found[3] else 24 * 60
    if closes <= opens:
        raise SettingsError(
            f"{span} ends before it begins",
            hint="hours over midnight are two spans: to 24:00, and the next day from 00:00",
        )
    return opens, closes


_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*)*")
_OF_THE_MACHINE: Final = ("localtime", "posixrules", "Factory", "posix/", "right/")
"""Names that stand for something else on each machine, or count seconds otherwise."""


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    """A zone of the tz database. Raises SettingsError for one that is not known here."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if not _NAME.fullmatch(name) or name.startswith(_OF_THE_MACHINE):
        raise SettingsError(f"{name!r} is no time zone", hint="write a name of the tz database, like Europe/Berlin")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"the time zone {name} is not known on this machine",
            hint="write a name of the tz database, like Europe/Berlin; where a machine has none, pip install tzdata",
        ) from None


# --------------------------------------------------------------------------------------------------------- in words


def say(calendar: Calendar) -> str:
    """A calendar in words: `Mon–Fri 09:00–12:30 and 13:00–17:00 (Europe/Berlin), closed on 2026-12-25`."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for at, day in enumerate(DAYS):
        if spans := calendar.hours.get(day):
            alike.setdefault(tuple(spans), []).append(at)
    parts = [f"{_days(days)} {_hours(spans)}" for spans, days in alike.items()] or ["never"]
    said = f"{'; '.join(parts)} ({calendar.zone})"
    if not calendar.holidays:
        return said
    named = [str(holiday) for holiday in calendar.holidays[:3]]
    rest = len(calendar.holidays) - len(named)
    if rest:
        named.append(f"{rest} more day{'s' if rest > 1 else ''}")
    return f"{said}, closed on {_listed(named)}"


def _days(days: Sequence[int]) -> str:
    """Weekdays by number, three or more in a row as `Mon–Fri`."""
    rows: list[list[int]] = []
    for day in days:
        if rows and rows[-1][-1] == day - 1:
            rows[-1].append(day)
        else:
            rows.append([day])
    words = []
    for row in rows:
        names = [DAYS[day].capitalize() for day in row]
        words += [f"{names[0]}–{names[-1]}"] if len(row) > 2 else names
    return _listed(words)


def _hours(spans: Sequence[str]) -> str:
    if list(spans) == ["00:00-24:00"]:
        return "all day"
    return _listed([span.replace("-", "–") for span in spans])


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
