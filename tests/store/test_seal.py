"""A checkpoint is that of this training and run, to the last bit, or it is refused with the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from neuroep.disk import save_tensors
from neuroep.errors import BadInput
from neuroep.ledger import Phase
from neuroep.report.store import RunFolder

SPEC: dict[str, Any] = {"model": "xor", "seeds": [0], "recipes": {"ideal": {"training": {"epochs": 12, "rate": 0.1}}}}
JOB = "ep-ideal-0"
LONGER = {**SPEC, "recipes": {"ideal": {"training": {"epochs": 99, "rate": 0.1}}}}


def arrays(inference: int = 0) -> dict[str, np.ndarray]:
    ledger = np.arange(2 * len(Phase) * 3, dtype=np.int64).reshape(len(Phase), 2, 3)
    ledger[Phase.INFERENCE] = inference
    return {"couplings": np.array([0.5, -2.0, 0.0], dtype=np.float32), "scalar": np.array(2.5), "ledger": ledger}


def meta(test_accuracy: float | None = None) -> dict[str, Any]:
    return {"history": [[0, 0.5, 0.25, None, 0.125]], "test_accuracy": test_accuracy}


def kept(folder: Path, spec: dict[str, Any] = SPEC, test_accuracy: float | None = None, inference: int = 0) -> Path:
    with RunFolder(folder).open(spec) as run:
        run.save_checkpoint(JOB, arrays(inference), meta(test_accuracy))
    return folder / "jobs" / f"{JOB}.safetensors"


def load(folder: Path, spec: dict[str, Any] = SPEC, job: str = JOB) -> Any:
    with RunFolder(folder).open(spec) as run:
        return run.load_checkpoint(job)


def rewritten(file: Path, told: Any, **changed: np.ndarray) -> None:
    """Write a checkpoint again with some of its meta and arrays changed, its seals as they were."""
    with safe_open(file, framework="numpy") as stored:
        found = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        before = json.loads(stored.metadata()["meta"])
    save_tensors(file, found | changed, {"meta": json.dumps(before | told)})


@pytest.mark.parametrize(("test_accuracy", "inference"), [(None, 0), (0.75, 7)])
def test_no_changed_byte_goes_unnoticed(tmp_path: Path, test_accuracy: float | None, inference: int) -> None:
    file = kept(tmp_path, test_accuracy=test_accuracy, inference=inference)
    whole = file.read_bytes()
    found = load(tmp_path)
    assert found[1] == meta(test_accuracy)
    np.testing.assert_array_equal(found[0]["ledger"], arrays(inference)["ledger"])
    with RunFolder(tmp_path).open(SPEC) as run:
        for place in range(len(whole)):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(BadInput, match="--fresh"):
                run.load_checkpoint(JOB)


def test_of_another_training_or_run_it_is_refused(tmp_path: Path) -> None:
    file = kept(tmp_path / "a")
    file.rename(file.with_name("ep-ecram-0.safetensors"))
    with pytest.raises(BadInput, match="of another training or run"):
        load(tmp_path / "a", job="ep-ecram-0")
    other = kept(tmp_path / "b", SPEC | {"model": "digits"})
    other.rename(tmp_path / "a" / "jobs" / other.name)
    with pytest.raises(BadInput, match="of another training or run"):
        load(tmp_path / "a")


def test_the_number_of_epochs_decides_when_training_ends_and_not_how_an_epoch_goes(tmp_path: Path) -> None:
    for name, test_accuracy in (("stopped", None), ("finished", 0.75)):
        file = kept(tmp_path / name, LONGER, test_accuracy)
        RunFolder(tmp_path / f"{name}12").open(SPEC).close()
        file.rename(tmp_path / f"{name}12" / "jobs" / file.name)
    assert load(tmp_path / "stopped12")[1] == meta()
    with pytest.raises(BadInput, match="of another training or run"):
        load(tmp_path / "finished12")


def test_a_finished_one_taken_back_to_its_last_epoch_is_as_if_stopped_there(tmp_path: Path) -> None:
    file = kept(tmp_path, test_accuracy=0.75, inference=7)
    rewritten(file, {"test_accuracy": None})
    with pytest.raises(BadInput, match="checksum"):  # it still counts the test set's inference
        load(tmp_path)
    rewritten(file, {}, ledger=arrays()["ledger"])
    assert load(tmp_path)[1] == meta()


@pytest.mark.parametrize("told", [{"sha256": None}, {"test_accuracy": 1.0}, {"history": []}, {"more": 1}])
def test_changed_meta_is_refused(tmp_path: Path, told: dict[str, Any]) -> None:
    rewritten(kept(tmp_path), told)
    with pytest.raises(BadInput, match="checksum"):
        load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"couplings": np.array([0.5, -2.0, 0.0], dtype=np.float64)},
        {"couplings": np.array([0.5, -2.0, 0.0], dtype=np.float32).view(np.int32)},
        {"couplings": np.array([[0.5, -2.0, 0.0]], dtype=np.float32)},
        {"couplings": np.array([0.5, -2.0, -0.0], dtype=np.float32)},
        {"added": np.zeros(1)},
    ],
)
def test_changed_arrays_are_refused(tmp_path: Path, change: dict[str, np.ndarray]) -> None:
    rewritten(kept(tmp_path), {}, **change)
    with pytest.raises(BadInput, match="checksum"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["[]", "null", "3", "[" * 100_000, '{"history": []}', "{"])
def test_what_is_no_meta_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    save_tensors(kept(tmp_path), arrays(), {"meta": text})
    with pytest.raises(BadInput, match=r"ep-ideal-0\.safetensors: not this training's checkpoint") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_an_earlier_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    save_tensors(kept(tmp_path), arrays(), {"meta": json.dumps(meta())})
    with pytest.raises(BadInput, match=r"no checksum, as in checkpoints of earlier versions.*--fresh"):
        load(tmp_path)
