"""What only a real GPU can show; skipped with the reason where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import plan, problem, settle, settle_nudged

from neuroep.engines import create
from neuroep.engines.cuda.check import cuda_available, simulated
from neuroep.learning.readings import ep_gradients
from neuroep.network import Activation, Cost
from neuroep.recipe import Order, Phases

REASON = "numba simulates a GPU in this process" if simulated() else cuda_available()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=f"needs a GPU: {REASON}")]
CLOSE: dict[type, float] = {np.float32: 2e-5, np.float64: 1e-12}
every_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@every_type
@pytest.mark.parametrize("sizes", [(784, 256, 10), (784, 512, 256, 10), (50, 6001, 7), (20, *[30] * 90, 7)])
@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
def test_both_phases_at_full_size(sizes: tuple[int, ...], cost: Cost, dtype: type) -> None:
    """Sizes of the models, a layer too wide for shared memory in float64, and more layers than a number has bits."""
    from neuroep.engines.cuda.engine import CudaEngine

    p = problem(sizes, Activation.HARD_SIGMOID, cost=cost, feedback=0.3, batch=70, dtype=dtype)
    depth, outputs = p.network.depth, []
    for engine in (CudaEngine(), create("cpu")):
        free = settle(engine, p.circuit, p.x, plan(depth, 6))
        how = plan(depth, 4, 0.0, Order.BACKWARD)
        outputs.append(settle_nudged(engine, p.circuit, free, p.targets, np.full(70, 0.3, dtype=dtype), how))
    for got, wanted in zip(outputs[0].states, outputs[1].states, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=CLOSE[dtype] * max(1.0, np.abs(wanted).max()))


@every_type
@pytest.mark.parametrize("way", [{}, {"solver": "dopri5", "step_seconds": 5e-4, "free_seconds": 4.2e-3}])
def test_gradients(way: dict[str, Any], dtype: type) -> None:
    from neuroep.engines.cuda.engine import CudaEngine

    p = problem((784, 512, 256, 10), Activation.TANH, feedback=0.5, batch=64, dtype=dtype)
    phases = Phases(beta=0.3, free_sweeps=10, nudged_sweeps=6, **way)
    got, wanted = (ep_gradients(e, p.circuit, p.x, p.targets, phases) for e in (CudaEngine(), create("cpu")))
    scale = float(np.abs(wanted.couplings).max())
    np.testing.assert_allclose(got.couplings, wanted.couplings, rtol=0, atol=100 * CLOSE[dtype] * max(1.0, scale))


def test_torch_tensors_are_used_where_they_are() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU")
    from numba import cuda

    from neuroep.engines.cuda.engine import CudaEngine

    out = torch.ones(1000, device="cuda")
    CudaEngine().add(out, torch.full((1000,), 2.0, device="cuda"), 0.5)
    cuda.synchronize()
    assert torch.equal(out, torch.full((1000,), 2.0, device="cuda"))
