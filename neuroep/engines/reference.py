"""The reference engine: plain numpy, readable in one sitting. It defines what settling means.

Five rules of the definition that a formula doesn't show:

* a weighted sum is read again only when its source has changed since the last read;
* what is still zero is neither written nor added, and a nudged copy has a buffer of its own from its first change on:
  until then it reads the free phase's;
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
from dataclasses import dataclass

import numpy as np

from neuroep.circuit import Circuit, keeps_registers, layer_bias, read_size, skipping
from neuroep.cost.traces import Recorder
from neuroep.engines import in_time
from neuroep.engines.base import Accumulation, How, Keys, Nudge, Plan, Settlings, by_sweeps, no_spikes, phases_in_turn
from neuroep.engines.copied_buffers import Buffers
from neuroep.engines.reads import lit_lines, read, read_change
from neuroep.equilibrium import Equilibrium, Registers
from neuroep.ledger import Event, Ledger, Phase
from neuroep.physics.known import physics_of
from neuroep.solvers.integrate import integrate
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.stopping import result_codes
from neuroep.weights import FloatArray


@dataclass(frozen=True, slots=True)
class ReferenceEngine:
    """Plain numpy settling; `recorder` notes every buffer that it reads and writes, for reuse distances.

    W_k and b_k, x and y, states s_k, sums u_k from below and d_k from above; nudged copies have buffers of their own,
    s_k′, u_k′, d_k′ from their first change on, and y′ where there is more than one.
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
        batch, depth = len(drive), len(circuit.sizes) - 1
        zeros = tuple(np.zeros((batch, int(n)), dtype=drive.dtype) for n in circuit.sizes[1:])
        fresh, none = np.ones(depth, dtype=bool), np.zeros(batch, dtype=np.int64)
        start = Equilibrium(zeros, (drive, *zeros[1:]), fresh, np.zeros_like(drive[:, 0]), none, none)
        work = Buffers(start, Registers(zeros, zeros, zeros, fresh), 1, {"u1"}, keeps_registers(circuit))
        nothing = Nudge(zeros[-1], np.zeros(batch, dtype=drive.dtype))
        return self._settle(circuit, work, nothing, by_sweeps(plan, self.name), noise_key, ledger, phase)

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine."""
        if isinstance(plan, ContinuousPlan):
            return in_time.settle_nudged(integrate, circuit, free, nudge, plan, noise_key, ledger)
        copies, depth = len(nudge.beta) // len(free.residual), len(free.states)
        if copies > 1:
            self._note([("y", free.output.size)], [("y′", copies * free.output.size)])
        nothing = tuple(np.zeros_like(s) for s in free.states)
        held = free.registers or Registers(nothing, nothing, nothing, np.zeros(depth, dtype=bool))
        begun = {f"{letter}{k}" for k in range(1, depth + 1) for letter in ("sud" if free.registers else "su")}
        work = Buffers(free, held, copies, begun, keeps_registers(circuit), "′", "y′" if copies > 1 else "y")
        return self._settle(circuit, work, nudge, by_sweeps(plan, self.name), noise_key, ledger, Phase.NUDGED)

    def phases(
        self, circuit: Circuit, x: FloatArray, plans: Settlings, nudge: Nudge, keys: Keys, ledger: Ledger
    ) -> tuple[Equilibrium, Equilibrium]:
        """See Engine."""
        return phases_in_turn(self, circuit, x, plans, nudge, keys, ledger)

    def _settle(
        self,
        circuit: Circuit,
        work: Buffers,
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
        held = Registers(work.whole("d"), tuple(work.driven_up), tuple(work.driven_down), work.down_fresh)
        kept = held if keeps_registers(circuit) else None
        return Equilibrium(work.whole("s"), work.whole("u"), work.up_fresh, residual, steps, codes, kept)

    def _update_layer(
        self,
        circuit: Circuit,
        work: Buffers,
        k: int,
        nudge: Nudge,
        noise_key: int,
        sweep: int,
        ledger: Ledger,
        phase: Phase,
    ) -> FloatArray:
        rows, depth, last, nudged = work.rows, len(circuit.sizes) - 1, circuit.last, phase is Phase.NUDGED
        targets, beta, physics = nudge.targets[rows], nudge.beta[rows], physics_of(circuit)
        self._read_from_below(circuit, work, k, noise_key, sweep, ledger, phase)
        sums = [("u", k, 1.0)]
        if k < last or (k < depth and nudged):
            source, gain = physics.feedback_source(circuit, k + 1, work.of("s", k + 1), targets, beta)
            self._read_from_above(circuit, work, k, source, noise_key, sweep, ledger, phase)
            sums.append(("d", k, gain))
        brought = [("s", layer, gain) for layer, gain in skipping(circuit, k)]
        total, reads = np.tile(layer_bias(circuit, k), (len(rows), 1)), [(f"b{k}", int(circuit.sizes[k]))]
        for letter, layer, gain in (*sums, *brought):
            if work.has(letter, layer):
                total = total + gain * work.of(letter, layer)
                reads.append(work.access(letter, layer))
        new = physics.block_update(circuit, k, total, targets, beta)
        reads += [(work.targets, new.size)] if nudged and k == last == depth else []
        change = new - work.of("s", k)
        work.put("s", k, new)
        self._note(reads, [work.access("s", k)])
        ledger.add(phase, Event.NEURON, k, len(rows))
        ledger.add(phase, Event.SKIP, k, len(rows) * len(brought))
        if k < depth:
            work.up_fresh[k] = False
        if k > 1:
            work.down_fresh[k - 2] = False
        return change

    def _read_from_below(
        self, circuit: Circuit, work: Buffers, k: int, key: int, sweep: int, ledger: Ledger, phase: Phase
    ) -> None:
        if work.up_fresh[k - 1]:
            return
        sent = [work.access("s", k - 1)]
        lit = self._read(circuit, work, k, True, work.of("s", k - 1), key, sweep, phase)
        work.up_fresh[k - 1] = True
        ledger.add_read(phase, True, k, len(work.rows), *read_size(circuit, k, True), lit)
        self._note([*sent, (f"W{k}", _synapses(circuit, k))], [work.access("u", k)])

    def _read_from_above(
        self,
        circuit: Circuit,
        work: Buffers,
        k: int,
        source: FloatArray,
        key: int,
        sweep: int,
        ledger: Ledger,
        phase: Phase,
    ) -> None:
        if work.down_fresh[k - 1]:
            return
        sent = [work.access("s", k + 1)]
        if k == circuit.last:  # a read-out sends down what the target lacks
            sent += [(work.targets, source.size)]
        lit = self._read(circuit, work, k + 1, False, source, key, sweep, phase)
        work.down_fresh[k - 1] = True
        ledger.add_read(phase, False, k + 1, len(work.rows), *read_size(circuit, k + 1, False), lit)
        self._note([*sent, (f"W{k + 1}", _synapses(circuit, k + 1))], [work.access("d", k)])

    def _read(
        self, circuit: Circuit, work: Buffers, k: int, upward: bool, source: FloatArray, key: int, sweep: int,
        phase: Phase,
    ) -> int:  # fmt: skip
        """Bring the sums of some rows up to date, and what their lines hold; return how many carried something."""
        letter, layer, rows = ("u", k, work.rows) if upward else ("d", k - 1, work.rows)
        if not keeps_registers(circuit):
            work.put(letter, layer, read(circuit, k, upward, source, key, rows, sweep))
            return lit_lines(circuit, k, upward, source)
        lines = work.driven_up[k - 2] if upward else work.driven_down[k - 1]
        nudged, lit = phase is Phase.NUDGED, lit_lines(circuit, k, upward, source - lines[rows])
        change, lines[rows] = read_change(circuit, k, upward, source, lines[rows], key, rows, sweep, nudged)
        work.put(letter, layer, work.of(letter, layer) + change)
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
        physics = physics_of(circuit)
        for k in range(circuit.last, 0, -1):  # from above: the input and W_1, the largest mostly, come last
            below = states[k - 2] if k > 1 else x
            rate, products = into.rates[k - 1], physics.products(circuit, k, below, states[k - 1], coefficients)
            scale = -rate / float(circuit.reach[k])
            _accumulate(into, k, rate * products.summed(), scale * (coefficients @ states[k - 1]))
            ledger.add_products(k, len(below), len(coefficients))

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


def _synapses(circuit: Circuit, k: int) -> int:
    return int(circuit.sizes[k - 1] * circuit.sizes[k])


def _accumulate(into: Accumulation, k: int, coupling: FloatArray, bias: FloatArray) -> None:
    for out, change in ((into.out.coupling(k), coupling), (into.out.bias(k), bias)):
        out *= into.keep
        out += change
