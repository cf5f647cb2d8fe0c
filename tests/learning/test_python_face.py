"""The Python face: models, devices and data by name or as objects, alike; results that predict and show themselves."""

from __future__ import annotations

import json
import logging
import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import neuroep
from neuroep.commands.run import show_result
from neuroep.data import load_data
from neuroep.errors import BadInput, NotAvailable
from neuroep.hardware.device import Ideal
from neuroep.network import Activation, chain
from neuroep.recipe import Phases, Programming, Recipe, Training
from neuroep.report.shown import Shown
from neuroep.specs.catalogue import folder, names
from neuroep.specs.written import written_model

FEW = Recipe(Phases(beta=0.5), Training(epochs=2, batch_size=16, learning_rates=(0.1,)))
ARRAYS = np.random.default_rng(0).random((60, 2)), np.arange(60) % 2


@pytest.mark.parametrize("name", names("models"))
def test_a_network_in_memory_is_the_file_that_would_describe_it(name: str) -> None:
    model = neuroep.load_model(name)
    for device in (None, *map(neuroep.load_device, ("ecram", "loihi1", "ideal"))):
        recipe = model.recipe(device)
        written = written_model(model.network(), recipe, model.data)
        assert written.network() == model.network()
        assert written.recipe(device) == recipe


def test_programming_of_a_recipe_in_memory_holds_on_hardware_alone() -> None:
    model = written_model(chain((2, 4, 2)), Recipe(programming=Programming(headroom=3.0)))
    assert model.recipe(neuroep.load_device("ecram")).programming.headroom == 3.0
    assert model.recipe(neuroep.load_device("ideal")).programming == Programming()


def test_names_paths_specs_and_networks_are_alike() -> None:
    model, path = neuroep.load_model("xor"), folder("models") / "xor.toml"
    forms: tuple[Any, ...] = ("xor", path, str(path), model)
    found = [neuroep.train(form, epochs=2).weights.couplings for form in forms]
    found.append(
        neuroep.train(model.network(), recipe=model.overridden("ideal"), data="xor", epochs=2).weights.couplings
    )
    assert all((found[0] == other).all() for other in found[1:])
    costs = [neuroep.estimate_cost(form, "ecram", data="xor", warm=2).bill.as_dict() for form in forms]
    recipe = model.recipe(neuroep.load_device("ecram"))
    costs.append(neuroep.estimate_cost(model.network(), "ecram", data="xor", recipe=recipe, warm=2).bill.as_dict())
    assert all(costs[0] == other for other in costs[1:])


def test_a_torch_module_is_its_network_and_trains_on() -> None:
    """Without an epoch's worth of learning its weights are the module's own."""
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    still = Recipe(Phases(beta=0.5), Training(epochs=1, batch_size=60, learning_rates=(1e-30,)))
    found = neuroep.train(module, data=ARRAYS, recipe=still)
    assert found.weights.coupling(1) == pytest.approx(module[0].weight.detach().numpy().T, rel=1e-6)
    assert neuroep.check(module).rows
    other = neuroep.train(module, data=ARRAYS, recipe=FEW, weights=neuroep.from_torch(module))
    assert (other.weights.couplings == neuroep.train(module, data=ARRAYS, recipe=FEW).weights.couplings).all()


