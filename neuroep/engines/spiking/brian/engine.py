"""The brian2 engine: the same phases as the spiking engine's, simulated by brian2."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines.base import How, Nudge
from neuroep.engines.spiking.brian.counting import counted, joined, sent, updates
from neuroep.engines.spiking.brian.guard import brian
from neuroep.engines.spiking.brian.network import Shape
from neuroep.engines.spiking.brian.phases import Plastic, Portion, portions, settings_of, shape_of, take_up
from neuroep.engines.spiking.brian.programs import Program, Runtime, Standalone, Train
from neuroep.engines.spiking.carried import Carried, count, equilibrium, fresh, repeated
from neuroep.engines.spiking.kernels import IntArray
from neuroep.engines.spiking.plasticity import Learned, Traces, check, reached
from neuroep.engines.spiking.shared import BySpikes, refuse_large, spikes_of, why_not
from neuroep.equilibrium import Equilibrium
from neuroep.errors import NotAvailable
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.recipe import Encoder
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray, Weights

#: Where brian2 generates code: numpy compiles nothing, the others C++, which takes a minute once.
TARGETS = ("numpy", "cython", "cpp_standalone")
#: Of a network: some hundred bytes each, and a second of building for a few hundred thousand.
MOST_SYNAPSES = 2_000_000


class _Done(NamedTuple):
    """A phase that has run: its equilibrium, what synapses learnt, spikes of each layer (copies, rows, steps)."""

    equilibrium: Equilibrium
    changes: Weights
    spikes: list[IntArray]


class BrianEngine(BySpikes):
    """Settles by spikes in brian2, as a second simulator beside the spiking engine: same keys, same spikes.

    Parameters
    ----------
    target : str
        Of code generation, one of `TARGETS`. Networks are built once for each shape of circuit, minibatch and phase
        (and with ``cpp_standalone`` for each number of steps), then given weights and inputs as numbers.
    most_synapses : int
        A network is built with no more than so many, or with those of one sample; larger minibatches run in portions.

    Attributes
    ----------
    trains : tuple of Train
        Spikes of each layer in the last phase, copy after copy and sample after sample.
    """

    name = "brian2"
    on_host = True

    def __init__(self, target: str = "numpy", most_synapses: int = MOST_SYNAPSES) -> None:
        super().__init__()
        self.target = checks.one_of(target, TARGETS, "code generation target", "target")
        self.most_synapses = checks.count(most_synapses, "most_synapses")
        self.trains: tuple[Train, ...] = ()
        self._programs: dict[tuple[Shape, int], Program] = {}
        _refuse_without_compiler(target)

    @property
    def built(self) -> int:
        """How many networks have been built so far."""
        return len(self._programs)

    def supports(self, circuit: Circuit, how: How) -> str | None:
        """See Engine; one code, and one weight for both directions."""
        reason = why_not(circuit, how, self.name)
        if reason is None and spikes_of(how).encoder is not Encoder.INTEGRATE_AND_FIRE:
            return f"the code {spikes_of(how).encoder.value!r} on the {self.name} engine: use --engine spiking"
        one = circuit.down is circuit.up or np.array_equal(circuit.down, circuit.up)
        if reason is None and not one:
            return f"weights that differ upward and downward on the {self.name} engine: use --engine spiking"
        return reason

    @contextmanager
    def session(self) -> Iterator[None]:
        """See Engine; refuses other threads before any work is done, and holds nothing."""
        with brian():
            pass
        yield

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine; from membranes at rest."""
        how = spikes_of(plan)
        refuse_large(drive, how)
        nothing = Nudge(np.zeros((len(drive), int(circuit.sizes[-1])), drive.dtype), np.zeros(len(drive), drive.dtype))
        return self._run(circuit, fresh(circuit, drive, noise_key), nothing, how, ledger, phase).equilibrium

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine; from where the free phase left membranes, currents and accumulators."""
        begin = repeated(circuit, free, len(nudge.beta) // len(free.residual))
        return self._run(circuit, begin, nudge, spikes_of(plan), ledger, Phase.NUDGED).equilibrium

    def learn(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, how: Spikes, traces: Traces, rates: FloatArray,
        ledger: Ledger,
    ) -> Learned:  # fmt: skip
        """Settle nudged copies while their synapses learn: :func:`neuroep.engines.spiking.plasticity.learn`."""
        check(how, traces)
        begin = repeated(circuit, free, len(nudge.beta) // len(free.residual))
        starts = (begin.inputs.x, *(np.tile(s, (len(begin.cells.membrane), 1)) for s in free.states))
        done = self._run(circuit, begin, nudge, how, ledger, Phase.NUDGED, Plastic(traces, starts, rates))
        for k in range(1, len(circuit.sizes)):
            ledger.add(Phase.UPDATE, Event.LEARN, k, updates(circuit, done.spikes, k))
        return Learned(done.equilibrium, reached(circuit, done.changes))

    def _run(
        self, circuit: Circuit, begin: Carried, nudge: Nudge, how: Spikes, ledger: Ledger, phase: Phase,
        plastic: Plastic | None = None,
    ) -> _Done:  # fmt: skip
        copies, rows = begin.cells.membrane.shape[:2]
        most = max(1, self.most_synapses // (copies * len(circuit.up)))
        changes = Weights.zeros(Layout.of(circuit.sizes.tolist()), dtype=circuit.up.dtype)
        parts, trains = portions(begin, nudge, plastic, most), list[tuple[Train, ...]]()
        settled = [self._settle(circuit, how, part, trains, changes) for part in parts]
        means, velocity = (np.concatenate(values, axis=1) for values in zip(*settled, strict=True))
        ends = [(part.start, part.begin.cells.membrane.shape[1]) for part in parts]
        self.trains = tuple(
            joined([(*end, train[k]) for end, train in zip(ends, trains, strict=True)], int(n), rows)
            for k, n in enumerate(circuit.sizes)
        )
        spikes = sent(self.trains, circuit, rows, copies, how.steps)
        count(counted(circuit, spikes), how.steps, copies * rows, ledger, phase)
        return _Done(equilibrium(circuit, begin, means, velocity, how), changes, spikes)

    def _settle(
        self, circuit: Circuit, how: Spikes, part: Portion, trains: list[tuple[Train, ...]], changes: Weights
    ) -> tuple[FloatArray, FloatArray]:
        """Run some samples of a phase; note their spikes, add what is learnt to `changes`; return means, velocities."""
        program = self._program(shape_of(circuit, how, part), how.steps)
        read = program.run(settings_of(circuit, how, part), how.steps)
        trains.append(tuple(program.train(k) for k in range(len(circuit.sizes))))
        for k in range(1, len(circuit.sizes) if part.plastic else 0):
            changes.coupling(k)[...] += read("weights", k - 1, "change").reshape(changes.coupling(k).shape)
            changes.bias(k)[...] += read("layers", k, "grown").reshape(-1, int(circuit.sizes[k])).sum(axis=0)
        return take_up(circuit, how, part.begin, read)

    def _program(self, shape: Shape, steps: int) -> Program:
        """Return what has been built for a shape; a standalone program has its steps compiled in."""
        key = shape, steps if self.target == "cpp_standalone" else 0
        if key not in self._programs:
            made = Standalone(shape, steps) if self.target == "cpp_standalone" else Runtime(shape, self.target)
            self._programs[key] = made
        return self._programs[key]


def _refuse_without_compiler(target: str) -> None:
    if target != "numpy" and shutil.which(os.environ.get("CXX", "g++").split()[0]) is None:
        raise NotAvailable(f"the target {target!r} without a C++ compiler: install g++, or use numpy")
    if target == "cython" and importlib.util.find_spec("Cython") is None:
        raise NotAvailable("the target 'cython' without Cython: pip install cython, or use numpy")
