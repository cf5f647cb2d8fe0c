"""The cuda engine: every phase one kernel, arrays on the GPU when the caller's are."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from neuroep.circuit import Circuit, reads_exactly
from neuroep.engines import in_time
from neuroep.engines.base import (
    Accumulation,
    How,
    Keys,
    Nudge,
    Plan,
    Settlings,
    by_sweeps,
    no_spikes,
    refuse_unsupported,
    unknown,
)
from neuroep.engines.cuda import flows as cuda_flows
from neuroep.engines.cuda import kernels as cuda_kernels
from neuroep.engines.cuda import products as cuda_products
from neuroep.engines.cuda.arrays import OnDevice, bring_back, flat, gathered, give, host, layers, on_device, on_gpu
from neuroep.engines.cuda.check import cuda_available
from neuroep.engines.cuda.flows import Begin
from neuroep.engines.cuda.launches import Launches, elementwise
from neuroep.engines.cuda.tiles import PRODUCTS, Tile
from neuroep.equilibrium import Equilibrium
from neuroep.errors import NotAvailable
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.physics.hopfield import HOPFIELD
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray


class CudaEngine:
    """numba-cuda settling on the current GPU.

    Arrays that are on the GPU are used where they are, and results stay there if the input of the call did; arrays
    of the host are copied. :meth:`load` puts a circuit's weights on the GPU once, so that a step copies none.

    Parameters
    ----------
    tile : Tile, optional
        The shape of the blocks that settle; chosen by the sizes and the batch if left out.
    products : Tile, optional
        The shape of the blocks of the drive and of contrasts.
    resident : bool, optional
        Whether states are kept in shared memory; by default they are where they fit.
    """

    name = "cuda"
    on_host = False

    def __init__(self, tile: Tile | None = None, products: Tile = PRODUCTS, resident: bool | None = None) -> None:
        reason = cuda_available()
        if reason is not None:
            raise NotAvailable(f"the cuda engine can't run here: {reason}")
        self._products, self._launches = products, Launches(tile, resident)
        self._kept: dict[str, OnDevice] = {}
        self._turn = threading.RLock()

    def session(self) -> AbstractContextManager[object]:
        """Hold other users of this engine off its buffers while a block of work lasts."""
        return self._turn

    def supports(self, circuit: Circuit, how: How) -> str | None:
        """See Engine."""
        if isinstance(how, Spikes):
            return no_spikes(how, self.name)
        return _lacking(circuit) or (None if isinstance(how, Plan) else cuda_flows.lacking(how))

    def load(self, circuit: Circuit) -> Circuit:
        """Return the circuit with its weights on the GPU, where engine calls use and update them in place."""
        up = on_device(circuit.up)
        down = up if circuit.down is circuit.up else on_device(circuit.down)
        return circuit._replace(up=up, down=down, biases=on_device(circuit.biases))

    def drive(self, circuit: Circuit, x: FloatArray, noise_key: int, ledger: Ledger, phase: Phase) -> FloatArray:
        """See Engine."""
        drive: FloatArray = give(self._drive(circuit, x, ledger, phase), on_gpu(x)).reshape(len(x), -1)
        return drive

    def _drive(self, circuit: Circuit, x: FloatArray, ledger: Ledger, phase: Phase) -> Any:
        """W_1ᵀ x on the GPU, flat."""
        _check(circuit)
        n0, n1, rows = int(circuit.sizes[0]), int(circuit.sizes[1]), len(x)
        kind, tile = np.dtype(circuit.up.dtype), self._products
        out = cuda.device_array(rows * n1, kind)
        grid = (-(-n1 // tile.columns), -(-rows // tile.rows))
        kernel = cuda_products.drive(kind, tile)
        lines, found = flat(x), cuda.to_device(np.zeros(1, dtype=np.int64))
        kernel[grid, (tile.threads_x, tile.threads_y)](rows, n1, n0, lines, on_device(circuit.up), out)
        cuda_products.count_lit(kind)[elementwise(len(lines))](lines, found)
        ledger.add_read(phase, True, 1, rows, lit=int(found.copy_to_host()[0]))
        return out

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine."""
        return self._settle_free(circuit, flat(drive), len(drive), plan, ledger, phase, on_gpu(drive))

    def _settle_free(
        self, circuit: Circuit, drive: Any, rows: int, plan: How, ledger: Ledger, phase: Phase, there: bool
    ) -> Equilibrium:
        kind, outputs = np.dtype(circuit.up.dtype), int(circuit.sizes[-1])
        if isinstance(plan, ContinuousPlan):
            nothing = Nudge(np.zeros((rows, outputs), kind), np.zeros(rows, kind))
            begin = self._at_rest(circuit, drive, rows)
            return self._in_time(circuit, begin, nothing, plan, ledger, phase, there, "free")
        swept = by_sweeps(plan, self.name)
        targets, beta = cuda.to_device(np.zeros(rows * outputs, kind)), cuda.to_device(np.zeros(rows, kind))
        start, fresh = (drive, drive, rows), np.ones(len(circuit.sizes) - 1, dtype=np.bool_)
        return self._settle(circuit, start, fresh, targets, beta, swept, ledger, phase, there, "free")

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine."""
        return self._settle_nudged(circuit, free, self._recall(free), nudge, plan, ledger)

    def _settle_nudged(
        self, circuit: Circuit, free: Equilibrium, own: OnDevice | None, nudge: Nudge, plan: How, ledger: Ledger
    ) -> Equilibrium:
        rows, there = len(free.residual), on_gpu(free.states[0])
        if isinstance(plan, ContinuousPlan):
            assert free.variables is not None
            parts = (flat(free.variables), flat(free.currents[0])) if own is None else (own.variables, own.up)
            begin = Begin(*parts, rows)
            return self._in_time(circuit, begin, nudge, plan, ledger, Phase.NUDGED, there, "nudged")
        found = (gathered(free.states), gathered(free.currents)) if own is None else (own.states, own.up)
        targets, beta = flat(nudge.targets), flat(nudge.beta)
        swept = by_sweeps(plan, self.name)
        return self._settle(
            circuit, (*found, rows), free.fresh, targets, beta, swept, ledger, Phase.NUDGED, there, "nudged"
        )

    def phases(
        self, circuit: Circuit, x: FloatArray, plans: Settlings, nudge: Nudge, keys: Keys, ledger: Ledger
    ) -> tuple[Equilibrium, Equilibrium]:
        """See Engine; nothing goes through the host between the three kernels."""
        drive = self._drive(circuit, x, ledger, Phase.FREE)
        free = self._settle_free(circuit, drive, len(x), plans.free, ledger, Phase.FREE, on_gpu(x))
        return free, self._settle_nudged(circuit, free, self._recall(free, True), nudge, plans.nudged, ledger)

    def _recall(self, settled: Equilibrium, untouched: bool = False) -> OnDevice | None:
        """What is on the GPU of an equilibrium, if it is our last.

        Arrays of the host may have been written to since, unless we know that they are untouched.
        """
        kept, same = self._kept.get("free"), untouched or on_gpu(settled.states[0])
        if not same or kept is None:
            return None
        given = kept.given
        parts = ("states", "currents", "variables")
        return kept if all(getattr(given, part) is getattr(settled, part) for part in parts) else None

    def _settle(
        self, circuit: Circuit, start: tuple[Any, Any, int], fresh: NDArray[np.bool_], targets: Any, beta: Any,
        plan: Plan, ledger: Ledger, phase: Phase, there: bool, slot: str,
    ) -> Equilibrium:  # fmt: skip
        _check(circuit)
        laid, rows, kind = self._launches.laid(circuit), len(beta), np.dtype(circuit.up.dtype)
        block, nudged = self._launches.block(laid.sizes, rows, kind), phase is Phase.NUDGED
        sweep = self._launches.sweep(plan.order, circuit.last, nudged, fresh)
        states, up, down = (cuda.device_array(rows * laid.units, kind) for _ in range(3))
        residual = cuda.device_array(rows, kind)
        steps, codes = cuda.device_array(rows, np.int64), cuda.device_array(rows, np.int64)
        counts = cuda.to_device(np.zeros(ledger.counts.shape[1:], dtype=np.int64))
        cuda_kernels.settle(kind, block.tile, block.resident)[block.launch](
            *laid.arrays, sweep.updates, plan.sweeps, float(plan.tolerance), int(nudged), int(circuit.cost),
            float(circuit.feedback), on_device(circuit.up), on_device(circuit.down), on_device(circuit.biases), *start,
            targets, beta, block.room, states, up, down, residual, steps, codes, counts, rows,
        )  # fmt: skip
        _count(ledger, phase, counts.copy_to_host())
        given = layers(give(states, there), rows, laid.sizes)
        currents = layers(give(up, there), rows, laid.sizes)
        found = Equilibrium(given, currents, sweep.fresh.copy(), *(give(a, there) for a in (residual, steps, codes)))
        self._kept[slot] = OnDevice(found, states, up)
        return found

    def _in_time(
        self, circuit: Circuit, begin: Begin, nudge: Nudge, plan: ContinuousPlan, ledger: Ledger, phase: Phase,
        there: bool, slot: str,
    ) -> Equilibrium:  # fmt: skip
        refuse_unsupported(self, circuit, plan)
        kept = cuda_flows.integrate(self._launches, circuit, begin, nudge, plan, there)
        tried, nudged = host(kept.given.steps), bool(host(nudge.beta).any())
        in_time.count(circuit, plan, tried, np.zeros_like(tried), nudged, ledger, phase)
        self._kept[slot] = kept
        return kept.given

    def integrate(
        self, circuit: Circuit, drive: FloatArray, nudge: Nudge, plan: ContinuousPlan, start: FloatArray | None = None
    ) -> Equilibrium:
        """Integrate the membrane form by fixed steps of an explicit solver until ‖τ du/dt‖ is at the tolerance.

        Parameters
        ----------
        circuit : Circuit
            A circuit without converters or read noise.
        drive : ndarray, shape (rows, n_1)
            W_1ᵀ x of each row.
        nudge : Nudge
            y and β of each row; β = 0 is the free phase.
        plan : ContinuousPlan
            A solver without noise, a fixed step, the membrane form, tolerance and limits.
        start : ndarray, shape (rows, Σ n_k), optional
            Potentials of the dynamical layers, side by side; zero if left out.

        Returns
        -------
        Equilibrium
            With steps instead of sweeps, and the potentials at the end as `variables`.

        Raises
        ------
        BadInput
            For a plan of another kind, or a nudged hinge, which has no rest.
        """
        refuse_unsupported(self, circuit, plan)
        begin = self._at_rest(circuit, flat(drive), len(drive))
        if start is not None:
            begin = begin._replace(variables=flat(start))
        return cuda_flows.integrate(self._launches, circuit, begin, nudge, plan, on_gpu(drive)).given

    def _at_rest(self, circuit: Circuit, drive: Any, rows: int) -> Begin:
        units = rows * int(circuit.units[circuit.last])
        return Begin(cuda.to_device(np.zeros(units, dtype=circuit.up.dtype)), drive, rows)

    def contrast(
        self,
        circuit: Circuit,
        x: FloatArray,
        states: Sequence[FloatArray],
        coefficients: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """See Engine."""
        last = circuit.last
        out, biases, weights = flat(into.out.couplings), flat(into.out.biases), flat(coefficients)
        below, rows = flat(x), len(x)
        for k in range(1, last + 1):
            state = flat(states[k - 1])
            self._outer(circuit, k, below, rows, state, weights, -1.0 / float(circuit.reach[k]), into, out, biases)
            ledger.add_products(k, rows, len(coefficients))
            below, rows = state, len(states[k - 1])
        bring_back(out, into.out.couplings)
        bring_back(biases, into.out.biases)

    def readout_gradient(
        self,
        circuit: Circuit,
        free: Equilibrium,
        targets: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """See Engine."""
        if circuit.last == len(circuit.sizes) - 1:
            return
        depth, rows, kind = len(free.states), len(targets), np.dtype(circuit.up.dtype)
        out, biases = flat(into.out.couplings), flat(into.out.biases)
        error = cuda.to_device(np.zeros(targets.size, dtype=kind))
        self.add(error, flat(free.output), 1.0 / rows)
        self.add(error, flat(targets), -1.0 / rows)
        ones = cuda.to_device(np.ones(rows, dtype=kind))
        self._outer(circuit, depth, flat(free.states[-2]), rows, error, ones, 1.0, into, out, biases)
        bring_back(out, into.out.couplings)
        bring_back(biases, into.out.biases)
        ledger.add_products(depth, rows, rows)

    def add(self, out: FloatArray, change: FloatArray, rate: float, keep: float = 1.0) -> None:
        """out ← keep · out + rate · change in place, for flat arrays of one length: the update of ideal weights."""
        target = flat(out)
        kernel = cuda_products.axpy(np.dtype(target.dtype))[elementwise(len(target))]
        kernel(target, flat(change), float(rate), float(keep))
        bring_back(target, out)

    def _outer(
        self, circuit: Circuit, k: int, below: Any, rows: int, states: Any, coefficients: Any, sign: float,
        into: Accumulation, out: Any, biases: Any,
    ) -> None:  # fmt: skip
        sizes, tile = into.out.sizes, self._products
        n_below, n, copies = sizes[k - 1], sizes[k], len(coefficients) // rows
        kernel = cuda_products.contrast(np.dtype(circuit.up.dtype), tile)
        grid = (-(-n // tile.columns), -(-n_below // tile.rows))
        kernel[grid, (tile.threads_x, tile.threads_y)](
            rows, copies, n_below, n, below, 0, states, 0, coefficients, sign * into.rates[k - 1], into.keep,
            out, int(Layout.of(sizes).starts[k - 1]), biases, int(Layout.of(sizes).units[k - 1]),
        )  # fmt: skip


def _count(ledger: Ledger, phase: Phase, counts: NDArray[np.int64]) -> None:
    """Add what a kernel counted; its reads are those of whole arrays."""
    for upward, event, lit in ((True, Event.READ_UP, Event.LIT_UP), (False, Event.READ_DOWN, Event.LIT_DOWN)):
        for k in range(1, len(ledger.sizes)):
            ledger.add_read(phase, upward, k, int(counts[event, k]), lit=int(counts[lit, k]))
        counts[[event, lit]] = 0
    ledger.counts[phase] += counts


def _lacking(circuit: Circuit) -> str | None:
    """What of a circuit the kernels can't settle, with the remedy."""
    tiled = circuit.tile_rows or circuit.tile_columns
    if not reads_exactly(circuit) or circuit.managed or tiled or circuit.averaged > 1:
        what = "converters, read noise, averaged, managed or adjoint reads and no tiles"
        return f"the cuda engine has no {what} yet: use --engine cpu"
    if len(circuit.skips.sources):
        return "the cuda engine has no skips yet: use --engine cpu"
    return unknown(circuit, "cuda", (HOPFIELD.code,))


def _check(circuit: Circuit) -> None:
    reason = _lacking(circuit)
    if reason is not None:
        raise NotAvailable(reason)
