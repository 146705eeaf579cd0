"""Quantiles, beside SciPy's distributions; and what is said where SciPy is not there."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scipy import stats

from holdfast.errors import SettingsError, UsageError
from holdfast.evals.stats import draws, quantiles


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_scipy(level: float) -> None:
    assert quantiles.two_sided_z(level) == pytest.approx(stats.norm.ppf((1 + level) / 2))
    assert quantiles.normal(level) == pytest.approx(stats.norm.ppf(level))
    for freedom in (1, 2, 9, 200):
        assert quantiles.two_sided_t(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom))
    assert quantiles.beta(level, 3, 0.5) == pytest.approx(stats.beta.ppf(level, 3, 0.5))


def test_what_has_no_quantile_is_refused() -> None:
    for probability in (0.0, 1.0, 2.0):
        with pytest.raises(UsageError):
            quantiles.normal(probability)
    with pytest.raises(UsageError, match="one cluster"):
        quantiles.two_sided_t(0.95, 0)


def test_without_scipy_and_numpy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "numpy", None)
    for ask in (lambda: quantiles.two_sided_t(0.95, 3), lambda: draws.flipped([1.0], None)):
        with pytest.raises(SettingsError, match=r"holdfast\[evals\]"):
            ask()
    assert quantiles.two_sided_z(0.95) == pytest.approx(1.96, abs=1e-3)


def test_importing_them_loads_neither() -> None:
    modules = ["benefit", "cluster", "gate", "paired", "power", "rates", "repeat"]
    code = "".join(f"import holdfast.evals.stats.{name}\n" for name in modules)
    code += "import sys; sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
