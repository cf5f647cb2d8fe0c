"""What a device makes of EP's gradient: what its reads give, and what its updates do, beside the exact gradient.

Exact is the gradient of the converged cost at the weights as read: EP on these weights with plain reads (adjoint ones
where upward and downward reads see different weights), in float64, settled to convergence, centered with a β so small
that its bias of order β² is far under what devices do.

    gradient   cos(ĝ_k, g_k): ĝ by the recipe's phases and the device's reads, g exact, of one minibatch
    update     cos(−ΔW_k, Σ_t η_k v_t): ΔW of the weights as read over a window of minibatches, trained on as the recipe
               says; v_t = μ v_{t−1} + g_t with its momentum μ, each g_t exact at the weights of its step

A device that saves requests up changes nothing for many minibatches, hence the window. Weight decay, which is no part
of a gradient, is left out of both sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.hardware.device import Mounted, effective_weights, lower
from neuroep.learning.methods.base import Reading
from neuroep.learning.readings import ep_gradients, reading
from neuroep.learning.trainer import Orders, Progress, Samples
from neuroep.ledger import Ledger
from neuroep.network import Network
from neuroep.recipe import Estimator, Phases
from neuroep.rng import noise_key, stream
from neuroep.studies.fidelity import SMALL_BETA, SWEEPS, TOLERANCES, cosine
from neuroep.studies.rig import Rig, stand_in
from neuroep.weights import FloatArray, Weights

BATCHES = 8
"""Minibatches over which cosines are averaged; of updates, as many windows as fit in, at least one."""
EXACT = Phases(Estimator.CENTERED, SMALL_BETA, SWEEPS, SWEEPS, tolerance=TOLERANCES["float64"])


class Subject(NamedTuple):
    """A rig, and what its training takes: samples and their order by epoch."""

    rig: Rig
    samples: Samples
    orders: Orders


class DeviceFidelity(NamedTuple):
    """Cosines with the exact gradient, one a coupling k = 1..L, and how well the exact one settled.

    Attributes
    ----------
    gradient : tuple of float
        Of the gradient that reads give, mean over minibatches.
    update : tuple of float
        Of what updates change, mean over windows; NaN where nothing has changed.
    settled : float
        Share of the exact phases, free and nudged, that converged.
    """

    gradient: tuple[float, ...]
    update: tuple[float, ...]
    settled: float


class _Step(NamedTuple):
    """A minibatch: the indices of its samples, its place (epoch, number) in the training, its learning rates."""

    batch: NDArray[np.intp]
    place: tuple[int, int]
    rates: tuple[float, ...]


def exact_reading(engine: Engine, network: Network, circuit: Circuit, scaled: bool = False) -> Reading:
    """Return what reads the exact gradient at a circuit's weights, in float64; see :func:`exact_gradient`.

    Raises
    ------
    BadInput
        If the network is too deep for raw states, which adjoint reads need.
    """
    weights, alike = effective_weights(circuit).astype(np.float64), circuit.down is circuit.up
    down = weights.couplings if alike else circuit.down.astype(np.float64)
    plain = lower(network, weights.couplings, down, weights.biases)
    plain = plain if alike else plain._replace(changes=1, adjoint=1)
    return reading(engine, plain, replace(EXACT, scaled=scaled and alike), 0)


def exact_gradient(
    engine: Engine, network: Network, circuit: Circuit, x: FloatArray, targets: FloatArray, scaled: bool = False
) -> tuple[Weights, float]:
    """Return the gradient of the converged mean cost at a circuit's weights as read, and the share settled.

    Parameters
    ----------
    engine : Engine
        Where to settle.
    network : Network
        What the circuit was lowered from.
    circuit : Circuit
        Gives the weights; its converters, noise and traces don't count.
    x, targets : ndarray, shapes (batch, n_0) and (batch, n_L)
        Inputs and y.
    scaled : bool
        Whether scaled displacements are settled, as the recipe of a deep network says.

    Returns
    -------
    Weights
        dC/dθ in float64, with a bias of order `SMALL_BETA` squared; of W_k as both reads see it, moved alike.
    float
        Share of the samples' free and nudged phases that converged.
    """
    x, targets = x.astype(np.float64), targets.astype(np.float64)
    found, ledger = Weights.zeros(network.sizes, np.float64), Ledger.empty(network.sizes)
    with engine.session():
        read = exact_reading(engine, network, circuit, scaled)
        settled = read.settle(x, targets, (), ledger)
        codes = np.concatenate([settled.free.code, settled.nudged.code])
        read.accumulate(x, targets, settled, Accumulation(found, (1.0,) * network.depth, 0.0), ledger)
    return found, float((codes == ResultCode.CONVERGED).mean())


def refuse_unmeasurable(rig: Rig) -> None:
    """Refuse, before anything is trained, networks whose exact gradient can't be read on a device.

    Raises
    ------
    BadInput
        Naming the device.
    """
    small = replace(rig, network=stand_in(rig.network))
    mounted = small.mount(small.initial_weights())
    try:
        exact_reading(_settling(rig), small.network, mounted.circuit, rig.recipe.phases.scaled)
    except BadInput as error:
        raise BadInput(str(error), f"the exact gradient on {rig.device.name}") from error


def _settling(rig: Rig) -> Engine:
    """Where exact phases settle: the rig's engine, unless it settles by spikes, which are never exact."""
    return create("cpu", 1) if rig.recipe.phases.spiking else rig.engine


