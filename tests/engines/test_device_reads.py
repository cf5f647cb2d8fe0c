"""Averaged, managed and tiled reads: engines agree, and each effect is what its formula says."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from problems import Problem, plan, problem, settle, settle_nudged

from neuroep.circuit import Circuit
from neuroep.engines import Engine, Keys, Nudge, create
from neuroep.engines.base import Plans
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.recipe import Order
from neuroep.rng import stream
from neuroep.weights import FloatArray

every_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])
#: As in test_agreement: some hundred roundings of the type.
CLOSE = {np.float32: 1e-6, np.float64: 1e-12}
SIZES = (9, 8, 6, 4)
CONVERTERS: list[dict[str, int]] = [{}, {"dac_bits": 5}, {"adc_bits": 6}, {"dac_bits": 5, "adc_bits": 6}]
READS: list[dict[str, int]] = [{}, {"changes": 1}, {"changes": 1, "adjoint": 1}]
TILES: list[dict[str, int]] = [{}, {"tile_rows": 4}, {"tile_columns": 3}, {"tile_rows": 5, "tile_columns": 3}]


def real(p: Problem, noisy: bool = False, **fields: Any) -> Circuit:
    """The problem's circuit with ranges, maybe noise of either direction, and the fields given."""
    c, dtype = p.circuit, p.x.dtype
    ranges = {"dac_bound": np.full_like(c.dac_bound, 2.0), "adc_bound": np.full_like(c.adc_bound, 3.0)}
    up, down = (np.linspace(*ends, len(c.sizes)).astype(dtype) for ends in ((0.02, 0.05), (0.06, 0.01)))
    noise = {"noise_up": up, "noise_down": down} if noisy else {}
    return c._replace(**(ranges | noise | fields))


def reading(engine: Engine, circuit: Circuit, x: FloatArray, key: int = 0, book: Ledger | None = None) -> FloatArray:
    """One upward read of coupling 1."""
    ledger = Ledger.empty(tuple(circuit.sizes.tolist())) if book is None else book
    with engine.session():
        return engine.drive(circuit, x, key, ledger, Phase.FREE).copy()


def stepped(x: FloatArray, bits: int, bound: float) -> FloatArray:
    """Nearest of 2^bits − 1 evenly spaced levels, found by looking at all of them."""
    levels = np.linspace(-bound, bound, 2**bits - 1)
    nearest: FloatArray = levels[np.abs(x[..., None] - levels).argmin(axis=-1)]
    return nearest


@every_type
@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
@pytest.mark.parametrize(("averaged", "managed"), [(1, 0), (3, 0), (1, 1), (3, 1)])
@pytest.mark.parametrize("reads", READS, ids=lambda reads: "-".join(reads) or "states")
def test_engines_agree(reads: dict[str, int], averaged: int, managed: int, cost: Cost, dtype: type) -> None:
    """All converters × noise × tiles: states, and every count."""
    p = problem(SIZES, Activation.TANH, Activation.LINEAR, cost, 0.5, batch=11, dtype=dtype)
    beta = np.repeat(np.array([0.3, -0.3], dtype=dtype), 11)
    targets, engines = np.tile(p.targets, (2, 1)), (create("cpu", 1), create("reference"))
    for converters, noisy, tiles in product(CONVERTERS, (False, True), TILES):
        circuit = real(p, noisy, averaged=averaged, managed=managed, **converters, **tiles, **reads)
        circuit = circuit._replace(down=(0.8 * circuit.up).astype(dtype))
        found, books = [], (Ledger.empty(SIZES), Ledger.empty(SIZES))
        for engine, book in zip(engines, books, strict=True):
            free = settle(engine, circuit, p.x, plan(3, 3), book, key=7)
            how = plan(3, 2, 0.0, Order.BACKWARD)
            nudged = settle_nudged(engine, circuit, free, targets, beta, how, book, key=8)
            found.append(np.concatenate([s.ravel() for s in (*nudged.states, *nudged.currents)]))
        apart = np.abs(found[0] - found[1]) > CLOSE[dtype] * np.abs(found[1]).max()
        # in single precision rounding may push a sum over the edge between two levels, and its sample elsewhere
        assert apart.mean() <= (0.05 if dtype is np.float32 and converters else 0.0)
        # and where changes are read, whether a line's has been rounded to nothing
        lit, rest = [Event.LIT_UP, Event.LIT_DOWN], [event for event in Event if not event.name.startswith("LIT")]
        np.testing.assert_array_equal(books[0].counts[:, rest], books[1].counts[:, rest])
        slack = 0.02 if reads or dtype is np.float32 else 0.0
        np.testing.assert_allclose(books[0].counts[:, lit], books[1].counts[:, lit], rtol=slack, atol=0)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("reads", READS, ids=lambda reads: "-".join(reads) or "states")
