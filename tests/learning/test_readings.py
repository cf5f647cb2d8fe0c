"""Every estimator of a recipe, from a model file to trained weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import neuroep
from neuroep.engines import create
from neuroep.errors import BadInput
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients
from neuroep.network import Activation, chain, initial_weights
from neuroep.recipe import Estimator, Phases
from neuroep.rng import stream
from neuroep.specs.catalogue import load_model

NEW = ("holomorphic", "continual", "continual-symmetric")


def model_file(tmp_path: Path, phases: str, training: str = "learning_rates = [0.1, 0.05]") -> Path:
    """The xor model with other phases and rates."""
    text = load_model("xor").path.read_text(encoding="utf-8")
    head = text[: text.index("[phases]")]
    path = tmp_path / "mine.toml"
    path.write_text(f"{head}[phases]\n{phases}\n[training]\nepochs = 3\nbatch_size = 4\n{training}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("estimator", NEW)
def test_it_trains_from_a_model_file(tmp_path: Path, estimator: str) -> None:
    """Weights move, and alike in two runs of one seed."""
    path = model_file(tmp_path, f'estimator = "{estimator}"\nbeta = 0.2\nfree_sweeps = 20\nnudged_sweeps = 10')
    start = initial_weights(load_model(path).network(), stream(0, "weights"))
    runs = [neuroep.train(path, seed=0) for _ in range(2)]
    assert len(runs[0].history) == 3
    assert not np.array_equal(runs[0].weights.couplings, start.couplings)
    np.testing.assert_array_equal(runs[0].weights.couplings, runs[1].weights.couplings)


def test_scaled_displacements_train_as_raw_states_do(tmp_path: Path) -> None:
    """At γ = 1 both estimate the same differences, and the weights part by rounding alone."""
    phases = 'estimator = "centered"\nbeta = 0.2\nfree_sweeps = 40\nnudged_sweeps = 40\nnudged_order = "forward"'
    raw, scaled = (neuroep.train(model_file(tmp_path, phases + more), seed=0) for more in ("", "\nscaled = true"))
    np.testing.assert_allclose(scaled.weights.couplings, raw.weights.couplings, atol=1e-4)


@pytest.mark.parametrize(
    ("phases", "training", "said"),
    [
        ('estimator = "holomorphic"\npoints = 1', "learning_rates = [0.1]", "2 to 1000"),
        ('estimator = "holomorphic"\nscaled = true', "learning_rates = [0.1]", "centered"),
        ('estimator = "continual"', "learning_rates = [0.1]\nmomentum = 0.9", "momentum = 0"),
        ('estimator = "holomorph"', "learning_rates = [0.1]", "holomorphic"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, phases: str, training: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        load_model(model_file(tmp_path, phases, training))


@pytest.mark.parametrize(
    ("estimator", "like"),
    [("continual", "one-sided"), ("continual-symmetric", "centered"), ("holomorphic", "centered")],
)
def test_gradients_of_the_new_estimators(estimator: str, like: str) -> None:
    """Continual ones have that of the difference they tend to; a circle of two points is the centered one."""
    network = chain((4, 5, 3), Activation.TANH)
    weights = initial_weights(network, stream(1, "w"), np.float64)
    circuit = Ideal().mount(network, weights, stream(1, "m")).circuit
    x, y = stream(1, "x").normal(size=(6, 4)), stream(1, "y").normal(size=(6, 3))
    found, wanted = (
        ep_gradients(create("cpu", 1), circuit, x, y, Phases(Estimator(name), 0.1, 500, 500, tolerance=1e-13, points=2))
        for name in (estimator, like)
    )
    np.testing.assert_allclose(found.couplings, wanted.couplings, atol=1e-9)
