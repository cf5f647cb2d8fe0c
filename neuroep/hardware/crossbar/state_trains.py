"""Products of states sent as coincidences of pulse trains on rows and columns: an update in place, without a gradient.

A product a x yᵀ, in pulses, is worth L = |a| max|x| max|y| at its largest. Its train takes B slots, and in each of them
row i has a pulse with probability p_i, column j with q_j, so that B p_i q_j = |a x_i y_j|:

    p_i = √(L/B) |x_i| / max|x|,    q_j = √(L/B) |y_j| / max|y|,    each 1 at most

Rows and columns are balanced by their maxima (update management of Gokmen & Vlasov 2016 and of aihwkit), and both share
the factor. A coincidence pulses the device up where the product is positive, down where it is negative.

stochastic
    Bits are drawn in each slot on their own; B = ⌈L⌉ slots, `most_pulses` at most (update-BL management). The mean is
    right for any product, however small: what a single train can express is 0 or 1 pulse and more, what many express
    has no granularity. Coincidences are binomial, of variance B p q (1 − p q). Where L > B, the largest p and q are
    clipped to 1: the product of the largest states is B instead of L, and products of states below max · √(B/L) stay
    right.
deterministic
    Row i has round(p_i B) pulses from the first slot on, column j round(q_j B) evenly spread ones, B = `most_pulses`.
    The coincidences of a and c pulses are a c/B, rounded, the closest that slots allow: off by ½ at most, and from
    B p q by at most ½ + ½ (p + q) + 1/(4B). The smallest product is one pulse; requests under about half a pulse a
    sample are lost, however many samples make them. Clipping is as above.

Products that are sent alike (the two phases of `opposite`) share the maxima and, where random, the numbers that bits
are drawn with: a slot then has both pulses or neither, unless a state differs between the phases.

Slots are spent train after train, since all trains share the lines; once for each direction that a train has, as a
slot's voltages pulse up or down. One device of a pair is pulsed at a time, the two taking turns from slot to slot;
one-sided pairs take pulses up on G⁺ and what would go down as pulses up on G⁻. Pairs that are then written anew are
written as devices with trains of their own are (:mod:`neuroep.hardware.crossbar.schedule`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import Diverged
from neuroep.hardware.cells.law import Law
from neuroep.hardware.crossbar.coincidence_kernels import send
from neuroep.hardware.crossbar.meeting_kernels import ONE_SIDED, SINGLE, TURNS
from neuroep.hardware.crossbar.pulse_kernels import PULSES, UPWARD, WRITTEN
from neuroep.hardware.crossbar.pulsing import Array, refresh_of, worn_of
from neuroep.hardware.crossbar.schedule import Schedule
from neuroep.hardware.crossbar.train_kernels import (
    Slots,
    TrainLines,
    WordArray,
    count_bits,
    draw_bits,
    pulses_sent,
    sign_lines,
)
from neuroep.hardware.device import StateUpdate
from neuroep.ledger import Event, Ledger, Phase
from neuroep.physics.base import Products
from neuroep.recipe import Programming, Trains
from neuroep.rng import combine
from neuroep.weights import FloatArray


class TrainPlan(NamedTuple):
    """What a coupling's trains are: the products, their signs, slots, and the factors of both sides.

    Attributes
    ----------
    products : Products
        What is sent.
    falling : ndarray of bool, shape (rows,)
        Trains in which a product of positive states goes down.
    slots : Slots
        Where each train lies on the time line.
    below, above : ndarray, shape (rows,)
        Probability of a pulse in a slot, over the magnitude of the state.
    """

    products: Products
    falling: NDArray[np.bool_]
    slots: Slots
    below: FloatArray
    above: FloatArray


class StatePulser(NamedTuple):
    """How states become pulses of one kind of device."""

    law: Law
    step: float
    programming: Programming
    one_sided: bool
    schedule: Schedule

    def plan(self, array: Array, update: StateUpdate, k: int) -> TrainPlan:
        """Return how coupling k's products are sent.

        Raises
        ------
        Diverged
            If they aren't finite.
        """
        products = update.products[k - 1]
        asked = update.rates[k - 1] / (self.step * array.scale) * products.coefficients
        rows, columns = (_largest(side, products) for side in (products.below, products.above))
        largest = np.abs(asked) * rows * columns
        if not np.isfinite(largest).all():
            raise Diverged("the states sent as pulses are not finite: lower the learning rates")
        counts = self._slots(largest)
        root = np.sqrt(largest / np.maximum(counts, 1))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        real: Any = products.below.dtype.type
        below, above = ((root / np.where(side > 0.0, side, 1.0)).astype(real) for side in (rows, columns))
        return TrainPlan(products, asked < 0.0, Slots(starts, counts), below, above)

    def _slots(self, largest: FloatArray) -> NDArray[np.int64]:
        most = self.programming.most_pulses
        counted = self.programming.trains is Trains.DETERMINISTIC
        wanted = np.where(largest > 0.0, most, 0) if counted else np.minimum(np.ceil(largest), most)
        slots: NDArray[np.int64] = wanted.astype(np.int64)
        return slots

    def send(self, array: Array, plan: TrainPlan, k: int, rng: np.random.Generator, ledger: Ledger) -> None:
        """Send coupling k's trains; count pulses of devices and lines, weights that changed, and slots."""
        keys = rng.integers(1 << 63, size=2).astype(np.uint64)
        words = -(-int(plan.slots.counts.sum()) // 64)
        rows, columns = (self._lines(plan, side, words, keys[:1]) for side in (0, 1))
        devices, against, counts = array.state["devices"], array.state["against"], np.zeros(4)
        longest = self.schedule.turns(rows.bits.shape[1])
        share = SINGLE
        if against.shape[1] > 1:
            share = ONE_SIDED if self.one_sided else TURNS
        real: Any = devices.dtype.type
        send(
            devices, against, self.law, rows, columns, _turns(plan, words), share, real(array.scale), keys[1],
            array.weights, refresh_of(devices, self.step, self.one_sided), worn_of(array, "devices", "against"),
            longest, counts,
        )  # fmt: skip
        ledger.add(Phase.UPDATE, Event.KEPT, k, len(plan.products.coefficients))
        ledger.add(Phase.UPDATE, Event.WRITE, k, int(counts[WRITTEN]))
        ledger.add(Phase.UPDATE, Event.PULSE_UP, k, int(counts[UPWARD]))
        ledger.add(Phase.UPDATE, Event.PULSE_DOWN, k, int(counts[PULSES] - counts[UPWARD]))
        signs = _signs(plan)
        spent = _slots_spent(plan, signs)
        ledger.add(Phase.UPDATE, Event.PULSE_SLOT, k, spent + self.schedule.slots(longest))
        ledger.add(Phase.UPDATE, Event.TRAIN_SLOT, k, spent)
        _count_lines(ledger, k, plan, signs, rows.bits, columns.bits)

    def _lines(self, plan: TrainPlan, side: int, words: int, key: NDArray[np.uint64]) -> TrainLines:
        """Return the packed bits of the rows (side 0) or of the columns (1); falling trains have their rows flipped."""
        values = (plan.products.below, plan.products.above)[side]
        factors = (plan.below, plan.above)[side]
        lines = TrainLines(*(np.zeros((words, values.shape[1]), np.uint64) for _ in range(2)))
        sign_lines(values, plan.falling & (side == 0), plan.slots, lines.signs)
        if self.programming.trains is Trains.DETERMINISTIC:
            count_bits(values, factors, plan.slots, side == 1, lines.bits)
        else:
            numbers = np.arange(len(values)) // (plan.products.group if plan.products.alike else 1)
            keys = combine(np.repeat(combine(key, np.array([side])), len(values)), numbers)
            draw_bits(values, factors, keys, plan.slots, lines.bits)
        return lines


def _largest(states: FloatArray, products: Products) -> FloatArray:
    """Largest magnitude in each row, or in all rows of a sample that are sent alike."""
    largest: FloatArray = np.maximum(states.max(axis=1), -states.min(axis=1)).astype(np.float64)
    if products.alike:
        largest = np.repeat(largest.reshape(-1, products.group).max(axis=1), products.group)
    return largest


def _turns(plan: TrainPlan, words: int) -> NDArray[np.uint64]:
    """Slots in which G⁺ is pulsed: every other one, and from sample to sample the other ones."""
    places = np.arange(int(plan.slots.counts.sum()))
    train = np.repeat(np.arange(len(plan.falling)), plan.slots.counts)
    within, sample = places - plan.slots.starts[train], train // plan.products.group
    turns = np.zeros(words * 64, np.uint8)
    turns[: len(places)] = (within + sample) % 2 == 0
    return np.packbits(turns, bitorder="little").view(np.uint64)


def _slots_spent(plan: TrainPlan, signs: NDArray[np.bool_]) -> int:
    """Slots of all trains, once for each direction in which a train has products."""
    (rows_up, rows_down), (columns_up, columns_down) = signs
    alike = (rows_up & columns_up) | (rows_down & columns_down)
    unlike = (rows_up & columns_down) | (rows_down & columns_up)
    return int((plan.slots.counts * (alike.astype(np.int64) + unlike)).sum())


def _signs(plan: TrainPlan) -> NDArray[np.bool_]:
    """Whether a side (rows, columns) carries values of a sign (+, −) in each train, shape (2, 2, trains)."""
    sides = (plan.products.below, plan.products.above)
    return np.stack([[(side > 0.0).any(axis=1), (side < 0.0).any(axis=1)] for side in sides])


def _count_lines(
    ledger: Ledger, k: int, plan: TrainPlan, signs: NDArray[np.bool_], rows: WordArray, columns: WordArray
) -> None:
    """Count what drivers did: a line sends its bits once for each sign that the lines across it carry.

    In the slots of one direction a row meets columns of one sign, in those of the other the rest.
    """
    across = signs.sum(axis=1)[::-1]
    for event, bits, times in zip((Event.ROW_PULSE, Event.COLUMN_PULSE), (rows, columns), across, strict=True):
        ledger.add(Phase.UPDATE, event, k, int((pulses_sent(bits, plan.slots) * times).sum()))
