"""Figures of a recipe at its first weights, by each of which training by EP can fail.

============= =========================================================================================
loop gain     largest eigenvalue of a sweep linearised where feedback begins, at the forward pass: from 1 on states hold
              themselves up, whatever the input is (at an equilibrium that is stable it's always under 1)
minima        share of the samples that settle elsewhere from other states
unsettled     share of the samples that as many sweeps as the recipe has leave a tenth of their states from rest
flat          share of the hidden units whose slope is below 1/100 for every sample: dead or saturated
saturated     share of the outputs off their target that neither nudge moves: at a bound of their range
nonlinear     1 − cosine of the gradients at β and at β/2, of the worst coupling
step          share that one update at the recipe's rates leaves of the fall of its batch's cost that the slope along
              it promises: ½ of a step to the bottom of a parabola, 1 where the cost doesn't fall
noise         error that converters and the noise of reads leave in the gradient of a minibatch, over its size, of the
              worst coupling, both as roots of mean squares: the contrast's noise over its signal
============= =========================================================================================

All but the last are of exact reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from neuroep.circuit import Circuit, coupling_up, layer_bias, reads_exactly
from neuroep.engines import Engine
from neuroep.learning.readings import ep_gradients
from neuroep.learning.rules import rule_of
from neuroep.physics import loop
from neuroep.physics.activations import RANGES, Activation
from neuroep.physics.costs import Cost, cost, nudged_output, softmax
from neuroep.recipe import SGD, Phases, Recipe
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

#: Random starts, and how far apart two ends of a sample are two equilibria.
STARTS, APART = 4, 1e-3
#: A unit's slope under which it is flat, and the share of the states by which a phase may miss its equilibrium.
FLAT, FAR = 0.01, 0.1
#: Distance from its target from which an output counts, and the move under which a nudge has left it where it was.
OFF, STILL = 0.1, 1e-6
#: Share of an update, or of the weights where they are smaller, by which the slope along it is taken.
SHARE = 1e-3
#: Keys of noise over which errors are averaged.
KEYS = 8


@dataclass(frozen=True)
class Case:
    """A mounted network and all that its figures depend on.

    Attributes
    ----------
    circuit : Circuit
        In float64.
    x, targets : ndarray, shapes (N, n_0) and (N, n_L)
        Samples.
    recipe : Recipe
        Its phases settle by sweeps.
    exact : Phases
        How phases are settled to convergence.
    engine : Engine
        Where.
    gains : tuple of float
        Of the couplings' first weights.
    device : str
        Name under which a recipe has settings of its own for the hardware; empty without any.
    seed : int
        Of starts, directions, random signs and noise.
    """

    circuit: Circuit
    x: FloatArray
    targets: FloatArray
    recipe: Recipe
    exact: Phases
    engine: Engine
    gains: tuple[float, ...]
    device: str = ""
    seed: int = 0

    @cached_property
    def quiet(self) -> Circuit:
        """The same weights, read exactly."""
        return quiet(self.circuit)

    @cached_property
    def rest(self) -> list[FloatArray]:
        """States in which sweeps from zero end."""
        return loop.settled(self.quiet, self.x, loop.zeros(self.circuit, len(self.x)))

    def gradient(self, share: float = 1.0, rows: slice = slice(None)) -> Weights:
        """Return EP's settled gradient of exact reads, at a share of β and of some of the samples."""
        phases = replace(self.exact, beta=self.recipe.phases.beta * share)
        return ep_gradients(self.engine, self.quiet, self.x[rows], self.targets[rows], phases, self.seed)

    def costs(self, circuit: Circuit, rows: slice) -> float:
        """Return the mean cost of some of the samples at the free equilibrium of other weights."""
        states = loop.settled(circuit, self.x[rows], loop.zeros(circuit, len(self.x[rows])))
        outputs = states[-1]
        if circuit.cost == Cost.CROSS_ENTROPY:
            outputs = softmax(outputs @ coupling_up(circuit, circuit.last + 1) + layer_bias(circuit, circuit.last + 1))
        return float(cost(circuit.cost, outputs, self.targets[rows]).mean())


def quiet(circuit: Circuit) -> Circuit:
    """Return a circuit's twin without converters, noise and traces."""
    off = np.zeros_like(circuit.noise_up)
    return circuit._replace(dac_bits=0, adc_bits=0, noise_up=off, noise_down=off, trace_bits=0)


def loop_gain(case: Case) -> float:
    """Return the largest loop gain of a sample."""
    slopes = loop.forward_slopes(case.quiet, case.x)
    return float(loop.loop_gains(case.quiet, slopes, stream(case.seed, "diagnosis", "loop")).max())


def minima(case: Case) -> float:
    """Return the share of the samples with several equilibria."""
    rng, other = stream(case.seed, "diagnosis", "starts"), np.zeros(len(case.x), dtype=np.bool_)
    ranges = [RANGES[Activation(int(code))] for code in case.circuit.activations[1 : case.circuit.last + 1]]
    for _ in range(STARTS):
        start: list[FloatArray] = []
        for (low, high), known in zip(ranges, case.rest, strict=True):
            start.append(rng.uniform(max(-1.0, low), min(1.0, high), known.shape))
        for end, known in zip(loop.settled(case.quiet, case.x, start), case.rest, strict=True):
            other |= ~(np.abs(end - known).max(axis=1) < APART)
    return float(other.mean())


