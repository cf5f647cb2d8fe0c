"""A study of effects: its variants, its arithmetic, and that a stopped one ends where a whole one does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import Called, call

import neuroep
from neuroep.commands.ablate import show
from neuroep.data import load_data
from neuroep.hardware.effects import effects_of
from neuroep.report.ablation_summary import variant_summaries
from neuroep.studies.ablation import Study, ablate
from neuroep.studies.run import Silent

ARGV = ("ablate", "digits-mlp", "--device", "rram-sb", "--epochs", "2", "--effects", "write-noise,read-noise")
NAMES = ["everything on", "without read-noise", "without write-noise", "ideal"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fifth of the digits: what is tested here doesn't ask for more."""
    whole, path = load_data("digits"), tmp_path_factory.mktemp("data") / "few.npz"
    parts = {"x_train": whole.x_train, "y_train": whole.y_train, "x_test": whole.x_test, "y_test": whole.y_test}
    np.savez(path, **{name: part[: len(part) // 5] for name, part in parts.items()})
    return path


@pytest.fixture(scope="module")
def whole(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Called]:
    """Two epochs of four variants with two seeds. Don't change its folder."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    return folder, call(*ARGV, "--data", digits, "--seed", "0", "1", "--out", folder, "--json")


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows without wall-clock times, as JSON has them."""
    plain = json.loads(json.dumps(found["rows"]))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in plain]


def test_variants_are_those_of_the_registry() -> None:
    device = neuroep.load_device("pcm-pair")
    built = device.build()
    assert built is not None
    study = Study(model=neuroep.load_model("digits-mlp"), device=device, data="digits", alone=True)
    has = effects_of(built)
    assert len(has) > 2
    found = {variant.name: set(variant.off) for variant in study.variants()}
    expected: dict[str, set[str]] = {"everything on": set(), "ideal": set()}
    expected |= {f"without {name}": {name} for name in has}
    expected |= {f"{name} alone": set(has) - {name} for name in has}
    assert found == expected


XOR = """
summary = "x"
data = "xor"
layers = [{ size = 2 }, { size = 8, activation = "tanh" }, { size = 2, activation = "linear" }]
[training]
epochs = 1
batch_size = 4
learning_rates = [0.1]
[on.ecram.programming]
method = "opposite"
"""


def test_effects_that_the_recipe_needs_stay_on(tmp_path: Path) -> None:
    """Coincidences of pulse trains are whole pulses: without granularity there are none."""
    (tmp_path / "m.toml").write_text(XOR, encoding="utf-8")
    model, device = neuroep.load_model(tmp_path / "m.toml"), neuroep.load_device("ecram")
    built = device.build()
    assert built is not None
    assert "granularity" in effects_of(built)
    study = Study(model=model, device=device, data="xor", alone=True)
    assert study.needed() == ("granularity",)
    others = set(effects_of(built)) - {"granularity"}
    assert {variant.effect for variant in study.variants()} == {None, *others}
    assert all("granularity" not in variant.off for variant in study.variants())
    refused = call("ablate", tmp_path / "m.toml", "-d", "ecram", "--effects", "granularity", "--out", tmp_path / "o")
    assert (refused.status, refused.out, (tmp_path / "o").exists()) == (2, "", False)
    assert "coincidences without whole pulses" in refused.err


def test_rows_and_gains(whole: tuple[Path, Called]) -> None:
    folder, called = whole
    assert called.status == 0, called.err
    assert called.json == json.loads((folder / "ablation.json").read_text(encoding="utf-8"))
    found = called.json["rows"]
    assert [(row["variant"], row["seed"]) for row in found] == [(name, seed) for name in NAMES for seed in (0, 1)]
    full = {row["seed"]: row["test_accuracy"] for row in found if row["kind"] == "all"}
    for row in found:
        assert row["gain"] == row["test_accuracy"] - full[row["seed"]]
        cosines = np.array([row[f"{of}_{when}"] for of in ("gradient", "update") for when in ("initial", "trained")])
        assert cosines.shape == (4, 2)
        assert np.abs(cosines).max() <= 1.0 + 1e-12
    # one line a training, and the ideal device trained once a seed
    assert called.err.count(": test ") == 2 * len(NAMES)
    assert (folder / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in folder.iterdir()} == {
        "ablation.json", "ablation.png", *(name.replace(" ", "-") for name in NAMES)
    }  # fmt: skip


def test_trainings_are_those_of_run(digits: Path, whole: tuple[Path, Called]) -> None:
    """A variant is `run --without` what is off, and the ideal one what `run` trains beside it."""
    found = {(row["variant"], row["seed"]): row["test_accuracy"] for row in whole[1].json["rows"]}
    line = ("run", "digits-mlp", "--device", "rram-sb", "--epochs", "2", "--data", digits, "--no-backprop",
            "--json", "--out")  # fmt: skip
    for name, more in (("everything on", ()), ("without write-noise", ("--without", "write-noise"))):
        ideal, device = call(*line, name.replace(" ", "-"), *more).json["rows"]
        assert found[name, 0] == device["test_accuracy"]
        assert found["ideal", 0] == ideal["test_accuracy"]


def test_noise_of_reads_is_in_the_gradient_and_noise_of_writes_in_the_update(whole: tuple[Path, Called]) -> None:
    """At random weights, which are alike up to the write noise."""
    for row, other in zip(whole[1].json["rows"][2:4], whole[1].json["rows"][4:6], strict=True):
        assert (row["variant"], other["variant"]) == ("without read-noise", "without write-noise")
        assert np.greater(row["gradient_initial"], other["gradient_initial"]).all()
        assert np.less(row["update_initial"], other["update_initial"]).all()


def test_the_table_has_a_line_a_variant(whole: tuple[Path, Called], capsys: pytest.CaptureFixture[str]) -> None:
    found = whole[1].json
    show(found)
    shown = capsys.readouterr().out
    order = [line.variant for line in variant_summaries(found)]
    assert sorted(NAMES, key=lambda name: shown.index(f" {name} ")) == order
    (line,) = (line for line in shown.splitlines() if line.startswith("  ideal "))
    accuracy, deviation, gain, spread, *cosines = map(float, re.findall(r"[+-]?\d+\.\d+", line))
    own = [row for row in found["rows"] if row["kind"] == "ideal"]
    for printed, key in (((accuracy, deviation), "test_accuracy"), ((gain, spread), "gain")):
        values = [100.0 * row[key] for row in own]
        assert printed == pytest.approx((np.mean(values), np.std(values, ddof=1)), abs=0.006)
    means = [np.mean([row[key] for row in own], axis=0) for key in ("gradient_trained", "update_trained")]
    assert cosines == pytest.approx(np.concatenate(means), abs=0.0006)


def test_a_stopped_study_ends_as_a_whole_one(digits: Path, whole: tuple[Path, Called], tmp_path: Path) -> None:
    class Stop(Silent):
        """Stops in the middle of the second variant; counts epochs after that."""

        epochs = 0

        def epoch(self, *_: object) -> None:
            Stop.epochs += 1
            if Stop.epochs == 3:
                raise KeyboardInterrupt

    study = Study(
        model=neuroep.load_model("digits-mlp"), device=neuroep.load_device("rram-sb"), data=str(digits),
        epochs=2, effects=("write-noise",),
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        ablate(study, tmp_path / "study", listener=lambda _: Stop())
    assert not (tmp_path / "study" / "ablation.json").exists()
    found = ablate(study, tmp_path / "study", listener=lambda _: Stop())
    assert Stop.epochs == 2 * 3  # none twice
    expected = [row for row in rows(whole[1].json) if row["seed"] == 0 and row["effect"] != "read-noise"]
    assert rows(found) == expected


@pytest.mark.slow
def test_another_study_in_the_same_folder_is_refused_and_fresh_starts_anew(tmp_path: Path) -> None:
    line = ("ablate", "xor", "--device", "ecram", "--effects", "granularity", "--out", "o")
    assert call(*line, "--epochs", "1").status == 0
    refused = call(*line, "--epochs", "2")
    assert (refused.status, refused.out) == (2, "")
    assert "--fresh" in refused.err
    assert call(*line, "--epochs", "2", "--fresh").status == 0


def made_up(variant: str, kind: str, accuracy: float, gain: float, update: list[float | None]) -> dict[str, Any]:
    """A row of one seed."""
    cosines = {key: [0.5, 0.5] for key in ("gradient_initial", "gradient_trained", "update_initial")}
    figures = {"test_accuracy": accuracy, "gain": gain, "update_trained": update}
    return {"variant": variant, "kind": kind} | figures | cosines


def test_summary_leaves_out_what_is_not_defined() -> None:
    updates: tuple[list[float | None], ...] = ([None, 0.5], [float("nan"), 1.0])
    rows = [made_up("x alone", "alone", 0.5, -0.25, updates[0]), made_up("x alone", "alone", 0.75, 0.25, updates[1])]
    (line,) = variant_summaries({"rows": rows})
    assert line.test_accuracy == (0.625, pytest.approx(0.125 * 2**0.5), 2)
    assert line.gain[0] == 0.0
    assert line.update == (None, (0.75, pytest.approx(0.25 * 2**0.5), 2))


def test_what_costs_most_comes_first() -> None:
    gains = {
        "everything on": 0.0, "without a": -0.1, "without b": 0.3, "without c": 0.1, "b alone": 0.2, "a alone": 0.1,
        "ideal": 0.4,
    }  # fmt: skip
    kinds = {"everything": "all", "without": "without", "a": "alone", "b": "alone", "ideal": "ideal"}
    rows = [made_up(name, kinds[name.split()[0]], 0.5 + gain, gain, [0.5, 0.5]) for name, gain in gains.items()]
    expected = ["ideal", "without b", "without c", "without a", "everything on", "a alone", "b alone"]
    assert [line.variant for line in variant_summaries({"rows": rows})] == expected


def test_from_python(tmp_path: Path) -> None:
    found = neuroep.ablate("xor", "loihi1", tmp_path / "study", epochs=1)
    assert [row["variant"] for row in found["rows"]] == [
        "everything on", "without granularity", "without traces", "ideal"
    ]  # fmt: skip
    assert found["window"] == 1