def measure(subject: Subject, mounted: Mounted, epoch: int, window: int) -> DeviceFidelity:
    """Measure gradient and update on the minibatches of the training from some epoch on.

    Parameters
    ----------
    subject : Subject
        What is measured.
    mounted : Mounted
        Its weights on the device, which are trained on.
    epoch : int
        The epoch that would come next, from 0: it gives minibatches and learning rates.
    window : int
        Minibatches over which an update is followed, 1 or more.

    Returns
    -------
    DeviceFidelity
    """
    gradients, shares = zip(*_gradients(subject, mounted, epoch), strict=True)
    updates = _updates(subject, mounted, epoch, window)
    return DeviceFidelity(_means(list(gradients)), _means(updates), float(np.mean(shares)))


def _steps(subject: Subject, first: int) -> Iterator[_Step]:
    """Minibatches of one epoch after another: a window can be longer than an epoch."""
    for epoch in count(first):
        rates = tuple(-rate for rate in subject.rig.recipe.training.rates(subject.rig.network.depth, epoch))
        for number, batch in enumerate(subject.orders(epoch)):
            yield _Step(batch, (epoch, number), rates)


def _gradients(subject: Subject, mounted: Mounted, epoch: int) -> Iterator[tuple[list[float], float]]:
    for step in islice(_steps(subject, epoch), BATCHES):
        x, targets = subject.samples.x[step.batch], subject.samples.targets[step.batch]
        key = noise_key(subject.rig.seed, "fidelity", *step.place)
        found = ep_gradients(subject.rig.engine, mounted.circuit, x, targets, subject.rig.recipe.phases, key)
        exact, share = _exact(subject.rig, mounted, x, targets)
        yield _cosines(found, exact), share


def _exact(rig: Rig, mounted: Mounted, x: FloatArray, targets: FloatArray) -> tuple[Weights, float]:
    return exact_gradient(_settling(rig), rig.network, mounted.circuit, x, targets, rig.recipe.phases.scaled)


def _updates(subject: Subject, mounted: Mounted, epoch: int, window: int) -> list[list[float]]:
    recipe = subject.rig.recipe
    training = replace(recipe.training, weight_decay=0.0)
    trainer = subject.rig.trainer(mounted, subject.samples, subject.orders, training=training)
    rng, steps = stream(subject.rig.seed, "fidelity", "program"), _steps(subject, epoch)
    found = []
    for _ in range(max(1, BATCHES // window)):
        progress, before = Progress.fresh(effective_weights(mounted.circuit)), effective_weights(mounted.circuit)
        velocity, wanted = (Weights.zeros(before.sizes, np.float64) for _ in range(2))
        for step in islice(steps, window):
            _follow(subject, mounted, step, velocity, wanted)
            with subject.rig.engine.session():
                trainer.step(step.batch, step.place, step.rates, rng, progress)
        after = effective_weights(mounted.circuit).couplings.astype(np.float64)
        found.append(_cosines(Weights(before.sizes, after - before.couplings, before.biases), wanted))
    return found


def _follow(subject: Subject, mounted: Mounted, step: _Step, velocity: Weights, wanted: Weights) -> None:
    """Add to `wanted` the change that the exact gradient asks for at the weights of this step."""
    x, targets = subject.samples.x[step.batch], subject.samples.targets[step.batch]
    exact, _ = _exact(subject.rig, mounted, x, targets)
    velocity.couplings[...] = subject.rig.recipe.training.momentum * velocity.couplings + exact.couplings
    for k, rate in enumerate(step.rates, start=1):
        wanted.coupling(k)[...] += rate * velocity.coupling(k)


def _cosines(found: Weights, exact: Weights) -> list[float]:
    return [cosine(found.coupling(k), exact.coupling(k)) for k in range(1, exact.depth + 1)]


def _means(rows: list[list[float]]) -> tuple[float, ...]:
    """Means of each coupling's defined cosines."""
    columns = ([value for value in column if not math.isnan(value)] for column in zip(*rows, strict=True))
    return tuple(float(np.mean(column)) if column else math.nan for column in columns)
