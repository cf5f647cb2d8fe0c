"""`estimate_cost` and `check`: what can be told of a model on a device without training it to the end."""

from __future__ import annotations

from collections.abc import Sequence

from neuroep import checks
from neuroep.api.given import Data, Hardware, Model, dataset_for, device_of, model_of, profile_of
from neuroep.hardware.device import refuse_unbounded
from neuroep.recipe import Reads, Recipe
from neuroep.specs import DeviceSpec
from neuroep.studies.estimate import WARM, Estimate, sample_batch
from neuroep.studies.estimate import estimate_cost as _estimate
from neuroep.studies.experiment import refuse_freeing_nothing
from neuroep.studies.fidelity import Fidelity
from neuroep.studies.fidelity import check as _check
from neuroep.studies.python_words import in_python
from neuroep.studies.rig import built


@in_python
def estimate_cost(
    model: Model,
    device: Hardware,
    seed: int = 0,
    engine: str = "auto",
    *,
    data: Data = None,
    recipe: Recipe | None = None,
    without: Sequence[str] = (),
    warm: int = WARM,
) -> Estimate:
    """Return energy, time and memory traffic of a model on a device, without training.

    Parameters
    ----------
    model : str, Path, spec, Network or torch module
        As for :func:`train`.
    device : str, Path or spec
        A profile: a device model has no prices.
    seed : int
        Of initial weights and the samples settled.
    engine : str
        Where to settle.
    data : str, Path, Dataset, arrays, frame or loaders, optional
        What is settled, as for :func:`train`; the model's own if left out, or uniform random inputs if there are none.
    recipe : Recipe, optional
        How it would be trained, in place of the model's own.
    without : sequence of str
        Effects that the hardware is freed of.
    warm : int
        Minibatches to train on before counting; 0 counts at the weights as drawn.

    Returns
    -------
    Estimate
        Joules and seconds a sample by phase and event, event counts, memory traffic.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.

    Examples
    --------
    >>> neuroep.estimate_cost("digits-mlp", "ecram", warm=0)  # doctest: +ELLIPSIS
    <Estimate: digits-mlp on ecram, a sample: ...J an inference, ...J a training step>
    """
    seed = checks.seed(seed)
    spec, profile, off = model_of(model, recipe), profile_of(device, "prices"), _effects(without)
    refuse_freeing_nothing(off, [profile])
    return _estimate(spec, profile, seed, engine, off, warm, dataset=dataset_for(spec, data, seed))


@in_python
def check(
    model: Model,
    device: Hardware = "ideal",
    *,
    data: Data = None,
    recipe: Recipe | None = None,
    feedback: float | None = None,
    beta: float | None = None,
    precision: str = "float64",
    samples: int = 64,
    seed: int = 0,
    engine: str = "auto",
    without: Sequence[str] = (),
    reads: str | Reads | None = None,
) -> Fidelity:
    """Compare EP's gradient with backprop's and with finite differences, and diagnose the recipe.

    Parameters
    ----------
    model : str, Path, spec, Network or torch module
        As for :func:`train`; weights are drawn with the seed.
    device : str, Path, spec or device model
        What the weights are mounted on first.
    data : str, Path, Dataset, arrays, frame or loaders, optional
        As for :func:`estimate_cost`.
    recipe : Recipe, optional
        In place of the model's own for the device.
    feedback, beta : float, optional
        γ and β in place of the model's.
    precision : str
        ``"float64"`` or ``"float32"``.
    samples : int
        Of the batch.
    seed : int
        Of weights, spread, samples and directions.
    engine : str
        Where to settle.
    without : sequence of str
        Effects that the hardware is freed of.
    reads : str, optional
        ``"states"``, ``"changes"`` or ``"adjoint"``, in place of the recipe's.

    Returns
    -------
    Fidelity
        Cosine and relative error of each coupling, and what may keep the network from learning.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.

    Examples
    --------
    >>> found = neuroep.check("xor", beta=1e-3)
    >>> min(row.cosine for row in found.rows if row.against == "finite-differences") > 0.99
    True
    """
    seed, samples = checks.seed(seed), checks.count(samples, "samples", noun="samples")
    spec, given, off = model_of(model, recipe), device_of(device), _effects(without)
    asked = None if reads is None else checks.choice(reads, Reads, "reads")
    network = spec.network()
    refuse_unbounded(network, built(given))
    _, batch = sample_batch(spec, network, samples, seed, dataset_for(spec, data, seed))
    own = None if isinstance(given, DeviceSpec) or recipe is None else recipe
    return _check(spec, batch, given, feedback, beta, precision, engine, seed, off, asked, own)


def _effects(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(checks.text(name, "without") for name in checks.several(names, "without"))
