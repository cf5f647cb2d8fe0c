"""Thermal noise: the Ornstein–Uhlenbeck process, strong and weak order, and noise that is a function of its place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flows import linear_system, with_taus
from problems import Problem, problem
from scipy.linalg import expm, solve_continuous_lyapunov

from neuroep.engines.cpu import ode
from neuroep.errors import BadInput
from neuroep.network import Activation
from neuroep.rng import counter_normal, noise_key
from neuroep.solvers import integrate
from neuroep.solvers.controllers import FixedStep
from neuroep.solvers.integrate import settle_continuous
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.solvers.stochastic import Thermal, increments
from neuroep.solvers.tableaux import named
from neuroep.weights import FloatArray

BOTH = pytest.mark.parametrize("name", ["euler-maruyama", "stochastic-heun"])
ENGINES = {"reference": integrate.settle_continuous, "compiled": ode.settle_continuous}
every_engine = pytest.mark.parametrize("settle", list(ENGINES.values()), ids=list(ENGINES))
TAU, SIGMA = 1e-3, 5.0


def leak(units: int, batch: int) -> Problem:
    """Units with nothing but a leak."""
    p = problem((1, units), Activation.LINEAR, batch=batch)
    p.weights.couplings[:] = 0.0
    p.weights.biases[:] = 0.0
    return p


def run(
    p: Problem, name: str, h: float, end: float, times: list[float] | None = None, sigma: float = SIGMA, seed: int = 3
) -> FloatArray:
    plan = ContinuousPlan(
        named(name), FixedStep(h), 0.0, 10**6, Form.MEMBRANE, end, Thermal((sigma,), noise_key(seed, "thermal"))
    )
    found = settle_continuous(p.circuit, p.x, p.targets, np.zeros(len(p.x)), plan, times=times)
    return found.variables if found.trajectory is None else found.trajectory.variables


@BOTH
@pytest.mark.parametrize("z", [0.02, 0.5])
def test_stationary_variance(name: str, z: float) -> None:
    """σ²τ/2 in the limit of small steps, and at step h = zτ the fixed point of var ← R(z)² var + Q(z)² σ²h."""
    p = leak(400, 20)
    found = run(p, name, z * TAU, 8.0 * TAU)
    growth = 1.0 - z if name == "euler-maruyama" else 1.0 - z + z * z / 2
    kick = 1.0 if name == "euler-maruyama" else 1.0 - z / 2
    exact = (kick * SIGMA) ** 2 * z * TAU / (1.0 - growth**2)
    error = exact * np.sqrt(2.0 / found.size)
    assert found.var() == pytest.approx(exact, abs=4.0 * error)
    assert found.mean() == pytest.approx(0.0, abs=4.0 * np.sqrt(exact / found.size))
    if z == 0.02:
        assert exact == pytest.approx(SIGMA**2 * TAU / 2, rel=0.011)


@BOTH
def test_autocorrelation(name: str) -> None:
    """e^{−t/τ}."""
    found = run(leak(400, 20), name, 0.02 * TAU, 10.0 * TAU, [8.0 * TAU, 8.5 * TAU, 10.0 * TAU])
    first, later = found[0].ravel(), found[1:].reshape(2, -1)
    for lag, other in zip((0.5, 2.0), later, strict=True):
        correlation = np.corrcoef(first, other)[0, 1]
        assert correlation == pytest.approx(np.exp(-lag), abs=4.0 / np.sqrt(first.size) + 0.01)


def coarse(parts: int) -> Callable[..., FloatArray]:
    """Increments that are sums of `parts` finer ones, so that every step size sees the same Brownian path."""

    def summed(
        key: int, sigma: FloatArray, rows: FloatArray, step: int, seconds: FloatArray, dtype: type
    ) -> FloatArray:
        fine = [increments(key, sigma, rows, step * parts + i, seconds / parts, dtype) for i in range(parts)]
        total: FloatArray = np.sum(fine, axis=0)
        return total

    return summed


def weakly_coupled() -> Problem:
    return problem((6, 5, 4, 3), Activation.LINEAR, feedback=0.6, batch=40)


@BOTH
def test_strong_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order 1 on single paths, against the same path solved 32 times finer; noise that doesn't depend on the state."""
    p, end, finest = weakly_coupled(), 2e-3, 1024
    counts, errors = [8, 16, 32], []
    paths = []
    for n in [*counts, finest]:
        monkeypatch.setattr(integrate, "increments", coarse(finest // n))
        paths.append(run(p, name, end / n, end))
    errors = [float(np.sqrt(((path - paths[-1]) ** 2).mean())) for path in paths[:-1]]
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.15)


def one_step(name: str, h: float, monkeypatch: pytest.MonkeyPatch) -> tuple[FloatArray, FloatArray]:
    """The linear map of one step, y₁ = R y + Q ΔB, read off the solver with unit states and unit increments."""
    p = problem((6, 5, 4, 3), Activation.LINEAR, feedback=0.6, batch=12)
    p.weights.biases[:] = 0.0
    unit, plan = np.eye(12), ContinuousPlan(
        named(name), FixedStep(h), 0.0, 1, Form.MEMBRANE, np.inf, Thermal((1.0,), 0)
    )  # fmt: skip
    parts = np.split(unit, [5, 9], axis=1)
    still = [np.zeros_like(part) for part in parts]
    maps = []
    for start, noise in ((parts, 0.0 * unit), (still, unit)):
        monkeypatch.setattr(integrate, "increments", lambda *_, noise=noise: noise)
        found = settle_continuous(with_taus(p), 0.0 * p.x, p.targets, np.zeros(12), plan, start=start)
        maps.append(found.variables.T)
    return maps[0], maps[1]


@pytest.mark.parametrize(("name", "order"), [("euler-maruyama", 1), ("stochastic-heun", 2)])
def test_weak_order(name: str, order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mean and covariance at 2 ms, without sampling: of a linear map both are exact."""
    p, end, counts = problem((6, 5, 4, 3), Activation.LINEAR, feedback=0.6, batch=12), 2e-3, [40, 80, 160]
    p.weights.biases[:] = 0.0
    a = linear_system(p, with_taus(p), 0.0)[0]
    flow, rest = expm(a * end), solve_continuous_lyapunov(a, -np.eye(12))
    mean_errors, errors = [], []
    for n in counts:
        r, q = one_step(name, end / n, monkeypatch)
        spread = np.zeros((12, 12))
        for _ in range(n):
            spread = r @ spread @ r.T + q @ q.T * (end / n)
        errors.append(float(np.linalg.norm(spread - (rest - flow @ rest @ flow.T))))
        mean_errors.append(float(np.linalg.norm(np.linalg.matrix_power(r, n) - flow)))
    for found in (errors, mean_errors):
        assert -np.polyfit(np.log(counts), np.log(found), 1)[0] == pytest.approx(order, abs=0.1)


@BOTH
@every_engine
def test_noise_doesn_t_depend_on_how_a_batch_is_split(name: str, settle: Callable[..., integrate.Settled]) -> None:
    p = problem((6, 5, 4, 3), Activation.TANH, feedback=0.6, batch=7)
    circuit = p.circuit._replace(noise_up=np.array([0.0, 0.1, 0.2, 0.1]), noise_down=np.array([0.0, 0.1, 0.2, 0.1]))
    thermal = Thermal((3.0, 2.0, 1.0), noise_key(1, "thermal"))
    plan = ContinuousPlan(named(name), FixedStep(1e-4), 0.0, 40, thermal=thermal)
    whole = settle(circuit, p.x, p.targets, np.zeros(7), plan, noise_key=5).variables
    parts = [
        settle(circuit, p.x[a:b], p.targets[a:b], np.zeros(b - a), plan, noise_key=5, first_row=a).variables
        for a, b in ((0, 3), (3, 4), (4, 7))
    ]
    np.testing.assert_allclose(np.vstack(parts), whole, rtol=0, atol=1e-12)
    assert np.unique(whole).size == whole.size


def test_noise_doesn_t_depend_on_blocks_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem((6, 5, 4, 3), Activation.TANH, feedback=0.6, batch=7)
    plan = ContinuousPlan(named("stochastic-heun"), FixedStep(1e-4), 0.0, 40, thermal=Thermal((3.0,), 9))
    whole = ode.settle_continuous(p.circuit, p.x, p.targets, np.zeros(7), plan).variables
    monkeypatch.setattr(ode, "BLOCK", 2)
    for threads in (1, 2):
        split = ode.settle_continuous(p.circuit, p.x, p.targets, np.zeros(7), plan, threads=threads).variables
        np.testing.assert_allclose(split, whole, rtol=0, atol=1e-12)


def test_increments_are_counter_noise() -> None:
    sigma, rows, seconds = np.array([1.0, 2.0, 0.0]), np.array([4, 9]), np.array([0.25, 4.0])
    found = increments(17, sigma, rows, 3, seconds, np.float64)
    normal = counter_normal(17, rows, 3, 3)
    np.testing.assert_allclose(found, normal * sigma * np.array([[0.5], [2.0]]), rtol=1e-15)


def test_read_noise_acts_as_its_closed_form_says() -> None:
    """Noise σ on the input of a leaky unit, drawn anew each step: variance σ² z²/(1 − (1 − z)²) = σ² z/(2 − z)."""
    p = problem((1, 1, 8000), Activation.LINEAR, batch=1)
    p.weights.couplings[:] = 0.0
    p.weights.biases[:] = 0.0
    circuit = p.circuit._replace(noise_up=np.array([0.0, 0.0, 0.3]), noise_down=np.array([0.0, 0.0, 0.3]))
    z = 0.2
    plan = ContinuousPlan(named("euler-maruyama"), FixedStep(z * TAU), 0.0, 60)
    found = settle_continuous(circuit, p.x, p.targets, np.zeros(1), plan, noise_key=2).equilibrium.states[1]
    exact = 0.09 * z / (2.0 - z)
    assert found.var() == pytest.approx(exact, abs=4.0 * exact * np.sqrt(2.0 / 8000))


def test_noise_that_makes_no_sense() -> None:
    with pytest.raises(BadInput, match="noise of"):
        Thermal((-1.0,), 0)
    with pytest.raises(BadInput, match="thermal noise with 'rk4'"):
        ContinuousPlan(named("rk4"), FixedStep(1.0), 0.0, 1, thermal=Thermal((1.0,), 0))
    p = weakly_coupled()
    plan = ContinuousPlan(named("euler-maruyama"), FixedStep(1e-4), 0.0, 1, thermal=Thermal((1.0, 1.0), 0))
    with pytest.raises(BadInput, match="2 noise levels for 3 layers"):
        settle_continuous(p.circuit, p.x, p.targets, np.zeros(40), plan)
