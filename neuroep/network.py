"""What the user says: layers, couplings, cost. Frozen, and without state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.layout import Layout
from neuroep.physics.activations import Activation as Activation
from neuroep.physics.costs import Cost as Cost
from neuroep.physics.hopfield import HOPFIELD
from neuroep.physics.known import PHYSICS
from neuroep.weights import FloatArray, Weights


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of units: how many, their activation, their time constant in seconds."""

    size: int
    activation: Activation = Activation.HARD_SIGMOID
    tau_seconds: float = 1e-3

    def __post_init__(self) -> None:
        settle(self, "layer.")
        if not 1 <= self.size <= checks.LARGEST:
            raise BadInput(f"a layer of {self.size} units", "layers", f"sizes from 1 to {checks.LARGEST}")
        if not self.tau_seconds > 0.0:
            raise BadInput(f"a time constant of {self.tau_seconds} s", "layer.tau_seconds", "more than 0")


@dataclass(frozen=True, slots=True)
class Coupling:
    """A dense coupling between two layers, drawn at first from U(±gain/√fan_in), and its target's first bias."""

    source: int
    target: int
    gain: float = 0.7
    bias: float = 0.0

    def __post_init__(self) -> None:
        settle(self, "coupling.")
        checks.number(self.gain, "coupling.gain", 0.0)


@dataclass(frozen=True, slots=True)
class Skip:
    """An identity skip: gain · s of the source is added to the input of a target further on; no synapses."""

    source: int
    target: int
    gain: float = 1.0

    def __post_init__(self) -> None:
        settle(self, "skip.")
        if not self.gain:
            raise BadInput("a skip of gain 0", "skip.gain", "any other number")


#: A training keeps some ten copies of them, its checkpoints and torch's own included.
MOST_WEIGHTS = 1 << 26
#: Volts an input: squares of voltages must stay far within float32.
MOST_GAIN = 1e6


