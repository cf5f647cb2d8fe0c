"""Data sets: named ones, the user's own files, their splits, targets and batches."""

from neuroep.data.dataset import Dataset, check_inputs, order, targets
from neuroep.data.generated import parity, xor
from neuroep.data.homes import Available, describe, fetch
from neuroep.data.load import NAMES, load_data, named_or_given

__all__ = [
    "NAMES", "Available", "Dataset", "check_inputs", "describe", "fetch", "load_data", "named_or_given", "order",
    "parity", "targets", "xor",
]  # fmt: skip
