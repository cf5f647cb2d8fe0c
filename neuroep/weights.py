"""Weights of a layered network in two flat buffers, seen layer by layer through views.

Flat because engines, updates and files take all layers at once; views because people think in layers.
The same structure holds weights, gradients, velocities and update steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.layout import Layout

FloatArray = NDArray[np.floating]
#: What engines, devices and files hold weights in.
FLOAT_TYPES = ("float32", "float64")


class Weights(NamedTuple):
    """Couplings W_1..W_L and biases b_1..b_L of a layered network.

    Attributes
    ----------
    sizes : tuple of int
        Units per layer, (n_0, ..., n_L); layer 0 is the clamped input.
    couplings : ndarray, shape (Σ n_{k−1} n_k,)
        W_1, ..., W_L one after the other, each (n_{k−1}, n_k) in C order, dimensionless.
    biases : ndarray, shape (Σ n_k,)
        b_1, ..., b_L one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> weights = neuroep.Weights.from_arrays([np.eye(3, 2)], [np.zeros(2)])
    >>> weights.sizes, weights.coupling(1).shape
    ((3, 2), (3, 2))
    """

    sizes: tuple[int, ...]
    couplings: FloatArray
    biases: FloatArray

    def __repr__(self) -> str:
        return f"<Weights: {'-'.join(map(str, self.sizes))}, {self.couplings.dtype}>"

    @property
    def layout(self) -> Layout:
        """Where couplings and layers lie."""
        return Layout.of(self.sizes)

    @classmethod
    def zeros(cls, sizes: Sequence[int], dtype: DTypeLike = np.float32) -> Weights:
        """Return all-zero weights for the given layer sizes."""
        if not isinstance(sizes, Layout):
            sizes = Layout.of([checks.count(size, "sizes") for size in checks.several(sizes, "sizes")])
        if not sizes:
            raise BadInput("no layers", "sizes", "an input and at least one more")
        dtype = checks.floating(dtype)
        return cls(sizes, np.zeros(sizes.starts[-1], dtype=dtype), np.zeros(sizes.units[-1], dtype=dtype))

    @classmethod
    def from_arrays(cls, couplings: Sequence[FloatArray], biases: Sequence[FloatArray]) -> Weights:
        """Copy per-layer arrays W_k (n_{k−1}, n_k) and b_k (n_k,) into flat buffers.

        Parameters
        ----------
        couplings, biases : sequence of array_like
            Finite real numbers. The result is float32 if all are, and float64 otherwise.

        Raises
        ------
        BadInput
            If there are none, the shapes don't chain, or an entry isn't a finite number.
        """
        couplings, biases = checks.several(couplings, "couplings"), checks.several(biases, "biases")
        if len(couplings) != len(biases) or not couplings:
            raise BadInput(f"{len(couplings)} couplings and {len(biases)} biases", "weights", "as many, at least one")
        pairs = [
            (checks.array(w, f"W{k}", ("inputs", "units")), checks.array(b, f"b{k}", ("units",)))
            for k, (w, b) in enumerate(zip(couplings, biases, strict=True), start=1)
        ]
        sizes = Layout.of((pairs[0][0].shape[0], *(w.shape[1] for w, _ in pairs)))
        for k, (w, b) in enumerate(pairs, start=1):
            if w.shape != (sizes[k - 1], sizes[k]) or b.shape != (sizes[k],):
                raise BadInput(
                    f"W{k} has shape {w.shape} and b{k} has shape {b.shape}",
                    "weights",
                    f"({sizes[k - 1]}, {sizes[k]}) and ({sizes[k]},)",
                )
        arrays = [part for pair in pairs for part in pair]
        dtype = np.result_type(*arrays)
        flat = (np.concatenate([a.ravel() for a in part]).astype(dtype) for part in (arrays[::2], arrays[1::2]))
        return cls(sizes, *flat)

    @property
    def depth(self) -> int:
        """Number of couplings L."""
        return len(self.sizes) - 1

    def coupling(self, k: int) -> FloatArray:
        """Return the view of W_k, shape (n_{k−1}, n_k), k = 1..L."""
        self._check_layer(k)
        block = self.layout.blocks[k - 1]
        return self.couplings[block.part].reshape(block.rows, block.columns)

    def bias(self, k: int) -> FloatArray:
        """Return the view of b_k, shape (n_k,), k = 1..L."""
        self._check_layer(k)
        start, end = self.layout.units[k - 1 : k + 1]
        return self.biases[start:end]

    def _check_layer(self, k: int) -> None:
        if not (isinstance(k, Integral) and 0 < k < len(self.sizes)):
            raise BadInput(f"{checks.shown(k)} is out of range", "k", f"1 to {self.depth}")

    def copy(self) -> Weights:
        """Return a copy with buffers of its own."""
        return Weights(self.sizes, self.couplings.copy(), self.biases.copy())

    def astype(self, dtype: DTypeLike) -> Weights:
        """Return a copy in another floating-point type."""
        dtype = checks.floating(dtype)
        return Weights(self.sizes, self.couplings.astype(dtype), self.biases.astype(dtype))


def fitting(
    weights: Weights, sizes: Sequence[int], where: str = "weights", types: Sequence[str] = FLOAT_TYPES
) -> Weights:
    """Return weights as engines and devices take them: of these layer sizes, finite, contiguous, of one float type.

    Raises
    ------
    BadInput
        If they are of other sizes, buffers of another length, or of none of the types.
    """
    if not isinstance(weights, Weights):
        allowed = "a Weights: load_weights reads them from a file, from_torch from a module"
        raise BadInput(f"a {type(weights).__name__}", where, allowed)
    layout = Layout.of(sizes)
    if tuple(checks.several(weights.sizes, f"{where}.sizes")) != layout:
        raise BadInput(f"layer sizes {checks.shown(weights.sizes)}", where, f"{layout}, those of the network")
    given = {np.asarray(part).dtype.name for part in weights[1:]}
    if len(given) > 1 or not given <= set(types):
        raise BadInput(f"type {' and '.join(sorted(given))}", where, " or ".join(f"all {name}" for name in types))
    lengths = int(layout.starts[-1]), int(layout.units[-1])
    named = zip(("couplings", "biases"), weights[1:], lengths, strict=True)
    dtype = given.pop()
    return Weights(layout, *(checks.array(part, f"{where}.{name}", (n,), dtype) for name, part, n in named))
