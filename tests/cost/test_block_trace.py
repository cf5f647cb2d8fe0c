"""The cpu engine's schedule: floats held to the ledger that the engine fills, order to the reference's and by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from spelled import accesses

from neuroep.cost.closed_forms import working_set
from neuroep.cost.reuse import Access, ClockTracker, granular_dmd, lru_reuse
from neuroep.engines import Accumulation, Plans
from neuroep.engines.cpu.engine import CpuEngine
from neuroep.hardware.device import lower
from neuroep.learning.access import NEVER, ep_step_trace
from neuroep.learning.block_access import block_step_trace
from neuroep.learning.methods.difference import accumulate_gradient
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.methods.phases import QUIET, settle_phases, sweep_plans
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Network, chain, initial_weights
from neuroep.recipe import Estimator, Order, Phases
from neuroep.rng import stream
from neuroep.weights import Weights

DIFFERENCES = [e for e in Estimator if e.is_difference]
NETWORKS = {
    "chain": chain((6, 5, 4, 3), Activation.TANH),
    "read-out": chain((6, 5, 4, 3), Activation.TANH, cost=Cost.CROSS_ENTROPY),
    "skips": chain((6, 5, 5, 5, 5, 3), Activation.TANH, skips=((1, 3), (1, 4), (2, 4))),
    "resistive": chain((6, 5, 4, 3), Activation.DIODES, physics="resistive"),
}


def counted(network: Network, phases: Phases, batch: int) -> Ledger:
    """Events of a step of the engine that never rests."""
    ledger, rng = Ledger.empty(network.sizes), stream(1, "samples")
    weights = initial_weights(network, stream(1, "weights"))
    circuit = lower(network, weights.couplings, weights.couplings, weights.biases)
    x = rng.uniform(size=(batch, network.sizes[0])).astype(np.float32)
    y = np.eye(network.sizes[-1], dtype=np.float32)[rng.integers(0, network.sizes[-1], batch)]
    nudges = scheme(phases.estimator, phases.beta, batch, rng)
    plan = Plans(*(one._replace(tolerance=NEVER) for one in sweep_plans(phases, network.depth)))
    engine = CpuEngine(1)
    into = Accumulation(Weights.zeros(network.sizes), (1.0,) * network.depth, 1.0)
    with engine.session():
        free, nudged = settle_phases(engine, circuit, x, y, plan, nudges, QUIET, ledger)
        accumulate_gradient(engine, circuit, x, y, free, nudged, nudges, into, ledger)
    return ledger


def floats(trace: list[Access], kind: str, name: str) -> int:
    """Floats that are read from or written to a buffer, in all its phases and blocks."""
    plain = (access._replace(buffer=access.buffer.split("·")[0].split("′")[0]) for access in trace)
    return sum(access.size for access in plain if access[:2] == (kind, name))


@pytest.mark.parametrize("estimator", DIFFERENCES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("order", [Order.FORWARD, Order.BACKWARD, Order.EVEN_ODD])
def test_floats_are_the_ledgers_events(
    monkeypatch: pytest.MonkeyPatch, estimator: Estimator, network: Network, batch: int, order: Order
) -> None:
    """A read of one row moves its lines and its sums, an update its state; what is zeroed or copied comes on top."""
    monkeypatch.setattr("neuroep.engines.cpu.engine.BLOCK", 3)
    phases = Phases(estimator, 0.1, 3, 2, order, Order.BACKWARD)
    events = counted(network, phases, batch).counts
    settled = events[Phase.FREE] + events[Phase.NUDGED]
    trace, sizes = block_step_trace(network, phases, batch, direct=True), network.sizes
    copies, depth = 2 if estimator is Estimator.CENTERED else 1, network.depth
    rows, both = copies * batch, (copies + 1) * batch  # of the nudged phases, and with the free one
    for k in range(1, depth + 1):
        up = settled[Event.READ_UP, k]
        down = settled[Event.READ_DOWN, k + 1] if k < depth else 0
        assert floats(trace, "write", f"u{k}") == sizes[k] * (up + rows + batch * (k > 1))
        assert floats(trace, "write", f"d{k}") == sizes[k] * (down + batch)
        assert floats(trace, "write", f"s{k}") == sizes[k] * (settled[Event.NEURON, k] + both)
        weighed = "error" if k > network.dynamical else f"weighed{k}"
        contrasted = events[Phase.UPDATE, Event.CONTRAST, k] * (
            2 if k == 1 else 1
        )  # of the input both phases, added up
        assert floats(trace, "write", weighed) == sizes[k] * contrasted
        into = any(k in (skip.source, skip.target) for skip in network.skips)
        added = settled[Event.SKIP, k] + 2 * settled[Event.NEURON, k] * into  # with a sum, and read in the update
        assert floats(trace, "read", f"skipped{k}") == sizes[k] * added


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("batch", [1, 7])
def test_blocks_read_weights_as_often_as_their_rows_do(
    monkeypatch: pytest.MonkeyPatch, network: Network, batch: int
) -> None:
    """Blocks of 3, 2 and 2 rows of 7: a block's read of W_k is one for each of its rows in the ledger."""
    monkeypatch.setattr("neuroep.engines.cpu.engine.BLOCK", 3)
    phases = Phases(Estimator.CENTERED, 0.1, 3, 2)
    settled = counted(network, phases, batch).counts[[Phase.FREE, Phase.NUDGED]].sum(axis=0)
    found: Counter[str] = Counter()
    trace = block_step_trace(network, phases, batch, direct=True)
    for access, then in pairwise(trace):
        if access.kind == "read" and access.buffer[0] == "W" and then.kind == "write" and then.buffer[0] in "ud":
            found[access.buffer] += then.size // network.sizes[int(then.buffer[1])]
    assert found == {
        f"W{k}": settled[Event.READ_UP, k] + settled[Event.READ_DOWN, k] for k in range(1, network.depth + 1)
    }


