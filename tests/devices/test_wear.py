"""Wear: pulses of every cell against the ledger and by hand, and what they make in cycles."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from neuroep.hardware.cells.steps import ConstantStep, LinearStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.two_arrays import TwoArrays
from neuroep.hardware.crossbar.wearing import counters, wear_of
from neuroep.hardware.device import Ideal, Mounted, StateUpdate, Update
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.hardware.wear import Wear, wear
from neuroep.ledger import Event, Ledger
from neuroep.network import chain
from neuroep.physics.base import Products
from neuroep.recipe import Method, Programming, Trains
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

SIZES = (12, 20, 9)
CELL = LinearStep(dw_min=0.02, w_min=-1.0, w_max=1.0, gamma_up=0.1, gamma_down=0.6, cycle_noise=0.5, write_noise=0.01)
PCM = ConstantStep(dw_min=0.05, w_min=0.0, w_max=2.0)
NOISY = Crossbar(name="array", g_min_siemens=1e-6, g_max_siemens=1e-4, cell=CELL, stuck_share=0.1)
SQUARE = replace(NOISY, cell=ConstantStep(dw_min=0.02, w_min=-1.0, w_max=1.0), stuck_share=0.0)
ONE_SIDED = replace(NOISY, cell=PCM, one_sided=True)
GIVEN = [
    replace(NOISY, programming=Programming(Method.STOCHASTIC)),
    replace(NOISY, programming=Programming(Method.NEAREST)),
    replace(NOISY, programming=Programming(Method.ACCUMULATED, least_pulses=3)),
    replace(NOISY, programming=Programming(Method.TRANSFER)),
    *(replace(NOISY, encoding=encoding) for encoding in Encoding if encoding is not Encoding.PAIR),
    ONE_SIDED,
    TwoArrays(replace(NOISY, programming=Programming(Method.ACCUMULATED, decay=0.1))),
    TwoArrays(NOISY, average_every=2),
]
STATES = [
    replace(crossbar, programming=Programming(method, trains=trains))
    for crossbar in (NOISY, replace(NOISY, encoding=Encoding.OFFSET), ONE_SIDED)
    for method in (Method.NET, Method.OPPOSITE)
    for trains in Trains
]


def pulses(mounted: Mounted) -> tuple[float, float]:
    """Pulses up and down of all cells."""
    sent = [np.asarray(a).reshape(-1, 2).sum(axis=0) for key, a in mounted.state.items() if key.endswith("_pulses")]
    up, down = np.sum(sent, axis=0)
    return float(up), float(down)


def counted(ledger: Ledger) -> tuple[int, int]:
    up, down = (int(ledger.counts[:, event].sum()) for event in (Event.PULSE_UP, Event.PULSE_DOWN))
    return up, down


def mounted_on(device: Crossbar | TwoArrays, sizes: tuple[int, ...] = SIZES) -> Mounted:
    return device.mount(chain(sizes), drawn(sizes, 0.5, 1), stream(0))


def drawn(sizes: tuple[int, ...], size: float, seed: int) -> Weights:
    layout = Weights.zeros(sizes)
    couplings = size * stream(seed, "drawn").uniform(-1.0, 1.0, layout.couplings.size)
    return layout._replace(couplings=couplings, biases=layout.biases.astype(np.float64))


@pytest.mark.parametrize("device", GIVEN)
def test_cells_together_have_the_ledgers_pulses(device: Crossbar | TwoArrays) -> None:
    """Of whole pulses exactly, those of pairs written anew and of averaging among them."""
    mounted, ledger = mounted_on(device), Ledger.empty(SIZES)
    assert pulses(mounted) == (0.0, 0.0)
    for number in range(8):
        device.program(mounted, Update(drawn(SIZES, 0.3, number), (-1.0, -0.5)), stream(number), ledger)
    assert pulses(mounted) == counted(ledger)
    assert min(counted(ledger)) > 0  # resets alone of one-sided cells


@pytest.mark.parametrize("device", STATES)
def test_cells_together_have_the_pulses_of_trains(device: Crossbar) -> None:
    mounted, ledger, rng = mounted_on(device), Ledger.empty(SIZES), stream(5)
    for number in range(6):
        parts = tuple(
            Products(rng.uniform(-1, 1, (40, n)), rng.uniform(-1, 1, (40, m)), 0.4 * rng.uniform(-1, 1, 40), 2, False)
            for n, m in pairwise(SIZES)
        )
        device.program_states(mounted, StateUpdate(parts, np.zeros(29), (1.0, 1.0)), stream(number), ledger)
    assert pulses(mounted) == counted(ledger)
    assert min(counted(ledger)) > 0


def asking(steps: FloatArray, crossbar: Crossbar, mounted: Mounted) -> Update:
    """An update worth so many steps of the weights of a single coupling."""
    unit = crossbar.step * float(np.asarray(mounted.state["full_scale"])[0]) / crossbar.full
    return Update(Weights(steps.shape, (steps * unit).ravel(), np.zeros(steps.shape[1])), (1.0,))


def test_a_train_on_two_by_two_cells() -> None:
    """Of 5 steps a pair's first cell gets three, the other two the other way; a lone cell gets all."""
    steps = np.array([[5.0, -4.0], [0.0, 1.0]])
    lone = replace(SQUARE, encoding=Encoding.OFFSET, programming=Programming(Method.NEAREST))
    for crossbar in (lone, replace(lone, encoding=Encoding.PAIR)):
        mounted = mounted_on(crossbar, (2, 2))
        for _ in range(2):
            crossbar.program(mounted, asking(steps, crossbar, mounted), stream(1), Ledger.empty((2, 2)))
        found = np.asarray(mounted.state["devices_pulses"]) / 2
        if crossbar is lone:
            assert found.tolist() == [[5, 0], [0, 4], [0, 0], [1, 0]]
            assert "against_pulses" not in mounted.state
            assert crossbar.wear(mounted) == pytest.approx(Wear(4, 5.0, 10.0, 5.0 / 200, 10.0 / 200))  # of 100 steps
        else:
            assert found.tolist() == [[3, 0], [0, 2], [0, 0], [1, 0]]
            assert (np.asarray(mounted.state["against_pulses"]) / 2).tolist() == [[0, 2], [2, 0], [0, 0], [0, 0]]
            assert crossbar.wear(mounted) == pytest.approx(Wear(8, 2.5, 6.0, 2.5 / 200, 6.0 / 200))


