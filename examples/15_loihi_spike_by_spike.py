"""EP on Loihi, spike by spike: one synapse through the free and both nudged phases, and what the chip writes into it.

    python examples/15_loihi_spike_by_spike.py [FOLDER]

Nothing is a floating-point number from a spike to the weight it teaches. Integer neurons fire; each spike in the last
124 steps of a phase adds 4 to a 7-bit trace. After the phase nudged towards the target the learning engine adds 2^e x y
of the two traces to the synapse's 15-bit accumulator, after the one nudged away it takes its 2^e x y off, and each time
the weight is written back, rounded at random. `neuroep run digits-spiking -d loihi1` trains so, epoch after epoch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import neuroep
from neuroep.engines import Nudge
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.hardware.loihi.by_rule import arrays
from neuroep.hardware.loihi.learning import EP_RULES
from neuroep.hardware.loihi.rule_updates import Lesson, Store, exponent_of, learn, runs, traces
from neuroep.hardware.loihi.traces import apply_rule
from neuroep.ledger import Ledger, Phase
from neuroep.solvers.spikes import spiking
from neuroep.studies.estimate import sample_batch
from neuroep.studies.settling import by_sweeps

SAMPLES, FORM, STORE = 16, "swapped", Store(2, -128, 127, "element")  # a code is two mantissas: eight bits and a sign
PHASES = ("free", "towards", "away")


def terms(lesson: Lesson, sample: int, pre: list[int], post: list[int]) -> list[np.ndarray]:
    """Return what the rule of each nudged phase adds to the accumulators of some synapses."""
    pair, empty = (
        (lesson.below[sample][:, pre], lesson.above[sample][:, post]),
        np.zeros((len(pre), len(post)), np.int64),
    )
    return [apply_rule(run.rule, run.values(*pair), empty) for run in runs(FORM, lesson.exponent, 0)]


def drawn(rasters: list[np.ndarray], ends: list[int], integers: np.ndarray, floats: np.ndarray, file: Path) -> None:
    """Draw the spikes of both ends, and what all synapses get beside the continuous contrast."""
    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1.0))
    trains = [np.flatnonzero(raster[:, end]) for raster in rasters for end in ends]
    left.eventplot(trains[::-1], colors=["#D55E00", "#0072B2"] * 3, linelengths=0.8)
    left.axvspan(80, 204, color="grey", alpha=0.15)
    left.set_yticks(range(6), [f"{name}: {end}" for name in PHASES for end in ("hidden", "output")][::-1])
    left.set(xlabel="step", title="spikes; grey: what traces count")
    right.plot(floats.ravel(), integers.ravel(), ".", markersize=3)
    right.axline((0.0, 0.0), slope=1.0, color="grey", linewidth=0.8)
    right.set(xlabel="continuous contrast (codes)", ylabel="integers added (codes)", title="one digit, 640 synapses")
    figure.savefig(file, dpi=150)


def main(folder: Path) -> None:
    """Train an epoch, settle some digits, follow a synapse, hold all of them to the continuous contrast."""
    model, device = neuroep.load_model("digits-spiking"), neuroep.load_device("loihi1")
    trained, recipe = neuroep.train(model, device, epochs=1), model.recipe(device)
    print(f"after one epoch on the chip {trained.test_accuracy:.1%} of the test set are named right")
    network, circuit, beta = model.network(), trained.mounted.circuit, recipe.phases.beta
    samples, plans, rasters = sample_batch(model, network, SAMPLES, 0)[1], spiking(recipe.phases), []
    engine, aside, both = (
        SpikingEngine(1, rasters),
        Ledger.empty(network.sizes),
        np.repeat(np.float32([1, -1]), SAMPLES),
    )
    free = engine.settle_free(circuit, samples.x, plans.free, 1, aside, Phase.FREE)
    nudge = Nudge(np.tile(samples.targets, (2, 1)), beta * both)
    nudged = engine.settle_nudged(circuit, free, nudge, plans.nudged, 2, aside)
    below, above = (s.reshape(2, SAMPLES, -1).swapaxes(0, 1) for s in nudged.states)  # (samples, phases, units)
    codes, rate = list(arrays(trained.mounted))[-1][0], recipe.training.learning_rates[-1] / (2.0 * beta)
    exponent = exponent_of(rate / codes.unit, FORM, STORE.step)
    lesson = Lesson(traces(below, 1.0), traces(above, 1.0), np.zeros(SAMPLES, np.int32), FORM, exponent, 0)
    products = np.einsum("spi,spj->spij", below, above)
    contrast = products[:, 0] - products[:, 1]
    seen = np.abs(contrast) * (products.min(axis=1) > 0.0)  # both phases have something to say
    one, i, j = (int(n) for n in np.unravel_index(seen.argmax(), seen.shape))
    spikes, ends = [rasters[0][0, one], rasters[1][0, one], rasters[1][1, one]], [64 + i, 128 + j]
    print(f"synapse from hidden unit {i} to output {j}, a {samples.labels[one]}, target {samples.targets[one, j]:.0f}")
    own = [traces(s[one : one + 1], 1.0) for s in free.states]
    x1, y1 = [own[0][0, i], *lesson.below[one, :, i]], [own[1][0, j], *lesson.above[one, :, j]]
    for name, raster, x, y in zip(PHASES, spikes, x1, y1, strict=True):
        sent = raster[-plans.free.window :, ends].sum(axis=0, dtype=int)
        print(f"  {name:8} {sent[0]} and {sent[1]} spikes, traces x1 = {x}, y1 = {y}")
    code, lift = int(codes.codes[i, j]), 1 << STORE.lift
    print(f"  code {code}, a weight of {code * codes.unit:.4f}; in the accumulator {code * lift}")
    added = [int(term[0, 0]) for term in terms(lesson, one, [i], [j])]
    for name, term in zip(("nudged", "free"), added, strict=True):
        print(f"  {EP_RULES[name].format(exponent=exponent)} adds {term:+d}")
    exact = rate * contrast[one] / codes.unit
    print(f"  together {sum(added):+d} of {lift} a code: {sum(added) / lift:+.3f} codes; asked for {exact[i, j]:+.3f}")
    after, alone = codes.codes.copy(), (lesson.below[[one]], lesson.above[[one]], lesson.positive[:1])
    learn(after, Lesson(*alone, FORM, exponent, 0), STORE)
    print(f"  written back, rounded at random: code {after[i, j]}")
    whole = [sum(terms(lesson, s, list(range(64)), list(range(10)))) for s in range(SAMPLES)]
    settled = [by_sweeps(circuit, samples.x, samples.targets, sign * beta)[1].states for sign in (1.0, -1.0)]
    continuous = np.subtract(*(np.einsum("si,sj->ij", *states) for states in settled))
    total = np.sum(whole, axis=0)
    for name, other in (("the same states", contrast.sum(axis=0)), ("the continuous network", continuous)):
        cosine = float((total * other).sum() / np.linalg.norm(total) / np.linalg.norm(other))
        print(f"{other.size} synapses, {SAMPLES} digits: cosine {cosine:.4f} with the contrast of {name}")
    drawn(spikes, ends, whole[one] / lift, exact, folder / "15_loihi_spike_by_spike.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
