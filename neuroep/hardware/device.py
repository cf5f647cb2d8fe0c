"""The device interface, and the ideal device: weights are plain numbers, reads and updates exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, Skips
from neuroep.errors import BadInput
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Network
from neuroep.physics.base import Products
from neuroep.physics.known import PHYSICS, physics_of
from neuroep.recipe import Programming
from neuroep.weights import FloatArray, Weights, fitting


class Update(NamedTuple):
    """A requested change of all weights, Δ_k = rates_k · direction_k.

    Attributes
    ----------
    direction : Weights
        Usually the gradient or its momentum.
    rates : tuple of float
        Factor per coupling k = 1..L (negative learning rates descend).
    """

    direction: Weights
    rates: tuple[float, ...]

    def delta(self, k: int) -> FloatArray:
        """Return the requested change of coupling k, shape (n_{k−1}, n_k)."""
        return self.rates[k - 1] * self.direction.coupling(k)

    def decayed(self, couplings: FloatArray, decay: float) -> Update:
        """Return the update that also asks for rates · decay · couplings, in the layout of `Weights.couplings`."""
        if not decay:
            return self
        return self._replace(direction=self.direction._replace(couplings=self.direction.couplings + decay * couplings))


class StateUpdate(NamedTuple):
    """A requested change of all weights as products of states: Δ_k = rates_k · Σ_r coefficient_r below_r above_rᵀ.

    Attributes
    ----------
    products : tuple of Products
        Of each coupling k = 1..L.
    biases : ndarray, shape (Σ n_k,)
        Direction of the biases, laid out as in `Weights`: they are digital.
    rates : tuple of float
        As in `Update`.
    """

    products: tuple[Products, ...]
    biases: FloatArray
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Mounted:
    """A network on a device.

    Attributes
    ----------
    circuit : Circuit
        What engines see. Its buffers are refreshed in place by :meth:`Device.program`.
    state : dict of str to ndarray
        The hardware's own state (conductances, codes, spread...), enough to go on from a checkpoint.
    parts : tuple of Mounted
        Arrays that hardware is put together from, each as if it stood alone; their states are views into `state`.
    """

    circuit: Circuit
    state: dict[str, NDArray[np.generic]]
    parts: tuple[Mounted, ...] = ()


class Device(Protocol):
    """A hardware model."""

    @property
    def name(self) -> str:
        """The profile's name."""
        ...

    def mount(self, network: Network, weights: Weights, rng: np.random.Generator) -> Mounted:
        """Program ideal weights onto fresh hardware and lower the network to a circuit."""
        ...

    def restore(self, network: Network, weights: Weights, state: dict[str, NDArray[np.generic]]) -> Mounted:
        """Return to a saved hardware state; `weights` gives the sizes, the float type and the biases."""
        ...

    def program(self, mounted: Mounted, update: Update, rng: np.random.Generator, ledger: Ledger) -> None:
        """Apply an update as the hardware would, in place, and count writes and pulses in Phase.UPDATE."""
        ...

    def direct(self, mounted: Mounted, ledger: Ledger) -> Weights | None:
        """Return the weights themselves where an update may be added to them directly, counted as programmed.

        None where weights can only be changed by :meth:`program`.
        """
        ...


@runtime_checkable
class OfKind(Protocol):
    """A device whose kind is known: recipes for all of that kind hold for it, whether it is a profile or a model."""

    @property
    def name(self) -> str:
        """The profile's name."""
        ...

    @property
    def kind(self) -> str:
        """The kind's name, as profiles say it."""
        ...


@runtime_checkable
class Programmable(Protocol):
    """Hardware that recipes can ask to be programmed in one way or another."""

    def programmed_by(self, programming: Programming) -> Device:
        """Return the same hardware, programmed as asked."""
        ...


