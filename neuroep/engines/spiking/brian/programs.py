"""Networks of brian2 objects that run phase after phase: in this process, or as a program of their own.

Either is built once for a shape. What a phase sets (weights, biases, inputs, where units stand) goes in as numbers, so
nothing is generated or compiled for a sample.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neuroep.engines.spiking.brian.guard import brian
from neuroep.engines.spiking.brian.network import STEP_SECONDS, Assembly, Shape, assemble

Floats = NDArray[np.float64]
Settings = dict[tuple[str, int, str], Floats]
"""Numbers by part of an assembly (``layers`` or ``weights``), place in it, and variable."""


class Train(NamedTuple):
    """The spikes of a layer in the order in which they were sent.

    Attributes
    ----------
    unit : ndarray of int64
        Places in the group.
    step : ndarray of int64
        Steps, from 0.
    sign : ndarray of int64
        ±1.
    """

    unit: NDArray[np.int64]
    step: NDArray[np.int64]
    sign: NDArray[np.int64]


class Program(Protocol):
    """A network that is ready to run."""

    def run(self, settings: Settings, steps: int) -> Callable[[str, int, str], Floats]:
        """Run from time 0; return what reads a variable afterwards."""
        ...

    def train(self, layer: int) -> Train:
        """Return a layer's spikes of the last run."""
        ...


def _read_train(assembly: Assembly, layer: int) -> Train:
    monitor = assembly.monitors[layer]
    unit, step = np.asarray(monitor.i, dtype=np.int64), np.rint(np.asarray(monitor.t) / STEP_SECONDS).astype(np.int64)
    return Train(unit, step, np.asarray(monitor.q).astype(np.int64))


class Runtime:
    """A network in this process, its code generated in numpy or compiled by Cython."""

    def __init__(self, shape: Shape, target: str) -> None:
        self._target = target
        with brian(target) as b2:
            self._assembly = assemble(b2, shape)
            self._assembly.network.run(0.0 * b2.second, namespace={})  # generates all code
            self._assembly.network.store()

    def run(self, settings: Settings, steps: int) -> Callable[[str, int, str], Floats]:
        """See Program."""
        with brian(self._target):
            self._assembly.network.restore()
            for (part, place, name), values in settings.items():
                setattr(getattr(self._assembly, part)[place], f"{name}_", values)
            self._advance(steps)
        return self._read

    def _advance(self, steps: int) -> None:
        """Step as `Network.run` does, which generates all code anew each time: that takes longer than a phase."""
        objects = [each for each in self._assembly.network.sorted_objects if each.active]
        clock = self._assembly.layers[0].clock.variables
        step, now, length = (clock[name].get_value() for name in ("timestep", "t", "dt"))
        for _ in range(steps):
            for each in objects:
                each.run()
            step[0] += 1
            now[0] = step[0] * length[0]

    def _read(self, part: str, place: int, name: str) -> Floats:
        return np.array(getattr(getattr(self._assembly, part)[place], f"{name}_"), dtype=np.float64)

    def train(self, layer: int) -> Train:
        """See Program."""
        return _read_train(self._assembly, layer)


class Standalone:
    """A network compiled to a program of its own, in a temporary folder that goes when this does.

    Parameters
    ----------
    shape : Shape
        What is built.
    steps : int
        How long it runs: that is compiled in.
    """

    def __init__(self, shape: Shape, steps: int) -> None:
        folder = tempfile.mkdtemp(prefix="neuroep-brian2-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        with brian() as b2:
            self._device = type(b2.all_devices["cpp_standalone"])()
        with brian(device=self._device) as b2:
            self._assembly = assemble(b2, shape)
            self._assembly.network.run(steps * STEP_SECONDS * b2.second, namespace={})
            self._device.build(directory=folder, run=False, with_output=False)

    def run(self, settings: Settings, steps: int) -> Callable[[str, int, str], Floats]:
        """See Program; numbers go in as files."""
        with brian(device=self._device) as b2:
            views = ((self._view(*key), values) for key, values in settings.items())
            given = {view: b2.Quantity(values, dim=view.dim) for view, values in views}
            self._device.run(with_output=False, run_args=given)
            self._device.delete(code=False, data=False, directory=False)
        return self._read

    def _view(self, part: str, place: int, name: str) -> Any:
        return getattr(getattr(self._assembly, part)[place], name)

    def _read(self, part: str, place: int, name: str) -> Floats:
        with brian(device=self._device):
            return np.array(self._view(part, place, name)[:], dtype=np.float64)

    def train(self, layer: int) -> Train:
        """See Program."""
        with brian(device=self._device):
            return _read_train(self._assembly, layer)
