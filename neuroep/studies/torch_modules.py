"""Networks as torch modules: feedforward, settling, or with the weights as a chip holds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.hardware.device import Aging, Device
from neuroep.network import Network
from neuroep.quantities import seconds_of
from neuroep.rng import stream
from neuroep.specs import DeviceSpec
from neuroep.studies.chip import Chip
from neuroep.studies.python_words import in_python
from neuroep.weights import FloatArray, Weights

if TYPE_CHECKING:
    from torch import nn

    from neuroep.bridges.torch_settled import Settled


@overload
def to_torch(
    network: Network, weights: Weights, *, settled: Literal[False] = False, unrolled: int = 0,
    device: str | Path | DeviceSpec | Device | None = None, after: str | float | None = None,
    verify: bool = False, seed: int | None = None,
) -> nn.Sequential: ...  # fmt: skip


@overload
def to_torch(
    network: Network, weights: Weights, *, settled: Literal[True], unrolled: int = 0,
    device: str | Path | DeviceSpec | Device | None = None, after: str | float | None = None,
    verify: bool = False, seed: int | None = None,
) -> Settled: ...  # fmt: skip


@in_python
def to_torch(
    network: Network, weights: Weights, *, settled: bool = False, unrolled: int = 0,
    device: str | Path | DeviceSpec | Device | None = None, after: str | float | None = None,
    verify: bool = False, seed: int | None = None,
) -> nn.Sequential | Settled:  # fmt: skip
    """Return a torch module with the same weights.

    The feedforward module computes what the network tends to as its feedback gain γ → 0: each layer follows from the
    one below, once. The settled module has γ in it: layers above pull on layers below until nothing moves, and outputs
    are those that engines settle to. The two differ by terms of order γ, and more where weights are large.

    Parameters
    ----------
    network : Network
        Layer sizes, activations, skips and, for the settled module, the feedback gain.
    weights : Weights
        Of the same layer sizes; copied, in their own floating-point type.
    settled : bool
        Whether the forward pass settles to the free equilibrium, instead of passing each layer once.
    unrolled : int
        Sweeps of the settled module that are taken and differentiated one by one, so that it can be exported; 0 settles
        until no state moves, and differentiates implicitly.
    device : str, Path, spec or device model, optional
        Hardware on which the weights are programmed first: the module has them as reads see them, spread, errors and
        stuck devices included. Converters and noise of reads aren't weights and stay out of it.
    after : str or float, optional
        How long after programming: ``"1 day"`` or seconds; at once if left out. The device must be one that ages.
    verify : bool
        Whether weights are written closed loop, as for :meth:`neuroep.Chip.program`.
    seed : int, optional
        Which chip, and its ageing; 0 if left out.

    Returns
    -------
    torch.nn.Sequential or Settled
        ``Linear`` layers, each followed by its activation; with skips a :class:`Residual`. A settled module has them as
        its ``feedforward``, and trains them. A softmax read-out gives logits.

    Raises
    ------
    BadInput
        If the weights don't fit, settings contradict each other, or no feedforward module is the network's limit.

    Examples
    --------
    >>> import torch
    >>> network = neuroep.load_model("digits-mlp").network()
    >>> module = neuroep.to_torch(network, neuroep.train("digits-mlp", epochs=1).weights)
    >>> module(torch.from_numpy(neuroep.load_data("digits").x_test)).shape
    torch.Size([360, 10])
    """
    from neuroep.bridges.torch_settled import Settled
    from neuroep.bridges.torch_weights import to_torch as feedforward

    settled, unrolled = checks.flag(settled, "settled"), checks.count(unrolled, "unrolled", 0, "sweeps")
    if unrolled and not settled:
        raise BadInput("sweeps of a module that doesn't settle", "unrolled", "0, or settled=True")
    down = None
    if device is not None:
        weights, down = _held(device, network, weights, after, verify, seed)
    elif after is not None or verify or seed is not None:
        raise BadInput("after, verify or seed without hardware", "device", "a profile's name")
    return Settled(network, weights, unrolled, down) if settled else feedforward(network, weights)


def _held(
    device: str | Path | DeviceSpec | Device, network: Network, weights: Weights, after: str | float | None,
    verify: bool, seed: int | None,
) -> tuple[Weights, FloatArray | None]:  # fmt: skip
    """Return weights as a chip's upward reads see them, and couplings as its downward reads do, where they differ."""
    chip = Chip(device, network, 0 if seed is None else seed)
    seconds = None if after is None else seconds_of(after, "after")
    if after is not None and not (isinstance(chip.device, Aging) and chip.device.retention != "none"):
        raise BadInput(f"{chip.device.name} doesn't age", "after", "a device with `retention`")
    chip.program(weights, stream(chip.seed, "mount", chip.device.name), verify)
    if seconds is not None:
        chip.age(seconds)
    circuit = chip.circuit
    return chip.weights, None if circuit.down is circuit.up else circuit.down.copy()
