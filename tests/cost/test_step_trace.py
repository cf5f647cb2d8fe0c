"""Accesses of one EP step, counted by hand sweep by sweep."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from spelled import accesses

from neuroep.cost.reuse import ClockTracker, granular_dmd, lru_reuse
from neuroep.cost.traces import Recorder
from neuroep.engines import Nudge, Plan
from neuroep.engines.reference import ReferenceEngine
from neuroep.errors import BadInput
from neuroep.hardware.device import lower
from neuroep.learning.access import ep_step_trace
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Cost, Network, chain
from neuroep.recipe import Estimator, Order, Phases
from neuroep.rng import stream
from neuroep.weights import Weights

DIFFERENCES = [e for e in Estimator if e.is_difference]


def copies_of(estimator: Estimator) -> int:
    """Nudged copies of a sample: +β and −β, or one of them beside the free phase."""
    return 2 if estimator is Estimator.CENTERED else 1


@pytest.mark.parametrize("estimator", DIFFERENCES)
def test_a_step_by_hand(estimator: Estimator) -> None:
    """3-2-1, one sweep up and one sweep down: what is written before, settled twice, contrasted and added.

    Nothing comes from above in the first sweep; nudged copies have the sums of the free phase.
    """
    c = copies_of(estimator)
    free1, free2 = ("", "") if c == 2 else ("r s1:2", "r s2:1")
    y = ("r y:1 w y′:2", "y′:2") if c == 2 else ("", "y:1")
    expected = accesses(f"""
        w W1:6 b1:2 W2:2 b2:1 x:3 y:1
        r x:3 W1:6 w u1:2
        r b1:2 u1:2 w s1:2
        r s1:2 W2:2 w u2:1 r b2:1 u2:1 w s2:1
        {y[0]}
        r b2:1 u2:1 {y[1]} w s2′:{c}
        r s2′:{c} W2:2 w d1′:{2 * c} r b1:2 u1:2 d1′:{2 * c} w s1′:{2 * c}
        {free1} r s1′:{2 * c} {free2} r s2′:{c} w dW2:2 db2:1
        r x:3 {free1} r s1′:{2 * c} w dW1:6 db1:2
        r dW1:6 W1:6 w W1:6 r db1:2 b1:2 w b1:2
        r dW2:2 W2:2 w W2:2 r db2:1 b2:1 w b2:1
        """)
    found = ep_step_trace(chain((3, 2, 1)), Phases(estimator, free_sweeps=1, nudged_sweeps=1))
    assert found == expected


def test_contrasts_of_a_plain_rule_go_straight_into_weights() -> None:
    """3-2-1 by hand: weights are read and written where their gradient's buffer was, and that's the end of the step."""
    expected = accesses("""
        r s1′:4 r s2′:2 r W2:2 w W2:2 r b2:1 w b2:1
        r x:3 r s1′:4 r W1:6 w W1:6 r b1:2 w b1:2
        """)
    phases = Phases(Estimator.CENTERED, free_sweeps=1, nudged_sweeps=1)
    buffered, found = (ep_step_trace(chain((3, 2, 1)), phases, direct=direct) for direct in (False, True))
    assert found[-len(expected) :] == expected
    assert found[: -len(expected)] == buffered[: len(found) - len(expected)]


def counts(network: Network, phases: Phases) -> tuple[int, int]:
    """Reads and writes of a step that sweeps forward, then backward, all sweeps taken.

    A layer's update reads its sum from below and bias, a layer under another its sum from above too, and writes its
    state; a nudged output reads its target, a read-out sends it down. A sum reads states and weights and is written:
    from below in every free sweep (the first layer's is the input's), from above in all but the first, when the states
    are zero and nothing is added; nudged copies start with the free phase's sums from below and with none from above.
    """
    depth, last, c = network.depth, network.dynamical, copies_of(phases.estimator)
    t, k, below, readout = phases.free_sweeps, phases.nudged_sweeps, depth - 1, depth - last
    free = t * (2 * below + 2 * depth) + (t - 1) * 3 * (last - 1)
    nudged = k * (2 * (depth - 1) + 2 * depth + depth - 1 + 1) + (k - 1) * 2 * below
    copied = c > 1  # the target
    states = 1 if c == 2 else 2  # the free ones take part in a difference of one nudged copy
    contrast = 1 + states + (last - 1) * 2 * states + 3 * readout
    reads = 2 + free + copied + nudged + contrast + 4 * depth
    writes = 2 * depth + 2 + 1
    writes += t * (below + depth) + (t - 1) * (last - 1)
    writes += copied + k * (depth - 1 + depth) + (k - 1) * below
    return reads, writes + 2 * depth + 2 * depth


@pytest.mark.parametrize("estimator", DIFFERENCES)
@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize(("free", "nudged"), [(1, 1), (4, 3), (20, 10)])
def test_counts_in_closed_form(estimator: Estimator, cost: Cost, depth: int, free: int, nudged: int) -> None:
    network = chain((4, *(3,) * (depth - 1), 2), cost=cost)
    phases = Phases(estimator, 0.1, free, nudged, Order.FORWARD, Order.BACKWARD)
    clock = ClockTracker().follow(ep_step_trace(network, phases))
    assert (clock.reads, clock.writes) == counts(network, phases)


def test_the_parity_network_by_numbers() -> None:
    """20-200-1 with 20 and 10 sweeps: 2 + (120 + 57) + 1 + (80 + 18) + 4 + 8 reads, whatever is drawn."""
    network = chain((20, 200, 1), Activation.TANH, cost=Cost.SQUARED_HINGE)
    phases = Phases(beta=0.1, free_sweeps=20, nudged_sweeps=10)
    assert ClockTracker().follow(ep_step_trace(network, phases)).reads == 290


@pytest.mark.parametrize(("estimator", "free_order", "tolerance"), list(product(DIFFERENCES, Order, (0.0, 0.9))))
def test_no_draw_and_no_tolerance_changes_it(estimator: Estimator, free_order: Order, tolerance: float) -> None:
    """Nor do activations, γ or scaled displacements, even where γ to the depth is no float."""
    network = chain((4, *(3,) * 5, 2))
    first = ep_step_trace(network, Phases(estimator, 0.1, 6, 4, free_order))
    assert all(
        ep_step_trace(chain(network.sizes, hidden, feedback=gamma), how, seed) == first
        for hidden, gamma, seed, how in (
            (Activation.TANH, 0.5, 1, Phases(estimator, 0.3, 6, 4, free_order, tolerance=tolerance)),
            (Activation.LINEAR, 1e-300, 2, Phases(estimator, 0.3, 6, 4, free_order, scaled=True)),
            (Activation.RELU6, 1.0, 3, Phases(estimator, 0.3, 6, 4, free_order)),
        )
    )


@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
@pytest.mark.parametrize("order", [Order.FORWARD, Order.BACKWARD])
def test_it_is_what_an_engine_does_that_never_rests(cost: Cost, order: Order) -> None:
    """Random weights that stay far from rest: the settling recorded from them is the trace's."""
    network = chain((6, 5, 4, 3), Activation.TANH, cost=cost, gain=2.0)
    rng, recorder, sizes = stream(0, "weights"), Recorder(), network.sizes
    drawn = Weights.from_arrays(
        [rng.normal(size=(a, b)) for a, b in pairwise(sizes)], [rng.normal(size=n) for n in sizes[1:]]
    )
    circuit, engine = lower(network, drawn.couplings, drawn.couplings, drawn.biases), ReferenceEngine(recorder)
    x, y, ledger = rng.uniform(size=(1, 6)), np.eye(3)[:1], Ledger.empty(sizes)
    plan = Plan(np.array([1, 2, 3] if order is Order.FORWARD else [3, 2, 1]), 5, 0.0)
    free = engine.settle_free(circuit, engine.drive(circuit, x, 0, ledger, Phase.FREE), plan, 0, ledger, Phase.FREE)
    nudge = Nudge(np.tile(y, (2, 1)), np.array([0.5, -0.5]))
    assert free.steps[0] == 5
    assert (engine.settle_nudged(circuit, free, nudge, plan, 0, ledger).steps == 5).all()
    whole = ep_step_trace(network, Phases(free_sweeps=5, nudged_sweeps=5, free_order=order, nudged_order=order))
    before = 2 * network.depth + 2
    assert whole[before : before + len(recorder.trace)] == recorder.trace


@pytest.mark.parametrize("estimator", DIFFERENCES)
@pytest.mark.parametrize("cost", list(Cost))
def test_every_tracker_follows_it(estimator: Estimator, cost: Cost) -> None:
    """Nothing is read before it was written, whatever the estimator and the cost."""
    trace = ep_step_trace(chain((4, 3, 2), cost=cost), Phases(estimator))
    assert ClockTracker().follow(trace).weighted_ard > lru_reuse(trace).weighted_ard > 0.0
    assert granular_dmd(trace) > 0.0


@pytest.mark.parametrize("estimator", [e for e in Estimator if not e.is_difference])
def test_other_estimators_have_no_such_trace(estimator: Estimator) -> None:
    with pytest.raises(BadInput, match="one-sided, random-sign or centered"):
        ep_step_trace(chain((4, 3, 2)), Phases(estimator))
