"""Chance from a seed: clusters drawn again, and their signs. The same seed gives the same figures.

NumPy is loaded when something is first drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import TYPE_CHECKING, Any

from holdfast.errors import SettingsError, UsageError
from holdfast.evals.stats.quantiles import checked_level

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

DRAWS = 10_000
"""How often to draw where not told otherwise."""

_WHOLE = 1e-9
"""What is whole but for floating point, is."""

_AT_ONCE = 1 << 21
"""Numbers held in memory at a time."""


def resampled(rows: Sequence[Sequence[float]], draws: int = DRAWS, seed: int = 0) -> Floats:
    """Sums of every column over as many rows as there are, drawn again with replacement: an array draws x columns.

    A row is a cluster: what belongs together is drawn together. Raises UsageError for fewer than two rows.
    """
    np = _numpy()
    if len(rows) < 2:
        raise UsageError("nothing can be drawn again from one cluster", hint="add a second task")
    table, chance = np.asarray(rows, dtype=float), np.random.default_rng(seed)
    alike = np.full(len(rows), 1 / len(rows))
    parts = [chance.multinomial(len(rows), alike, size=size) @ table for size in _portions(draws, len(rows))]
    return np.concatenate(parts)  # type: ignore[no-any-return]


def flipped(sums: Sequence[float], draws: int | None, seed: int = 0) -> Floats:
    """What sums come to under drawn signs, or under every choice of signs if `draws` is None."""
    np = _numpy()
    values = np.asarray(sums, dtype=float)
    if draws is None:
        every = np.arange(1 << len(sums))[:, None] >> np.arange(len(sums))
        return (1 - 2 * (every & 1)) @ values  # type: ignore[no-any-return]
    chance = np.random.default_rng(seed)
    parts = [(1 - 2 * chance.integers(0, 2, (size, len(sums)))) @ values for size in _portions(draws, len(sums))]
    return np.concatenate(parts)  # type: ignore[no-any-return]


def percentiles(drawn: Sequence[float] | Floats, level: float) -> tuple[float, float]:
    """The bounds between which `level` of what was drawn lies; drawn values may be infinite.

    A bound is always a value that was drawn, the outer one where it falls between two.
    """
    ranked = sorted(map(float, drawn))
    beyond = floor((1 - checked_level(level)) / 2 * len(ranked) + _WHOLE)
    return ranked[beyond], ranked[-1 - beyond]


def _portions(draws: int, width: int) -> Iterator[int]:
    if draws < 1:
        raise UsageError(f"{draws} draws cannot be made", hint="draw at least a thousand times")
    most = max(1, _AT_ONCE // max(1, width))
    while draws > 0:
        yield min(draws, most)
        draws -= most


def _numpy() -> Any:
    try:
        import numpy as np
    except ImportError as missing:
        raise SettingsError(
            "statistics of evaluations need NumPy, which is not installed", hint="pip install 'holdfast[evals]'"
        ) from missing
    return np
