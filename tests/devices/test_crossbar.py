"""Crossbars: what weights are made of, moments of their errors, pulses counted from the state itself, reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.hardware.cells.arrays import Spread
from neuroep.hardware.cells.steps import ConstantStep, ExpStep, LinearStep, SoftBounds, StepModel
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.pulse_kernels import Column
from neuroep.hardware.crossbar.wires import Ends, reads
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.device import Update
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Network, chain
from neuroep.recipe import Method, Programming
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

STEP = ConstantStep(dw_min=2e-3, w_min=-1.0, w_max=1.0)
UNIT = {"w_min": -1.0, "w_max": 1.0}
CLEAN = Crossbar(name="array", g_min_siemens=1e-6, g_max_siemens=10e-6, cell=STEP, headroom=2.0)
MakeUpdate = Callable[..., Update]


def uniform(value: float, rows: int = 200, columns: int = 100) -> tuple[Network, Weights]:
    """One coupling of equal weights."""
    return chain((rows, columns)), Weights.from_arrays([np.full((rows, columns), value)], [np.zeros(columns)])


def asking(weights: Weights, change: float) -> Update:
    return Update(Weights(weights.sizes, np.full(weights.couplings.size, change), np.zeros(weights.sizes[1])), (1.0,))


@pytest.mark.parametrize("encoding", list(Encoding))
def test_weights_are_conductance_differences(encoding: Encoding, network: Network, weights: Weights) -> None:
    """As asked for, to rounding, whatever a weight is made of; full scale is 2 max |W|."""
    crossbar = replace(CLEAN, encoding=encoding)
    mounted = crossbar.mount(network, weights, stream(0))
    eps = float(np.finfo(weights.couplings.dtype).eps)
    assert mounted.circuit.up == pytest.approx(weights.couplings, abs=16 * eps)
    assert mounted.circuit.down is mounted.circuit.up
    first, other = crossbar.conductances(mounted)
    for g in (first, other):
        assert g.min() >= 1e-6 * (1 - 1e-5)
        assert g.max() <= 10e-6 * (1 + 1e-5)
    scale = np.repeat([np.abs(weights.coupling(k)).max() * 2.0 for k in (1, 2)], [600, 200])
    full = 9e-6 if encoding is Encoding.PAIR else 4.5e-6
    assert (first - other) / full * scale == pytest.approx(weights.couplings, abs=32 * eps)


def test_columns_of_references_are_shared_by_rows(network: Network, weights: Weights) -> None:
    crossbar = replace(CLEAN, encoding=Encoding.COLUMN, spread=Spread(reference=0.05))
    against = crossbar.mount(network, weights, stream(1)).state["against"][:, 0]
    for part, shape in ((against[:600], (30, 20)), (against[600:], (20, 10))):
        rows = part.reshape(shape)
        assert (rows == rows[:, :1]).all()
        assert len(np.unique(rows[:, 0])) == shape[0]


def test_programming_error_has_its_moments() -> None:
    """Two devices with errors of 2 % of the range: the weight's error is √2 · 0.02 · w_max, w_max = 10 · 0.5."""
    network, weights = uniform(0.5)
    crossbar = replace(CLEAN, programming_spread=0.02, headroom=10.0)
    error = crossbar.mount(network, weights, stream(1)).circuit.up - 0.5
    expected = np.sqrt(2) * 0.02 * 5.0
    assert abs(error.mean()) < 5 * expected / np.sqrt(error.size)
    assert abs(error.std() / expected - 1) < 5 / np.sqrt(2 * error.size)


def test_change_is_shared_by_the_pair_and_unbiased() -> None:
    """Asking 0.7 of a pulse of each device: up on G⁺, down on G⁻, mean change as asked."""
    network, weights = uniform(0.5)
    mounted = CLEAN.mount(network, weights, stream(0))
    before = [mounted.state[key][:, Column.VALUE].copy() for key in ("devices", "against")]
    one = 0.5 * 2e-3  # w_max/2 times a step: the weight of one pulse of one device
    CLEAN.program(mounted, asking(weights, 1.4 * one), stream(2), Ledger.empty(weights.sizes))
    after = [mounted.state[key][:, Column.VALUE] for key in ("devices", "against")]
    up, down = (np.rint((a - b) / 2e-3) for a, b in zip(after, before, strict=True))
    assert set(np.unique(up)) == {0, 1}
    assert set(np.unique(down)) == {-1, 0}
    assert (up != -down).any()
    change = mounted.circuit.up - 0.5
    assert abs(change.mean() - 1.4 * one) < 5 * one * np.sqrt(2 * 0.7 * 0.3 / 20_000)


