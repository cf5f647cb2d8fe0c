"""Prices at a share of the peak rate: the board's power times the time that it is held."""

from __future__ import annotations

import pytest

from neuroep.cost.utilisation import at_utilisation
from neuroep.engines.cuda.roofline import predict_step
from neuroep.errors import BadInput
from neuroep.learning.methods.phases import sweep_plans
from neuroep.prices import Prices
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device, load_model

WATTS, RATE = 700.0, 66.9e12


def test_a_tenth_of_the_rate_costs_ten_times_as_much() -> None:
    prices = Prices({"synop": Band(3.0, 2.0, 4.0)}, {"synop": Band(6.0, 5.0, 7.0)}, Band.exact(9.0))
    found = at_utilisation(prices, Band(0.1, 0.05, 0.5))
    assert found.energy_joules["synop"] == pytest.approx((30.0, 4.0, 80.0))
    assert found.time_seconds["synop"] == pytest.approx((60.0, 10.0, 140.0))
    assert found.static_watts == Band.exact(9.0)


@pytest.mark.parametrize("share", [0.0002, 0.014, 1.0])
def test_energy_is_power_times_time(share: float) -> None:
    """n operations take n / (share · rate) seconds, in which a board of so many watts draws its joules."""
    prices = Prices({"synop": Band.exact(WATTS * 2 / RATE)}, {"synop": Band.exact(2 / RATE)})
    found = at_utilisation(prices, Band.exact(share))
    seconds = 1e9 * found.time_seconds["synop"].value
    assert seconds == pytest.approx(2e9 / (share * RATE))
    assert 1e9 * found.energy_joules["synop"].value == pytest.approx(WATTS * seconds)


def test_the_whole_rate_is_the_price_itself() -> None:
    prices = Prices({"synop": Band(3.0, 2.0, 4.0)}, {"sweep": Band.exact(1.0)}, Band(1.0, 0.5, 2.0))
    assert at_utilisation(prices, Band.exact(1.0)) == prices


@pytest.mark.parametrize("share", [Band.exact(0.0), Band(0.5, 0.0, 1.0), Band(0.5, 0.4, 1.1), Band(0.5, 0.6, 0.7)])
def test_shares_that_no_processor_has(share: Band) -> None:
    with pytest.raises(BadInput, match="share"):
        at_utilisation(Prices(), share)


@pytest.mark.parametrize(("model", "end"), [("fashion-mlp", "value"), ("fashion-deep", "high")])
def test_the_share_of_a_gpu_is_that_of_its_roofline(model: str, end: str) -> None:
    """Operations of a predicted step over its time, launches included, and over the peak rate."""
    spec, share = load_model(model), load_device("gpu-h100").utilisation
    network, recipe = spec.network(), spec.recipe()
    how = sweep_plans(recipe.phases, network.depth)
    step = predict_step(network.sizes, recipe.training.batch_size, how.free, how.nudged)
    assert getattr(share, end) == pytest.approx(step.flops / step.seconds / RATE, rel=0.03)


def test_the_share_of_a_server_is_that_of_a_measured_step() -> None:
    """Backprop on 784-256-10 at batch 64, 0.855 ms: forward, both weights' gradients, and one layer back, times two."""
    products = 2 * (784 * 256 + 256 * 10) + 256 * 10
    share = load_device("cpu-server").utilisation
    assert share is not None
    assert share.value == pytest.approx(2 * 64 * products / 0.855e-3 / 2e12, rel=0.03)


@pytest.mark.parametrize(
    ("device", "end", "inferences", "peak"),
    [("gpu-h100", "low", 770.39, 1.24e12), ("cpu-server", "high", 38_210, 6 * 2.3e9 * 16)],
)
def test_shares_that_were_measured_elsewhere(device: str, end: str, inferences: float, peak: float) -> None:
    """390-256-256-29 on a Quadro K4000 at batch 1 and a Xeon E5-2630 at batch 64 (Blouw et al. 2019)."""
    share = load_device(device).utilisation
    assert getattr(share, end) == pytest.approx(inferences * 2 * 172_800 / peak, rel=0.08)
