"""What a data set is, and what training takes from it: targets and index batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.network import Cost
from neuroep.weights import FloatArray

FloatInputs = NDArray[np.float32]
Labels = NDArray[np.int64]

TEST_SHARE = 0.2


class Scaling(NamedTuple):
    """What scaled inputs: (x − offset)/span of each, both of shape (n,), as the training set gave them."""

    offset: NDArray[np.float64]
    span: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A training set and a test set of labelled vectors.

    Attributes
    ----------
    name : str
        The name it was asked for by, or the stem of its file.
    source : str
        The path it was read from, or how it was made.
    sha256 : str
        Of the bytes used: the file's for one file; of the four files' SHA-256 digests one after the other for
        IDX files (each of the uncompressed bytes, so a .gz and its content give the same); of the arrays
        x_train, y_train, x_test, y_test (little-endian, C order) for generated data.
    licence : str
        Under which the data may be used.
    x_train, x_test : ndarray of float32, shape (N, n)
        Inputs, dimensionless, C-contiguous.
    y_train, y_test : ndarray of int64, shape (N,)
        Labels, 0 to classes − 1.
    classes : int
        Number of classes.
    scale : str
        How the inputs were scaled: ``"none"``, or as :func:`neuroep.data.scaling.scaled` says.
    label_remark, input_remark : str
        A line on labels or inputs that look wrong but can be used; empty if they don't.
    scaling : Scaling, optional
        What new inputs are scaled by.
    """

    name: str
    source: str
    sha256: str
    licence: str
    x_train: FloatInputs
    y_train: Labels
    x_test: FloatInputs
    y_test: Labels
    classes: int
    scale: str = "none"
    label_remark: str = ""
    input_remark: str = ""
    scaling: Scaling | None = None

    def __repr__(self) -> str:
        (train, inputs), test = self.x_train.shape, len(self.x_test)
        return f"<Dataset {self.name}: {train:,} + {test:,} samples of {inputs} inputs, {self.classes} classes>"

    @property
    def remarks(self) -> tuple[str, ...]:
        """The remarks that there are, labels first."""
        return tuple(remark for remark in (self.label_remark, self.input_remark) if remark)

    def targets(self, labels: Labels, cost: Cost, outputs: int) -> FloatArray:
        """Return :func:`targets` of some labels; where the outputs don't fit, the error says what is odd about them."""
        try:
            return targets(labels, self.classes, cost, outputs)
        except BadInput as error:
            raise BadInput(f"{error}; {self.label_remark}") if self.label_remark else error from None


