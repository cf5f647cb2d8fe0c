"""The cuda engine: every phase one kernel, arrays on the GPU when the caller's are."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, cast

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from neuroep.circuit import Circuit, reads_exactly
from neuroep.engines.base import Accumulation, Courses, How, Keys, Nudge, Plan, Plans, unknown
from neuroep.engines.cuda import kernels as cuda_kernels
from neuroep.engines.cuda import ode as cuda_ode
from neuroep.engines.cuda import products as cuda_products
from neuroep.engines.cuda import tiles as cuda_tiles
from neuroep.engines.cuda.arrays import bring_back, copied, flat, gathered, give, host, layers, on_device, on_gpu
from neuroep.engines.cuda.check import cuda_available, simulated
from neuroep.engines.cuda.tiles import PRODUCTS, Tile
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput, NotAvailable
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Cost
from neuroep.solvers.tableaux import Solver
from neuroep.weights import FloatArray

#: Most layers: freshness is kept in the bits of one 64-bit number.
MOST_LAYERS = 62
IN_TIME = "phases in continuous time don't run on the cuda engine: use --engine cpu"
#: Threads of a block of an elementwise kernel.
FLAT_THREADS = 256


class _Layout(NamedTuple):
    """A circuit's sizes and offsets, on the host and on the GPU."""

    sizes: tuple[int, ...]
    units: int
    arrays: tuple[Any, Any, Any, Any]