def test_phases_and_blocks(monkeypatch: pytest.MonkeyPatch, reads: dict[str, int], threads: int) -> None:
    """One call for all phases, in blocks of 4 on either number of threads, is the reference's three calls."""
    monkeypatch.setattr("neuroep.engines.cpu.engine.PARALLEL_WORK", 1)
    monkeypatch.setattr("neuroep.engines.cpu.engine.BLOCK", 4)
    p = problem(SIZES, feedback=0.5, batch=11)
    circuit = real(p, True, averaged=2, managed=1, tile_rows=5, tile_columns=3, dac_bits=6, adc_bits=7, **reads)
    nudge = Nudge(np.tile(p.targets, (2, 1)), np.repeat([0.3, -0.3], 11))
    outcomes = []
    for engine in (create("cpu", threads), create("reference")):
        book = Ledger.empty(SIZES)
        with engine.session():
            plans = Plans(plan(3, 3), plan(3, 2, 0.0, Order.BACKWARD))
            _, nudged = engine.phases(circuit, p.x, plans, nudge, Keys(1, 2, 3), book)
        outcomes.append((nudged.output.copy(), book.counts))
    np.testing.assert_allclose(outcomes[0][0], outcomes[1][0], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(outcomes[0][1], outcomes[1][1])


def test_up_and_down_have_noise_of_their_own(engine: Engine) -> None:
    """Noise downward alone leaves the drive and the first sweep exact; noise upward alone doesn't."""
    p = problem((5, 40, 3), batch=50)
    noise = np.array([0.0, 0.3, 0.3])
    exact = p.x @ p.weights.coupling(1)
    down, up = (p.circuit._replace(**{name: noise}) for name in ("noise_down", "noise_up"))
    np.testing.assert_allclose(reading(engine, down, p.x), exact, rtol=0, atol=1e-13)
    assert (reading(engine, up, p.x) - exact).std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * exact.size))
    first, second = (settle(engine, down, p.x, plan(2, n)).states[0] for n in (1, 2))
    ideal = settle(engine, p.circuit, p.x, plan(2, 1)).states[0]
    np.testing.assert_allclose(first, ideal, rtol=0, atol=1e-13)
    assert np.abs(second - settle(engine, p.circuit, p.x, plan(2, 2)).states[0]).max() > 0.05


@pytest.mark.parametrize("averaged", [1, 2, 5])
def test_the_variance_of_a_mean_falls_as_one_over_n(engine: Engine, averaged: int) -> None:
    """Variance of 40,000 normal numbers to five of its standard errors, √(2/N)."""
    p = problem((3, 100), batch=400)
    circuit = p.circuit._replace(noise_up=np.array([0.0, 0.25]), averaged=averaged)
    noise = reading(engine, circuit, p.x, key=3) - p.x @ p.weights.coupling(1)
    assert noise.var() * averaged == pytest.approx(0.25**2, rel=5 * np.sqrt(2 / noise.size))
    assert abs(noise.mean()) < 5 * 0.25 / np.sqrt(averaged * noise.size)


