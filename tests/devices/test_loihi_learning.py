"""Loihi's learning engine: legality by the published rules, integers by hand, rounding by its mean."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.loihi.learning import Factor, Product, check_rule, ep_rule, parse_rule
from neuroep.hardware.loihi.traces import apply_rule, decayed_trace, lifted, spiked_trace, write_back
from neuroep.rng import stream


def ints(*values: int) -> np.ndarray:
    return np.asarray(values, dtype=np.int64)


def test_rules_are_read_as_sums_of_products() -> None:
    assert parse_rule("2^-3*u0*x1*(y3-64) - 3*2*x0*sgn(t)*-y2") == (
        Product(Fraction(1, 8), (Factor("u0"), Factor("x1"), Factor("y3", -64))),
        Product(Fraction(6), (Factor("x0"), Factor("t", sign=True), Factor("y2"))),
    )
    assert parse_rule("-(x0*x1 - y0*w)") == (
        Product(Fraction(-1), (Factor("x0"), Factor("x1"))),
        Product(Fraction(1), (Factor("y0"), Factor("w"))),
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("x0*x1/2", "division"), ("x0*x1//2", "division"), ("x0**2", "x0"), ("3^2*x0", "3"),
        ("x0*(y1+y2)", "y1 \\+ y2"),
        ("x0*", "can't be read"), ("", "can't be read"), ("x0*0.5", "0.5"), ("exp(x0)", "exp"), ("sgn(w, t)", "sgn"),
    ],
)  # fmt: skip
def test_what_is_no_sum_of_products_is_refused(rule: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_rule(rule)


def test_unknown_variables_get_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="y4"):
        parse_rule("x0*y4")


@pytest.mark.parametrize("gate", ["x0", "y0", "u0", "u9"])
def test_every_product_needs_a_gate(gate: str) -> None:
    assert check_rule(parse_rule(f"{gate}*x1*y1 - {gate}*w")).legal
    problems = check_rule(parse_rule(f"{gate}*x1*y1 - x1*w")).problems
    assert len(problems) == 1
    assert problems[0].startswith("product 2")
    assert not check_rule(parse_rule(f"({gate}+1)*x1*y1")).legal


@pytest.mark.parametrize(
    ("scale", "form"),
    [
        ("7", (7, 0)), ("-8", (-1, 3)), ("6", (3, 1)), ("9", None), ("2^-7", (1, -7)), ("2^-8", None),
        ("-7*2^9", (-7, 9)),
        ("2^11", (4, 9)), ("-2^12", (-8, 9)), ("2^12", None), ("3*2^-7", (3, -7)), ("12*2^-8", (3, -6)), ("0", (0, 0)),
    ],
)  # fmt: skip
def test_scales_need_a_mantissa_of_4_bits(scale: str, form: tuple[int, int] | None) -> None:
    (product,) = parse_rule(f"{scale}*x0*y1")
    assert product.split() == form
    assert check_rule((product,)).legal == (form is not None)


def test_constants_have_8_bits_and_signs_are_those_of_synapses() -> None:
    for good in ("(y1+127)", "(y1-128)", "sgn(w)", "sgn(d+3)", "sgn(t)"):
        assert check_rule(parse_rule(f"x0*{good}")).legal
    for bad in ("(y1+128)", "(y1-129)", "sgn(y3)"):
        assert len(check_rule(parse_rule(f"x0*{bad}")).problems) == 1


def test_widths_of_products() -> None:
    """x1, y1 and y3 have 7 bits, w 9 and the mantissa 4; the spike or epoch that gates has none."""
    widths = {
        "u0*x1*y1": (18, 3),
        "x0*y1": (11, 0),
        "u0*x1*y1*(y3-64)": (25, 10),
        "y0*w*x1": (20, 5),
        "x0*sgn(t)": (5, 0),
    }
    for rule, expected in widths.items():
        (product,) = parse_rule(rule)
        assert (product.bits, product.shift) == expected


@pytest.mark.parametrize(("form", "ungated"), [("modulated", ()), ("nudged", (0,)), ("free", (0,)), ("fast-slow", ())])
@pytest.mark.parametrize("exponent", [-7, 0, 9])
def test_every_form_of_ep_is_legal(form: str, ungated: tuple[int, ...], exponent: int) -> None:
    legality = check_rule(ep_rule(form, exponent, epoch=6))
    assert legality.legal
    assert legality.ungated == ungated


def test_the_textbook_product_is_neither_legal_nor_told_apart() -> None:
    legality = check_rule(parse_rule("x1*y1"))
    assert (legality.legal, legality.ungated) == (False, (0,))
    assert check_rule(parse_rule("u0*t*x1*y1")).ungated == ()
    assert check_rule(parse_rule("u0*(w-3)*x1*y1")).ungated == (0,)
    assert check_rule(parse_rule("u0*x1*y1 - 2*u0*x2*y2")).ungated == (0, 1)


def test_forms_of_ep_out_of_range_are_refused() -> None:
    with pytest.raises(UnknownName, match="modulated"):
        ep_rule("modulate")
    with pytest.raises(BadInput, match="exponent"):
        ep_rule("nudged", 10)
    with pytest.raises(BadInput, match="epoch"):
        ep_rule("fast-slow", 0, 10)


def test_one_epoch_by_hand() -> None:
    """100·90·7 = 63000 = 7875·8; the exponent comes after the shift by 3; a negative product rounds down."""
    values = {"u0": ints(1, 1, 0), "x1": ints(100, 1, 100), "y1": ints(90, 1, 90)}
    start = lifted(ints(2, 2, 2))
    assert apply_rule(parse_rule("7*u0*x1*y1"), values, start).tolist() == [256 + 7875, 256, 256]
    assert apply_rule(parse_rule("7*2^-2*u0*x1*y1"), values, start).tolist() == [256 + 1968, 256, 256]
    assert apply_rule(parse_rule("7*2^1*u0*x1*y1"), values, start).tolist() == [256 + 15750, 256, 256]
    assert apply_rule(parse_rule("-u0*x1*y1"), values, start).tolist() == [256 - 1125, 256 - 1, 256]


def test_the_accumulator_saturates_after_each_product() -> None:
    values = {"u0": ints(1), "x1": ints(127), "y1": ints(127)}
    both = parse_rule("7*2^9*u0*x1*y1 - u0*x1*y1")
    assert apply_rule(both, values, ints(0)).tolist() == [2**15 - 1 - 2017]  # -16129 / 8 rounds down to -2017
    assert apply_rule(parse_rule("-7*2^9*u0*x1*y1"), values, ints(-5)).tolist() == [-(2**15)]


def test_signs_and_constants_in_one_epoch() -> None:
    values = {"x0": ints(1, 1, 1, 0), "t": ints(-9, 0, 9, 9), "y3": ints(1, 64, 127, 127)}
    assert apply_rule(parse_rule("3*x0*sgn(t)"), values, ints(0, 0, 0, 0)).tolist() == [-3, 0, 3, 0]
    assert apply_rule(parse_rule("x0*(y3-64)"), values, ints(0, 0, 0, 0)).tolist() == [-63, 0, 63, 0]


def test_eps_contrast_is_the_difference_of_the_two_phases() -> None:
    """Each way of running EP gives 2^e (x⁺y⁺ − x⁰y⁰); each phase's shift rounds down, by less than 1."""
    rng = stream(3)
    free, nudged = rng.integers(0, 128, (2, 2, 400))
    contrast = nudged[0] * nudged[1] - free[0] * free[1]
    zero, on = np.zeros(400, dtype=np.int64), np.ones(400, dtype=np.int64)
    at = {"free": {"u0": on, "x1": free[0], "y1": free[1]}, "nudged": {"u0": on, "x1": nudged[0], "y1": nudged[1]}}
    swapped = sum(apply_rule(ep_rule(phase), at[phase], zero) for phase in ("free", "nudged"))
    lost = contrast / 2**3 - swapped
    assert lost.min() >= 0
    assert lost.max() < 2
    together = {"u6": on, "x1": nudged[0], "y1": nudged[1], "x2": free[0], "y2": free[1]}
    np.testing.assert_array_equal(apply_rule(ep_rule("fast-slow", 0, 6), together, zero), swapped)
    rule = ep_rule("modulated")
    modulated = sum(apply_rule(rule, at[phase] | {"y3": y3 * on}, zero) for phase, y3 in (("free", 1), ("nudged", 127)))
    lost = 63 * contrast / 2**10 - modulated
    assert lost.min() >= 0
    assert lost.max() < 2
    assert not apply_rule(rule, at["free"] | {"y3": 64 * on}, zero).any()


