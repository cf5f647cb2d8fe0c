"""Sparse parity: when a training ends, what its size makes of the rates, and that EP solves what backprop solves."""

from __future__ import annotations

import pytest

from neuroep import load_model
from neuroep.data import parity
from neuroep.learning.trainer import Epoch
from neuroep.studies.parity import STEADY, Solving, Task, solve
from neuroep.weights import Weights


def epochs(*right: float) -> list[Epoch]:
    return [Epoch(i, share, 0.1, None, 0.0) for i, share in enumerate(right)]


@pytest.mark.parametrize(
    ("right", "ends"),
    [
        ([1.0] * (STEADY - 1), False),
        ([1.0] * STEADY, True),
        ([0.5, *[1.0] * STEADY], True),
        ([*[1.0] * STEADY, 0.98], False),
        ([1.0, 0.98, *[1.0] * (STEADY - 1)], False),
    ],
)
def test_a_training_ends_after_epochs_without_an_error(right: list[float], ends: bool) -> None:
    progress = Solving.fresh(Weights.zeros((3, 2, 1)))
    progress.history += epochs(*right)
    assert progress.stalled(0) is ends


@pytest.mark.parametrize(
    ("bits", "hidden", "readout"), [(20, 200, 0.1), (20, 1000, 0.02), (3, 200, 0.015), (40, 400, 0.1)]
)
def test_the_readouts_rate_goes_with_inputs_over_units(bits: int, hidden: int, readout: float) -> None:
    """The model's own, 0.1 at 20-200-1, times n/20 · 200/hidden."""
    model = load_model("parity")
    assert model.recipe().training.learning_rates == (1.5, 0.1)
    recipe = Task(bits=bits, hidden=hidden).recipe(model.recipe(), model.network())
    for training in (recipe.training, recipe.backprop):
        assert training.learning_rates == pytest.approx((1.5, readout), rel=1e-12)
    assert Task(bits=bits, hidden=hidden).network(model.network()).sizes == (bits, hidden, 1)


def test_data_are_the_published_ones_of_each_seed() -> None:
    """BENCHMARKS: at n = 20 seed 43 draws the secret [6, 9, 19], seed 44 [9, 14, 15]."""
    found = Task(seeds=(43, 44)).datasets()
    assert [data.source.split("secret=")[1] for data in found.values()] == ["[6, 9, 19]", "[9, 14, 15]"]
    assert {seed: data.sha256 for seed, data in found.items()} == {s: parity(seed=s).sha256 for s in (43, 44)}


def test_ep_solves_it_as_backprop_does() -> None:
    """By a recipe for which other seeds than those reported were tried; EP tends to its twin's gradient."""
    rows = solve(load_model("parity"), Task(seeds=(201,)))
    assert [row["test_accuracy"] for row in rows] == [1.0, 1.0]
    assert abs(rows[0]["epochs"] - rows[1]["epochs"]) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("device", ["ecram", "loihi1"])
def test_devices_solve_it(device: str) -> None:
    from neuroep import load_device

    rows = solve(load_model("parity"), Task(seeds=(201,)), [load_device(device)], backprop=False)
    assert rows[1]["device"] == device
    assert rows[1]["test_accuracy"] == 1.0
