"""Messages that tell cores of spikes, and their hops over the mesh, from a network's place on a chip.

A spike goes as one message to each core that holds synapses behind its unit: the cores of the layer above, from layer 2
to the last dynamical layer those of the layer below, and one core for a skip at either of its ends. Cores are taken in
order, four to a tile, tiles row after row of a mesh of 8 by 4 a chip (SANA-FE's description of Loihi); inputs come in
at the first tile. Ways between chips aren't counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.loihi.cores import CoreMap
from neuroep.ledger import Event, Ledger
from neuroep.network import Network

TILE, ACROSS = 4, 8


def with_messages(ledger: Ledger, placed: CoreMap, network: Network) -> Ledger:
    """Return a ledger with the messages and hops of its spikes, or itself where it has no spikes or has messages.

    Parameters
    ----------
    ledger : Ledger
        Counts of a run of the network.
    placed : CoreMap
        Where the network is.
    network : Network
        Whose skips and last dynamical layer say where spikes go.
    """
    if not ledger.counts[:, Event.SPIKE].any() or ledger.counts[:, Event.MESSAGE].any():
        return ledger
    tiles = _tiles(placed)
    counts = ledger.counts.copy()
    for k, spikes in enumerate(ledger.counts[:, Event.SPIKE].T):
        for target, every in _targets(network, k):
            distance = np.abs(tiles[k][:, None] - tiles[target][None]).sum(axis=2)
            reached = len(tiles[target]) if every else 1
            counts[:, Event.MESSAGE, k] += spikes * reached
            counts[:, Event.HOP, k] += np.rint(spikes * reached * distance.mean()).astype(np.int64)
    return ledger._replace(counts=counts)


def _targets(network: Network, k: int) -> list[tuple[int, bool]]:
    """Return the layers that spikes of layer k go to, each with whether all of its cores need them."""
    found = [(k + 1, True)] if k < network.depth else []
    found += [(k - 1, True)] if 1 < k <= network.dynamical else []
    found += [(skip.target, False) for skip in network.skips if skip.source == k]
    return found + [(skip.source, False) for skip in network.skips if skip.target == k]


def _tiles(placed: CoreMap) -> Sequence[NDArray[np.int64]]:
    """Return the places of each layer's cores on the mesh, shape (cores, 2); those of the input first."""
    ends = np.cumsum([0, *(layer.cores for layer in placed.layers)])
    tile = np.arange(ends[-1]) % placed.limits.cores // TILE
    places = np.stack([tile % ACROSS, tile // ACROSS], axis=1)
    return [places[:1], *(places[a:b] for a, b in pairwise(ends))]
