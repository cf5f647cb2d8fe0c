"""Weights from files that other programs wrote, for a network that is known.

A torch state dict, in a .pt or .safetensors file, has ``NAME.weight`` (out, in) and ``NAME.bias`` of each layer; layers
are taken in the order of the numbers in their names. An ONNX file has the same names, and a program, which must compute
what the network does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.bridges.csv_weights import weights_of_folder
from neuroep.bridges.weights_file import METADATA, load_weights
from neuroep.disk import load_tensors, require_file
from neuroep.errors import BadInput, NotAvailable
from neuroep.network import Network
from neuroep.rng import stream
from neuroep.weights import FLOAT_TYPES, FloatArray, Weights

Tensors = Mapping[str, NDArray[Any]]
ALLOWED = ".safetensors, .pt, .pth or .onnx, or a folder with a table (.csv) for each layer"
#: Rows on which an ONNX program is held to the network.
ROWS = 16


def import_weights(path: str | Path, network: Network) -> Weights:
    """Read the weights of a network from a file of another program.

    Parameters
    ----------
    path : path
        ``.safetensors`` (of neuroep, or a torch state dict), ``.pt`` or ``.pth`` (a torch state dict, read without
        running any code of it), ``.onnx``, or a folder with a table for each layer
        (:mod:`neuroep.bridges.csv_weights`).
    network : Network
        Whose weights they are.

    Returns
    -------
    Weights
        In the file's own floating-point type.

    Raises
    ------
    BadInput
        If the file is missing, damaged or of another kind, its tensors aren't one weight and one bias a layer of the
        network's sizes, or an ONNX program computes something else.
    NotAvailable
        If onnx isn't installed.
    """
    file = checks.path(path, "file")
    if file.is_dir():
        return weights_of_folder(file, checks.instance(network, Network, "network"))
    read = READERS.get(file.suffix.lower())
    if read is None:
        what = f"{file.suffix or 'no'} files, which can run code when they are read" if file.suffix == ".pt2" else ""
        raise BadInput(what or f"a file called {file.name!r}", str(file), ALLOWED)
    require_file(file, ALLOWED)
    return read(file, checks.instance(network, Network, "network"))


def _from_safetensors(file: Path, network: Network) -> Weights:
    tensors, metadata = load_tensors(file)
    if metadata.get("layout") == METADATA["layout"]:
        return load_weights(file, network)
    return weights_of_state(tensors, network, str(file))


def _from_torch(file: Path, network: Network) -> Weights:
    import torch

    allowed = "what torch.save wrote of a state_dict()"
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged archive makes torch raise
        raise BadInput(
            f"no state dict of torch's ({type(error).__name__})", str(file), "torch.save(…state_dict())"
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise BadInput(f"a {type(found).__name__}", str(file), allowed)
    return weights_of_state({str(name): _plain(tensor) for name, tensor in found.items()}, network, str(file))


def _plain(tensor: Any) -> NDArray[Any]:
    try:
        return np.asarray(tensor.detach().numpy())
    except TypeError:  # a type that numpy doesn't have, refused by its name
        return np.empty(tuple(tensor.shape), dtype=np.float16)


def _from_onnx(file: Path, network: Network) -> Weights:
    try:
        import onnx
        from onnx import numpy_helper
        from onnx.reference import ReferenceEvaluator
    except ImportError as error:
        raise NotAvailable("ONNX files need onnx: pip install 'neuroep[exchange]'") from error
    try:
        model = onnx.load(file, load_external_data=False)
        tensors = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    except Exception as error:  # whatever a damaged file makes protobuf raise
        raise BadInput(f"no ONNX file ({type(error).__name__})", str(file), ALLOWED) from error
    found = weights_of_state({name: t for name, t in tensors.items() if "." in name}, network, str(file))
    x = stream(0, "import").normal(size=(ROWS, network.columns)).astype(found.couplings.dtype)
    try:
        (outputs,) = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x})
    except Exception as error:  # an operator that isn't one, inputs of another size
        raise BadInput(f"its program fails ({type(error).__name__})", str(file), "a feedforward network") from error
    _require_outputs(np.asarray(outputs), network, found, x, str(file))
    return found


def _require_outputs(outputs: NDArray[Any], network: Network, weights: Weights, x: FloatArray, where: str) -> None:
    """Refuse a program whose outputs aren't those of the feedforward network."""
    import torch

    from neuroep.bridges.torch_weights import to_torch

    wanted = to_torch(network, weights)(torch.from_numpy(x)).detach().numpy()
    off = np.abs(outputs - wanted).max() if outputs.shape == wanted.shape else np.inf
    if not off <= 1e-4 * (1.0 + np.abs(wanted).max()):
        raise BadInput(f"its outputs differ from the network's by up to {off:.3g}", where, "the feedforward network")


def weights_of_state(tensors: Tensors, network: Network, where: str) -> Weights:
    """Return weights from the tensors of a torch state dict, (out, in) and (out,) of each layer.

    Raises
    ------
    BadInput
        Naming what doesn't fit.
    """
    layers: dict[str, dict[str, NDArray[Any]]] = {}
    for name in sorted(tensors, key=_by_numbers):
        prefix, _, leaf = name.rpartition(".")
        layers.setdefault(prefix, {})[leaf] = tensors[name]
    if len(layers) != network.depth or any(set(layer) != {"weight", "bias"} for layer in layers.values()):
        shown = ", ".join(tensors) or "(none)"
        raise BadInput(f"tensors {shown}", where, f"NAME.weight and NAME.bias of {network.depth} layer(s)")
    couplings, biases = [], []
    for k, (name, layer) in enumerate(layers.items(), start=1):
        inputs, units = network.sizes[k - 1], network.sizes[k]
        _check(layer["weight"], (units, inputs), f"{where}: {name}.weight")
        _check(layer["bias"], (units,), f"{where}: {name}.bias")
        couplings.append(layer["weight"].T)
        biases.append(layer["bias"])
    if len({array.dtype for array in (*couplings, *biases)}) > 1:
        raise BadInput("tensors of different types", where, "all float32 or all float64")
    return Weights.from_arrays(couplings, biases)


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """Sort "10.weight" behind "9.weight"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _check(tensor: NDArray[Any], shape: tuple[int, ...], where: str) -> None:
    if tensor.dtype.name not in FLOAT_TYPES:
        raise BadInput(f"type {tensor.dtype.name}", where, " or ".join(FLOAT_TYPES))
    if tensor.shape != shape:
        raise BadInput(f"shape {tensor.shape}", where, f"{shape}")


READERS: dict[str, Callable[[Path, Network], Weights]] = {
    ".safetensors": _from_safetensors,
    ".pt": _from_torch,
    ".pth": _from_torch,
    ".onnx": _from_onnx,
}
