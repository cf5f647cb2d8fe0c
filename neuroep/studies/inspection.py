"""A look at a finished training: what it takes for what, how its phases settle, and how far its gradient is backprop's.

Taken once, after the last epoch, of a share of the training samples that is small beside those met in training; no
weight, state of hardware or stream of random numbers is moved by it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neuroep.engines import Accumulation
from neuroep.equilibrium import ResultCode
from neuroep.errors import NeuroepError
from neuroep.hardware.device import Mounted, effective_weights
from neuroep.learning.readings import reading
from neuroep.learning.trainer import Samples
from neuroep.ledger import Ledger
from neuroep.studies.fidelity import cosine
from neuroep.studies.rig import Rig, shuffled
from neuroep.weights import FloatArray, Weights

#: Most samples looked at, and least of the samples met in training for each of them.
MOST, MET_FOR_ONE = 256, 100

Confusion = tuple[tuple[int, ...], ...]


class Settled(NamedTuple):
    """How the samples of one phase settled.

    Attributes
    ----------
    converged : float
        Share that met the recipe's tolerance.
    steps_mean, steps_most : float, int
        Sweeps or steps taken.
    residual_median, residual_most : float, optional
        Norm of the velocity at the end; None where it isn't finite.
    """

    converged: float
    steps_mean: float
    steps_most: int
    residual_median: float | None
    residual_most: float | None


class Inspection(NamedTuple):
    """What was seen.

    Attributes
    ----------
    confusion : tuple of tuple of int
        Test samples by label (outer) and by the label they were given; empty where it wasn't kept.
    samples : int
        Training samples by which the rest was looked at; 0 where it wasn't.
    free, nudged : Settled, optional
        How the recipe's phases settled at the trained weights.
    cosines : tuple of float
        Of EP's gradient, as the recipe reads it on its device, with backprop's, for each coupling k = 1..L; empty
        where there is no twin, None where one of them is zero.
    """

    confusion: Confusion = ()
    samples: int = 0
    free: Settled | None = None
    nudged: Settled | None = None
    cosines: tuple[float | None, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        phases = {name: None if (one := getattr(self, name)) is None else one._asdict() for name in ("free", "nudged")}
        return self._asdict() | phases

    @classmethod
    def restored(cls, plain: dict[str, Any]) -> Inspection:
        """Return what :meth:`as_dict` was made of.

        Raises
        ------
        KeyError, TypeError
            If it was something else.
        """
        free, nudged = (None if plain[name] is None else Settled(**plain[name]) for name in ("free", "nudged"))
        counts = tuple(tuple(int(count) for count in row) for row in plain["confusion"])
        return cls(counts, int(plain["samples"]), free, nudged, tuple(plain["cosines"]))


class _Settling(Protocol):
    """What every kind of equilibrium says of its rows."""

    @property
    def residual(self) -> FloatArray: ...
    @property
    def steps(self) -> NDArray[np.int64]: ...
    @property
    def code(self) -> NDArray[np.int64]: ...


def inspected(rig: Rig, train: Samples, mounted: Mounted, seen: Inspection, twin: bool) -> Inspection:
    """Return what was seen of the test set, with how phases settle and gradients agree added.

    Parameters
    ----------
    rig : Rig
        Of the training.
    train : Samples
        What was learned.
    mounted : Mounted
        The trained network on its device.
    seen : Inspection
        Of the test set.
    twin : bool
        Whether to compare gradients with backprop's, which imports torch.
    """
    training = rig.recipe.training
    count = min(MOST, len(train.x), max(training.batch_size, len(train.x) * training.epochs // MET_FOR_ONE))
    rows = np.concatenate(list(shuffled(len(train.x), training.batch_size, rig.seed)(0)))[:count]
    x, targets = train.x[rows], train.targets[rows]
    out, ledger = Weights.zeros(rig.network.sizes, mounted.circuit.up.dtype), Ledger.empty(rig.network.sizes)
    try:
        read = reading(rig.engine, mounted.circuit, rig.recipe.phases, rig.seed, measured=True)
        with rig.engine.session():
            settled = read.settle(x, targets, ("inspection",), ledger)
            read.accumulate(x, targets, settled, Accumulation(out, (1.0,) * out.depth, 0.0), ledger)
    except NeuroepError:  # a training that is done isn't lost because its gradient can't be looked at
        return seen
    cosines = _cosines(rig, mounted, x, targets, out) if twin else ()
    return seen._replace(samples=count, free=_settled(settled.free), nudged=_settled(settled.nudged), cosines=cosines)


def _settled(found: _Settling) -> Settled:
    residuals = found.residual.astype(np.float64)
    return Settled(
        float((found.code == ResultCode.CONVERGED).mean()), float(found.steps.mean()), int(found.steps.max()),
        _finite(np.median(residuals)), _finite(residuals.max()),
    )  # fmt: skip


def _cosines(
    rig: Rig, mounted: Mounted, x: FloatArray, targets: FloatArray, found: Weights
) -> tuple[float | None, ...]:
    from neuroep.bridges.torch_backprop import gradients

    oracle = gradients(rig.network, effective_weights(mounted.circuit), x, targets)
    return tuple(_finite(cosine(found.coupling(k), oracle.coupling(k))) for k in range(1, found.depth + 1))


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
