"""Tasks one after another: figures by hand, one task at a time as any training, and what doesn't go together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from calling import call, contents

import neuroep
from neuroep.bridges import torch_backprop as twin
from neuroep.data import load_data
from neuroep.data.tasks import Tasks
from neuroep.learning.keepers import Keeping, keeper_of
from neuroep.learning.trainer import Progress
from neuroep.ledger import Event, Phase
from neuroep.recipe import Recipe
from neuroep.report.continual_summary import scores
from neuroep.rng import noise_key
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.continual import Learner, Question, continual
from neuroep.studies.rig import Rig, shuffled
from neuroep.studies.training import samples_of

QUICK = ("continual", "digits-mlp", "--tasks", "2", "--epochs", "1", "--out", "c")


def question(method: str = "none", **changes: Any) -> Question:
    asked = {"device": load_device("ideal"), "tasks": 2, "epochs": 2, "data": "digits"} | changes
    return Question(model=load_model("digits-mlp"), keeping=Keeping(method), **asked)


def learner(asked: Question) -> Learner:
    rig = asked.rig(0)
    return Learner(asked, rig, rig.mount(rig.initial_weights()), keeper_of(asked.keeping))


def test_figures_of_a_matrix_by_hand() -> None:
    found = scores([[0.9, 0.2, 0.1], [0.8, 0.85, 0.3], [0.7, 0.9, 0.8]], [0.1, 0.15, 0.05])
    assert found.average == pytest.approx((0.7 + 0.9 + 0.8) / 3)
    assert found.forgetting == pytest.approx((0.2 + 0.0) / 2)  # the second task got better: its best is its last
    assert found.forward_transfer == pytest.approx(((0.2 - 0.15) + (0.3 - 0.05)) / 2)


def recipe_of_a_task() -> Recipe:
    """The recipe of digits-mlp for two epochs of all samples."""
    recipe = load_model("digits-mlp").overridden("ideal")
    parts = (replace(part, epochs=2, validation=0.0, patience=0) for part in (recipe.training, recipe.backprop))
    training, backprop = parts
    return replace(recipe, training=training, backprop=backprop)


@pytest.mark.parametrize("method", ["none", "ewc", "si"])
def test_the_first_task_is_plain_training(method: str) -> None:
    """Nothing pulls yet: weights are those of `neuroep.train` by the same recipe, to the bit where no path is kept."""
    plain = neuroep.train("digits-mlp", recipe=recipe_of_a_task(), seed=0)
    found = learner(question(method))
    data = load_data("digits")
    samples = samples_of(found.rig.network, data, data.x_train, data.y_train)
    found.learn(samples, 0, lambda _: None)
    close = {"rel": 1e-4, "abs": 1e-5} if method == "si" else {"rel": 0.0, "abs": 0.0}
    assert found.weights.couplings == pytest.approx(plain.weights.couplings, **close)


def test_without_a_method_tasks_are_trainings_one_after_another() -> None:
    asked = question()
    found, rig = continual(asked), Rig.of(load_model("digits-mlp").network(), recipe_of_a_task())
    mounted = rig.mount(rig.initial_weights())
    tasks = Tasks(load_data("digits"), "permuted", 2, 0)
    for number, seed in enumerate((0, noise_key(0, "task", 1))):
        samples = samples_of(rig.network, tasks.dataset, *tasks.train(number))
        orders = shuffled(len(samples.x), rig.recipe.training.batch_size, seed)
        replace(rig, seed=seed).trainer(mounted, samples, orders).run(Progress.fresh(rig.initial_weights()))
    tests = (samples_of(rig.network, tasks.dataset, *tasks.test(number)) for number in (0, 1))
    ends = [rig.evaluate(mounted, samples).accuracy for samples in tests]
    assert found["rows"][0]["accuracy"][-1] == ends


def test_backprops_first_task_is_the_twins() -> None:
    """The same gradient, order and rule in numpy as in torch, in float32."""
    found, recipe = learner(question(gradient="backprop")), recipe_of_a_task()
    data = load_data("digits")
    train = samples_of(found.rig.network, data, data.x_train, data.y_train)
    found.learn(train, 0, lambda _: None)
    orders = shuffled(len(train.x), recipe.backprop.batch_size, 0)
    wanted = twin.train_twin(
        found.rig.network,
        found.rig.initial_weights(),
        recipe.backprop,
        train.x,
        train.targets,
        train.labels,
        orders,
        threads=1,
    ).weights
    assert found.weights.couplings == pytest.approx(wanted.couplings, abs=2e-5)


@pytest.mark.parametrize("gradient", ["ep", "backprop"])
@pytest.mark.parametrize("method", ["ewc", "online-ewc", "si"])
def test_what_is_kept_is_forgotten_less(method: str, gradient: str) -> None:
    """A pull strong enough to hold the first task must cost the second: both sides of the bargain."""
    strong = Keeping(method, strength=1e4)
    none = continual(question(gradient=gradient, epochs=3))["rows"][0]
    kept = continual(replace(question(gradient=gradient, epochs=3), keeping=strong))["rows"][0]
    assert kept["accuracy"][0][0] == pytest.approx(none["accuracy"][0][0], abs=0.03)
    assert kept["forgetting"] < 0.5 * none["forgetting"] or none["forgetting"] < 0.01
    assert kept["accuracy"][1][1] < none["accuracy"][1][1]


def test_on_hardware_weights_are_read_back_line_by_line() -> None:
    """SI reads all of them before each step, a read for each unit below a coupling."""
    found = continual(question("si", device=load_device("ecram"), epochs=1))["rows"][0]
    model, samples = load_model("digits-mlp"), len(load_data("digits").x_train)
    recipe = model.recipe(load_device("ecram"))
    readings = 2 * -(-samples // recipe.training.batch_size)  # one a step of two tasks
    lines = sum(model.network().sizes[:-1]) * recipe.programming.averaged_reads
    assert found["events"]["keeping"]["update"]["array_read"] == readings * lines
    assert "free" not in found["events"]["keeping"]


def test_fisher_information_is_counted_apart() -> None:
    found = learner(question("ewc"))
    data = load_data("digits")
    train = samples_of(found.rig.network, data, data.x_train[:100], data.y_train[:100])
    found.learn(train, 0, lambda _: None)
    assert found.keeping.counts[Phase.FREE, Event.SAMPLE, 0] == 100
    assert found.training.counts[Phase.FREE, Event.SAMPLE, 0] == 200  # two epochs


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--tasks 1", ["--tasks", "2"]),
        ("--kind split --tasks 11", ["11 tasks of 10 classes", "2 to 10"]),
        ("--kind splits", ["'splits'", "did you mean 'split'"]),
        ("--method none --strength 2", ["--strength", "without effect", "'none'"]),
        ("--method ewc --decay 0.5", ["--decay", "online-ewc"]),
        ("--method online-ewcs", ["'online-ewcs'", "did you mean 'online-ewc'"]),
        ("--gradient backprob", ["'backprob'", "did you mean 'backprop'"]),
        ("--gradient backprop --device ecram", ["backprop on ecram", "--device"]),
        ("--gradient backprop --engine cpu", ["--engine", "without effect"]),
        ("--gradient backprop --threads 2", ["--threads"]),
        ("--device ecam", ["'ecam'", "did you mean 'ecram'"]),
        ("--device gpu-h100", ["'gpu-h100'", "only has prices", "ideal"]),
        ("--epochs 0", ["--epochs", "1 or more"]),
        ("--seed 3 3", ["--seed", "once"]),
        ("--validation 1", ["--validation", "share < 1"]),
        ("--engine gpu", ["'gpu'", "did you mean 'cpu'"]),
    ],
)
def test_refusals(line: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("neuroep.data.load._named", read)
    called = call("continual", "digits-mlp", *line.split())
    assert (called.status, called.out, len(called.err.splitlines())) == (2, "", 1), called.err
    for word in said:
        assert word in called.err
    assert contents(tmp_path) == {}


class DataRead(Exception):
    """Raised in place of reading, where nothing should be read."""


def read(*_: object) -> NoReturn:
    raise DataRead


def test_what_is_not_refused_reads_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this, the refusals above would hold data unread where they look at a reader nobody uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("neuroep.data.load._named", read)
    with pytest.raises(DataRead):
        call("continual", "digits-mlp")


MODEL = """
summary = "a test"
data = "digits"
cost = "{cost}"
layers = [{{ size = 64 }}, {{ size = 6, activation = "tanh" }}, {{ size = 10, activation = "linear" }}]
[phases]
estimator = "{estimator}"
beta = 0.2
[on.ecram.programming]
method = "{method}"
"""


@pytest.mark.parametrize(
    ("cost", "estimator", "method", "argv", "said"),
    [
        ("hinge", "centered", "accumulated", ("--method", "ewc"), "no likelihood"),
        ("hinge", "centered", "accumulated", ("--method", "si"), ""),
        ("mse", "continual", "accumulated", ("--method", "si"), "continual estimator"),
        ("mse", "holomorphic", "accumulated", ("--method", "ewc"), "single sample"),
        ("mse", "holomorphic", "accumulated", ("--method", "si"), ""),
        ("mse", "centered", "opposite", ("--device", "ecram"), "updates by states"),
    ],
)
def test_what_cannot_be_kept_is_said_before_data_are_read(
    cost: str, estimator: str, method: str, argv: tuple[str, ...], said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text(MODEL.format(cost=cost, estimator=estimator, method=method), encoding="utf-8")
    called = call("continual", "m.toml", "--tasks", "2", "--epochs", "1", "--out", "c", *argv)
    assert (called.status == 0) == (said == ""), called.err
    assert said in called.err
    assert Path("c").exists() == (said == "")


def test_backprop_reads_nothing_of_the_phases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Continual EP learns at every sweep, without a gradient's reading: backprop must not go that way."""
    monkeypatch.chdir(tmp_path)
    found = []
    for estimator in ("continual", "centered"):
        text = MODEL.format(cost="mse", estimator=estimator, method="accumulated")
        Path("m.toml").write_text(text, encoding="utf-8")
        called = call("continual", "m.toml", "--tasks", "2", "--epochs", "1", "--gradient", "backprop", "--json")
        found.append(called.json["rows"][0]["accuracy"])
    assert found[0] == found[1]


