"""Coincidences of pulse trains: against a plain loop over samples and slots, their mean, their bounds, and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit

from neuroep.errors import BadInput, Diverged
from neuroep.hardware.cells.arrays import Spread
from neuroep.hardware.cells.law import Column
from neuroep.hardware.cells.steps import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    SoftBounds,
    StepModel,
)
from neuroep.hardware.crossbar import meeting_kernels as kernels
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.state_trains import StatePulser, TrainPlan
from neuroep.hardware.device import Ideal, Mounted, StateUpdate, programmed
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import chain
from neuroep.physics.base import Products
from neuroep.recipe import Method, Programming, Trains
from neuroep.rng import combine, hashed, normal_of, stream
from neuroep.weights import FloatArray, Weights

RANGE = {"dw_min": 4e-3, "w_min": -1.0, "w_max": 1.0}
LINEAR = LinearStep(**RANGE, gamma_up=0.3, gamma_down=0.6, cycle_noise=0.3, write_noise=0.02)
CLEAN = Crossbar(
    name="array", g_min_siemens=1e-6, g_max_siemens=10e-6, cell=ConstantStep(**RANGE), encoding=Encoding.OFFSET,
    programming=Programming(Method.NET),
)  # fmt: skip
KEY_PARTS = np.uint64(0xFFFFFFFF), np.uint64(32)


class Ready(NamedTuple):
    crossbar: Crossbar
    mounted: Mounted
    ledger: Ledger


def ready(crossbar: Crossbar, rows: int, columns: int, dtype: type = np.float64, weight: float = 0.0) -> Ready:
    """One coupling of equal weights in full range ±1, so that a pulse is worth a step of a weight."""
    couplings = np.full((rows, columns), weight, dtype)
    couplings[0, 0] = 1.0 if weight else 0.0
    weights = Weights.from_arrays([couplings], [np.zeros(columns, dtype)])
    return Ready(crossbar, crossbar.mount(chain((rows, columns)), weights, stream(3)), Ledger.empty((rows, columns)))


def products(
    trains: int, rows: int, columns: int, size: float, dtype: type = np.float64, seed: int = 0, alike: bool = False
) -> StateUpdate:
    """Products of both signs, some states zero, worth up to about `size` times 4 e-3."""
    rng = stream(seed, "products")
    below, above = rng.uniform(-1, 1, (trains, rows)), rng.uniform(-1, 1, (trains, columns))
    below[rng.random(below.shape) < 0.3] = 0.0
    coefficients = size * 4e-3 * rng.uniform(-1, 1, trains)
    parts = Products(*(a.astype(dtype) for a in (below, above, coefficients)), 2, alike)
    return StateUpdate((parts,), np.zeros(columns, dtype), (1.0,))


def pulser(crossbar: Crossbar, dtype: type) -> StatePulser:
    return StatePulser(
        crossbar.law(dtype), crossbar.step, crossbar.programming, crossbar.one_sided, crossbar.schedule
    )  # fmt: skip


def plan_of(it: Ready, update: StateUpdate) -> TrainPlan:
    return pulser(it.crossbar, it.mounted.circuit.up.dtype.type).plan(
        it.crossbar._arrays(it.mounted, it.ledger.sizes)[0], update, 1
    )


def drawn(values: FloatArray, factor: float, slots: int, key: np.uint64) -> FloatArray:
    """Bits (slots, lines) of one stochastic train, as the definition has them."""
    lines = len(values)
    low, high = np.uint32(key & KEY_PARTS[0]), np.uint32(key >> KEY_PARTS[1])
    h = hashed(low, high, np.arange(slots * lines, dtype=np.uint32)).reshape(slots, lines)
    return (h >> np.uint32(8)).astype(values.dtype) * values.dtype.type(2.0**-24) < np.abs(values) * factor


def counted(values: FloatArray, factor: float, slots: int, even: bool) -> FloatArray:
    """Bits (slots, lines) of one deterministic train."""
    bits = np.zeros((slots, len(values)), bool)
    for i, value in enumerate(values):
        ones = min(round(float(np.abs(value) * factor * slots)), slots)
        places = [int((one + 0.5) * slots / ones) for one in range(ones)] if even else range(ones)
        bits[list(places), i] = True
    return bits


def plain_loop(it: Ready, update: StateUpdate, rng: np.random.Generator) -> tuple[list[FloatArray], int, int, int]:
    """Devices of both arrays after all trains, sample by sample and slot by slot; pulses up, down and most of one."""
    plan, cell, steps = plan_of(it, update), it.crossbar.cell, it.crossbar.programming
    keys = rng.integers(1 << 63, size=2).astype(np.uint64)
    kinds = [it.mounted.state["devices"].copy(), it.mounted.state["against"].copy()]
    numbers = [np.zeros(len(kinds[0]), np.int64) for _ in kinds]
    owns = [combine(np.full(len(kinds[0]), k), np.arange(len(kinds[0])))
            for k in (keys[1], combine(keys[1:], np.array([1]))[0])]  # fmt: skip
    up = down = 0
    sides = [combine(keys[:1], np.array([side]))[0] for side in (0, 1)]
    for t in range(len(plan.falling)):
        x, y, slots = plan.products.below[t], plan.products.above[t], int(plan.slots.counts[t])
        if steps.trains is Trains.STOCHASTIC:
            number = t // plan.products.group if plan.products.alike else t
            train_keys = [combine(np.array([side]), np.array([number]))[0] for side in sides]
            bits = drawn(x, plan.below[t], slots, train_keys[0]), drawn(y, plan.above[t], slots, train_keys[1])
        else:
            bits = counted(x, plan.below[t], slots, False), counted(y, plan.above[t], slots, True)
        falls = (np.outer(x, y) < 0.0).ravel() ^ plan.falling[t]
        for slot in range(slots):
            for i in np.flatnonzero(np.outer(bits[0][slot], bits[1][slot])):
                array, falling = 0, bool(falls[i])
                if it.crossbar.one_sided:
                    array, falling = int(falling), False
                elif it.crossbar.paired and (slot + t // plan.products.group) % 2 == 1:
                    array, falling = 1, not falling
                pulse(kinds[array][i], falling, cell, owns[array][i], numbers[array][i])
                numbers[array][i] += 1
                up, down = up + (not falling), down + falling
    for device, count, own in zip(kinds, numbers, owns, strict=True):
        for i in np.flatnonzero(count):
            device[i, Column.SHOWN] = device.dtype.type(cell.write_noise) * noise(own[i], 1 << 31)
    return kinds, up, down, int(max(count.max() for count in numbers))


def noise(key: np.uint64, number: int) -> np.float32:
    low, high = np.uint32(key & KEY_PARTS[0]), np.uint32(key >> KEY_PARTS[1])
    return normal_of(hashed(low, high, np.array([number], dtype=np.uint32)))[0]


def pulse(device: FloatArray, falling: bool, cell: LinearStep, key: np.uint64, number: int) -> None:
    """One pulse of a linear device with multiplicative noise."""
    real = device.dtype.type
    w, step = device[Column.VALUE], device[Column.DOWN if falling else Column.UP]
    change = step * (real(1.0) - device[Column.SLOPE_DOWN if falling else Column.SLOPE_UP] * w)
    change += real(cell.cycle_noise) * (abs(change) + real(0.0) + real(0.0) * abs(w)) * real(noise(key, number))
    device[Column.VALUE] = np.clip(w - change if falling else w + change, device[Column.LOW], device[Column.HIGH])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("trains", list(Trains))
@pytest.mark.parametrize("encoding", [*Encoding, "one-sided"])
def test_packed_trains_are_the_plain_loop(encoding: Encoding | str, trains: Trains, dtype: type) -> None:
    """The same bits, so the same pulses in the same order: every device bit for bit, weights, counts.

    20 columns don't fill two vectors, and a device's directions take more than one word of 32, of lone devices of 64.
    """
    crossbar = replace(CLEAN, cell=LINEAR, spread=Spread(step=0.2, low=0.1, high=0.1, slope=0.05))
    crossbar = replace(crossbar, programming=Programming(Method.NET, trains=trains))
    if encoding == "one-sided":
        crossbar = replace(crossbar, encoding=Encoding.PAIR, one_sided=True)
    else:
        crossbar = replace(crossbar, encoding=Encoding(encoding))
    alike = encoding in (Encoding.PAIR, Encoding.COLUMN)
    it, update = ready(crossbar, 7, 20, dtype), products(12, 7, 20, 40.0, dtype, alike=alike)
    (plus, minus), up, down, most = plain_loop(it, update, stream(5))
    before = it.mounted.circuit.up.copy()
    crossbar.program_states(it.mounted, update, stream(5), it.ledger)
    np.testing.assert_array_equal(it.mounted.state["devices"], plus)
    if crossbar.paired:
        np.testing.assert_array_equal(it.mounted.state["against"], minus)
    counts = it.ledger.counts[Phase.UPDATE, :, 1]
    assert (counts[Event.PULSE_UP], counts[Event.PULSE_DOWN]) == (up, down)
    assert up > 0
    assert most > (32 if crossbar.paired else 64)
    assert (down > 0) is not crossbar.one_sided
    assert counts[Event.WRITE] == np.count_nonzero(it.mounted.circuit.up != before)


def test_bits_are_pushed_together() -> None:
    """As listing the bits under the mask one by one; full and empty words, too."""
    rng = stream(8, "words")
    words = rng.integers(0, 1 << 64, 200, np.uint64)
    masks = np.concatenate([words[1:] & words[:-1], [np.uint64(0)]])
    for word, mask in [*zip(words, masks, strict=True), (words[0], ~np.uint64(0))]:
        places = [i for i in range(64) if int(mask) >> i & 1]
        wanted = sum((int(word) >> place & 1) << i for i, place in enumerate(places))
        assert int(pushed(word, mask)) == wanted
        assert int(counted_ones(mask)) == len(places)


@njit
def pushed(word: int, mask: int) -> int:
    return kernels.pushed_together(word, mask)


@njit
def counted_ones(word: int) -> int:
    return kernels.ones(word)


LAWS: list[StepModel] = [
    LINEAR,
    ExpStep(**RANGE, a_up=-1.2, a_down=-0.1, gamma_up=3.0, gamma_down=4.0, slope=-0.5, offset=-0.3),
    SoftBounds(**RANGE),
    PowStep(**RANGE, gamma_up=1.5, gamma_down=0.7),
    PiecewiseStep(**RANGE, up=(2.0, 1.0, 0.4), down=(0.5, 0.9, 1.4)),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_each_device_meets_its_pulses_in_the_order_of_the_samples(law: StepModel) -> None:
    """Four pulses up, then four down, and the other way round, against the step models pulse by pulse."""
    cell = replace(law, cycle_noise=0.0, write_noise=0.0)
    crossbar = replace(CLEAN, cell=cell, programming=Programming(Method.NET, 4, trains=Trains.DETERMINISTIC))
    for signs in ((1.0, -1.0), (-1.0, 1.0)):
        it = ready(crossbar, 1, 1, weight=0.3)
        four = 4.0 * crossbar.step * np.array(signs) / crossbar.full
        update = StateUpdate((Products(np.ones((2, 1)), np.ones((2, 1)), four, 1),), np.zeros(1), (1.0,))
        w = it.mounted.state["devices"][0, Column.VALUE]
        for sign in signs:
            for _ in range(4):
                w = float(cell.pulse(np.asarray([w]), int(sign))[0])
        crossbar.program_states(it.mounted, update, stream(0), it.ledger)
        assert it.mounted.state["devices"][0, Column.VALUE] == pytest.approx(w, abs=1e-12)


@pytest.mark.parametrize("size", [0.3, 8.0])
def test_stochastic_trains_have_the_right_mean_and_binomial_noise(size: float) -> None:
    """Sums of 600 updates: mean Σ a x y, variance Σ B p q (1 − p q), of independent coincidences."""
    it, rounds = ready(CLEAN, 6, 5), 600
    update = products(8, 6, 5, size)
    plan, part = plan_of(it, update), update.products[0]
    p, q = np.abs(part.below) * plan.below[:, None], np.abs(part.above) * plan.above[:, None]
    assert max(p.max(), q.max()) <= 1.0
    both, slots = p[:, :, None] * q[:, None, :], plan.slots.counts[:, None, None]
    variance = (slots * both * (1 - both)).sum(axis=0)
    mean = np.einsum("r,ri,rj->ij", part.coefficients, part.below, part.above) / 4e-3
    total = np.zeros((6, 5))
    for number in range(rounds):
        fresh = ready(CLEAN, 6, 5)
        CLEAN.program_states(fresh.mounted, update, stream(number, "trains"), fresh.ledger)
        total += np.rint(fresh.mounted.state["devices"][:, Column.VALUE].reshape(6, 5) / 4e-3)
    hit = variance > 0.0
    z = (total / rounds - mean)[hit] / np.sqrt(variance[hit] / rounds)
    assert np.abs(z).max() < 5.0
    assert abs((z**2).mean() - 1.0) < 5.0 * np.sqrt(2.0 / z.size)
    assert (total[~hit] == 0).all()


def test_slots_are_as_few_as_the_largest_product_needs() -> None:
    """⌈|a| max|x| max|y|⌉ slots, `most_pulses` at most, where the largest states are clipped; twice for both signs."""
    it = ready(CLEAN, 2, 2)
    below, above = np.tile([[1.0, 0.5]], (4, 1)), np.array([[0.5, 0.2], [0.5, -0.2], [1.0, 1.0], [0.0, 0.0]])
    asked = np.array([3.0, -9.0, 100.0, 5.0])
    update = StateUpdate((Products(below, above, asked * 4e-3, 1),), np.zeros(2), (1.0,))
    plan = plan_of(it, update)
    assert plan.slots.counts.tolist() == [2, 5, 31, 0]
    assert plan.slots.starts.tolist() == [0, 2, 7, 38]
    CLEAN.program_states(it.mounted, update, stream(0), it.ledger)
    assert it.ledger.counts[Phase.UPDATE, Event.PULSE_SLOT, 1] == 2 + 2 * 5 + 31


def test_deterministic_trains_stay_within_their_granularity() -> None:
    """|coincidences − B p q| <= ½ + ½ (p + q) + 1/(4B), one train at a time, where nothing is clipped."""
    crossbar = CLEAN.programmed_by(Programming(Method.NET, 31, trains=Trains.DETERMINISTIC))
    worst = 0.0
    for seed in range(40):
        it, update = ready(crossbar, 9, 8), products(1, 9, 8, 40.0, seed=seed)
        plan, part = plan_of(it, update), update.products[0]
        p, q = np.abs(part.below[0]) * plan.below[0], np.abs(part.above[0]) * plan.above[0]
        if max(p.max(), q.max()) > 1.0:
            continue
        crossbar.program_states(it.mounted, update, stream(0), it.ledger)
        moved = np.rint(it.mounted.state["devices"][:, Column.VALUE].reshape(9, 8) / 4e-3)
        asked = part.coefficients[0] / 4e-3 * np.outer(part.below[0], part.above[0])
        bound = 0.5 + 0.5 * np.add.outer(p, q) + 0.25 / 31
        assert (np.abs(moved - asked) <= bound + 1e-9).all()
        worst = max(worst, float(np.abs(moved - asked).max()))
    assert worst > 0.5


def test_counts_by_hand() -> None:
    """Four pulses of the product of 1 and ±1 in 16 slots: p = q = ½; the other row's state is half as large.

    8 row pulses from the first slot on meet 4 of 8 even column pulses, 4 meet 2: 6 up and 6 down, in 16 slots each way.
    Rows send their 8 and 4 in both, past two cells each; a column its 8 in one of them. Four drivers decide in 32.
    """
    crossbar = CLEAN.programmed_by(Programming(Method.NET, 16, trains=Trains.DETERMINISTIC))
    it = ready(crossbar, 2, 2)
    update = StateUpdate(
        (Products(np.array([[1.0, 0.5]]), np.array([[1.0, -1.0]]), np.array([4.0 * 4e-3]), 1),), np.array([0.1, 0.2]),
        (1.0,),
    )  # fmt: skip
    crossbar.program_states(it.mounted, update, stream(0), it.ledger)
    assert it.mounted.circuit.up == pytest.approx(np.array([4, -4, 2, -2]) * 4e-3)
    assert it.mounted.circuit.biases.tolist() == [0.1, 0.2]
    counts = it.ledger.counts[Phase.UPDATE, :, 1]
    found = {event: int(counts[event]) for event in Event if counts[event]}
    assert found == {
        Event.PULSE_UP: 6, Event.PULSE_DOWN: 6, Event.WRITE: 4, Event.PULSE_SLOT: 32, Event.KEPT: 1,
        Event.TRAIN_SLOT: 32, Event.ROW_PULSE: 2 * (8 + 4), Event.COLUMN_PULSE: 8 + 8,
    }  # fmt: skip
    events = it.ledger.events(Phase.UPDATE)
    assert (events["train_bit"], events["line_pulse"], events["line_cell"]) == (32 * 4, 40, 24 * 2 + 16 * 2)


@pytest.mark.parametrize("trains", list(Trains))
def test_pulses_on_lines_are_those_that_the_drivers_sent(trains: Trains) -> None:
    """Bits looked up one by one: a line sends them once for each sign that the lines across it carry in its train."""
    crossbar = CLEAN.programmed_by(Programming(Method.NET, 31, trains=trains))
    it, rng = ready(crossbar, 7, 5), stream(8)
    below, above = rng.uniform(-1, 1, (9, 7)), rng.uniform(-1, 1, (9, 5))
    below[::2], above[3:5], above[5] = abs(below[::2]), abs(above[3:5]), 0.0
    update = StateUpdate((Products(below, above, rng.uniform(-30, 30, 9) * 4e-3),), np.zeros(5), (1.0,))
    plan, key = plan_of(it, update), stream(2).integers(1 << 63, size=2).astype(np.uint64)[:1]
    words = -(-int(plan.slots.counts.sum()) // 64)
    expected = []
    for side, across in ((0, above), (1, below)):
        bits = pulser(crossbar, np.float64)._lines(plan, side, words, key).bits
        expected.append(0)
        for t, (first, count) in enumerate(zip(*plan.slots, strict=True)):
            signs = len({np.sign(value) for value in across[t]} - {0.0})
            for slot in range(first, first + count):
                expected[-1] += signs * sum(int(word) >> (slot & 63) & 1 for word in bits[slot >> 6])
    crossbar.program_states(it.mounted, update, stream(2), it.ledger)
    counts = it.ledger.counts[Phase.UPDATE, :, 1]
    assert counts[[Event.ROW_PULSE, Event.COLUMN_PULSE]].tolist() == expected
    assert counts[Event.TRAIN_SLOT] == counts[Event.PULSE_SLOT]
    assert it.ledger.events(Phase.UPDATE)["line_cell"] == 5 * expected[0] + 7 * expected[1]
    assert min(expected) > 200


@pytest.mark.parametrize("trains", list(Trains))
def test_phases_that_are_alike_cancel_pulse_by_pulse(trains: Trains) -> None:
    """Equal states in opposite directions: many pulses, none left; and where one state differs, it alone has moved."""
    crossbar = CLEAN.programmed_by(Programming(Method.OPPOSITE, trains=trains))
    it, rng = ready(crossbar, 5, 6), stream(2)
    below, above = np.repeat(rng.uniform(0.1, 1, (9, 5)), 2, axis=0), np.repeat(rng.uniform(0.1, 1, (9, 6)), 2, axis=0)
    above[:, 4] = 1.0
    above[::2, 2] *= 0.2
    size = np.tile([-1.0, 1.0], 9) * 20.0 * 4e-3
    update = StateUpdate((Products(below, above, size, 2, True),), np.zeros(6), (1.0,))
    crossbar.program_states(it.mounted, update, stream(1), it.ledger)
    moved = np.abs(it.mounted.circuit.up.reshape(5, 6)) > 1e-9
    assert moved.any(axis=0).tolist() == [False, False, True, False, False, False]
    counts = it.ledger.counts[Phase.UPDATE, :, 1]
    assert counts[Event.PULSE_UP] > counts[Event.PULSE_DOWN] > 500


@pytest.mark.parametrize("trains", list(Trains))
def test_full_and_empty_time_lines(trains: Trains) -> None:
    """128 slots in which every line has a pulse, 64 up and 64 down on each of 40 devices a row; and none at all."""
    crossbar = CLEAN.programmed_by(Programming(Method.NET, 64, trains=trains))
    it = ready(crossbar, 3, 40)
    size = np.array([64.0, -64.0]) * crossbar.step / crossbar.full
    update = StateUpdate((Products(np.ones((2, 3)), np.ones((2, 40)), size * (1 - 1e-12)),), np.zeros(40), (1.0,))
    crossbar.program_states(it.mounted, update, stream(0), it.ledger)
    counts = it.ledger.counts[Phase.UPDATE, :, 1].copy()
    assert counts[[Event.PULSE_UP, Event.PULSE_DOWN, Event.PULSE_SLOT]].tolist() == [64 * 120, 64 * 120, 128]
    assert it.mounted.circuit.up == pytest.approx(np.zeros(120), abs=1e-12)
    nothing = StateUpdate((update.products[0]._replace(coefficients=np.zeros(2)),), np.zeros(40), (1.0,))
    crossbar.program_states(it.mounted, nothing, stream(0), it.ledger)
    counts[Event.KEPT] += 2  # states of two trains, of which none sends a pulse
    assert (it.ledger.counts[Phase.UPDATE, :, 1] == counts).all()


def test_pairs_share_their_pulses_in_turns() -> None:
    """Half of the coincidences, within binomial error, raise G⁺, the other half lower G⁻."""
    crossbar = replace(CLEAN, encoding=Encoding.PAIR)
    it = ready(crossbar, 30, 40)
    size = np.full(20, 10.0 * crossbar.step / crossbar.full)
    update = StateUpdate((Products(np.ones((20, 30)), np.full((20, 40), 0.5), size, 1),), np.zeros(40), (1.0,))
    crossbar.program_states(it.mounted, update, stream(1), it.ledger)
    up, down = (int(it.ledger.counts[Phase.UPDATE, event, 1]) for event in (Event.PULSE_UP, Event.PULSE_DOWN))
    assert abs(up - down) < 5 * np.sqrt(up + down)
    assert (it.mounted.state["devices"][:, Column.VALUE] > 0).all()
    assert (it.mounted.state["against"][:, Column.VALUE] < 0).all()


def test_one_sided_pairs_are_reset_when_both_have_grown() -> None:
    """Many opposite pulses drive both up to the thresholds; after the reset their difference is what it was."""
    cell = ConstantStep(dw_min=0.01, w_min=0.0, w_max=2.0)
    crossbar = replace(CLEAN, cell=cell, encoding=Encoding.PAIR, one_sided=True)
    it = ready(crossbar, 4, 16)
    both = np.tile([1.0, -1.0], 40) * 20.0 * crossbar.step / crossbar.full
    update = StateUpdate((Products(np.ones((80, 4)), np.ones((80, 16)), both, 2),), np.zeros(16), (1.0,))
    for number in range(2):
        crossbar.program_states(it.mounted, update, stream(number), it.ledger)
    assert it.ledger.counts[Phase.UPDATE, Event.PULSE_DOWN, 1] > 0  # resets
    assert it.mounted.state["devices"][:, Column.VALUE].max() < 1.0
    assert np.abs(it.mounted.circuit.up).max() < 0.1


def test_what_states_cannot_program_is_refused() -> None:
    net = Programming(Method.NET)
    with pytest.raises(BadInput, match=r"method 'net' on ideal.*a crossbar"):
        programmed(Ideal(), net)
    with pytest.raises(BadInput, match="whole pulses"):
        replace(CLEAN, exact_steps=True)
    it = ready(CLEAN, 2, 2)
    infinite = StateUpdate(
        (Products(np.array([[1.0, np.nan]]), np.ones((1, 2)), np.ones(1), 1),), np.zeros(2), (1.0,)
    )  # fmt: skip
    with pytest.raises(Diverged, match="not finite"):
        CLEAN.program_states(it.mounted, infinite, stream(0), it.ledger)
    assert it.mounted.circuit.up.tolist() == [0.0] * 4
