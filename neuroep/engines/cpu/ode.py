"""Settling in continuous time, compiled: the same arguments and the same numbers as `neuroep.solvers.integrate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines.base import refuse_unknown
from neuroep.engines.cpu import ode_kernels
from neuroep.engines.cpu.blas import find_blas
from neuroep.engines.cpu.ode_control import Scheme
from neuroep.engines.cpu.ode_flow import Equation, FlowRows, Scratch
from neuroep.engines.cpu.ode_kernels import Results
from neuroep.engines.cpu.workers import blas_libraries, one_blas_thread
from neuroep.solvers.controllers import VANISHING, FixedStep, PIController
from neuroep.solvers.integrate import SLIVER, first_step, package
from neuroep.solvers.plan import ContinuousPlan, Settled
from neuroep.solvers.problems import Flow, Form, bounds_of, check, make_flow, start_from
from neuroep.weights import FloatArray

#: Rows of one block: variables and stage velocities of the usual networks then stay in cache.
BLOCK = 64


def settle_continuous(
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    beta: FloatArray,
    plan: ContinuousPlan,
    *,
    start: Sequence[FloatArray] | None = None,
    noise_key: int = 0,
    first_row: int = 0,
    threads: int = 1,
) -> Settled:
    """Integrate the network's differential equation until each sample has settled.

    Parameters and results are those of :func:`neuroep.solvers.integrate.settle_continuous`, which records
    trajectories where they are wanted; here `trajectory` is always None.

    Parameters
    ----------
    circuit : Circuit
        The network, without converters.
    x, targets : ndarray, shapes (batch, n_0) and (batch, n_L)
        Clamped input, and y.
    beta : ndarray, shape (batch,)
        Nudging of each sample.
    plan : ContinuousPlan
        Solver, controller, tolerance and limits.
    start : sequence of ndarray, optional
        s_1..s_L to start from.
    noise_key, first_row : int
        Of the read noise, and the row of the whole batch at which this one starts.
    threads : int
        Threads that share the blocks of the batch; results don't depend on it.

    Returns
    -------
    Settled
    """
    checks.instance(plan, ContinuousPlan, "plan")
    threads = checks.count(threads, "threads", noun="threads")
    flow = make_flow(circuit, plan.form, x, targets, beta, noise_key, first_row)
    check(circuit, flow.beta, plan.solver.stochastic)
    begin = start_from(flow, None if start is None else list(start))
    others = nullcontext() if find_blas().set_threads is not None else one_blas_thread(blas_libraries())
    with others, ThreadPoolExecutor(threads) as pool:
        return integrate(flow, plan, begin, lambda block, ends: list(pool.map(block, *zip(*ends, strict=True))))


def integrate(
    flow: Flow, plan: ContinuousPlan, begin: FloatArray,
    share: Callable[[Callable[[int, int], None], list[tuple[int, int]]], object],
) -> Settled:  # fmt: skip
    """Integrate a flow from variables `begin`, (batch, units); `share` calls once a block of rows, with its ends."""
    circuit = flow.circuit
    equation, method = _equation(flow, plan), _method(plan, circuit)
    samples = FlowRows(np.ascontiguousarray(flow.drive), flow.targets, flow.beta, np.ascontiguousarray(begin))
    results = _results(plan, begin, equation.shortest)
    eps, blas = float(np.finfo(begin.dtype).eps), find_blas()

    def block(lo: int, hi: int) -> None:
        scratch = _scratch(circuit, equation, begin, hi - lo, plan.solver.stages)
        with blas.one_thread():
            ode_kernels.integrate_block(
                circuit, equation, method, samples, scratch, results, plan.rest, plan.steps, plan.end_seconds,
                flow.first_row, eps, blas.gemm(begin.dtype), lo, hi,
            )  # fmt: skip

    share(block, list(pairwise([*range(0, len(begin), BLOCK), len(begin)])))
    with np.errstate(over="ignore", invalid="ignore"):
        found = package(flow, results.variables, results.residual, results.tried, results.code)
    return Settled(found, None, results.variables, results.seconds, results.refused)


def _equation(flow: Flow, plan: ContinuousPlan) -> Equation:
    circuit, dtype = flow.circuit, flow.drive.dtype
    refuse_unknown(circuit, "cpu")
    last = circuit.last
    ends = np.array([bounds_of(int(code), flow.form, dtype) for code in circuit.activations], dtype=dtype)
    sigma = np.zeros(len(circuit.sizes))
    if plan.thermal is not None:
        sigma[1 : last + 1] = plan.thermal.per_unit(flow.starts)[flow.starts[:-1]]
    inverse_tau = 1.0 / circuit.tau_seconds
    return Equation(
        flow.form is Form.MEMBRANE, bool(flow.beta.any()), last, ends[:, 0].copy(), ends[:, 1].copy(), inverse_tau,
        sigma, float(1.0 / inverse_tau[1 : last + 1].max()), flow.noise_key,
        0 if plan.thermal is None else plan.thermal.key, plan.thermal is not None,
    )  # fmt: skip


def _method(plan: ContinuousPlan, circuit: Circuit) -> Scheme:
    solver, dtype = plan.solver, circuit.up.dtype
    fixed = isinstance(plan.controller, FixedStep)
    control = PIController(1e-3, 0.0) if isinstance(plan.controller, FixedStep) else plan.controller  # unused if fixed
    return Scheme(
        solver.a.astype(dtype), solver.b.astype(dtype), solver.c.astype(dtype), solver.error.astype(dtype),
        solver.exponential, solver.first_same_as_last, not fixed, solver.error_order + 1, control.rtol, control.atol,
        control.settling, control.longest_seconds, control.safety, control.shrink, control.grow, control.integral,
        control.proportional, SLIVER, VANISHING,
    )  # fmt: skip


def _results(plan: ContinuousPlan, begin: FloatArray, shortest: float) -> Results:
    batch = len(begin)
    step = np.full(batch, first_step(plan.controller, shortest))
    counts = [np.zeros(batch, dtype=np.int64) for _ in range(3)]
    residual = np.empty(batch, dtype=begin.dtype)
    return Results(np.empty_like(begin), residual, step, np.zeros(batch), np.ones(batch), *counts)


def _scratch(circuit: Circuit, equation: Equation, begin: FloatArray, rows: int, stages: int) -> Scratch:
    dtype, depth = begin.dtype, len(circuit.sizes) - 1
    y, reached, free, rates = (np.empty(rows * begin.shape[1], dtype=dtype) for _ in range(4))
    kicks = np.empty(y.size if equation.thermal else 0, dtype=dtype)
    drive, lines = (np.empty(rows * int(circuit.sizes[k]), dtype=dtype) for k in (1, depth))
    velocities = np.zeros((max(stages, 2), y.size), dtype=dtype)
    z, flags = np.empty((rows, depth + 1), dtype=dtype), np.zeros((2, rows), dtype=bool)
    ids = np.empty(rows, dtype=np.int64)
    return Scratch(y, reached, free, rates, kicks, drive, lines, velocities, z, np.empty(rows), flags[0], flags[1], ids)
