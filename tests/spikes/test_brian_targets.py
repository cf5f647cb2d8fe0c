"""Compiled, brian2 sends the same spikes; it takes g++ minutes, once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from simulators import assert_same, assert_same_trains, both_phases, drawn, how

from neuroep.engines.spiking.brian.engine import BrianEngine
from neuroep.engines.spiking.engine import SpikingEngine


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_compiled_targets_send_the_same_spikes_and_are_built_once(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    p, engine = drawn(), BrianEngine(target)
    assert_same_trains(engine, p)
    p.weights.couplings[:] *= 0.9  # other weights, in the same program
    other = both_phases(SpikingEngine(1), p, how(), (0.4,))
    again = both_phases(engine, p, how(), (0.4,))
    for got, wanted in zip(again[:2], other[:2], strict=True):
        assert_same(got, wanted)
    np.testing.assert_array_equal(again[2].counts, other[2].counts)
    assert engine.built == 1
    del engine
    assert list(tmp_path.iterdir()) == []
