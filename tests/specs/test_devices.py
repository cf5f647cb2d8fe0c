"""Device files: what they build and price, every way in which they can be wrong, every number sourced."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from neuroep.errors import BadInput
from neuroep.hardware.cells.arrays import Spread
from neuroep.hardware.cells.steps import LinearStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.wires import Ends
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.device import Ideal
from neuroep.hardware.loihi.chip import LearningChip
from neuroep.hardware.loihi.cores import Limits
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.quantities import Band
from neuroep.specs import catalogue, read_device


def inline(value: float, unit: str, extra: str = "") -> str:
    return f'{{ value = {value}, unit = "{unit}", source = "a test", tag = "estimate"{extra} }}'


QUANTIZED = f"""
summary = "a test"
kind = "quantized"

[synapse]
rounding = "nearest"
weight_bits = {inline(4, "bit")}
headroom = {inline(1.5, "1")}
min_exponent = {inline(-3, "1")}
max_exponent = {inline(3, "1")}

[energy]
synop = {inline(2, "pJ", ", low = 1, high = 4")}

[time]
synop = {inline(3, "ns")}
"""
CHIP = f"""
{QUANTIZED.replace('"nearest"', '"loihi"')}
[chip]
learning_rule = "swapped"
cores = {inline(128, "1")}
chips = {inline(2, "1")}
compartments = {inline(1000, "1")}
axons = {inline(4000, "1")}
synapse_memory = {inline(1000000, "bit")}
"""
SYSTEM = f"""
{QUANTIZED}
[system]
step = {inline(10, "us")}
static = {inline(5, "mW")}
"""
CROSSBAR = f"""
summary = "a test"
kind = "crossbar"
caveats = ["nothing counted"]
static = {inline(5, "mW")}

[crossbar]
encoding = "reference"
g_min = {inline(1, "uS")}
g_max = {inline(10, "uS")}
headroom = {inline(2, "1")}
programming_spread = {inline(0.02, "1")}
read_noise = {inline(1, "%")}
retention = "none"

[cell]
step = "linear"
noise = "additive"
dw_min = {inline(0.02, "1")}
w_min = {inline(-0.8, "1")}
w_max = {inline(1.2, "1")}
gamma_up = {inline(10, "%")}
gamma_down = {inline(0.2, "1")}
up_down = {inline(-0.1, "1")}
cycle_noise = {inline(0.3, "1")}

[spread]
step = {inline(0.1, "1")}
bounds = {inline(0.05, "1")}
high = {inline(0.06, "1")}

[periphery]
range = "managed"
dac_bits = {inline(7, "bit")}
adc_bits = {inline(9, "bit")}
adc_bound = {inline(12, "1")}

[wires]
ends = "opposite"
word = {inline(2, "ohm")}
bit = {inline(3, "ohm")}

[energy]
adc = {inline(2, "pJ")}

[time]
array_read = {inline(10, "ns")}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_quantized_as_written(tmp_path: Path) -> None:
    spec = read_device(write(tmp_path, QUANTIZED))
    built = spec.build()
    assert isinstance(built, QuantizedSynapse)
    assert built == QuantizedSynapse("mine", 4, "nearest", 1.5, -3, 3)
    prices = spec.prices()
    assert prices.energy_joules == {"synop": Band(2e-12, 1e-12, 4e-12)}
    assert prices.time_seconds == {"synop": Band.exact(3 * 1e-9)}
    assert prices.static_watts == Band.exact(0.0)


def test_chip_as_written(tmp_path: Path) -> None:
    chip = read_device(write(tmp_path, CHIP)).chip()
    assert chip == LearningChip("mine", "swapped", Limits(1000, 4000, 1_000_000, 128), 2)
    assert read_device(write(tmp_path, QUANTIZED)).chip() is None


def test_figures_of_a_whole_chip_are_kept_and_charge_nothing(tmp_path: Path) -> None:
    spec = read_device(write(tmp_path, SYSTEM))
    assert spec.numbers["system.step"].si("time") == Band.exact(10 * 1e-6)
    assert spec.numbers["system.static"].si("power").value == pytest.approx(5e-3)
    assert spec.prices() == read_device(write(tmp_path, QUANTIZED)).prices()


