"""What a training step of a chain moves, by formulas in layer sizes and sweeps: the same as its trace, without one.

n_k units in layer k = 0..L, w_k = n_{k−1} n_k synapses below layer k. Buffers are those of
:mod:`neuroep.learning.access` (EP as the reference engine does it: the input is read through W_1 once, sums are read
again only when their source has changed, copies have buffers of their own from their first change on) and of
:func:`neuroep.cost.traces.backprop_step`. A formula is a list of terms: how often each buffer of a range of layers is
moved.

EP's traffic grows with its sweeps, but the floats that a sweep moves are the same each time: a memory of
:func:`working_set` floats serves all sweeps of a phase but the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.network import Network
from neuroep.physics.known import PHYSICS
from neuroep.recipe import Estimator, Order, Phases

_IntArray = NDArray[np.int64]
_Terms = list[tuple[int, _IntArray]]
"""How often, and the sizes of the buffers."""


class Traffic(NamedTuple):
    """Accesses of buffers, and the floats that they read and write."""

    reads: int
    writes: int
    read_floats: int
    written_floats: int


class _Chain(NamedTuple):
    """n_0..n_L; w_k from k = 0, where there is none, to be indexed alike; units of all samples, v_k = B n_k."""

    n: _IntArray
    w: _IntArray
    v: _IntArray

    @classmethod
    def of(cls, sizes: Sequence[int], batch: int) -> _Chain:
        if len(sizes) < 2 or min(sizes) < 1:
            raise BadInput(f"layer sizes {tuple(sizes)}", "sizes", "2 or more, each at least 1")
        n = np.asarray(sizes, dtype=np.int64)
        return cls(n, np.concatenate([[0], n[:-1] * n[1:]]), checks.whole(batch, "batch", 1) * n)

    @property
    def parameters(self) -> _IntArray:
        """Sizes of W_1..W_L and b_1..b_L."""
        return np.concatenate([self.w[1:], self.n[1:]])


def _traffic(reads: _Terms, writes: _Terms) -> Traffic:
    accesses = (sum(times * sizes.size for times, sizes in terms) for terms in (reads, writes))
    floats = (sum(times * int(sizes.sum()) for times, sizes in terms) for terms in (reads, writes))
    return Traffic(*accesses, *floats)


def backprop_traffic(sizes: Sequence[int], segment: int | None = None, batch: int = 1, direct: bool = False) -> Traffic:
    """Return what one step of backprop moves: :func:`neuroep.cost.traces.backprop_step` in closed form.

    Parameters
    ----------
    sizes : sequence of int
        n_0..n_L.
    segment : int, optional
        Layers from one kept activation to the next; without it all are kept.
    batch : int
        Samples of the step.
    direct : bool
        Whether gradients go straight into the weights.

    Returns
    -------
    Traffic
        Without recomputation 14 L − 4 reads and 10 L − 2 writes, straight into the weights 13 L − 3 and 8 L.

    Raises
    ------
    BadInput
        If there are fewer than two layers, one has no units, a segment no layers, or the step no samples.
    """
    n, w, v = net = _Chain.of(sizes, batch)
    reads: _Terms = [
        (1, v[:-1]), (1, w[1:]), (1, n[1:]), (1, v[1:-1]), (2, v[-1:]),  # forward, and the error of the output
        (2, v[2:]), (1, v[1:-1]), (1, w[2:]), (2, v[1:-1]),  # gradients of W_k, and of the states below them
        (2, v[1:2]), (1, v[:1]), (1, w[1:2]), (1, n[1:2]),  # W_1 and b_1 at once
        *([(1, v[2:]), (1, w[2:]), (1, n[2:])] if direct else [(2, w[2:]), (2, n[2:])]),  # the others
    ]  # fmt: skip
    writes: _Terms = [
        (1, net.parameters), (1, v[:1]), (1, v[-1:]),
        (1, v[1:]), (1, v[1:-1]), (1, v[-1:]),
        (not direct, w[2:]), (not direct, n[2:]), (2, v[1:-1]),
        (1, net.parameters),
    ]  # fmt: skip
    again = _recomputed(len(n) - 1, segment)
    inner = np.array([k for k in again if k % (segment or 1)], dtype=np.int64)
    reads += [(1, v[again - 1]), (1, w[again]), (1, n[again]), (1, v[inner])]
    writes += [(1, v[again]), (1, v[inner])]
    return _traffic(reads, writes)


def _recomputed(depth: int, segment: int | None) -> _IntArray:
    """Layers of all whole segments under the output layer."""
    if segment is None:
        return np.zeros(0, np.int64)
    length = checks.whole(segment, "segment", 1)
    return np.arange(1, (depth - 1) // length * length + 1)


def ep_traffic(network: Network, phases: Phases, batch: int = 1, direct: bool = False) -> Traffic:
    """Return what one step of EP moves: :func:`neuroep.learning.access.ep_step_trace` in closed form.

    Parameters
    ----------
    network : Network
        A chain; with D its last dynamical layer, L or, under a cross-entropy read-out, L − 1.
    phases : Phases
        A difference of real equilibria by T free sweeps forward and K nudged ones backward, on C nudged copies.
    batch : int
        Samples that settle together.
    direct : bool
        Whether contrasts go straight into the weights.

    Returns
    -------
    Traffic

    Raises
    ------
    BadInput
        For skips, other estimators, other orders and no samples.
    """
    net, last, c = _checked(network, phases, batch)
    n, w, v = net
    t, k, with_free = phases.free_sweeps, phases.nudged_sweeps, c == 1
    states, below, fed = v[1:], v[1:-1], v[1:last]
    bounded = PHYSICS[network.physics].least_weight > -np.inf  # weights are then brought to the least there is
    reads: _Terms = [
        (1, v[:1]), (1, w[1:2]),  # the input, once
        (t, below), (t, w[2:]), (t, states), (t, n[1:]),  # free sweeps: sums up, updates
        (t - 1, v[2 : last + 1]), (t - 1, w[2 : last + 1]), (t - 1, fed),  # and down, from the second on
        (c > 1, v[-1:]), (1, states), (k - 1, v[1:2]),  # nudged copies share sums, that of the input for good
        (k, n[1:]), (k, c * v[2:]), (k, w[2:]), (k, c * below), (k, c * v[-1:]),
        (k - 1, c * v[2:]), (k - 1, c * below), (k - 1, w[2:]),
    ]  # fmt: skip
    writes: _Terms = [
        (1, net.parameters), (1, v[:1]), (1, v[-1:]), (1, v[1:2]),
        (t, v[2:]), (t, states), (t - 1, fed), (c > 1, c * v[-1:]),
        (k, c * states), (k, c * below), (k - 1, c * v[2:]),
    ]  # fmt: skip
    reads += [(1, v[:1]), *((1, size * s) for size in (1,) * with_free + (c,) for s in (v[1:last], v[1 : last + 1]))]
    if last < network.depth:
        reads += [(1, v[last : last + 1]), (2, v[-1:])]
    reads += [(1 if direct else 2, net.parameters), (bounded, w[1:])]
    writes += [(1 if direct else 2, net.parameters), (bounded, w[1:])]
    return _traffic(reads, writes)


def working_set(network: Network, phases: Phases, batch: int = 1) -> tuple[int, int]:
    """Return how many floats a free and a nudged sweep touch, from the second sweep of each phase on.

    An LRU memory of so many floats serves every read of those sweeps, one of a float less misses some in each:
    Σ_{k>1} w_k + (1 + 2B) Σ n_k + B Σ_{k<D} n_k and Σ_{k>1} w_k + (1 + 3BC) Σ n_k − B (C − 1) n_1, with sums over
    k = 1..L, D and C as in :func:`ep_traffic`, and B samples; the C copies share the input's sum.

    Raises
    ------
    BadInput
        As :func:`ep_traffic`.
    """
    (n, w, v), last, copies = _checked(network, phases, batch)
    fixed, units = int(w[2:].sum() + n[1:].sum()), int(v[1:].sum())
    return fixed + 2 * units + int(v[1:last].sum()), fixed + 3 * copies * units - (copies - 1) * int(v[1])


def _checked(network: Network, phases: Phases, batch: int) -> tuple[_Chain, int, int]:
    """Return a chain, its last dynamical layer and the nudged copies."""
    if network.skips:
        raise BadInput("a network with skips", "network", "a chain")
    if not phases.estimator.is_difference:
        allowed = "one-sided, random-sign or centered"
        raise BadInput(f"traffic of the {phases.estimator.value} estimator", "phases.estimator", allowed)
    if (phases.free_order, phases.nudged_order) != (Order.FORWARD, Order.BACKWARD):
        orders = f"{phases.free_order.value} and {phases.nudged_order.value}"
        raise BadInput(f"sweeps {orders}", "phases", "forward, then backward when nudged")
    copies = 2 if phases.estimator is Estimator.CENTERED else 1
    return _Chain.of(network.sizes, batch), network.dynamical, copies