def test_averaging_dithers_away_the_steps_of_a_coarse_adc(engine: Engine) -> None:
    """Noise of a whole step decorrelates rounding: the mean of 400 is the sum to five standard errors."""
    p = problem((3, 20), batch=10)
    bound, bits, n = 10.0, 4, 400
    step = 2 * bound / (2**bits - 2)
    circuit = real(p, adc_bits=bits, adc_bound=np.full(2, bound), noise_up=np.full(2, step), averaged=n)
    error = reading(engine, circuit, p.x) - p.x @ p.weights.coupling(1)
    assert np.abs(error).max() < 5 * np.sqrt((step**2 + step**2 / 12) / n)


@every_type
@pytest.mark.parametrize("size", [1, 3, 4, 9, 20])
def test_tiles_without_noise_and_adc_are_the_whole_array(engine: Engine, size: int, dtype: type) -> None:
    p = problem((9, 7), batch=5, dtype=dtype)
    whole = reading(engine, real(p, dac_bits=6), p.x)
    tiled = reading(engine, real(p, dac_bits=6, tile_rows=size, averaged=2), p.x)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=CLOSE[dtype] * 10)


def test_each_tile_has_an_adc_of_its_own(engine: Engine) -> None:
    """Upward and downward, against partial products written out here."""
    p = problem((9, 7, 5), Activation.LINEAR, batch=6)
    circuit = real(p, adc_bits=6, adc_bound=np.array([0.0, 1.5, 1.0]), tile_rows=4, tile_columns=3)
    w1, w2 = p.weights.coupling(1), p.weights.coupling(2)
    parts = [p.x[:, a:b] @ w1[a:b] for a, b in ((0, 4), (4, 8), (8, 9))]
    drive = sum(stepped(part, 6, 1.5) for part in parts)
    np.testing.assert_allclose(reading(engine, circuit, p.x), drive, rtol=0, atol=1e-12)
    first = drive + p.weights.bias(1)
    output = sum(stepped(first[:, a:b] @ w2[a:b], 6, 1.0) for a, b in ((0, 4), (4, 7))) + p.weights.bias(2)
    back = sum(stepped(output[:, a:b] @ w2[:, a:b].T, 6, 1.0) for a, b in ((0, 3), (3, 5)))
    found = settle(engine, circuit, p.x, plan(2, 2)).states[0]
    np.testing.assert_allclose(found, drive + p.weights.bias(1) + back, rtol=0, atol=1e-12)


def test_the_noise_of_tiles_adds_up_to_that_of_the_whole(engine: Engine) -> None:
    """Tiles of m_i of n lines have √(m_i/n) σ each and independent noise: σ² together, to five standard errors."""
    p = problem((10, 100), batch=400)
    noise = reading(engine, real(p, noise_up=np.full(2, 0.25), tile_rows=4), p.x) - p.x @ p.weights.coupling(1)
    assert noise.var() == pytest.approx(0.25**2, rel=5 * np.sqrt(2 / noise.size))
    one = reading(engine, real(p, noise_up=np.full(2, 0.25)), p.x) - p.x @ p.weights.coupling(1)
    assert abs(np.corrcoef(noise[:, :50].ravel(), one[:, :50].ravel())[0, 1]) < 1.0 - 1e-3


def test_managed_lines_span_the_dac(engine: Engine) -> None:
    """aihwkit's ABS_MAX: x → a/bound · ADC(Wᵀ DAC(x · bound/a)), a the largest magnitude of the row."""
    p = problem((9, 7), batch=6)
    x = p.x * np.array([1e-3, 0.1, 1.0, 10.0, 1e3, 0.0])[:, None]
    circuit = real(p, dac_bits=5, adc_bits=6, managed=1, adc_bound=np.full(2, 2.5))
    a = np.abs(x).max(axis=1, keepdims=True)
    lines = stepped(x[:5] * (2.0 / a[:5]), 5, 2.0)
    expected = a[:5] / 2.0 * stepped(lines @ p.weights.coupling(1), 6, 2.5)
    found = reading(engine, circuit, x)
    np.testing.assert_allclose(found[:5], expected, rtol=1e-12, atol=0)
    assert not found[5].any()