@pytest.mark.parametrize("how", ["fine pulses", "exact steps", "accumulated"])
def test_the_ideal_weights_are_followed(how: str, network: Network, weights: Weights, update_of: MakeUpdate) -> None:
    """Fine pulses miss by two pulses an update, w_max · 1e-4 in all; accumulators by one in all; exact steps never."""
    weights, rounds, bound = weights.astype(np.float64), 20, 1e-12
    crossbar = replace(CLEAN, exact_steps=True, programming=Programming(most_pulses=1000))
    if how == "fine pulses":
        crossbar = replace(CLEAN, cell=replace(STEP, dw_min=1e-4))
        bound = rounds * 2.0 * 1e-4
    if how == "accumulated":
        crossbar, bound = replace(CLEAN, programming=Programming(Method.ACCUMULATED)), 2.0 * 2e-3 / 2 + 1e-12
    crossbar = replace(crossbar, programming=replace(crossbar.programming, most_pulses=1000))
    mounted, ledger = crossbar.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    ideal = weights.couplings.copy()
    for i in range(rounds):
        changes = 0.003 * stream(i, "ask").standard_normal(800)
        ideal += changes
        crossbar.program(mounted, update_of(changes), stream(i, "program"), ledger)
    assert np.abs(mounted.circuit.up - ideal).max() < bound
    assert mounted.circuit.biases == pytest.approx(weights.biases + rounds * 0.01)
    accumulated = ledger.counts[Phase.UPDATE, Event.ACCUMULATION].sum()
    assert accumulated == (rounds * 800 if how == "accumulated" else 0)


def test_asymmetric_steps_forget_what_cancels() -> None:
    """With soft bounds, an update and its opposite leave both devices nearer to the middle of the range."""
    network, weights = uniform(0.5)
    soft = replace(CLEAN, cell=SoftBounds(dw_min=2e-3, w_min=-1.0, w_max=1.0))
    mounted, ledger = soft.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    for change in (20 * 1e-3, -20 * 1e-3):
        soft.program(mounted, asking(weights, change), stream(1), ledger)
    d, n = 2e-3, 10  # 20 pulses worth w_max/2 · d = 1e-3 each, half of them for each device
    plus, minus = 0.5, -0.5
    for sign in (1, -1):
        plus = sign * (1 - (1 - sign * plus) * (1 - d) ** n)
        minus = -sign * (1 - (1 + sign * minus) * (1 - d) ** n)
    assert mounted.circuit.up == pytest.approx(np.full(20_000, (plus - minus) / 2), abs=1e-6)
    assert (mounted.circuit.up < 0.5).all()
    assert ledger.counts[Phase.UPDATE, Event.PULSE_UP, 1] == 2 * 10 * 20_000
    assert ledger.counts[Phase.UPDATE, Event.PULSE_DOWN, 1] == 2 * 10 * 20_000


def test_counts_are_those_of_the_conductances(network: Network, weights: Weights, update_of: MakeUpdate) -> None:
    crossbar = replace(CLEAN, cell=replace(STEP, dw_min=4e-3))
    mounted, ledger = crossbar.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    before = [mounted.state[key][:, Column.VALUE].copy() for key in ("devices", "against")]
    changes = (0.002 * stream(3).standard_normal(800)).astype(weights.couplings.dtype)
    crossbar.program(mounted, update_of(changes), stream(4), ledger)
    after = [mounted.state[key][:, Column.VALUE] for key in ("devices", "against")]
    trains = np.stack([np.rint((a - b) / 4e-3) for a, b in zip(after, before, strict=True)])
    counts = ledger.counts[Phase.UPDATE]
    for k, part in ((1, slice(0, 600)), (2, slice(600, 800))):
        mine = trains[:, part]
        assert counts[Event.WRITE, k] == np.count_nonzero(mine.any(axis=0))
        assert counts[Event.PULSE_UP, k] == mine[mine > 0].sum()
        assert counts[Event.PULSE_DOWN, k] == -mine[mine < 0].sum()
        rows = mine.reshape(2, -1, weights.sizes[k])
        turns = rows.max(axis=(0, 2)).clip(0) - rows.min(axis=(0, 2)).clip(max=0)
        assert counts[Event.PULSE_SLOT, k] == turns.sum()
    assert 0 < counts[Event.WRITE, 2] < 400


def test_trains_are_limited_and_weights_saturate() -> None:
    network, weights = uniform(0.5)
    crossbar = CLEAN.programmed_by(Programming(most_pulses=1000))
    mounted, ledger = crossbar.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    crossbar.program(mounted, asking(weights, -1e30), stream(1), ledger)
    assert mounted.circuit.up == pytest.approx(np.full(20_000, -1.0))
    assert ledger.counts[Phase.UPDATE, Event.PULSE_SLOT, 1] == 200 * 2 * 1000


