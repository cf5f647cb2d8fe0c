"""Companions of device files: which are taken, and which are refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.specs import catalogue

NUMBER = 'unit = "pJ", source = "a source that is long", tag = "estimate"'
DIGITAL = (
    f'summary = "d"\nkind = "cost-only"\ncaveats = ["none"]\n[energy]\nneuron_update = {{ value = 3, {NUMBER} }}\n'
)


def device(folder: Path, companion: str, more: str = "") -> Path:
    path = folder / "mine.toml"
    path.write_text(f'summary = "m"\nkind = "cost-only"\ncompanion = "{companion}"\n[energy]\n{more}', encoding="utf-8")
    return path


def test_by_name_and_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "digital.toml").write_text(DIGITAL, encoding="utf-8")
    for companion, picojoules in (("digital-45nm", 7.7), ("digital.toml", 3.0), ("./digital.toml", 3.0)):
        found = catalogue.load_device(device(tmp_path, companion))
        assert found.prices().energy_joules["neuron_update"].value == pytest.approx(picojoules * 1e-12)
        assert found.as_written()["companion"]["energy"]  # so that a run knows what it was priced with
        assert found.own_prices().energy_joules == {}


def test_what_adds_nothing_or_is_no_price_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'digital-45nm'"):
        catalogue.load_device(device(tmp_path, "digital-45mn"))
    with pytest.raises(BadInput, match=r"companion: ecram is of kind 'crossbar'; allowed: a profile of kind cost-only"):
        catalogue.load_device(device(tmp_path, "ecram"))
    (tmp_path / "digital.toml").write_text(DIGITAL, encoding="utf-8")
    own = f"neuron_idle = {{ value = 3, {NUMBER} }}\n"
    with pytest.raises(BadInput, match=r"companion: digital\.toml adds no price"):
        catalogue.load_device(device(tmp_path, "digital.toml", own))
    with pytest.raises(BadInput, match=r"no-file\.toml"):
        catalogue.load_device(device(tmp_path, "no-file.toml"))
