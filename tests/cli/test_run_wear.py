"""Wear in a run's result: the pulses of its checkpoint, which are those of its ledger; in the text and the page."""

from __future__ import annotations

import html
import json

import numpy as np
import pytest
from calling import SEEDS, Finished, call
from safetensors.numpy import load_file

from neuroep import Chip, load_device, load_model
from neuroep.hardware.wear import Wear
from neuroep.learning.trainer import Samples
from neuroep.ledger import Event
from neuroep.network import initial_weights
from neuroep.rng import stream

UP_AND_DOWN = [Event.PULSE_UP, Event.PULSE_DOWN]


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_have_the_pulses_of_the_ledger(finished: Finished, seed: str) -> None:
    """digits-mlp on ecram: 64·64 + 64·10 single cells."""
    result = json.loads((finished.folder / "result.json").read_text(encoding="utf-8"))
    (wear,) = (r["wear"] for r in result["rows"] if (r["device"], r["seed"]) == ("ecram", int(seed)))
    arrays = load_file(finished.folder / "jobs" / f"ep-ecram-{seed}.safetensors")
    sent = arrays["state.devices_pulses"]
    assert sent.sum() == arrays["ledger"][:, UP_AND_DOWN].sum() > 0
    assert wear["cells"] == len(sent) == 64 * 64 + 64 * 10
    assert wear["pulses_mean"] * wear["cells"] == pytest.approx(sent.sum())
    assert wear["pulses_hottest"] == sent.sum(axis=1).max()
    assert wear["trainings"]["pulses"]["value"] == pytest.approx(1e8 / wear["pulses_hottest"])
    assert all(row["wear"] is None for row in result["rows"] if row["device"] != "ecram")


def test_text_and_page_say_it(finished: Finished) -> None:
    result = json.loads((finished.folder / "result.json").read_text(encoding="utf-8"))
    (line,) = (remark for remark in result["remarks"] if remark.startswith("wear of ecram: "))
    assert "Endurance of 1e8 (1e7 to 1e9) pulses" in line
    assert line in html.unescape((finished.folder / "report.html").read_text(encoding="utf-8"))
    again = call(*finished.argv)
    assert line in " ".join(again.out.split())


def test_a_chip_is_worn_by_fine_tuning() -> None:
    model, device = load_model("digits-mlp"), load_device("pcm-pair")
    network, recipe = model.network(), model.recipe(device)
    chip = Chip(device, network, programming=recipe.programming)
    chip.program(initial_weights(network, stream(0, "weights")), stream(0, "mount"))
    assert chip.wear == Wear(2 * 4736, 0.0, 0.0, 0.0, 0.0)
    x, labels = stream(1).random((64, 64)).astype(np.float32), np.arange(64) % 10
    chip.fine_tune(Samples(x, np.eye(10, dtype=np.float32)[labels], labels), recipe, epochs=2)
    worn = chip.wear
    assert worn is not None
    assert worn.pulses_mean * worn.cells == pytest.approx(chip.ledger.counts[:, UP_AND_DOWN].sum())
    plain = Chip("loihi1", network)
    plain.program(initial_weights(network, stream(0, "weights")), stream(0, "mount"))
    assert plain.wear is None