class _OnDevice(NamedTuple):
    """A phase's states and sums on the GPU, and the equilibrium that went to the caller."""

    given: Equilibrium
    states: Any
    up: Any


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
        self._tile, self._products, self._resident = tile, products, resident
        self._layouts: dict[tuple[int, ...], _Layout] = {}
        self._kept: dict[str, _OnDevice] = {}
        self._turn = threading.RLock()
        self._processors = 1 if simulated() else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)

    def session(self) -> AbstractContextManager[object]:
        """Hold other users of this engine off its buffers while a block of work lasts."""
        return self._turn

    def supports(self, circuit: Circuit, how: How) -> str | None:
        """See Engine."""
        return _lacking(circuit) if isinstance(how, Plan) else IN_TIME

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
        kernel[grid, (tile.threads_x, tile.threads_y)](rows, n1, n0, flat(x), on_device(circuit.up), out)
        ledger.add_read(phase, True, 1, rows)
        return out

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine; by sweeps."""
        plan = _sweeps(plan)
        return self._settle_free(circuit, flat(drive), len(drive), plan, ledger, phase, on_gpu(drive))

    def _settle_free(
        self, circuit: Circuit, drive: Any, rows: int, plan: Plan, ledger: Ledger, phase: Phase, there: bool
    ) -> Equilibrium:
        kind = np.dtype(circuit.up.dtype)
        targets = cuda.to_device(np.zeros(rows * int(circuit.sizes[-1]), dtype=kind))
        beta = cuda.to_device(np.zeros(rows, dtype=kind))
        return self._settle(circuit, (drive, drive, rows), -1, targets, beta, plan, ledger, phase, there, "free")

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine; by sweeps."""
        return self._settle_nudged(circuit, free, self._recall(free), nudge, _sweeps(plan), ledger)

    def _settle_nudged(
        self, circuit: Circuit, free: Equilibrium, found: tuple[Any, Any], nudge: Nudge, plan: Plan, ledger: Ledger
    ) -> Equilibrium:
        start = (*found, len(free.residual))
        fresh = sum(1 << k for k, is_fresh in enumerate(free.fresh.tolist()) if is_fresh)
        there = on_gpu(free.states[0])
        targets, beta = flat(nudge.targets), flat(nudge.beta)
        return self._settle(circuit, start, fresh, targets, beta, plan, ledger, Phase.NUDGED, there, "nudged")

    def phases(
        self, circuit: Circuit, x: FloatArray, plans: Plans | Courses, nudge: Nudge, keys: Keys, ledger: Ledger
    ) -> tuple[Equilibrium, Equilibrium]:
        """See Engine; nothing goes through the host between the three kernels."""
        drive = self._drive(circuit, x, ledger, Phase.FREE)
        how, nudged = _sweeps(plans.free), _sweeps(plans.nudged)
        free = self._settle_free(circuit, drive, len(x), how, ledger, Phase.FREE, on_gpu(x))
        return free, self._settle_nudged(circuit, free, self._recall(free, True), nudge, nudged, ledger)

    def _recall(self, settled: Equilibrium, untouched: bool = False) -> tuple[Any, Any]:
        """States and sums of an equilibrium in flat buffers on the GPU: our own, if it is our last.

        Arrays of the host may have been written to since, unless we know that they are untouched.
        """
        kept, same = self._kept.get("free"), untouched or on_gpu(settled.states[0])
        if (
            same
            and kept is not None
            and kept.given.states is settled.states
            and kept.given.currents is settled.currents
        ):
            return kept.states, kept.up
        return gathered(settled.states), gathered(settled.currents)

    def _settle(
        self, circuit: Circuit, start: tuple[Any, Any, int], fresh: int, targets: Any, beta: Any, plan: Plan,
        ledger: Ledger, phase: Phase, there: bool, slot: str,
    ) -> Equilibrium:  # fmt: skip
        _check(circuit)
        layout, rows, kind = self._layout(circuit), len(beta), np.dtype(circuit.up.dtype)
        tile, resident, grid, room = self._block(layout, rows, kind)
        states, up, down = (cuda.device_array(rows * layout.units, kind) for _ in range(3))
        residual = cuda.device_array(rows, kind)
        steps, codes = cuda.device_array(rows, np.int64), cuda.device_array(rows, np.int64)
        flags = cuda.to_device(np.array([fresh], dtype=np.int64))
        counts = cuda.to_device(np.zeros(ledger.counts.shape[1:], dtype=np.int64))
        shared = cuda_tiles.state_bytes(tile, layout.sizes, kind) if resident else 0
        kernel = cuda_kernels.settle(kind, tile, resident)
        nudged = int(phase is Phase.NUDGED)
        kernel[grid, (tile.threads_x, tile.threads_y), 0, shared](
            *layout.arrays, cuda.to_device(plan.order), plan.sweeps, float(plan.tolerance), nudged, fresh,
            int(circuit.cost), float(circuit.feedback), on_device(circuit.up), on_device(circuit.down),
            on_device(circuit.biases), *start, targets, beta, room, states, up, down, residual, steps, codes, flags,
            counts, rows,
        )  # fmt: skip
        _count(ledger, phase, counts.copy_to_host())
        bits = int(flags.copy_to_host()[0])
        is_fresh = np.array([bool(bits >> k & 1) for k in range(len(layout.sizes) - 1)])
        given = layers(give(states, there), rows, layout.sizes)
        currents = layers(give(up, there), rows, layout.sizes)
        found = Equilibrium(given, currents, is_fresh, *(give(each, there) for each in (residual, steps, codes)))
        self._kept[slot] = _OnDevice(found, states, up)
        return found

    def integrate(
        self, circuit: Circuit, drive: FloatArray, nudge: Nudge, solver: Solver, step_seconds: float, limit: int,
        tolerance: float, start: FloatArray | None = None,
    ) -> tuple[Equilibrium, FloatArray]:  # fmt: skip
        """Integrate the membrane form by fixed steps of an explicit solver until ‖τ du/dt‖ is at the tolerance.

        Parameters
        ----------
        circuit : Circuit
            A circuit without converters or read noise.
        drive : ndarray, shape (rows, n_1)
            W_1ᵀ x of each row.
        nudge : Nudge
            y and β of each row; β = 0 is the free phase.
        solver : Solver
            A tableau of :mod:`neuroep.solvers.tableaux`.
        step_seconds : float
            h.
        limit : int
            Most steps.
        tolerance : float
            Of the norm of the velocity, τ du/dt.
        start : ndarray, shape (Σ n_k · rows,), optional
            Potentials u_1, u_2, ... of the dynamical layers, each (rows, n_k), flat; zero if left out.

        Returns
        -------
        Equilibrium
            States, and steps instead of sweeps; no current is fresh.
        ndarray, shape (Σ n_k · rows,)
            Potentials where the integration ended.

        Raises
        ------
        BadInput
            For a solver with noise, a step that isn't positive, or a nudged hinge, which has no rest.
        """
        _check(circuit)
        if solver.stochastic or not step_seconds > 0.0:
            raise BadInput(f"{solver.name} with a step of {step_seconds} s", "solver", "no noise, and a step above 0")
        if circuit.cost == Cost.HINGE and bool(np.any(host(nudge.beta))):
            raise BadInput("the slope of the hinge jumps where it should come to rest", "cost", "squared-hinge, mse")
        layout, rows, kind = self._layout(circuit), len(nudge.beta), np.dtype(circuit.up.dtype)
        tile, resident, grid, room = self._block(layout, rows, kind)
        share = step_seconds / circuit.tau_seconds
        rates = (-np.expm1(-share) if solver.exponential else share).astype(kind)
        size = rows * layout.units
        u = cuda.to_device(np.zeros(size, dtype=kind)) if start is None else copied(start)
        buffers = [cuda.device_array(n, kind) for n in (size * solver.stages, size, size, size)]
        states, residual = cuda.device_array(size, kind), cuda.device_array(rows, kind)
        steps, codes = cuda.device_array(rows, np.int64), cuda.device_array(rows, np.int64)
        shared = cuda_tiles.state_bytes(tile, layout.sizes, kind) if resident else 0
        cuda_ode.integrate(kind, tile, resident)[grid, (tile.threads_x, tile.threads_y), 0, shared](
            *layout.arrays, solver.stages, on_device(solver.a.astype(kind).reshape(-1)),
            on_device(solver.b.astype(kind)), on_device(rates), limit, float(tolerance), int(circuit.cost),
            float(circuit.feedback), int(bool(np.any(host(nudge.beta)))), on_device(circuit.up),
            on_device(circuit.down), on_device(circuit.biases),
            flat(drive), flat(nudge.targets), flat(nudge.beta), room, u, *buffers, states, residual, steps, codes,
            rows,
        )  # fmt: skip
        there = on_gpu(drive)
        fresh = np.zeros(len(layout.sizes) - 1, dtype=np.bool_)
        given, currents = (layers(give(each, there), rows, layout.sizes) for each in (states, buffers[2]))
        found = Equilibrium(given, currents, fresh, *(give(each, there) for each in (residual, steps, codes)))
        return found, give(u, there)

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
            ledger.add(Phase.UPDATE, Event.CONTRAST, k, rows)
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
        ledger.add(Phase.UPDATE, Event.CONTRAST, depth, rows)

    def add(self, out: FloatArray, change: FloatArray, rate: float, keep: float = 1.0) -> None:
        """out ← keep · out + rate · change in place, for flat arrays of one length: the update of ideal weights."""
        target = flat(out)
        blocks = max(1, min(1024, -(-len(target) // FLAT_THREADS)))
        cuda_products.axpy(np.dtype(target.dtype))[blocks, FLAT_THREADS](target, flat(change), float(rate), float(keep))
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

    def _layout(self, circuit: Circuit) -> _Layout:
        sizes = tuple(int(n) for n in circuit.sizes)
        key = (*sizes, *(int(code) for code in circuit.activations))
        if key not in self._layouts:
            laid = Layout.of(sizes)
            units, couplings = (np.concatenate([[0], part]) for part in (laid.units, laid.starts))
            arrays = (circuit.sizes, circuit.activations, units, couplings)
            on_device = cast(Any, tuple(cuda.to_device(np.asarray(each, dtype=np.int64)) for each in arrays))
            self._layouts[key] = _Layout(sizes, int(units[-1]), on_device)
        return self._layouts[key]

    def _block(self, layout: _Layout, rows: int, kind: np.dtype[Any]) -> tuple[Tile, bool, int, Any]:
        """The tile that settles, whether its states are resident, the number of blocks, and room for states."""
        tile, resident = cuda_tiles.choose(layout.sizes, rows, kind, self._processors)
        if self._tile is not None:
            need = cuda_tiles.static_bytes(self._tile, kind) + cuda_tiles.state_bytes(self._tile, layout.sizes, kind)
            tile, resident = self._tile, need <= cuda_tiles.SHARED_BYTES
        if self._resident is not None:
            resident = self._resident
        grid = -(-rows // tile.rows)
        room = 1 if resident else grid * tile.rows * (layout.units + layout.sizes[-1])
        return tile, resident, grid, cuda.device_array(room, kind)


def _count(ledger: Ledger, phase: Phase, counts: NDArray[np.int64]) -> None:
    """Add what a kernel counted; its reads are those of whole arrays."""
    for upward, event in ((True, Event.READ_UP), (False, Event.READ_DOWN)):
        for k in range(1, len(ledger.sizes)):
            ledger.add_read(phase, upward, k, int(counts[event, k]))
        counts[event] = 0
    ledger.counts[phase] += counts


def _sweeps(plan: How) -> Plan:
    """Refuse phases in continuous time, for which only :meth:`CudaEngine.integrate` is there."""
    if not isinstance(plan, Plan):
        raise NotAvailable(IN_TIME)
    return plan


def _lacking(circuit: Circuit) -> str | None:
    """What of a circuit the kernels can't settle, with the remedy."""
    tiled = circuit.tile_rows or circuit.tile_columns
    if not reads_exactly(circuit) or circuit.managed or tiled or circuit.averaged > 1:
        what = "converters, read noise, averaged, managed or adjoint reads and no tiles"
        return f"the cuda engine has no {what} yet: use --engine cpu"
    if len(circuit.skips.sources):
        return "the cuda engine has no skips yet: use --engine cpu"
    if len(circuit.sizes) - 1 > MOST_LAYERS:
        return f"the cuda engine settles at most {MOST_LAYERS} layers: use --engine cpu"
    return unknown(circuit, "cuda")


def _check(circuit: Circuit) -> None:
    reason = _lacking(circuit)
    if reason is not None:
        raise NotAvailable(reason)
