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
from neuroep.network import Network
from neuroep.report.settling_figure import course_figure
from neuroep.report.shown import Shown
from neuroep.report.summary import si
from neuroep.rng import noise_key
from neuroep.solvers.course import PhaseSettled
from neuroep.solvers.motions import moving
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.specs import DeviceSpec
from neuroep.studies.estimate import sample_batch
from neuroep.studies.python_words import in_python
from neuroep.studies.relaxation import held_by
from neuroep.studies.rig import built
from neuroep.studies.settling import row, settle_phases
from neuroep.studies.settling_plan import Asked, first_mounted, plan_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


@in_python
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
    data : str, Path, Dataset, arrays, frame or loaders, optional
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
    circuit = first_mounted(network, hardware, seed).circuit
    circuit = unclocked(circuit) if _held(given, hardware, network) else circuit
    plan = plan_of(
        circuit,
        Asked(
            solver,
            None if form is None else checks.choice(form, Form, "form"),
            step=None if step is None else checks.number(step, "step"),
            tolerance=None if tolerance is None else checks.number(tolerance, "tolerance"),
            seconds=None if seconds is None else checks.number(seconds, "seconds"),
            noise=None if noise is None else checks.number(noise, "noise", 0.0),
            seed=seed,
        ),
    )
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
