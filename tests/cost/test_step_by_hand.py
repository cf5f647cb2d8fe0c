"""One training step of digits-mlp on four devices: energy from raw counts and published prices, in fractions.

Prices are typed in from their sources (devices/*.toml says which), products of counts and sizes are written out for
64-64-10 alone, and sums are of exact fractions: nothing of `by_layer`, `Prices` or `price` is used but for the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from neuroep.cost.energy import TRAINING_STEP, price
from neuroep.learning.trainer import Progress
from neuroep.ledger import Event, Ledger, Phase
from neuroep.rng import stream
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import sample_batch
from neuroep.studies.rig import Rig

#: Picojoules: of Horowitz's blocks in 45 nm, 0.9 an addition, 3.7 a product, 1.25 a byte of 8 KB of SRAM.
DIGITAL = {
    "unit": "7.7",  # 3 additions, 4 bytes written
    "product": "14.6",  # a product and an addition, 8 bytes
    "kept": "10",  # 8 bytes
    "brought": "5",  # 4 bytes
    "added": "10.9",  # an addition, 8 bytes
}
#: 64 x 64 and 64 x 10 cells.
PRICES: dict[str, Mapping[str, str]] = {
    "loihi1": {"weight": "23.6", "sent": "1.7", "unit": "81", "local": "120"},
    "ecram": {"weight": "0.080", "line": "0.284", "sum": "0.941", "up": "0.03", "down": "0.03"} | DIGITAL,
    "rram-sb": {"weight": "0.243", "line": "0.284", "sum": "0.941", "up": "2900", "down": "2900"} | DIGITAL,
    "pcm-pair": {"weight": "0.010", "line": "0.284", "sum": "0.941", "up": "330", "down": "130"} | DIGITAL,
}
#: Of Davies et al., nanoseconds; static power of its cores in milliwatts.
LOIHI_TIMES, LOIHI_STATIC = {"weight": "3.5", "unit": "8.4", "local": "6.1", "sweep": "113"}, "1.01"


def a_rig(name: str, tolerance: float = 0.0) -> Rig:
    model, device = load_model("digits-mlp"), load_device(name)
    recipe = model.recipe(device)
    recipe = replace(recipe, phases=replace(recipe.phases, tolerance=tolerance))
    return Rig.of(model.network(), recipe, device, "reference", seed=0)


def a_step(rig: Rig) -> tuple[Ledger, int]:
    """What one minibatch is counted as, or as many as it takes to see an update; and its samples."""
    recipe = rig.recipe
    size, batches = recipe.training.batch_size, recipe.programming.steps_to_see
    _, samples = sample_batch(load_model("digits-mlp"), rig.network, size * batches, 0)
    weights = rig.initial_weights()
    mounted, progress = rig.mount(weights), Progress.fresh(weights)
    rows = np.array_split(np.arange(len(samples.x)), batches)
    trainer = rig.trainer(mounted, samples, lambda _: rows)
    rates = tuple(-rate for rate in recipe.training.rates(2, 0))
    with trainer.engine.session():
        for number, batch in enumerate(rows):
            trainer.step(batch, (0, number), rates, stream(0, "program", number), progress)
    return progress.ledger, len(samples.x)


def amounts(ledger: Ledger) -> dict[str, int]:
    """How much of each kind of work there was, over the three phases of training, written out for 64-64-10."""
    n: dict[str, list[int]] = {
        event.name: ledger.counts[list(TRAINING_STEP), event].sum(axis=0).tolist() for event in Event
    }
    return {
        "weight": 64 * n["LIT_UP"][1] + 10 * n["LIT_UP"][2] + 64 * n["LIT_DOWN"][2] + 64 * n["LIT_DOWN"][1],
        "sent": n["LIT_UP"][1] + n["LIT_UP"][2] + n["LIT_DOWN"][2] + n["LIT_DOWN"][1],
        "brought": 64 * n["READ_UP"][1] + 64 * n["READ_UP"][2] + 10 * n["READ_DOWN"][2] + 64 * n["READ_DOWN"][1],
        "line": n["LINE"][1] + n["LINE"][2],
        "sum": n["CONVERSION"][1] + n["CONVERSION"][2],
        "unit": 64 * n["NEURON"][1] + 10 * n["NEURON"][2],
        "product": 64 * 64 * n["CONTRAST"][1] + 64 * 10 * n["CONTRAST"][2],
        "local": 64 * 64 * n["LOCAL"][1] + 64 * 10 * n["LOCAL"][2],
        "kept": 64 * n["KEPT"][1] + 10 * n["KEPT"][2],
        "added": n["ACCUMULATION"][1] + n["ACCUMULATION"][2],
        "up": n["PULSE_UP"][1] + n["PULSE_UP"][2],
        "down": n["PULSE_DOWN"][1] + n["PULSE_DOWN"][2],
        "sweep": n["SWEEP"][0],
    }


def times(of: Mapping[str, int], each: Mapping[str, str]) -> Fraction:
    return sum((of[work] * Fraction(Decimal(unit)) for work, unit in each.items()), Fraction(0))


@pytest.mark.parametrize("name", PRICES)
def test_a_step_of_digits_mlp(name: str) -> None:
    ledger, samples = a_step(a_rig(name))
    found = amounts(ledger)
    picojoules = times(found, PRICES[name])
    if name == "loihi1":  # nanoseconds times milliwatts are picojoules
        picojoules += times(found, LOIHI_TIMES) * Fraction(Decimal(LOIHI_STATIC))
    bill = price(ledger, load_device(name).prices())
    by_hand = float(picojoules / samples * Fraction(1, 10**12))
    assert bill.energy(TRAINING_STEP).value == pytest.approx(by_hand, rel=1e-13, abs=0)
    assert f"{bill.energy(TRAINING_STEP).value:.12e}" == f"{by_hand:.12e}"
    assert sum(line.energy.value for line in bill.lines if line.energy) == pytest.approx(by_hand, rel=1e-12)


def test_counts_of_a_step_by_loops() -> None:
    """A sample at a time on exact reads: the free phase's lines and operations, sweep by sweep, in plain Python."""
    rig = a_rig("loihi1", 1e-3)
    ledger, samples = a_step(rig)
    phases, circuit = rig.recipe.phases, rig.mount(rig.initial_weights()).circuit
    _, stock = sample_batch(load_model("digits-mlp"), rig.network, rig.recipe.training.batch_size, 0)
    w1, w2 = circuit.up[: 64 * 64].reshape(64, 64), circuit.up[64 * 64 :].reshape(64, 10)
    b1, b2 = circuit.biases[:64], circuit.biases[64:]
    lit, sweeps = np.zeros((2, 3), dtype=int), 0
    for x in stock.x:
        lit[0, 1] += np.count_nonzero(x)
        drive, h, y, moved = x @ w1, np.zeros(64, x.dtype), np.zeros(10, x.dtype), False
        for _ in range(phases.free_sweeps):
            before = np.concatenate([h, y])
            if moved:  # before that, outputs are zero and nothing is read
                lit[1, 2] += np.count_nonzero(y)
            h = np.clip(drive + b1 + circuit.feedback * (w2 @ y), 0, 1).astype(x.dtype)
            lit[0, 2] += np.count_nonzero(h)
            y = (h @ w2 + b2).astype(x.dtype)
            moved, sweeps = True, sweeps + 1
            if np.linalg.norm(np.concatenate([h, y]) - before) <= phases.tolerance:
                break
    assert samples == len(stock.x)
    free = ledger.counts[Phase.FREE]
    assert free[Event.SWEEP, 0] == sweeps < samples * phases.free_sweeps
    assert free[Event.LIT_UP].tolist() == lit[0].tolist()
    assert free[Event.LIT_DOWN].tolist() == lit[1].tolist()