@runtime_checkable
class Aging(Protocol):
    """Hardware that is written closed loop, and whose weights drift by a published model of retention."""

    @property
    def retention(self) -> str:
        """The model's name; ``none`` where nothing is published."""
        ...

    def written(self, network: Network, weights: Weights, rng: np.random.Generator, seed: int) -> Mounted:
        """Program weights onto fresh hardware by write-verify, with the model's errors."""
        ...

    def aged(self, network: Network, mounted: Mounted, seconds: float, seed: int) -> Mounted:
        """Return a copy at an age in seconds."""
        ...


@runtime_checkable
class Limited(Protocol):
    """Hardware that can't hold or simulate every network."""

    def check_sizes(self, network: Network) -> None:
        """Refuse networks that are too large, by their layers' sizes alone."""
        ...


@runtime_checkable
class StateProgrammable(Protocol):
    """Hardware whose lines can carry the states themselves, which then meet in its devices."""

    @property
    def programming(self) -> Programming:
        """How updates are sent; by states where `programming.method.by_states`."""
        ...

    def program_states(self, mounted: Mounted, update: StateUpdate, rng: np.random.Generator, ledger: Ledger) -> None:
        """Apply an update without a gradient, in place, and count writes and pulses in Phase.UPDATE."""
        ...


@runtime_checkable
class Selective(Protocol):
    """Hardware that takes some states and some rates only."""

    def check_states(self, mounted: Mounted, x: FloatArray, asked: FloatArray) -> None:
        """Refuse what it can't be taught, before anything is trained.

        Parameters
        ----------
        mounted : Mounted
            The network.
        x : ndarray, shape (samples, n_0)
            What inputs will be clamped to.
        asked : ndarray, shape (epochs, L)
            What a product of states of 1 will be asked to add to a weight of each coupling.
        """
        ...


@runtime_checkable
class Bounding(Protocol):
    """A device that keeps weights at or above the least one that an energy describes."""

    def bound(self, mounted: Mounted) -> None:
        """Raise weights below the least one to it, in place."""
        ...


def refuse_unbounded(network: Network, device: Device) -> None:
    """Refuse, for an energy without negative weights, a device whose weights may be negative.

    Raises
    ------
    BadInput
        Naming what holds such weights.
    """
    if PHYSICS[network.physics].least_weight > -np.inf and not isinstance(device, Bounding):
        problem = f"a {network.physics} network on {device.name}, whose weights may be negative"
        raise BadInput(problem, "device", "ideal, or a profile that only has prices")


def refuse_below_least(network: Network, weights: Weights) -> None:
    """Refuse weights that the network's energy doesn't describe.

    Raises
    ------
    BadInput
        Naming the least.
    """
    least = PHYSICS[network.physics].least_weight
    if weights.couplings.min() < least:
        found = f"a weight of {weights.couplings.min():g} in a {network.physics} network"
        raise BadInput(found, "weights", f"{least:g} or more")


def lower(network: Network, up: FloatArray, down: FloatArray, biases: FloatArray) -> Circuit:
    """Return the circuit without converters or noise that shares the given buffers."""
    units = len(network.sizes)
    off = np.zeros(units, dtype=up.dtype)
    return Circuit(
        sizes=np.asarray(network.sizes, dtype=np.int64),
        activations=np.asarray([layer.activation for layer in network.layers], dtype=np.int64),
        cost=int(network.cost),
        last=network.dynamical,
        physics=PHYSICS[network.physics].code,
        feedback=float(network.feedback),
        reach=_reach(network),
        up=up,
        down=down,
        biases=biases,
        dac_bits=0,
        adc_bits=0,
        dac_bound=off,
        adc_bound=off.copy(),
        noise_up=off.copy(),
        noise_down=off.copy(),
        averaged=1,
        managed=0,
        tile_rows=0,
        tile_columns=0,
        tau_seconds=np.asarray([layer.tau_seconds for layer in network.layers], dtype=np.float64),
        starts=network.sizes.starts.copy(),
        units=network.sizes.units.copy(),
        skips=_skips(network),
    )


def _reach(network: Network) -> NDArray[np.float64]:
    """γ^{D−k} of each layer, 1 beyond D; 0 where it is no float."""
    left = np.maximum(network.dynamical - np.arange(network.depth + 1), 0)
    with np.errstate(under="ignore"):
        reach: NDArray[np.float64] = np.power(float(network.feedback), left)
    return reach