def test_illegal_rules_and_missing_values_are_not_applied() -> None:
    with pytest.raises(BadInput, match="x0, y0 or a u_k"):
        apply_rule(parse_rule("x1*y1"), {"x1": ints(1), "y1": ints(1)}, ints(0))
    with pytest.raises(BadInput, match="'y1'"):
        apply_rule(parse_rule("u0*x1*y1"), {"u0": ints(1), "x1": ints(1)}, ints(0))


@pytest.mark.parametrize(("value", "tau"), [(127, 10.0), (1, 2.0), (60, 1000.0)])
def test_traces_decay_without_bias(value: int, tau: float) -> None:
    after = decayed_trace(np.full(100_000, value, dtype=np.int64), tau, stream(1))
    mean = value * math.exp(-1 / tau)
    assert set(np.unique(after)) == {math.floor(mean), math.floor(mean) + 1}
    share = mean % 1
    assert abs(after.mean() - mean) < 5 * math.sqrt(share * (1 - share) / 100_000)


def test_impulses_add_their_fraction_on_average_and_stop_at_127() -> None:
    trace, spikes = np.full(100_000, 20, dtype=np.int64), np.arange(100_000) % 2 == 0
    after = spiked_trace(trace, spikes, 16.3, stream(2), fraction_bits=7)
    assert (after[~spikes] == 20).all()
    share = math.floor(0.3 * 128) / 128
    assert abs(after[spikes].mean() - 36 - share) < 5 * math.sqrt(share * (1 - share) / 50_000)
    assert (spiked_trace(np.full(9, 120, dtype=np.int64), np.ones(9, dtype=np.bool_), 7.5, stream(2)) == 127).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_write_back_is_unbiased(sign: int) -> None:
    """A change of 40/128 of a step moves a weight by one step with that probability, with either way to draw."""
    accumulator = lifted(np.full(100_000, 10, dtype=np.int64)) + sign * 40
    after = write_back(accumulator, "mixed", stream(4)) - 10
    assert set(np.unique(after)) == {0, sign}
    assert abs(after.mean() - sign * 40 / 128) < 5 * math.sqrt(0.3125 * 0.6875 / 100_000)
    rng = stream(5)
    shared = [write_back(accumulator[:3], "mixed", rng, "matrix") - 10 for _ in range(4000)]
    assert all(len(set(weights.tolist())) == 1 for weights in shared)
    assert abs(np.mean(shared) - sign * 40 / 128) < 5 * math.sqrt(0.3125 * 0.6875 / 4000)


