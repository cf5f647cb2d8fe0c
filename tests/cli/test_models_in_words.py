"""`neuroep models NAME` says how phases settle and by which rule weights descend."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import call

MODEL = """
summary = "a test"
data = "xor"
layers = [{ size = 2 }, { size = 3 }, { size = 2 }]
[phases]
solver = "euler-maruyama"
form = "gradient"
step_seconds = 2e-4
noise = 0.5
free_sweeps = 70
nudged_sweeps = 30
free_seconds = 1e-2
nudged_seconds = 5e-3
[training]
rule = "muon"
momentum = 0.95
[backprop]
rule = "adam"
"""


@pytest.mark.parametrize(
    "said",
    [
        "centered estimator, β = 0.3, euler-maruyama in gradient form, steps of 0.0002 s, thermal noise 0.5 per √s",
        "at most 70 free steps, 30 nudged, tolerance 0", "muon", "adam",
    ],
)  # fmt: skip
def test_what_it_says(said: str, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(MODEL, encoding="utf-8")
    found = call("models", tmp_path / "m.toml")
    assert found.status == 0, found.err
    assert said in found.out
