"""ByteDMD: data movement distance in bytes, of programs of instructions on named values.

The cost model of the cybertronai project (github.com/cybertronai/ByteDMD), after Ding and Smith (2022):

* values lie in one piece each on an LRU stack of bytes; reading one at depth d (top = 1) costs ⌈√d⌉, writing nothing;
* all operands of an instruction are priced before any of them moves, one that is named twice twice; then they move to
  the top in the order of reading, and the results follow;
* only what is live lies on the stack: a value leaves it after its last use, at once if it has none;
* arguments lie on it at the start, the first on top, and of each argument the last part on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.cost.reuse import Access
from neuroep.errors import BadInput

FLOAT_BYTES = 4
"""Bytes of a single-precision float."""

IntArray = NDArray[np.int64]


class Instruction(NamedTuple):
    """What is read at once, in order, and what is then written: names of values.

    A name that is written again is a new value.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()


class Program(NamedTuple):
    """Straight code.

    Attributes
    ----------
    arguments : sequence of sequence of str
        Values of each argument.
    instructions : sequence of Instruction
        In order.
    results : sequence of str
        Names whose last values stay live to the end.
    """

    arguments: Sequence[Sequence[str]]
    instructions: Sequence[Instruction]
    results: Sequence[str] = ()


class _Values:
    """Numbers of values: each write of a name makes a new one."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.latest: dict[str, int] = {}

    def written(self, name: str) -> int:
        """Return the number of a new value of that name."""
        self.latest[name] = len(self.names)
        self.names.append(name)
        return self.latest[name]

    def of(self, name: str) -> int:
        """Return the number of a name's latest value."""
        try:
            return self.latest[name]
        except KeyError:
            raise BadInput(f"{name!r} is read before it is written", "program") from None


class _Rows(NamedTuple):
    """Lists of different lengths, one after another, and where each starts; one start more than lists."""

    values: IntArray
    starts: IntArray


def _rows(lists: Sequence[Sequence[int]]) -> _Rows:
    starts = np.concatenate([[0], np.cumsum([len(each) for each in lists], dtype=np.int64)])
    return _Rows(np.array([value for each in lists for value in each], dtype=np.int64), starts)


def byte_dmd(program: Program, sizes: int | Mapping[str, int] = 1) -> int:
    """Return the ByteDMD of a program.

    Parameters
    ----------
    program : Program
    sizes : int or mapping of str to int
        Bytes of every value, or of each by its name.

    Returns
    -------
    int
        Σ ⌈√depth⌉ over all bytes read.

    Raises
    ------
    BadInput
        If a value is read before it is written, has no size or none of at least a byte.
    """
    from neuroep.cost.stack_kernels import byte_costs

    values, reads, writes = _numbered(program)
    operands, outputs = _rows(reads), _rows(writes)
    bytes_of = _bytes(values.names, sizes)
    last = _last_uses(values, operands, outputs, program.results)
    costs = byte_costs(*operands, *outputs, bytes_of, last, _room(operands, outputs, last))
    return int(costs.sum())


def _numbered(program: Program) -> tuple[_Values, list[list[int]], list[list[int]]]:
    """Return the values read and written by each instruction; the arguments are written by a first of their own."""
    values = _Values()
    loaded = [name for argument in reversed(program.arguments) for name in argument]
    reads: list[list[int]] = [[]]
    writes = [[values.written(name) for name in loaded]]
    for instruction in program.instructions:
        reads.append([values.of(name) for name in instruction.reads])
        writes.append([values.written(name) for name in instruction.writes])
    return values, reads, writes


def _bytes(names: Sequence[str], sizes: int | Mapping[str, int]) -> IntArray:
    if isinstance(sizes, Mapping):
        for name in names:
            if name not in sizes:
                raise BadInput(f"no size of {name!r}", "sizes")
        return np.array([checks.whole(sizes[name], f"sizes.{name}", 1) for name in names], dtype=np.int64)
    return np.full(len(names), checks.whole(sizes, "sizes", 1), dtype=np.int64)


def _last_uses(values: _Values, operands: _Rows, outputs: _Rows, results: Sequence[str]) -> IntArray:
    """The instruction after which each value is dead: the last that reads it, or the one that wrote it."""
    last = np.zeros(len(values.names), np.int64)
    for rows in (outputs, operands):
        np.maximum.at(last, rows.values, np.repeat(np.arange(len(rows.starts) - 1), np.diff(rows.starts)))
    for name in results:
        last[values.of(name)] = len(operands.starts)
    return last


def _room(operands: _Rows, outputs: _Rows, last: IntArray) -> int:
    """Twice as many places as values are ever live, and those that one instruction takes before any of them dies."""
    born = np.diff(outputs.starts)
    dead = np.bincount(last, minlength=len(born) + 1)[: len(born)]
    live = np.cumsum(born - np.concatenate([[0], dead[:-1]]))
    return int(2 * live.max(initial=0) + (np.diff(operands.starts) + born).max(initial=0) + 1)


def program_of(trace: Iterable[Access]) -> tuple[Program, dict[str, int]]:
    """Return a trace of buffers as a program whose values are whole buffers of single-precision floats.

    What is written before anything is read are the arguments. Accesses of buffers from one read up to the next read
    after a write are one instruction. Arguments that are written again are the results: a training step's weights.

    Returns
    -------
    Program
    dict of str to int
        Bytes of each buffer, for :func:`byte_dmd`.

    Raises
    ------
    BadInput
        If a buffer is accessed in part.
    """
    sizes: dict[str, int] = {}
    groups: list[tuple[list[str], list[str]]] = [([], [])]
    for kind, buffer, size in trace:
        if sizes.setdefault(buffer, FLOAT_BYTES * size) != FLOAT_BYTES * size:
            raise BadInput(f"{kind} of {size} floats of {buffer!r}", "trace", f"all {sizes[buffer] // FLOAT_BYTES}")
        if kind == "read" and (groups[-1][1] or len(groups) == 1):
            groups.append(([], []))
        groups[-1][kind == "write"].append(buffer)
    arguments, *steps = groups
    written = {name for _, writes in steps for name in writes}
    program = Program(
        [(name,) for name in arguments[1]],
        [Instruction(tuple(reads), tuple(writes)) for reads, writes in steps],
        [name for name in arguments[1] if name in written],
    )
    return program, sizes
