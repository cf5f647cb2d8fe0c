"""Crossbars: conductances, errors with the moments asked for, pulses counted from the state itself, reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.hardware.crossbar import Crossbar
from neuroep.hardware.device import Update
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Network, chain
from neuroep.rng import stream
from neuroep.weights import Weights

CLEAN = Crossbar(
    name="array", g_min_siemens=1e-6, g_max_siemens=10e-6, headroom=2.0, pulses=1000.0, slope_up=0.0, slope_down=0.0,
    step_spread=0.0, cycle_spread=0.0, programming_spread=0.0, read_noise=0.0, dac_bits=0, adc_bits=0, adc_bound=20.0,
)  # fmt: skip
MakeUpdate = Callable[..., Update]


def uniform(value: float, rows: int = 200, columns: int = 100) -> tuple[Network, Weights]:
    """One coupling of equal weights."""
    return chain((rows, columns)), Weights.from_arrays([np.full((rows, columns), value)], [np.zeros(columns)])


def test_weights_are_conductance_differences(network: Network, weights: Weights) -> None:
    mounted = CLEAN.mount(network, weights, stream(0))
    eps = float(np.finfo(weights.couplings.dtype).eps)
    assert mounted.circuit.up == pytest.approx(weights.couplings, abs=8 * eps)
    assert mounted.circuit.down is mounted.circuit.up
    plus, minus = CLEAN.conductances(mounted)
    for g in (plus, minus):
        assert g.min() >= 1e-6 * (1 - 1e-5)
        assert g.max() <= 10e-6 * (1 + 1e-5)
    scale = np.repeat([np.abs(weights.coupling(k)).max() * 2.0 for k in (1, 2)], [600, 200])
    assert (plus - minus) / 9e-6 * scale == pytest.approx(weights.couplings, abs=16 * eps)


def test_programming_error_has_its_moments() -> None:
    """Two devices with errors of 2 % of the range: the weight's error is √2 · 0.02 · w_max, w_max = 10 · 0.5."""
    network, weights = uniform(0.5)
    crossbar = replace(CLEAN, programming_spread=0.02, headroom=10.0)
    error = crossbar.mount(network, weights, stream(1)).circuit.up - 0.5
    expected = np.sqrt(2) * 0.02 * 5.0
    assert abs(error.mean()) < 5 * expected / np.sqrt(error.size)
    assert abs(error.std() / expected - 1) < 5 / np.sqrt(2 * error.size)


def test_step_spread_has_its_moments_and_steps_stay_positive() -> None:
    network, weights = uniform(0.5)
    steps = replace(CLEAN, step_spread=0.1).mount(network, weights, stream(1)).state["step_plus"] / 2e-3
    assert abs(steps.mean() - 1) < 5 * 0.1 / np.sqrt(steps.size)
    assert abs(steps.std() / 0.1 - 1) < 5 / np.sqrt(2 * steps.size)
    wild = replace(CLEAN, step_spread=3.0).mount(network, weights, stream(1)).state
    assert wild["step_plus"].min() > 0
    assert wild["step_minus"].min() > 0
    assert (wild["step_plus"] != wild["step_minus"]).any()


def test_change_is_shared_by_the_pair_and_unbiased() -> None:
    """Asking 0.7 of a pulse of each device: up on G⁺, down on G⁻, mean change as asked."""
    network, weights = uniform(0.5)
    mounted = CLEAN.mount(network, weights, stream(0))
    plus, minus = (mounted.state[key].copy() for key in ("position_plus", "position_minus"))
    one = 0.5 * 2e-3  # w_max/2 times a step: the weight of one pulse of one device
    ask = Update(Weights(weights.sizes, np.full(20_000, 1.4 * one), np.zeros(100)), (1.0,))
    CLEAN.program(mounted, ask, stream(2), Ledger.empty(weights.sizes))
    up = np.rint((mounted.state["position_plus"] - plus) / 2e-3)
    down = np.rint((mounted.state["position_minus"] - minus) / 2e-3)
    assert set(np.unique(up)) == {0, 1}
    assert set(np.unique(down)) == {-1, 0}
    assert (up != -down).any()
    change = mounted.circuit.up - 0.5
    assert abs(change.mean() - 1.4 * one) < 5 * one * np.sqrt(2 * 0.7 * 0.3 / 20_000)


def test_fine_pulses_track_the_ideal_weights(network: Network, weights: Weights, update_of: MakeUpdate) -> None:
    """Each update misses by less than one pulse of each device: under w_max · 2/pulses in all."""
    weights, crossbar, rounds = weights.astype(np.float64), replace(CLEAN, pulses=1e6), 20
    mounted, ledger = crossbar.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    ideal = weights.couplings.copy()
    for i in range(rounds):
        changes = 0.003 * stream(i, "ask").standard_normal(800)
        ideal += changes
        crossbar.program(mounted, update_of(changes), stream(i, "program"), ledger)
    assert np.abs(mounted.circuit.up - ideal).max() < rounds * 2.0 * 2e-6
    assert mounted.circuit.biases == pytest.approx(weights.biases + rounds * 0.01)


