"""`[relaxation]` of device files: what it gives, and every way in which it can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroep.cost.relaxation import Held
from neuroep.errors import BadInput
from neuroep.quantities import Band
from neuroep.specs import catalogue, read_device

SOURCED = ("ecram", "rram-sb", "rram-taox", "pcm-pair", "drn-kendall")


def inline(value: float, unit: str, extra: str = "") -> str:
    return f'{{ value = {value}, unit = "{unit}", source = "a test", tag = "estimate"{extra} }}'


COMMON = f"""
[relaxation]
read_voltage = {inline(0.2, "V", ", low = 0.1, high = 0.4")}
line_capacitance = {inline(300, "fF", ", low = 100, high = 1000")}
"""
NODES = f"{COMMON}largest_conductance = {inline(10, 'uS')}\n"
LINES = f"{COMMON}supply_voltage = {inline(900, 'mV')}\n"
HEADS = {
    "cost-only": 'kind = "cost-only"\n',
    "crossbar": f"""
kind = "crossbar"
[crossbar]
g_min = {inline(1, "uS")}
g_max = {inline(10, "uS")}
headroom = {inline(2, "1")}
[cell]
dw_min = {inline(0.01, "1")}
w_min = {inline(-1, "1")}
w_max = {inline(1, "1")}
""",
    "ideal": 'kind = "ideal"\n',
}


def read(folder: Path, kind: str, table: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(f'summary = "a test"\n{HEADS[kind]}\n{table}', encoding="utf-8")
    return path


def test_nodes_as_written(tmp_path: Path) -> None:
    spec = read_device(read(tmp_path, "cost-only", f"{NODES}amplifier_power = {inline(0.01, 'mW')}\n"))
    assert spec.held() == Held(
        Band(0.2, 0.1, 0.4),
        pytest.approx(Band(3e-13, 1e-13, 1e-12)),
        None,
        None,
        pytest.approx(Band.exact(1e-5)),
        pytest.approx(Band.exact(1e-5)),
    )


def test_lines_as_written(tmp_path: Path) -> None:
    held = read_device(read(tmp_path, "crossbar", f"{LINES}time_constant = {inline(10, 'ns')}\n")).held()
    assert held is not None
    assert (held.supply_volts, held.tau_seconds) == (pytest.approx(Band.exact(0.9)), pytest.approx(Band.exact(1e-8)))
    assert (held.largest_siemens, held.amplifier_watts) == (None, Band.exact(0.0))
    held = read_device(read(tmp_path, "crossbar", LINES)).held()
    assert held is not None
    assert held.tau_seconds is None


@pytest.mark.parametrize("name", catalogue.names("devices"))
def test_shipped_profiles_say_it_where_there_are_figures(name: str) -> None:
    spec = catalogue.load_device(name)
    assert (spec.held() is not None) == (name in SOURCED)
    tags = {number.tag for key, number in spec.quantities() if key.startswith("relaxation.")}
    assert tags <= {"estimate"}


@pytest.mark.parametrize(
    ("kind", "table", "where", "said"),
    [
        ("crossbar", COMMON, "relaxation", "the key 'supply_voltage' is missing"),
        ("cost-only", COMMON, "relaxation", "the key 'largest_conductance' is missing"),
        ("crossbar", NODES, "relaxation", "no key is called 'largest_conductance'"),
        ("cost-only", LINES, "relaxation", "no key is called 'supply_voltage'"),
        ("cost-only", f"{NODES}time_constant = {inline(1, 'ns')}\n", "relaxation", "no key is called 'time_constant'"),
        ("ideal", NODES, "relaxation", "kind 'ideal' has no such table"),
        ("cost-only", NODES.replace('"fF"', '"V"'), "relaxation.line_capacitance", "capacitance in fF, pF"),
        ("cost-only", NODES.replace("0.2", "-0.2"), "relaxation.read_voltage", "-0.2"),
        ("cost-only", NODES.replace("[relaxation]", "[relaxing]"), "relaxing", "did you mean 'relaxation'"),
    ],
)
def test_mistakes_name_file_key_and_remedy(kind: str, table: str, where: str, said: str, tmp_path: Path) -> None:
    path = read(tmp_path, kind, table)
    with pytest.raises(BadInput) as error:
        read_device(path)
    assert str(error.value).startswith(str(path))
    assert where in str(error.value)
    assert said in str(error.value)
