"""A network in torch with its optimiser, trained step by step or epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neuroep.bridges.torch_tensors import (
    COSTS,
    Labels,
    accuracy_of,
    inputs_of,
    labels_of,
    plain_torch,
    targets_of,
    tensor_of,
)
from neuroep.bridges.torch_weights import to_torch
from neuroep.cost.backprop_events import count_steps
from neuroep.errors import BadInput, Diverged
from neuroep.ledger import Ledger
from neuroep.network import Cost, Network
from neuroep.recipe import Training
from neuroep.weights import FloatArray, Weights

State = Mapping[str, NDArray[np.generic]]


Groups = list[dict[str, Any]]
Chosen = tuple[torch.optim.Optimizer, dict[str, str]]
"""An optimiser of torch's, and those of its buffers that it goes on from: our name for each, and torch's."""


def _sgd(groups: Groups, training: Training) -> Chosen:
    sgd = torch.optim.SGD(groups, lr=0.0, momentum=training.momentum, fused=True)
    return sgd, {"momentum": "momentum_buffer"} if training.momentum else {}


def _adam(groups: Groups, training: Training) -> Chosen:
    adam = torch.optim.Adam(groups, lr=0.0, betas=training.betas, eps=training.epsilon, fused=True)
    return adam, {"mean": "exp_avg", "square": "exp_avg_sq"}


#: Rules that have a twin in torch that takes all of a network's parameters.
OPTIMIZERS: dict[str, Callable[[Groups, Training], Chosen]] = {"sgd": _sgd, "adam": _adam}


def refuse_rule(training: Training) -> None:
    """Refuse a rule that backprop's twin doesn't have.

    Raises
    ------
    BadInput
        Naming those it has.
    """
    if training.rule not in OPTIMIZERS:
        raise BadInput(f"no twin of rule {training.rule!r}", "backprop.rule", " or ".join(OPTIMIZERS))


class TwinEpoch(NamedTuple):
    """One epoch: its number from 0, online accuracy and mean cost in training, wall-clock seconds."""

    epoch: int
    train_accuracy: float
    train_cost: float
    seconds: float


class Twin:
    """A network in torch with its optimiser and its training data.

    Parameters
    ----------
    network : Network
        Sizes, activations and cost.
    weights : Weights
        Initial weights; their floating-point type is used throughout.
    training : Training
        Learning rates, momentum, weight decay and decay; the rest is the caller's business.
    x : ndarray, shape (samples, n_0)
        Inputs.
    targets : ndarray, shape (samples, n_L)
        y, for every cost but cross-entropy, which takes the labels.
    labels : ndarray of int, shape (samples,)
        Class 0..n_L−1; with a single output, class 1 is any label above 0.
    state : mapping of str to ndarray, optional
        From :meth:`state`; replaces the weights and sets the momentum.

    Raises
    ------
    BadInput
        If shapes, labels or the state don't fit the network.
    """

    @plain_torch()
    def __init__(
        self,
        network: Network,
        weights: Weights,
        training: Training,
        x: FloatArray,
        targets: FloatArray,
        labels: Labels,
        state: State | None = None,
    ) -> None:
        self._network = network
        self._training = training
        dtype = weights.couplings.dtype
        self._x = inputs_of(network, x, dtype)
        self._labels = labels_of(network, labels, len(x))
        goals = targets_of(network, targets, len(x), dtype)
        self._goals = self._labels if network.cost is Cost.CROSS_ENTROPY else goals
        self._cost = COSTS[network.cost]
        start = weights if state is None else _stored(weights, state, "couplings", "biases")
        self.module: nn.Sequential = to_torch(network, start)
        self._linears = [part for part in self.module if isinstance(part, nn.Linear)]
        self._optimizer, self._buffers = self._chosen()
        self.set_epoch(0)
        if state is not None:
            for ours, torchs in self._buffers.items():
                self._restore(torchs, _stored(weights, state, f"{ours}_couplings", f"{ours}_biases"))
            if "steps" in state:
                self._set_steps(int(state["steps"][0]))

    def _chosen(self) -> Chosen:
        """Return torch's optimiser of the rule, and its buffers: our name for each, and torch's."""
        refuse_rule(self._training)
        return OPTIMIZERS[self._training.rule](self._groups(), self._training)

    def _groups(self) -> Groups:
        """Return as few parameter groups as rates and decay allow; biases don't decay."""
        rates = self._training.rates(self._network.depth, 0)
        groups: dict[tuple[float, float], dict[str, Any]] = {}
        for k, (linear, rate) in enumerate(zip(self._linears, rates, strict=True)):
            for parameter, shrink in ((linear.weight, self._training.weight_decay), (linear.bias, 0.0)):
                fresh = {"params": [], "weight_decay": shrink, "coupling": k}
                groups.setdefault((rate, shrink), fresh)["params"].append(parameter)
        return list(groups.values())

    def set_epoch(self, epoch: int) -> None:
        """Set the learning rates of an epoch counted from 0."""
        rates = self._training.rates(self._network.depth, epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = rates[group["coupling"]]

    def step(self, index: Tensor) -> Tensor:
        """Train on one batch and return its outputs from before the update.

        It is called too often to change torch's modes: gradients must be enabled.

        Parameters
        ----------
        index : Tensor of int64, shape (batch,)
            Which samples.

        Returns
        -------
        Tensor, shape (batch, n_L)
            Outputs (logits under cross-entropy), detached.
        """
        outputs: Tensor = self.module(self._x.index_select(0, index))
        cost = self._cost(outputs, self._goals.index_select(0, index))
        self._optimizer.zero_grad(set_to_none=True)
        cost.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return outputs.detach()

    @plain_torch()
    def train_epoch(self, epoch: int, order: Iterable[NDArray[np.integer]], ledger: Ledger | None = None) -> TwinEpoch:
        """Train on the batches of one epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0; it sets the learning rates.
        order : iterable of ndarray of int
            Indices of each batch.
        ledger : Ledger, optional
            Takes the events of the epoch.

        Raises
        ------
        BadInput
            If there are no batches.
        Diverged
            If the cost or a weight leaves the finite range.
        """
        began = time.perf_counter()
        self.set_epoch(epoch)
        indices, outputs = [], []
        for batch in order:
            index = tensor_of(batch, np.int64)
            indices.append(index)
            outputs.append(self.step(index))
        if not indices:
            raise BadInput("an epoch without batches", "orders", "at least one batch of indices")
        seen, given = torch.cat(indices), torch.cat(outputs)
        cost = float(self._cost(given, self._goals.index_select(0, seen)))
        accuracy = accuracy_of(self._network, given, self._labels.index_select(0, seen))
        if not math.isfinite(cost) or not all(bool(p.isfinite().all()) for p in self.module.parameters()):
            raise Diverged(f"backprop diverged in epoch {epoch + 1} (cost {cost}); try smaller learning rates")
        if ledger is not None:
            count_steps(ledger, len(seen), len(indices), self._network.skips)
        return TwinEpoch(epoch, accuracy, cost, time.perf_counter() - began)

    def weights(self) -> Weights:
        """Return a copy of the present weights."""
        with torch.no_grad():
            return Weights.from_arrays(
                [linear.weight.numpy().T for linear in self._linears], [linear.bias.numpy() for linear in self._linears]
            )

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of the weights and, if there is momentum, of its buffers.

        Returns
        -------
        dict of str to ndarray
            ``couplings`` and ``biases``, with momentum also ``momentum_couplings`` and ``momentum_biases``,
            laid out as in :class:`neuroep.weights.Weights`.
        """
        weights = self.weights()
        state: dict[str, NDArray[np.generic]] = {"couplings": weights.couplings, "biases": weights.biases}
        for ours, torchs in self._buffers.items():
            kept = Weights.from_arrays(
                [self._buffer(torchs, linear.weight).T for linear in self._linears],
                [self._buffer(torchs, linear.bias) for linear in self._linears],
            )
            state |= {f"{ours}_couplings": kept.couplings, f"{ours}_biases": kept.biases}
        steps = self._optimizer.state[self._linears[0].weight].get("step")
        return state if steps is None else state | {"steps": np.array([int(steps)], dtype=np.int64)}

    def _buffer(self, name: str, parameter: Tensor) -> FloatArray:
        """Return a buffer of the optimiser's; before the first step it is zero."""
        buffer = self._optimizer.state[parameter].get(name)
        return np.asarray((torch.zeros_like(parameter) if buffer is None else buffer).detach().numpy())

    def _restore(self, name: str, kept: Weights) -> None:
        for k, linear in enumerate(self._linears, start=1):
            for parameter, values in ((linear.weight, kept.coupling(k).T), (linear.bias, kept.bias(k))):
                self._optimizer.state[parameter][name] = torch.tensor(np.ascontiguousarray(values))

    def _set_steps(self, steps: int) -> None:
        for linear in self._linears:
            for parameter in (linear.weight, linear.bias):
                self._optimizer.state[parameter]["step"] = torch.tensor(float(steps))


def _stored(like: Weights, state: State, couplings: str, biases: str) -> Weights:
    """Return weights from two arrays of a state, laid out as `like`."""
    for name, expected in ((couplings, like.couplings), (biases, like.biases)):
        if name not in state or state[name].shape != expected.shape:
            raise BadInput(f"no {name!r} of {expected.shape[0]} entries", "state", "what Twin.state() returned")
    dtype = like.couplings.dtype
    return Weights(like.sizes, state[couplings].astype(dtype), state[biases].astype(dtype))
