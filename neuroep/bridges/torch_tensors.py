"""What the torch bridges share: data as tensors, costs, accuracy, the number of threads.

The costs are those of neuroep: ½ Σ (s − y)², cross-entropy, Σ max(0, 1 − y s), ½ Σ max(0, 1 − y s)²; summed
over outputs, averaged over the batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from neuroep.errors import BadInput
from neuroep.network import Cost, Network
from neuroep.physics.costs import decision_threshold
from neuroep.weights import FloatArray

Labels = NDArray[np.integer]
#: The processes, of this one and those it was forked from, in which torch was given several threads.
_THREADED_IN: set[int] = set()


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use that many threads inside the block; 0 leaves it as it is.

    Raises
    ------
    BadInput
        If several threads are wanted in a process forked from one that had used several: they would be waited for
        without end.
    """
    if threads < 0:
        raise BadInput(f"{threads} threads", "threads", "0 (as it is) or more")
    before = torch.get_num_threads()
    if (threads or before) > 1:
        _THREADED_IN.add(os.getpid())
        if len(_THREADED_IN) > 1:
            raise BadInput(
                "torch's threads stayed behind in the process that this one was forked from", "threads",
                "1, or processes started by spawn",
            )  # fmt: skip
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def plain_torch() -> Iterator[None]:
    """Compute as a fresh torch would, whatever modes the caller has switched on: gradients, the CPU, no autocast."""
    # a device mode slows every operation by half, so it is entered only where there is another to undo
    device = nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")
    with torch.inference_mode(False), torch.enable_grad(), device, torch.autocast("cpu", enabled=False):
        yield


def _half_square(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(outputs, targets, reduction="sum") * (0.5 / len(outputs))


def _hinge(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.relu(1.0 - outputs * targets).sum() * (1.0 / len(outputs))


def _squared_hinge(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.relu(1.0 - outputs * targets).square().sum() * (0.5 / len(outputs))


COSTS: Mapping[Cost, Callable[[Tensor, Tensor], Tensor]] = {
    Cost.MSE: _half_square,
    Cost.CROSS_ENTROPY: F.cross_entropy,
    Cost.HINGE: _hinge,
    Cost.SQUARED_HINGE: _squared_hinge,
}


def tensor_of(array: NDArray[Any], dtype: DTypeLike) -> Tensor:
    """Return a tensor of that type that shares the array's memory where it can."""
    fitting = np.ascontiguousarray(array, dtype=dtype)
    return torch.from_numpy(fitting if fitting.flags.writeable else fitting.copy())


def inputs_of(network: Network, x: FloatArray, dtype: DTypeLike) -> Tensor:
    """Return inputs (samples, n_0) as a tensor, or raise BadInput."""
    if x.ndim != 2 or x.shape[1] != network.sizes[0] or not len(x):
        raise BadInput(f"inputs of shape {x.shape}", "x", f"(samples, {network.sizes[0]}), at least one sample")
    return tensor_of(x, dtype)


def targets_of(network: Network, targets: FloatArray, samples: int, dtype: DTypeLike) -> Tensor:
    """Return y, (samples, n_L), as a tensor, or raise BadInput."""
    if targets.shape != (samples, network.sizes[-1]):
        raise BadInput(f"targets of shape {targets.shape}", "targets", f"({samples}, {network.sizes[-1]})")
    return tensor_of(targets, dtype)


def labels_of(network: Network, labels: Labels, samples: int) -> Tensor:
    """Return labels (samples,) as a tensor of int64, or raise BadInput."""
    outputs = network.sizes[-1]
    if labels.shape != (samples,):
        raise BadInput(f"labels of shape {labels.shape}", "labels", f"({samples},)")
    if outputs > 1 and not 0 <= labels.min() <= labels.max() < outputs:
        raise BadInput(f"labels from {labels.min()} to {labels.max()}", "labels", f"0 to {outputs - 1}")
    return tensor_of(labels, np.int64)


def accuracy_of(network: Network, outputs: Tensor, labels: Tensor) -> float:
    """Return the share of outputs (samples, n_L) that name the right class."""
    if outputs.shape[1] > 1:
        hits = outputs.argmax(1) == labels
    else:
        hits = (outputs[:, 0] > decision_threshold(network.cost)) == (labels > 0)
    return float(hits.double().mean())
