"""`neuroep export` and `neuroep import`: trained networks to other programs, and weights from them."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from neuroep.commands.console import say, show_json


def add(commands: Any) -> None:
    """Add both commands' arguments."""
    out = commands.add_parser(
        "export",
        help="write a run's network for torch or ONNX, as weights or pulses",
        example="neuroep export runs/digits-mlp --to onnx",
    )
    out.add_argument("run", type=Path, help="the folder of a finished run")
    out.add_argument("--to", required=True, metavar="FORMAT", help="torch, onnx, safetensors or pulses")
    out.add_argument("--job", metavar="JOB", help="which training, METHOD/DEVICE/SEED (default EP on exact weights)")
    out.add_argument("--sweeps", type=int, default=0, metavar="K", help="settle by K sweeps (default: feedforward)")
    out.add_argument(
        "--device",
        "-d",
        metavar="D",
        help="the crossbar that gets the pulses: one of the run's, or any (default: the training's)",
    )
    out.add_argument("--out", type=Path, metavar="FILE", help="the file (default MODEL.pt2, .onnx, .safetensors, ...)")
    out.set_defaults(act=act_export)
    back = commands.add_parser(
        "import",
        help="make weights of torch, ONNX or CSV files neuroep's own",
        example="neuroep import weights.safetensors --model digits-mlp",
    )
    back.add_argument("file", type=Path, help=".safetensors, .pt, .pth, .onnx, or a folder with a .csv a layer")
    back.add_argument("--model", "-m", required=True, metavar="MODEL", help="the model whose weights they are")
    back.add_argument("--out", type=Path, metavar="FILE", help="the file (default MODEL.safetensors)")
    back.set_defaults(act=act_import)
    for each in (out, back):
        each.add_argument("--force", action="store_true", help="even if the file is there")
        each.add_argument("--json", action="store_true", help="print one JSON object")


def act_export(options: argparse.Namespace) -> int:
    """Carry out `export`."""
    from neuroep.bridges.exports import FORMATS, check_export, export
    from neuroep.bridges.weights_file import jobs_of, load_weights
    from neuroep.disk import read_json, refuse_existing
    from neuroep.network import Network

    check_export(options.to, options.sweeps, options.device is not None)
    result, folder = read_json(options.run / "result.json"), options.run
    network = Network.from_dict(_at(result, "spec", "network", folder=folder), str(folder / "result.json"))
    jobs = jobs_of(folder)
    job = _usual(jobs) if options.job is None else options.job
    written = _at(result, "spec", "devices", folder=folder)
    device = _pulsed(options.device or job.split("/")[1], written, folder) if FORMATS[options.to].pulses else None
    weights = load_weights(folder, network, job)
    out = options.out or Path(f"{_at(result, 'model', folder=folder)}{FORMATS[options.to].suffix}")
    refuse_existing(out, "--out", options.force)
    export(network, weights, out, options.to, options.sweeps, device)
    found = {"run": folder, "job": job, "to": options.to, "sweeps": options.sweeps}
    found |= {"device": None if device is None else device.name} | _written(out)
    if options.json:
        show_json(found)
    else:
        program = f"{options.sweeps} sweeps" if options.sweeps else "the feedforward network"
        held = "weights" if device is None else f"pulses from g_min for the devices of {device.name}"
        say(f"{out}: {program if FORMATS[options.to].program else held}, {job}")
    return 0


def act_import(options: argparse.Namespace) -> int:
    """Carry out `import`."""
    from neuroep.bridges.imports import import_weights
    from neuroep.bridges.weights_file import save_weights
    from neuroep.disk import refuse_existing
    from neuroep.specs.catalogue import load_model

    model = load_model(options.model)
    out = options.out or Path(f"{model.name}.safetensors")
    refuse_existing(out, "--out", options.force)
    weights = import_weights(options.file, model.network())
    save_weights(weights, out)
    found = {"source": options.file, "model": model.name, "sizes": list(weights.sizes)}
    found |= {"dtype": weights.couplings.dtype.name} | _written(out)
    if options.json:
        show_json(found)
    else:
        say(f"{out}: {'-'.join(map(str, weights.sizes))}, {found['dtype']}, for {model.name}")
    return 0


def _at(result: Any, *keys: str, folder: Path) -> Any:
    """Return an entry of a run's result."""
    from neuroep.errors import BadInput

    for key in keys:
        if not isinstance(result, dict) or key not in result:
            raise BadInput(f"no {'.'.join(keys)!r}", str(folder / "result.json"), "what a run wrote")
        result = result[key]
    return result


def _pulsed(name: str, written: Any, folder: Path) -> Any:
    """Return the hardware that gets the pulses: a device of the run as the run has it, or another one."""
    from neuroep.errors import BadInput
    from neuroep.specs.catalogue import load_device
    from neuroep.specs.device import device_from
    from neuroep.studies.rig import built

    if isinstance(written, dict) and isinstance(written.get(name), dict):
        spec = device_from(written[name] | {"companion": None}, name, folder / "result.json")
    else:
        spec = load_device(name)
    if not spec.is_hardware:
        raise BadInput(f"{spec.name!r} is no hardware", "--to pulses", "--device and a crossbar, or --job of one")
    return built(spec)


def _usual(jobs: tuple[str, ...]) -> str:
    """Return the first training by EP on exact weights, or whichever there is."""
    return next((job for job in jobs if job.startswith("ep/ideal/")), jobs[0])


def _written(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"file": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