def test_a_resistive_network_is_refused_by_ewc_and_kept_by_si(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = call("continual", "digits-drn", "--tasks", "2", "--epochs", "1", "--method", "ewc")
    assert (refused.status, "resistive" in refused.err) == (2, True), refused.err
    refused = call("continual", "digits-drn", "--gradient", "backprop")
    assert (refused.status, "resistive" in refused.err) == (2, True), refused.err
    kept = call("continual", "digits-drn", "--tasks", "2", "--epochs", "1", "--method", "si", "--json")
    assert kept.status == 0, kept.err


def test_a_study_is_made_again_but_not_over_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = call(*QUICK, "--json")
    assert first.json == json.loads(Path("c/continual.json").read_text())
    again = call(*QUICK, "--json")
    assert again.json["rows"][0]["accuracy"] == first.json["rows"][0]["accuracy"]
    before = contents(tmp_path)
    refused = call(*QUICK, "--method", "si")
    assert (refused.status, "method was" in refused.err) == (2, True), refused.err
    assert contents(tmp_path) == before
    assert call(*QUICK, "--method", "si", "--force").status == 0


def test_a_study_that_is_stopped_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neuroep.report.continual_figure.mean_matrix", stop)
    monkeypatch.setattr(Learner, "learn", stop)
    assert call(*QUICK).status == 130
    assert contents(tmp_path) == {}


def test_in_python(tmp_path: Path) -> None:
    found = neuroep.continual("digits-mlp", tasks=2, epochs=1, method="si", strength=0.05, out=tmp_path / "c")
    assert found["strength"] == 0.05
    assert np.shape(found["rows"][0]["accuracy"]) == (2, 2)
    assert {path.name for path in (tmp_path / "c").iterdir()} == {"continual.json", "continual.png"}


def test_samples_kept_aside_are_read_in_place_of_the_test_set() -> None:
    tested, aside = continual(question()), continual(question(validation=0.2))
    assert tested["rows"][0]["accuracy"] != aside["rows"][0]["accuracy"]
    share = aside["rows"][0]["accuracy"][0][0] * round(0.2 * len(load_data("digits").x_train))
    assert share == pytest.approx(round(share))


def test_split_classes_that_never_came_up_are_not_named() -> None:
    """The same outputs for all tasks: after 0 and 1 have been learned, nothing is called 2 to 9."""
    found = continual(question(kind="split", tasks=5, epochs=10))["rows"][0]
    assert found["accuracy"][0][0] > 0.9
    assert max(found["accuracy"][0][1:]) < 0.2
