"""Training by integrating the differential equation: block sweeps' equilibria, the reference engine's numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from calling import call
from numpy.typing import NDArray
from problems import problem

import neuroep
from neuroep.engines import Courses, Engine, create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.methods.phases import plans, settle_phases, step_keys
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, chain
from neuroep.recipe import Estimator, Form, Phases, Recipe, Training
from neuroep.solvers.problems import Flow
from neuroep.solvers.tableaux import SOLVERS
from neuroep.studies.rig import Rig
from neuroep.weights import FloatArray

KINDS = [
    (Activation.TANH, Activation.LINEAR, Cost.MSE),
    (Activation.HARD_SIGMOID, Activation.HARD_SIGMOID, Cost.MSE),
    (Activation.TANH, Activation.LINEAR, Cost.CROSS_ENTROPY),
    (Activation.RELU6, Activation.LINEAR, Cost.SQUARED_HINGE),
]
CLOSE: dict[str, Any] = {"free_sweeps": 20_000, "nudged_sweeps": 20_000, "tolerance": 1e-11}
WAYS: list[dict[str, Any]] = [
    {"solver": "dopri5", "rtol": 1e-9, "atol": 1e-12},
    {"solver": "bosh3", "step_seconds": 2e-4, "form": Form.GRADIENT},
    {"solver": "exponential-euler", "step_seconds": 1e-3},
    {"solver": "rk4", "step_seconds": 5e-4},
]
MODEL = """
summary = "a test"
data = "xor"
layers = [{{ size = 2 }}, {{ size = 8, activation = "tanh" }}, {{ size = 2, activation = "linear" }}]
[phases]
beta = 0.2
free_sweeps = 50
nudged_sweeps = 50
{phases}
[training]
epochs = 2
batch_size = 4
learning_rates = [0.1]
{more}
"""
DOPRI5 = 'solver = "dopri5"'


def both(engine: Engine, kind: int, way: dict[str, Any], ledger: Ledger | None = None, seed: int = 3) -> Any:
    """Free and nudged equilibria of a problem, settled in continuous time."""
    hidden, output, cost = KINDS[kind]
    p = problem((6, 7, 5, 3), hidden, output, cost, feedback=0.7)
    phases = Phases(beta=0.2, **(CLOSE | way))
    how = plans(phases, 3)
    nudges = scheme(phases.estimator, phases.beta, len(p.x), dtype=p.x.dtype)
    keys = step_keys(p.circuit, how.free, seed, "step")
    book = Ledger.empty(p.sizes) if ledger is None else ledger
    with engine.session():
        return settle_phases(engine, p.circuit, p.x, p.targets, how, nudges, keys, book)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way["solver"])
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_gradients_are_those_of_sweeps(engine: Engine, kind: int, way: dict[str, Any]) -> None:
    """Both forms share the energy's fixed points with block sweeps."""
    hidden, output, cost = KINDS[kind]
    p = problem((6, 7, 5, 3), hidden, output, cost, feedback=0.7)
    swept = ep_gradients(engine, p.circuit, p.x, p.targets, Phases(beta=0.2, **(CLOSE | {"tolerance": 1e-13})))
    found = ep_gradients(engine, p.circuit, p.x, p.targets, Phases(beta=0.2, **(CLOSE | way)))
    np.testing.assert_allclose(found.couplings, swept.couplings, rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(found.biases, swept.biases, rtol=0.0, atol=1e-8)


@pytest.mark.parametrize("way", [*WAYS, {"solver": "euler-maruyama", "step_seconds": 1e-4, "noise": 2.0}])
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_engines_agree_unsettled_too(kind: int, way: dict[str, Any]) -> None:
    """Three time constants of either phase: neither has settled, and the nudged one goes on from the free one's u.

    Where steps are chosen, by errors of 1e-9, rounding may choose others.
    """
    fixed = "step_seconds" in way
    stopped = {"free_seconds": 3e-3, "nudged_seconds": 2e-3, "tolerance": 0.0}
    ledgers = [Ledger.empty((6, 7, 5, 3)) for _ in range(2)]
    found = [
        both(create(name, threads), kind, way | stopped, ledger)
        for (name, threads), ledger in zip((("reference", None), ("cpu", 2)), ledgers, strict=True)
    ]
    for reference, cpu in zip(*found, strict=True):
        for a, b in zip(reference.states, cpu.states, strict=True):
            np.testing.assert_allclose(a, b, rtol=0.0, atol=1e-11 if fixed else 1e-8)
        np.testing.assert_allclose(reference.variables, cpu.variables, rtol=0.0, atol=1e-10 if fixed else 1e-7)
        np.testing.assert_array_equal(reference.code, np.full(len(reference.code), ResultCode.STEP_LIMIT))
    if fixed:
        np.testing.assert_array_equal(ledgers[0].counts, ledgers[1].counts)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_nudged_phase_goes_on_where_the_free_one_stopped(engine: Engine, kind: int) -> None:
    """A millionth of a time constant later every copy's u is still the free phase's, clipped units' too."""
    way = {"solver": "rk4", "step_seconds": 5e-4, "tolerance": 0.0, "free_seconds": 2e-3, "nudged_seconds": 1e-9}
    free, nudged = both(engine, kind, way)
    assert np.abs(free.variables).max() > 0.05
    np.testing.assert_allclose(nudged.variables, np.tile(free.variables, (2, 1)), rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way["solver"])
@pytest.mark.parametrize("kind", [0, 2])
def test_the_ledger_counts_what_was_evaluated(monkeypatch: pytest.MonkeyPatch, kind: int, way: dict[str, Any]) -> None:
    """Rows whose velocity was worked out; each reads every coupling above the input upward, and downward where fed."""
    rows: list[tuple[bool, int]] = []
    plain = Flow.velocity

    def counted(flow: Flow, y: FloatArray, which: NDArray[np.intp], evaluation: int = 0) -> FloatArray:
        rows.append((bool(flow.beta.any()), len(which)))
        return plain(flow, y, which, evaluation)

    monkeypatch.setattr(Flow, "velocity", counted)
    ledger = Ledger.empty((6, 7, 5, 3))
    both(create("reference"), kind, way | {"tolerance": 1e-6}, ledger)
    readout = KINDS[kind][2] is Cost.CROSS_ENTROPY
    for phase, nudged, batch in ((Phase.FREE, False, 4), (Phase.NUDGED, True, 8)):
        total = sum(count for was, count in rows if was is nudged)
        counts = ledger.counts[phase]
        assert counts[Event.SWEEP, 0] == total
        assert counts[Event.SAMPLE, 0] == batch
        last = 2 if readout else 3
        assert counts[Event.NEURON, 1:].tolist() == [total] * last + [0] * (3 - last)
        fed = [k for k in (2, 3) if k <= last or nudged]
        assert counts[Event.READ_UP, 2:].tolist() == [batch + (total if k in fed else 0) for k in (2, 3)]
        assert counts[Event.READ_DOWN, 2:].tolist() == [total if k in fed else 0 for k in (2, 3)]


def test_thermal_noise_is_a_seed_s_own_whatever_the_threads() -> None:
    way = {"solver": "euler-maruyama", "step_seconds": 1e-4, "noise": 2.0, "tolerance": 0.0,
           "free_seconds": 2e-3, "nudged_seconds": 1e-3}  # fmt: skip
    one, same, other = (both(create("cpu", n), 0, way, seed=s)[1].states[0].copy() for n, s in ((1, 3), (2, 3), (1, 4)))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_copies_and_phases_draw_noise_of_their_own() -> None:
    """Stationary spread of a leaky unit, σ√(τ/2), about the free equilibrium: independent in the two nudged copies."""
    sigma, seconds = 3.0, 5e-3
    p = problem((2, 400, 2), Activation.LINEAR, gain=1e-9, batch=8)
    phases = Phases(beta=1e-6, solver="euler-maruyama", step_seconds=2e-5, noise=sigma, free_sweeps=10_000,
                    nudged_sweeps=10_000, free_seconds=seconds, nudged_seconds=seconds)  # fmt: skip
    how, engine = plans(phases, 2), create("cpu", 1)
    nudges = scheme(phases.estimator, phases.beta, 8, dtype=p.x.dtype)
    free, nudged = settle_phases(
        engine, p.circuit, p.x, p.targets, how, nudges, step_keys(p.circuit, how.free, 0, "step"), Ledger.empty(p.sizes)
    )
    rest = p.circuit.biases[:400]
    parts = [free.states[0] - rest, *(part - rest for part in np.split(nudged.states[0], 2))]
    expected = sigma * np.sqrt(1e-3 / 2.0)
    for part in parts:  # 3200 numbers: a standard deviation is known to 1.25 %
        assert np.std(part) == pytest.approx(expected, rel=0.05)
    correlations = np.corrcoef([part.ravel() for part in parts])
    assert abs(correlations[1, 2]) < 0.08
    assert abs(correlations[0, 1] - np.exp(-seconds / 1e-3)) < 0.08


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"solver": "dopri6"}, "did you mean 'dopri5'"),
        ({"solver": "sweep"}, "did you mean 'sweeps'"),
        ({"solver": "rk4"}, "phases.step_seconds: no error estimate in 'rk4', and no step"),
        ({"solver": "dopri5", "step_seconds": 1e-3, "rtol": 1e-4}, "phases.rtol: without effect with a fixed step"),
        ({"solver": "dopri5", "noise": 0.1}, "thermal noise with 'dopri5'"),
        ({"solver": "euler-maruyama", "step_seconds": 1e-4}, "noise never comes to rest"),
        ({"solver": "dopri5", "nudged_order": "backward"}, None),
        ({"solver": "dopri5", "free_order": "backward"}, "phases.free_order: without effect with solver 'dopri5'"),
        ({"step_seconds": 1e-3}, "left out, or solver other than 'sweeps'"),
        ({"noise": 0.1}, "phases.noise: without effect with solver 'sweeps'"),
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, Any], said: str | None) -> None:
    rig = Rig.of(chain((2, 4, 2)), Recipe(Phases(**given)))
    if said is None:
        rig.check()
        return
    with pytest.raises(BadInput) as caught:
        rig.check()
    assert said in str(caught.value)


