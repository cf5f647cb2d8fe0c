"""Reads that drive only what has changed, and adjoint ones: what they keep, what they lose, whose gradient they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import Problem, cosine, plan, problem, settle, settle_nudged

from neuroep.circuit import Circuit
from neuroep.engines import Engine
from neuroep.errors import BadInput
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.physics.costs import cost
from neuroep.recipe import Estimator, Order, Phases, Programming, Reads, Recipe, Training
from neuroep.rng import stream
from neuroep.weights import Weights


def behind(p: Problem, **fields: Any) -> Circuit:
    """The problem's circuit, its lines spanning ±2 and its sums ±3."""
    c = p.circuit
    return c._replace(dac_bound=np.full_like(c.dac_bound, 2.0), adc_bound=np.full_like(c.adc_bound, 3.0), **fields)


def test_exact_reads_are_the_same_to_the_bit(engine: Engine) -> None:
    p = problem(batch=7)
    plain, changes = (settle(engine, p.circuit._replace(changes=c), p.x, plan(3, 5)) for c in (0, 1))
    for a, b in zip(plain.states, changes.states, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bits", [3, 4, 6])
def test_coarse_lines_come_to_rest_at_the_exact_equilibrium(engine: Engine, bits: int) -> None:
    """A DAC's steps shrink with the changes, and what it rounds away is driven later: only the drive's rounding stays.

    Driving states, the same DAC leaves the states a coarse step from it.
    """
    p, book, errors = problem((6, 5, 4, 3), feedback=0.5, batch=20), Ledger.empty((6, 5, 4, 3)), []
    for changes in (0, 1):
        circuit = behind(p, changes=changes, managed=1, dac_bits=bits)
        found = settle(engine, circuit, p.x, plan(3, 80))
        with engine.session():
            drive = engine.drive(circuit, p.x, 0, book, Phase.FREE).copy()
            wanted = engine.settle_free(p.circuit, drive, plan(3, 200), 0, book, Phase.FREE)
            apart = [float(np.abs(a - b).max()) for a, b in zip(found.states, wanted.states, strict=True)]
        errors.append(max(apart))
    assert errors[0] > 1e-3
    assert errors[1] < 1e-9


def test_noise_shrinks_with_the_change(engine: Engine) -> None:
    """One backward sweep from the free equilibrium: downward noise is σ max|Δs| / bound of the change in the output.

    Standard deviation over 40,000 units, to five of its standard errors.
    """
    p = problem((5, 40_000, 3), Activation.LINEAR, feedback=1.0, gain=0.01, batch=2)
    noise = np.array([0.0, 0.0, 0.3])
    circuit = behind(p, changes=1, managed=1, noise_down=noise)
    quiet = behind(p, changes=1, managed=1, noise_down=np.full(3, 1e-12))
    beta, how = np.full(2, 1e-3), plan(2, 1, 0.0, Order.BACKWARD)
    free, calm = (settle(engine, c, p.x, plan(2, 1)) for c in (circuit, quiet))
    nudged = settle_nudged(engine, circuit, free, p.targets, beta, how)
    wanted = settle_nudged(engine, quiet, calm, p.targets, beta, how)
    spread = (nudged.states[0] - wanted.states[0]).std(axis=1)
    # after one free sweep nothing has been driven downward yet: the change is the whole output
    change = np.abs(wanted.states[1]).max(axis=1)
    np.testing.assert_allclose(spread, 0.3 * change / 2.0, rtol=5 / np.sqrt(2 * 40_000))
    free, calm = (settle(engine, c, p.x, plan(2, 2)) for c in (circuit, quiet))
    again = settle_nudged(engine, circuit, free, p.targets, beta, how)
    moved = again.states[0] - free.states[0]
    read = (again.output - settle(engine, circuit, p.x, plan(2, 1)).output) @ p.weights.coupling(2).T
    change = np.abs(again.output - settle(engine, circuit, p.x, plan(2, 1)).output).max(axis=1)
    np.testing.assert_allclose((moved - read).std(axis=1), 0.3 * change / 2.0, rtol=5 / np.sqrt(2 * 40_000))
    assert (change < 0.7 * np.abs(again.output).max(axis=1)).all()


def test_copies_share_the_noise_of_the_free_phase(engine: Engine) -> None:
    """Without a nudge nothing changes but what the last sweep left, so both copies end alike but for that noise."""
    p = problem((5, 30, 3), feedback=0.2, batch=4)
    circuit = behind(p, changes=1, managed=1, noise_up=np.full(3, 0.2), noise_down=np.full(3, 0.2))
    apart = {}
    for changes in (0, 1):
        one = circuit._replace(changes=changes)
        free = settle(engine, one, p.x, plan(2, 20))
        found = settle_nudged(engine, one, free, np.tile(p.targets, (2, 1)), np.zeros(8), plan(2, 3)).states[0]
        apart[changes] = float(np.abs(found[:4] - found[4:]).max())
    assert apart[1] < 1e-6
    assert apart[0] > 1e-2


def test_reads_are_counted_alike(engine: Engine) -> None:
    """5 samples, 2 free sweeps and 1 backward nudged one of 2 copies: reads by hand, whichever way lines are driven."""
    p = problem((6, 5, 3), batch=5)
    for changes in (0, 1):
        book = Ledger.empty(p.sizes)
        circuit = behind(p, changes=changes, dac_bits=5, adc_bits=6)
        free = settle(engine, circuit, p.x, plan(2, 2), book)
        how = plan(2, 1, 0.0, Order.BACKWARD)
        settle_nudged(engine, circuit, free, np.tile(p.targets, (2, 1)), np.repeat([0.3, -0.3], 5), how, book)
        assert book.counts[Phase.FREE, Event.READ_UP].tolist() == [0, 5, 10]
        assert book.counts[Phase.FREE, Event.READ_DOWN].tolist() == [0, 0, 5]
        assert book.counts[Phase.NUDGED, Event.READ_UP].tolist() == [0, 0, 0]
        assert book.counts[Phase.NUDGED, Event.READ_DOWN].tolist() == [0, 0, 10]


def slope(engine: Engine, circuit: Circuit, p: Problem, k: int, direction: Any, step: float = 1e-5) -> float:
    """Central difference of the converged mean cost, both reads' weights moved alike."""
    found = []
    for sign in (1.0, -1.0):
        moved = [Weights(p.sizes, w.copy(), circuit.biases) for w in (circuit.up, circuit.down)]
        for w in moved:
            w.coupling(k)[...] += sign * step * direction
        shifted = circuit._replace(up=moved[0].couplings, down=moved[1].couplings, adjoint=0)
        output = settle(engine, shifted, p.x, plan(p.network.depth, 3000, 1e-14)).output
        found.append(float(cost(circuit.cost, output, p.targets).mean()))
    return (found[0] - found[1]) / (2.0 * step)


@pytest.mark.parametrize("feedback", [1.0, 0.4])
@pytest.mark.parametrize(
    ("hidden", "loss"),
    [(Activation.TANH, Cost.MSE), (Activation.LINEAR, Cost.MSE), (Activation.TANH, Cost.CROSS_ENTROPY)],
)
def test_adjoint_reads_give_the_exact_gradient(engine: Engine, hidden: Activation, loss: Cost, feedback: float) -> None:
    """W_up ≠ W_down by a third: against finite differences, to the O(β²) of a centered nudge; states fall short."""
    gain = 0.35 if hidden is Activation.LINEAR else 0.7
    p = problem((6, 5, 4, 3), hidden, Activation.LINEAR, loss, feedback, gain, batch=5)
    rng = stream(4, "asymmetry")
    down = p.weights.couplings * (1.0 + 0.33 * rng.standard_normal(len(p.weights.couplings)))
    phases = Phases(Estimator.CENTERED, 1e-3, 3000, 3000, tolerance=1e-14)
    found = {}
    for adjoint in (0, 1):
        circuit = p.circuit._replace(down=down, changes=1, adjoint=adjoint)
        found[adjoint] = ep_gradients(engine, circuit, p.x, p.targets, phases)
    last = 3 if loss is Cost.MSE else 2
    for k in range(1, last + 1):
        directions = [rng.standard_normal((p.sizes[k - 1], p.sizes[k])) for _ in range(12)]
        wanted = np.array([slope(engine, p.circuit._replace(down=down), p, k, d) for d in directions])
        got, plain = (np.array([float((found[a].coupling(k) * d).sum()) for d in directions]) for a in (1, 0))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5 * np.abs(wanted).max())
        if k < last:
            assert cosine(plain, wanted) < 0.9999


def test_weights_that_change_while_sums_are_kept_are_refused() -> None:
    phases = Phases(Estimator.CONTINUAL)
    with pytest.raises(BadInput, match=r"programming\.reads"):
        Recipe(phases, Training(), Training(), Programming(reads=Reads.CHANGES))
