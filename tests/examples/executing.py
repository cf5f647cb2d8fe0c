"""Execute a notebook in a kernel of its own, and keep what it showed on the way, which its outputs don't tell.

`python executing.py NOTEBOOK OUT`: in a process of its own, since clients of kernels leave their sockets to the
garbage collector.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient


class Client(NotebookClient):  # type: ignore[misc]
    """Keeps the pictures that later ones take the place of."""

    def process_message(self, message: dict[str, Any], cell: Any, index: int) -> Any:
        if message["msg_type"] in ("display_data", "update_display_data"):
            self.resources.setdefault("shown", []).append(message["content"]["data"]["text/html"])
        return super().process_message(message, cell, index)


def main(notebook: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory() as short:  # a socket's path has a hundred characters at most
        os.environ["JUPYTER_RUNTIME_DIR"] = short
        kernel = AsyncKernelManager(transport="ipc", ip=f"{short}/kernel")  # no port that is open to others
        read = nbformat.read(notebook, as_version=4)
        client = Client(read, km=kernel, timeout=300, resources={"metadata": {"path": str(out.parent)}})
        done = client.execute(cleanup_kc=True)
    cells = [cell.outputs for cell in done.cells if cell.cell_type == "code"]
    out.write_text(json.dumps({"cells": cells, "shown": client.resources.get("shown", [])}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
