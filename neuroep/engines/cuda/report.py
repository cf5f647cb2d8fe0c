"""What the compilers make of the cuda kernels: PTX by numba-cuda, SASS by ptxas, no GPU needed.

``python -m neuroep.engines.cuda.report`` prints registers, spills and shared memory of every kernel.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroep.engines.cuda.check import REMEDY, has_numba_cuda, simulated
from neuroep.engines.cuda.tiles import PRODUCTS, SETTLING, Tile, static_bytes
from neuroep.errors import NotAvailable

#: Compute capabilities: A100, H100, B100.
ARCHITECTURES = ((8, 0), (9, 0), (10, 0))


class KernelVariant(NamedTuple):
    """One kernel as it can be launched."""

    name: str
    dtype: str
    tile: Tile | None
    resident: bool

    @property
    def label(self) -> str:
        """Name, float type and rows of a block."""
        rows = "" if self.tile is None else f" {self.tile.rows} rows"
        where = "" if self.resident else " global"
        return f"{self.name} {self.dtype}{rows}{where}"

    @property
    def static_bytes(self) -> int:
        """Static shared memory that the kernel asks for, by arithmetic."""
        if self.tile is None:
            return 0
        if self.name in ("settle", "integrate"):
            return static_bytes(self.tile, self.dtype)
        padded = 1 if self.name == "drive" else 0
        numbers = self.tile.rows * (self.tile.depth + padded) + self.tile.depth * self.tile.columns
        return int(np.dtype(self.dtype).itemsize * numbers)


class Compiled(NamedTuple):
    """What ptxas says of a kernel, per thread and per block."""

    variant: KernelVariant
    architecture: str
    registers: int
    spill_bytes: int
    stack_bytes: int
    shared_bytes: int
    sass_bytes: int


def variants(every: bool = False) -> Iterator[KernelVariant]:
    """Yield the kernels in both float types: the widest and the narrowest block, or every one."""
    blocks = [(SETTLING[0], True), (SETTLING[-1], False)]
    if every:
        blocks = [(tile, resident) for tile in SETTLING for resident in (True, False)]
    for dtype in ("float32", "float64"):
        for name in ("settle", "integrate"):
            for tile, resident in blocks:
                yield KernelVariant(name, dtype, tile, resident)
        for name in ("drive", "contrast"):
            yield KernelVariant(name, dtype, PRODUCTS, True)
        for name in ("rearrange", "axpy"):
            yield KernelVariant(name, dtype, None, True)


def unavailable() -> str | None:
    """Return None where kernels can be compiled, else what is missing."""
    if simulated():
        return "numba simulates a GPU in this process"
    if not has_numba_cuda():
        return f"numba-cuda isn't installed: {REMEDY}"
    return None if ptxas() else f"ptxas isn't installed: {REMEDY}"


def ptxas() -> str | None:
    """Return the path of ptxas: beside the nvidia packages of this Python, or on PATH."""
    found = [p for root in sys.path for p in sorted(Path(root or ".").glob("nvidia/*/bin/ptxas"))]
    return str(found[0]) if found else shutil.which("ptxas")


def compile_variant(variant: KernelVariant, architecture: tuple[int, int]) -> Compiled:
    """Compile one kernel to PTX and to SASS.

    Raises
    ------
    NotAvailable
        Where a compiler is missing or refuses.
    """
    reason, assembler = unavailable(), ptxas()
    if reason is not None or assembler is None:
        raise NotAvailable(f"kernels can't be compiled here: {reason}")
    from numba import cuda

    function, signature = _launched(variant)
    text, _ = cuda.compile_ptx(function, signature, cc=architecture)
    arch = f"sm_{architecture[0]}{architecture[1]}"
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(text)
        command = [assembler, "-v", f"-arch={arch}", "-o", str(binary), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotAvailable(f"ptxas refused {variant.label} for {arch}: {done.stderr.strip()}")
        return _parsed(variant, arch, done.stderr, binary.stat().st_size)


def _parsed(variant: KernelVariant, arch: str, said: str, size: int) -> Compiled:
    def number(pattern: str) -> int:
        return sum(int(found) for found in re.findall(pattern, said))

    if not re.search(r"Used \d+ registers", said) or "spill stores" not in said:
        raise NotAvailable(f"ptxas said nothing of registers and spills: {said!r}")
    spills = number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads")
    stack, shared = number(r"(\d+) bytes stack frame"), number(r"(\d+) bytes smem")
    return Compiled(variant, arch, number(r"Used (\d+) registers"), spills, stack, shared, size)


def _launched(variant: KernelVariant) -> tuple[Any, tuple[Any, ...]]:
    """The kernel's Python function and the types that the engine launches it with."""
    import numba
    from numba import float64, int64

    from neuroep.engines.cuda import kernels as cuda_kernels
    from neuroep.engines.cuda import ode as cuda_ode
    from neuroep.engines.cuda import products as cuda_products
    from neuroep.engines.cuda import rows as cuda_rows

    kind = np.dtype(variant.dtype)
    f, i, i2 = numba.from_dtype(kind)[::1], int64[::1], int64[:, ::1]
    if variant.name == "axpy":
        return cuda_products.axpy(kind).py_func, (f, f, float64, float64)
    if variant.name == "rearrange":
        return cuda_rows.rearrange(kind).py_func, (i, int64, int64, int64, f, f, int64)
    if variant.tile is None:
        raise ValueError(f"{variant.name} has a tile")
    if variant.name == "settle":
        scalars = (int64, float64, int64, int64, float64)
        settling = (*(i,) * 5, *scalars, *(f,) * 5, int64, *(f,) * 7, i, i, i2, int64)
        return cuda_kernels.settle(kind, variant.tile, variant.resident).py_func, settling
    if variant.name == "integrate":
        numbers = (int64, int64, float64, int64, float64, int64)
        stepping = (*(i,) * 4, int64, f, f, f, *numbers, *(f,) * 13, i, i, int64)
        return cuda_ode.integrate(kind, variant.tile, variant.resident).py_func, stepping
    if variant.name == "drive":
        return cuda_products.drive(kind, variant.tile).py_func, (int64, int64, int64, f, f, f)
    types = (*(int64,) * 4, f, int64, f, int64, f, float64, float64, f, int64, f, int64)
    return cuda_products.contrast(kind, variant.tile).py_func, types


def table(rows: Sequence[Compiled]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| kernel | arch | registers | spills (B) | stack (B) | static shared (B) |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = (row.registers, row.spill_bytes, row.stack_bytes, row.shared_bytes)
        lines.append(f"| {row.variant.label} | {row.architecture} | " + " | ".join(str(c) for c in cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Print the table; with ``--all`` of every block shape."""
    reason = unavailable()
    if reason is not None:
        sys.stderr.write(f"kernels can't be compiled here: {reason}\n")
        return 1
    rows = [compile_variant(each, arch) for each in variants("--all" in arguments) for arch in ARCHITECTURES]
    sys.stdout.write(table(rows))
    return 1 if any(row.spill_bytes for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
