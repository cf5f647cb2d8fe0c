"""The life of a chip: weights from software, programmed, aged, and recovered by EP in situ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuroep.bridges.weights_file import load_weights
from neuroep.data import Dataset, named_or_given
from neuroep.errors import BadInput
from neuroep.learning.trainer import Epoch, Progress
from neuroep.network import Network
from neuroep.recipe import Recipe
from neuroep.rng import stream
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.studies.chip import Chip
from neuroep.studies.rig import Rig
from neuroep.studies.run import Listener, Silent
from neuroep.studies.training import IDEAL, Job, Materials, materials, remark_on
from neuroep.weights import Weights

AGES = (1.0, 3600.0, 86400.0, 365.0 * 86400.0)
"""Seconds: 1 s, 1 h, 1 day, 1 year."""
CLIPS = (1.0, 0.99, 0.97, 0.95, 0.9, 0.85)
"""Quantiles of |W_k| that may become full scale; training samples choose."""

SLOWER, DECAY = 0.5, 0.7
"""Fine-tuning starts at this share of the recipe's learning rates and slows by this factor an epoch: on digits-mlp and
rram-hfo2 the best of nine settings on a validation split."""


def for_fine_tuning(recipe: Recipe) -> Recipe:
    """Return a recipe from which learned weights, whose largest is known, are trained on: slower, without headroom."""
    rates = tuple(SLOWER * rate for rate in recipe.training.learning_rates)
    training = replace(recipe.training, learning_rates=rates, decay=DECAY, patience=0)
    return replace(recipe, training=training, programming=replace(recipe.programming, headroom=1.0))


def clipped(weights: Weights, quantile: float) -> Weights:
    """Return weights cut off at a quantile of each coupling's |W_k|, which becomes its full scale."""
    couplings = []
    for k in range(1, weights.depth + 1):
        bound = np.quantile(np.abs(weights.coupling(k)), quantile)
        couplings.append(np.clip(weights.coupling(k), -bound, bound).astype(weights.couplings.dtype))
    return Weights.from_arrays(couplings, [weights.bias(k) for k in range(1, weights.depth + 1)])


def recovered(software: float, before: float, after: float) -> float:
    """Return the share of the drop from `software` to `before` that is gone; NaN without a drop."""
    drop = software - before
    return (after - before) / drop if drop > 0.0 else math.nan


def live(
    model: ModelSpec,
    device: DeviceSpec,
    seed: int,
    epochs: int,
    source: str = "backprop",
    verify: bool = False,
    data: str | Dataset | None = None,
    listener: Callable[[str], Listener] = lambda _: Silent(),
) -> dict[str, Any]:
    """Return one chip's life as plain data.

    Parameters
    ----------
    model, device : ModelSpec, DeviceSpec
        What is computed on what.
    seed : int
        Of everything drawn.
    epochs : int
        Of fine-tuning.
    source : str
        ``"backprop"``, ``"ep"`` (ideal weights), or the path of a safetensors file.
    verify : bool
        As in :meth:`neuroep.studies.chip.Chip.program`.
    data : str or Dataset, optional
        Name or path of a data set, or one in memory, in place of the model's own.
    listener : callable
        Returns who hears how a training goes on, by the name of what it is for.

    Returns
    -------
    dict
        Accuracies on the test set, as ``neuroep life --json`` prints them. The training samples chose the clip.
    """
    network, recipe = model.network(), for_fine_tuning(model.recipe(device))
    dataset = named_or_given(model.data if data is None else data, seed, model.scale)
    stock = materials(network, dataset, recipe.training, seed)
    remark_on(dataset)
    heard = listener("weights from software")
    weights, software = _source(model, network, recipe, stock, seed, source, heard)
    clip = _best_clip(device, network, recipe, weights, stock, seed, verify)
    chip = _programmed(device, network, recipe, clipped(weights, clip), seed, verify)
    test = stock.test
    at_once = chip.evaluate(test, recipe.phases)
    fresh = _ages(chip, stock, recipe)
    chip = _programmed(device, network, recipe, clipped(weights, clip), seed, verify)
    epochs_seen: list[float] = []
    heard, job = listener("fine-tuning"), Job("ep", device.name, seed)

    def look(epoch: Epoch) -> None:
        epochs_seen.append(chip.evaluate(test, recipe.phases))
        heard.epoch(job, epoch, epochs)

    chip.fine_tune(stock.train, recipe, epochs, on_epoch=look)
    return {
        "seed": seed, "clip": clip, "software": software, "at_once": at_once, "aged": fresh,
        "fine_tuned": epochs_seen, "recovered": recovered(software, at_once, epochs_seen[-1]),
        "fine_tuned_aged": _ages(chip, stock, recipe),
    }  # fmt: skip


def _ages(chip: Chip, stock: Materials, recipe: Recipe) -> list[dict[str, float]]:
    rows = []
    for seconds in AGES:
        chip.age(seconds)
        rows.append({"seconds": seconds, "accuracy": chip.evaluate(stock.test, recipe.phases)})
    return rows


