"""Trained networks in files that others read: torch.export, ONNX, safetensors, and pulses for real arrays.

A program has the feedforward network in it, or a number of sweeps of the settled one; a softmax read-out gives logits.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from neuroep import checks
from neuroep.disk import write_atomic
from neuroep.errors import BadInput, NotAvailable
from neuroep.hardware.device import Device
from neuroep.network import Network
from neuroep.weights import Weights, fitting

#: Rows of the example that torch traces; the file takes any number.
TRACED_ROWS = 2


class Trained(NamedTuple):
    """What is written: a network with its weights, sweeps of a settled program, the device of a plan of pulses."""

    network: Network
    weights: Weights
    sweeps: int = 0
    device: Device | None = None


class Format(NamedTuple):
    """A kind of file: its ending, what writes it, what that needs installed, whether it holds a program or pulses."""

    suffix: str
    write: Callable[[Trained, Path], None]
    needs: tuple[str, ...] = ()
    program: bool = True
    pulses: bool = False


def export(
    network: Network, weights: Weights, path: Path, to: str, sweeps: int = 0, device: Device | None = None
) -> None:
    """Write a network with its weights to a file.

    Parameters
    ----------
    network, weights : Network, Weights
        What was trained.
    path : Path
        The file, replaced if it exists.
    to : str
        One of :data:`FORMATS`.
    sweeps : int
        Sweeps of the settled network, written out one after the other; 0 for the feedforward network.
    device : Device, optional
        The crossbar whose devices get the pulses of format ``"pulses"``.

    Raises
    ------
    BadInput
        If the weights don't fit, no torch module is the network's limit, or there are sweeps without a program.
    NotAvailable
        If the format needs a package that isn't installed.
    """
    form = FORMATS[checks.one_of(to, FORMATS, "format", "--to")]
    check_export(to, sweeps, device is not None)
    if form.pulses and device is None:
        raise BadInput("pulses for no device", "--to pulses", "--device and a crossbar")
    form.write(Trained(network, fitting(weights, network.sizes), sweeps, device), path)


def check_export(to: str, sweeps: int, device: bool = False) -> None:
    """Refuse, before anything is read, what :func:`export` would."""
    form = FORMATS[checks.one_of(to, FORMATS, "format", "--to")]
    if device and not form.pulses:
        raise BadInput(f"a device in a file of format {to!r}", "--device", "left out, or --to pulses")
    if checks.count(sweeps, "--sweeps", 0, "sweeps") and not form.program:
        raise BadInput("sweeps in a file of weights", "--sweeps", "left out, or --to torch or onnx")
    missing = [name for name in form.needs if find_spec(name) is None]
    if missing:
        raise NotAvailable(f"--to {to} needs {' and '.join(missing)}: pip install 'neuroep[exchange]'")


def _write_safetensors(what: Trained, path: Path) -> None:
    from neuroep.bridges.weights_file import save_weights

    save_weights(what.weights, path)


def _write_pulses(what: Trained, path: Path) -> None:
    from neuroep.bridges.pulse_plan import write_plan

    assert what.device is not None
    write_plan(what.network, what.weights, what.device, path)


def _write_torch(what: Trained, path: Path) -> None:
    import torch

    module, example, shapes = _traceable(what.network, what.weights, what.sweeps)
    content = io.BytesIO()
    with _quiet():
        torch.export.save(torch.export.export(module, example, dynamic_shapes=shapes), content)
    write_atomic(path, content.getvalue())


def _write_onnx(what: Trained, path: Path) -> None:
    import torch

    module, example, shapes = _traceable(what.network, what.weights, what.sweeps)
    with _quiet():
        program = torch.onnx.export(
            module, example, dynamo=True, dynamic_shapes=shapes, input_names=["x"], output_names=["y"], verbose=False
        )
    assert program is not None
    write_atomic(path, program.model_proto.SerializeToString())


def _traceable(network: Network, weights: Weights, sweeps: int) -> tuple[Any, tuple[Any], tuple[dict[int, Any]]]:
    """Return a torch module, an example of its input, and which of its sizes may be others."""
    import torch

    from neuroep.bridges.torch_settled import Settled
    from neuroep.bridges.torch_weights import to_torch

    module = Settled(network, weights, sweeps) if sweeps else to_torch(network, weights)
    dtype = torch.float32 if weights.couplings.dtype.itemsize == 4 else torch.float64
    return module.eval(), (torch.zeros(TRACED_ROWS, network.columns, dtype=dtype),), ({0: torch.export.Dim("batch")},)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch says of its own insides to itself."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


FORMATS: dict[str, Format] = {
    "torch": Format(".pt2", _write_torch),
    "onnx": Format(".onnx", _write_onnx, ("onnx", "onnxscript")),
    "safetensors": Format(".safetensors", _write_safetensors, program=False),
    "pulses": Format(".pulses.csv", _write_pulses, program=False, pulses=True),
}