def unsettled(case: Case) -> float:
    """Return the share of the samples that the recipe's free sweeps don't bring to rest."""
    reached = loop.zeros(case.circuit, len(case.x))
    for _ in range(case.recipe.phases.free_sweeps):
        loop.sweep(case.quiet, case.x, reached)
    off = loop.norms([a - b for a, b in zip(reached, case.rest, strict=True)])
    return float(np.mean(~(off <= FAR * loop.norms(case.rest))))


def flat(case: Case) -> float:
    """Return the share of the hidden units without a slope."""
    hidden = loop.slopes(case.quiet, case.x, case.rest)[: len(case.circuit.sizes) - 2]
    return float(np.mean(np.concatenate([each.max(axis=0) for each in hidden] or [np.ones(1)]) < FLAT))


def saturated(case: Case) -> float:
    """Return the share of the outputs off their target that no nudge moves; 0 of a read-out."""
    circuit, last = case.quiet, len(case.circuit.sizes) - 1
    if circuit.last < last:
        return 0.0
    code, beta = int(circuit.activations[last]), np.full(len(case.x), min(case.recipe.phases.beta, 0.99))
    inputs = loop.layer_input(circuit, last, case.x, case.rest)
    ends = [nudged_output(circuit.cost, code, inputs, case.targets, sign * beta) for sign in (1.0, -1.0)]
    off = ~(np.abs(case.rest[-1] - case.targets) < OFF)
    still = off & (np.abs(ends[0] - ends[1]) < STILL)
    return float(still.sum() / max(off.sum(), 1))


def nonlinear(case: Case) -> float:
    """Return 1 − the least cosine of a coupling's gradients at β and at β/2."""
    whole, half, worst = case.gradient(), case.gradient(0.5), 0.0
    for k in range(1, whole.depth + 1):
        a, b = whole.coupling(k).ravel(), half.coupling(k).ravel()
        size = float(np.linalg.norm(a) * np.linalg.norm(b))
        worst = max(worst, 1.0 - float(a @ b) / size if size else 0.0)
    return worst


def step(case: Case) -> float:
    """Return what one update leaves of the fall that its slope promises, mean over minibatches."""
    batch = min(case.recipe.training.batch_size, len(case.x))
    batches = [slice(first, first + batch) for first in range(0, len(case.x) - batch + 1, batch)]
    return float(np.mean([_step(case, rows) for rows in batches]))


def _step(case: Case, rows: slice) -> float:
    change, circuit = _update(case, rows), case.quiet
    largest = [max(float(np.abs(part).max()) for part in of) for of in ((circuit.up, circuit.biases), change[1:])]
    little = SHARE * min(1.0, (largest[0] or 1.0) / (largest[1] or 1.0))
    before, after, near = (case.costs(moved(circuit, change, share), rows) for share in (0.0, 1.0, little))
    promised = (before - near) / little
    left = 1.0 - (before - after) / promised if promised > 0.0 else 0.0
    return left if np.isfinite(left) else np.inf


def _update(case: Case, rows: slice) -> Weights:
    """What a minibatch's update asks to add to the weights; of momentum, once it has built up."""
    training, gradient = case.recipe.training, case.gradient(rows=rows)
    rule = rule_of(training)
    rule.turn(gradient, case.quiet.up, rule.fresh(gradient))
    built_up = 1.0 - training.momentum if training.rule == SGD else 1.0
    for k, rate in enumerate(training.rates(gradient.depth, 0), start=1):
        gradient.coupling(k)[...] *= -rate / built_up
        gradient.bias(k)[...] *= -rate / built_up
    return gradient


def moved(circuit: Circuit, change: Weights, share: float) -> Circuit:
    """Return a circuit whose weights are changed by a share of an update."""
    up, biases = circuit.up + share * change.couplings, circuit.biases + share * change.biases
    down = up if circuit.down is circuit.up else circuit.down + share * change.couplings
    return circuit._replace(up=up, down=down, biases=biases)


def noise(case: Case, keys: int = KEYS) -> float:
    """Return the gradient's error by reads over its size, of the worst coupling; 0 where reads are exact."""
    if reads_exactly(case.circuit) and not case.circuit.trace_bits:
        return 0.0
    rows, phases = slice(case.recipe.training.batch_size), case.recipe.phases
    size, error = (np.zeros(len(case.circuit.sizes) - 1) for _ in range(2))
    for key in range(keys):
        found, known = (
            ep_gradients(case.engine, circuit, case.x[rows], case.targets[rows], phases, case.seed + key)
            for circuit in (case.circuit, case.quiet)
        )
        for k in range(1, known.depth + 1):
            size[k - 1] += float((known.coupling(k) ** 2).sum())
            error[k - 1] += float(((found.coupling(k) - known.coupling(k)) ** 2).sum())
    return float(np.sqrt((error / np.where(size > 0.0, size, 1.0)).max()))


FIGURES: Mapping[str, Callable[[Case], float]] = {
    "loop gain": loop_gain,
    "minima": minima,
    "unsettled": unsettled,
    "flat": flat,
    "saturated": saturated,
    "nonlinear": nonlinear,
    "step": step,
    "noise": noise,
}
"""By name, in the order of a report."""