@pytest.mark.parametrize("given", [{"scaled": True}, {"estimator": Estimator.HOLOMORPHIC}, {"step_seconds": 0.0}])
def test_phases_that_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Phases(solver="dopri5", **given)


def test_clocked_hardware_has_no_flow() -> None:
    recipe = Recipe(Phases(solver="dopri5"))
    Rig.of(chain((2, 4, 2)), recipe, "loihi1").check()
    with pytest.raises(BadInput, match="on ecram: circuit: converters, averaged and adjoint reads are clocked"):
        Rig.of(chain((2, 4, 2)), recipe, "ecram").check()


@pytest.mark.parametrize("command", ["run", "cost", "check", "ablate", "life"])
def test_every_command(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text(MODEL.format(phases=DOPRI5, more=""), encoding="utf-8")
    extra = dict.fromkeys(("run", "ablate", "life"), ("--epochs", "1", "--out"))
    given = extra.get(command, ())
    found = call(command, "m.toml", "--device", "loihi1", "--json", *given, *(["one"] if given else []))
    assert found.status == 0, found.err
    if command == "cost":
        assert found.json["rows"][0]["memory"]["ep"] is None
        assert found.json["rows"][0]["events"]["free"]["sweep"] > 0
    refused = call(command, "m.toml", "--device", "ecram", "--json", *given, *(["other"] if given else []))
    if command != "check":  # which settles by sweeps: the gradient is of the equilibrium, however that is reached
        assert (refused.status, refused.out) == (2, "")
        assert "no flow in continuous time" in refused.err
        assert not Path("other").exists()


def test_a_device_can_go_back_to_sweeps(tmp_path: Path) -> None:
    """What only continuous time reads isn't inherited, and a wrong name is refused with the file's place."""
    more = '[on.ecram.phases]\nsolver = "sweeps"\n'
    path = tmp_path / "m.toml"
    path.write_text(MODEL.format(phases=DOPRI5 + "\nrtol = 0.01", more=more), encoding="utf-8")
    model = neuroep.load_model(path)
    assert model.recipe().phases.rtol == 0.01
    assert model.recipe(neuroep.load_device("ecram")).phases == Phases(beta=0.2, free_sweeps=50, nudged_sweeps=50)
    path.write_text(MODEL.format(phases='solver = "dopry5"', more=""), encoding="utf-8")
    with pytest.raises(BadInput, match=r"m\.toml: phases\.solver: .*did you mean 'dopri5'"):
        neuroep.load_model(path)


def test_trainings_reach_what_sweeps_reach() -> None:
    """Settled phases are the same phases: weights after an epoch agree to the tolerance."""
    recipe = Recipe(Phases(free_sweeps=300, nudged_sweeps=300, tolerance=1e-5), Training(epochs=1, batch_size=16))
    network = neuroep.load_model("digits-mlp").network()
    swept = neuroep.train(network=network, recipe=recipe, data="digits")
    flowing = replace(recipe, phases=replace(recipe.phases, solver="exponential-euler", step_seconds=2e-3))
    found = neuroep.train(network=network, recipe=flowing, data="digits")
    np.testing.assert_allclose(found.weights.couplings, swept.weights.couplings, rtol=0.0, atol=2e-3)
    assert abs(found.test_accuracy - swept.test_accuracy) < 0.02


def test_a_solver_of_ones_own_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name and a tableau: here Ralston's."""
    heun = SOLVERS["heun"]
    a = np.array([[0.0, 0.0], [2.0 / 3.0, 0.0]])
    ralston = replace(heun, name="ralston", a=a, b=np.array([0.25, 0.75]), c=np.array([0.0, 2.0 / 3.0]))
    monkeypatch.setitem(cast(Any, SOLVERS), "ralston", ralston)
    given = Phases(solver="ralston", step_seconds=5e-4, free_sweeps=100, nudged_sweeps=100, tolerance=1e-4)
    found = neuroep.train("xor", recipe=Recipe(given, Training(epochs=2, batch_size=4)), epochs=2)
    assert isinstance(plans(given, 2), Courses)
    assert np.isfinite(found.weights.couplings).all()
