"""What an engine asks of an energy: which network it describes, what a layer sends down, how it settles, its contrast.

An energy of another kind is one file with a class like this and one entry in :data:`neuroep.physics.known.PHYSICS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from neuroep.circuit import Circuit
from neuroep.physics.activations import Activation
from neuroep.physics.costs import Cost
from neuroep.weights import FloatArray


class Products(NamedTuple):
    """A sum of products of states, Σ_r coefficient_r · below_r above_rᵀ, in the order in which they are sent.

    Attributes
    ----------
    below, above : ndarray, shapes (rows, n_{k−1}) and (rows, n_k)
        What rows and columns of coupling k carry.
    coefficients : ndarray, shape (rows,)
        Of each product.
    group : int
        How many rows in succession belong to one sample.
    alike : bool
        Whether rows of a sample share scale and random numbers, so that what they have in common cancels.
    """

    below: FloatArray
    above: FloatArray
    coefficients: FloatArray
    group: int = 1
    alike: bool = False

    def summed(self) -> FloatArray:
        """Return the sum, shape (n_{k−1}, n_k)."""
        total: FloatArray = self.below.T @ (self.coefficients[:, None] * self.above)
        return total


class Physics(Protocol):
    """An energy E(s) whose minimum a network settles to.

    Whatever the energy, a bias b_k enters as −b_kᵀ s_k, and F = E + βγ^{D−1}C.
    """

    @property
    def name(self) -> str:
        """What model files call it."""
        ...

    @property
    def code(self) -> int:
        """What circuits call it."""
        ...

    @property
    def takes_skips(self) -> bool:
        """Whether states may be added to the input of layers further on."""
        ...

    @property
    def least_weight(self) -> float:
        """Lowest weight that it describes, to which first weights and updates are held; −inf where any is."""
        ...

    @property
    def rails(self) -> int:
        """Input units that one column of data is clamped to."""
        ...

    @property
    def feedforward(self) -> bool:
        """Whether a feedforward network is its limit as γ → 0: backprop then has a twin of it, and torch a module."""
        ...

    @property
    def default_activations(self) -> tuple[Activation, Activation]:
        """What hidden layers and outputs have where a model file doesn't say."""
        ...

    def check(self, sizes: Sequence[int], activations: Sequence[Activation], cost: Cost, feedback: float) -> None:
        """Refuse networks that the energy doesn't describe; the input's activation isn't looked at."""
        ...

    def clamped(self, x: FloatArray, gain: float) -> FloatArray:
        """Return what input units are clamped to, (rows, rails · columns), given data (rows, columns)."""
        ...

    def feedback_source(
        self, circuit: Circuit, k: int, states: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> tuple[FloatArray, float]:
        """Return what layer k sends down, (rows, n_k), and the gain on what is read of it."""
        ...

    def block_update(
        self, circuit: Circuit, k: int, inputs: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> FloatArray:
        """Return the exact minimiser of F in layer k, given W_kᵀ s_{k−1} + b_k + gain · W_{k+1} source, (rows, n_k)."""
        ...

    def products(
        self, circuit: Circuit, k: int, below: FloatArray, above: FloatArray, coefficients: FloatArray
    ) -> Products:
        """Return Σ_rows coefficient · ∂E/∂W_k / γ^{D−1}, as products of states.

        A clamped input `below` has the rows of one minibatch, which is alike in every copy of it that `above` holds.
        """
        ...
