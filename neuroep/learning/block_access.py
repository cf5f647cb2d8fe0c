"""The memory accesses of one EP training step in the order of the cpu engine's compiled kernels.

A block of samples goes through the drive, the free phase and its nudged copies one after another before the next block
begins (`engines.cpu.kernels.phases_block`); then the contrast takes all rows, from the highest coupling down. What
differs from :func:`neuroep.learning.access.ep_step_trace`: states and sums are set to zero first, and zeros are read;
copies of states and sums are made before they settle; a skip's sums and what the contrast weighs pass through scratch;
of resistive networks, what is joined to each node is summed anew in each phase of a block.

A trace is written down here, since compiled code can't note what it does: tests hold its floats to the counts of the
ledger that the engine fills. Scalars of a row (nudge, residual, steps) and the reads of the stopping rule aren't noted,
and the parts in which large contrasts are shared out are noted as one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from neuroep import checks
from neuroep.cost.reuse import Access
from neuroep.cost.traces import Recorder
from neuroep.learning.access import note_update, parameters, refuse_untraced
from neuroep.learning.methods.phases import sweep_plans
from neuroep.network import Cost, Network
from neuroep.physics.known import PHYSICS
from neuroep.recipe import Estimator, Phases

Buffer = tuple[str, int]


def block_step_trace(network: Network, phases: Phases, batch: int = 1, direct: bool = False) -> list[Access]:
    """Return every buffer access of one EP step of the cpu engine on one thread, all sweeps taken.

    Parameters
    ----------
    network : Network
        Chains, skips, resistive networks; read exactly.
    phases : Phases
        Estimator and sweeps.
    batch : int
        Samples of the minibatch, settled in blocks.
    direct : bool
        Whether contrasts go straight into the weights.

    Returns
    -------
    list of Access
        For the trackers of :mod:`neuroep.cost.reuse`; sizes in floats.

    Raises
    ------
    BadInput
        As :func:`neuroep.learning.access.ep_step_trace`.
    """
    from neuroep.engines.cpu.engine import cut

    refuse_untraced(phases)
    ends = cut(checks.whole(batch, "batch", 1), sum(a * b for a, b in pairwise(network.sizes)))
    marks = ("′1", "′2") if phases.estimator is Estimator.CENTERED else ("′",)
    step = _Step(Recorder(), network, direct)
    blocks = [_Rows(step, hi - lo, f"·{i}" if len(ends) > 1 else "") for i, (lo, hi) in enumerate(ends)]
    _load(step, blocks, marks)
    plans = sweep_plans(phases, network.depth)
    for block in blocks:
        fresh = _free_phase(block, plans.free.order.tolist(), plans.free.sweeps)
        for mark in marks:
            copy = block._replace(mark=mark, targets=f"y{mark}" if len(marks) > 1 else "y", nudged=True)
            for k in range(1, network.depth + 1):
                for letter in "su":
                    step.note([block.of(letter, k)], [copy.of(letter, k)])
            _settle(copy, plans.nudged.order.tolist(), plans.nudged.sweeps, set(fresh), set())
    _contrast(step, blocks, marks)
    _readout(step, blocks)
    note_update(step.recorder, network, direct)
    return step.recorder.trace


class _Step(NamedTuple):
    """Where a step is noted, and what it trains."""

    recorder: Recorder
    network: Network
    direct: bool

    def note(self, reads: list[Buffer], writes: list[Buffer]) -> None:
        for name, size in reads:
            self.recorder.read(name, size)
        for name, size in writes:
            self.recorder.write(name, size)

    def weights(self, k: int) -> Buffer:
        return f"W{k}", self.network.sizes[k - 1] * self.network.sizes[k]

    @property
    def resistive(self) -> bool:
        """Whether nodes are divided by what is joined to them."""
        return not PHYSICS[self.network.physics].feedforward

    def add(self, name: str, size: int, weighed: list[Buffer], scaled: bool = False) -> None:
        """Note a sum that goes into a parameter, or into its gradient's buffer."""
        kept = [(name, size)] if self.direct else []
        into = [(name if self.direct else f"d{name}", size)]
        if scaled:  # biases are multiplied by what they keep first
            self.note(kept, into)
            kept = into
        self.note([*weighed, *kept], into)


class _Rows(NamedTuple):
    """Rows of one block in one phase, whose buffers end in `mark` and `place`."""

    step: _Step
    rows: int
    place: str
    mark: str = ""
    targets: str = "y°"
    nudged: bool = False

    def of(self, letter: str, k: int) -> Buffer:
        return f"{letter}{k}{self.mark}{self.place}", self.rows * self.step.network.sizes[k]

    def joined(self, k: int) -> Buffer:
        """What is joined to each node of a layer, the same for all rows."""
        return f"g{k}{self.place}", self.step.network.sizes[k]

    def named(self, name: str, k: int) -> Buffer:
        """A buffer of this block with rows as long as layer k, in whatever phase."""
        return f"{name}{self.place}", self.rows * self.step.network.sizes[k]