def test_utilisation_is_a_share_of_the_peak_rate(tmp_path: Path) -> None:
    assert read_device(write(tmp_path, QUANTIZED)).utilisation is None
    spec = read_device(write(tmp_path, f"utilisation = {inline(4, '%', ', low = 0.5, high = 20')}\n{QUANTIZED}"))
    assert spec.utilisation == pytest.approx((0.04, 0.005, 0.2))
    assert spec.prices() == read_device(write(tmp_path, QUANTIZED)).prices()
    assert spec.quantities()[-1][0] == "utilisation"


@pytest.mark.parametrize(
    ("share", "needle"),
    [(inline(0, "1"), "1e-06 to 1"), (inline(101, "%"), "1e-06 to 1"), (inline(5, "pJ"), "number in 1, %")],
)
def test_no_processor_does_nothing_or_more_than_it_can(tmp_path: Path, share: str, needle: str) -> None:
    with pytest.raises(BadInput, match=f"utilisation.*{needle}"):
        read_device(write(tmp_path, f"utilisation = {share}\n{QUANTIZED}"))


def test_a_utilisation_without_prices_has_no_effect(tmp_path: Path) -> None:
    text = f'summary = "a test"\nkind = "cost-only"\nutilisation = {inline(4, "%")}\n'
    with pytest.raises(BadInput, match="utilisation: a utilisation without prices"):
        read_device(write(tmp_path, text))


@pytest.mark.parametrize("name", ["gpu-h100", "cpu-server"])
def test_processors_say_how_busy_small_networks_keep_them(name: str) -> None:
    share = catalogue.load_device(name).utilisation
    assert share is not None
    assert 0.0 < share.low < share.value < share.high < 0.1


def test_crossbar_as_written(tmp_path: Path) -> None:
    spec = read_device(write(tmp_path, CROSSBAR))
    built = spec.build()
    assert isinstance(built, Crossbar)
    cell = LinearStep(
        dw_min=0.02, w_min=-0.8, w_max=1.2, gamma_up=0.1, gamma_down=0.2, up_down=-0.1, cycle_noise=0.3, additive=True
    )
    expected = Crossbar(
        name="mine", g_min_siemens=1e-6, g_max_siemens=1e-5, cell=cell, encoding=Encoding.REFERENCE, headroom=2.0,
        spread=Spread(step=0.1, low=0.05, high=0.06), programming_spread=0.02, read_noise=0.01,
        periphery=Periphery(dac_bits=7, adc_bits=9, adc_bound=12.0, managed=True),
        wires=Wires(word_ohm=2.0, bit_ohm=3.0, ends=Ends.OPPOSITE),
    )  # fmt: skip
    assert type(built.cell) is LinearStep
    for field in fields(LinearStep):
        assert getattr(built.cell, field.name) == pytest.approx(getattr(cell, field.name)), field.name
    for field in fields(Crossbar):
        if field.name in ("g_min_siemens", "g_max_siemens", "read_noise"):
            assert getattr(built, field.name) == pytest.approx(getattr(expected, field.name)), field.name
        elif field.name != "cell":
            assert getattr(built, field.name) == getattr(expected, field.name), field.name
    assert spec.prices().static_watts.value == pytest.approx(5e-3)
    assert spec.caveats == ("nothing counted",)


def test_other_numbers_are_told_as_written() -> None:
    """The file and what is built and priced of it can't part: not by a copy, nor in place."""
    spec = catalogue.load_device("ecram")
    other = spec.changed({"crossbar.g_max": 50.0, "energy.adc": 3.0}, "what if")
    told = {"value": 50.0, "unit": spec.numbers["crossbar.g_max"].unit, "source": "what if", "tag": "estimate"}
    assert other.as_written()["crossbar"]["g_max"] == told
    assert isinstance(built := other.build(), Crossbar)
    assert built.g_max_siemens == pytest.approx(50e-6)
    assert other.own_prices() != spec.own_prices()
    assert spec == catalogue.load_device("ecram")
    with pytest.raises(TypeError, match="numbers"):
        replace(spec, numbers={})  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="item assignment"):
        spec.numbers["crossbar.g_max"] = spec.numbers["crossbar.g_min"]  # type: ignore[index]
    assert replace(catalogue.load_device("rram-taox"), companion=None).as_written()["companion"] is None
    for wrong, said in (({"energy.adcs": 1.0}, "'energy.adc'"), ({"crossbar.g_max": -1.0}, "out of range")):
        with pytest.raises(BadInput, match=said):
            spec.changed(wrong, "what if")


