"""The cpu engine's resistive kernels give the reference's numbers; the others refuse."""

from __future__ import annotations

import numpy as np
import pytest
from problems import plan, resistors, settle, settle_nudged

from neuroep.engines import Engine, create
from neuroep.engines.base import unknown
from neuroep.learning.readings import ep_gradients
from neuroep.learning.trainer import Progress, Samples
from neuroep.ledger import Event, Ledger
from neuroep.network import Activation
from neuroep.physics.hopfield import HOPFIELD
from neuroep.recipe import Estimator, Order, Phases, Recipe, Training
from neuroep.rng import stream
from neuroep.studies.rig import Rig
from neuroep.weights import Weights

CLOSE: dict[type, float] = {np.float32: 2e-5, np.float64: 1e-12}
every_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [(8, 7, 3), (6, 5, 4, 3), (10, 1, 2), (4, 2)]


@every_type
@pytest.mark.parametrize("hidden", [Activation.DIODES, Activation.LINEAR], ids=lambda code: code.label)
@pytest.mark.parametrize("sizes", SIZES)
def test_states_steps_and_events(dtype: type, hidden: Activation, sizes: tuple[int, ...]) -> None:
    """Free and nudged, some samples stopping before others, with an idle node."""
    p = resistors(sizes, hidden, batch=9, dtype=dtype)
    p.weights.coupling(1)[:, 0] *= len(sizes) == 2  # a hidden node on no input
    depth, tolerance = p.network.depth, 1e-3
    beta, found = np.linspace(-0.1, 0.1, 9).astype(dtype), []
    for engine in (create("reference"), create("cpu", 1)):
        ledger = Ledger.empty(sizes)
        free = settle(engine, p.circuit, p.x, plan(depth, 20, tolerance), ledger)
        how = plan(depth, 6, tolerance, Order.BACKWARD)
        found.append((free, settle_nudged(engine, p.circuit, free, p.targets, beta, how, ledger), ledger))
    for theirs, ours in zip(found[0][:2], found[1][:2], strict=True):
        assert theirs.steps.tolist() == ours.steps.tolist()
        for a, b in zip(theirs.states, ours.states, strict=True):
            assert np.abs(a - b).max() <= CLOSE[dtype] * max(1.0, np.abs(a).max())
    assert (found[0][2].counts == found[1][2].counts).all()


@every_type
@pytest.mark.parametrize("estimator", [Estimator.ONE_SIDED, Estimator.RANDOM_SIGN, Estimator.CENTERED])
def test_gradients(dtype: type, estimator: Estimator) -> None:
    p = resistors((8, 7, 6, 3), batch=9, dtype=dtype)
    phases = Phases(estimator, 0.1, free_sweeps=6, nudged_sweeps=3)
    theirs, ours = (
        ep_gradients(engine, p.circuit, p.x, p.targets, phases) for engine in (create("reference"), create("cpu", 1))
    )
    for a, b in ((theirs.couplings, ours.couplings), (theirs.biases, ours.biases)):
        assert np.abs(a - b).max() <= 10.0 * CLOSE[dtype] * np.abs(a).max()


def trained(engine: Engine, estimator: Estimator, momentum: float = 0.0) -> Weights:
    """Weights after two epochs at a rate that drives many conductances to 0."""
    p, rate = resistors((8, 7, 3), batch=12), 0.05 if estimator.is_continual else 0.2
    recipe = Recipe(
        Phases(estimator, 0.1, free_sweeps=4, nudged_sweeps=3),
        Training(epochs=2, batch_size=4, learning_rates=(rate, rate), momentum=momentum),
    )
    rig = Rig.of(p.network, recipe, engine=engine)
    mounted = rig.mount(p.weights)
    rig.trainer(mounted, Samples(p.x, p.targets, p.targets.argmax(axis=1))).run(Progress.fresh(p.weights))
    return Weights(p.sizes, mounted.circuit.up, mounted.circuit.biases)


@pytest.mark.parametrize(
    ("estimator", "momentum"),
    [(Estimator.CENTERED, 0.0), (Estimator.CENTERED, 0.5), (Estimator.ONE_SIDED, 0.0), (Estimator.CONTINUAL, 0.0),
     (Estimator.CONTINUAL_SYMMETRIC, 0.0)],
)  # fmt: skip
def test_training_agrees_and_conductances_stay_at_zero_or_above(estimator: Estimator, momentum: float) -> None:
    """By plain descent straight into the weights, by a velocity, and at every sweep."""
    theirs, ours = (trained(engine, estimator, momentum) for engine in (create("reference"), create("cpu", 1)))
    first = resistors((8, 7, 3), batch=12).weights.couplings
    assert theirs.couplings.min() == 0.0
    assert ((theirs.couplings == 0.0) & (first > 0.0)).any()
    assert ours.couplings == pytest.approx(theirs.couplings, rel=1e-9, abs=1e-11)
    assert ours.biases == pytest.approx(theirs.biases, rel=1e-9, abs=1e-11)


def test_threads_give_the_same_bits() -> None:
    p = resistors((40, 30, 4), batch=300, dtype=np.float32)
    phases = Phases(beta=0.1, free_sweeps=4, nudged_sweeps=2)
    one, two = (ep_gradients(create("cpu", n), p.circuit, p.x, p.targets, phases) for n in (1, 2))
    assert (one.couplings == two.couplings).all()


def test_engines_that_know_another_energy_refuse() -> None:
    circuit = resistors().circuit
    assert "no physics of code 1" in str(unknown(circuit, "cuda", (HOPFIELD.code,)))
    assert unknown(circuit, "cpu") is None


def test_hidden_work_is_as_in_any_other_chain(engine: Engine) -> None:
    """Loads aren't reads: a resistive chain counts what a Hopfield chain of its sizes does, but for zeros."""
    from problems import problem

    counts = []
    for p in (resistors((6, 5, 4, 3)), problem((6, 5, 4, 3))):
        ledger, out = Ledger.empty(p.sizes), plan(3, 2)
        free = settle(engine, p.circuit, p.x, out, ledger)
        settle_nudged(engine, p.circuit, free, p.targets, stream(0).uniform(0.1, 0.2, len(p.x)), out, ledger)
        counts.append(ledger.counts)
    events = [event for event in Event if not event.name.startswith("LIT")]
    assert (counts[0][:, events] == counts[1][:, events]).all()
