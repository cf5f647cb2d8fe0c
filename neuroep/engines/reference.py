"""The reference engine: plain numpy, readable in one sitting. It defines what settling means.

Four rules of the definition that a formula doesn't show:

* a weighted sum is read again only when its source has changed since the last read;
* a sample stops by itself, at the end of the first sweep whose residual is at its tolerance, and from
  then on neither changes nor costs anything;
* where only changes are driven (`Circuit.changes`), a read adds to its sum what the lines' change since they were last
  driven gives, and nudged copies go on from the free phase's lines and sums; where reads are exact, that is the same
  as driving the states;
* the noise of a conversion is a function of the key, the sample's row, the read's place in the phase, and the
  conversion's in the read.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, keeps_registers, layer_bias, read_size, skipping
from neuroep.cost.traces import Recorder
from neuroep.engines import in_time
from neuroep.engines.base import Accumulation, How, Keys, Nudge, Plan, Settlings, by_sweeps, no_spikes, phases_in_turn
from neuroep.engines.reads import lit_lines, read, read_change
from neuroep.equilibrium import Equilibrium, Registers
from neuroep.ledger import Event, Ledger, Phase
from neuroep.physics.known import physics_of
from neuroep.solvers.integrate import integrate
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.stopping import result_codes
from neuroep.weights import FloatArray


@dataclass
class _Settling:
    """One phase in the making: states, the sums last read, whether they are still true, and what lines hold.

    `targets` is the buffer in which the recorder finds y.
    """

    states: list[FloatArray]
    up: list[FloatArray]
    down: list[FloatArray]
    up_fresh: NDArray[np.bool_]
    down_fresh: NDArray[np.bool_]
    driven_up: list[FloatArray]
    driven_down: list[FloatArray]
    targets: str = "y"
    rows: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = np.arange(len(self.states[0]))


@dataclass(frozen=True, slots=True)
class ReferenceEngine:
    """Plain numpy settling; `recorder` notes every buffer that it reads and writes, for reuse distances.

    W_k and b_k, x and y, states s_k, sums u_k from below and d_k from above; nudged copies have buffers of their own,
    s_k′, u_k′, d_k′, and y′ where there is more than one.
    """

    recorder: Recorder | None = None
    name: str = "reference"
    on_host: bool = True

    def supports(self, circuit: Circuit, how: How) -> str | None:
        """See Engine; it settles whatever there is, but by spikes."""
        return no_spikes(how, self.name)

    def session(self) -> AbstractContextManager[object]:
        """See Engine; numpy needs nothing."""
        return nullcontext()

    def _note(self, reads: Sequence[tuple[str, int]], writes: Sequence[tuple[str, int]]) -> None:
        if self.recorder is not None:
            for buffer, size in reads:
                self.recorder.read(buffer, size)
            for buffer, size in writes:
                self.recorder.write(buffer, size)

    def drive(self, circuit: Circuit, x: FloatArray, noise_key: int, ledger: Ledger, phase: Phase) -> FloatArray:
        """See Engine."""
        n0, n1 = int(circuit.sizes[0]), int(circuit.sizes[1])
        self._note([("x", x.size), ("W1", n0 * n1)], [("u1", len(x) * n1)])
        lit = lit_lines(circuit, 1, True, x)
        ledger.add_read(phase, True, 1, len(x), *read_size(circuit, 1, True), lit)
        return read(circuit, 1, True, x, noise_key, np.arange(len(x)), 0)

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine."""
        if isinstance(plan, ContinuousPlan):
            return in_time.settle_free(integrate, circuit, drive, plan, noise_key, ledger, phase)
        batch, dtype = len(drive), drive.dtype
        units = [int(n) for n in circuit.sizes[1:]]
        zeros = [np.zeros((batch, n), dtype=dtype) for n in units]
        up = [drive.copy(), *(z.copy() for z in zeros[1:])]
        fresh = np.ones(len(units), dtype=bool)
        self._note([], [(f"{letter}{k}", z.size) for k, z in enumerate(zeros, 1) for letter in _buffers(k, len(zeros))])
        down, driven_up, driven_down = ([z.copy() for z in zeros] for _ in range(3))
        work = _Settling(zeros, up, down, fresh, fresh.copy(), driven_up, driven_down)
        nothing = Nudge(np.zeros((batch, units[-1]), dtype=dtype), np.zeros(batch, dtype=dtype))
        return self._settle(circuit, work, nothing, by_sweeps(plan, self.name), noise_key, ledger, phase)

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine."""
        if isinstance(plan, ContinuousPlan):
            return in_time.settle_nudged(integrate, circuit, free, nudge, plan, noise_key, ledger)
        copies = len(nudge.beta) // len(free.residual)
        for k, s in enumerate(free.states, start=1):
            all_rows = copies * s.size
            self._note([(f"s{k}", s.size), (f"u{k}", s.size)], [(f"s{k}′", all_rows), (f"u{k}′", all_rows)])
        if copies > 1:
            self._note([("y", free.output.size)], [("y′", copies * free.output.size)])
        nothing = tuple(np.zeros_like(s) for s in free.states)
        held = free.registers or Registers(nothing, nothing, nothing, np.zeros(len(nothing), dtype=bool))
        parts = (free.states, free.currents, held.down, held.driven_up, held.driven_down)
        states, up, down, driven_up, driven_down = ([np.tile(a, (copies, 1)) for a in part] for part in parts)
        y = "y′" if copies > 1 else "y"
        work = _Settling(states, up, down, free.fresh.copy(), held.fresh.copy(), driven_up, driven_down, y)
        return self._settle(circuit, work, nudge, by_sweeps(plan, self.name), noise_key, ledger, Phase.NUDGED)

    def phases(
        self, circuit: Circuit, x: FloatArray, plans: Settlings, nudge: Nudge, keys: Keys, ledger: Ledger
    ) -> tuple[Equilibrium, Equilibrium]:
        """See Engine."""
        return phases_in_turn(self, circuit, x, plans, nudge, keys, ledger)

    def _settle(
        self,
        circuit: Circuit,
        work: _Settling,
        nudge: Nudge,
        plan: Plan,
        noise_key: int,
        ledger: Ledger,
        phase: Phase,
    ) -> Equilibrium:
        batch = len(nudge.beta)
        residual = np.full(batch, np.inf, dtype=nudge.beta.dtype)
        steps = np.zeros(batch, dtype=np.int64)
        ledger.add(phase, Event.SAMPLE, 0, batch)
        for sweep in range(1, plan.sweeps + 1):
            squares = np.zeros(len(work.rows), dtype=residual.dtype)
            for k in plan.order:
                change = self._update_layer(circuit, work, int(k), nudge, noise_key, sweep, ledger, phase)
                squares += (change * change).sum(axis=1)
            residual[work.rows] = np.sqrt(squares)
            steps[work.rows] = sweep
            ledger.add(phase, Event.SWEEP, 0, len(work.rows))
            work.rows = work.rows[residual[work.rows] > plan.tolerance]
            if not len(work.rows):
                break
        codes = result_codes(residual, plan.tolerance)
        held = Registers(tuple(work.down), tuple(work.driven_up), tuple(work.driven_down), work.down_fresh)
        kept = held if keeps_registers(circuit) else None
        return Equilibrium(tuple(work.states), tuple(work.up), work.up_fresh, residual, steps, codes, kept)

    def _update_layer(
        self,
        circuit: Circuit,
        work: _Settling,
        k: int,
        nudge: Nudge,
        noise_key: int,
        sweep: int,
        ledger: Ledger,
        phase: Phase,
    ) -> FloatArray:
        rows, depth = work.rows, len(circuit.sizes) - 1
        targets, beta, physics = nudge.targets[rows], nudge.beta[rows], physics_of(circuit)
        total = layer_bias(circuit, k) + self._from_below(circuit, work, k, noise_key, sweep, ledger, phase)
        last, nudged = circuit.last, phase is Phase.NUDGED
        fed_back = k < last or (k < depth and nudged)
        if fed_back:
            source, gain = physics.feedback_source(circuit, k + 1, work.states[k][rows], targets, beta)
            total = total + gain * self._from_above(circuit, work, k, source, noise_key, sweep, ledger, phase)
        brought = skipping(circuit, k)
        for layer, gain in brought:
            total = total + gain * work.states[layer - 1][rows]
        new = physics.block_update(circuit, k, total, targets, beta)
        change = new - work.states[k - 1][rows]
        work.states[k - 1][rows] = new
        above = [_name("d", k, phase)] if fed_back else [work.targets] if nudged and k == last else []
        reads = [(_name("u", k, phase), new.size), (f"b{k}", new.shape[1]), *((name, new.size) for name in above)]
        reads += [(_name("s", layer, phase), new.size) for layer, _ in brought]
        self._note(reads, [(_name("s", k, phase), new.size)])
        ledger.add(phase, Event.NEURON, k, len(rows))
        ledger.add(phase, Event.SKIP, k, len(rows) * len(brought))
        if k < depth:
            work.up_fresh[k] = False
        if k > 1:
            work.down_fresh[k - 2] = False
        return change

    def _from_below(
        self, circuit: Circuit, work: _Settling, k: int, key: int, sweep: int, ledger: Ledger, phase: Phase
    ) -> FloatArray:
        if not work.up_fresh[k - 1]:
            source = work.states[k - 2][work.rows]
            lines = work.driven_up[k - 2]
            lit = self._read(circuit, k, True, source, lines, work.up[k - 1], key, work.rows, sweep, phase)
            work.up_fresh[k - 1] = True
            ledger.add_read(phase, True, k, len(work.rows), *read_size(circuit, k, True), lit)
            below, size = int(circuit.sizes[k - 1]), int(circuit.sizes[k])
            states, sums = _name("s", k - 1, phase), _name("u", k, phase)
            self._note([(states, source.size), (f"W{k}", below * size)], [(sums, len(source) * size)])
        return work.up[k - 1][work.rows]

    def _from_above(
        self,
        circuit: Circuit,
        work: _Settling,
        k: int,
        source: FloatArray,
        key: int,
        sweep: int,
        ledger: Ledger,
        phase: Phase,
    ) -> FloatArray:
        if not work.down_fresh[k - 1]:
            lines = work.driven_down[k]
            lit = self._read(circuit, k + 1, False, source, lines, work.down[k - 1], key, work.rows, sweep, phase)
            work.down_fresh[k - 1] = True
            ledger.add_read(phase, False, k + 1, len(work.rows), *read_size(circuit, k + 1, False), lit)
            size, above = int(circuit.sizes[k]), int(circuit.sizes[k + 1])
            sent = [(_name("s", k + 1, phase), source.size)]
            if k == circuit.last:  # a read-out sends down what the target lacks
                sent += [(work.targets, source.size)]
            self._note([*sent, (f"W{k + 1}", size * above)], [(_name("d", k, phase), len(source) * size)])
        return work.down[k - 1][work.rows]

    def _read(
        self, circuit: Circuit, k: int, upward: bool, source: FloatArray, lines: FloatArray, sums: FloatArray, key: int,
        rows: NDArray[np.intp], sweep: int, phase: Phase,
    ) -> int:  # fmt: skip
        """Bring the sums of some rows up to date, and what their lines hold; return how many carried something."""
        if not keeps_registers(circuit):
            sums[rows] = read(circuit, k, upward, source, key, rows, sweep)
            return lit_lines(circuit, k, upward, source)
        nudged, lit = phase is Phase.NUDGED, lit_lines(circuit, k, upward, source - lines[rows])
        change, lines[rows] = read_change(circuit, k, upward, source, lines[rows], key, rows, sweep, nudged)
        sums[rows] += change
        return lit

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
        physics, below = physics_of(circuit), x
        for k in range(1, circuit.last + 1):
            rate, products = into.rates[k - 1], physics.products(circuit, k, below, states[k - 1], coefficients)
            scale = -rate / float(circuit.reach[k])
            _accumulate(into, k, rate * products.summed(), scale * (coefficients @ states[k - 1]))
            ledger.add_products(k, len(below), len(coefficients))
            below = states[k - 1]

    def readout_gradient(
        self,
        circuit: Circuit,
        free: Equilibrium,
        targets: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """See Engine."""
        depth = len(circuit.sizes) - 1
        if circuit.last == depth:
            return
        error = into.rates[depth - 1] * (free.output - targets) / len(targets)
        _accumulate(into, depth, free.states[-2].T @ error, error.sum(axis=0))
        ledger.add_products(depth, len(targets), len(targets))


def _name(letter: str, k: int, phase: Phase) -> str:
    """The buffer of a layer's states or sums; nudged copies have their own."""
    return f"{letter}{k}′" if phase is Phase.NUDGED else f"{letter}{k}"


def _buffers(k: int, depth: int) -> str:
    """Letters of a layer's buffers that start from zero: u1 is the drive, the last layer has nothing above."""
    return "s" + ("u" if k > 1 else "") + ("d" if k < depth else "")


def _accumulate(into: Accumulation, k: int, coupling: FloatArray, bias: FloatArray) -> None:
    for out, change in ((into.out.coupling(k), coupling), (into.out.bias(k), bias)):
        out *= into.keep
        out += change
