"""What each effect of a device costs: the same training with one effect off, or with one alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from neuroep.data import Dataset
from neuroep.disk import to_json, write_atomic
from neuroep.errors import BadInput, Diverged
from neuroep.fields import settle
from neuroep.hardware.device import Device, Ideal, programmed
from neuroep.hardware.effects import effects_of, without
from neuroep.recipe import WINDOW, Programming
from neuroep.report.ownership import refuse_taken
from neuroep.report.store import RunFolder, job_name
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.studies.device_fidelity import DeviceFidelity, Subject, measure, refuse_unmeasurable
from neuroep.studies.experiment import Experiment
from neuroep.studies.jobs import mounted_for
from neuroep.studies.run import Listener, Silent, run
from neuroep.studies.training import IDEAL, Job, materials

#: What a study leaves beside its variants' folders.
TABLE, FIGURE = "ablation.json", "ablation.png"


class Variant(NamedTuple):
    """One form of the device.

    Attributes
    ----------
    kind : str
        ``"all"``: as it is; ``"without"`` one effect; ``"alone"``: with no other effect; ``"ideal"``: no device.
    effect : str or None
        Which.
    off : tuple of str
        Effects switched off.
    """

    kind: str
    effect: str | None = None
    off: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How tables call it."""
        names = {"all": "everything on", "without": f"without {self.effect}", "alone": f"{self.effect} alone"}
        return names.get(self.kind, IDEAL)

    @property
    def folder(self) -> str:
        """Name of its folder within the study's."""
        return self.name.replace(" ", "-")


@dataclass(frozen=True, kw_only=True)
class Study:
    """An ablation's question.

    Attributes
    ----------
    model, device : ModelSpec, DeviceSpec
        What is trained on what.
    data : str or Dataset
        Name or path of the data set, or one in memory.
    seeds : tuple of int
        As in :class:`neuroep.studies.experiment.Experiment`, which also has `epochs`, `engine` and `threads`.
    effects : tuple of str
        Which effects to study; all that the device has if empty.
    alone : bool
        Whether to train with each effect alone, too.
    window : int
        Minibatches over which an update is followed where the recipe saves requests up; else it is one.
    """

    model: ModelSpec
    device: DeviceSpec
    data: str | Dataset
    seeds: tuple[int, ...] = (0,)
    epochs: int | None = None
    effects: tuple[str, ...] = ()
    alone: bool = False
    window: int = WINDOW
    engine: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        settle(self, "--")
        has = self.present()
        if not has:
            raise BadInput(f"{self.device.name!r} has no effects", "--device", "a quantized or crossbar profile")
        without(self.device.build() or Ideal(), self.effects, "--effects")
        if self.window < 1:
            raise BadInput(f"a window of {self.window}", "--window", "1 or more minibatches")

    def present(self) -> tuple[str, ...]:
        """Return the effects that the device has."""
        return effects_of(self.device.build() or Ideal()) if self.device.is_hardware else ()

    def needed(self) -> tuple[str, ...]:
        """Return the effects without which the recipe can't be followed: coincidences take whole pulses, say."""
        device, programming = self.device.build() or Ideal(), self.model.recipe(self.device).programming
        return tuple(name for name in self.present() if not _programmable(without(device, (name,)), programming))

    def variants(self) -> list[Variant]:
        """Return all forms of the device, the ideal one last; effects in the registry's order.

        Effects that the recipe needs are on throughout, unless they were asked for: such a study is refused.
        """
        needed = self.needed()
        has = tuple(name for name in self.present() if name in self.effects or name not in needed)
        studied = [name for name in has if not self.effects or name in self.effects]
        found = [Variant("all"), *(Variant("without", name, (name,)) for name in studied)]
        if self.alone:
            found += [Variant("alone", name, tuple(other for other in has if other != name)) for name in studied]
        return [*found, Variant("ideal")]

    def experiment(self, variant: Variant) -> Experiment:
        """Return the training of one variant; the ideal device is a variant of its own."""
        real = variant.kind != "ideal"
        return Experiment(
            model=self.model, devices=(self.device,) if real else (), data=self.data, seeds=self.seeds,
            epochs=self.epochs, backprop=False, engine=self.engine, threads=self.threads, without=variant.off,
            reference=not real,
        )  # fmt: skip

    def steps(self) -> int:
        """Return how many minibatches an update is followed over, the same in every variant."""
        return self.window if self.model.recipe(self.device).programming.steps_to_see > 1 else 1


