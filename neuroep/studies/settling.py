"""How a model settles in continuous time: the free phase, the nudged one, and their course in time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit, has_noise
from neuroep.disk import write_atomic
from neuroep.engines import Nudge, Plan, create
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.ledger import Ledger, Phase
from neuroep.physics import hopfield
from neuroep.recipe import Order
from neuroep.report.plotting import COLOURS, GREY, engineering, panels, style
from neuroep.solvers.integrate import settle_continuous
from neuroep.solvers.plan import ContinuousPlan, Settled
from neuroep.solvers.sweeps import layer_order
from neuroep.solvers.trajectory import energies
from neuroep.weights import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Times at which the course is recorded, from the start to the last sample's end.
TIMES = 121
#: Most block sweeps of the comparison, and the residual asked of them.
SWEEPS, SWEEP_TOLERANCE = 5000, 1e-12


class PhaseSettled(NamedTuple):
    """One phase and how it went.

    Attributes
    ----------
    phase : str
        ``"free"`` or ``"nudged"``.
    beta : float
        Nudging.
    begin_seconds : float
        When the phase began, the free one at 0.
    settled : Settled
        States and codes of each sample, with the trajectory.
    energy : ndarray, shape (T, batch)
        F at the times of the trajectory.
    distance : ndarray, shape (T, batch)
        Euclidean distance of the states from those at the phase's end.
    from_sweeps : float
        Largest difference of a state from the equilibrium that block sweeps find; NaN where either didn't settle.
    """

    phase: str
    beta: float
    begin_seconds: float
    settled: Settled
    energy: FloatArray
    distance: FloatArray
    from_sweeps: float

    def count(self, code: ResultCode) -> int:
        """Return how many samples ended with a code."""
        return int((self.settled.equilibrium.code == code).sum())


def settle_phases(
    circuit: Circuit, x: FloatArray, targets: FloatArray, beta: float, plan: ContinuousPlan, noise_key: int = 0
) -> list[PhaseSettled]:
    """Settle freely from zero states and, where β isn't 0, nudged from there.

    Parameters
    ----------
    circuit : Circuit
        The network.
    x, targets : ndarray
        One batch.
    beta : float
        Nudging of every sample in the second phase.
    plan : ContinuousPlan
        Of both phases.
    noise_key : int
        Of the read noise.

    Returns
    -------
    list of PhaseSettled
        One, or two.

    Raises
    ------
    BadInput
        If inputs or targets don't fit the circuit.
    """
    inputs, outputs, dtype = int(circuit.sizes[0]), int(circuit.sizes[-1]), circuit.up.dtype
    x, beta = checks.array(x, "x", ("batch", inputs), dtype), checks.number(beta, "beta")
    targets = checks.array(targets, "targets", (len(x), outputs), dtype)
    free = _phase(circuit, x, targets, 0.0, plan, None, 0.0, noise_key)
    if not beta:
        return [free]
    start, begin = free.settled.equilibrium.states, float(free.settled.seconds.max())
    second = plan if plan.thermal is None else replace(plan, thermal=replace(plan.thermal, key=plan.thermal.key + 1))
    return [free, _phase(circuit, x, targets, beta, second, start, begin, noise_key + 1)]


def _phase(
    circuit: Circuit, x: FloatArray, targets: FloatArray, beta: float, plan: ContinuousPlan,
    start: Sequence[FloatArray] | None, begin: float, noise_key: int,
) -> PhaseSettled:  # fmt: skip
    betas = np.full(len(x), beta, dtype=x.dtype)
    # the first pass tells how long it takes, the second records that stretch
    end = settle_continuous(circuit, x, targets, betas, plan, start=start, noise_key=noise_key).seconds.max()
    times = np.linspace(0.0, max(float(end), 1e-12), TIMES)
    settled = settle_continuous(circuit, x, targets, betas, plan, start=start, times=times, noise_key=noise_key)
    assert settled.trajectory is not None
    course = settled.trajectory
    squares = sum(
        ((layer - last) ** 2).sum(axis=2) for layer, last in zip(course.states, settled.equilibrium.states, strict=True)
    )
    with np.errstate(invalid="ignore", over="ignore"):
        energy = energies(circuit, x, course, targets, betas)
    apart = _from_sweeps(circuit, x, targets, beta, settled.equilibrium)
    return PhaseSettled("nudged" if beta else "free", beta, begin, settled, energy, np.sqrt(squares), apart)


def _from_sweeps(circuit: Circuit, x: FloatArray, targets: FloatArray, beta: float, found: Equilibrium) -> float:
    if has_noise(circuit) or (found.code != ResultCode.CONVERGED).any():
        return float("nan")
    engine, ledger = create("reference"), Ledger.empty(tuple(int(n) for n in circuit.sizes))
    plan = Plan(layer_order(Order.FORWARD, len(circuit.sizes) - 1), SWEEPS, SWEEP_TOLERANCE)
    drive = engine.drive(circuit, x, 0, ledger, Phase.FREE)
    swept = engine.settle_free(circuit, drive, plan, 0, ledger, Phase.FREE)
    if beta:
        nudge = Nudge(targets, np.full(len(x), beta, dtype=x.dtype))
        swept = engine.settle_nudged(circuit, swept, nudge, plan, 0, ledger)
    if (swept.residual > 1e3 * SWEEP_TOLERANCE).any():
        return float("nan")
    return max(float(np.abs(a - b).max()) for a, b in zip(found.states, swept.states, strict=True))


def course_figure(phases: Sequence[PhaseSettled], circuit: Circuit, title: str, tolerance: float) -> Figure:
    """Draw distance from the end, states, energy and residual against time: median and range of the samples.

    Parameters
    ----------
    phases : sequence of PhaseSettled
        One after the other in time.
    circuit : Circuit
        For the number of layers.
    title : str
        Model and solver.
    tolerance : float
        Residual at which a sample stops, drawn where it isn't 0.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (states, distance, energy, residual) = panels(8.0, 5.6, 2, 2)
    names = ("Mean |state| of each layer", "Distance from the states at the end", "Energy F per sample", "Residual")
    for axes, name in zip((states, distance, energy, residual), names, strict=True):
        axes.set(title=name)
        axes.grid(True)
    for one in phases:
        course = one.settled.trajectory
        assert course is not None
        seconds = one.begin_seconds + course.times
        for k in range(hopfield.dynamical(circuit)):
            mean = np.abs(course.states[k]).mean(axis=(1, 2))
            states.plot(seconds, mean, color=COLOURS[k % len(COLOURS)], linewidth=1.5,
                        label=f"layer {k + 1}" if one is phases[0] else None)  # fmt: skip
        for axes, values in ((distance, one.distance), (energy, one.energy), (residual, course.residual)):
            colour = COLOURS[1 if one.beta else 0]
            axes.fill_between(seconds, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, linewidth=0)
            axes.plot(seconds, np.median(values, axis=1), color=colour, linewidth=1.5, label=_label(one))
    _finish(phases, (states, distance, energy, residual), tolerance)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _label(one: PhaseSettled) -> str:
    return f"nudged, β = {one.beta:g}" if one.beta else "free"


def _finish(phases: Sequence[PhaseSettled], all_axes: Sequence[Axes], tolerance: float) -> None:
    """Scales, ticks, legends and the line between the phases."""
    states, distance, energy, residual = all_axes
    for axes in (distance, residual):
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    if tolerance > 0.0:
        residual.axhline(tolerance, color=GREY, linewidth=1.0, linestyle="--")
        residual.annotate("tolerance", (0.02, tolerance), xycoords=("axes fraction", "data"), va="bottom", color=GREY)
    for axes in all_axes:
        for one in phases[1:]:
            axes.axvline(one.begin_seconds, color=GREY, linewidth=0.8, linestyle=":")
        engineering(axes.xaxis, "s")
        axes.locator_params(axis="x", nbins=5)
    states.legend(loc="best")
    energy.legend(loc="upper right")
    for axes in (energy, residual):
        axes.set_xlabel("Time")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF by its name's ending."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.lstrip(".").lower(), dpi=160)
    write_atomic(path, buffer.getvalue())


def draw(phases: Sequence[PhaseSettled], circuit: Circuit, title: str, tolerance: float, path: Path) -> None:
    """Write the course of all phases as a figure."""
    with style():
        write_figure(course_figure(phases, circuit, title, tolerance), path)
