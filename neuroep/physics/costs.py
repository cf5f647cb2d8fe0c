"""Costs C of the output, per sample, and the nudged output they lead to.

================ ===========================================================
``mse``          ½ Σ (s − y)²
``hinge``        Σ max(0, 1 − y s), y = ±1
``squared-hinge`` ½ Σ max(0, 1 − y s)², y = ±1
``cross-entropy`` −Σ y ln ŷ with ŷ = softmax(W_Lᵀ s_{L−1} + b_L), a read-out
================ ===========================================================
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from neuroep.physics.activations import activate
from neuroep.weights import FloatArray


class Cost(IntEnum):
    """The function C of the output that training lowers."""

    MSE = 0
    CROSS_ENTROPY = 1
    HINGE = 2
    SQUARED_HINGE = 3

    @property
    def label(self) -> str:
        """The name used in TOML and on the command line."""
        return self.name.lower().replace("_", "-")


def cost(code: int, outputs: FloatArray, targets: FloatArray) -> FloatArray:
    """Return C of each sample, shape (batch,); `outputs` are s_L, for cross-entropy ŷ."""
    if code == Cost.MSE:
        terms = 0.5 * (outputs - targets) ** 2
    elif code == Cost.CROSS_ENTROPY:
        terms = -targets * np.log(np.maximum(outputs, np.finfo(outputs.dtype).tiny))
    else:
        margin = np.maximum(0.0, 1.0 - targets * outputs)
        terms = margin if code == Cost.HINGE else 0.5 * margin**2
    total: FloatArray = terms.sum(axis=1)
    return total


def cost_slope(code: int, outputs: FloatArray, targets: FloatArray) -> FloatArray:
    """Return ∂C/∂s_L elementwise; for cross-entropy the slope in the logits, ŷ − y."""
    if code in (Cost.MSE, Cost.CROSS_ENTROPY):
        return outputs - targets
    margin = np.maximum(0.0, 1.0 - targets * outputs)
    return -targets * (margin > 0.0) if code == Cost.HINGE else -targets * margin


def softmax(logits: FloatArray) -> FloatArray:
    """Return the softmax of each row."""
    powers: FloatArray = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def nudged_output(code: int, activation: int, inputs: FloatArray, targets: FloatArray, beta: FloatArray) -> FloatArray:
    """Return argmin over s of G(s) − input·s + βC(s), elementwise and exact.

    Parameters
    ----------
    code, activation : int
        Codes of the cost and of the output activation.
    inputs, targets : ndarray, shape (batch, n_L)
        Input of the output layer, and y.
    beta : ndarray, shape (batch,)
        Nudging of each sample, > −1; 0 is the free phase.

    Returns
    -------
    ndarray, shape (batch, n_L)
        For ``mse`` ρ((input + βy)/(1 + β)). For ``cross-entropy`` softmax(input), whatever β.
    """
    if code == Cost.CROSS_ENTROPY:
        return softmax(inputs)
    b = beta[:, None]
    if code == Cost.MSE:
        return activate(activation, (inputs + b * targets) / (1.0 + b))
    margin = targets * inputs
    if code == Cost.SQUARED_HINGE:
        return np.where(margin >= 1.0, inputs, (inputs + b * targets) / (1.0 + b))
    # hinge: a kink at margin 1; for β < 0 the two branches compete and meet at 1 + |β|/2
    pulled = inputs + b * targets
    at_kink = np.where(margin < 1.0 - b, pulled, np.where(margin >= 1.0, inputs, targets))
    return np.where(b >= 0.0, at_kink, np.where(margin < 1.0 - 0.5 * b, pulled, inputs))


def decision_threshold(code: int) -> float:
    """Return the output above which a single unit names class 1: midway between its two targets."""
    return 0.0 if code in (Cost.HINGE, Cost.SQUARED_HINGE) else 0.5


def predicted_labels(code: int, outputs: FloatArray) -> NDArray[np.int64]:
    """Return the class that each row of outputs names: the largest, or a single unit's side of its threshold."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > decision_threshold(code)).astype(np.int64)
    largest: NDArray[np.int64] = outputs.argmax(axis=1)
    return largest


#: Classes of which counts are kept: more have tables that nobody reads.
MOST_CLASSES = 100


def confusion(code: int, outputs: FloatArray, labels: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    """Return how many samples of each label (outer) were given which label (inner); nothing of very many classes."""
    classes = max(2, outputs.shape[1])
    if classes > MOST_CLASSES:
        return ()
    counts = np.bincount(labels * classes + predicted_labels(code, outputs), minlength=classes * classes)
    return tuple(map(tuple, counts.reshape(classes, classes).tolist()))