def fingerprint(arrays: tuple[NDArray[np.generic], ...]) -> str:
    """Return the SHA-256 of arrays one after the other, little-endian and in C order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def holdout(samples: int, where: str) -> tuple[Labels, Labels]:
    """Return the row numbers of the fixed 80/20 split: training, test.

    The first ⌈N/5⌉ entries of ``numpy.random.RandomState(0).permutation(N)`` are the test set: the split of
    scikit-learn's ``train_test_split(test_size=0.2, random_state=0)``. It never depends on a run's seed, so all
    runs read the same test set.

    Raises
    ------
    BadInput
        With fewer than 2 samples.
    """
    if samples < 2:
        raise BadInput(f"{samples} sample(s) can't be split into training and test", where, "2 samples or more")
    # RandomState's stream is frozen across numpy versions; Generator's isn't.
    permutation = np.random.RandomState(0).permutation(samples).astype(np.int64)
    tests = int(np.ceil(TEST_SHARE * samples))
    return permutation[tests:], permutation[:tests]


def inputs(values: NDArray[np.generic], where: str) -> FloatInputs:
    """Return values (N, ...) as finite float32 vectors (N, n), C-contiguous.

    Raises
    ------
    BadInput
        If they aren't real numbers, aren't at least two-dimensional, are empty, or hold NaN or infinities.
    """
    if values.dtype.kind not in "biuf":
        raise BadInput(f"inputs of type {values.dtype}", where, "real numbers")
    if values.ndim < 2 or values.size == 0:
        raise BadInput(f"inputs of shape {values.shape}", where, "(samples, inputs), both at least 1")
    with np.errstate(over="ignore"):
        flat = np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(flat))
    if bad.size:
        row, column = divmod(int(bad[0]), flat.shape[1])
        value = values.reshape(len(values), -1)[row, column]
        raise BadInput(f"{value} in sample {row}, input {column} (counted from 0)", where, "finite float32 numbers")
    return flat


def refuse_masked(values: object, where: str) -> None:
    """Refuse an array that hides entries: numpy would take what stands behind the mask."""
    if np.ma.is_masked(values):
        raise BadInput("masked entries", where, "an array without them: .filled(value)")


def class_labels(values: NDArray[np.generic], where: str) -> Labels:
    """Return labels (N,) as int64.

    Raises
    ------
    BadInput
        If they aren't integers of at least 0, or aren't one-dimensional.
    """
    if values.ndim != 1:
        remedy = "y.ravel()" if values.ndim == 2 and values.shape[1] == 1 else "y.argmax(axis=1) where they are one-hot"
        raise BadInput(f"labels of shape {values.shape}", where, f"(samples,): {remedy}")
    if values.dtype.kind not in "biuf":
        raise BadInput(f"labels of type {values.dtype}", where, "integers from 0")
    wide = values.astype(np.float64)
    bad = np.flatnonzero(~((wide >= 0.0) & (wide < 2.0**31) & (wide == np.floor(wide))))
    if bad.size:
        label = values[bad[0]]
        other = "; numbers to be met are for EPRegressor or ep_gradients" if label != np.floor(label) else ""
        what = f"label {label} of sample {int(bad[0])} (counted from 0)"
        raise BadInput(what, where, f"integers from 0{other}")
    return values.astype(np.int64)


def check_counts(x: NDArray[np.generic], y: NDArray[np.generic], where: str) -> None:
    """Refuse a different number of inputs and labels."""
    if len(x) != len(y):
        raise BadInput(f"{len(x)} inputs and {len(y)} labels", where, "as many labels as inputs")


def assemble(
    name: str,
    source: str,
    sha256: str,
    licence: str,
    train: tuple[FloatInputs, Labels],
    test: tuple[FloatInputs, Labels],
) -> Dataset:
    """Return the data set of two checked parts; classes are 0 to the greatest label of either.

    Raises
    ------
    BadInput
        If inputs and labels differ in number, or the two parts in width.
    """
    check_counts(*train, f"{source}: training set")
    check_counts(*test, f"{source}: test set")
    if train[0].shape[1] != test[0].shape[1]:
        widths = f"{train[0].shape[1]} inputs in the training set, {test[0].shape[1]} in the test set"
        raise BadInput(widths, source, "as many in both")
    classes = max(int(train[1].max()), int(test[1].max())) + 1
    return Dataset(name, source, sha256, licence, *train, *test, classes)


def targets(labels: Labels, classes: int, cost: Cost, outputs: int | None = None) -> FloatArray:
    """Return what the outputs should be.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        0 to classes − 1.
    classes : int
        Number of classes.
    cost : Cost
        One-hot 0 and 1 for the squared error and cross-entropy, −1 and +1 for the hinge costs.
    outputs : int, optional
        Units of the last layer: `classes` if not given, or 1 with two classes, when the only column is that of
        class 1.

    Returns
    -------
    ndarray of float32, shape (N, outputs)

    Raises
    ------
    BadInput
        If the outputs don't fit the classes, or a label lies outside them.
    """
    cost = checks.choice(cost, Cost, "cost")
    labels, classes = class_labels(np.asarray(labels), "labels"), checks.count(classes, "classes")
    width = classes if outputs is None else outputs
    single = width == 1 and classes == 2 and cost is not Cost.CROSS_ENTROPY
    if width != classes and not single:
        allowed = f"{classes}" + (" or 1" if classes == 2 and cost is not Cost.CROSS_ENTROPY else "")
        raise BadInput(f"{width} outputs for {classes} classes with cost {cost.label!r}", "layers", allowed)
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise BadInput(f"labels from {labels.min()} to {labels.max()}", "labels", f"0 to {classes - 1}")
    low = -1.0 if cost in (Cost.HINGE, Cost.SQUARED_HINGE) else 0.0
    if single:
        return np.where(labels == 1, 1.0, low).astype(np.float32)[:, None]
    wanted = np.full((len(labels), classes), low, dtype=np.float32)
    wanted[np.arange(len(labels)), labels] = 1.0
    return wanted


def order(samples: int, batch_size: int, rng: np.random.Generator) -> list[Labels]:
    """Return the index batches of one epoch: every sample once, shuffled, the last partial batch kept.

    EP and its backprop twin both take their order from here, with generators of the same seed.

    Parameters
    ----------
    samples, batch_size : int
        Number of samples, samples a batch.
    rng : numpy.random.Generator
        E.g. ``neuroep.rng.stream(seed, "order", epoch)``.

    Returns
    -------
    list of ndarray of int64
        ⌈samples/batch_size⌉ arrays of row numbers.

    Raises
    ------
    BadInput
        If there are no samples, or the batch size is below 1.
    """
    samples, batch_size = checks.count(samples, "samples"), checks.count(batch_size, "training.batch_size")
    shuffled = rng.permutation(samples).astype(np.int64, copy=False)
    return [shuffled[start : start + batch_size] for start in range(0, samples, batch_size)]


def check_inputs(dataset: Dataset, inputs: int) -> None:
    """Refuse data of another width than a network's input layer."""
    width = dataset.x_train.shape[1]
    if width != inputs:
        raise BadInput(f"{width} inputs a sample", f"data {dataset.name}", f"{inputs}, as the model")
