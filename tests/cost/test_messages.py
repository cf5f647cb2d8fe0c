"""Messages and hops of spikes, worked out by hand from where layers lie on the mesh."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.hardware.loihi.cores import CoreMap, LayerCores
from neuroep.hardware.loihi.messages import with_messages
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Network, chain
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import estimate_cost

SIZES = (3, 4, 4, 2)


def placed(*cores: int) -> CoreMap:
    """Layers 1..L on so many cores each; the rest of a map isn't read."""
    return CoreMap(tuple(LayerCores(k, 0, 0, n, 0, 0, 0, 0) for k, n in enumerate(cores, start=1)), 8)


def network(cost: Cost = Cost.MSE, **how: tuple[tuple[int, int], ...]) -> Network:
    return chain(SIZES, Activation.HARD_SIGMOID, Activation.LINEAR, cost=cost, **how)


def found(spikes: dict[int, int], where: CoreMap, of: Network) -> tuple[list[int], list[int]]:
    ledger = Ledger.empty(of.sizes)
    for k, count in spikes.items():
        ledger.add(Phase.FREE, Event.SPIKE, k, count)
    counts = with_messages(ledger, where, of).counts[Phase.FREE]
    assert not ledger.counts[:, [Event.MESSAGE, Event.HOP]].any()
    return counts[Event.MESSAGE].tolist(), counts[Event.HOP].tolist()


def test_spikes_go_to_the_cores_of_both_neighbours() -> None:
    """Three cores of one tile: an input tells layer 1, layers 1 and 2 what is above, layers 2 and 3 what is below."""
    messages, hops = found({0: 5, 1: 7, 2: 11, 3: 13}, placed(1, 1, 1), network())
    assert messages == [5, 7, 11 * 2, 13]
    assert hops == [0, 0, 0, 0]


def test_nothing_goes_back_from_a_read_out() -> None:
    messages, _ = found({2: 11, 3: 13}, placed(1, 1, 1), network(Cost.CROSS_ENTROPY))
    assert messages == [0, 0, 11 * 2, 0]


def test_hops_are_steps_on_the_mesh() -> None:
    """Layer 1 fills tile 0, layer 2 tiles 1 and 2, layer 3 is on tile 3; the ninth tile begins the next row."""
    messages, hops = found({0: 1, 1: 10, 3: 100}, placed(4, 8, 1), network())
    assert messages == [4, 80, 0, 800]
    assert hops == [0, 10 * (4 * 1 + 4 * 2), 0, 100 * (4 * 2 + 4 * 1)]
    _, hops = found({1: 10}, placed(4, 28, 4), network())  # 7 tiles of layer 2 to the right
    assert hops[1] == 10 * 4 * sum(range(1, 8))
    _, hops = found({2: 10}, placed(28, 4, 4), network())  # from tile 7 left to seven tiles, and to tile 8 below
    assert hops[2] == 10 * (4 * sum(range(1, 8)) + 4 * (7 + 1))


def test_a_skip_tells_one_core_at_either_end() -> None:
    """The ends have one unit for each unit; the way is that of the mean core."""
    sizes = (3, 4, 2, 4)
    of = chain(sizes, Activation.HARD_SIGMOID, Activation.HARD_SIGMOID, skips=((1, 3),))
    messages, hops = found({1: 10, 3: 100}, placed(4, 4, 8), of)
    assert messages == [0, 10 * 4 + 10, 0, 100 * 4 + 100]
    assert hops == [0, 10 * 4 * 1 + 25, 0, 100 * (4 * 1.5) + 250]  # a skip's way is 2.5 tiles on the mean


def test_messages_are_made_once_and_only_of_spikes() -> None:
    ledger = Ledger.empty(SIZES)
    ledger.add_read(Phase.FREE, True, 1, 2)
    assert with_messages(ledger, placed(1, 1, 1), network()) is ledger
    ledger.add(Phase.FREE, Event.SPIKE, 1, 7)
    once = with_messages(ledger, placed(1, 1, 1), network())
    assert with_messages(once, placed(1, 1, 1), network()) is once


@pytest.mark.parametrize("name", ["loihi1", "cpu-server"])
def test_costs_have_the_messages_of_a_chip_with_cores(name: str) -> None:
    model, device = load_model("digits-spiking"), load_device(name)
    events = estimate_cost(model, device).events["free"]
    ledger = Ledger(model.network().sizes, np.zeros_like(Ledger.empty(model.network().sizes).counts))
    assert device.counted(model.network(), ledger) is ledger
    assert events["spike"] > 0
    assert events["message"] == (events["spike"] if name == "loihi1" else 0)  # two layers, a core each: one target
