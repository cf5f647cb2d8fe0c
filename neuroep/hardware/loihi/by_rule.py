"""A whole network that its chip's learning engine writes: biases as synapses, exponents of rates, what is refused.

Every coupling k also has a neuron whose trace is always full and whose synapses are the biases of layer k: codes of
their own, with an exponent of their own. A product of states at full scale, asked to add R to a weight, is worth R over
the weight of a code; the learning engine's 2^e is the nearest power of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.errors import BadInput, Diverged
from neuroep.hardware.device import Mounted, StateUpdate
from neuroep.hardware.loihi.learning import EXPONENTS
from neuroep.hardware.loihi.rule_updates import Lesson, Store, exponent_of, fit_exponent, learn, traces
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Network
from neuroep.physics.activations import RANGES
from neuroep.weights import FloatArray

#: Activations whose states a trace holds: from 0 to a full scale.
HELD = tuple(a for a, (low, high) in RANGES.items() if low == 0.0 and high < np.inf)


class Engine(NamedTuple):
    """A learning engine: the form of its rule, and how weights are stored."""

    form: str
    store: Store


class Array(NamedTuple):
    """Synapses that share an exponent.

    Attributes
    ----------
    codes : ndarray of int16, shape (m, n)
        What is stored; a view.
    weights : ndarray, shape (m, n)
        What engines see of it; a view.
    unit : float
        Weight of a code.
    full : float
        Full scale of the receivers' states times that of the senders'.
    """

    codes: NDArray[np.int16]
    weights: FloatArray
    unit: float
    full: float


def check_network(network: Network) -> None:
    """Refuse networks whose states no trace holds.

    Raises
    ------
    BadInput
        Naming the layer, or the cost.
    """
    if network.dynamical < network.depth:
        raise BadInput(f"a read-out for {network.cost.label}, whose error has signs", "cost", "mse")
    for k, layer in enumerate(network.layers[1:], start=1):
        if layer.activation not in HELD:
            allowed = ", ".join(activation.label for activation in HELD)
            raise BadInput(f"{layer.activation.label} states, which no trace holds", f"layer {k}", allowed)


def full_scale(circuit: Circuit, layer: int) -> float:
    """Return the state that a full trace stands for."""
    return RANGES[Activation(int(circuit.activations[layer]))][1] if layer else 1.0


def arrays(mounted: Mounted) -> Iterator[tuple[Array, Array]]:
    """Yield each coupling's synapses and the biases beside them."""
    circuit = mounted.circuit
    codes, more = (cast(NDArray[np.int16], mounted.state[key]) for key in ("mantissas", "bias_mantissas"))
    exponents, steps = (cast(NDArray[np.int8], mounted.state[key]) for key in ("exponents", "bias_exponents"))
    unit = float(cast(NDArray[np.float64], mounted.state["unit"])[0])
    for k in range(1, len(circuit.sizes)):
        part, units = slice(*circuit.starts[k - 1 : k + 1]), slice(*circuit.units[k - 1 : k + 1])
        shape, full = (int(circuit.sizes[k - 1]), int(circuit.sizes[k])), full_scale(circuit, k)
        yield (
            Array(
                codes[part].reshape(shape), circuit.up[part].reshape(shape),
                float(np.ldexp(unit, exponents[k - 1])), full * full_scale(circuit, k - 1),
            ),
            Array(
                more[units][None], circuit.biases[units][None], float(np.ldexp(unit, steps[k - 1])), full
            ),
        )  # fmt: skip


def refresh(mounted: Mounted) -> None:
    """Bring what engines see to what is stored."""
    for pair in arrays(mounted):
        for array in pair:
            np.multiply(array.codes, array.unit, out=array.weights, casting="same_kind")


def check_rates(engine: Engine, mounted: Mounted, asked: FloatArray) -> None:
    """Refuse learning rates that the engine hasn't.

    Parameters
    ----------
    engine : Engine
        The chip's.
    mounted : Mounted
        The network.
    asked : ndarray, shape (epochs, L)
        What a product of states of 1 is to add to a weight.

    Raises
    ------
    BadInput
        Naming the first coupling, and the rates that would do.
    """
    for k, pair in enumerate(arrays(mounted), start=1):
        for array in pair:
            wanted = [exponent_of(rate * array.full / array.unit, engine.form, engine.store.step)
                      for rate in asked[:, k - 1]]  # fmt: skip
            off = next((e for e in wanted if fit_exponent(e) != e), None)
            if off is not None:
                what = f"a learning rate of 2^{off} in coupling {k}" + " (its biases)" * (array is pair[1])
                factor = 2.0 ** (fit_exponent(off) - off)
                allowed = f"2^{EXPONENTS[0]} to 2^{EXPONENTS[1]}: training.learning_rates times {factor:g}"
                raise BadInput(what, "learning rule", allowed)


def check_inputs(x: FloatArray) -> None:
    """Refuse inputs that no trace holds."""
    if x.size and not (x.min() >= 0.0 and x.max() <= 1.0):
        raise BadInput(f"inputs from {x.min():g} to {x.max():g}", "traces", "0 to 1")


def teach(engine: Engine, mounted: Mounted, update: StateUpdate, rng: np.random.Generator, ledger: Ledger) -> None:
    """Let the learning engine run through the samples of a minibatch; count what it went through and what changed.

    Raises
    ------
    Diverged
        If states or rates aren't finite; nothing has been written then.
    """
    circuit = mounted.circuit
    for products in update.products:
        if not (np.isfinite(products.below).all() and np.isfinite(products.above).all()):
            raise Diverged("the states sent to the learning engine are not finite: lower the learning rates")
    keys = rng.integers(1 << 63, size=(len(update.products), 2))
    for k, (products, pair) in enumerate(zip(update.products, arrays(mounted), strict=True), start=1):
        asked = update.rates[k - 1] * products.coefficients.reshape(-1, 2)
        senders = traces(products.below, full_scale(circuit, k - 1)), traces(np.ones((len(asked) * 2, 1)), 1.0)
        receivers = traces(products.above, full_scale(circuit, k))
        for array, below, key in zip(pair, senders, keys[k - 1], strict=True):
            rate = float(np.abs(asked[0, 0])) * array.full / array.unit
            exponent = fit_exponent(exponent_of(rate, engine.form, engine.store.step))
            lesson = Lesson(
                below.reshape(len(asked), 2, -1), receivers.reshape(len(asked), 2, -1),
                (asked[:, 1] > 0.0).astype(np.int32), engine.form, exponent, int(key),
            )  # fmt: skip
            changed = learn(array.codes, lesson, engine.store)
            ledger.add(Phase.UPDATE, Event.WRITE, k, changed)
            ledger.add(Phase.UPDATE, Event.LEARN, k, array.codes.size * len(asked) * lesson.write_backs)
    refresh(mounted)
