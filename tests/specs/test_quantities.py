"""Units against their definitions in the SI; bands; prices."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroep.errors import BadInput, UnknownName
from neuroep.ledger import Ledger, Phase
from neuroep.prices import PRICED_EVENTS, Prices
from neuroep.quantities import UNITS, Band, Quantity, units_of

SI_PREFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "": 1.0}
BASE = {
    "J": "energy",
    "s": "time",
    "S": "conductance",
    "V": "voltage",
    "F": "capacitance",
    "W": "power",
    "ohm": "resistance",
    "byte": "bytes",
    "m2": "area",
}
finite = st.floats(min_value=-1e30, max_value=1e30, allow_nan=False)


def quantity(value: float = 1.0, unit: str = "pJ", low: float | None = None, high: float | None = None) -> Quantity:
    return Quantity(value, unit, "a test", "estimate", low, high)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit not in ("1", "%", "bit")])
def test_every_unit_is_an_si_prefix_and_a_base_unit(unit: str) -> None:
    base = next(name for name in sorted(BASE, key=len, reverse=True) if unit.endswith(name))
    assert UNITS[unit].dimension == BASE[base]
    assert UNITS[unit].factor == pytest.approx(SI_PREFIX[unit.removesuffix(base)] ** (2 if base == "m2" else 1))


@given(value=finite, unit=st.sampled_from(sorted(UNITS)))
def test_units_round_trip(value: float, unit: str) -> None:
    dimension, factor = UNITS[unit]
    back = quantity(value, unit).si(dimension).value / factor
    assert math.isclose(back, value, rel_tol=1e-15, abs_tol=1e-300)


def test_per_cent_is_a_share_and_bits_count() -> None:
    assert quantity(3.7, "%").si("number").value == pytest.approx(0.037, rel=1e-15)
    assert quantity(8, "bit").si("bits") == Band(8, 8, 8)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_a_unit_of_another_dimension_is_refused(unit: str) -> None:
    for dimension in {known.dimension for known in UNITS.values()} - {UNITS[unit].dimension}:
        with pytest.raises(BadInput, match="measures") as error:
            quantity(1, unit).si(dimension, "here")
        assert str(error.value).startswith("here: ")
        assert all(name in str(error.value) for name in units_of(dimension))


def test_band_defaults_to_the_value_and_scales_with_the_unit() -> None:
    assert quantity(2.0, "nJ").si("energy") == Band(2e-9, 2e-9, 2e-9)
    assert quantity(2.0, "nJ", low=1.0).si("energy") == Band(2e-9, 1e-9, 2e-9)
    assert quantity(2.0, "nJ", high=5.0).si("energy") == Band(2e-9, 2e-9, 5e-9)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [(1.0, 2.0, None), (1.0, None, 0.5), (math.nan, None, None), (math.inf, None, None), (1.0, -math.inf, None)],
)
def test_bands_that_do_not_hold_the_value_are_refused(value: float, low: float | None, high: float | None) -> None:
    with pytest.raises(BadInput):
        quantity(value, "pJ", low, high)


@pytest.mark.parametrize("source", ["", "  ", "\n"])
def test_a_number_without_a_source_is_refused(source: str) -> None:
    with pytest.raises(BadInput, match="without a source"):
        Quantity(1.0, "pJ", source, "measured")


@pytest.mark.parametrize(("wrong", "right"), [("pj", "pJ"), ("µs", "us"), ("NS", "ns"), ("kΩ", "kohm")])
def test_an_unknown_unit_names_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(BadInput, match=f"did you mean '{right}'"):
        quantity(1.0, wrong)


def test_unknown_dimension() -> None:
    with pytest.raises(UnknownName, match="energy"):
        units_of("enrgy")


@given(a=st.tuples(*[st.floats(0, 1e6)] * 3), b=st.tuples(*[st.floats(0, 1e6)] * 3), factor=st.floats(0, 1e3))
def test_bands_add_and_scale_component_by_component(a: tuple[float, ...], b: tuple[float, ...], factor: float) -> None:
    x, y = Band(*a), Band(*b)
    expected = tuple(p + factor * q for p, q in zip(a, b, strict=True))
    assert x + factor * y == expected
    assert x + y * factor == expected
    assert sum([x, y * factor]) == tuple(p + factor * q for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("factor", [-1.0, math.nan, math.inf])
def test_bands_refuse_factors_that_would_turn_them_over(factor: float) -> None:
    with pytest.raises(BadInput):
        Band(2.0, 1.0, 3.0).scaled(factor)


def test_bands_do_not_add_to_anything_else() -> None:
    with pytest.raises(TypeError):
        Band.exact(1.0) + 2.0
    with pytest.raises(TypeError):
        Band.exact(1.0) * "2"


def test_priced_events_are_exactly_those_of_the_ledger() -> None:
    assert set(PRICED_EVENTS) == set(Ledger.empty((1, 1)).events(Phase.FREE))


def test_prices_refuse_unknown_events_and_negative_prices() -> None:
    with pytest.raises(UnknownName, match="did you mean 'synop'"):
        Prices({"synopp": Band.exact(1.0)}, {})
    with pytest.raises(BadInput, match=r"time_seconds\.adc"):
        Prices({}, {"adc": Band.exact(-1.0)})
    with pytest.raises(BadInput, match="static_watts"):
        Prices(static_watts=Band(1.0, 2.0, 3.0))


def test_prices_keep_their_own_read_only_tables() -> None:
    table = {"adc": Band.exact(1.0)}
    prices = Prices(table, {})
    table["dac"] = Band.exact(2.0)
    assert dict(prices.energy_joules) == {"adc": Band.exact(1.0)}
    with pytest.raises(TypeError):
        prices.energy_joules["dac"] = Band.exact(2.0)  # type: ignore[index]