def test_asymmetric_steps_forget_what_cancels() -> None:
    """With soft bounds, an update and its opposite leave both devices nearer to the middle of the range."""
    network, weights = uniform(0.5)
    soft = replace(CLEAN, slope_up=1.0, slope_down=1.0)
    mounted, ledger = soft.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    for rate in (1.0, -1.0):
        ask = Update(Weights(weights.sizes, np.full(20_000, 20 * 1e-3), np.zeros(100)), (rate,))
        soft.program(mounted, ask, stream(1), ledger)
    d, n = 2e-3, 10  # 20 pulses worth w_max/2 · d = 1e-3 each, half of them for each device
    plus, minus = 0.5, -0.5
    for sign in (1, -1):
        plus = sign * (1 - (1 - sign * plus) * (1 - d) ** n)
        minus = -sign * (1 - (1 + sign * minus) * (1 - d) ** n)
    assert mounted.circuit.up == pytest.approx(np.full(20_000, (plus - minus) / 2), abs=1e-6)
    assert (mounted.circuit.up < 0.5).all()
    assert ledger.counts[Phase.UPDATE, Event.PULSE, 1] == 2 * 2 * 10 * 20_000


def test_counts_are_those_of_the_conductances(network: Network, weights: Weights, update_of: MakeUpdate) -> None:
    crossbar = replace(CLEAN, pulses=500.0)
    mounted, ledger = crossbar.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    before = [mounted.state[key].copy() for key in ("position_plus", "position_minus")]
    changes = (0.002 * stream(3).standard_normal(800)).astype(weights.couplings.dtype)
    crossbar.program(mounted, update_of(changes), stream(4), ledger)
    after = [mounted.state[key] for key in ("position_plus", "position_minus")]
    trains = np.stack([np.rint((a - b) / (2 / 500)) for a, b in zip(after, before, strict=True)])
    counts = ledger.counts[Phase.UPDATE]
    for k, part in ((1, slice(0, 600)), (2, slice(600, 800))):
        mine = trains[:, part]
        assert counts[Event.WRITE, k] == np.count_nonzero(mine.any(axis=0))
        assert counts[Event.PULSE, k] == np.abs(mine).sum()
        assert counts[Event.PULSE_SLOT, k] == max(mine.max(), 0) - min(mine.min(), 0)
    assert 0 < counts[Event.WRITE, 2] < 400
    assert ledger.counts.sum() == counts[[Event.WRITE, Event.PULSE, Event.PULSE_SLOT]].sum()


def test_no_train_is_longer_than_the_range_and_weights_saturate() -> None:
    network, weights = uniform(0.5)
    mounted, ledger = CLEAN.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    ask = Update(Weights(weights.sizes, np.full(20_000, 1e30), np.zeros(100)), (-1.0,))
    CLEAN.program(mounted, ask, stream(1), ledger)
    assert mounted.circuit.up == pytest.approx(np.full(20_000, -1.0))
    assert ledger.counts[Phase.UPDATE, Event.PULSE_SLOT, 1] == 2 * 1000


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
    assert mounted.circuit.noise_up[0] == 0.0


def test_converter_ranges_follow_activations(weights: Weights) -> None:
    network = chain((30, 20, 10), hidden=Activation.RELU6)
    circuit = replace(CLEAN, dac_bits=7, adc_bits=9).mount(network, weights, stream(0)).circuit
    assert (circuit.dac_bits, circuit.adc_bits) == (7, 9)
    assert circuit.dac_bound.tolist() == [1.0, 6.0, 1.0]
    w_max = [2.0 * np.abs(weights.coupling(k)).max() for k in (1, 2)]
    assert circuit.adc_bound[1:] == pytest.approx([20 * w_max[0] * 6, 20 * w_max[1] * 6])
    smooth = CLEAN.mount(chain((30, 20, 10), hidden=Activation.TANH), weights, stream(0)).circuit
    assert smooth.dac_bound.tolist() == [1.0, 1.0, 1.0]
    assert smooth.adc_bound[1:] == pytest.approx([20 * w_max[0], 20 * w_max[1]])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("g_min_siemens", -1e-6), ("g_max_siemens", 1e-6), ("g_max_siemens", 0.5e-6), ("headroom", 0.9),
        ("pulses", 0.0), ("slope_up", 1.5), ("slope_down", -0.1), ("step_spread", -1.0), ("cycle_spread", float("nan")),
        ("programming_spread", -0.1), ("read_noise", -0.1), ("dac_bits", 1), ("adc_bits", 2.5), ("adc_bits", -8),
        ("adc_bound", 0.0),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(field: str, value: float) -> None:
    with pytest.raises(BadInput, match=field):
        replace(CLEAN, **{field: value})