def _programmed(
    device: DeviceSpec, network: Network, recipe: Recipe, weights: Weights, seed: int, verify: bool
) -> Chip:
    chip = Chip(device, network, seed, programming=recipe.programming)
    chip.program(weights, stream(seed, "mount", device.name), verify)
    return chip


def _best_clip(
    device: DeviceSpec, network: Network, recipe: Recipe, weights: Weights, stock: Materials, seed: int, verify: bool
) -> float:
    """The quantile with which the chip names most training samples right: the largest of equals."""

    def right(clip: float) -> float:
        chip = _programmed(device, network, recipe, clipped(weights, clip), seed, verify)
        return chip.evaluate(stock.train, recipe.phases)

    return max(CLIPS, key=right)


def _source(
    model: ModelSpec, network: Network, recipe: Recipe, stock: Materials, seed: int, source: str, heard: Listener
) -> tuple[Weights, float]:
    """Weights and their accuracy in software."""
    train, test, job = stock.train, stock.test, Job(source, IDEAL, seed)
    if source == "backprop":
        from neuroep.bridges import torch_backprop as twin

        def tell(epoch: twin.TwinEpoch, _: object) -> None:
            number, accuracy, cost, seconds = epoch
            heard.epoch(job, Epoch(number, accuracy, cost, None, seconds), recipe.backprop.epochs)

        found = twin.train_twin(
            network, stock.weights, recipe.backprop, train.x, train.targets, train.labels, stock.orders, tell, threads=1
        ).weights
        return found, twin.accuracy(network, found, test.x, test.labels, threads=1)
    rig = Rig(network=network, recipe=model.recipe(), seed=seed)
    start = stock.weights if source == "ep" else load_weights(source, network)
    mounted = rig.mount(start)
    if source == "ep":
        training = replace(rig.recipe.training, patience=0)
        trainer = rig.trainer(mounted, train, stock.orders, training=training)
        trainer.run(Progress.fresh(start), lambda epoch: heard.epoch(job, epoch, training.epochs))
    return Weights(start.sizes, mounted.circuit.up, mounted.circuit.biases), rig.evaluate(mounted, test).accuracy


def check(model: ModelSpec, device: DeviceSpec, source: str, verify: bool) -> None:
    """Make sure, before anything is trained, that the chip can be programmed and trained on, and its source trained.

    Raises
    ------
    BadInput
        If something doesn't go together.
    """
    network, recipe = model.network(), for_fine_tuning(model.recipe(device))
    chip = Chip(device, network, programming=recipe.programming)
    if verify:
        chip.check_verify()
    Rig(network=network, recipe=recipe, device=chip.device).check()
    if source == "ep":
        Rig(network=network, recipe=model.recipe()).check()
    elif source == "backprop":
        from neuroep.bridges.torch_twin import refuse_rule

        refuse_rule(recipe.backprop)
    else:
        load_weights(source, network)


def _source_epochs(model: ModelSpec, device: DeviceSpec, source: str) -> int:
    """Return the epochs in which weights are learned in software, none of those from a file."""
    if source == "ep":
        return model.recipe().training.epochs
    return for_fine_tuning(model.recipe(device)).backprop.epochs if source == "backprop" else 0


def lives(
    model: ModelSpec,
    device: DeviceSpec,
    seeds: tuple[int, ...],
    epochs: int,
    source: str,
    verify: bool,
    data: str | Dataset | None = None,
    listener: Callable[[str], Listener] = lambda _: Silent(),
) -> dict[str, Any]:
    """Return the lives of one chip a seed, as ``neuroep life --json`` prints them.

    Raises
    ------
    BadInput
        If a seed is negative or named twice, epochs are below 1, the source is no file, or things don't go together.
    """
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise BadInput(f"seeds {seeds}", "--seed", "whole numbers from 0, each once")
    if epochs < 1:
        raise BadInput(f"{epochs} epochs", "--epochs", "1 or more")
    if source not in ("backprop", "ep") and not Path(source).exists():
        raise BadInput(f"no source {source!r}", "--from", "backprop, ep or a safetensors file")
    if not device.is_hardware:
        raise BadInput(f"{device.name!r} is {device.kind}", "--device", "a quantized or crossbar profile")
    check(model, device, source, verify)
    training = _source_epochs(model, device, source)
    lengths = {job: count for seed in seeds for job, count in (
        (Job(source, IDEAL, seed), training), (Job("ep", device.name, seed), epochs))}  # fmt: skip
    listener("").started(list(lengths), lengths)
    rows = [live(model, device, seed, epochs, source, verify, data, listener) for seed in seeds]
    retention = getattr(device.build(), "retention", "none")
    head = {"model": model.name, "device": device.name, "from": source, "epochs": epochs, "verify": verify}
    return head | {"retention": retention, "rows": rows}