@pytest.mark.parametrize("estimator", [Estimator.ONE_SIDED, Estimator.RANDOM_SIGN])
@pytest.mark.parametrize("network", [NETWORKS["chain"], NETWORKS["read-out"], NETWORKS["skips"]])
def test_of_one_sample_products_are_the_references(estimator: Estimator, network: Network) -> None:
    """Without a second copy both settle in the same order: weights and biases are read, and sums written, alike."""
    phases = Phases(estimator, 0.1, 4, 3)

    def products(trace: list[Access]) -> list[Access]:
        kept = [a for a in trace if a.buffer[0] in "Wb" and (a.kind, a.buffer[0]) != ("write", "b")]
        return [a for a in kept if a.kind == "read"]

    own, reference = (products(f(network, phases, direct=False)) for f in (block_step_trace, ep_step_trace))
    settled = own.index(Access("read", f"W{network.depth}", own[-2].size), len(own) - 2 * network.depth)
    assert own[:settled] == reference[:settled]
    assert len(own) == len(reference)


def test_a_step_by_hand() -> None:
    """3-2-1, a sweep up and a sweep down of two copies, one after the other, straight into the weights."""
    copies = "".join(
        f"""r s1:2 w s1′{i}:2 r u1:2 w u1′{i}:2 r s2:1 w s2′{i}:1 r u2:1 w u2′{i}:1
        r u2′{i}:1 b2:1 y′{i}:1 w s2′{i}:1
        r s2′{i}:1 W2:2 w d1′{i}:2 r u1′{i}:2 b1:2 d1′{i}:2 w s1′{i}:2
        """
        for i in (1, 2)
    )
    expected = accesses(f"""
        w W1:6 b1:2 W2:2 b2:1 x:3 y:1 y°:1
        r y:1 w y′1:1 r y:1 w y′2:1
        r x:3 W1:6 w u1:2
        w s1:2 d1:2 s2:1 d2:1 u2:1
        r u1:2 b1:2 d1:2 w s1:2
        r s1:2 W2:2 w u2:1 r u2:1 b2:1 y°:1 w s2:1
        {copies}
        r s2′1:1 s2′2:1 w weighed2:2
        r s1′1:2 s1′2:2 weighed2:2 W2:2 w W2:2
        r b2:1 w b2:1 r weighed2:2 b2:1 w b2:1
        r s1′1:2 w weighed1:2 r s1′2:2 weighed1:2 w weighed1:2
        r x:3 weighed1:2 W1:6 w W1:6
        r b1:2 w b1:2 r weighed1:2 b1:2 w b1:2
        """)
    assert block_step_trace(chain((3, 2, 1)), Phases(free_sweeps=1, nudged_sweeps=1), direct=True) == expected


@pytest.mark.parametrize("estimator", DIFFERENCES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("direct", [True, False])
def test_every_tracker_follows_it(estimator: Estimator, network: Network, direct: bool) -> None:
    trace = block_step_trace(network, Phases(estimator), 300, direct)
    assert ClockTracker().follow(trace).weighted_ard > 0.0
    assert granular_dmd(trace) > 0.0


@pytest.mark.parametrize("phase", [0, 1])
def test_a_memory_of_one_blocks_working_set_serves_further_sweeps(monkeypatch: pytest.MonkeyPatch, phase: int) -> None:
    """Three blocks of 3 samples: what one copy of one block touches in a sweep, whatever the minibatch has."""
    monkeypatch.setattr("neuroep.engines.cpu.engine.BLOCK", 3)
    network = NETWORKS["chain"]
    fewer, more = Phases(free_sweeps=4, nudged_sweeps=4), Phases(free_sweeps=4 + (phase == 0), nudged_sweeps=4 + phase)
    size = working_set(network, Phases(Estimator.ONE_SIDED), 3)[phase]
    size += 3 * network.sizes[-1] * (phase == 0)  # the free phase's targets, all zero, are read as well

    def missed(phases: Phases, capacity: int) -> int:
        found = lru_reuse(block_step_trace(network, phases, 9))
        return int(found.sizes[found.distances > capacity].sum())

    assert missed(more, size) == missed(fewer, size)
    assert missed(more, size - 1) > missed(fewer, size - 1)
