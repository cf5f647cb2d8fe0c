"""How well EP's gradient agrees with backprop's and with finite differences of its own cost, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, reads_exactly
from neuroep.engines import Engine, Plan
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.hardware.device import Device, Ideal, effective_weights
from neuroep.learning.readings import ep_gradients
from neuroep.learning.trainer import Samples, free_outputs
from neuroep.ledger import Ledger, Phase
from neuroep.network import Network
from neuroep.physics import loop
from neuroep.physics.costs import cost
from neuroep.physics.known import PHYSICS
from neuroep.recipe import Phases, Reads, Recipe
from neuroep.report.fidelity_figure import fidelity_figure
from neuroep.report.shown import Shown
from neuroep.rng import stream
from neuroep.solvers.sweeps import layer_order
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.studies.diagnosis import Finding, diagnose
from neuroep.studies.figures import Case
from neuroep.studies.rig import Rig, recipe_for
from neuroep.weights import FloatArray, Weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Most sweeps, and the residual asked for, when gradients are compared.
SWEEPS = 2000
TOLERANCES = {"float32": 1e-6, "float64": 1e-12}
#: Nudging under which few units of the usual networks cross a kink.
SMALL_BETA = 0.001
#: Random directions a layer along which the cost is differenced, and the step.
DIRECTIONS = 8
STEP = 1e-5
#: Couplings that are differenced, the first and the last among them: each takes settlings of the whole network.
MOST_DIFFERENCED = 12


class Agreement(NamedTuple):
    """Agreement of one coupling's gradient with an oracle.

    Attributes
    ----------
    layer : int
        Coupling k = 1..L.
    cosine : float
        Of the two gradients (against finite differences: of their projections on random directions).
    relative_error : float
        ‖EP − oracle‖ / ‖oracle‖, likewise.
    against : str
        ``"backprop"`` or ``"finite-differences"``.
    """

    layer: int
    cosine: float
    relative_error: float
    against: str


@dataclass(frozen=True, repr=False, eq=False)
class Fidelity(Shown):
    """What :func:`check` found: the settings, how settling ended, the agreement layer by layer, and what may hinder it.

    There are no `findings` of a network that :mod:`neuroep.physics.loop` doesn't cover.
    """

    model: str
    device: str
    feedback: float
    beta: float
    settled: float
    reads: Reads
    rows: list[Agreement]
    findings: list[Finding]

    def headline(self) -> str:
        """Return the least cosine with each oracle, and which figures of the diagnosis aren't sound."""
        cosines = {row.against: min(r.cosine for r in self.rows if r.against == row.against) for row in self.rows}
        said = [f"least cosine with {oracle} {least:.4f}" for oracle, least in cosines.items()] or ["no gradient"]
        unsound = [finding.name for finding in self.findings if finding.advice is not None]
        verdict = [f"not sound: {', '.join(unsound)}" if unsound else "diagnosis sound"] if self.findings else []
        return f"{self.model} on {self.device}: {'; '.join([*said, f'{self.settled:.0%} settled', *verdict])}"

    def records(self) -> list[dict[str, Any]]:
        """Return a row for each coupling and oracle, then one for each figure of the diagnosis."""
        rows = [
            {"figure": f"gradient of coupling {row.layer}", "against": row.against, "cosine": row.cosine,
             "relative_error": row.relative_error} for row in self.rows
        ]  # fmt: skip
        return rows + [
            {"figure": one.name, "value": one.value, "limit": one.limit, "advice": one.advice} for one in self.findings
        ]

    def _figure(self) -> Figure | None:
        return fidelity_figure(f"{self.model} on {self.device}", self.rows) if self.rows else None


def check(
    model: ModelSpec,
    samples: Samples,
    device: DeviceSpec | Device | None = None,
    feedback: float | None = None,
    beta: float | None = None,
    precision: str = "float64",
    engine: str = "auto",
    seed: int = 0,
    off: tuple[str, ...] = (),
    reads: Reads | None = None,
    recipe: Recipe | None = None,
) -> Fidelity:
    """Compare gradients at random initial weights, settled to convergence.

    Parameters
    ----------
    model : ModelSpec
        Network and estimator.
    samples : Samples
        One batch.
    device : DeviceSpec or Device, optional
        Mount the weights on this hardware first, read as the recipe says; backprop then sees them as read, exactly.
    feedback, beta : float, optional
        γ and β in place of the model's.
    precision : str
        ``"float64"`` or ``"float32"``.
    engine : str
        Where to settle.
    seed : int
        Of weights, spread and directions.
    off : tuple of str
        Effects the device is freed of.
    reads : Reads, optional
        What drives the lines, in place of the recipe's.
    recipe : Recipe, optional
        In place of the model's own for the device.

    Returns
    -------
    Fidelity
        Against backprop, where the network has a feedforward limit, and, where reads are exact, against finite
        differences of the converged cost, of at most `MOST_DIFFERENCED` couplings; neither where a free phase diverges
        and there are `findings`.
    """
    if precision not in TOLERANCES:
        raise BadInput(f"precision {precision!r}", "--precision", ", ".join(TOLERANCES))
    network = model.network()
    network = network if feedback is None else replace(network, feedback=feedback)
    given: DeviceSpec | Device = Ideal() if device is None else device
    on = given.is_hardware if isinstance(given, DeviceSpec) else not isinstance(given, Ideal)
    if recipe is None:
        recipe = model.recipe() if device is None else recipe_for(model, device)
    programming = recipe.programming if reads is None else replace(recipe.programming, reads=reads)
    if reads is not None and not on:
        raise BadInput(f"reads of {reads.value} on exact weights", "--reads", "with a crossbar as --device")
    phases = replace(
        recipe.phases.swept(),
        beta=recipe.phases.beta if beta is None else beta,
        free_sweeps=SWEEPS,
        nudged_sweeps=SWEEPS,
        tolerance=TOLERANCES[precision],
    )
    asked = replace(recipe, programming=programming, phases=recipe.phases.swept())
    rig = Rig.of(network, asked, given, engine, seed=seed, off=off)
    circuit = rig.mount(rig.initial_weights(np.dtype(precision))).circuit
    x, wanted = samples.x.astype(precision), samples.targets.astype(precision)
    codes, known = _codes(rig.engine, circuit, x, phases), loop.covered(circuit) and not phases.estimator.is_continual
    rows: list[Agreement] = []
    diverges = known and bool((codes == ResultCode.DIVERGED).any())
    if not diverges:  # else there is no gradient, and the diagnosis says why
        found = ep_gradients(rig.engine, circuit, x, wanted, phases, seed)
        rows += _backprop(network, circuit, x, wanted, found) if PHYSICS[network.physics].feedforward else []
        if precision == "float64" and reads_exactly(circuit._replace(adjoint=0)):
            rows += _differences(rig.engine, circuit, x, wanted, phases, found, seed)
    findings: list[Finding] = []
    if known:
        used = replace(asked, phases=replace(asked.phases, beta=phases.beta))
        gains = tuple(coupling.gain for coupling in network.couplings)
        name = given.name if on else ""
        findings = diagnose(Case(circuit, x, wanted, used, phases, rig.engine, gains, name, seed), diverges)
    settled = float((codes == ResultCode.CONVERGED).mean())
    return Fidelity(model.name, given.name, network.feedback, phases.beta, settled, programming.reads, rows, findings)


