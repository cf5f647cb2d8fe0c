"""What a phase of the reference engine settles in: buffers that are written when something in them changes."""

from __future__ import annotations

import numpy as np

from neuroep.equilibrium import Equilibrium, Registers
from neuroep.weights import FloatArray


class Buffers:
    """States s_k, sums u_k from below and d_k from above of one phase in the making, and what lines hold.

    What is still zero holds nothing yet, and nudged copies share the free phase's rows until theirs change.

    Parameters
    ----------
    start : Equilibrium
        States and sums that the phase goes on from.
    registers : Registers
        The same of sums from above and of lines.
    copies : int
        Rows of the phase for each row of `start`.
    begun : set of str
        Buffers that hold something: ``"s1"``, ``"u1"``, ....
    apart : bool
        Whether every copy has rows of its own from the start, as registers must, which are added to.
    mark : str
        What names of the phase's own buffers end in.
    targets : str
        The buffer of y.

    Attributes
    ----------
    rows : ndarray of int
        Rows that haven't settled yet; all others keep what they have.
    """

    def __init__(
        self, start: Equilibrium, registers: Registers, copies: int, begun: set[str], apart: bool, mark: str = "",
        targets: str = "y",
    ) -> None:  # fmt: skip
        parts = start.states, start.currents, registers.down, registers.driven_up, registers.driven_down
        states, up, down, self.driven_up, self.driven_down = (
            [np.tile(a, (copies, 1)) if apart else a for a in part] for part in parts
        )
        self._held = {"s": states, "u": up, "d": down}
        self.up_fresh, self.down_fresh = start.fresh.copy(), registers.fresh.copy()
        self._begun, self._own, self.mark, self.targets = begun, set[str](), mark, targets
        self._count = copies * len(start.residual)
        self.rows = np.arange(self._count)

    def has(self, letter: str, k: int) -> bool:
        """Whether a buffer holds anything but zeros."""
        return f"{letter}{k}" in self._begun

    def of(self, letter: str, k: int) -> FloatArray:
        """Return the rows that haven't settled."""
        held = self._held[letter][k - 1]
        active: FloatArray = held[self.rows % len(held)]
        return active

    def put(self, letter: str, k: int, values: FloatArray) -> None:
        """Change the rows that haven't settled: all at once, or some of what is then the phase's own."""
        held, name = self._held[letter], f"{letter}{k}"
        if len(self.rows) == self._count:
            held[k - 1] = values
        else:
            if name not in self._own:
                held[k - 1] = np.tile(held[k - 1], (self._count // len(held[k - 1]), 1))
            held[k - 1][self.rows] = values
        self._begun.add(name)
        self._own.add(name)

    def access(self, letter: str, k: int) -> tuple[str, int]:
        """Return the name and the floats of those rows of a buffer, as a recorder takes them down."""
        held = self._held[letter][k - 1]
        own = self.mark if f"{letter}{k}" in self._own else ""
        return f"{letter}{k}{own}", min(len(self.rows), len(held)) * held.shape[1]

    def whole(self, letter: str) -> tuple[FloatArray, ...]:
        """Return the buffers of all layers with every row, shared ones repeated."""
        return tuple(a if len(a) == self._count else np.tile(a, (self._count // len(a), 1)) for a in self._held[letter])
