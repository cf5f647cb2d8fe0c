"""Shipped profiles against published step models, arithmetic of their sources, and their list."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from neuroep.hardware.cells.step_presets import preset
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.specs import catalogue

PRESETS = ("ecram", "rram-es", "rram-sb", "rram-om", "rram-hfo2")


def crossbar(name: str) -> Crossbar:
    built = catalogue.load_device(name).build()
    assert isinstance(built, Crossbar)
    return built


@pytest.mark.parametrize("name", PRESETS)
def test_cells_are_the_published_fits(name: str) -> None:
    cell, published = crossbar(name).cell, preset(name).model
    assert type(cell) is type(published)
    # write noise is a product printed with six digits; everything else is the published number
    assert asdict(cell) == pytest.approx(asdict(published), rel=4e-6)


def test_brainscales_output_is_two_steps_of_its_converter() -> None:
    periphery = crossbar("brainscales2-mac").periphery
    step = 2.0 * periphery.adc_bound / (2**periphery.adc_bits - 2)
    product = 31 * 63 * 0.002  # full-scale input times full-scale weight, in steps: hxtorch's mock gain
    assert step == pytest.approx(1.0 / product, rel=1e-3)  # printed with four digits
    assert periphery.output_noise == pytest.approx(2.0 / product, rel=1e-3)


@pytest.mark.parametrize("name", ["rram-es", "rram-sb", "rram-om", "rram-hfo2"])
def test_reram_reads_are_the_joule_heat_of_two_cells(name: str) -> None:
    device = crossbar(name)
    mean = 0.5 * (device.g_min_siemens + device.g_max_siemens)
    assert catalogue.load_device(name).numbers["energy.effective_synop"].si("energy").value == pytest.approx(
        2 * 0.5**2 * mean * 10e-9, rel=1e-3
    )
