"""`neuroep info`: what there is on this machine, for a report of a problem."""

from __future__ import annotations

import argparse
from typing import Any

from neuroep.commands.console import say, show_json


def add(commands: Any) -> None:
    """Add the command's arguments."""
    about = "versions, cores, BLAS, kernel cache, data sets and CUDA driver found here"
    parser = commands.add_parser("info", help=about, example="neuroep info")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.bench.installation import installation

    found = installation()
    if options.json:
        show_json(found)
    else:
        say("\n".join(f"{name:<9}{text}" for name, text in _lines(found)))
    return 0


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    kernels, cuda = found["kernels"], found["cuda"]
    package = "numba-cuda installed" if cuda["numba_cuda"] else "numba-cuda not installed"
    return [
        *found["versions"].items(),
        ("system", found["system"]),
        ("cores", f"{found['cores']} for this process"),
        *(("BLAS", f"{b['library']} {b['version']}, threads {b['threads']}, {b['file']}") for b in found["blas"]),
        ("kernels", f"{kernels['files']} files, {kernels['bytes'] / 1e6:.1f} MB below {kernels['folder']}"),
        *(("data", f"{each['name']}: {each['place'] or 'not here'}") for each in found["data"]),
        ("CUDA", f"{'driver found' if cuda['driver'] else 'no driver found'}, {package}"),
    ]
