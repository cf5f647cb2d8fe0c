"""Seals of checkpoints: that nothing in one has changed since it was written, and of which training it is.

There are two, because a checkpoint grows in two steps. The first covers what training leaves: arrays, epochs, the
training and the run's spec but for the number of epochs, which says when to end and not how an epoch goes. The second
covers what reading the test set adds: its accuracy, its counts in the ledger, and the spec as it is. A checkpoint
without a test accuracy has only the first, and no counts of inference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.ledger import Phase

Arrays = Mapping[str, NDArray[np.generic]]
SEAL, TEST_SEAL, LEDGER, TEST = "sha256", "test_sha256", "ledger", "test_accuracy"


class Owner(NamedTuple):
    """What a checkpoint belongs to.

    Attributes
    ----------
    job : str
        Name of the training.
    spec : mapping
        Of its run.
    """

    job: str
    spec: Any


def sealed(arrays: Arrays, meta: Mapping[str, Any], owner: Owner) -> dict[str, Any]:
    """Return plain `meta` with its seals."""
    first, second = _seals(arrays, meta, owner)
    return {**meta, SEAL: first} | ({TEST_SEAL: second} if meta.get(TEST) is not None else {})


def opened(arrays: Arrays, meta: Any, owner: Owner) -> dict[str, Any]:
    """Return `meta` without its seals.

    Raises
    ------
    ValueError
        If something isn't as it was sealed; says what.
    """
    if not isinstance(meta, dict) or SEAL not in meta:
        raise ValueError("no checksum, as in checkpoints of earlier versions")
    bare = {key: value for key, value in meta.items() if key not in (SEAL, TEST_SEAL)}
    first, second = _seals(arrays, bare, owner)
    read = bare.get(TEST) is not None
    if meta[SEAL] != first or (read and meta.get(TEST_SEAL) != second) or (not read and _inference(arrays).any()):
        raise ValueError("its checksum is another: damaged, or of another training or run")
    return bare


def _seals(arrays: Arrays, meta: Mapping[str, Any], owner: Owner) -> tuple[str, str]:
    trained = {key: value for key, value in meta.items() if key != TEST}
    first = hashlib.sha256(_text([owner.job, without_epochs(owner.spec), trained]))
    for name in sorted(arrays):
        array = np.ascontiguousarray(_without_inference(arrays[name]) if name == LEDGER else arrays[name])
        first.update(_text([name, array.dtype.str, array.shape]))
        first.update(array.tobytes())
    second = hashlib.sha256(_text([first.hexdigest(), owner.spec, meta.get(TEST)]))
    second.update(_inference(arrays).tobytes())
    return first.hexdigest(), second.hexdigest()


def without_epochs(spec: Any) -> Any:
    """Return plain data without the keys called epochs, at any depth."""
    if isinstance(spec, Mapping):
        return {key: without_epochs(value) for key, value in spec.items() if key != "epochs"}
    return spec


def _counts_phases(ledger: NDArray[np.generic]) -> bool:
    return ledger.ndim == 3 and len(ledger) == len(Phase)


def _inference(arrays: Arrays) -> NDArray[np.generic]:
    ledger = arrays.get(LEDGER, np.zeros(0, dtype=np.int64))
    return ledger[Phase.INFERENCE] if _counts_phases(ledger) else np.zeros(0, dtype=np.int64)


def _without_inference(ledger: NDArray[np.generic]) -> NDArray[np.generic]:
    if not _counts_phases(ledger):
        return ledger
    kept = ledger.copy()
    kept[Phase.INFERENCE] = 0
    return kept


def _text(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