def test_managed_noise_shrinks_with_the_row(engine: Engine) -> None:
    """Standard deviation σ a/bound, without any converter; rows of zeros read as exactly 0."""
    p = problem((4, 40_000), batch=3)
    p.x[:] = np.array([[0.5, -1.0, 0.2, 0.0], [0.01, 0.0, 0.004, -0.02], [0.0, 0.0, 0.0, 0.0]])
    noise = reading(engine, real(p, noise_up=np.full(2, 0.3), managed=1), p.x) - p.x @ p.weights.coupling(1)
    expected = 0.3 * np.array([1.0, 0.02]) / 2.0
    np.testing.assert_allclose(noise[:2].std(axis=1), expected, rtol=5 / np.sqrt(2 * 40_000))
    assert not noise[2].any()


@every_type
def test_management_keeps_divergence_and_the_smallest_rows(engine: Engine, dtype: type) -> None:
    p = problem((4, 6), batch=4, dtype=dtype)
    p.x[1, 2], p.x[2], p.x[3] = np.nan, np.nan, np.finfo(dtype).smallest_subnormal
    found = reading(engine, real(p, noisy=True, dac_bits=5, adc_bits=6, managed=1), p.x)
    assert np.isfinite(found[[0, 3]]).all()
    assert np.isnan(found[[1, 2]]).all()


def test_noise_of_averaged_tiles_belongs_to_the_row(engine: Engine) -> None:
    p, rows = problem((9, 7), batch=13), stream(2, "rows").permutation(13)[:5]
    p.x[:] = p.x[0]
    circuit = real(p, True, tile_rows=4, averaged=3)
    whole = reading(engine, circuit, p.x, key=5)
    np.testing.assert_allclose(reading(engine, circuit, p.x[:6], key=5), whole[:6], rtol=0, atol=1e-13)
    assert len(np.unique(whole[rows], axis=0)) == 5


def test_conversions_by_hand(engine: Engine) -> None:
    """6-5-3 in arrays of 4 × 2: coupling 1 is 2 × 3 arrays, coupling 2 is 2 × 2; everything is read twice.

    2 free sweeps of 5 samples: W_1 once, W_2 upward twice and downward once (the first is known to be zero).
    """
    p, book = problem((6, 5, 3), batch=5), Ledger.empty((6, 5, 3))
    circuit = real(p, True, dac_bits=6, adc_bits=6, tile_rows=4, tile_columns=2, averaged=2)
    settle(engine, circuit, p.x, plan(2, 2), book)
    assert book.counts[Phase.FREE, Event.READ_UP].tolist() == [0, 10, 20]
    assert book.counts[Phase.FREE, Event.READ_DOWN].tolist() == [0, 0, 10]
    # upward: lines × column tiles in, sums × row tiles out; downward the other way round; × 5 samples × 2 repeats
    events = book.events(Phase.FREE)
    assert events["dac"] == 10 * (6 * 3 + 2 * (5 * 2) + 3 * 2)
    assert events["adc"] == 10 * (5 * 2 + 2 * (3 * 2) + 5 * 2)
    assert events["synop"] == 10 * 30 + 30 * 15
    assert events["array_read"] == 40


def test_conversions_of_whole_arrays(engine: Engine) -> None:
    p, book = problem((6, 5, 3), batch=5), Ledger.empty((6, 5, 3))
    settle(engine, p.circuit, p.x, plan(2, 2), book)
    events = book.events(Phase.FREE)
    assert (events["dac"], events["adc"]) == (5 * (6 + 2 * 5 + 3), 5 * (5 + 2 * 3 + 5))