STRANGE: dict[str, Any] = {
    "arrays": ARRAYS,
    "an array": ARRAYS[0],
    "a loader": DataLoader(TensorDataset(*map(torch.as_tensor, ARRAYS))),
    "a data set": load_data("xor"),
    "a number": 3,
    "nothing": object(),
}
TAKERS: dict[str, Any] = {
    "train": neuroep.train,
    "cost": lambda model: neuroep.estimate_cost(model, "ecram"),
    "check": neuroep.check,
    "settle": neuroep.settle,
    "run": neuroep.run,
    "life": lambda model: neuroep.life(model, "rram-hfo2"),
    "ablate": lambda model: neuroep.ablate(model, "ecram", out="ablation"),
    "continual": neuroep.continual,
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_model_is_refused_in_a_line(taker: str, kind: str) -> None:
    with pytest.raises(
        BadInput, match=r"^model: a .*; allowed: a name, a path, .* a Network or a torch module"
    ) as caught:
        TAKERS[taker](STRANGE[kind])
    assert "\n" not in str(caught.value)
    assert ("data=" in str(caught.value)) == (kind not in ("a number", "nothing"))


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("device: a Ideal, which has no prices", lambda: neuroep.estimate_cost("xor", Ideal())),
        ("device: a Ideal, which has no prices", lambda: neuroep.run("xor", [Ideal()])),
        ("device: a int", lambda: neuroep.check("xor", 3)),  # type: ignore[arg-type]
        ("a model and a network", lambda: neuroep.train(nn.Sequential(nn.Linear(2, 2)), network=chain((2, 4, 2)))),
        ("data: a network without data", lambda: neuroep.run(chain((2, 4, 2)))),
        ("data: a network without data", lambda: neuroep.life(chain((2, 4, 2)), "rram-hfo2")),
        ("seeds: no seeds", lambda: neuroep.life("xor", "rram-hfo2", seeds=())),
        ("samples: 0 samples", lambda: neuroep.check("xor", samples=0)),
        ("beta: β = -1", lambda: neuroep.settle("xor", beta=-1.0)),
        ("seconds: noise never comes to rest", lambda: neuroep.settle("xor", solver="euler-maruyama")),
        ("no solver is called 'dopri6'", lambda: neuroep.settle("xor", solver="dopri6")),
        ("no reads is called 'state'", lambda: neuroep.check("xor", reads="state")),
        ("pulses: a int", lambda: neuroep.fit_device(3)),  # type: ignore[arg-type]
        ("unit: without effect on arrays", lambda: neuroep.fit_device(([1.0], [1e-6, 2e-6]), unit="uS")),
        ("pulses: directions: directions other", lambda: neuroep.fit_device(([2.0], [1e-6, 2e-6]))),
    ],
)  # fmt: skip
def test_what_else_is_refused(said: str, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as caught:
        call()
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_own_arrays_are_checked_priced_and_settled() -> None:
    network = chain((2, 4, 2), Activation.TANH, feedback=0.5)
    found = neuroep.check(network, data=ARRAYS, recipe=FEW, beta=1e-3)
    assert min(row.cosine for row in found.rows if row.against == "finite-differences") > 0.999
    assert neuroep.estimate_cost(network, "ecram", data=ARRAYS, warm=2).inputs == "arrays"
    assert neuroep.settle(network, data=ARRAYS).inputs == "arrays"
    assert "no data given" in neuroep.settle(network).inputs


@pytest.mark.parametrize("scale", ["none", "standard"])
@pytest.mark.parametrize("device", ["ideal", "rram-sb"])
@pytest.mark.parametrize("method", ["ep", "backprop"])
def test_predictions_name_as_many_of_the_test_set_right_as_the_training_says(
    device: str, method: str, scale: str
) -> None:
    """Given inputs as they were before they were scaled, noise of reads included."""
    raw, network = load_data("digits"), chain((64, 16, 10), feedback=0.5)
    data = load_data("digits", scale=scale)
    found = neuroep.train(network, device, data=data, recipe=FEW, method=method)
    assert (found.predict(raw.x_test) == raw.y_test).mean() == found.test_accuracy
    assert found.test_accuracy > 0.2


def test_pixels_are_predicted_as_they_were_learned() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    found = neuroep.train(chain((16, 8, 2)), data=(pixels, ARRAYS[1]), recipe=FEW)
    assert (found.predict(pixels) == found.predict(pixels / 255.0)).all()
    with pytest.raises(BadInput, match="x: 3 inputs a sample; allowed: 16"):
        found.predict(np.zeros((2, 3)))


def test_a_trained_network_goes_through_a_pickle() -> None:
    found = neuroep.train("xor", "ecram", epochs=2)
    again = pickle.loads(pickle.dumps(found))
    x = load_data("xor").x_test
    assert (again.predict(x) == found.predict(x)).all()
    assert repr(again) == repr(found)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shown]:
    place = tmp_path_factory.mktemp("face")
    steps = np.r_[np.ones(20), -np.ones(20)]
    return {
        "train": neuroep.train("xor", epochs=2),
        "cost": neuroep.estimate_cost("xor", "ecram", warm=0),
        "check": neuroep.check("xor"),
        "settle": neuroep.settle("xor", beta=0.1),
        "run": neuroep.run("xor", "ecram", epochs=1, out=place / "run"),
        "life": neuroep.life("xor", "rram-hfo2", epochs=1),
        "ablate": neuroep.ablate("xor", "rram-sb", out=place / "a", effects=("write-noise",), epochs=1),
        "continual": neuroep.continual("digits-mlp", tasks=2, method="none", epochs=1),
        "fit": neuroep.fit_device((steps, 1e-6 + 2e-7 * np.r_[0, np.cumsum(steps)])),
    }


