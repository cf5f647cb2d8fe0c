"""EP as estimators of scikit-learn: its own checks, its data, and backprop on the same network."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import SkipTestWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import neuroep
from neuroep.bridges.torch_backprop import train_twin
from neuroep.bridges.torch_weights import to_torch
from neuroep.errors import BadInput
from neuroep.ledger import Phase
from neuroep.recipe import Recipe, Training
from neuroep.studies.rig import Rig, shuffled
from neuroep.studies.sklearn_estimators import USUAL

IRIS = load_iris(return_X_y=True)


def shorter(epochs: int, **training: Any) -> Recipe:
    return replace(USUAL, training=replace(USUAL.training, epochs=epochs, **training))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [neuroep.EPClassifier(epochs=40), neuroep.EPRegressor()], ids=["class", "value"])
def test_scikit_learns_own_checks(estimator: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)  # pandas and the array API, where they aren't installed
        check_estimator(estimator)


def test_iris_in_a_pipeline() -> None:
    """150 flowers, of which a linear boundary gets some 97 % right."""
    model = make_pipeline(StandardScaler(), neuroep.EPClassifier(16, epochs=20, random_state=0))
    assert cross_val_score(model, *IRIS, cv=3).mean() > 0.93


def test_probabilities_are_those_of_the_predicted_labels() -> None:
    x, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = neuroep.EPClassifier(8, epochs=3, random_state=0).fit(x, names)
    share = model.predict_proba(x)
    np.testing.assert_allclose(share.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(x), model.classes_[share.argmax(axis=1)])
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]


def test_regression_is_as_good_as_backprops() -> None:
    """torch on the same network, first weights, batches and rates; a fifth of scikit-learn's diabetes data aside."""
    x, y = load_diabetes(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    train, test = slice(0, 354), slice(354, None)
    recipe = shorter(20, learning_rates=(0.003,))
    ep = neuroep.EPRegressor(16, feedback=0.1, recipe=recipe, random_state=0).fit(x[train], y[train])
    mean, scale = y[train].mean(), y[train].std()
    start = Rig.of(ep.network_, seed=ep.seed_).initial_weights(np.float64)
    nothing, targets = np.zeros(354, dtype=np.int64), (y[train, None] - mean) / scale
    orders = shuffled(354, recipe.training.batch_size, ep.seed_)
    twin = train_twin(ep.network_, start, recipe.training, x[train], targets, nothing, orders, threads=1)
    import torch

    outputs = to_torch(ep.network_, twin.weights)(torch.from_numpy(x[test])).detach().numpy()[:, 0]
    backprop = r2_score(y[test], mean + scale * outputs)
    assert backprop > 0.4
    assert ep.score(x[test], y[test]) == pytest.approx(backprop, abs=0.02)


def test_targets_in_several_columns_and_units() -> None:
    """Two linear functions, one of them a thousand times as large."""
    x = np.random.default_rng(0).normal(size=(200, 3))
    y = np.stack([x[:, 0] - x[:, 1], 1000.0 * x[:, 2] + 5000.0], axis=1)
    model = neuroep.EPRegressor(8, "linear", recipe=shorter(60), random_state=0).fit(x, y)
    np.testing.assert_array_less(1.0 - r2_score(y, model.predict(x), multioutput="raw_values"), 0.01)


def test_a_search_over_devices() -> None:
    model = make_pipeline(StandardScaler(), neuroep.EPClassifier(8, epochs=10, random_state=0))
    grid = {"epclassifier__device": ["ideal", "ecram"]}
    search = GridSearchCV(model, grid, cv=2).fit(*IRIS)
    assert (search.cv_results_["mean_test_score"] > 0.7).all()
    on_chip = clone(model).set_params(epclassifier__device="ecram").fit(*IRIS)[-1]
    assert on_chip.ledger_.events(Phase.UPDATE)["pulse"] > 0


def test_the_seed_decides_everything() -> None:
    models = [neuroep.EPClassifier(4, epochs=2, device="ecram", random_state=seed).fit(*IRIS) for seed in (1, 1, 2)]
    first, again, other = (model.predict_proba(IRIS[0]) for model in models)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_clones_have_the_same_settings() -> None:
    recipe = shorter(3)
    model = clone(neuroep.EPRegressor((5, 4), recipe=recipe, device="ecram"))
    assert (model.hidden_layer_sizes, model.recipe, model.device) == ((5, 4), recipe, "ecram")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes: 0"),
        ({"hidden_layer_sizes": ()}, "cross-entropy read-out with no layer under it"),
        ({"activation": "gelu"}, "activation"),
        ({"feedback": 0.0}, "feedback"),
        ({"epochs": 0}, "epochs: 0"),
        ({"device": "ecrm"}, "did you mean 'ecram'"),
        ({"recipe": Training()}, "recipe: a Training"),
        ({"recipe": shorter(2, validation=0.1)}, "recipe.training.validation: a validation share"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        neuroep.EPClassifier(**settings).fit(*IRIS)


def test_one_class_is_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="one class"):
        neuroep.EPClassifier().fit(IRIS[0][:50], IRIS[1][:50])


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\nfrom neuroep import *\nimport neuroep\n"
        "try:\n    neuroep.EPClassifier\nexcept neuroep.NeuroepError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "neuroep[sklearn]" in done.stdout
    assert done.stdout.count("\n") == 1
