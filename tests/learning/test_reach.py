"""Depths at which raw states show a nudge: powers of γ by logarithms, and gradients where they are no floats."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from problems import problem

from neuroep.engines import create
from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.learning.methods.reach import refuse_faint
from neuroep.learning.readings import ep_gradients, reading
from neuroep.network import Activation, Cost, chain
from neuroep.recipe import Estimator, Phases, Recipe, Training
from neuroep.studies.rig import Rig
from neuroep.weights import FloatArray

EPS = {np.float32: 2.0**-23, np.float64: 2.0**-52}
RAW = [Estimator.ONE_SIDED, Estimator.RANDOM_SIGN, Estimator.CENTERED, Estimator.HOLOMORPHIC, Estimator.CONTINUAL]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [0.3, 0.01])
@pytest.mark.parametrize("gamma", [0.5, 0.1, 0.003])
@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
def test_the_deepest_chain_that_can_be_trained(kind: type, beta: float, gamma: float, cost: Cost) -> None:
    """β γ^{D−1} of a hundredth of the rounding of 1, and no layer more; a read-out isn't one of the D."""
    most = 1 + math.floor(math.log(0.01 * EPS[kind] / beta) / math.log(gamma))

    def faint(depth: int) -> str:
        sizes = (2,) * (depth + 1 + (cost is Cost.CROSS_ENTROPY))
        p = problem(sizes, feedback=gamma, cost=cost, dtype=kind)
        try:
            refuse_faint(p.circuit, Phases(beta=beta))
        except BadInput as error:
            return str(error)
        return ""

    assert faint(most) == ""
    said = faint(most + 1)
    assert f"at most {most} dynamical layers" in said
    assert "phases.scaled = true" in said
    assert said.startswith("feedback: layer 1 feels")


def test_the_least_feedback_at_a_depth() -> None:
    """The γ that the line names can be trained, one of 0.1 % less can't."""
    how = Phases(beta=0.2)
    with pytest.raises(BadInput) as caught:
        refuse_faint(problem((2,) * 101, feedback=0.1, dtype=np.float32).circuit, how)
    found = re.search(r"γ of at least ([0-9.]+) ", str(caught.value))
    assert found is not None
    least = float(found[1])
    assert least == pytest.approx((0.01 * 2.0**-23 / 0.2) ** (1 / 99), abs=1e-4)
    refuse_faint(problem((2,) * 101, feedback=least, dtype=np.float32).circuit, how)
    with pytest.raises(BadInput):
        refuse_faint(problem((2,) * 101, feedback=0.999 * least, dtype=np.float32).circuit, how)


def test_a_nudge_that_is_too_small_at_any_depth() -> None:
    with pytest.raises(BadInput, match=r"phases\.beta of at least 1e-09"):
        refuse_faint(problem((2, 2), dtype=np.float32).circuit, Phases(beta=1e-12))


@pytest.mark.parametrize("estimator", RAW)
def test_every_raw_estimator_is_refused_before_it_trains(estimator: Estimator) -> None:
    """By whatever makes its reading, and by the stand-in of the network; displacements aren't."""
    network = chain((4, *(3,) * 60, 2), Activation.TANH, feedback=0.1)
    how = Training(1, 4, (0.1,))
    with pytest.raises(BadInput, match="on ideal: feedback: layer 1 feels"):
        Rig.of(network, Recipe(Phases(estimator), how, how)).check()
    if estimator.is_difference:
        Rig.of(network, Recipe(Phases(estimator, scaled=True), how, how)).check()
    elif estimator is Estimator.HOLOMORPHIC:
        with pytest.raises(BadInput, match="layer 1 feels"):
            reading(create("cpu", 1), problem((2,) * 61, feedback=0.1).circuit, Phases(estimator), 0)


@pytest.mark.parametrize("estimator", RAW)
@pytest.mark.parametrize(("kind", "most"), [(np.float32, 5), (np.float64, 39)])
def test_gradients_are_refused_where_they_are_not_finite(estimator: Estimator, kind: type, most: int) -> None:
    """γ^{D−1} = 10⁻⁴⁰ and 10⁻³¹² are below the float types' ranges; a layer less, and all is finite."""

    def gradient(layers: int) -> FloatArray:
        p = problem((2,) * (layers + 1), feedback=1e-8, dtype=kind)
        phases = Phases(estimator, 0.3, 2, 2)
        return ep_gradients(create("cpu", 1), p.circuit, p.x, p.targets, phases).couplings

    with pytest.raises(BadInput, match=f"at most {most} dynamical layers"):
        gradient(most + 1)
    assert np.isfinite(gradient(most)).all()


@pytest.mark.parametrize(
    ("phases", "training", "said"),
    [
        (Phases(scaled=True), Training(), "scaled displacements on a device with converters"),
        (Phases(Estimator.HOLOMORPHIC), Training(), "holomorphic estimator with converters"),
        (Phases(Estimator.CONTINUAL), Training(momentum=0.5), "momentum"),
        (Phases(), Training(learning_rates=(0.1, 0.1, 0.1)), "3 learning rates for 2 couplings"),
    ],
)
def test_a_stand_in_shows_what_a_device_cannot_do(phases: Phases, training: Training, said: str) -> None:
    """Whatever the real sizes; plain difference EP goes."""
    converters = Crossbar(
        name="converted", g_min_siemens=0.0, g_max_siemens=1e-6, cell=ConstantStep(dw_min=0.01, w_min=-1.0, w_max=1.0),
        encoding=Encoding.OFFSET, headroom=4.0, exact_steps=True, periphery=Periphery(dac_bits=8, adc_bits=8),
    )  # fmt: skip
    network, plain = chain((5_000, 3_000, 10), Activation.TANH), Training()
    with pytest.raises(BadInput, match=said):
        Rig.of(network, Recipe(phases, training, plain), converters).check()
    Rig.of(network, Recipe(Phases(), plain, plain), converters).check()
