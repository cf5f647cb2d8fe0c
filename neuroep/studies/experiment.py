"""What one run compares: a model, devices, data, seeds; and what each training takes from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import msgspec

from neuroep import checks
from neuroep.data import Dataset, load_data
from neuroep.engines import NAMES, create, phases_on
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.hardware.device import Ideal
from neuroep.hardware.effects import without
from neuroep.physics.known import PHYSICS
from neuroep.recipe import ADAMS, IN_TIME, OF_SPIKES, SGD, SWEEPS, Programming, Recipe
from neuroep.specs import DeviceSpec, ModelSpec, catalogue
from neuroep.studies.rig import Rig, refuse_idle_threads
from neuroep.studies.training import IDEAL, Job, materials


@dataclass(frozen=True)
class Experiment:
    """A run's question.

    Attributes
    ----------
    model : ModelSpec
        Network and recipes.
    devices : tuple of DeviceSpec
        Besides the ideal device.
    data : str or Dataset
        Name or path of the data set, or one in memory.
    seeds : tuple of int
        Of initial weights, data order and everything drawn on the way.
    epochs : int, optional
        In place of the recipes' own.
    backprop : bool
        Whether to train the twin; never that of a network without a feedforward limit, which :meth:`remarks` say.
    engine : str
        Where EP runs.
    threads : int
        For EP and for torch alike.
    without : tuple of str
        Effects that the hardware devices are freed of (:mod:`neuroep.hardware.effects`).
    reference : bool
        Whether the ideal device is trained beside the others.
    left_out : bool
        Whether the twin was asked for and there is none; worked out.
    """

    model: ModelSpec
    devices: tuple[DeviceSpec, ...]
    data: str | Dataset
    seeds: tuple[int, ...]
    epochs: int | None = None
    backprop: bool = True
    engine: str = "auto"
    threads: int = 1
    without: tuple[str, ...] = ()
    reference: bool = True
    left_out: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(checks.seed(s, "--seed") for s in checks.several(self.seeds, "--seed")))
        settle(self, "--")
        for kind, given in (("device", [d.name for d in self.devices]), ("seed", [str(s) for s in self.seeds])):
            doubled = [item for item in given if given.count(item) > 1]
            if doubled:
                raise BadInput(f"{kind} {doubled[0]} is named twice", f"--{kind}", "each once")
        if not self.seeds:
            raise BadInput(f"seeds {self.seeds}", "--seed", "one or more whole numbers from 0")
        if any(spec.name == IDEAL and spec.is_hardware for spec in self.devices):
            raise BadInput("a hardware profile is called 'ideal', as no hardware is", "--device", "another file name")
        refuse_freeing_nothing(self.without, self.devices)
        object.__setattr__(self, "left_out", self.backprop and not self._has_limit)
        object.__setattr__(self, "backprop", self.backprop and self._has_limit)
        checks.one_of(self.engine, NAMES, "engine", "--engine")
        checks.count(self.threads, "--threads", noun="threads")
        if not self.backprop:
            refuse_idle_threads(self.engine, self.threads, "--threads")
        if self.epochs is not None:
            checks.count(self.epochs, "--epochs", noun="epochs")

    @property
    def _has_limit(self) -> bool:
        return PHYSICS[self.model.network().physics].feedforward

    def remarks(self) -> list[str]:
        """Return what a run leaves out of itself, and tables that a device may have missed by a letter, a line each."""
        name = self.model.network().physics
        left = [f"no backprop: a feedforward net isn't the limit of a {name} network"] if self.left_out else []
        return left + self._missed()

    def _missed(self) -> list[str]:
        own = {spec.name for spec in self.devices if spec.is_hardware}
        others = [name for name in self.model.devices if name not in own | set(catalogue.names("devices"))]
        near = {
            name: get_close_matches(name, others, n=1, cutoff=0.8) for name in sorted(own - set(self.model.devices))
        }
        return [
            f"[on.{found[0]}] doesn't hold for {name}, which has no table by its name"
            for name, found in near.items()
            if found
        ]

    def rig(self, name: str, seed: int = 0) -> Rig:
        """Return what a training on the device of that name stands on."""
        spec = next((spec for spec in self.devices if self.trained_on(spec) == name), None)
        hardware, off = (IDEAL, ()) if spec is None or name == IDEAL else (spec, self.without)
        return Rig.of(self.model.network(), self.recipe(name), hardware, self.engine, self.threads, seed, off)

    def trained_on(self, spec: DeviceSpec) -> str:
        """Return the name under which a profile's training runs: its own, or ideal if it only has prices."""
        return spec.name if spec.is_hardware else IDEAL

    def jobs(self) -> list[Job]:
        """Return every training, seed by seed, the ideal device first."""
        first = [IDEAL] if self.reference else []
        names = dict.fromkeys([*first, *(self.trained_on(spec) for spec in self.devices)])
        methods = [("ep", name) for name in names] + ([("backprop", IDEAL)] if self.backprop else [])
        return [Job(method, device, seed) for seed in self.seeds for method, device in methods]

    def recipe(self, device: str) -> Recipe:
        """Return the model's recipe for a device, with the epochs asked for."""
        spec = next((spec for spec in self.devices if self.trained_on(spec) == device), None)
        recipe = self.model.overridden(device) if spec is None or device == IDEAL else self.model.recipe(spec)
        return replace(recipe.lasting(self.epochs), phases=phases_on(self.engine, recipe.phases))

    def dataset(self, seed: int) -> Dataset:
        """Return the data; parity draws its secret from the seed, all else is read once."""
        if isinstance(self.data, Dataset):
            return self.data
        return load_data(self.data, seed=seed, scale=self.model.scale) if self.data == "parity" else self._read

    @cached_property
    def _read(self) -> Dataset:
        return load_data(self.data, scale=self.model.scale)

    def check(self, jobs: Sequence[Job] | None = None) -> None:
        """Make sure, before anything is trained or written, that each training can be carried out on its data.

        Parameters
        ----------
        jobs : sequence of Job, optional
            Which trainings; all if left out.

        Raises
        ------
        BadInput
            If model, devices, recipes and data don't go together.
        """
        wanted = self.jobs() if jobs is None else jobs
        self.check_rigs(wanted)
        used = [self.recipe(job.device) for job in wanted]
        for recipe in (recipe for job, recipe in zip(wanted, used, strict=True) if job.method == "backprop"):
            from neuroep.bridges.torch_twin import refuse_rule

            refuse_rule(recipe.backprop)
        trainings = [r.training if job.method == "ep" else r.backprop for job, r in zip(wanted, used, strict=True)]
        one_each = {training.validation: training for training in trainings}  # all else of it leaves the data alike
        for training in one_each.values():
            materials(self.model.network(), self.dataset(self.seeds[0]), training, self.seeds[0])

    def check_rigs(self, jobs: Sequence[Job] | None = None) -> None:
        """Make sure that model, devices, recipes and engine go together, without a look at data.

        Raises
        ------
        BadInput
            If they don't.
        """
        names = dict.fromkeys(job.device for job in (self.jobs() if jobs is None else jobs) if job.method == "ep")
        for spec in (spec for spec in self.devices if self.trained_on(spec) in names):
            without(spec.build() or Ideal(), self.without)
        if IDEAL in names and self.recipe(IDEAL).programming != Programming():
            raise BadInput("settings of hardware on exact weights", "on.ideal.programming", "left out")
        for name in names:
            self.rig(name).check()

    def spec(self, dataset: Dataset) -> dict[str, Any]:
        """Return all that decides the outcome, as plain data."""
        recipes = {device: self.recipe(device) for device in dict.fromkeys(job.device for job in self.jobs())}
        plain: dict[str, Any] = msgspec.to_builtins(
            {
                "model": self.model.name,
                "network": self.model.network().as_dict(),
                "recipes": recipes,
                "devices": {spec.name: spec.as_written() for spec in self.devices},
                "data": {"name": dataset.name, "sha256": dataset.sha256} | scale_of(dataset),
                "seeds": list(self.seeds),
                "backprop": self.backprop,
                "engine": create(self.engine, self.threads, self.model.recipe().phases).name,
            }
        )
        # only where given, so that stored runs of earlier versions go on
        for device, recipe in recipes.items():
            parts = plain["recipes"][device]
            idle = [("phases", key) for key in OF_SPIKES if not recipe.phases.spiking]
            idle += [("phases", key) for key in IN_TIME if not recipe.phases.in_time]
            idle += [("phases", "solver")] if recipe.phases.solver == SWEEPS else []
            for name, part in (("training", recipe.training), ("backprop", recipe.backprop)):
                idle += [(name, key) for key in ("rule", *ADAMS) if part.rule == SGD]
            for name, key in idle:
                del parts[name][key]
        return plain | ({"without": sorted(set(self.without))} if self.without else {})


def refuse_freeing_nothing(effects: Sequence[str], devices: Sequence[DeviceSpec]) -> None:
    """Refuse effects to switch off where no device is hardware."""
    if effects and not any(spec.is_hardware for spec in devices):
        raise BadInput("no hardware to free of effects", "--without", "with a hardware profile as --device")


def scale_of(dataset: Dataset) -> dict[str, str]:
    """Return the key ``scale`` of a data set whose inputs are scaled; nothing else, so that stored runs go on."""
    return {} if dataset.scale == "none" else {"scale": dataset.scale}