KINDS = ("train", "cost", "check", "settle", "run", "life", "ablate", "continual", "fit")


@pytest.mark.parametrize("kind", KINDS)
def test_results_show_themselves(kind: str, results: dict[str, Shown]) -> None:
    """A line; well-formed HTML with every record, no wider than a page, and a drawing; a figure; plain records."""
    found = results[kind]
    assert repr(found) == f"<{type(found).__name__}: {found.headline()}>"
    assert "\n" not in repr(found)
    assert len(repr(found)) < 300
    page = ElementTree.fromstring(found._repr_html_().replace("xlink:", ""))
    assert len(page.findall("./table/tbody/tr")) == min(len(found.records()), 40) > 0
    assert len(page.findall("./table/thead/tr/th")) <= 14
    assert max(len(cell.text or "") for cell in page.iterfind("./table/tbody/tr/td")) <= 60
    assert page.find("./svg//path") is not None
    assert found.plot().axes
    assert all(isinstance(row, dict) for row in found.records())


def test_a_run_in_a_notebook_is_the_table_of_its_command(
    results: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    page = ElementTree.fromstring(results["run"]._repr_html_().replace("xlink:", ""))
    shown = [[cell.text for cell in row] for row in page.findall("./table/tbody/tr")]
    show_result(results["run"])
    printed = [re.split(r"\s{2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]
    assert [row for row in printed if row[0] in ("EP", "backprop")] == shown
    row = next(row for row in results["run"]["rows"] if row["device"] == "ecram")
    assert shown[-1][2] == f"{100 * row['test_accuracy']:.2f} %"
    assert shown[-1][7] == f"{row['weight_writes']:,}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_frame_has_every_record_or_the_remedy(
    kind: str, results: dict[str, Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(NotAvailable, match="pip install pandas"):
        results[kind].to_dataframe()
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    assert results[kind].to_dataframe() == results[kind].records()


def test_a_data_frame_of_pandas_has_the_records(results: dict[str, Shown]) -> None:
    pytest.importorskip("pandas")
    for found in results.values():
        frame = found.to_dataframe()
        assert len(frame) == len(found.records())
        assert set(frame.columns) == {name for record in found.records() for name in record}


def test_studies_are_still_the_dicts_of_their_commands(results: dict[str, Any]) -> None:
    for kind in ("run", "life", "ablate", "continual"):
        assert json.loads(json.dumps(results[kind]))["rows"]


def test_what_has_no_price_has_no_figure() -> None:
    free = neuroep.estimate_cost("xor", "ideal", warm=0)
    assert "no price" in repr(free)
    assert "svg" not in free._repr_html_()
    with pytest.raises(BadInput, match="nothing to draw"):
        free.plot()


def test_a_line_an_epoch_for_whoever_listens(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    neuroep.train("xor", epochs=2)
    assert capfd.readouterr() == ("", "")
    with caplog.at_level(logging.INFO, logger="neuroep"):
        neuroep.train("xor", epochs=3)
        neuroep.train("xor", epochs=3, method="backprop", seed=1)
    lines = caplog.messages
    assert [line.partition(",")[0] for line in lines] == [
        *("EP on ideal" for _ in range(3)), *("backprop" for _ in range(3))
    ]  # fmt: skip
    assert "epoch 2 of 3" in lines[1]
    assert "seed 1: epoch 3 of 3" in lines[5]


def test_a_fitted_device_trains_and_is_kept(tmp_path: Path) -> None:
    """Equal steps of 0.2 µS between 1 and 5 µS: 20 pulses for the range, RMSE 0."""
    steps = np.r_[np.ones(20), -np.ones(20)]
    fitted = neuroep.fit_device((steps, 1e-6 + 2e-7 * np.r_[0, np.cumsum(steps)]), "cell", model="constant")
    assert fitted.fits[0].rmse < 1e-3
    assert fitted.fits[0].pulses == pytest.approx(20.0, rel=1e-2)
    assert neuroep.train("xor", fitted.device, epochs=1).job.device == "cell"
    again = neuroep.load_device(fitted.save(tmp_path / "cell.toml"))
    assert again.numbers == fitted.device.numbers
    with pytest.raises(BadInput, match=r"ends in \.toml"):
        fitted.save(tmp_path / "cell.json")