def _load(step: _Step, blocks: list[_Rows], marks: tuple[str, ...]) -> None:
    """Parameters, input and target are there; so are the free phase's targets, which are zero, and the copies'."""
    last = step.network.depth
    step.note([], parameters(step.network))
    for name, k in (("x", 0), ("y", last), ("y°", last)):
        step.note([], [block.named(name, k) for block in blocks])
    for mark in marks if len(marks) > 1 else ():
        for block in blocks:
            step.note([block.named("y", last)], [block.named(f"y{mark}", last)])


def _free_phase(block: _Rows, order: list[int], sweeps: int) -> set[int]:
    """Drive, set to zero and settle; return the layers whose sums from below are still true."""
    layers = range(1, block.step.network.depth + 1)
    block.step.note([block.named("x", 0), block.step.weights(1)], [block.of("u", 1)])
    for k in layers:
        block.step.note([], [block.of(letter, k) for letter in ("sd" if k == 1 else "sdu")])
    fresh = set(layers)
    _settle(block, order, sweeps, fresh, set(layers))
    return fresh


def _settle(at: _Rows, order: list[int], sweeps: int, up: set[int], down: set[int]) -> None:
    """Note sweeps; `up` and `down` are the layers whose sums are true, and are kept up to date."""
    step, depth, last = at.step, at.step.network.depth, at.step.network.dynamical
    if step.resistive:
        for k in range(1, depth + 1):
            step.note([step.weights(k)], [at.joined(k)])
    for k in order * sweeps:
        if k not in up:
            step.note([at.of("s", k - 1), step.weights(k)], [at.of("u", k)])
        if k < depth and k not in down and (k < last or at.nudged):
            source = at.of("s", k + 1)
            if k == last:  # a read-out sends down what the target lacks
                step.note([source, at.named(at.targets, depth)], [at.named("lines", depth)])
                source = at.named("lines", depth)
            step.note([source, step.weights(k + 1)], [at.of("d", k)])
            down.add(k)
        _update(at, k)
        up.add(k)
        up.discard(k + 1)
        down.discard(k - 1)


def _update(at: _Rows, k: int) -> None:
    step, depth = at.step, at.step.network.depth
    sums = [at.of("u", k)] if k == depth else [at.of("u", k), at.of("d", k)]
    total = at.named(f"skipped{k}", k)
    brought = [skip.source for skip in step.network.skips if skip.target == k]
    brought += [skip.target for skip in step.network.skips if skip.source == k]
    if brought:
        step.note([], [total])
        for source in (sums[-1], *(at.of("s", layer) for layer in brought)):
            step.note([source, total], [total])
        sums[-1] = total
    reads = [sums[0], (f"b{k}", step.network.sizes[k]), *sums[1:]]
    if step.resistive:
        reads.append(at.joined(k))
    if k == depth and step.network.cost is not Cost.CROSS_ENTROPY:
        reads.append(at.named(at.targets, k))
    step.note(reads, [at.of("s", k)])


def _contrast(step: _Step, blocks: list[_Rows], marks: tuple[str, ...]) -> None:
    """Note the contrast of each coupling: rows are weighed into scratch, then multiplied with those below."""
    last, sizes, phases = step.network.dynamical, step.network.sizes, marks
    rows = sum(block.rows for block in blocks)
    if len(marks) == 1:  # free states take part, and all are brought into one buffer
        phases = ("", *marks)
        for k in range(1, step.network.depth + 1):
            step.note(_states(blocks, "s", k, phases), _states(blocks, "c", k, phases))
        for k in range(1, step.network.depth + 1):
            step.note(_states(blocks, "c", k, phases), _states(blocks, "f", k, phases))
    letter = "f" if len(marks) == 1 else "s"
    for k in range(last, 0, -1):
        weighed = f"weighed{k}", (rows if k == 1 else rows * len(phases)) * sizes[k]
        if k == 1:  # the copies of a clamped input are alike
            for i, mark in enumerate(phases):
                step.note(_states(blocks, letter, k, (mark,)) + [weighed] * (i > 0), [weighed])
        else:
            step.note(_states(blocks, letter, k, phases), [weighed])
        below = [b.named("x", 0) for b in blocks] if k == 1 else _states(blocks, letter, k - 1, phases)
        step.add(*step.weights(k), [*below, weighed])
        if step.resistive:
            squares = _states(blocks, letter, k, phases) + (below if k > 1 else [])
            into = step.weights(k) if step.direct else (f"d{step.weights(k)[0]}", step.weights(k)[1])
            step.note([*squares, into], [into])
        step.add(f"b{k}", sizes[k], [weighed], scaled=True)


def _states(blocks: list[_Rows], letter: str, k: int, marks: tuple[str, ...]) -> list[Buffer]:
    return [block._replace(mark=mark).of(letter, k) for mark in marks for block in blocks]


def _readout(step: _Step, blocks: list[_Rows]) -> None:
    """Note the gradient of a softmax read-out, at the free states."""
    last, depth = step.network.dynamical, step.network.depth
    if last == depth:
        return
    error = "error", sum(block.rows for block in blocks) * step.network.sizes[depth]
    step.note([*_states(blocks, "s", depth, ("",)), *(b.named("y", depth) for b in blocks)], [error])
    step.add(*step.weights(depth), [*_states(blocks, "s", last, ("",)), error])
    step.add(f"b{depth}", step.network.sizes[depth], [error], scaled=True)
