"""`[endurance]` of device files: what it gives, every way in which it can be wrong, and the shipped figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroep.errors import BadInput
from neuroep.quantities import Band
from neuroep.specs import catalogue, read_device

CYCLES = '{ value = 1e8, low = 1e7, high = 1e9, unit = "1", source = "a test", tag = "estimate" }'


def read(folder: Path, table: str, name: str = "capacitor") -> Path:
    path = folder / "mine.toml"
    path.write_text(catalogue.find("devices", name).read_text(encoding="utf-8") + table, encoding="utf-8")
    return path


def test_as_written(tmp_path: Path) -> None:
    spec = read_device(read(tmp_path, f"[endurance]\ncycles = {CYCLES}\n"))
    assert spec.endurance() == {"cycles": Band(1e8, 1e7, 1e9)}
    assert "endurance.cycles" in dict(spec.quantities())
    both = read_device(read(tmp_path, f"[endurance]\ncycles = {CYCLES}\npulses = {CYCLES.replace('1e9', '1e12')}\n"))
    assert both.endurance() == {"cycles": Band(1e8, 1e7, 1e9), "pulses": Band(1e8, 1e7, 1e12)}


@pytest.mark.parametrize(
    ("table", "name", "message"),
    [
        ("writes = 1", "capacitor", r"endurance: no key.*'writes'.*cycles, pulses"),
        (f"cycle = {CYCLES}", "capacitor", "cycles"),
        ("cycles = 1e8", "capacitor", r"endurance\.cycles.*a table of value, unit"),
        (f"cycles = {CYCLES.replace('low = 1e7', 'low = 0')}", "capacitor", r"endurance\.cycles.*from 1 to 1e\+18"),
        ("cycles = " + CYCLES.replace('"1"', '"pJ"'), "capacitor", r"endurance\.cycles.*measures"),
        (f"cycles = {CYCLES}", "loihi1", r"endurance.*'quantized' has no such table \(kind 'crossbar' has\)"),
        (f"cycles = {CYCLES}", "gpu-h100", r"endurance.*'cost-only' has no such table"),
    ],
)
def test_what_is_wrong_is_named(table: str, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        read_device(read(tmp_path, f"[endurance]\n{table}\n", name))


def test_shipped_figures() -> None:
    """As their sources quote them: writes of PCM of MICRO 2009; weak pulses of IEDM 2018; tests of two ECRAMs."""
    found = {name: catalogue.load_device(name).endurance() for name in catalogue.names("devices")}
    assert found["pcm-pair"] == {"cycles": Band(1e8, 1e7, 1e9)}
    assert found["rram-sb"]["pulses"] == found["rram-es"]["pulses"] == Band(1e11, 1e6, 1e11)
    assert found["ecram"] == found["ecram-mo"] == {"pulses": Band(1e8, 1e7, 1e9)}
    coarse = [
        name for name in ("rram-om", "rram-hfo2") if "pulses" in found[name]
    ]  # a pulse is a large part of a cycle
    assert coarse == []
    assert {name for name in found if found[name]} == {
        "ecram", "ecram-mo", "pcm-pair", "rram-es", "rram-hfo2", "rram-om", "rram-sb", "rram-taox", "sonos-flash",
    }  # fmt: skip
