"""Regression by EP beside backprop, on scikit-learn's diabetes data.

    python benchmarks/diabetes.py [SPLITS]

The same network (10-32-1, tanh), initial weights, batches, rule and rates: Adam on EP's estimates, and on backprop's
gradients in torch. Each split keeps a fifth of the 442 patients aside; prints R² on them, split by split, and the mean.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from neuroep.bridges.torch_backprop import train_twin
from neuroep.bridges.torch_weights import to_torch
from neuroep.studies.rig import Rig, shuffled
from neuroep.studies.sklearn_estimators import USUAL, EPRegressor

HIDDEN, EPOCHS, FEEDBACK = 32, 30, 0.1


def r_squared(seed: int) -> tuple[float, float]:
    """Return R² of EP and of backprop on a fifth kept aside."""
    import torch

    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=seed)
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
    recipe = replace(USUAL, training=replace(USUAL.training, epochs=EPOCHS, learning_rates=(0.003,)))
    ep = EPRegressor(HIDDEN, feedback=FEEDBACK, recipe=recipe, random_state=seed).fit(x_train, y_train)
    targets = (y_train[:, None] - ep.target_mean_) / ep.target_scale_
    start = Rig.of(ep.network_, seed=ep.seed_).initial_weights(np.float64)
    orders = shuffled(len(x_train), recipe.training.batch_size, ep.seed_)
    nothing = np.zeros(len(x_train), dtype=np.int64)
    twin = train_twin(ep.network_, start, recipe.training, x_train, targets, nothing, orders, threads=1)
    outputs = to_torch(ep.network_, twin.weights)(torch.from_numpy(x_test)).detach().numpy()[:, 0]
    backprop = outputs * ep.target_scale_[0] + ep.target_mean_[0]
    return float(ep.score(x_test, y_test)), float(r2_score(y_test, backprop))


def main(splits: int) -> None:
    found = np.array([r_squared(seed) for seed in range(splits)])
    for seed, (ep, backprop) in enumerate(found):
        print(f"split {seed}: R² {ep:.3f} by EP, {backprop:.3f} by backprop")
    print(f"mean of {splits}: {found[:, 0].mean():.3f} by EP, {found[:, 1].mean():.3f} by backprop")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
