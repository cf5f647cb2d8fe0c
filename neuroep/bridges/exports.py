"""Trained networks in files that other programs read: torch.export, ONNX, safetensors.

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
from neuroep.network import Network
from neuroep.weights import Weights, fitting

#: Rows of the example that torch traces; the file takes any number.
TRACED_ROWS = 2


class Format(NamedTuple):
    """A kind of file: its ending, what writes it, what that needs installed, and whether it holds a program."""

    suffix: str
    write: Callable[[Network, Weights, Path, int], None]
    needs: tuple[str, ...] = ()
    program: bool = True


def export(network: Network, weights: Weights, path: Path, to: str, sweeps: int = 0) -> None:
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

    Raises
    ------
    BadInput
        If the weights don't fit, no torch module is the network's limit, or there are sweeps without a program.
    NotAvailable
        If the format needs a package that isn't installed.
    """
    form = FORMATS[checks.one_of(to, FORMATS, "format", "--to")]
    check_export(to, sweeps)
    form.write(network, fitting(weights, network.sizes), path, sweeps)


def check_export(to: str, sweeps: int) -> None:
    """Refuse, before anything is read, what :func:`export` would."""
    form = FORMATS[checks.one_of(to, FORMATS, "format", "--to")]
    if checks.count(sweeps, "--sweeps", 0, "sweeps") and not form.program:
        raise BadInput("sweeps in a file of weights", "--sweeps", "left out, or --to torch or onnx")
    missing = [name for name in form.needs if find_spec(name) is None]
    if missing:
        raise NotAvailable(f"--to {to} needs {' and '.join(missing)}: pip install 'neuroep[exchange]'")


def _write_safetensors(network: Network, weights: Weights, path: Path, sweeps: int) -> None:
    from neuroep.bridges.weights_file import save_weights

    save_weights(weights, path)


def _write_torch(network: Network, weights: Weights, path: Path, sweeps: int) -> None:
    import torch

    module, example, shapes = _traceable(network, weights, sweeps)
    content = io.BytesIO()
    with _quiet():
        torch.export.save(torch.export.export(module, example, dynamic_shapes=shapes), content)
    write_atomic(path, content.getvalue())


def _write_onnx(network: Network, weights: Weights, path: Path, sweeps: int) -> None:
    import torch

    module, example, shapes = _traceable(network, weights, sweeps)
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
}
