"""Readings of a run's entries, for people: pure functions that give small typed structs, never a second record.

    trace   what happened, in order, with every call and everything said about it in one place
    why     what it did and why, in sentences that name the entries they rest on

A reading needs entries with their bodies and nothing else. It shows what is there: an unknown kind of entry is shown as
unknown, and a body that was erased as erased.
"""