@dataclass(frozen=True)
class Network:
    """A layered network and its cost.

    Attributes
    ----------
    layers : tuple of Layer
        Layer 0 is the clamped input; its activation isn't used.
    couplings : tuple of Coupling
        Coupling k joins layer k−1 to layer k, for k = 1..L.
    cost : Cost
        With ``CROSS_ENTROPY`` the last layer is a softmax read-out and not a dynamical layer
        (Laborieux et al. 2021); with the others it is dynamical and its nudged update is exact.
    feedback : float
        Feedback gain γ in (0, 1] that scales every downward coupling (Xie & Seung 2003).
    physics : str
        Name of the energy that states minimise, one of :data:`neuroep.physics.known.PHYSICS`.
    input_gain : float
        Of an energy with two rails an input: data x are clamped as this many volts times x and −x.
    skips : tuple of Skip
        Beside the chain of couplings.

    Examples
    --------
    >>> from neuroep.network import chain
    >>> network = chain((8, 32, 2), feedback=0.5)
    >>> tuple(network.sizes), network.depth
    ((8, 32, 2), 2)
    >>> neuroep.Network.from_dict(network.as_dict()) == network
    True
    """

    layers: tuple[Layer, ...]
    couplings: tuple[Coupling, ...]
    cost: Cost = Cost.MSE
    feedback: float = 1.0
    physics: str = HOPFIELD.name
    input_gain: float = 1.0
    skips: tuple[Skip, ...] = ()

    def __post_init__(self) -> None:
        settle(self, "network.")
        if len(self.layers) < 2:
            raise BadInput(f"a network of {len(self.layers)} layer(s)", "layers", "an input and at least one more")
        chain = [(k, k + 1) for k in range(len(self.layers) - 1)]
        if [(c.source, c.target) for c in self.couplings] != chain:
            raise BadInput("couplings that don't form a chain", "couplings", str(chain))
        if not 0.0 < self.feedback <= 1.0:
            raise BadInput(f"feedback gain {self.feedback}", "feedback", "0 < γ <= 1")
        weights = sum(below.size * above.size for below, above in pairwise(self.layers))
        if weights > MOST_WEIGHTS:
            needed = f"{weights:.3g} weights, {4e-9 * weights:.3g} GB for each copy of them"
            raise BadInput(needed, "layers", f"at most {MOST_WEIGHTS:,} weights")
        energy = PHYSICS[checks.one_of(self.physics, PHYSICS, "physics", "physics")]
        if self.skips and not energy.takes_skips:
            raise BadInput(f"skips in a {self.physics} network", "skips", "none")
        self._check_skips()
        energy.check(self.sizes, [layer.activation for layer in self.layers], self.cost, self.feedback)
        if not 0.0 < self.input_gain <= MOST_GAIN:
            raise BadInput(f"an input gain of {self.input_gain}", "input_gain", f"0 < A <= {MOST_GAIN:g}")
        if energy.rails == 1 and self.input_gain != 1.0:
            raise BadInput(f"without effect in a {self.physics} network", "input_gain", "left out")

    def _check_skips(self) -> None:
        seen: set[tuple[int, int]] = set()
        for skip in self.skips:
            where, ends = f"skip from layer {skip.source} to {skip.target}", (skip.source, skip.target)
            if not (skip.source >= 1 and skip.source + 2 <= skip.target <= self.dynamical):
                raise BadInput(where, "skips", f"from layer 1 on over at least one layer to {self.dynamical} at most")
            if self.sizes[skip.source] != self.sizes[skip.target]:
                raise BadInput(f"{where}, of {self.sizes[skip.source]} and {self.sizes[skip.target]} units", "skips",
                               "layers of one size")  # fmt: skip
            if ends in seen:
                raise BadInput(f"a second {where}", "skips", "one between two layers")
            seen.add(ends)

    def as_dict(self) -> dict[str, Any]:
        """Return the network as plain data, activations and cost by name."""
        layers = [asdict(layer) | {"activation": layer.activation.label} for layer in self.layers]
        couplings = [asdict(coupling) for coupling in self.couplings]
        plain = {"layers": layers, "couplings": couplings, "cost": self.cost.label, "feedback": self.feedback,
                 "physics": self.physics}  # fmt: skip
        skips = {"skips": [asdict(skip) for skip in self.skips]} if self.skips else {}
        return plain | skips | ({"input_gain": self.input_gain} if PHYSICS[self.physics].rails > 1 else {})

    @classmethod
    def from_dict(cls, plain: object, where: str = "network") -> Network:
        """Return the network that :meth:`as_dict` gave as plain data.

        Raises
        ------
        BadInput
            If it is something else.
        """
        try:
            given: dict[str, Any] = dict(plain)  # type: ignore[call-overload]
            parts = {"layers": Layer, "couplings": Coupling, "skips": Skip}
            made: dict[str, Any] = {key: tuple(kind(**p) for p in given.pop(key, ())) for key, kind in parts.items()}
            return cls(**made, **given)
        except (TypeError, ValueError, BadInput) as error:
            raise BadInput(f"no network ({error})", where, "what a run wrote") from error

    @cached_property
    def sizes(self) -> Layout:
        """Units per layer, (n_0, ..., n_L), and where couplings and layers lie in flat buffers."""
        return Layout.of(layer.size for layer in self.layers)

    @property
    def columns(self) -> int:
        """Columns of data that the input layer takes."""
        return self.sizes[0] // PHYSICS[self.physics].rails

    def clamped(self, x: FloatArray) -> FloatArray:
        """Return what the input layer is clamped to, (rows, n_0), given data (rows, columns)."""
        return PHYSICS[self.physics].clamped(x, self.input_gain)

    @property
    def depth(self) -> int:
        """Number of couplings L."""
        return len(self.couplings)

    @property
    def dynamical(self) -> int:
        """Index of the last layer that takes part in the dynamics: L, or L−1 under a read-out."""
        return self.depth - 1 if self.cost is Cost.CROSS_ENTROPY else self.depth


def chain(
    sizes: tuple[int, ...],
    hidden: Activation = Activation.HARD_SIGMOID,
    output: Activation = Activation.LINEAR,
    cost: Cost = Cost.MSE,
    feedback: float = 1.0,
    gain: float = 0.7,
    bias: float = 0.0,
    physics: str = HOPFIELD.name,
    input_gain: float = 1.0,
    skips: Iterable[tuple[int, int]] = (),
) -> Network:
    """Return a network of the given layer sizes with one activation and first bias for all hidden layers.

    `skips` are the ends of identity skips, each of gain 1.
    """
    sizes = tuple(checks.several(sizes, "sizes"))
    last = len(sizes) - 1
    layers = tuple(Layer(n, output if k == last else hidden) for k, n in enumerate(sizes))
    couplings = tuple(Coupling(k, k + 1, gain, bias if k + 1 < last else 0.0) for k in range(last))
    return Network(layers, couplings, cost, feedback, physics, input_gain, tuple(Skip(*ends) for ends in skips))


def initial_weights(network: Network, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Weights:
    """Draw W_k from U(±gain_k/√n_{k−1}), raised to the energy's least; set biases of layer k to their first value."""
    checks.instance(network, Network, "network")
    rng, dtype = checks.randomness(rng), checks.floating(dtype)
    drawn, biases, least = [], [], PHYSICS[network.physics].least_weight
    for coupling in network.couplings:
        fan_in, fan_out = network.sizes[coupling.source], network.sizes[coupling.target]
        bound = coupling.gain / np.sqrt(fan_in)
        drawn.append(np.maximum(rng.uniform(-bound, bound, size=(fan_in, fan_out)), least).astype(dtype))
        biases.append(np.full(fan_out, coupling.bias, dtype=dtype))
    return Weights.from_arrays(drawn, biases)
