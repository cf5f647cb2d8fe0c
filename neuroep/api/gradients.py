"""EP's gradient of a network on ideal weights, or of a torch module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from neuroep import checks
from neuroep.api.given import is_module
from neuroep.engines import create
from neuroep.errors import BadInput, Diverged
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients as _gradients
from neuroep.network import Network
from neuroep.recipe import Phases
from neuroep.rng import stream
from neuroep.studies.python_words import in_python, refuse_arguments
from neuroep.weights import FloatArray, Weights, fitting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neuroep.modules.costs import CostFunction
    from neuroep.modules.gradients import Settling


@overload
def ep_gradients(
    network: Network, /, weights: Weights, x: FloatArray, targets: FloatArray, phases: Phases | None = None,
    engine: str = "auto", seed: int = 0,
) -> Weights: ...  # fmt: skip


@overload
def ep_gradients(
    network: nn.Module, /, x: Tensor, y: Tensor, *, cost: str | CostFunction = "mse", estimator: str = "centered",
    beta: float | Tensor | None = None, relative: bool = False, sweeps: int | None = None,
    tolerance: float | None = None, local: bool = False, energy: str = "prediction", feedback: float | None = None,
    accumulate: bool = False,
) -> Settling: ...  # fmt: skip


@in_python
def ep_gradients(network: Network | nn.Module, /, *given: Any, **how: Any) -> Weights | Settling:
    """Return EP's estimate of dC/dθ, mean over the samples.

    Of a :class:`Network` with weights, inputs and targets on ideal weights; of a torch module with inputs and targets
    into its parameters' ``.grad``, as ``loss.backward()`` would.

    Parameters
    ----------
    network : Network or torch.nn.Module
        What has a cost.
    *given, **how
        ``weights, x, targets, phases=None, engine="auto", seed=0``, in float32 or float64, for a network: centered with
        β = 0.01 and up to 1000 sweeps without `phases`; x is what the input layer is clamped to, of a resistive network
        :meth:`Network.clamped` of the data. ``x, y, cost=…, estimator=…, beta=…, relative=…, sweeps=…,
        tolerance=…, local=…, energy=…, feedback=…, accumulate=…`` for a module: see
        :func:`neuroep.modules.gradients.ep_gradients`.

    Returns
    -------
    Weights or Settling
        The gradient, laid out like the weights; or what settling the module gave.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If states of a network leave the finite range, as where its energy has no minimum.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroep.network import chain
    >>> network = chain((2, 3, 1), feedback=0.5)
    >>> weights = neuroep.Weights.from_arrays([np.ones((2, 3)), np.ones((3, 1))], [np.zeros(3), np.zeros(1)])
    >>> slope = neuroep.ep_gradients(network, weights, np.array([[0.1, 0.2]]), np.array([[0.0]]))
    >>> slope.coupling(2).shape
    (3, 1)
    """
    if is_module(network):
        from neuroep.modules.gradients import ep_gradients as of_module

        refuse_arguments(inspect.signature(of_module), "ep_gradients", (network, *given), how, 1)
        return _of_module(of_module, network, *given, **how)  # type: ignore[arg-type]
    if not isinstance(network, Network):
        raise BadInput(f"a {type(network).__name__}", "network", "a Network or a torch module")
    refuse_arguments(inspect.signature(_of_network), "ep_gradients", (network, *given), how, 1)
    return _of_network(network, *given, **how)


def _of_module(function: Callable[..., Settling], module: nn.Module, x: Any, y: Any, **how: Any) -> Settling:
    """Return what a module's gradients give, of finite inputs and targets."""
    from neuroep.modules.misfits import refuse_rows

    refuse_rows(x, y)
    for name, value in (("x", x), ("y", y)):
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise BadInput("an entry that is not finite", name, "finite numbers")
    return function(module, x, y, **how)


def _of_network(
    network: Network, weights: Weights, x: FloatArray, targets: FloatArray, phases: Phases | None = None,
    engine: str = "auto", seed: int = 0,
) -> Weights:  # fmt: skip
    usual = Phases(beta=0.01, free_sweeps=1000, nudged_sweeps=1000, tolerance=1e-6)
    settled = usual if phases is None else checks.instance(phases, Phases, "phases")
    circuit = Ideal().mount(network, fitting(weights, network.sizes), stream(seed, "mount")).circuit
    found = _gradients(create(engine), circuit, x, targets, settled, checks.seed(seed))
    if not (np.isfinite(found.couplings).all() and np.isfinite(found.biases).all()):
        raise Diverged("states left the finite range: take a smaller feedback gain, smaller weights or a smaller β")
    return found
