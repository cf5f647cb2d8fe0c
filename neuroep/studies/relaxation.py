"""Settling as physics: what a network that relaxes as one analog circuit dissipates on its way.

A batch is integrated in continuous time, freely and nudged, and the power of the circuit along with it, from every step
of the solver's own trajectory (:mod:`neuroep.cost.relaxation`). A sample that has converged stops costing. This stands
beside the clocked reads that a ledger counts, and is never added to them: a chip settles one way or the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroep.circuit import unclocked
from neuroep.cost.relaxation import Held, Units, product, signed
from neuroep.errors import BadInput
from neuroep.hardware.device import Device, Mounted, refuse_unbounded
from neuroep.hardware.lines import Conducting
from neuroep.learning.methods.estimators import SCHEMES, scheme
from neuroep.network import Network
from neuroep.physics.resistive import RESISTIVE
from neuroep.quantities import Band
from neuroep.rng import stream
from neuroep.solvers.controllers import PIController
from neuroep.solvers.motions import moving
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.tableaux import named
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.studies.estimate import sample_batch
from neuroep.studies.relaxing import Course, RelaxingPhase, circuitry_of, units_of
from neuroep.studies.rig import Rig
from neuroep.weights import FloatArray

#: On the velocity of a sample, where a recipe settles for a number of sweeps instead.
TOLERANCE = 1e-3
#: Of the solver's steps, and their most.
RTOL, ATOL, STEPS = 1e-6, 1e-9, 100_000
#: Samples of a batch.
SAMPLES = 16


class LayerJoules(NamedTuple):
    """Joules of one layer, a sample: of lines that are held (of resistors under it), and of those that move."""

    held: Band
    moved: Band


class PhaseRelaxation(NamedTuple):
    """One phase, a sample; of several nudges one after the other, all of them.

    Attributes
    ----------
    phase : str
        ``"free"`` or ``"nudged"``.
    beta : float
        Largest |β|.
    settlings, converged : int
        Settlings of the whole batch, and those that reached the tolerance.
    seconds : Band
        How long it takes.
    layers : tuple of LayerJoules
        0 the inputs, to L.
    amplifiers : Band
        Joules of what all units draw whatever they do.
    volts : Band
        Highest voltage that a line or node came to.
    """

    phase: str
    beta: float
    settlings: int
    converged: int
    seconds: Band
    layers: tuple[LayerJoules, ...]
    amplifiers: Band
    volts: Band

    @property
    def held(self) -> Band:
        """Joules of what is held, all layers together."""
        return sum((layer.held for layer in self.layers), Band.exact(0.0))

    @property
    def moved(self) -> Band:
        """Joules of what moves."""
        return sum((layer.moved for layer in self.layers), Band.exact(0.0))

    @property
    def joules(self) -> Band:
        """All there is."""
        return self.held + self.moved + self.amplifiers


class Relaxation(NamedTuple):
    """What settling costs on a device.

    Attributes
    ----------
    device, inputs : str
        Profile, and which inputs were settled.
    samples : int
        Of the batch.
    tolerance : float
        On a sample's velocity.
    phases : tuple of PhaseRelaxation
        The free one, and where there is a nudge the nudged one.
    """

    device: str
    inputs: str
    samples: int
    tolerance: float
    phases: tuple[PhaseRelaxation, ...]


def relaxation_of(
    model: ModelSpec, device: DeviceSpec, seed: int = 0, *, tolerance: float | None = None, samples: int = SAMPLES
) -> Relaxation:
    """Settle a short batch of a model's data on a device as one circuit, as its recipe nudges it.

    Parameters
    ----------
    model, device : ModelSpec, DeviceSpec
        From the catalogue.
    seed : int
        Of initial weights, hardware and the choice of samples.
    tolerance : float, optional
        On a sample's velocity; the recipe's, or `TOLERANCE` where that is 0.
    samples : int
        Of the batch.

    Returns
    -------
    Relaxation

    Raises
    ------
    BadInput
        If the profile has no lines that are held, the recipe sends spikes or takes no difference of real equilibria, or
        model, device and data don't go together.
    Diverged
        If a sample does.
    """
    network, recipe = model.network(), model.recipe(device)
    if recipe.phases.spiking:
        raise BadInput("a relaxation of spikes", "phases.solver", "sweeps, or a solver in continuous time")
    if recipe.phases.estimator not in SCHEMES:
        problem = f"a relaxation with the {recipe.phases.estimator.value} estimator"
        raise BadInput(problem, "phases.estimator", ", ".join(SCHEMES))
    rig = Rig.of(network, recipe, device, seed=seed)
    held = held_by(device, rig.device, network)
    tolerance = recipe.phases.tolerance or TOLERANCE if tolerance is None else tolerance
    plan = ContinuousPlan(named("dopri5"), PIController(RTOL, ATOL), tolerance, STEPS)
    mounted = rig.mount(rig.initial_weights(np.float64))
    bare = unclocked(mounted.circuit)
    moving(bare).check(bare, np.full(1, recipe.phases.beta), plan.solver.stochastic)  # before data are read
    where, batch = sample_batch(model, network, samples, seed)
    x, targets = batch.x.astype(np.float64), batch.targets.astype(np.float64)
    nudges = scheme(recipe.phases.estimator, recipe.phases.beta, len(x), stream(seed, "nudges"), np.float64).beta
    return Relaxation(
        device.name, where, len(x), tolerance, relax(held, rig.device, mounted, network, x, targets, nudges, plan)
    )


def held_by(spec: DeviceSpec, device: Device, network: Network) -> Held:
    """Return how a profile holds the lines of a network.

    Raises
    ------
    BadInput
        If it doesn't say, or the network isn't one of its circuits.
    """
    held = spec.held()
    if held is None:
        raise BadInput(f"no [relaxation] table in the profile {spec.name}", "device", "a profile with one")
    refuse_unbounded(network, device)
    if network.physics == RESISTIVE.name:
        if held.largest_siemens is None:
            raise BadInput(f"a resistive network on {spec.name}, which holds lines", "device", "a network of resistors")
        return held
    if held.supply_volts is None or not isinstance(device, Conducting):
        raise BadInput(f"a {network.physics} network on {spec.name}, a network of resistors", "device", "a crossbar")
    return held


def relax(
    held: Held,
    device: Device,
    mounted: Mounted,
    network: Network,
    x: FloatArray,
    targets: FloatArray,
    nudges: FloatArray,
    plan: ContinuousPlan,
) -> tuple[PhaseRelaxation, ...]:
    """Settle freely from zero states, then nudged copies from there, and return what each phase takes.

    Parameters
    ----------
    held : Held
        Of :func:`held_by`.
    device, mounted : Device, Mounted
        The hardware and the network on it.
    network : Network
        Whose states are settled.
    x, targets : ndarray
        One batch, float64.
    nudges : ndarray, shape (copies · batch,)
        β of each nudged row; none if it is 0 everywhere.
    plan : ContinuousPlan
        Of both phases.

    Raises
    ------
    BadInput
        If x or targets don't fit, or there is thermal noise.
    Diverged
        If a sample does.
    """
    if plan.thermal is not None:
        raise BadInput("a path of noise, along which lines rise the more the shorter its steps", "noise", "left out")
    circuit, copies = unclocked(mounted.circuit), len(nudges) // len(x)
    units = units_of(held, circuit, network)
    free = RelaxingPhase(circuit, x, targets, np.zeros(len(x)), circuitry_of(circuit, device, mounted, False))
    found = [free.settle(plan, None)]
    if nudges.any():
        rows = np.tile(x, (copies, 1)), np.tile(targets, (copies, 1))
        nudged = RelaxingPhase(circuit, *rows, nudges, circuitry_of(circuit, device, mounted, True))
        found.append(nudged.settle(plan, np.tile(found[0].variables, (copies, 1))))
    units_of_states = int(circuit.sizes[1 : circuit.last + 1].sum())
    watts = held.amplifier_watts * units_of_states
    return tuple(_told(one, units, watts, len(x)) for one in found)


def _told(one: Course, units: Units, watts: Band, samples: int) -> PhaseRelaxation:
    held, moved = (each.sum(axis=0) / samples for each in (one.held, one.moved))
    layers = [
        LayerJoules(units.held_joules * float(h), signed(units.moved_joules, float(m)))
        for h, m in zip(held, moved, strict=True)
    ]
    seconds = units.seconds * float(one.seconds.sum() / samples)
    return PhaseRelaxation(
        "nudged" if one.beta else "free", one.beta, len(one.seconds), one.converged, seconds, tuple(layers),
        product(watts, seconds), units.volts * one.peak,
    )  # fmt: skip
