"""The room desk's tools: one that reads, one that writes, over a small SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from holdfast import tool
from holdfast.tool import Absent, CallKey, Found, Refused

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
People = Annotated[int, Field(ge=1, le=500)]

ROOMS = {"Attic": 4, "Library": 10, "Garden": 20, "Hall": 60}


class Free(BaseModel):
    """The rooms that nobody has booked on a day, and how many seats each has."""

    day: Day
    free: list[str]
    seats: dict[str, int]


class Booking(BaseModel):
    """A booking that was made."""

    booking_id: str
    room: str
    day: Day


class Answer(BaseModel):
    """What the requester gets."""

    room: str | None = Field(description="The room that was booked, or null")
    sentence: str


class Book:
    """The office's booking file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS bookings ("
            " booking_id INTEGER PRIMARY KEY, room TEXT, day TEXT, people INTEGER, key TEXT UNIQUE,"
            " UNIQUE (room, day))"
        )

    def made(self, key: str) -> Booking | None:
        """The booking that was made under a key."""
        row = self.db.execute("SELECT booking_id, room, day FROM bookings WHERE key = ?", (key,)).fetchone()
        return Booking(booking_id=f"b-{row[0]}", room=row[1], day=row[2]) if row else None


@tool.read(timeout=5, trust="trusted")
async def free_rooms(day: Day, *, book: Book) -> Free:
    """The rooms that are still free on a day of this week, with their seats."""
    taken = {room for (room,) in book.db.execute("SELECT room FROM bookings WHERE day = ?", (day,))}
    free = [room for room in ROOMS if room not in taken]
    return Free(day=day, free=free, seats={room: ROOMS[room] for room in free})


async def find_booking(room: str, day: Day, people: People, *, book: Book, key: CallKey) -> Found[Booking] | Absent:
    """Whether a booking happened, when its answer was lost."""
    made = book.made(key)
    return Found(made.booking_id, made) if made else Absent()


@tool.write(timeout=10, lookup=find_booking, effect_id="booking_id")
async def book_room(room: str, day: Day, people: People, *, book: Book, key: CallKey) -> Booking:
    """Book a free room for a day. The same call made twice books once."""
    made = book.made(key)
    if made is None:
        try:
            row = (room, day, people, key)
            book.db.execute("INSERT INTO bookings (room, day, people, key) VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise Refused(f"{room} is taken on {day}") from None
        made = book.made(key)
    if made is None:
        raise Refused(f"{room} could not be booked on {day}")
    return made


@asynccontextmanager
async def resources(settings: Mapping[str, str]) -> AsyncIterator[Book]:
    """What the tools above get after their `*`, by its type. `--setting rooms=FILE` names another file."""
    book = Book(Path(settings.get("rooms", str(Path(__file__).parent / "rooms.db"))))
    try:
        yield book
    finally:
        book.db.close()
