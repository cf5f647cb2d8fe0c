"""Networks trained by EP as estimators of scikit-learn, for its pipelines, searches and scores.

Weights are float64, so that a prediction doesn't depend on what else is in its batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroep import checks
from neuroep.engines import create
from neuroep.errors import BadInput, NotAvailable
from neuroep.hardware.device import Device, effective_weights
from neuroep.learning.methods.phases import plans
from neuroep.learning.trainer import Progress, Samples, free_outputs
from neuroep.ledger import Ledger
from neuroep.network import Activation, Cost, chain
from neuroep.recipe import Phases, Recipe, Training
from neuroep.specs import DeviceSpec
from neuroep.specs.catalogue import load_device
from neuroep.studies.python_words import in_python
from neuroep.studies.rig import Rig, refuse_prices_alone

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    needed = "EPClassifier and EPRegressor need scikit-learn 1.6 or newer: pip install 'neuroep[sklearn]'"
    raise NotAvailable(needed) from error

#: What trains without a recipe: Adam on centered estimates.
USUAL = Recipe(
    Phases(beta=0.1, free_sweeps=50, nudged_sweeps=20, tolerance=1e-8),
    Training(epochs=100, batch_size=32, learning_rates=(0.01,), rule="adam"),
)


class _EPEstimator(BaseEstimator):
    """What classifier and regressor share."""

    def __init__(
        self,
        hidden_layer_sizes: int | tuple[int, ...] = (64,),
        activation: str = "tanh",
        feedback: float = 0.5,
        epochs: int | None = None,
        recipe: Recipe | None = None,
        device: str | Path | DeviceSpec | Device = "ideal",
        engine: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.feedback = feedback
        self.epochs = epochs
        self.recipe = recipe
        self.device = device
        self.engine = engine
        self.random_state = random_state

    def _rig(self, inputs: int, outputs: int, cost: Cost) -> Rig:
        """Return what is trained on what, checked."""
        sizes = self.hidden_layer_sizes
        hidden = [sizes] if np.ndim(sizes) == 0 else checks.several(sizes, "hidden_layer_sizes")
        widths = tuple(checks.count(size, "hidden_layer_sizes") for size in hidden)
        activation = checks.choice(self.activation, Activation, "activation")
        network = chain((inputs, *widths, outputs), activation, Activation.LINEAR, cost, self.feedback)
        recipe = USUAL if self.recipe is None else checks.instance(self.recipe, Recipe, "recipe")
        if recipe.training.validation:
            raise BadInput("a validation share", "recipe.training.validation", "0: scikit-learn splits data itself")
        recipe = recipe.lasting(None if self.epochs is None else checks.count(self.epochs, "epochs"))
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        device = load_device(self.device) if isinstance(self.device, str | Path) else self.device
        refuse_prices_alone(device)
        rig = Rig.of(network, recipe, device, self.engine, seed=seed)
        rig.check()
        return rig

    @in_python
    def _train(
        self, x: NDArray[np.float64], targets: NDArray[np.float64], labels: NDArray[np.int64], cost: Cost
    ) -> None:
        rig = self._rig(x.shape[1], targets.shape[1], cost)
        start = rig.initial_weights(np.float64)
        mounted, progress = rig.mount(start), Progress.fresh(start)
        rig.trainer(mounted, Samples(x, targets, labels)).run(progress)
        self.network_, self.phases_, self.seed_ = rig.network, rig.recipe.phases, rig.seed
        self.loss_curve_ = [epoch.train_cost for epoch in progress.history]
        self.weights_, self.ledger_, self.mounted_ = effective_weights(mounted.circuit), progress.ledger, mounted

    def _outputs(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the free equilibrium's outputs of checked inputs, (samples, n_L), as the trained hardware has them."""
        check_is_fitted(self)
        inputs: NDArray[np.float64] = validate_data(self, x, dtype=np.float64, reset=False)
        engine, plan = create(self.engine, phases=self.phases_), plans(self.phases_, self.network_.depth).free
        with engine.session():
            aside = Ledger.empty(self.network_.sizes)
            found = free_outputs(engine, self.mounted_.circuit, inputs, plan, self.seed_, aside)
        return found.astype(np.float64, copy=False)


