"""EP steps on a GPU: predicted on paper, and measured beside it where there is one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from neuroep.bench.scaling import REPEATS, Figure
from neuroep.engines import Accumulation, Keys, Nudge, create
from neuroep.engines.cuda.check import cuda_available
from neuroep.engines.cuda.roofline import predict_step
from neuroep.hardware.device import Ideal
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.methods.phases import sweep_plans
from neuroep.ledger import Ledger
from neuroep.network import Cost, initial_weights
from neuroep.rng import stream
from neuroep.specs import ModelSpec
from neuroep.specs.catalogue import load_model
from neuroep.weights import Weights

MODELS = ("digits-mlp", "parity", "fashion-mlp", "fashion-deep")


def gpu_steps() -> Iterator[Figure]:
    """Predict an EP step of the catalogue's models on an H100, and time it where a GPU can run it."""
    for name in MODELS:
        model = load_model(name)
        network, recipe = model.network(), model.recipe()
        batch, how = recipe.training.batch_size, sweep_plans(recipe.phases, network.depth)
        nudges = scheme(recipe.phases.estimator, recipe.phases.beta, batch, stream(0, "signs"))
        copies = len(nudges.beta) // batch
        found = predict_step(network.sizes, batch, how.free, how.nudged, copies, network.cost is Cost.CROSS_ENTROPY)
        yield Figure("predicted EP step, H100", name, "batch", batch, 1e6 * found.seconds, "µs")
        if cuda_available() is None:
            yield Figure("measured EP step", name, "batch", batch, 1e6 * _measured(model), "µs")


def _measured(model: ModelSpec) -> float:
    """Median seconds of settling and contrast, weights copied to the GPU in each step as training has them."""
    network, recipe = model.network(), model.recipe()
    batch, sizes = recipe.training.batch_size, network.sizes
    engine, how = create("cuda"), sweep_plans(recipe.phases, network.depth)
    circuit = Ideal().mount(network, initial_weights(network, stream(0, "weights")), stream(0, "mount")).circuit
    nudges = scheme(recipe.phases.estimator, recipe.phases.beta, batch, stream(0, "signs"))
    x = stream(0, "x").uniform(size=(batch, sizes[0])).astype(np.float32)
    nudge = Nudge(stream(0, "y").uniform(size=(len(nudges.beta), sizes[-1])).astype(np.float32), nudges.beta)
    ledger, into = Ledger.empty(sizes), Accumulation(Weights.zeros(sizes), (1.0,) * network.depth, 0.0)
    taken = []
    with engine.session():
        for i in range(2 * REPEATS):
            began = time.perf_counter()
            _, nudged = engine.phases(circuit, x, how, nudge, Keys(0, 0, 0), ledger)
            engine.contrast(circuit, x, nudged.states, nudges.coefficients[-len(nudges.beta) :], into, ledger)
            if i >= REPEATS:
                taken.append(time.perf_counter() - began)
    return statistics.median(taken)
