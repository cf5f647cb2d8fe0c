"""Small tasks that EP on torch modules must learn, beside backprop where there is no closed answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from neuroep.modules.gradients import ep_gradients


@pytest.mark.parametrize("how", [{"energy": "prediction"}, {"energy": "hopfield", "feedback": 0.2}])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exclusive_or(how: dict[str, object], seed: int) -> None:
    torch.manual_seed(seed)
    x, y = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1, 1, 0])
    module = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(150):
        ep_gradients(module, x, y, cost="cross-entropy", **how)  # type: ignore[arg-type]
        optimizer.step()
    assert module(x).argmax(1).tolist() == y.tolist()


def r_squared(module: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return 1.0 - float((module(x) - y).square().sum() / (y - y.mean()).square().sum())


def test_regression_on_diabetes() -> None:
    """R² on 90 held-out patients, within 0.02 of backprop's after the same steps."""
    datasets = pytest.importorskip("sklearn.datasets")
    inputs, outputs = datasets.load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(inputs))
    x = torch.from_numpy((inputs / inputs.std(axis=0))[order]).float()
    y = torch.from_numpy(((outputs - outputs.mean()) / outputs.std())[order]).float()[:, None]
    reached = []
    for method in ("backprop", "ep"):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = torch.optim.Adam(module.parameters(), lr=5e-3, weight_decay=1e-2)
        for step in range(400):
            rows = torch.arange(32 * step, 32 * (step + 1)) % 352
            if method == "ep":
                ep_gradients(module, x[rows], y[rows], sweeps=10, tolerance=1e-5)
            else:
                optimizer.zero_grad()
                (0.5 * (module(x[rows]) - y[rows]).square().sum(1)).mean().backward()
            optimizer.step()
        reached.append(r_squared(module, x[352:], y[352:]))
    assert reached[0] > 0.35
    assert reached[1] == pytest.approx(reached[0], abs=0.02)
