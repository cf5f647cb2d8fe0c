"""A setting without effect is bad input: refused by every command, in one line that says what would read it.

Which estimators and methods read a setting is said here by hand, from the docstrings of Phases and Programming.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from calling import call

from neuroep.engines import Engine, create
from neuroep.errors import BadInput, NotAvailable
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients, reading
from neuroep.learning.trainer import Samples
from neuroep.network import initial_weights
from neuroep.recipe import Estimator, Method, Phases, Programming, Trains
from neuroep.rng import stream
from neuroep.specs import DeviceSpec, read_model
from neuroep.specs.catalogue import load_device, load_model, names
from neuroep.studies.chip import Chip
from neuroep.studies.experiment import Experiment

SETTINGS: tuple[tuple[str, Any, set[str]], ...] = (
    ("points", 6, {"holomorphic"}),
    ("least_pulses", 2, {"accumulated"}),
    ("transfer_every", 2, {"transfer"}),
    ("transfer_gain", 0.5, {"transfer"}),
    ("trains", Trains.DETERMINISTIC, {"opposite", "net"}),
)
COMMANDS = {
    "run": ("--epochs", "1", "--out", "out"),
    "ablate": ("--epochs", "1", "--out", "out"),
    "life": ("--epochs", "1", "--out", "out"),
    "cost": (),
    "check": ("--samples", "4"),
}
PLAIN = """summary = "small"
data = "digits"
layers = [{ size = 64 }, { size = 4, activation = "tanh" }, { size = 10, activation = "linear" }]
"""


def written(text: str) -> Path:
    Path("m.toml").write_text(PLAIN + text, encoding="utf-8")
    return Path("m.toml")


@pytest.mark.parametrize(("name", "value", "users"), SETTINGS, ids=[name for name, *_ in SETTINGS])
def test_only_what_reads_a_setting_takes_it(name: str, value: Any, users: set[str]) -> None:
    recipe = load_model("digits-mlp").recipe()
    part, kind = ("phases", Estimator) if name == "points" else ("programming", Method)
    chooser = "estimator" if name == "points" else "method"
    for choice in cast(Any, kind):
        wanted = replace(getattr(recipe, part), **{chooser: choice, name: value})
        asked = replace(recipe, **{part: wanted})
        if choice.value in users:
            asked.refuse_idle()
            continue
        with pytest.raises(BadInput) as caught:
            asked.refuse_idle()
        line = str(caught.value)
        assert line.startswith(f"{part}.{name}: without effect with {chooser} '{choice.value}'")
        assert all(f"'{user}'" in line for user in users)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[phases]\nestimator = "centered"\npoints = 6\n', "phases.points"),
        ('[on.ecram.programming]\nmethod = "nearest"\nleast_pulses = 2\n', "programming.least_pulses"),
        ("[on.any-crossbar.programming]\ntransfer_every = 2\n", "programming.transfer_every"),
    ],
)
def test_every_command_refuses_it(command: str, text: str, said: str) -> None:
    found = call(command, written(text), "-d", "ecram", *COMMANDS[command])
    assert found.status == 2
    assert len(found.err.splitlines()) == 1
    assert said in found.err
    assert "without effect" in found.err
    assert not Path("out").exists()


def test_a_chip_refuses_it() -> None:
    model = load_model("digits-mlp")
    recipe = model.recipe(load_device("ecram"))
    recipe = replace(recipe, programming=replace(recipe.programming, trains=Trains.DETERMINISTIC))
    chip = Chip("ecram", model.network(), programming=recipe.programming)
    chip.program(initial_weights(chip.network, stream(0, "weights")), stream(0, "programming"))
    x, labels = np.zeros((2, 64)), np.zeros(2, dtype=np.int64)
    with pytest.raises(BadInput, match=r"programming\.trains: without effect"):
        chip.fine_tune(Samples(x, np.eye(10)[labels], labels), recipe)


def test_another_method_doesnt_take_over_what_only_the_old_one_reads() -> None:
    text = (
        '[on.any-crossbar.programming]\nmethod = "accumulated"\nleast_pulses = 8\naveraged_reads = 4\n'
        '[on.ecram.programming]\nmethod = "transfer"\ntransfer_every = 3\n'
    )
    spec = read_model(written(text))
    assert spec.recipe(load_device("rram-sb")).programming == Programming(
        Method.ACCUMULATED, least_pulses=8, averaged_reads=4
    )
    assert spec.recipe(load_device("ecram")).programming == Programming(
        Method.TRANSFER, transfer_every=3, averaged_reads=4
    )


def test_another_estimator_doesnt_take_over_its_points() -> None:
    text = '[phases]\nestimator = "holomorphic"\npoints = 6\n[on.ecram.phases]\nestimator = "centered"\n'
    phases = read_model(written(text)).recipe(load_device("ecram")).phases
    assert (phases.estimator, phases.points) == (Estimator.CENTERED, Phases().points)


def test_exact_weights_take_no_settings_of_hardware() -> None:
    found = call("run", written("[on.ideal.programming]\naveraged_reads = 4\n"), *COMMANDS["run"])
    assert found.status == 2
    assert "on.ideal.programming" in found.err


def test_a_kind_that_nobody_builds_is_an_error_and_not_ideal() -> None:
    spec = load_device("ecram")
    table = SimpleNamespace(kind="memristor", tables={})
    odd = DeviceSpec("odd", spec.path, cast(Any, table))
    for ask in (odd.build, lambda: odd.is_hardware):
        with pytest.raises(BadInput, match="nothing builds a device of kind 'memristor'"):
            ask()


@pytest.mark.parametrize("phases", [Phases(scaled=True), Phases(Estimator.HOLOMORPHIC)])
def test_an_engine_of_another_processor_doesnt_run_on_the_host_unasked(phases: Phases) -> None:
    network = load_model("digits-mlp").network()
    circuit = Ideal().mount(network, initial_weights(network, stream(0, "w")), stream(0, "m")).circuit
    away = cast(Engine, SimpleNamespace(name="cuda", on_host=False))
    x, y = np.zeros((1, 64), dtype=np.float32), np.zeros((1, 10), dtype=np.float32)
    with pytest.raises(NotAvailable, match="don't run on the cuda engine: use --engine cpu"):
        reading(away, circuit, phases, 0)
    with pytest.raises(NotAvailable, match="don't run on the cuda engine: use --engine cpu"):
        ep_gradients(away, circuit, x, y, phases)
    assert all(create(name).on_host for name in ("cpu", "reference"))


def test_a_table_that_a_device_misses_by_a_letter_is_told() -> None:
    table = 'programming]\nmethod = "accumulated"\n'
    model, ecram = read_model(written(f"[on.my-chp.{table}[on.rram-sb.{table}")), load_device("ecram")
    (remark,) = Experiment(model, (replace(ecram, name="my-chip"),), "digits", (0,)).remarks()
    assert "[on.my-chp]" in remark
    assert "my-chip" in remark
    assert not Experiment(model, (replace(ecram, name="my-chp"), ecram), "digits", (0,)).remarks()


def test_shipped_models_say_nothing_in_vain() -> None:
    for model in map(load_model, names("models")):
        for device in names("devices"):
            model.recipe(load_device(device))
