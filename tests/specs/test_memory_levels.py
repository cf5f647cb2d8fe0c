"""`[memory.LEVEL]` of device files: what they build, every way in which they can be wrong, and the shipped figures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from neuroep.cost.hierarchy import Level
from neuroep.errors import BadInput
from neuroep.quantities import Band
from neuroep.specs import catalogue, read_device


def inline(value: float, unit: str, extra: str = "") -> str:
    return f'{{ value = {value}, unit = "{unit}", source = "a test", tag = "estimate"{extra} }}'


NEAR = f"""
[memory.near]
capacity = {inline(64, "byte")}
energy_per_byte = {inline(2, "pJ", ", low = 1, high = 4")}
"""
FAR = f"""
[memory.far]
energy_per_byte = {inline(1, "nJ")}
"""
MIDDLE = NEAR.replace("near", "middle").replace("64", "640")


def read(folder: Path, tables: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(f'summary = "a test"\nkind = "cost-only"\n{tables}', encoding="utf-8")
    return path


def test_levels_as_written(tmp_path: Path) -> None:
    spec = read_device(read(tmp_path, NEAR + MIDDLE + FAR))
    memory = spec.memory()
    assert memory is not None
    assert list(memory.levels) == [
        Level("near", 64.0, Band(2e-12, 1e-12, 4e-12)),
        Level("middle", 640.0, Band(2e-12, 1e-12, 4e-12)),
        Level("far", math.inf, Band.exact(1e-9)),
    ]
    assert [key for key, _ in spec.quantities()][-1] == "memory.far.energy_per_byte"


def test_one_memory_is_enough(tmp_path: Path) -> None:
    memory = read_device(read(tmp_path, FAR)).memory()
    assert memory is not None
    assert [level.name for level in memory.levels] == ["far"]


def test_most_profiles_name_none() -> None:
    assert catalogue.load_device("ecram").memory() is None


@pytest.mark.parametrize(
    ("tables", "where", "said"),
    [
        (NEAR, "memory.near", "every level but the last"),
        (FAR + NEAR.replace("near", "beyond"), "memory.far", "every level but the last"),
        (MIDDLE + NEAR + FAR, "memory.near.capacity", "64 bytes; allowed: more than 640"),
        (NEAR + MIDDLE.replace("640", "64") + FAR, "memory.middle.capacity", "more than 64"),
        (NEAR.replace("energy_per_byte", "energy") + FAR, "memory.near", "did you mean 'energy_per_byte'"),
        ("[memory.far]\n", "memory.far", "the key 'energy_per_byte' is missing"),
        ("[memory]\nfar = 3\n", "memory.far", "expected `object`"),
        (NEAR.replace('"byte"', '"bit"') + FAR, "memory.near.capacity", "bytes in byte"),
        (NEAR.replace("64", "64.5") + FAR, "memory.near.capacity", "whole numbers"),
        (NEAR.replace("64", "0") + FAR, "memory.near.capacity", "out of range"),
        (NEAR.replace('"pJ"', '"ps"') + FAR, "memory.near.energy_per_byte", "energy in fJ, pJ, nJ, J"),
    ],
)
def test_mistakes_name_file_key_and_remedy(tables: str, where: str, said: str, tmp_path: Path) -> None:
    path = read(tmp_path, tables)
    with pytest.raises(BadInput) as error:
        read_device(path)
    assert str(error.value).startswith(str(path))
    assert where in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "per_word"),
    [
        ("digital-45nm", {"sram-8k": 10.0, "sram-32k": 20.0, "sram-1m": 100.0}),
        ("digital-7nm", {"sram-8k": 7.5, "sram-32k": 8.5, "sram-1m": 14.0}),
    ],
)
def test_srams_are_the_building_blocks_of_64_bits(name: str, per_word: dict[str, float]) -> None:
    """Picojoules for 8 bytes, as published; the profile rounds to a hundredth."""
    memory = catalogue.load_device(name).memory()
    assert memory is not None
    prices = {level.name: 1e12 * level.joules_per_byte.value for level in memory.levels}
    assert {level: prices[level] for level in per_word} == {
        level: pytest.approx(joules / 8, abs=5e-3) for level, joules in per_word.items()
    }


@pytest.mark.parametrize("name", ["cpu-server", "digital-45nm", "digital-7nm"])
def test_farther_costs_more(name: str) -> None:
    memory = catalogue.load_device(name).memory()
    assert memory is not None
    prices = [level.joules_per_byte for level in memory.levels]
    for end in ("value", "low", "high"):
        ends = [getattr(price, end) for price in prices]
        assert ends == sorted(ends), end


def test_memory_is_beside_the_bill(tmp_path: Path) -> None:
    """No price of an event comes from a memory."""
    spec = read_device(read(tmp_path, NEAR + FAR))
    assert not spec.prices().energy_joules
    assert not spec.prices().time_seconds
