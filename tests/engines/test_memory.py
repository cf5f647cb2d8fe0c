"""EP keeps equilibria, not trajectories: memory doesn't grow with sweeps."""

from __future__ import annotations

import pytest

from neuroep.bench.scaling import memory


def test_peak_memory_is_flat_in_the_number_of_sweeps() -> None:
    peaks = [figure.value for figure in memory() if figure.varied == "sweeps"]
    assert max(peaks) == pytest.approx(min(peaks), rel=0.02)