class EPClassifier(ClassifierMixin, _EPEstimator):
    """A classifier trained by EP: hidden layers under a softmax read-out.

    Inputs are taken as they are: put a ``StandardScaler`` before it.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int
        Units of the hidden layers, at least one layer.
    activation : str
        Of hidden units: ``"tanh"``, ``"sigmoid"``, ``"hard-sigmoid"``, ``"relu"``, ``"relu6"`` or ``"linear"``.
    feedback : float
        Feedback gain γ, 0 < γ <= 1.
    epochs : int, optional
        In place of the recipe's.
    recipe : Recipe, optional
        Phases, rule and rates; the module's `USUAL` if left out.
    device : str, Path, spec or device model
        Hardware on which it is trained, and on which it then predicts.
    engine : str
        Where the code runs.
    random_state : int, RandomState or None
        Of everything drawn.

    Attributes
    ----------
    classes_ : ndarray
        Labels, in the order of `predict_proba`'s columns.
    network_, weights_ : Network, Weights
        What was trained, and the weights as reads see them.
    loss_curve_ : list of float
        Mean cost of each epoch.
    ledger_ : Ledger
        Events of training.
    mounted_ : Mounted
        The hardware.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 2
    >>> neuroep.EPClassifier((8,), epochs=1, random_state=0).fit(x, y).predict(x[:3]).shape
    (3,)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> EPClassifier:
        """Train on inputs (samples, features) and labels (samples,).

        Raises
        ------
        ValueError
            If scikit-learn can't use the data, or there is one class only.
        BadInput
            If a parameter can't be used or doesn't go with another.
        Diverged
            If training leaves the finite range.
        """
        x, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, index = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("a classifier can't be trained on one class")
        self._train(x, np.eye(len(self.classes_))[index], index.astype(np.int64), Cost.CROSS_ENTROPY)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the softmax read-out, (samples, classes)."""
        return self._outputs(X)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the label of each sample."""
        best = self._outputs(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[best]
        return found


class EPRegressor(RegressorMixin, _EPEstimator):
    """A regressor trained by EP on squared error, with linear outputs.

    Targets are standardised for training, and predictions brought back. Inputs are taken as they are: put a
    ``StandardScaler`` before it. Attributes are those of :class:`EPClassifier`, but for ``classes_``.

    Parameters
    ----------
    hidden_layer_sizes, activation, feedback, epochs, recipe, device, engine, random_state
        As for :class:`EPClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((60, 4))
    >>> neuroep.EPRegressor((8,), epochs=1, random_state=0).fit(x, x.sum(axis=1)).predict(x[:3]).shape
    (3,)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> EPRegressor:
        """Train on inputs (samples, features) and targets (samples,) or (samples, outputs).

        Raises
        ------
        ValueError
            If scikit-learn can't use the data.
        BadInput
            If a parameter can't be used or doesn't go with another.
        Diverged
            If training leaves the finite range.
        """
        x, goals = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        goals = np.asarray(goals, dtype=np.float64)
        self.one_column_ = goals.ndim == 1
        columns = goals.reshape(len(goals), -1)
        self.target_mean_, spread = columns.mean(axis=0), columns.std(axis=0)
        self.target_scale_ = np.where(spread > 0.0, spread, 1.0)
        nothing = np.zeros(len(x), dtype=np.int64)
        self._train(x, (columns - self.target_mean_) / self.target_scale_, nothing, Cost.MSE)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the prediction for each sample, shaped as the targets were."""
        found: NDArray[np.float64] = self._outputs(X) * self.target_scale_ + self.target_mean_
        return found[:, 0] if self.one_column_ else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