def test_labels_stand_in_for_slopes(tmp_path: Path) -> None:
    text = CROSSBAR.replace("gamma_down = " + inline(0.2, "1"), "nonlinearity_down = " + inline(1.0, "1"))
    spec = read_device(write(tmp_path, text))
    built = spec.build()
    assert isinstance(built, Crossbar)
    assert isinstance(built.cell, LinearStep)
    # NeuroSim's table gives A = 1.23 for label 1, to about 1 %.
    assert built.cell.gamma_down == pytest.approx(math.tanh(1 / (2 * 1.23)), rel=0.01)
    found = dict(spec.quantities())
    assert found["cell.gamma_down"].tag == "derived"
    assert found["cell.nonlinearity_down"].tag == "estimate"


@pytest.mark.parametrize(
    ("base", "old", "new", "where", "said"),
    [
        (QUANTIZED, "[energy]", "[enrgy]", "mine.toml", "did you mean 'energy'"),
        (QUANTIZED, "[energy]\nsynop", "[energy]\nsynopp", "energy", "did you mean 'synop'"),
        (QUANTIZED, "[time]\nsynop", "[time]\nsinop", "time", "did you mean 'synop'"),
        (QUANTIZED, "weight_bits", "weigth_bits", "synapse", "did you mean 'weight_bits'"),
        (QUANTIZED, 'rounding = "nearest"', 'rounding = "nearst"', "synapse.rounding", "did you mean 'nearest'"),
        (QUANTIZED, 'rounding = "nearest"', "rounding = 3", "synapse.rounding", "stochastic"),
        (QUANTIZED, 'rounding = "nearest"', "", "synapse", "'rounding' is missing"),
        (QUANTIZED, 'kind = "quantized"', 'kind = "quantised"', "kind", "did you mean 'quantized'"),
        (QUANTIZED, 'kind = "quantized"', 'kind = "crossbar"', "synapse", "[crossbar]"),
        (QUANTIZED, 'kind = "quantized"', 'kind = "cost-only"', "synapse", "[relaxation]"),
        (QUANTIZED, 'kind = "quantized"', "", "mine.toml", "'kind' is missing"),
        (QUANTIZED, 'summary = "a test"', 'summary = ""', "summary", "length"),
        (QUANTIZED, 'value = 4, unit = "bit"', 'value = 4, unit = "1"', "synapse.weight_bits", "bits in bit"),
        (QUANTIZED, "value = 4,", "value = 4.5,", "synapse.weight_bits", "whole numbers from 2 to 16"),
        (QUANTIZED, "value = 4,", "value = 40,", "synapse.weight_bits", "whole numbers from 2 to 16"),
        (QUANTIZED, "value = 4,", 'value = "4",', "synapse.weight_bits.value", "expected `float`, got `str`: '4'"),
        (QUANTIZED, "value = 4,", "valeu = 4,", "synapse.weight_bits", "did you mean 'value'"),
        (QUANTIZED, "value = 4,", "", "synapse.weight_bits", "'value' is missing"),
        (QUANTIZED, "value = -3,", "value = 5,", "synapse.min_exponent", "<= synapse.max_exponent"),
        (QUANTIZED, 'value = 2, unit = "pJ"', 'value = 2, unit = "ns"', "energy.synop", "fJ, pJ, nJ, J"),
        (QUANTIZED, 'value = 2, unit = "pJ"', 'value = 2, unit = "pj"', "energy.synop", "did you mean 'pJ'"),
        (QUANTIZED, 'value = 2, unit = "pJ"', 'value = 20, unit = "pJ"', "energy.synop", "low <= value <= high"),
        (QUANTIZED, "low = 1", "low = -1", "energy.synop", "from 0"),
        (QUANTIZED, "low = 1", "lo = 1", "energy.synop", "did you mean 'low'"),
        (QUANTIZED, 'source = "a test"', 'source = ""', "synapse.weight_bits", "without a source"),
        (QUANTIZED, 'tag = "estimate"', 'tag = "estimated"', "synapse.weight_bits.tag", "did you mean 'estimate'"),
        (QUANTIZED, inline(3, "ns"), "3.0", "time.synop", "value, unit, source, tag"),
        (QUANTIZED, inline(3, "ns"), "[1, 2]", "time.synop", "value, unit, source, tag"),
        (QUANTIZED, 'value = 3, unit = "ns"', "value = 1" + "0" * 400 + ', unit = "ns"', "time.synop", "range"),
        (CHIP, 'learning_rule = "swapped"', 'learning_rule = "swaped"', "learning_rule", "did you mean 'swapped'"),
        (CHIP, 'learning_rule = "swapped"', "learning_rule = 3", "chip.learning_rule", "the name of a rule"),
        (CHIP, 'learning_rule = "swapped"', "", "chip", "'learning_rule' is missing"),
        (CHIP, 'learning_rule = "swapped"', 'learning_rule = "x0*x4"', "mine.toml", "did you mean"),
        (CHIP, "compartments", "compartment", "chip", "did you mean 'compartments'"),
        (CHIP, 'value = 128, unit = "1"', 'value = 0, unit = "1"', "chip.cores", "from 1"),
        (CHIP, 'rounding = "loihi"', 'rounding = "loihi"\nsign_mode = "mixd"', "synapse.sign_mode", "'mixed'"),
        (CHIP, 'rounding = "loihi"', 'rounding = "nearest"\ndraws = "matrix"', "synapse.draws", "rounding 'loihi'"),
        (CHIP, "value = 4,", "value = 7,", "weight_bits", "2, 3, 4, 5, 6, 8"),
        (CROSSBAR, "[energy]", "[chip]\n[energy]", "chip", "kind 'quantized'"),
        (CROSSBAR, 'value = 1, unit = "uS"', 'value = 20, unit = "uS"', "crossbar.g_min", "g_min < crossbar.g_max"),
        (CROSSBAR, 'value = 1, unit = "uS"', 'value = 10, unit = "uS"', "crossbar.g_min", "g_min < crossbar.g_max"),
        (CROSSBAR, 'value = 1, unit = "uS"', 'value = 1, unit = "ohm"', "crossbar.g_min", "conductance in nS, uS, S"),
        (CROSSBAR, 'value = 1, unit = "%"', 'value = 150, unit = "%"', "crossbar.read_noise", "from 0 to 1"),
        (CROSSBAR, "gamma_up = ", "nonlinearity_up = 1\ngamma_up = ", "cell", "one of the two"),
        (CROSSBAR, "gamma_up = ", "gama_up = ", "cell", "did you mean 'gamma_up'"),
        (CROSSBAR, "gamma_up = ", "# gamma_up = ", "cell", "'gamma_up' is missing"),
        (CROSSBAR, "dw_min = ", "# dw_min = ", "cell", "'dw_min' is missing"),
        (CROSSBAR, "bounds = ", "bonds = ", "spread", "did you mean 'bounds'"),
        (CROSSBAR, "value = 7,", "value = 1,", "mine.toml", "dac_bits"),
        (CROSSBAR, "value = 7,", "value = 17,", "periphery.dac_bits", "from 0 to 16"),
        (CROSSBAR, "value = 9,", "value = 0,", "periphery.adc_bound", "an ADC's range without an ADC"),
        (CROSSBAR, "adc_bits = ", "# adc_bits = ", "periphery.adc_bound", "an ADC's range without an ADC"),
        (CROSSBAR, "value = 1.2,", "value = -0.8,", "cell.w_min", "w_min < cell.w_max"),
        (CROSSBAR, "value = 1.2,", "value = -0.9,", "cell.w_min", "w_min < cell.w_max"),
        (CROSSBAR, 'value = 2, unit = "ohm"', 'value = 2, unit = "uS"', "wires.word", "resistance in"),
        (CROSSBAR, 'encoding = "reference"', 'encoding = "referense"', "crossbar.encoding", "did you mean 'reference'"),
        (CROSSBAR, 'step = "linear"', 'step = "liner"', "cell.step", "did you mean 'linear'"),
        (CROSSBAR, 'noise = "additive"', 'noise = "aditive"', "cell.noise", "did you mean 'additive'"),
        (CROSSBAR, 'range = "managed"', 'range = "manged"', "periphery.range", "did you mean 'managed'"),
        (CROSSBAR, 'ends = "opposite"', 'ends = "oposite"', "wires.ends", "did you mean 'opposite'"),
        (
            CROSSBAR,
            "adc = ",
            f"pulse = {inline(1, 'pJ')}\npulse_up = {inline(1, 'pJ')}\nadc = ",
            "energy",
            "prices of 'pulse' and of 'pulse_up', the same work; allowed: one of the two",
        ),
        (
            CROSSBAR,
            "adc = ",
            f"synop = {inline(1, 'pJ')}\neffective_synop = {inline(1, 'pJ')}\nadc = ",
            "energy",
            "'synop' and of 'effective_synop', the same work",
        ),
        (CROSSBAR, "[time]\n", "# ", "static", "[time] beside it"),
        (CROSSBAR, 'unit = "mW"', 'unit = "mV"', "static", "power in mW, W"),
        (SYSTEM, "[system]\nstep", "[system]\nsteps", "system", "did you mean 'step'"),
        (SYSTEM, 'unit = "us"', 'unit = "mW"', "system.step", "time in ps, ns, us, ms, s"),
        (CROSSBAR, 'caveats = ["nothing counted"]', 'caveats = "none"', "caveats", "expected `array`"),
        (CROSSBAR, 'caveats = ["nothing counted"]', "caveats = [1]", "caveats[0]", "expected `str`, got `int`"),
    ],
)
def test_mistakes_name_file_key_and_remedy(
    base: str, old: str, new: str, where: str, said: str, tmp_path: Path
) -> None:
    assert old in base
    path = write(tmp_path, base.replace(old, new, 1))
    with pytest.raises(BadInput) as error:
        read_device(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert where in message
    assert said in message
    assert "\n" not in message


def test_a_kind_without_its_table(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"needs the table \[crossbar\]"):
        read_device(write(tmp_path, 'summary = "a"\nkind = "crossbar"\n'))


@pytest.mark.parametrize("name", catalogue.names("devices"))
def test_shipped_devices_build_and_every_number_is_sourced(name: str) -> None:
    spec = catalogue.load_device(name)
    kinds = {"ideal": Ideal, "quantized": QuantizedSynapse, "crossbar": Crossbar, "cost-only": type(None)}
    built = spec.build()
    assert isinstance(built, kinds[spec.kind])
    assert built is None or built.name == name
    for key, quantity in spec.quantities():
        assert len(quantity.source) > 15, key
        assert not (quantity.tag == "measured" and "recalled" in quantity.source), key
    assert spec.caveats
    priced = bool(spec.prices().energy_joules and spec.prices().time_seconds)
    assert priced or any(caveat.startswith("no prices: ") for caveat in spec.caveats)
    assert spec.kind == "ideal" or spec.citation


def test_ideal_has_no_prices() -> None:
    prices = catalogue.load_device("ideal").prices()
    assert (dict(prices.energy_joules), dict(prices.time_seconds)) == ({}, {})
    assert prices.static_watts == Band.exact(0.0)


def energy(name: str, event: str) -> Band:
    return catalogue.load_device(name).prices().energy_joules[event]


def test_published_loihi_prices() -> None:
    assert energy("loihi1", "effective_synop") == pytest.approx((23.6e-12, 23.6e-12, 35.5e-12))
    assert energy("loihi1", "neuron_update").value == pytest.approx(81e-12)
    assert energy("loihi1", "neuron_update").low == pytest.approx(52e-12)


@pytest.mark.parametrize(("name", "adc_bits", "dac_bits"), [("rram-taox", 8, 8), ("ecram", 9, 7)])
def test_converters_follow_the_closed_form(name: str, adc_bits: int, dac_bits: int) -> None:
    """E_ADC = (100 b + 0.001·4^b) Vdd² fJ, E_DAC = 0.05 b Vdd² pJ, t = b (0.00653 N + 0.640) ns, at 0.9 V."""
    numbers = dict(catalogue.load_device(name).quantities())
    assert numbers["periphery.adc_bits"].value == adc_bits
    assert numbers["periphery.dac_bits"].value == dac_bits
    assert energy(name, "adc").value == pytest.approx((100 * adc_bits + 0.001 * 4**adc_bits) * 0.81e-15, rel=0.002)
    assert energy(name, "dac").value == pytest.approx(0.05 * dac_bits * 0.81e-12, rel=0.002)
    read = catalogue.load_device(name).prices().time_seconds["array_read"]
    for rows, seconds in zip((128, 0, 256), read, strict=True):
        assert seconds == pytest.approx((10 + adc_bits * (0.00653 * rows + 0.640)) * 1e-9, rel=0.005)


def test_taox_pulses_and_reads_are_their_joule_heat() -> None:
    g_min, g_max = 1 / (10 * 100e3), 1 / 100e3
    for band, voltage, seconds, cells in (
        (energy("rram-taox", "pulse"), 1.6, 50e-9, 1),
        (energy("rram-taox", "effective_synop"), 0.5, 10e-9, 2),
    ):
        for joules, siemens in zip(band, ((g_min + g_max) / 2, g_min, g_max), strict=True):
            assert joules == pytest.approx(cells * voltage**2 * siemens * seconds, rel=1e-6)


def test_taox_pulses_and_spread_follow_from_the_published_table() -> None:
    built = catalogue.load_device("rram-taox").build()
    assert isinstance(built, Crossbar)
    # tanh(u/2)/(u/2) with tanh(u/2) the slope: pulses of mid-range size for the range of 128 states.
    assert isinstance(built.cell, LinearStep)
    mean = sum(128 * slope / math.atanh(slope) for slope in (built.cell.gamma_up, built.cell.gamma_down)) / 2
    pulses = (built.cell.w_max - built.cell.w_min) / built.cell.dw_min
    assert pulses == pytest.approx(mean, rel=1e-3)
    assert built.cell.additive
    assert built.cell.cycle_noise / pulses == pytest.approx(0.037, rel=1e-3)


def test_ecram_steps_are_the_published_linear_steps() -> None:
    """Both step laws, as functions of the weight, from aihwkit's parameters and from the profile's."""
    built = catalogue.load_device("ecram").build()
    assert isinstance(built, Crossbar)
    w_min, w_max, step, gamma_up, gamma_down = -0.8276, 1.1724, 0.002, 0.1153, 0.5085
    for w in (w_min, -0.4, 0.0, 0.6, w_max):
        assert built.cell.step(w, 1) == pytest.approx(step * (1 - gamma_up / w_max * w), rel=1e-9)
        assert built.cell.step(w, -1) == pytest.approx(-step * (1 - gamma_down / w_min * w), rel=1e-9)


def test_gpu_prices_are_power_over_peak_rate() -> None:
    peak, bf16 = 2 / 66.9e12, 2 / 989e12
    assert energy("gpu-h100", "synop") == pytest.approx((700 * peak, 700 * bf16, 700 * peak), rel=5e-3)
    seconds = catalogue.load_device("gpu-h100").prices().time_seconds
    assert seconds["synop"] == pytest.approx((peak, bf16, peak), rel=5e-3)
    assert seconds["weight_write"].value == pytest.approx(8 / 3.35e12, rel=5e-3)


def test_digital_prices_are_arithmetic_and_memory() -> None:
    mac, small, large = 0.9 + 3.7, 10 / 8, 100 / 8
    for event, octets, value_low in (("synop", 4, mac), ("contrast_mac", 8, mac), ("weight_write", 12, None)):
        band = energy("digital-45nm", event)
        assert band.value == pytest.approx((mac + octets * small) * 1e-12)
        assert band.high == pytest.approx((mac + octets * large) * 1e-12)
        assert band.low == pytest.approx(band.value if value_low is None else value_low * 1e-12)
