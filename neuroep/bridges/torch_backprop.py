"""The backprop twin: the same network, data order, initial weights and cost, trained by torch.

It is the reference for accuracy and for speed, so it is written as torch is best used on a CPU: fused
``torch.optim.SGD``, one gather a batch, nothing read back before the epoch ends. The costs are
those of neuroep, summed over outputs and averaged over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neuroep.bridges.torch_tensors import (
    COSTS,
    Labels,
    accuracy_of,
    inputs_of,
    labels_of,
    plain_torch,
    targets_of,
    torch_threads,
)
from neuroep.bridges.torch_twin import State, Twin, TwinEpoch
from neuroep.bridges.torch_weights import to_torch
from neuroep.cost.backprop_events import count_forward
from neuroep.ledger import Ledger, Phase
from neuroep.network import Network
from neuroep.recipe import Training
from neuroep.weights import FloatArray, Weights

__all__ = ["Twin", "TwinEpoch", "TwinResult", "accuracy", "gradients", "torch_threads", "train_twin"]


class TwinResult(NamedTuple):
    """What training returns.

    Attributes
    ----------
    weights : Weights
        After the last epoch.
    state : dict of str to ndarray
        Enough to go on from: see :meth:`Twin.state`.
    history : tuple of TwinEpoch
        The epochs trained in this call.
    """

    weights: Weights
    state: dict[str, NDArray[np.generic]]
    history: tuple[TwinEpoch, ...]


@plain_torch()
def train_twin(
    network: Network,
    weights: Weights,
    training: Training,
    x: FloatArray,
    targets: FloatArray,
    labels: Labels,
    orders: Callable[[int], Iterable[NDArray[np.integer]]],
    on_epoch: Callable[[TwinEpoch, Twin], bool | None] | None = None,
    ledger: Ledger | None = None,
    *,
    state: State | None = None,
    first_epoch: int = 0,
    threads: int = 0,
) -> TwinResult:
    """Train a network by backprop in torch.

    Parameters
    ----------
    network, weights, training, x, targets, labels
        As in :class:`Twin`; ``training.epochs`` is the epoch to stop before.
    orders : callable
        Epoch from 0 → batches of indices, each an int array.
    on_epoch : callable, optional
        Called after each epoch with its figures and the twin; returning True stops the training.
    ledger : Ledger, optional
        Takes the events: the forward pass as free phase (READ_UP, NEURON, SAMPLE), the backward pass as
        nudged phase (READ_DOWN of couplings 2..L), gradients and steps as update (CONTRAST, WRITE).
    state : mapping of str to ndarray, optional
        Where an earlier run stopped.
    first_epoch : int
        Number of the first epoch to train, for a resumed run.
    threads : int
        Threads of torch; 0 leaves them as they are.

    Returns
    -------
    TwinResult
        Weights, state and history.

    Raises
    ------
    BadInput
        If shapes, labels, state or batches don't fit.
    Diverged
        If the cost or a weight leaves the finite range.
    """
    history = []
    with torch_threads(threads):
        twin = Twin(network, weights, training, x, targets, labels, state)
        for epoch in range(first_epoch, training.epochs):
            history.append(twin.train_epoch(epoch, orders(epoch), ledger))
            if on_epoch is not None and on_epoch(history[-1], twin):
                break
    return TwinResult(twin.weights(), twin.state(), tuple(history))


@plain_torch()
def gradients(network: Network, weights: Weights, x: FloatArray, targets: FloatArray) -> Weights:
    """Return ∂C/∂W and ∂C/∂b of the feedforward network by automatic differentiation.

    Parameters
    ----------
    network : Network
        Sizes, activations and cost.
    weights : Weights
        In the floating-point type to compute in.
    x : ndarray, shape (batch, n_0)
        Inputs.
    targets : ndarray, shape (batch, n_L)
        y; class probabilities (one-hot) under cross-entropy.

    Returns
    -------
    Weights
        Gradients of the mean cost of the batch.

    Raises
    ------
    BadInput
        If shapes don't fit the network.
    """
    dtype = weights.couplings.dtype
    module = to_torch(network, weights)
    inputs, wanted = inputs_of(network, x, dtype), targets_of(network, targets, len(x), dtype)
    with torch_threads(1):  # the same bits on any machine
        COSTS[network.cost](module(inputs), wanted).backward()  # type: ignore[no-untyped-call]
    linears = [part for part in module if isinstance(part, nn.Linear)]
    found = [(linear.weight.grad, linear.bias.grad) for linear in linears]
    pairs = [(w.numpy().T, b.numpy()) for w, b in found if w is not None and b is not None]
    return Weights.from_arrays([w for w, _ in pairs], [b for _, b in pairs])


@plain_torch()
def outputs(network: Network, weights: Weights, x: FloatArray, *, threads: int = 0) -> FloatArray:
    """Return what the feedforward network makes of inputs, (N, n_L)."""
    with torch_threads(threads), torch.inference_mode():
        found: FloatArray = to_torch(network, weights)(inputs_of(network, x, weights.couplings.dtype)).numpy()
    return found


@plain_torch()
def accuracy(
    network: Network,
    weights: Weights,
    x: FloatArray,
    labels: Labels,
    ledger: Ledger | None = None,
    *,
    threads: int = 0,
) -> float:
    """Return the share of samples that the forward pass classifies correctly.

    Parameters
    ----------
    network, weights, x, labels
        As in :class:`Twin`. A single output stands for class 1 above the middle of its two targets.
    ledger : Ledger, optional
        Takes the events as inference (READ_UP, NEURON, SAMPLE).
    threads : int
        Threads of torch; 0 leaves them as they are.

    Raises
    ------
    BadInput
        If shapes or labels don't fit the network.
    """
    inputs = inputs_of(network, x, weights.couplings.dtype)
    classes = labels_of(network, labels, len(x))
    with torch_threads(threads), torch.inference_mode():
        share = accuracy_of(network, to_torch(network, weights)(inputs), classes)
    if ledger is not None:
        count_forward(ledger, Phase.INFERENCE, len(inputs), network.skips)
    return share