def cosine(a: FloatArray, b: FloatArray) -> float:
    """Return the cosine of the angle between two arrays seen as vectors, in float64; NaN if one of them is zero."""
    u, v = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    norms = float(np.linalg.norm(u) * np.linalg.norm(v))
    return float(u @ v) / norms if norms else float("nan")


def _agreement(k: int, found: FloatArray, oracle: FloatArray, against: str) -> Agreement:
    size = float(np.linalg.norm(oracle.astype(np.float64)))
    off = float(np.linalg.norm(found.astype(np.float64) - oracle.astype(np.float64)))
    return Agreement(k, cosine(found, oracle), off / size if size else float("nan"), against)


def _backprop(network: Network, circuit: Circuit, x: FloatArray, wanted: FloatArray, found: Weights) -> list[Agreement]:
    from neuroep.bridges.torch_backprop import gradients

    oracle = gradients(network, effective_weights(circuit), x, wanted)
    return [_agreement(k, found.coupling(k), oracle.coupling(k), "backprop") for k in range(1, network.depth + 1)]


def _free_plan(phases: Phases, depth: int) -> Plan:
    return Plan(layer_order(phases.free_order, depth), phases.free_sweeps, phases.tolerance)


def _codes(engine: Engine, circuit: Circuit, x: FloatArray, phases: Phases) -> NDArray[np.int64]:
    ledger = Ledger.empty(tuple(int(n) for n in circuit.sizes))
    plan = _free_plan(phases, len(circuit.sizes) - 1)
    with engine.session():
        drive = engine.drive(circuit, x, 0, ledger, Phase.FREE)
        return engine.settle_free(circuit, drive, plan, 0, ledger, Phase.FREE).code.copy()


def _differences(
    engine: Engine, circuit: Circuit, x: FloatArray, wanted: FloatArray, phases: Phases, found: Weights, seed: int
) -> list[Agreement]:
    rng, rows = stream(seed, "directions"), []
    for k in np.unique(np.linspace(1, found.depth, min(found.depth, MOST_DIFFERENCED)).round().astype(int)).tolist():
        shape = found.coupling(k).shape
        directions = [rng.standard_normal(shape) for _ in range(DIRECTIONS)]
        slopes = np.array([slope(engine, circuit, x, wanted, phases, k, d) for d in directions])
        projected = np.array([float((found.coupling(k) * d).sum()) for d in directions])
        rows.append(_agreement(k, projected, slopes, "finite-differences"))
    return rows


def slope(
    engine: Engine, circuit: Circuit, x: FloatArray, wanted: FloatArray, phases: Phases, k: int, direction: FloatArray
) -> float:
    """Return the central difference of the converged mean cost along a direction of coupling k.

    Parameters
    ----------
    engine, circuit : Engine, Circuit
        Where and what to settle, without noise, in float64.
    x, wanted : ndarray, shapes (N, n_0) and (N, n_L)
        Inputs and targets.
    phases : Phases
        Says how the free phase settles.
    k : int
        Coupling 1..L.
    direction : ndarray, shape (n_{k−1}, n_k)
        Added, times a small step, to the coupling as read upward and as read downward alike, whether or not the two
        reads agree.
    """
    plan, costs = _free_plan(phases, len(circuit.sizes) - 1), []
    change = Weights.zeros([int(n) for n in circuit.sizes], circuit.up.dtype)
    change.coupling(k)[...] = STEP * direction
    for sign in (1.0, -1.0):
        up = circuit.up + sign * change.couplings
        down = up if circuit.down is circuit.up else circuit.down + sign * change.couplings
        with engine.session():
            outputs = free_outputs(engine, circuit._replace(up=up, down=down), x, plan, 0, Ledger.empty(change.sizes))
        costs.append(float(cost(circuit.cost, outputs, wanted).mean()))
    return (costs[0] - costs[1]) / (2.0 * STEP)
