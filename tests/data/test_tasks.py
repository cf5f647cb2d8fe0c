"""One data set as several tasks: what each holds, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.data.arrays import from_arrays
from neuroep.data.dataset import Dataset
from neuroep.data.tasks import Tasks, kept_aside
from neuroep.errors import BadInput


@pytest.fixture
def whole() -> Dataset:
    """Sample k is k·10 + 0..5, of class k mod 5."""
    y = np.arange(20) % 5
    x = 10.0 * np.arange(20)[:, None] + np.arange(6)
    return from_arrays((x, y, x[:10] + 0.5, y[:10]))


def test_the_first_permuted_task_is_the_data_and_others_move_columns(whole: Dataset) -> None:
    tasks = Tasks(whole, "permuted", 3, seed=1)
    assert tasks.train(0)[0].tolist() == whole.x_train.tolist()
    orders = []
    for number in (1, 2):
        (x, y), (x_test, _) = tasks.train(number), tasks.test(number)
        order = (x[0] - whole.x_train[0, 0]).astype(int)
        assert sorted(order) == list(range(6))
        assert x.tolist() == whole.x_train[:, order].tolist()
        assert x_test.tolist() == whole.x_test[:, order].tolist()
        assert (y == whole.y_train).all()
        orders.append(tuple(order))
    assert len({tuple(range(6)), *orders}) == 3
    first = tasks.train(1)[0].tolist()
    assert first == Tasks(whole, "permuted", 9, seed=1).train(1)[0].tolist()
    assert first != Tasks(whole, "permuted", 3, seed=2).train(1)[0].tolist()


def test_classes_are_split_in_order(whole: Dataset) -> None:
    tasks = Tasks(whole, "split", 2, seed=0)
    assert [sorted(set(tasks.train(number)[1].tolist())) for number in (0, 1)] == [[0, 1, 2], [3, 4]]
    for x, y in (tasks.train(0), tasks.train(1), tasks.test(0), tasks.test(1)):
        assert (x[:, 0] // 10 % 5 == y).all()
    assert sum(len(tasks.train(number)[0]) for number in (0, 1)) == 20


@pytest.mark.parametrize(
    ("kind", "number", "said"),
    [
        ("permutated", 3, "did you mean 'permuted'"),
        ("permuted", 1, "1 task"),
        ("permuted", 101, "from 2 to 100"),
        ("split", 6, "6 tasks of 5 classes.*2 to 5"),
    ],
)
def test_tasks_that_cannot_be(whole: Dataset, kind: str, number: int, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Tasks(whole, kind, number, 0)


def test_a_part_of_the_classes_without_samples_is_refused() -> None:
    y = np.array([0, 1, 2, 2])
    data = from_arrays((np.eye(4), y, np.eye(4)[:3], np.array([0, 1, 1])))
    with pytest.raises(BadInput, match=r"class 2.*fewer tasks"):
        Tasks(data, "split", 3, 0).test(2)


def test_what_is_kept_aside_is_of_the_training_set(whole: Dataset) -> None:
    kept = kept_aside(whole, 0.25, seed=0)
    assert (len(kept.x_train), len(kept.x_test)) == (15, 5)
    both = np.concatenate([kept.x_train, kept.x_test])
    assert sorted(both[:, 0]) == sorted(whole.x_train[:, 0])
    with pytest.raises(BadInput, match="some samples left"):
        kept_aside(whole, 0.99, seed=0)
