"""The core: three pure functions that carry the product.

    fold(state, entry)            → state       what is known after one more entry
    decide(bound, state, moment)  → events      what follows from what is known
    pending(bound, state, moment) → requests    what is to be done in the world, by whoever won its start entry

Append, then act: an effect is a recorded request with no answer yet. Nothing here knows a clock, a disk, a network, a log
or a random number; time comes in as data. Resuming after a crash, retrying, waiting for days and sharing work among
machines are all the same loop entered again.
"""

from __future__ import annotations
