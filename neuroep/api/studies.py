"""Studies of several trainings, which return what the commands print: `run`, `ablate`, `continual`, `life`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neuroep import checks
from neuroep.api.found import Ablation, Continual, Life, Run
from neuroep.api.given import Data, Hardware, Model, data_for, model_of, profile_of
from neuroep.errors import BadInput
from neuroep.learning.keepers import Keeping
from neuroep.recipe import WINDOW, Recipe
from neuroep.report.ablation_figure import write_ablation_figure
from neuroep.report.continual_figure import write_continual
from neuroep.report.life_figure import write_life
from neuroep.report.ownership import default_out
from neuroep.studies.ablation import FIGURE, Study
from neuroep.studies.ablation import ablate as _ablate
from neuroep.studies.continual import Question
from neuroep.studies.continual import continual as _continual
from neuroep.studies.experiment import Experiment
from neuroep.studies.following import following
from neuroep.studies.life import lives
from neuroep.studies.python_words import in_python
from neuroep.studies.run import run as _run


@in_python
def run(
    model: Model,
    devices: Hardware | Sequence[Hardware] = (),
    data: Data = None,
    seeds: Sequence[int] = (0,),
    epochs: int | None = None,
    backprop: bool = True,
    engine: str = "auto",
    threads: int = 1,
    *,
    recipe: Recipe | None = None,
    without: Sequence[str] = (),
    out: str | Path | None = None,
    fresh: bool = False,
    progress: bool | None = None,
) -> Run:
    """Train a model on devices, beside ideal EP and backprop, and keep everything in a folder.

    Parameters
    ----------
    model : str, Path, spec, Network or torch module
        As for :func:`train`; weights are drawn with the seeds.
    devices : str, Path or spec, or a sequence of them
        Profiles besides the ideal device.
    data : str, Path, Dataset, arrays, frame or loaders, optional
        As for :func:`train`, in place of the model's own.
    seeds : sequence of int
        Of the trainings of each method and device.
    epochs : int, optional
        In place of the recipes' own.
    backprop : bool
        Whether to train the twin.
    engine, threads
        As for :func:`train`.
    recipe : Recipe, optional
        In place of the model's own on every device; settings of programming hold on hardware.
    without : sequence of str
        Effects that the hardware devices are freed of.
    out : str or Path, optional
        Folder of report.html, result.json, history.csv and weights.safetensors; ``runs/MODEL`` if left out. A stopped
        run goes on from it, a finished one is read.
    fresh : bool
        Start anew instead of going on.
    progress : bool, optional
        Whether to show how trainings go on; in notebooks alone if left out.

    Returns
    -------
    Run
        The dict that result.json holds (docs/json.md describes it), which shows itself in notebooks.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit, or the folder holds another run.
    Diverged
        If a training leaves the finite range.

    Examples
    --------
    >>> found = neuroep.run("digits-mlp", "ecram", epochs=1, out="runs/example")
    >>> [(row["method"], row["device"]) for row in found["rows"]]
    [('ep', 'ideal'), ('backprop', 'ideal'), ('ep', 'ecram')]
    """
    spec = model_of(model, recipe)
    named = [devices] if isinstance(devices, str) or not isinstance(devices, Sequence) else list(devices)
    experiment = Experiment(
        model=spec, devices=tuple(profile_of(device, "prices") for device in named), data=data_for(spec, data),
        seeds=_seeds(seeds), epochs=epochs, backprop=backprop, engine=engine, threads=threads,
        without=tuple(checks.several(without, "without")),
    )  # fmt: skip
    folder = default_out("runs", spec.name) if out is None else checks.path(out, "out")
    with following(progress) as about:
        return Run(_run(experiment, folder, checks.flag(fresh, "fresh"), about("")))


@in_python
def life(
    model: Model,
    device: Hardware,
    seeds: Sequence[int] = (0,),
    epochs: int = 5,
    source: str | Path = "backprop",
    verify: bool = False,
    *,
    recipe: Recipe | None = None,
    data: Data = None,
    out: str | Path | None = None,
    progress: bool | None = None,
) -> Life:
    """Program chips with weights from software, let them age, and fine-tune them by EP where they are.

    Parameters
    ----------
    model : str, Path, spec, Network or torch module
        As for :func:`train`.
    device : str, Path or spec
        A profile of hardware.
    seeds : sequence of int
        One chip each.
    epochs : int
        Of fine-tuning.
    source : str or Path
        Where weights come from: ``"backprop"``, ``"ep"`` on ideal weights, or a safetensors file.
    verify : bool
        Whether to program closed loop, with the error of the profile's retention model.
    recipe : Recipe, optional
        In place of the model's own.
    data : str, Path, Dataset, arrays, frame or loaders, optional
        As for :func:`train`, in place of the model's own.
    out : str or Path, optional
        Folder for life.json and life.png, which take the place of what is there.
    progress : bool, optional
        As for :func:`run`.

    Returns
    -------
    Life
        The dict that ``neuroep life --json`` prints (docs/json.md describes it), which shows itself in notebooks.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If a training leaves the finite range.

    Examples
    --------
    >>> found = neuroep.life("xor", "rram-hfo2", epochs=1)
    >>> sorted(found["rows"][0])[:3]
    ['aged', 'at_once', 'clip']
    """
    spec, profile = model_of(model, recipe), profile_of(device, "kind of hardware")
    learned = data_for(spec, data)
    folder = None if out is None else checks.path(out, "out")
    asked = spec, profile, _seeds(seeds), checks.count(epochs, "epochs"), str(source), checks.flag(verify, "verify")
    with following(progress) as about:
        found = lives(*asked, learned, about)
    if folder is not None:
        write_life(found, folder)
    return Life(found)


def _seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    found = tuple(checks.seed(seed, "seeds") for seed in checks.several(seeds, "seeds"))
    if not found:
        raise BadInput("no seeds", "seeds", "one or more whole numbers from 0")
    return found


@in_python
def ablate(
    model: Model,
    device: Hardware,
    out: str | Path,
    data: Data = None,
    seeds: tuple[int, ...] = (0,),
    epochs: int | None = None,
    effects: tuple[str, ...] = (),
    alone: bool = False,
    window: int = WINDOW,
    engine: str = "auto",
    threads: int = 1,
    fresh: bool = False,
    *,
    recipe: Recipe | None = None,
    progress: bool | None = None,
) -> Ablation:
    """Return what each effect of a device costs, in accuracy and in the fidelity of gradients and updates.

    Parameters
    ----------
    model, device, data, epochs, engine, threads, recipe, progress
        As for :func:`run`, of one device.
    out : str or Path
        Folder of the study; a stopped one goes on from it.
    seeds : tuple of int
        Of the trainings of each variant.
    effects : tuple of str
        Effects to switch off one at a time; all that the device has if empty.
    alone : bool
        Whether to train with each effect alone, too.
    window : int
        Minibatches over which an update is followed where the recipe saves requests up.
    fresh : bool
        Start anew instead of going on.

    Returns
    -------
    Ablation
        A dict: one row per variant and seed, as ``neuroep ablate --json`` prints them; docs/json.md describes the keys.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If a training leaves the finite range.

    Examples
    --------
    >>> found = neuroep.ablate("xor", "rram-sb", out="ablation", effects=("write-noise",), epochs=1)
    >>> [row["variant"] for row in found["rows"]]
    ['everything on', 'without write-noise', 'ideal']
    """
    spec = model_of(model, recipe)
    profile = profile_of(device, "effects by name")
    study = Study(
        model=spec, device=profile, data=data_for(spec, data), seeds=seeds, epochs=epochs, effects=effects,
        alone=alone, window=window, engine=engine, threads=threads,
    )  # fmt: skip
    folder = checks.path(out, "out")
    with following(progress) as about:
        found = _ablate(study, folder, checks.flag(fresh, "fresh"), about)
    write_ablation_figure(found, folder / FIGURE)
    return Ablation(found)


@in_python
def continual(
    model: Model,
    tasks: int = 5,
    method: str = "online-ewc",
    gradient: str = "ep",
    kind: str = "permuted",
    device: Hardware = "ideal",
    data: Data = None,
    seeds: tuple[int, ...] = (0,),
    epochs: int | None = None,
    strength: float | None = None,
    decay: float | None = None,
    damping: float | None = None,
    validation: float = 0.0,
    engine: str = "auto",
    threads: int = 1,
    out: str | Path | None = None,
    *,
    recipe: Recipe | None = None,
    progress: bool | None = None,
) -> Continual:
    """Learn tasks one after another, and tell what is kept of the earlier ones.

    Parameters
    ----------
    model, device, data, engine, threads, recipe, progress
        As for :func:`run`, of one device.
    tasks, kind : int, str
        How many: ``"permuted"`` inputs, or the classes ``"split"``.
    method : str
        ``"ewc"``, ``"online-ewc"``, ``"si"`` or ``"none"`` (:mod:`neuroep.learning.consolidation`).
    gradient : str
        ``"ep"``, or ``"backprop"`` on ideal weights.
    seeds : tuple of int
        One network each.
    epochs : int, optional
        Of each task, in place of the recipe's own.
    strength, decay, damping : float, optional
        λ of EWC or c of SI; γ of online EWC; ξ of SI. The method's own if left out.
    validation : float
        Share of the training set kept aside and read in place of the test set, to choose settings.
    out : str or Path, optional
        Folder for continual.json and continual.png, which take the place of what is there.

    Returns
    -------
    Continual
        A dict: one row a seed, as ``neuroep continual --json`` prints them; docs/json.md describes the keys.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If a training leaves the finite range.

    Examples
    --------
    >>> found = neuroep.continual("digits-mlp", tasks=2, method="none", epochs=1)
    >>> len(found["rows"][0]["accuracy"])
    2
    """
    spec, keeping = model_of(model, recipe), Keeping(method, strength, decay, damping)
    profile = profile_of(device, "recipe of its own")
    question = Question(
        model=spec, device=profile, keeping=keeping, data=data_for(spec, data), gradient=gradient, kind=kind,
        tasks=tasks, epochs=epochs, seeds=seeds, validation=validation, engine=engine, threads=threads,
    )  # fmt: skip
    folder = None if out is None else checks.path(out, "out")
    with following(progress) as about:
        found = _continual(question, about)
    if folder is not None:
        write_continual(found, folder)
    return Continual(found)
