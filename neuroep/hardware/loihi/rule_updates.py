"""EP's contrast written by the chip's own learning engine, sample after sample, in integers alone.

States of the two phases of a sample become traces, x = round(127 s / full scale), 0 to 127. Then the profile's rule
runs at the end of one phase or of both, in the 15-bit accumulator, and the weight is written back at random:

    fast-slow   2^e x1 y1 − 2^e x2 y2, once: x1, y1 hold the phase with the positive nudge, x2, y2 the other one
    swapped     2^e x1 y1 at the end of the positive phase, −2^e x1 y1 at that of the other
    modulated   2^e x1 y1 (y3 − 64) at the end of both, y3 = 127 in the positive phase and 1 in the other

A product is shifted right until it fits the accumulator (by 3 bits, by 10 with y3) before it meets 2^e, and shifts
round down. Couplings have an exponent each, −7 to 9. Biases are synapses of a neuron whose trace is always 127.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.loihi.learning import EXPONENTS, Product, ep_rule
from neuroep.hardware.loihi.neurons import IntArray
from neuroep.hardware.loihi.traces import FRACTION_BITS, TRACE_TOP, apply_rule
from neuroep.rng import combine, hashed
from neuroep.weights import FloatArray

DRIVEN, RESTING = 127, 1
"""What the third factor y3 is in the positive phase and in the other."""


class Run(NamedTuple):
    """A run of the rule, followed by a write-back.

    Attributes
    ----------
    rule : tuple of Product
        What runs.
    rows : dict of str to int
        The row of a sample's two that each trace of the rule remembers.
    third : int
        y3.
    """

    rule: tuple[Product, ...]
    rows: Mapping[str, int]
    third: int = 0

    def values(self, below: IntArray, above: IntArray) -> dict[str, IntArray]:
        """Return what the rule reads, from the traces of both rows, (2, m) and (2, n)."""
        sides = {"x": below[:, :, None], "y": above[:, None, :]}
        read = {name: sides[name[0]][row] for name, row in self.rows.items()}
        return read | {"y3": np.asarray(self.third), "u0": np.asarray(1)}


@functools.cache
def runs(form: str, exponent: int, positive: int) -> tuple[Run, ...]:
    """Return what a learning rule runs for a sample, in order; read once, as texts take a while.

    Parameters
    ----------
    form : str
        ``"fast-slow"``, ``"swapped"`` or ``"modulated"``.
    exponent : int
        Of the learning rate.
    positive : int
        Which row of the sample, 0 or 1, is the phase with the positive nudge.
    """
    if form == "fast-slow":
        other = 1 - positive
        return (Run(ep_rule(form, exponent), {"x1": positive, "y1": positive, "x2": other, "y2": other}),)
    found = []
    for row in (0, 1):
        driven = row == positive
        name = form if form == "modulated" else ("nudged" if driven else "free")
        found.append(Run(ep_rule(name, exponent), {"x1": row, "y1": row}, DRIVEN if driven else RESTING))
    return tuple(found)


class Store(NamedTuple):
    """How weights are stored: codes of `step` mantissas each, from `lowest` to `highest`, and how they are drawn."""

    step: int
    lowest: int
    highest: int
    draws: str

    @property
    def lift(self) -> int:
        """Bits of the accumulator below the lowest of a code."""
        return FRACTION_BITS + self.step.bit_length() - 1


class Lesson(NamedTuple):
    """What a coupling learns from.

    Attributes
    ----------
    below, above : ndarray of int32, shapes (samples, 2, m) and (samples, 2, n)
        Traces of both phases of each sample.
    positive : ndarray of int32, shape (samples,)
        Which row is the phase with the positive nudge.
    form : str
        The learning rule's.
    exponent : int
        Of its learning rate.
    key : int
        Of the random numbers.
    """

    below: NDArray[np.int32]
    above: NDArray[np.int32]
    positive: NDArray[np.int32]
    form: str
    exponent: int
    key: int

    @property
    def write_backs(self) -> int:
        """How often a sample writes each synapse."""
        return len(runs(self.form, 0, 0))

    def keys(self) -> NDArray[np.uint32]:
        """Return the halves of the key of each write-back, shape (samples, write-backs, 2)."""
        samples, times = np.arange(len(self.below))[:, None], np.arange(self.write_backs)[None]
        keys = combine(combine(np.asarray(self.key, np.uint64), samples), times)
        low, high = keys & np.uint64(0xFFFFFFFF), keys >> np.uint64(32)
        return np.stack([low, high], axis=-1).astype(np.uint32)


def traces(states: FloatArray, full: float) -> NDArray[np.int32]:
    """Return states from 0 to a full scale as traces, to the nearest."""
    counted: NDArray[np.int32] = np.rint(np.clip(states, 0.0, full) * (TRACE_TOP / full)).astype(np.int32)
    return counted


def worth(form: str, step: int) -> float:
    """Return how many codes a product of states at full scale is worth at exponent 0."""
    product = runs(form, 0, 1)[-1].rule[0]
    gain = DRIVEN - 64 if form == "modulated" else 1
    return math.ldexp(float(TRACE_TOP**2 * gain), -product.shift - FRACTION_BITS) / step


def exponent_of(codes: float, form: str, step: int) -> int:
    """Return the exponent whose rule adds about so many codes for a product of states at full scale."""
    return round(math.log2(codes / worth(form, step)))


def fit_exponent(exponent: int) -> int:
    """Return the nearest exponent that the engine has."""
    return min(max(exponent, EXPONENTS[0]), EXPONENTS[1])


def learn_stepwise(codes: NDArray[np.int16], lesson: Lesson, store: Store) -> int:
    """Bring codes, (m, n), through a lesson in place, by the engine's own arithmetic; return how many changed.

    The definition of what :func:`learn` does.
    """
    keys, before = lesson.keys(), codes.copy()
    units = np.arange(codes.size, dtype=np.uint32).reshape(codes.shape) * np.uint32(store.draws == "element")
    lift = store.lift
    for s, positive in enumerate(lesson.positive):
        for w, run in enumerate(runs(lesson.form, lesson.exponent, int(positive))):
            total = apply_rule(run.rule, run.values(lesson.below[s], lesson.above[s]), codes.astype(np.int64) << lift)
            low, high = keys[s, w]
            noise = hashed(low, high, units) >> np.uint32(32 - lift)
            codes[...] = np.clip((total + noise) >> lift, store.lowest, store.highest)
    return int(np.count_nonzero(codes != before))


def learn(codes: NDArray[np.int16], lesson: Lesson, store: Store) -> int:
    """Do as :func:`learn_stepwise`, compiled."""
    from neuroep.hardware.loihi import rule_kernels  # compiles: not before it is needed

    both = [runs(lesson.form, lesson.exponent, positive) for positive in (0, 1)]
    factors, rows = np.zeros((2, len(both[0]), 2), np.int32), np.zeros((2, len(both[0]), 2), np.int32)
    for positive, found in enumerate(both):
        for w, run in enumerate(found):
            for t, product in enumerate(run.rule):
                factors[positive, w, t], rows[positive, w, t] = _term(product, run)
    product = both[0][0].rule[0]
    stored = rule_kernels.Stored(store.lift, store.lowest, store.highest, store.draws == "matrix")
    scale = rule_kernels.Scale(product.shift, lesson.exponent)
    changed: int = rule_kernels.learn(
        codes, lesson.below, lesson.above, factors, rows, lesson.positive, lesson.key, scale, stored
    )
    return changed


def _term(product: Product, run: Run) -> tuple[int, int]:
    """A product's factor beside its two traces, and the row that they come from."""
    mantissa, _ = product.split() or (0, 0)
    third = [run.third + factor.constant for factor in product.factors if factor.variable == "y3"]
    row = next(run.rows[factor.variable] for factor in product.factors if factor.variable[0] == "x")
    return mantissa * math.prod(third), row