def test_coincidences_on_two_by_two_cells() -> None:
    """Four slots, rows with pulses in 4 and 2 of them, columns in 4 and 2: 4, 2, 2 and 1 coincidences, down once."""
    crossbar = replace(
        SQUARE, encoding=Encoding.OFFSET,
        programming=Programming(Method.NET, most_pulses=4, trains=Trains.DETERMINISTIC),
    )  # fmt: skip
    mounted, ledger = mounted_on(crossbar, (2, 2)), Ledger.empty((2, 2))
    unit = crossbar.step * float(np.asarray(mounted.state["full_scale"])[0]) / crossbar.full
    states = Products(np.array([[1.0, 0.5]]), np.array([[1.0, -0.5]]), np.array([4.0 * unit]), 1, False)
    crossbar.program_states(mounted, StateUpdate((states,), np.zeros(2), (1.0,)), stream(0), ledger)
    assert np.asarray(mounted.state["devices_pulses"]).tolist() == [[4, 0], [0, 2], [2, 0], [0, 1]]


def test_stuck_cells_are_pulsed_and_worn() -> None:
    crossbar = replace(SQUARE, stuck_share=1.0, encoding=Encoding.OFFSET, programming=Programming(Method.NEAREST))
    mounted = mounted_on(crossbar, (2, 2))
    crossbar.program(mounted, asking(np.full((2, 2), 3.0), crossbar, mounted), stream(1), Ledger.empty((2, 2)))
    assert crossbar.wear(mounted).pulses_mean == 3.0


def test_a_cycle_goes_through_the_range_and_back() -> None:
    """50 pulses up and 50 down are half of it with 100 pulses each way; a one-sided cell is reset by one pulse."""
    state = {"devices_pulses": np.array([[50.0, 50.0], [0.0, 100.0], [100.0, 0.0], [0.0, 0.0]])}
    assert wear_of(state, 100.0, 100.0) == Wear(4, 75.0, 100.0, 0.375, 0.5)
    once = {"devices_pulses": np.array([[40.0, 1.0]]), "against_pulses": np.array([[0.0, 3.0]])}
    assert wear_of(once, 40.0, 1.0) == Wear(2, 22.0, 41.0, 1.25, 1.5)
    one_sided = replace(ONE_SIDED, stuck_share=0.0)
    mounted = mounted_on(one_sided)
    np.asarray(mounted.state["against_pulses"])[7] = [40.0, 1.0]  # 2/0.05 pulses to the top, and a reset
    assert one_sided.wear(mounted).cycles_hottest == pytest.approx(1.0)


def test_references_are_not_pulsed() -> None:
    shapes = {"devices": (6, 8), "against": (6, 1), "fast": (6, 8), "fast_against": (6, 1), "buffer": (6,)}
    assert counters(shapes) == {"devices_pulses": (6, 2), "fast_pulses": (6, 2)}


def test_broken_pulses_count_as_parts() -> None:
    crossbar = replace(SQUARE, exact_steps=True, encoding=Encoding.OFFSET)
    mounted = mounted_on(crossbar, (2, 2))
    crossbar.program(mounted, asking(np.array([[0.25, -2.5], [0.0, 0.0]]), crossbar, mounted), stream(1),
                     Ledger.empty((2, 2)))  # fmt: skip
    assert np.asarray(mounted.state["devices_pulses"])[:2] == pytest.approx(np.array([[0.25, 0], [0, 2.5]]))


def test_cells_of_memories_do_not_wear_out() -> None:
    network, weights = chain(SIZES), drawn(SIZES, 0.5, 1)
    integers = QuantizedSynapse("integers", 6, "nearest", headroom=1.5, min_exponent=-8, max_exponent=7)
    for device in (Ideal(), integers):
        assert wear(device, device.mount(network, weights, stream(0))) is None
    mounted = NOISY.mount(network, weights, stream(0))
    assert wear(NOISY, mounted) == Wear(2 * 420, 0.0, 0.0, 0.0, 0.0)
