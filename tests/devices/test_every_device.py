"""What holds for every device: saved states, reproducibility, zero updates, nothing written on divergence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from problems import numbers

from neuroep.errors import BadInput, Diverged
from neuroep.hardware.cells.arrays import Spread
from neuroep.hardware.cells.steps import ExpStep, LinearStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.two_arrays import CLOCK, TwoArrays
from neuroep.hardware.crossbar.wires import Ends
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.device import Device, Update
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Network
from neuroep.recipe import Method, Programming
from neuroep.rng import stream
from neuroep.weights import Weights

CELL = LinearStep(dw_min=0.02, w_min=-1.0, w_max=1.0, gamma_up=0.1, gamma_down=0.6, cycle_noise=0.5, write_noise=0.01)
PCM = ExpStep(
    dw_min=0.01, w_min=0.0, w_max=2.0, a_up=-27.235, a_down=-2.235, gamma_up=2.5, gamma_down=2.5, slope=-1.0,
    offset=0.0, cycle_noise=0.6,
)  # fmt: skip
ANALOG = {
    "g_min_siemens": 1e-6, "g_max_siemens": 1e-4, "headroom": 1.5, "programming_spread": 0.02, "read_noise": 0.01,
    "stuck_share": 0.05, "spread": Spread(step=0.3, low=0.1, high=0.1, reference=0.05),
    "periphery": Periphery(dac_bits=7, adc_bits=9, output_noise=0.1, managed=True),
}  # fmt: skip
DEVICES: list[Device] = [
    QuantizedSynapse("stochastic", 6, "stochastic", headroom=1.5, min_exponent=-8, max_exponent=7),
    QuantizedSynapse("nearest", 6, "nearest", headroom=1.5, min_exponent=-8, max_exponent=7),
    QuantizedSynapse("loihi", 6, "loihi", headroom=1.5, min_exponent=-8, max_exponent=7, trace_bits=7),
    Crossbar(**ANALOG, name="pair", cell=CELL, encoding=Encoding.PAIR),
    Crossbar(**ANALOG, name="reference", cell=CELL, encoding=Encoding.REFERENCE),
    Crossbar(**ANALOG, name="column", cell=CELL, encoding=Encoding.COLUMN),
    Crossbar(**ANALOG, name="offset", cell=CELL, encoding=Encoding.OFFSET),
    Crossbar(**ANALOG, name="one-sided", cell=PCM, one_sided=True),
    Crossbar(**ANALOG, name="accumulated", cell=CELL, programming=Programming(Method.ACCUMULATED)),
    Crossbar(**ANALOG, name="transfer", cell=CELL, programming=Programming(Method.TRANSFER)),
    Crossbar(**ANALOG, name="exact", cell=CELL, exact_steps=True),
    Crossbar(**ANALOG, name="wires", cell=CELL, wires=Wires(word_ohm=2.0, bit_ohm=2.0, ends=Ends.OPPOSITE)),
    TwoArrays(Crossbar(**ANALOG, name="two", cell=CELL, programming=Programming(Method.ACCUMULATED, decay=0.1))),
    TwoArrays(Crossbar(**ANALOG, name="two, wires", cell=CELL, wires=Wires(word_ohm=2.0, bit_ohm=2.0))),
    TwoArrays(Crossbar(**ANALOG, name="two, averaged", cell=CELL), average_every=3),
]  # fmt: skip
MakeUpdate = Callable[..., Update]


@pytest.fixture(params=DEVICES, ids=lambda device: device.name)
def device(request: pytest.FixtureRequest) -> Device:
    chosen: Device = request.param
    return chosen


@pytest.fixture
def ask(weights: Weights, update_of: MakeUpdate) -> Update:
    return update_of((0.05 * stream(7).standard_normal(800)).astype(weights.couplings.dtype))


def same(a: object, b: object) -> bool:
    """Bit-identical, type included."""
    x, y = np.asarray(a), np.asarray(b)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def test_saved_state_goes_on_bit_identically(device: Device, network: Network, weights: Weights, ask: Update) -> None:
    first, ledger = device.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    device.program(first, ask, stream(1), ledger)
    saved = {key: value.copy() for key, value in first.state.items()}
    kept = Weights(weights.sizes, weights.couplings, first.circuit.biases.copy())
    second = device.restore(network, kept, saved)
    for _ in range(2):
        assert all(same(a, b) for a, b in zip(numbers(first.circuit), numbers(second.circuit), strict=True))
        assert all(same(first.state[key], second.state[key]) for key in first.state)
        for mounted in (first, second):
            device.program(mounted, ask, stream(2), ledger)
    assert any(not same(first.state[key], saved[key]) for key in saved)
    assert second.circuit.up.dtype == weights.couplings.dtype


def test_same_seed_gives_the_same_hardware(device: Device, network: Network, weights: Weights, ask: Update) -> None:
    runs = []
    for _ in range(2):
        mounted, ledger = device.mount(network, weights, stream(3)), Ledger.empty(weights.sizes)
        buffer = mounted.circuit.up
        device.program(mounted, ask, stream(4), ledger)
        assert mounted.circuit.up is buffer
        runs.append((buffer, ledger.counts))
    assert same(runs[0][0], runs[1][0])
    assert same(runs[0][1], runs[1][1])
    assert not same(runs[0][0], weights.couplings)


def test_zero_update_changes_and_writes_nothing(
    device: Device, network: Network, weights: Weights, update_of: MakeUpdate
) -> None:
    if device.name in ("transfer", "two"):
        pytest.skip("what the second array holds is handed on at every update; what decays, decays")
    mounted, ledger = device.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    before = {key: value.copy() for key, value in mounted.state.items() if key not in ("updates", CLOCK)}
    up = mounted.circuit.up.copy()
    device.program(mounted, update_of(np.zeros_like(weights.couplings), 0.0), stream(1), ledger)
    assert same(mounted.circuit.up, up)
    assert all(same(mounted.state[key], before[key]) for key in before)
    ledger.counts[Phase.UPDATE, Event.ACCUMULATION] = 0  # nothing is added, but accumulators are gone through
    assert not ledger.counts.any()
    assert device.direct(mounted, ledger) is None


def test_mounting_leaves_the_given_weights_alone(
    device: Device, network: Network, weights: Weights, ask: Update
) -> None:
    original = weights.copy()
    mounted = device.mount(network, weights, stream(0))
    device.program(mounted, ask, stream(1), Ledger.empty(weights.sizes))
    assert same(weights.couplings, original.couplings)
    assert same(weights.biases, original.biases)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_update_that_is_not_finite_writes_nothing(
    device: Device, network: Network, weights: Weights, ask: Update, bad: float
) -> None:
    mounted, ledger = device.mount(network, weights, stream(0)), Ledger.empty(weights.sizes)
    before = mounted.circuit.up.copy()
    ask.direction.couplings[700] = bad
    with pytest.raises(Diverged):
        device.program(mounted, ask, stream(1), ledger)
    assert same(mounted.circuit.up, before)
    assert not ledger.counts.any()


def test_weights_that_are_not_finite_are_refused(device: Device, network: Network, weights: Weights) -> None:
    weights.couplings[5] = np.nan
    with pytest.raises(BadInput, match="finite"):
        device.mount(network, weights, stream(0))


def test_states_of_another_kind_are_refused(device: Device, network: Network, weights: Weights) -> None:
    state = device.mount(network, weights, stream(0)).state
    for key in state:
        with pytest.raises(BadInput, match=key):
            device.restore(network, weights, {name: value for name, value in state.items() if name != key})
        with pytest.raises(BadInput, match=key):
            device.restore(network, weights, state | {key: state[key][:-1]})
