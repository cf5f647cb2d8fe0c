"""What a model costs on a device, without training it: one minibatch settled, updated and priced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.cost.backprop_events import count_backprop
from neuroep.cost.breakdown import table
from neuroep.cost.byte_dmd import byte_dmd, program_of
from neuroep.cost.energy import INFERENCE, TRAINING_STEP, Bill, price
from neuroep.cost.hierarchy import Hierarchy, Served
from neuroep.cost.misses import MissRatios
from neuroep.cost.reuse import Access, ClockTracker, granular_dmd, lru_reuse
from neuroep.cost.utilisation import at_utilisation
from neuroep.data import Dataset, check_inputs, load_data, targets
from neuroep.errors import MissingData
from neuroep.learning.trainer import Progress, Samples, free_outputs
from neuroep.ledger import Ledger, Phase
from neuroep.network import Network
from neuroep.physics.known import PHYSICS
from neuroep.quantities import Band
from neuroep.recipe import Recipe
from neuroep.report.cost_figure import cost_figure
from neuroep.report.shown import Shown
from neuroep.report.summary import si
from neuroep.rng import stream
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.studies.rig import Rig
from neuroep.studies.traffic import backprop_trace, ep_trace
from neuroep.studies.training import samples_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Memory(NamedTuple):
    """Memory traffic of one training step on one sample.

    Attributes
    ----------
    reads, writes, floats : int
        Accesses of buffers, and floats that they moved.
    weighted_ard, lru_weighted_ard : float
        Mean distance of a read by the clock and on an LRU stack, in floats.
    dmc, dmd : float
        Σ √distance over floats read, by the clock (DMC) and on an LRU stack (granular DMD), in √floats.
    byte_dmd : int
        Σ ⌈√depth⌉ over bytes read, of live values alone.
    misses : MissRatios
        Share of the floats read that miss in an LRU memory, against its capacity in floats.
    levels : tuple of Served
        What each of the profile's memories serves, in joules; empty where it names none.
    """

    reads: int
    writes: int
    floats: int
    weighted_ard: float
    lru_weighted_ard: float
    dmc: float
    dmd: float
    byte_dmd: int
    misses: MissRatios
    levels: tuple[Served, ...]


class Utilised(NamedTuple):
    """Bills at a share of the peak rate: the share, EP's, and backprop's where there is one."""

    share: Band
    bill: Bill
    backprop: Bill | None


@dataclass(frozen=True, repr=False, eq=False)
class Estimate(Shown):
    """Cost of one model on one device.

    Attributes
    ----------
    model : str
        Whose.
    device : str
        Profile.
    inputs : str
        Which inputs were settled: a data set's name, or uniform random ones where it isn't here.
    batch : int
        Samples that were counted: of one training step, or of all where the recipe saves requests up for later ones.
    bill : Bill
        Joules and seconds a sample, by phase and event.
    backprop : Bill or None
        The same of backprop in software, where the device prices software and the network has a feedforward limit.
    utilised : Utilised or None
        Both at the share of the peak rate that the profile says small networks reach; None where it doesn't.
    events : dict
        Event counts of those steps and of one inference of the same samples, by phase.
    memory : Memory
        Of EP, where the estimator is a difference of real equilibria at fixed weights, which is what is traced;
        `backprop_memory` of a backprop step on the same network, where that has a feedforward limit.
    """

    model: str
    device: str
    inputs: str
    batch: int
    bill: Bill
    backprop: Bill | None
    utilised: Utilised | None
    events: dict[str, dict[str, int]]
    memory: Memory | None
    backprop_memory: Memory | None

    def headline(self) -> str:
        """Return joules of an inference and of a training step, a sample."""
        kinds = (("an inference", INFERENCE), ("a training step", TRAINING_STEP))
        totals = {name: self.bill.energy(phases).value for name, phases in kinds}
        said = [f"{si(joules, 'J')} {name}" for name, joules in totals.items() if joules] or ["no price of energy"]
        return f"{self.model} on {self.device}, a sample: {', '.join(said)}"

    def records(self) -> list[dict[str, Any]]:
        """Return joules a sample of each part of the chip in each stage, with their bands."""
        return [
            {"stage": stage, "part": part, "joules": band.value, "joules_low": band.low, "joules_high": band.high}
            for stage, parts in table(self.bill.lines, "phase").items()
            for part, band in parts.items()
        ]

    def _figure(self) -> Figure | None:
        return cost_figure(self.model, {self.device: self.bill}, "phase") if self.records() else None


def sample_batch(
    model: ModelSpec, network: Network, batch: int, seed: int, dataset: Dataset | None = None
) -> tuple[str, Samples]:
    """Return a batch of data, the model's own if none are given, and which: uniform random inputs where none are here.

    Raises
    ------
    BadInput
        If the data are here and don't fit the network.
    """
    if dataset is None and model.data:
        try:
            dataset = load_data(model.data, seed=seed, scale=model.scale)
        except MissingData:
            dataset = None
    rng = stream(seed, "batch")
    if dataset is None:
        checks.room(checks.whole(batch, "samples", 1) * network.sizes[0], "samples")
        labels = rng.integers(0, max(2, network.sizes[-1]), size=batch)
        x = network.clamped(rng.uniform(size=(batch, network.columns)).astype(np.float32))
        wanted = targets(labels, max(2, network.sizes[-1]), network.cost, network.sizes[-1])
        why = f"{model.data} isn't here" if model.data else "no data given"
        return f"uniform random inputs ({why})", Samples(x, wanted, labels)
    check_inputs(dataset, network.columns)
    chosen = rng.choice(len(dataset.x_train), size=min(batch, len(dataset.x_train)), replace=False)
    return dataset.name, samples_of(network, dataset, dataset.x_train[chosen], dataset.y_train[chosen])


#: Minibatches that `estimate_cost` trains on before it counts.
WARM = 300


def checked_rig(
    model: ModelSpec,
    device: DeviceSpec,
    seed: int = 0,
    engine: str = "auto",
    off: tuple[str, ...] = (),
    recipe: Recipe | None = None,
) -> Rig:
    """Return what `estimate_cost` works with, after making sure that it can.

    Raises
    ------
    BadInput
        If model, device and recipe don't go together.
    """
    recipe = model.recipe(device) if recipe is None else recipe
    rig = Rig.of(model.network(), recipe, device, engine, seed=seed, off=off if device.is_hardware else ())
    rig.check()
    return rig


def estimate_cost(
    model: ModelSpec,
    device: DeviceSpec,
    seed: int = 0,
    engine: str = "auto",
    off: tuple[str, ...] = (),
    warm: int = WARM,
    recipe: Recipe | None = None,
    dataset: Dataset | None = None,
) -> Estimate:
    """Settle, update and price minibatches of a model on a device, used as its recipe says.

    A short training goes ahead, since weights as they were drawn settle in fewer sweeps and have other zeros than those
    of a network in use. Then one minibatch is counted, or as many as it takes to see updates that a recipe saves up
    (`Programming.steps_to_see`), and an inference of the same samples.

    Parameters
    ----------
    model, device : ModelSpec, DeviceSpec
        From the catalogue.
    seed : int
        Of initial weights and the choice of samples.
    engine : str
        Where to settle.
    off : tuple of str
        Effects that hardware is freed of; profiles that only price have none.
    warm : int
        Minibatches of the training ahead; 0 counts at the weights as drawn.
    recipe : Recipe, optional
        In place of the model's own for the device.
    dataset : Dataset, optional
        In place of the model's own.

    Returns
    -------
    Estimate

    Raises
    ------
    BadInput
        If model, device, recipe and data don't go together.
    """
    rig = checked_rig(model, device, seed, engine, off, recipe)
    network, recipe = rig.network, model.recipe(device) if recipe is None else recipe
    size, counted = recipe.training.batch_size, recipe.programming.steps_to_see
    where, samples = sample_batch(model, network, (checks.whole(warm, "warm", 0) + counted) * size, seed, dataset)
    weights = rig.initial_weights()
    mounted = rig.mount(weights)
    ahead, batches = _split(len(samples.x), size, warm, counted)
    trainer = rig.trainer(mounted, samples, lambda _: batches)
    rates, rng = tuple(-rate for rate in recipe.training.rates(network.depth, 0)), stream(seed, "program")
    seen = np.concatenate(batches)
    with trainer.engine.session():
        progress = Progress.fresh(weights)
        for number, batch in enumerate([*ahead, *batches]):
            if number == len(ahead):
                progress.ledger.counts[...] = 0
                free_outputs(trainer.engine, mounted.circuit, samples.x[seen], trainer.plans.free, seed,
                             progress.ledger)  # fmt: skip
            trainer.step(batch, (0, number), rates, rng, progress)
    ledger, memories = device.counted(network, progress.ledger), device.memory()
    feedforward = PHYSICS[network.physics].feedforward
    twin = None if device.is_hardware or not feedforward else count_backprop(network, size)
    return Estimate(
        model.name,
        device.name,
        where,
        len(seen),
        price(ledger, device.prices()),
        None if twin is None else price(twin, device.prices()),
        _utilised(ledger, twin, device),
        {phase.name.lower(): ledger.events(phase) for phase in Phase},
        memory_of(ep_trace(network, recipe, device), memories) if recipe.phases.traced else None,
        memory_of(backprop_trace(network, recipe), memories) if feedforward else None,
    )


def _utilised(ledger: Ledger, twin: Ledger | None, device: DeviceSpec) -> Utilised | None:
    if device.utilisation is None:
        return None
    prices = at_utilisation(device.prices(), device.utilisation)
    return Utilised(device.utilisation, price(ledger, prices), None if twin is None else price(twin, prices))


def _split(rows: int, size: int, warm: int, counted: int) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Return the minibatches that are trained on ahead, over and over if there are few, and those that are counted."""
    whole = max(1, rows // size)
    batches = np.array_split(np.arange(min(rows, whole * size)), whole)
    ahead = [batches[number % whole] for number in range(warm)]
    return ahead, batches[-min(counted, whole) :]


def memory_of(trace: list[Access], memories: Hierarchy | None = None) -> Memory:
    """Return what a trace of a training step moves, and what its reads cost in a profile's memories."""
    clock, reuse = ClockTracker().follow(trace), lru_reuse(trace)
    return Memory(
        clock.reads,
        clock.writes,
        clock.floats,
        clock.weighted_ard,
        reuse.weighted_ard,
        clock.dmc,
        granular_dmd(trace, reads_move=True),
        byte_dmd(*program_of(trace)),
        reuse.miss_ratios(),
        () if memories is None else memories.serve(reuse),
    )