def ablate(
    study: Study,
    out: Path | str,
    fresh: bool = False,
    listener: Callable[[str], Listener] = lambda _: Silent(),
    force: bool = False,
) -> dict[str, Any]:
    """Train every variant of a device and measure what it makes of gradients.

    Parameters
    ----------
    study : Study
        What to compare.
    out : path
        Folder of ablation.json, of its figure, and of a run's folder for each variant. A stopped study goes on from
        the last finished epoch; files of these names that no study wrote are refused.
    fresh : bool
        Start anew even so.
    listener : callable
        Returns who hears how the training of a variant goes on, by its name.
    force : bool
        Let ablation.json and ablation.png take the place of files that no study wrote.

    Returns
    -------
    dict
        As ablation.json holds it; docs/json.md describes it.

    Raises
    ------
    BadInput
        If something doesn't fit, or the folder holds another study.
    Diverged
        If a variant's training leaves the finite range.
    """
    check(study)
    out, rows, data = Path(os.path.expanduser(out)), [], {}
    refuse_taken(out, (TABLE, FIGURE), {"model", "device", "window", "rows"}, force)
    for variant in study.variants():
        experiment = study.experiment(variant)
        try:
            result = run(experiment, out / variant.folder, fresh, listener(variant.name))
            rows += [_row(study, experiment, variant, row, out / variant.folder) for row in result["rows"]]
        except Diverged as error:
            raise Diverged(f"{variant.name}: {error}") from error
        data = {key: result["data"][key] for key in ("name", "sha256")}
    head = {"model": study.model.name, "device": study.device.name, "data": data, "window": study.steps()}
    found = head | {"needed_effects": list(study.needed()), "rows": with_gains(rows)}
    if os.access(out, os.W_OK):  # a finished study may also be only read
        write_atomic(out / TABLE, to_json(found))
    return found


def check(study: Study) -> None:
    """Make sure, before anything is trained or written, that every variant can be trained and measured.

    Raises
    ------
    BadInput
        If one can't.
    """
    variants = study.variants()
    for variant in variants:
        experiment = study.experiment(variant)
        experiment.check_rigs()
        for name in dict.fromkeys(job.device for job in experiment.jobs()):
            refuse_unmeasurable(experiment.rig(name))
    for variant in (variants[0], variants[-1]):  # the device's recipe, and the ideal one
        study.experiment(variant).check()


def _programmable(device: Device, programming: Programming) -> bool:
    try:
        programmed(device, programming)
    except BadInput:
        return False
    return True


def with_gains(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with their accuracy above that of everything on with the same seed, as ``gain``."""
    full = {row["seed"]: row["test_accuracy"] for row in rows if row["kind"] == "all"}
    return [row | {"gain": row["test_accuracy"] - full[row["seed"]]} for row in rows]


def _row(study: Study, experiment: Experiment, variant: Variant, row: dict[str, Any], folder: Path) -> dict[str, Any]:
    first, last = _fidelities(study, experiment, Job("ep", row["device"], row["seed"]), folder, row["epochs"])
    kept = {key: row[key] for key in ("seed", "epochs", "test_accuracy", "seconds")}
    return {
        "variant": variant.name, "kind": variant.kind, "effect": variant.effect, **kept,
        "gradient_initial": first.gradient, "gradient_trained": last.gradient, "update_initial": first.update,
        "update_trained": last.update, "settled_initial": first.settled, "settled_trained": last.settled,
    }  # fmt: skip


def _fidelities(
    study: Study, experiment: Experiment, job: Job, folder: Path, epochs: int
) -> tuple[DeviceFidelity, DeviceFidelity]:
    """Measure one training's network at its random initial weights, and as its last checkpoint left it."""
    rig = experiment.rig(job.device, job.seed)
    stock = materials(rig.network, experiment.dataset(job.seed), rig.recipe.training, job.seed)
    saved = RunFolder(folder).load_checkpoint(job_name(*job))
    subject = Subject(rig, stock.train, stock.orders)
    start = mounted_for(rig, stock.weights)
    trained = mounted_for(rig, stock.weights, None if saved is None else saved[0])
    return measure(subject, start, 0, study.steps()), measure(subject, trained, epochs, study.steps())
