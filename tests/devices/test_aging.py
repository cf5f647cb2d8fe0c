"""Ageing of a mounted crossbar, against the closed forms of the retention models."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise, starmap

import numpy as np
import pytest

from neuroep import BadInput, Chip, load_device, load_model
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.retention.models import MODELS
from neuroep.learning.trainer import Samples
from neuroep.network import initial_weights
from neuroep.rng import stream
from neuroep.specs.crossbar import CHOICES
from neuroep.studies.life import clipped, recovered

NETWORK = load_model("digits-mlp").network()
WEIGHTS = initial_weights(NETWORK, stream(0, "weights"))
YEAR = 365.0 * 86400.0


def crossbar(name: str) -> Crossbar:
    built = load_device(name).build()
    assert isinstance(built, Crossbar)
    return built


def test_without_retention_every_bit_stays() -> None:
    device = replace(crossbar("rram-hfo2"), retention="none")
    mounted = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    old = device.aged(NETWORK, mounted, YEAR, 0)
    np.testing.assert_array_equal(old.circuit.up, mounted.circuit.up)
    np.testing.assert_array_equal(old.circuit.noise_up, mounted.circuit.noise_up)


def test_ageing_leaves_the_original_alone_and_repeats() -> None:
    device = crossbar("rram-hfo2")
    mounted = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    before = {name: array.copy() for name, array in mounted.state.items()}
    first, again = (device.aged(NETWORK, mounted, 3600.0, 0) for _ in range(2))
    for name, array in before.items():
        np.testing.assert_array_equal(mounted.state[name], array)
    np.testing.assert_array_equal(first.circuit.up, again.circuit.up)
    assert (first.circuit.up != mounted.circuit.up).any()


def test_phase_change_pairs_drift_as_a_power_of_time() -> None:
    # G(t) = G0 (t/t0)^(-nu), so the mean of ln G falls by the mean nu times ln(t/t0)
    device = crossbar("pcm-pair")
    mounted = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    start = np.concatenate(device.conductances(mounted)).astype(np.float64)
    now = np.concatenate(device.conductances(device.aged(NETWORK, mounted, YEAR, 0))).astype(np.float64)
    held = start > 0.05 * device.g_max_siemens
    g = start[held] / 25e-6
    mean = np.clip(-0.0155 * np.log(g) + 0.0244, 0.049, 0.1)  # Nandakumar et al., ICECS 2019
    sd = np.clip(-0.0125 * np.log(g) - 0.0059, 0.008, 0.045)
    folded = sd * math.sqrt(2.0 / math.pi) * np.exp(-((mean / sd) ** 2) / 2.0) + mean * np.vectorize(math.erf)(
        mean / sd / math.sqrt(2.0)
    )  # the mean of |mean + sd xi|
    folds = math.log(YEAR / 20.0)
    error = folds * math.sqrt(float((sd**2).sum())) / held.sum()
    drift = float(np.log(now[held] / start[held]).mean())
    assert drift == pytest.approx(-folds * float(folded.mean()), abs=4.0 * error)  # four standard errors


def test_before_t0_nothing_has_drifted() -> None:
    device = crossbar("pcm-pair")  # t0 is 20 s
    mounted = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    np.testing.assert_array_equal(device.aged(NETWORK, mounted, 1.0, 0).circuit.up, mounted.circuit.up)


def test_relaxation_shifts_device_and_reference_alike() -> None:
    # -0.089 ln t uS falls on both, so that a weight keeps its mean; each spreads by 0.0420 ln t + 0.4118 uS
    device = crossbar("rram-hfo2")
    mounted = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    pairs = [device.conductances(m) for m in (mounted, device.aged(NETWORK, mounted, YEAR, 0))]
    inner = (pairs[0][0] > 5e-6) & (pairs[0][1] > 5e-6)
    change = 1e6 * ((pairs[1][0] - pairs[1][1]) - (pairs[0][0] - pairs[0][1]))[inner]
    sd = math.sqrt(2.0) * (0.41183342 + 0.04201137 * math.log(YEAR))
    assert change.mean() == pytest.approx(0.0, abs=4.0 * sd / math.sqrt(len(change)))
    # a sample's standard deviation is known to sd / sqrt(2 n)
    assert change.std() == pytest.approx(sd, abs=4.0 * sd / math.sqrt(2 * len(change)))


def test_verified_writing_has_the_published_error() -> None:
    device = replace(crossbar("pcm-pair"), retention="cmo-hfox", programming_spread=0.0)
    plain = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    checked = device.written(NETWORK, WEIGHTS, stream(0, "mount"), 0)
    target, got = (1e6 * device.conductances(m)[0].astype(np.float64) for m in (plain, checked))
    held = target > 1.0
    error = (got - target)[held] / (0.0112185391 + 0.01129027418 * target[held])
    assert error.std() == pytest.approx(1.0, abs=4.0 / math.sqrt(2 * held.sum()))


def test_noise_of_reads_grows_with_age() -> None:
    device = crossbar("pcm-pair")
    mounted = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    hour, year = (device.aged(NETWORK, mounted, s, 0).circuit.noise_up[1:] for s in (3600.0, YEAR))
    assert (hour > 0.0).all()
    assert (hour != year).all()


def test_words_of_profiles_are_the_models() -> None:
    assert set(CHOICES["crossbar.retention"][1]) == set(MODELS)


def test_a_chip_without_weights_answers_nothing() -> None:
    chip = Chip("rram-hfo2", NETWORK)
    samples = Samples(np.zeros((1, 64), np.float32), np.zeros((1, 10), np.float32), np.zeros(1, np.int64))
    for act in (lambda: chip.evaluate(samples), lambda: chip.age(1.0)):
        with pytest.raises(BadInput, match="nothing is programmed"):
            act()
    with pytest.raises(BadInput, match="nothing is programmed"):
        chip.fine_tune(samples, load_model("digits-mlp").recipe())


def test_a_chip_refuses_other_weights_ages_and_methods() -> None:
    chip = Chip("rram-hfo2", NETWORK)
    with pytest.raises(BadInput, match="layer sizes"):
        chip.program(initial_weights(load_model("xor").network(), stream(0)), stream(0))
    chip.program(WEIGHTS, stream(0))
    with pytest.raises(BadInput, match="seconds"):
        chip.age(-1.0)
    with pytest.raises(BadInput, match="write-verify"):
        Chip("ecram", NETWORK).program(WEIGHTS, stream(0), verify=True)
    samples = Samples(np.zeros((1, 64), np.float32), np.zeros((1, 10), np.float32), np.zeros(1, np.int64))
    with pytest.raises(BadInput, match="accumulated"):
        chip.fine_tune(samples, load_model("digits-mlp").recipe(load_device("rram-hfo2")))


def test_share_recovered() -> None:
    assert recovered(0.9, 0.5, 0.7) == pytest.approx(0.5)
    assert recovered(0.9, 0.5, 0.3) == pytest.approx(-0.5)
    assert math.isnan(recovered(0.9, 0.9, 0.8))


def test_clipping_cuts_at_the_quantile_of_each_coupling() -> None:
    cut = clipped(WEIGHTS, 0.9)
    for k in (1, 2):
        bound = np.quantile(np.abs(WEIGHTS.coupling(k)), 0.9)
        np.testing.assert_allclose(cut.coupling(k), np.clip(WEIGHTS.coupling(k), -bound, bound), rtol=1e-6)
    np.testing.assert_array_equal(clipped(WEIGHTS, 1.0).couplings, WEIGHTS.couplings)


@pytest.mark.parametrize("seconds", [60.0, YEAR])
def test_noise_of_reads_has_the_published_size(seconds: float) -> None:
    """In siemens: G q sqrt(ln((t + 250 ns) / 500 ns)) of each device of a pair (Nandakumar et al., ICECS 2019).

    A column of n such weights at states of root mean square 1/2 has sqrt(n)/2 of it, beside the noise of its line.
    """
    device = replace(crossbar("pcm-pair"), retention="pcm-nandakumar")
    mounted = device.mount(NETWORK, WEIGHTS, stream(0, "mount"))
    start = np.stack(device.conductances(mounted)).astype(np.float64)
    old = device.aged(NETWORK, mounted, seconds, 0)
    now = np.stack(device.conductances(old)).astype(np.float64)
    relative = np.minimum(0.0088 * (start / 25e-6) ** -0.65, 0.2)
    sd = now * relative * math.sqrt(math.log((seconds + 250e-9) / 500e-9))
    difference, variance = now[0] - now[1], (sd**2).sum(axis=0)
    ends = np.cumsum([0, *(a * b for a, b in pairwise(NETWORK.sizes))])
    for k, part in enumerate(starmap(slice, pairwise(ends)), 1):
        weights = old.circuit.up[part].astype(np.float64)
        per_siemens = float((weights * difference[part]).sum() / (difference[part] ** 2).sum())
        cells = 0.5 * math.sqrt(NETWORK.sizes[k - 1]) * per_siemens * math.sqrt(variance[part].mean())
        line = float(mounted.circuit.noise_up[k])  # unaged, this profile's cells have none
        assert old.circuit.noise_up[k] == pytest.approx(math.hypot(line, cells), rel=1e-4)