@pytest.mark.parametrize(
    ("mode", "low", "high"), [("mixed", -256, 254), ("excitatory", 0, 255), ("inhibitory", -256, 0)]
)
def test_write_back_keeps_the_sign_modes_range(mode: str, low: int, high: int) -> None:
    assert write_back(ints(-(2**15), 2**15 - 1), mode, stream(6)).tolist() == [low, high]


def test_unchanged_weights_are_written_back_unchanged() -> None:
    codes = np.arange(-256, 255)
    np.testing.assert_array_equal(write_back(lifted(codes), "mixed", stream(7)), codes)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(BadInput, match="tau"):
        decayed_trace(ints(1), 0.0, stream(0))
    with pytest.raises(BadInput, match="impulse"):
        spiked_trace(ints(1), np.asarray([True]), 127.5, stream(0))
    with pytest.raises(BadInput, match="fraction_bits"):
        spiked_trace(ints(1), np.asarray([True]), 1.0, stream(0), 9)
    with pytest.raises(UnknownName, match="element"):
        write_back(ints(1), "mixed", stream(0), "row")
    with pytest.raises(UnknownName, match="mixed"):
        write_back(ints(1), "mixd", stream(0))


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint8, np.int64, list])
def test_short_integers_learn_like_long_ones(kind: type) -> None:
    values = [0, 5, 100, 127]
    short = values if kind is list else np.array(values, dtype=kind)
    assert lifted(short).tolist() == [v * 128 for v in values]
    rule = parse_rule("y0*x1*y1")
    start = ints(0, 0, 0, 0)
    wide = apply_rule(rule, {"y0": ints(1), "x1": ints(*values), "y1": ints(*values)}, start)
    assert apply_rule(rule, {"y0": [1], "x1": short, "y1": short}, start).tolist() == wide.tolist()
    assert spiked_trace(short, np.array([True] * 4), 100.0, stream(0)).tolist() == [min(v + 100, 127) for v in values]
