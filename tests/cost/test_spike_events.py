"""Events of runs in spikes: names and numbers counted by hand, and what a ledger without them is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calling import call

from neuroep.ledger import Event, Ledger, Phase
from neuroep.report.store import RunFolder

SPIKES = {
    Event.SPIKE: "spike",
    Event.SYNOP: "synop",
    Event.ACTIVE: "neuron_active",
    Event.IDLE: "neuron_idle",
    Event.LEARN: "learning_update",
    Event.MESSAGE: "message",
    Event.HOP: "hop",
    Event.BARRIER: "barrier",
}


@pytest.mark.parametrize("event", SPIKES)
def test_an_event_of_spikes_is_counted_once_under_one_name(event: Event) -> None:
    ledger = Ledger.empty((3, 2, 1))
    ledger.add(Phase.NUDGED, event, 0, 4)
    ledger.add(Phase.NUDGED, event, 2, 5)
    found = {name: count for name, count in ledger.events(Phase.NUDGED).items() if count}
    assert found == dict.fromkeys(("synop", "effective_synop") if event is Event.SYNOP else (SPIKES[event],), 9)
    assert not any(ledger.events(Phase.FREE).values())


def test_operations_of_spikes_and_of_reads_add_up() -> None:
    """Two rows read through 3 × 2 synapses, and one spike of an input at the two synapses behind it."""
    ledger = Ledger.empty((3, 2))
    ledger.add_read(Phase.FREE, True, 1, 2)
    ledger.add(Phase.FREE, Event.SYNOP, 1, 2)
    assert ledger.events(Phase.FREE)["synop"] == 2 * 6 + 2


def test_a_checkpoint_from_before_these_events_is_refused_in_a_line(tmp_path: Path) -> None:
    argv = ("run", "xor", "--epochs", "2", "--no-backprop", "--out", tmp_path / "o")
    assert call(*argv).status == 0
    with RunFolder(tmp_path / "o") as folder:
        saved = folder.load_checkpoint("ep-ideal-0")
        assert saved is not None
        arrays, meta = saved
        arrays["ledger"] = np.ascontiguousarray(arrays["ledger"][:, : Event.SPIKE])
        folder.save_checkpoint("ep-ideal-0", arrays, meta)
    found = call(*argv)
    assert found.status == 2
    assert found.out == ""
    assert found.err.splitlines() == [
        "neuroep: jobs: a checkpoint whose ledger counts other events; allowed: --fresh to start anew, or another --out"
    ]
