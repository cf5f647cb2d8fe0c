"""A crossbar for each direction: errors, equal trains, Kolen–Pollack's law, averaging, counts, wires, ageing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuroep import Chip, load_device, load_model
from neuroep.errors import BadInput
from neuroep.hardware.cells.law import Column
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.two_arrays import TwoArrays
from neuroep.hardware.crossbar.wires import Ends, reads
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.device import Update
from neuroep.hardware.effects import effects_of, without
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.learning.trainer import Samples
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Network, chain, initial_weights
from neuroep.recipe import Method, Programming, Reads
from neuroep.rng import stream
from neuroep.specs.device import read_device
from neuroep.weights import FloatArray, Weights

STEP = ConstantStep(dw_min=2e-3, w_min=-1.0, w_max=1.0)
CLEAN = Crossbar(name="array", g_min_siemens=1e-6, g_max_siemens=10e-6, cell=STEP, headroom=10.0)
SIZES = (60, 50)


def uniform(value: float) -> tuple[Network, Weights]:
    """One coupling of equal weights, in float64."""
    return chain(SIZES), Weights.from_arrays([np.full(SIZES, value)], [np.zeros(SIZES[1])])


def asking(changes: FloatArray, rate: float = -1.0) -> Update:
    """An update whose changes are `changes`: rate times a direction."""
    return Update(Weights(SIZES, changes.ravel() / rate, np.zeros(SIZES[1])), (rate,))


def test_each_array_has_errors_of_its_own() -> None:
    """Two devices off by 2 % of the range: a weight is off by √2 · 0.02 · w_max, the difference of two by √2 of it."""
    network, weights = uniform(0.5)
    circuit = TwoArrays(replace(CLEAN, programming_spread=0.02)).mount(network, weights, stream(0)).circuit
    one = np.sqrt(2) * 0.02 * 5.0
    bound = 5 / np.sqrt(2 * circuit.up.size)
    for seen in (circuit.up, circuit.down):
        assert abs((seen - 0.5).std() / one - 1) < bound
    assert abs((circuit.up - circuit.down).std() / (np.sqrt(2) * one) - 1) < bound


@pytest.mark.parametrize("method", [method for method in Method if not method.by_states])
def test_perfect_devices_stay_equal(method: Method) -> None:
    """Trains are rounded once, so what chance there is in them is the same for both; biases move once."""
    network, weights = uniform(0.5)
    device = TwoArrays(CLEAN).programmed_by(Programming(method))
    mounted, ledger = device.mount(network, weights, stream(0)), Ledger.empty(SIZES)
    for i in range(5):
        update = asking(0.01 * stream(i, "ask").standard_normal(SIZES))
        update.direction.biases[...] = -1.0
        device.program(mounted, update, stream(i), ledger)
    assert (mounted.circuit.up == mounted.circuit.down).all()
    assert mounted.circuit.down is not mounted.circuit.up
    assert np.ptp(mounted.circuit.up) > 0.01
    assert (mounted.circuit.biases == 5.0).all()


def test_pulses_are_noisy_in_each_array_by_themselves() -> None:
    """Ten pulses on each of two devices, each off by 0.3 of a step of w_max/2 · 2e-3: the two arrays' changes differ
    by √2 · √2 · √10 · 0.3 of a step."""
    network, weights = uniform(0.5)
    array = replace(CLEAN, cell=replace(STEP, cycle_noise=0.3), programming=Programming(Method.ACCUMULATED))
    device, step = TwoArrays(array), 2e-3 * 5.0 / 2
    mounted = device.mount(network, weights, stream(0))
    device.program(mounted, asking(np.full(SIZES, 20.5 * step)), stream(1), Ledger.empty(SIZES))
    far = mounted.circuit.up - mounted.circuit.down
    bound = 5 / np.sqrt(2 * far.size)
    assert abs(far.std() / (2 * np.sqrt(10) * 0.3 * step) - 1) < bound


def test_both_are_counted_and_take_the_time_of_one() -> None:
    """20 pulses a weight, half up on G⁺, half down on G⁻, in each array: in each of 60 rows 10 times up, 10 down."""
    network, weights = uniform(0.5)
    device = TwoArrays(replace(CLEAN, programming=Programming(Method.ACCUMULATED)))
    mounted, ledger, n = device.mount(network, weights, stream(0)), Ledger.empty(SIZES), 60 * 50
    device.program(mounted, asking(np.full(SIZES, 20.5 * 2e-3 * 5.0 / 2)), stream(1), ledger)
    counts = ledger.counts[Phase.UPDATE, :, 1]
    expected = {Event.PULSE_UP: 20 * n, Event.PULSE_DOWN: 20 * n, Event.WRITE: 2 * n, Event.ACCUMULATION: 2 * n}
    assert {event: counts[event] for event in expected} == expected
    assert counts[Event.PULSE_SLOT] == 60 * 20


def test_kolen_and_pollack_exactly() -> None:
    """Exact steps: W − B shrinks by 1 − ηλ an update, whatever both are asked; each follows W ← (1 − ηλ) W + Δ."""
    network, weights = uniform(0.5)
    array = replace(CLEAN, exact_steps=True, programming_spread=0.02)
    device = TwoArrays(array).programmed_by(Programming(decay=0.5, most_pulses=1000))
    mounted = device.mount(network, weights, stream(0))
    first, wanted = mounted.circuit.up - mounted.circuit.down, mounted.circuit.up.copy()
    eta = 0.2
    for i in range(1, 31):
        changes = 0.02 * stream(i, "ask").standard_normal(SIZES)
        device.program(mounted, asking(changes, -eta), stream(i), Ledger.empty(SIZES))
        wanted = (1 - eta * 0.5) * wanted + changes.ravel()
        np.testing.assert_allclose(
            mounted.circuit.up - mounted.circuit.down, (1 - eta * 0.5) ** i * first, rtol=0, atol=1e-12
        )
    np.testing.assert_allclose(mounted.circuit.up, wanted, rtol=0, atol=1e-12)
    assert np.linalg.norm(first) > 1.0


def test_kolen_and_pollack_in_whole_pulses() -> None:
    """Accumulators owe less than a pulse each: |W − B| stays within (1 − ηλ)^t of the first, and four pulses.

    With ρ the difference of what both owe, e = W − B + ρ obeys e' = (1 − ηλ) e + ηλ ρ, and |ρ| < 2 pulses.
    """
    network, weights = uniform(0.5)
    programming = Programming(Method.ACCUMULATED, decay=0.5, most_pulses=1000)
    device = TwoArrays(replace(CLEAN, programming_spread=0.02)).programmed_by(programming)
    mounted, pulse, eta = device.mount(network, weights, stream(0)), 2e-3 * 5.0 / 2, 0.2
    first = np.abs(mounted.circuit.up - mounted.circuit.down)
    for i in range(40):
        device.program(mounted, asking(np.zeros(SIZES), -eta), stream(i), Ledger.empty(SIZES))
    far = np.abs(mounted.circuit.up - mounted.circuit.down)
    assert (far <= (1 - eta * 0.5) ** 40 * first + 4 * pulse).all()
    assert first.max() > 20 * pulse


def test_one_array_decays_too() -> None:
    """W ← (1 − ηλ) W, exactly with exact steps."""
    network, weights = uniform(0.5)
    device = replace(CLEAN, exact_steps=True).programmed_by(Programming(decay=0.5, most_pulses=1000))
    mounted = device.mount(network, weights, stream(0))
    device.program(mounted, asking(np.zeros(SIZES), -0.2), stream(1), Ledger.empty(SIZES))
    np.testing.assert_allclose(mounted.circuit.up, 0.45, rtol=0, atol=1e-12)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_both_are_programmed_to_their_mean(encoding: Encoding) -> None:
    """At the second update, not the first; a weight with a stuck device keeps its difference to the mean."""
    network, weights = uniform(0.5)
    array = replace(CLEAN, encoding=encoding, stuck_share=0.05)
    device = TwoArrays(array).programmed_by(Programming(average_every=2))
    mounted, ledger = device.mount(network, weights, stream(0)), Ledger.empty(SIZES)
    stuck = [
        np.any([(a[:, Column.UP] == 0.0) for key in ("devices", "against") if (a := part.state[key]).shape[1] > 1], 0)
        for part in mounted.parts
    ]
    fixed, free = stuck[0] & ~stuck[1], ~(stuck[0] | stuck[1])
    nothing, before = asking(np.zeros(SIZES)), [mounted.circuit.up.copy(), mounted.circuit.down.copy()]
    device.program(mounted, nothing, stream(1), ledger)
    assert not ledger.counts.any()
    device.program(mounted, nothing, stream(2), ledger)
    mean = 0.5 * (before[0] + before[1])
    for seen, mine in zip((mounted.circuit.up, mounted.circuit.down), stuck, strict=True):
        np.testing.assert_allclose(seen[~mine], mean[~mine], rtol=0, atol=1e-12)
    assert 0 < fixed.sum() < free.sum()
    assert not np.allclose(mounted.circuit.up[fixed], mean[fixed])


def test_averaging_is_counted() -> None:
    """Errors of mounting, then a mean without error: reads line by line, every weight written, the pulses between."""
    network, weights = uniform(0.5)
    mounted = TwoArrays(replace(CLEAN, programming_spread=0.02)).mount(network, weights, stream(0))
    device = TwoArrays(CLEAN, average_every=1)
    before = np.stack([part.state[key][:, Column.VALUE] for part in mounted.parts for key in ("devices", "against")])
    mounted = device.restore(network, weights, mounted.state | {"since_mean": np.zeros(1, np.int64)})
    ledger = Ledger.empty(SIZES)
    device.program(mounted, asking(np.zeros(SIZES)), stream(1), ledger)
    after = np.stack([part.state[key][:, Column.VALUE] for part in mounted.parts for key in ("devices", "against")])
    pulses, counts = np.rint((after - before) / 2e-3), ledger.counts[Phase.UPDATE, :, 1]
    assert counts[Event.READ_UP] == 60
    assert counts[Event.READ_DOWN] == 50
    assert counts[Event.WRITE] == 2 * 60 * 50
    assert counts[Event.PULSE_UP] == pulses[pulses > 0].sum()
    assert counts[Event.PULSE_DOWN] == -pulses[pulses < 0].sum()
    rows = pulses.reshape(4, *SIZES)
    assert counts[Event.PULSE_SLOT] == (rows.max(axis=(0, 2)) - rows.min(axis=(0, 2))).sum()  # none is all of one sign
    # a device moves by ¼(e₁ − e₂ + e₃ − e₄) − e₁, e of 20 steps: √¾ of it; four moves a weight hang together
    assert abs((after - before).std() / (np.sqrt(0.75) * 20 * 2e-3) - 1) < 2 * 5 / np.sqrt(2 * after.size)
    np.testing.assert_allclose(mounted.circuit.up, mounted.circuit.down, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ends", list(Ends))
def test_wires_weaken_each_array_as_it_is_read(ends: Ends) -> None:
    """The nodal solve of the first array upward and of the second downward, from the profile's ends."""
    network, weights = chain(SIZES), initial_weights(chain(SIZES), stream(0), np.dtype(np.float64))
    array = replace(CLEAN, programming_spread=0.05, wires=Wires(word_ohm=100.0, bit_ohm=100.0, ends=ends))
    mounted = TwoArrays(array).mount(network, weights, stream(0))
    w_max = 10.0 * np.abs(weights.couplings).max()
    sides = []
    for part in mounted.parts:
        plus, minus = (reads(g.reshape(SIZES), 100.0, 100.0, ends) for g in array.conductances(part))
        sides.append([(a - b) / 9e-6 * w_max for a, b in zip(plus, minus, strict=True)])
    np.testing.assert_allclose(mounted.circuit.up.reshape(SIZES), sides[0][0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mounted.circuit.down.reshape(SIZES), sides[1][1].T, rtol=1e-9, atol=1e-12)


def test_effects_are_those_of_both_arrays() -> None:
    spread = TwoArrays(replace(CLEAN, programming_spread=0.02, read_noise=0.1))
    assert "array-mismatch" in effects_of(spread)
    assert "array-mismatch" not in effects_of(CLEAN)
    assert without(spread, ["programming-error"]) == TwoArrays(replace(spread.array, programming_spread=0.0))
    assert without(spread, ["array-mismatch", "read-noise"]) == replace(spread.array, read_noise=0.0)


def test_both_arrays_age_on_paths_of_their_own() -> None:
    """The first as one array alone would; the second by other draws; one seed repeats both."""
    array = load_device("pcm-pair").build()
    assert isinstance(array, Crossbar)
    device = TwoArrays(replace(array, retention="pcm-nandakumar"))
    network = chain(SIZES)
    weights = initial_weights(network, stream(0, "weights"))
    mounted = device.written(network, weights, stream(0), 3)
    alone = device.array.written(network, weights, stream(0), 3)
    np.testing.assert_array_equal(mounted.circuit.up, alone.circuit.up)
    old = device.aged(network, mounted, 1e6, 3)
    np.testing.assert_array_equal(old.circuit.up, device.array.aged(network, alone, 1e6, 3).circuit.up)
    np.testing.assert_array_equal(old.circuit.down, device.aged(network, mounted, 1e6, 3).circuit.down)
    changes = [old.circuit.up - mounted.circuit.up, old.circuit.down - mounted.circuit.down]
    assert np.abs(changes[0] - changes[1]).max() > 0.1 * np.abs(changes[0]).max()
    assert (old.circuit.noise_down != mounted.circuit.noise_down).any()


def test_a_chip_of_two_arrays_lives() -> None:
    model = load_model("digits-mlp")
    network, recipe = model.network(), model.recipe(load_device("rram-hfo2"))
    weights = initial_weights(network, stream(0, "weights"))
    array = load_device("rram-hfo2").build()
    assert isinstance(array, Crossbar)
    chip = Chip(TwoArrays(array), network, programming=recipe.programming)
    chip.program(weights, stream(0, "mount"), verify=True)
    chip.age(3600.0)
    x = stream(1).random((32, 64)).astype(np.float32)
    labels = np.arange(32) % 10
    samples = Samples(x, np.eye(10, dtype=np.float32)[labels], labels)
    assert 0.0 <= chip.evaluate(samples) <= 1.0
    assert len(chip.fine_tune(samples, recipe, epochs=1)) == 1
    with pytest.raises(BadInput, match="for which the chip was made"):
        chip.fine_tune(samples, replace(recipe, programming=replace(recipe.programming, decay=0.1)), epochs=1)


def test_profiles_ask_for_two_arrays(tmp_path: Path) -> None:
    text = load_device("ecram").path.read_text(encoding="utf-8")
    path = tmp_path / "twice.toml"
    path.write_text(text.replace("[crossbar]\n", '[crossbar]\narrays = "two"\n', 1), encoding="utf-8")
    spec = read_device(path)
    one = load_device("ecram").build()
    assert isinstance(one, Crossbar)
    built = spec.build()
    assert isinstance(built, TwoArrays)
    assert built.array == replace(one, name="twice", cell=built.array.cell)  # step models are equal to themselves alone
    assert spec.words()["crossbar.arrays"] == "two"
    assert load_device("ecram").words()["crossbar.arrays"] == "one"
    path.write_text(text.replace("[crossbar]\n", '[crossbar]\narrays = "both"\n', 1), encoding="utf-8")
    with pytest.raises(BadInput, match=r"twice\.toml: crossbar\.arrays.*one, two"):
        read_device(path)


def test_what_an_array_alone_cannot_do_is_refused() -> None:
    with pytest.raises(BadInput, match="average_every"):
        CLEAN.programmed_by(Programming(average_every=10))
    one_sided = replace(CLEAN, one_sided=True)
    with pytest.raises(BadInput, match="one-sided"):
        TwoArrays(one_sided).programmed_by(Programming(average_every=10))
    integer = QuantizedSynapse("integers", 6, "nearest", headroom=1.5, min_exponent=-8, max_exponent=7)
    for programming in (Programming(decay=0.1), Programming(average_every=1)):
        with pytest.raises(BadInput, match="integer synapses"):
            integer.programmed_by(programming)
    for bad in ({"decay": -0.1}, {"decay": float("nan")}, {"average_every": -1}):
        with pytest.raises(BadInput, match=next(iter(bad))):
            Programming(**bad)


def test_adjoint_reads_of_arrays_that_are_read_one_way_are_refused() -> None:
    with pytest.raises(BadInput, match=r"programming\.reads"):
        TwoArrays(CLEAN).programmed_by(Programming(reads=Reads.ADJOINT))


@pytest.mark.parametrize("method", [Method.OPPOSITE, Method.NET])
def test_states_are_sent_to_one_array(method: Method) -> None:
    with pytest.raises(BadInput, match=r"programming\.method"):
        TwoArrays(CLEAN).programmed_by(Programming(method))
