"""What answers where there is no key for a model: a script, and no model. It finds a number and a day."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from holdfast import ask, call, decline, done
from holdfast.dialogue import Request, Result, Told
from holdfast.models.scripted import Plain, Turn, script_by

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def turns(request: str) -> Sequence[Turn]:
    """The same answer at every step: whatever follows from what was told so far."""
    return [following] * 8


def following(request: Request) -> Plain:
    """The next call, from the request and from what the calls before it gave."""
    results = [part for part in request.segments if isinstance(part, Result)]
    told = [part.text for part in request.segments if isinstance(part, Told)]
    text = " ".join([*told, *(part.text for part in results if part.tool == "ask")]).lower()
    if "room" not in text:
        return decline("This desk only books rooms.")
    day = next((day for day in DAYS if day in text), None)
    people = re.search(r"\b(\d{1,3})\b", text)
    if day is None or people is None:
        return ask("For which day of this week, and for how many people?")
    last = results[-1] if results and results[-1].tool != "ask" else None
    if last is None:
        return call("free_rooms", day=day)
    if last.tool == "book_room":
        room = None if last.failed else json.loads(last.text.splitlines()[0])["room"]
        return done(
            room=room, sentence=f"You have {room} on {day}." if room else f"I could not book a room: {last.text}."
        )
    seats: dict[str, int] = json.loads(last.text)["seats"]
    fitting = [room for room in seats if seats[room] >= int(people[1])]
    if not fitting:
        return done(room=None, sentence=f"No room with {people[1]} seats is free on {day}.")
    return call("book_room", room=min(fitting, key=seats.__getitem__), day=day, people=int(people[1]))


standin = script_by(turns)