def test_a_second_array_hands_on_what_it_was_given() -> None:
    """Tiki-Taka with constant steps, gain 1: after a pass over all rows each weight got the second array's state.

    One update at first; 0 afterwards. The second array holds the request within a pulse and the weights the same, row
    after row: w_max/2 · 2e-3 each.
    """
    network, weights = uniform(0.5, rows=4, columns=5)
    crossbar = CLEAN.programmed_by(Programming(Method.TRANSFER, most_pulses=1000))
    mounted, ledger = crossbar.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    for number in range(4):
        crossbar.program(mounted, asking(weights, 0.05 if number == 0 else 0.0), stream(number), ledger)
    assert mounted.circuit.up == pytest.approx(np.full(20, 0.55), abs=3 * 0.5 * 2 * 2e-3)
    assert ledger.counts[Phase.UPDATE, Event.ACCUMULATION, 1] == 4 * 5


def test_pulses_of_one_sided_pairs_only_go_up() -> None:
    network, weights = uniform(0.0, rows=20, columns=30)
    cell = ConstantStep(dw_min=0.01, w_min=0.0, w_max=2.0)
    crossbar = replace(CLEAN, cell=cell, one_sided=True, programming=Programming(Method.ACCUMULATED))
    mounted, ledger = crossbar.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    for change in (0.05, -0.08):
        before = [mounted.state[key][:, Column.VALUE].copy() for key in ("devices", "against")]
        crossbar.program(mounted, asking(weights, change), stream(1), ledger)
        after = [mounted.state[key][:, Column.VALUE] for key in ("devices", "against")]
        risen, still = (0, 1) if change > 0 else (1, 0)
        assert (after[risen] > before[risen]).all()
        assert (after[still] == before[still]).all()
    assert ledger.counts[Phase.UPDATE, Event.PULSE_DOWN].sum() == 0
    assert mounted.circuit.up == pytest.approx(np.full(600, -0.03), abs=0.01)


def test_read_noise_is_that_of_noisy_conductances() -> None:
    """Read many times with noise on every conductance, states of root mean square 0.5."""
    network, weights = uniform(0.1, rows=64, columns=400)
    crossbar = replace(CLEAN, read_noise=0.03)
    mounted, rng = crossbar.mount(network, weights, stream(0)), stream(1)
    plus, minus = (g.reshape(64, 400) for g in crossbar.conductances(mounted))
    states = rng.choice([-0.5, 0.5], 64)
    w_max, span = 0.2, 9e-6
    errors = []
    for _ in range(50):
        noisy = [g + 0.03 * span * rng.standard_normal(g.shape) for g in (plus, minus)]
        errors.append(states @ ((noisy[0] - noisy[1]) / span * w_max - mounted.circuit.up.reshape(64, 400)))
    spread = np.std(errors)
    assert abs(mounted.circuit.noise_up[1] / spread - 1) < 5 / np.sqrt(2 * 20_000)
    assert mounted.circuit.noise_down[1] == pytest.approx(mounted.circuit.noise_up[1] * np.sqrt(400 / 64))
    assert mounted.circuit.noise_up[0] == 0.0


def test_converter_ranges_follow_activations(weights: Weights) -> None:
    network = chain((30, 20, 10), hidden=Activation.RELU6)
    converters = Periphery(dac_bits=7, adc_bits=9, output_noise=0.1, managed=True, tile_rows=8, averaged=3)
    circuit = replace(CLEAN, periphery=converters).mount(network, weights, stream(0)).circuit
    assert (circuit.dac_bits, circuit.adc_bits, circuit.managed, circuit.averaged) == (7, 9, 1, 3)
    assert (circuit.tile_rows, circuit.tile_columns) == (8, 0)
    assert circuit.dac_bound.tolist() == [1.0, 6.0, 1.0]
    w_max = [2.0 * np.abs(weights.coupling(k)).max() for k in (1, 2)]
    assert circuit.adc_bound[1:] == pytest.approx([20 * w_max[0] * 6, 20 * w_max[1] * 6])
    assert circuit.noise_up[1:] == pytest.approx([0.1 * w_max[0] * 6, 0.1 * w_max[1] * 6])
    smooth = CLEAN.mount(chain((30, 20, 10), hidden=Activation.TANH), weights, stream(0)).circuit
    assert smooth.dac_bound.tolist() == [1.0, 1.0, 1.0]
    assert smooth.adc_bound[1:] == pytest.approx([20 * w_max[0], 20 * w_max[1]])