def _skips(network: Network) -> Skips:
    """The network's skips, by target and by source."""
    by_target = sorted(network.skips, key=lambda skip: (skip.target, skip.source))
    by_source = sorted(network.skips, key=lambda skip: (skip.source, skip.target))
    layers = np.arange(network.depth + 2)
    sources = np.array([skip.source for skip in by_target], dtype=np.int64)
    targets = np.array([skip.target for skip in by_source], dtype=np.int64)
    into = np.searchsorted([skip.target for skip in by_target], layers)
    out = np.searchsorted([skip.source for skip in by_source], layers)
    entering, leaving = (np.array([skip.gain for skip in each], dtype=np.float64) for each in (by_target, by_source))
    return Skips(into, sources, entering, out, targets, leaving)


def effective_weights(circuit: Circuit) -> Weights:
    """Return a copy of the weights that upward reads see."""
    return Weights(Layout.of(circuit.sizes.tolist()), circuit.up.copy(), circuit.biases.copy())


def update_biases(circuit: Circuit, direction: FloatArray, rates: tuple[float, ...]) -> None:
    """Add the biases' change exactly: every device here keeps its biases in digital periphery."""
    starts = circuit.units
    for k, rate in enumerate(rates, start=1):
        part = slice(starts[k - 1], starts[k])
        circuit.biases[part] += rate * direction[part]


def programmed(device: Device, programming: Programming) -> Device:
    """Return a device that is programmed as a recipe says; those without a choice stay as they are.

    Raises
    ------
    BadInput
        If the recipe sends states and the device takes none.
    """
    if isinstance(device, Programmable):
        return device.programmed_by(programming)
    if programming.method.by_states:
        raise BadInput(
            f"method {programming.method.value!r} on {device.name}", "programming.method", "a crossbar, or a chip"
        )
    return device


def by_states(device: Device) -> StateProgrammable | None:
    """Return the device if its weights are changed by pulse trains of states, without a gradient."""
    return device if isinstance(device, StateProgrammable) and device.programming.method.by_states else None


@dataclass(frozen=True, slots=True)
class Ideal:
    """No device at all: the circuit holds the weights themselves."""

    name: str = "ideal"

    def mount(self, network: Network, weights: Weights, rng: np.random.Generator) -> Mounted:
        """Copy the weights; both reads share one buffer."""
        weights = fitting(weights, network.sizes)
        refuse_below_least(network, weights)
        return self.restore(network, weights, {"couplings": weights.couplings})

    def restore(self, network: Network, weights: Weights, state: dict[str, NDArray[np.generic]]) -> Mounted:
        """Take the weights from `state` and the biases from `weights`."""
        couplings = state["couplings"].astype(weights.couplings.dtype)
        return Mounted(lower(network, couplings, couplings, weights.biases.copy()), {"couplings": couplings})

    def program(self, mounted: Mounted, update: Update, rng: np.random.Generator, ledger: Ledger) -> None:
        """W_k ← W_k + Δ_k, or the least weight that the energy describes; every synapse written once."""
        weights = self.direct(mounted, ledger)
        for k in range(1, weights.depth + 1):
            weights.coupling(k)[...] += update.delta(k)
        self.bound(mounted)
        update_biases(mounted.circuit, update.direction.biases, update.rates)

    def bound(self, mounted: Mounted) -> None:
        """See Bounding."""
        least = physics_of(mounted.circuit).least_weight
        if least > -np.inf:
            np.maximum(mounted.circuit.up, least, out=mounted.circuit.up)

    def direct(self, mounted: Mounted, ledger: Ledger) -> Weights:
        """Return the weights, counting every synapse as written once."""
        circuit = mounted.circuit
        weights = Weights(ledger.sizes, circuit.up, circuit.biases)
        for k in range(1, weights.depth + 1):
            ledger.add(Phase.UPDATE, Event.WRITE, k, weights.sizes[k - 1] * weights.sizes[k])
        return weights
