"""Data that need no file of the user's: the shipped digits, XOR and sparse parity."""

from __future__ import annotations

import hashlib
import io
from importlib import resources

import numpy as np

from neuroep.data.dataset import Dataset, FloatInputs, Labels, assemble, fingerprint, holdout
from neuroep.errors import BadInput

DIGITS_LICENCE = "CC BY 4.0 (UCI, Optical Recognition of Handwritten Digits)"
NO_LICENCE = "none needed (generated)"


def digits() -> Dataset:
    """Return the 1,797 handwritten 8×8 digits, pixels in [0, 1], 1,437 for training and 360 for testing.

    Source, licence and split are in ``digits.md`` beside this file.
    """
    content = resources.files("neuroep.data").joinpath("digits.npz").read_bytes()
    with np.load(io.BytesIO(content)) as archive:
        x = archive["images"].astype(np.float32) / np.float32(16)
        y = archive["labels"].astype(np.int64)
    train, test = holdout(len(x), "digits")
    sha256 = hashlib.sha256(content).hexdigest()
    return assemble(
        "digits", "neuroep/data/digits.npz", sha256, DIGITS_LICENCE, (x[train], y[train]), (x[test], y[test])
    )


def xor() -> Dataset:
    """Return the four points of XOR, inputs 0 and 1; the test set is the training set."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    y = np.array([0, 1, 1, 0], dtype=np.int64)
    source = "generated: the 4 points of XOR, test set = training set"
    return assemble("xor", source, fingerprint((x, y, x, y)), NO_LICENCE, (x, y), (x.copy(), y.copy()))


def parity(bits: int = 20, degree: int = 3, train: int = 500, test: int = 200, seed: int = 42) -> Dataset:
    """Return sparse parity: the product of `degree` secret ±1 inputs, +1 as label 1 and −1 as label 0.

    Parameters
    ----------
    bits, degree : int
        Number n of inputs, number k of secret ones among them.
    train, test : int
        Samples of each set.
    seed : int
        Draws the secret, then the training inputs; seed + 1000 draws the test inputs, after a secret of its own
        that is discarded.

    Returns
    -------
    Dataset
        Its source names the secret. Bit for bit the published generator, which is why this uses numpy's frozen
        ``RandomState``.

    Raises
    ------
    BadInput
        Unless 1 <= degree <= bits, both sets have samples, and 0 <= seed < 2³² − 1000.
    """
    if not 1 <= degree <= bits:
        raise BadInput(f"{degree} secret inputs of {bits}", "parity", "1 <= degree <= bits")
    if min(train, test) < 1:
        raise BadInput(f"{train} training and {test} test samples", "parity", "at least 1 each")
    if not 0 <= seed < 2**32 - 1000:
        raise BadInput(f"seed {seed}", "parity", "0 <= seed < 2**32 - 1000")
    secret, x_train = _draw(bits, degree, train, seed)
    _, x_test = _draw(bits, degree, test, seed + 1000)
    y_train, y_test = _label(x_train, secret), _label(x_test, secret)
    source = f"generated: parity n={bits} k={degree} seed={seed} secret={secret.tolist()}"
    digest = fingerprint((x_train, y_train, x_test, y_test))
    return assemble("parity", source, digest, NO_LICENCE, (x_train, y_train), (x_test, y_test))


def _draw(bits: int, degree: int, samples: int, seed: int) -> tuple[Labels, FloatInputs]:
    """Draw a secret, then inputs, in the published order of calls."""
    state = np.random.RandomState(seed)
    secret = np.sort(state.choice(bits, degree, replace=False)).astype(np.int64)
    return secret, state.choice([-1.0, 1.0], size=(samples, bits)).astype(np.float32)


def _label(x: FloatInputs, secret: Labels) -> Labels:
    """Label 1 where the product of the secret inputs is +1."""
    return np.where(x[:, secret].prod(axis=1) > 0, 1, 0).astype(np.int64)
