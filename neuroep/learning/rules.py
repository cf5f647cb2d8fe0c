"""How a gradient becomes the direction of an update: a rule, by name.

SGD, Adam and Muon are those of ``torch.optim``, as arrays that a checkpoint holds; a device then does with the
direction what its hardware does. Biases never decay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.recipe import Training
from neuroep.weights import FloatArray, Weights

Memory = dict[str, NDArray[np.generic]]
"""What a rule keeps from step to step, by name: what a checkpoint must hold besides the gradient's buffer."""


class Rule(Protocol):
    """Turns gradients into directions of descent, which learning rates then scale."""

    @property
    def keep(self) -> float:
        """What the gradient's buffer keeps of what it held when the next gradient is added."""
        ...

    @property
    def plain(self) -> bool:
        """Whether the direction is the gradient itself, so that it may go straight into ideal weights."""
        ...

    def fresh(self, like: Weights) -> Memory:
        """Return the memory before the first step."""
        ...

    def turn(self, gradient: Weights, couplings: FloatArray, memory: Memory) -> None:
        """Turn the gradient's buffer into the direction, in place, given the couplings as they are read."""
        ...


class Sgd:
    """v ← μ v + g + λ w, as ``torch.optim.SGD``; the buffer itself is v."""

    def __init__(self, training: Training) -> None:
        self.keep, self._decay = training.momentum, training.weight_decay
        self.plain = not (self.keep or self._decay)

    def fresh(self, like: Weights) -> Memory:
        """See Rule."""
        return {}

    def turn(self, gradient: Weights, couplings: FloatArray, memory: Memory) -> None:
        """See Rule."""
        if self._decay:
            gradient.couplings[...] += self._decay * couplings


class Adam:
    """g / √(mean of g²), both bias-corrected running means (Kingma & Ba 2015), as ``torch.optim.Adam``.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   direction m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)

    with g + λ w in place of g where weights decay.
    """

    keep, plain = 0.0, False

    def __init__(self, training: Training) -> None:
        self._betas, self._epsilon, self._decay = training.betas, training.epsilon, training.weight_decay

    def fresh(self, like: Weights) -> Memory:
        """See Rule."""
        parts = {"couplings": like.couplings, "biases": like.biases}
        zeros: Memory = {
            f"{of}_{name}": np.zeros_like(part) for of in ("mean", "square") for name, part in parts.items()
        }
        return zeros | {"steps": np.zeros(1, dtype=np.int64)}

    def turn(self, gradient: Weights, couplings: FloatArray, memory: Memory) -> None:
        """See Rule."""
        if self._decay:
            gradient.couplings[...] += self._decay * couplings
        steps = cast(NDArray[np.int64], memory["steps"])
        steps += 1
        corrections = [1.0 - beta ** int(steps[0]) for beta in self._betas]
        for name, g in (("couplings", gradient.couplings), ("biases", gradient.biases)):
            mean, square = (cast(FloatArray, memory[f"{of}_{name}"]) for of in ("mean", "square"))
            self._turn(g, mean, square, corrections)

    def _turn(self, g: FloatArray, mean: FloatArray, square: FloatArray, corrections: list[float]) -> None:
        first, second = self._betas
        mean *= first
        mean += (1.0 - first) * g
        square *= second
        square += (1.0 - second) * g * g
        np.divide(mean, np.sqrt(square / corrections[1]) + self._epsilon, out=g)
        g /= corrections[0]


class Muon:
    """The momentum of each coupling's matrix made nearly orthogonal (Jordan et al. 2024), as ``torch.optim.Muon``.

        m ← μ m + (1 − μ) g,   u = (1 − μ) g + μ m,   direction √max(1, n_k/n_{k−1}) · NS₅(u) + λ w

    NS₅ takes five steps X ← a X + (b X Xᵀ + c (X Xᵀ)²) X from u/‖u‖, which brings all singular values near 1; torch
    takes them in bfloat16, this in the weights' type. Biases, which are no matrices, follow u.
    """

    keep, plain = 0.0, False
    COEFFICIENTS = (3.4445, -4.7750, 2.0315)
    STEPS = 5
    LEAST = 1e-7

    def __init__(self, training: Training) -> None:
        self._momentum, self._decay = training.momentum, training.weight_decay

    def fresh(self, like: Weights) -> Memory:
        """See Rule."""
        return {"momentum_couplings": np.zeros_like(like.couplings), "momentum_biases": np.zeros_like(like.biases)}

    def turn(self, gradient: Weights, couplings: FloatArray, memory: Memory) -> None:
        """See Rule."""
        for name, g in (("couplings", gradient.couplings), ("biases", gradient.biases)):
            kept = cast(FloatArray, memory[f"momentum_{name}"])
            g *= 1.0 - self._momentum
            kept *= self._momentum
            kept += g
            g += self._momentum * kept
        for k in range(1, gradient.depth + 1):
            update = gradient.coupling(k)
            rows, columns = update.shape
            update[...] = max(1.0, columns / rows) ** 0.5 * self.orthogonal(update)
        if self._decay:
            gradient.couplings[...] += self._decay * couplings

    def orthogonal(self, matrix: FloatArray) -> FloatArray:
        """Return a matrix of the same singular vectors whose singular values are near 1."""
        a, b, c = self.COEFFICIENTS
        tall = matrix.shape[0] > matrix.shape[1]
        x: FloatArray = (matrix.T if tall else matrix) / max(float(np.linalg.norm(matrix)), self.LEAST)
        for _ in range(self.STEPS):
            gram = x @ x.T
            x = a * x + (b * gram + c * (gram @ gram)) @ x
        return x.T if tall else x


RULES: dict[str, Callable[[Training], Rule]] = {"sgd": Sgd, "adam": Adam, "muon": Muon}


def rule_of(training: Training) -> Rule:
    """Return a recipe's rule.

    Raises
    ------
    UnknownName
        If there is none of its name.
    """
    return RULES[checks.one_of(training.rule, RULES, "rule", "training.rule")](training)