@pytest.mark.parametrize("ends", list(Ends))
def test_wires_lower_both_reads(ends: Ends, network: Network, weights: Weights) -> None:
    """The exact nodal solve of either array; by reciprocity both reads agree through the same ports, else not."""
    weights = weights.astype(np.float64)
    crossbar = replace(CLEAN, wires=Wires(word_ohm=300.0, bit_ohm=300.0, ends=ends))
    mounted = crossbar.mount(network, weights, stream(0))
    plus, minus = crossbar.conductances(mounted)
    for k, part, shape in ((1, slice(0, 600), (30, 20)), (2, slice(600, 800), (20, 10))):
        w_max = 2.0 * np.abs(weights.coupling(k)).max()
        seen = [reads(g[part].reshape(shape), 300.0, 300.0, ends) for g in (plus, minus)]
        expected = (seen[0].up - seen[1].up) / 9e-6 * w_max
        below = (seen[0].down - seen[1].down).T / 9e-6 * w_max
        assert mounted.circuit.up[part].reshape(shape) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert mounted.circuit.down[part].reshape(shape) == pytest.approx(below, rel=1e-9, abs=1e-12)
        assert np.abs(expected - weights.coupling(k)).max() > 1e-3 * w_max
    agree = mounted.circuit.up == pytest.approx(mounted.circuit.down, rel=1e-9, abs=1e-12)
    assert agree is (ends is Ends.SAME)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("g_min_siemens", -1e-6), ("g_max_siemens", 1e-6), ("g_max_siemens", 0.5e-6), ("headroom", 0.9),
        ("programming_spread", -0.1), ("read_noise", -0.1), ("stuck_share", 1.5), ("stuck_range", -1.0),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(field: str, value: float) -> None:
    with pytest.raises(BadInput, match=field):
        replace(CLEAN, **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [("dac_bits", 1), ("adc_bits", -8), ("adc_bound", 0.0), ("output_noise", -1.0), ("tile_rows", -1), ("averaged", 0)],
)
def test_bad_converters_are_refused(field: str, value: float) -> None:
    with pytest.raises(BadInput, match=field):
        Periphery(**{field: value})


def test_one_sided_devices_need_a_pair() -> None:
    with pytest.raises(BadInput, match="encoding"):
        replace(CLEAN, one_sided=True, encoding=Encoding.OFFSET)
    with pytest.raises(BadInput, match="method"):
        replace(CLEAN, one_sided=True, programming=Programming(Method.TRANSFER))
    several = replace(CLEAN, cell=LinearStep(dw_min=np.full(3, 1e-3), w_min=-1.0, w_max=1.0))
    with pytest.raises(BadInput, match="one number"):
        several.mount(*uniform(0.5), stream(0))


def test_wires_on_one_side_are_refused() -> None:
    with pytest.raises(BadInput, match="one side"):
        Wires(word_ohm=1.0)


def shown(devices: FloatArray) -> FloatArray:
    return devices[:, Column.VALUE] + devices[:, Column.SHOWN]


def test_what_is_read_carries_the_write_noise() -> None:
    """Two devices of 0.05 each, weight per unit w_max/2: the weight's error is √2 · 0.05 · w_max/2."""
    network, weights = uniform(0.1)
    mounted = replace(CLEAN, cell=replace(STEP, write_noise=0.05)).mount(network, weights, stream(3))
    error, expected = mounted.circuit.up - 0.1, np.sqrt(2) * 0.05 * 0.1
    assert abs(error.std() / expected - 1) < 5 / np.sqrt(2 * error.size)
    difference = shown(mounted.state["devices"]) - shown(mounted.state["against"])
    assert mounted.circuit.up == pytest.approx(0.1 * difference, abs=1e-12)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            ExpStep(dw_min=0.01, a_up=1.0, a_down=1.0, gamma_up=1.0, gamma_down=1.0, slope=1.0, offset=0.0, **UNIT),
            "by 0",
        ),
        (LinearStep(dw_min=0.01, w_min=-1.0, w_max=9.0, gamma_up=3.0, gamma_down=-3.0), "by -"),
        (
            ExpStep(dw_min=0.01, a_up=-1.0, a_down=-1.0, gamma_up=900.0, gamma_down=1.0, slope=1.0, offset=0.0, **UNIT),
            "finite",
        ),
    ],
)
def test_cells_whose_pulses_cannot_be_counted_on_are_refused(cell: StepModel, message: str) -> None:
    """By hand: 1 − exp(0) is 0; 1 − 3·w/9 and 1 + 3·w/−1 at w = 4 are −1/3 and −11; exp(900) is infinite."""
    with pytest.raises(BadInput, match=message):
        replace(CLEAN, cell=cell)
