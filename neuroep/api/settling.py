"""`settle`: how a model settles in continuous time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroep import checks
from neuroep.api.given import Data, Hardware, Model, dataset_for, device_of, model_of
from neuroep.circuit import Circuit, unclocked
from neuroep.errors import BadInput
from neuroep.hardware.device import Device, refuse_unbounded
from neuroep.network import Network, initial_weights
from neuroep.report.settling_figure import course_figure
from neuroep.report.shown import Shown
from neuroep.report.summary import si
from neuroep.rng import noise_key, stream
from neuroep.solvers.controllers import FixedStep, PIController
from neuroep.solvers.course import PhaseSettled
from neuroep.solvers.motions import moving
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.solvers.stochastic import Thermal
from neuroep.solvers.tableaux import named
from neuroep.specs import DeviceSpec
from neuroep.studies.estimate import sample_batch
from neuroep.studies.relaxation import held_by
from neuroep.studies.rig import built
from neuroep.studies.settling import row, settle_phases

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RTOL, ATOL, SHARE = 1e-6, 1e-9, 0.1
"""Of adaptive solvers, and the step of the others as a share of the shortest time constant."""
TOLERANCE, STEPS = 1e-8, 100_000
"""On the velocity of a sample that has settled; most steps."""


@dataclass(frozen=True, repr=False, eq=False)
class Settling(Shown):
    """How a model settled.

    Attributes
    ----------
    model, device, inputs : str
        What settled on what, and which inputs.
    plan : ContinuousPlan
        Solver, steps and tolerance.
    circuit : Circuit
        The network as mounted.
    phases : list of PhaseSettled
        The free phase and, where β isn't 0, the nudged one: states, codes, times and the course of each sample.
    """

    model: str
    device: str
    inputs: str
    plan: ContinuousPlan
    circuit: Circuit
    phases: list[PhaseSettled]

    def headline(self) -> str:
        """Return how many samples of each phase settled, and when the last one did."""
        rows = [row(one) for one in self.phases]
        said = [f"{r['converged']} of {r['samples']} settled, the last at {si(r['seconds_max'], 's')}" for r in rows]
        phases = "; ".join(f"{one.phase} {text}" for one, text in zip(self.phases, said, strict=True))
        return f"{self.model} on {self.device}, {self.plan.solver.name}: {phases}"

    def records(self) -> list[dict[str, Any]]:
        """Return a row a phase."""
        return [row(one) for one in self.phases]

    def _figure(self) -> Figure:
        title = f"{self.model} on {self.device}: {self.plan.solver.name}, {self.plan.form.value} form"
        return course_figure(self.phases, self.circuit, title, self.plan.tolerance)


def settle(
    model: Model,
    device: Hardware = "ideal",
    *,
    data: Data = None,
    beta: float = 0.0,
    solver: str = "dopri5",
    feedback: float | None = None,
    form: str | None = None,
    step: float | None = None,
    tolerance: float | None = None,
    seconds: float | None = None,
    noise: float | None = None,
    samples: int = 8,
    seed: int = 0,
) -> Settling:
    """Settle a model's first weights in continuous time, freely and then nudged.

    Parameters
    ----------
    model : str, Path, spec, Network or torch module
        As for :func:`train`.
    device : str, Path, spec or device model
        What the weights are mounted on.
    data : str, Path, Dataset, arrays or loaders, optional
        As for :func:`estimate_cost`.
    beta : float
        Nudging of the second phase, above −1; without one there is no second phase.
    solver : str
        ``"dopri5"``, ``"euler"``, ... (:data:`neuroep.solvers.tableaux.SOLVERS`); spikes settle by ``neuroep settle``.
    feedback : float, optional
        γ in place of the model's.
    form : str, optional
        ``"membrane"`` (what is taken if left out) or ``"gradient"``.
    step : float, optional
        Seconds of a fixed step. Left out, adaptive solvers choose theirs, others take a tenth of the shortest τ.
    tolerance : float, optional
        On the velocity, 1e-8 if left out; stochastic solvers take none.
    seconds : float, optional
        When to stop, settled or not; stochastic solvers need it.
    noise : float, optional
        Thermal noise σ per √second, for stochastic solvers.
    samples : int
        Of the batch.
    seed : int
        Of weights, samples and noise.

    Returns
    -------
    Settling
        States, times and courses, which draw themselves in notebooks.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.

    Examples
    --------
    >>> found = neuroep.settle("xor", beta=0.1, samples=4)
    >>> [(row["phase"], row["converged"]) for row in found.records()]
    [('free', 4), ('nudged', 4)]
    """
    seed, beta = checks.seed(seed), checks.number(beta, "beta")
    if not beta > -1.0:
        raise BadInput(f"β = {beta}", "beta", "β > -1")
    count = checks.count(samples, "samples", noun="samples")
    spec, given = model_of(model), device_of(device)
    hardware = built(given)
    network = spec.network()
    network = network if feedback is None else replace(network, feedback=feedback)
    refuse_unbounded(network, hardware)
    weights = initial_weights(network, stream(seed, "weights"), np.float64)
    circuit = hardware.mount(network, weights, stream(seed, "mount", hardware.name)).circuit
    circuit = unclocked(circuit) if _held(given, hardware, network) else circuit
    thermal = None if noise is None else Thermal((checks.number(noise, "noise", 0.0),), noise_key(seed, "thermal"))
    plan = _plan(circuit, solver, form, step, tolerance, seconds, thermal)
    moving(circuit).check(circuit, np.full(1, beta), plan.solver.stochastic)  # before data are read
    where, batch = sample_batch(spec, network, count, seed, dataset_for(spec, data, seed))
    x, targets = batch.x.astype(np.float64), batch.targets.astype(np.float64)
    phases = settle_phases(circuit, x, targets, beta, plan, noise_key(seed, "read noise"))
    return Settling(spec.name, hardware.name, where, plan, circuit, phases)


def _held(given: DeviceSpec | Device, hardware: Device, network: Network) -> bool:
    """Whether a profile says how amplifiers hold its lines, so that it settles without clocked converters."""
    try:
        return isinstance(given, DeviceSpec) and bool(held_by(given, hardware, network))
    except BadInput:
        return False


def _plan(
    circuit: Circuit, solver: str, form: str | None, step: float | None, tolerance: float | None,
    seconds: float | None, thermal: Thermal | None,
) -> ContinuousPlan:  # fmt: skip
    asked, own = named(solver, "solver"), moving(circuit).form
    if asked.stochastic and seconds is None:
        raise BadInput("noise never comes to rest", "seconds", "the time at which to stop")
    if asked.stochastic and tolerance is not None:
        raise BadInput(f"a tolerance with {solver!r}: noise never comes to rest", "tolerance", "seconds alone")
    if own is not None and form is not None:
        raise BadInput("without effect in this network", "form", "left out")
    shortest = float(circuit.tau_seconds[1:].min())
    fixed = FixedStep(SHARE * shortest if step is None else checks.number(step, "step"))
    within = 0.0 if asked.stochastic else TOLERANCE if tolerance is None else checks.number(tolerance, "tolerance")
    return ContinuousPlan(
        asked,
        PIController(RTOL, ATOL) if asked.adaptive and step is None else fixed,
        within,
        STEPS,
        own or (Form.MEMBRANE if form is None else checks.choice(form, Form, "form")),
        np.inf if seconds is None else checks.number(seconds, "seconds"),
        thermal,
    )
