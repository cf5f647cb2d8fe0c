"""A chip and its life: weights are programmed onto it, it ages, and it is fine-tuned where it is.

>>> chip = Chip("rram-hfo2", network)  # doctest: +SKIP
>>> chip.program(weights, stream(0, "mount", "rram-hfo2"))  # doctest: +SKIP
>>> chip.age(3600.0)  # doctest: +SKIP
>>> chip.evaluate(samples)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines import create
from neuroep.engines.base import refuse_unsupported
from neuroep.errors import BadInput
from neuroep.hardware.device import Aging, Device, Mounted, effective_weights, programmed, refuse_unbounded
from neuroep.hardware.wear import Wear, wear
from neuroep.learning.methods.phases import plans
from neuroep.learning.trainer import Epoch, Progress, Samples, accuracy
from neuroep.ledger import Ledger
from neuroep.network import Network
from neuroep.recipe import Phases, Programming, Recipe
from neuroep.specs import DeviceSpec
from neuroep.specs.catalogue import load_device
from neuroep.studies.python_words import in_python
from neuroep.studies.rig import Rig, built
from neuroep.weights import Weights, fitting


class Chip:
    """One piece of hardware with one network.

    Several threads may hold it: its reads and trainings wait for each other, as they would for the one piece.

    Parameters
    ----------
    device : str, Path, DeviceSpec or Device
        What it is made of.
    network : Network
        What it computes.
    seed : int
        Of ageing, of the noise of reads, and of fine-tuning.
    engine : str
        Where it is simulated.
    programming : Programming, optional
        How it is to be fine-tuned: what that keeps beside the devices is made with the chip.

    Attributes
    ----------
    ledger : Ledger
        Events since the chip was made.
    seconds : float
        Its age since it was last programmed or fine-tuned.

    Examples
    --------
    >>> import numpy as np
    >>> network = neuroep.load_model("xor").network()
    >>> chip = neuroep.Chip("rram-hfo2", network)
    >>> chip.program(neuroep.train("xor", epochs=1).weights, np.random.default_rng(0))
    >>> chip.age(3600.0)
    >>> chip.seconds
    3600.0
    """

    def __init__(
        self,
        device: str | Path | DeviceSpec | Device,
        network: Network,
        seed: int = 0,
        engine: str = "auto",
        programming: Programming | None = None,
    ) -> None:
        if isinstance(device, str | Path):
            device = load_device(device)
        if isinstance(device, DeviceSpec) and device.build() is None:
            raise BadInput(f"{device.name!r} only has prices", "device", "a profile that says what hardware does")
        asked = None if programming is None else checks.instance(programming, Programming, "programming")
        self.device = built(device) if asked is None else programmed(built(device), asked)
        self.network = checks.instance(network, Network, "network")
        refuse_unbounded(network, self.device)
        self.seed, self.seconds = checks.seed(seed), 0.0
        self.ledger = Ledger.empty(network.sizes)
        self._engine = create(engine)
        self._mounted: Mounted | None = None
        self._now: Mounted | None = None
        self._course: tuple[Recipe, Progress] | None = None

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.network.sizes))
        held = "nothing programmed" if self._mounted is None else f"{self.seconds:g} s old"
        return f"<Chip {self.device.name}: {sizes}, {held}>"

    def program(self, weights: Weights, rng: np.random.Generator, verify: bool = False) -> None:
        """Program weights onto fresh devices; the chip is then 0 s old.

        Parameters
        ----------
        weights : Weights
            From EP, or from a torch twin; the largest of each coupling sets its full scale.
        rng : numpy.random.Generator
            Draws the devices and the errors of programming.
        verify : bool
            Write-verify, with the programming error of the device's retention model, instead of the device's own.

        Raises
        ------
        BadInput
            If the weights can't be used or aren't of the network's sizes, or a device without a retention model is
            to verify.
        """
        weights, rng = fitting(weights, self.network.sizes), checks.randomness(rng)
        verify = checks.flag(verify, "verify")
        if verify:
            self.check_verify()
        if verify and isinstance(self.device, Aging):
            self._set(self.device.written(self.network, weights, rng, self.seed))
        else:
            self._set(self.device.mount(self.network, weights, rng))
        self._course = None

    def check_verify(self) -> None:
        """Refuse devices whose error of write-verify isn't known.

        Raises
        ------
        BadInput
            If the device has no retention model.
        """
        if not (isinstance(self.device, Aging) and self.device.retention != "none"):
            raise BadInput(
                f"{self.device.name} has no published error of write-verify", "verify", "a device with `retention`"
            )

    def age(self, seconds: float) -> None:
        """Let the chip be so old: from its programming on, whatever ages were asked for before.

        Hardware without a retention model stays as it was programmed.

        Raises
        ------
        BadInput
            If nothing was programmed, or the age is negative or not finite.
        """
        seconds = checks.number(seconds, "seconds", 0.0, allowed="0 or more")
        mounted = self._programmed()
        if isinstance(self.device, Aging) and self.device.retention != "none":
            self._now = self.device.aged(self.network, mounted, seconds, self.seed)
        self.seconds = seconds

    @property
    def circuit(self) -> Circuit:
        """What reads see at the chip's age; BadInput if nothing was programmed."""
        self._programmed()
        assert self._now is not None
        return self._now.circuit

    @property
    def weights(self) -> Weights:
        """A copy of the weights as upward reads see them at the chip's age."""
        return effective_weights(self.circuit)

    @property
    def wear(self) -> Wear | None:
        """What training has done to its cells since it was programmed; None for cells that don't wear out."""
        return wear(self.device, self._programmed())

    @in_python
    def evaluate(self, samples: Samples, phases: Phases | None = None) -> float:
        """Return the share of samples that the free equilibrium, at the chip's age, names right.

        Parameters
        ----------
        samples : Samples
            Inputs and labels, (N, n_0) and (N,); targets may be None.
        phases : Phases, optional
            Says how the free phase settles.

        Raises
        ------
        BadInput
            If nothing was programmed, or the samples don't fit.
        """
        circuit = self.circuit
        settled = Phases() if phases is None else checks.instance(phases, Phases, "phases")
        plan = plans(settled, len(self.network.sizes) - 1).free
        refuse_unsupported(self._engine, circuit, plan)
        return accuracy(self._engine, circuit, samples, plan, self.seed, self.ledger)

    @in_python
    def fine_tune(
        self,
        samples: Samples,
        recipe: Recipe,
        epochs: int | None = None,
        validation: Samples | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> list[Epoch]:
        """Train the chip by EP in situ, from the state it is in; it is then 0 s old.

        A second call goes on where the first one stopped, as one call of as many epochs would: data order, noise and
        learning rates are those of the epochs that follow, and with the same recipe momentum is kept.

        Parameters
        ----------
        samples : Samples
            Training set.
        recipe : Recipe
            Phases, training and how updates are sent.
        epochs : int, optional
            How many more, in place of the recipe's.
        validation : Samples, optional
            Read after each epoch.
        on_epoch : callable, optional
            Called after each epoch.

        Returns
        -------
        list of Epoch
            One an epoch.

        Raises
        ------
        BadInput
            If nothing was programmed, or the samples don't fit.
        Diverged
            If settling or the weights leave the finite range.
        """
        self._programmed()
        checks.instance(recipe, Recipe, "recipe").refuse_idle()
        if on_epoch is not None and not callable(on_epoch):
            raise BadInput(checks.shown(on_epoch), "on_epoch", "a function of an Epoch")
        made_for: Programming = getattr(self.device, "programming", recipe.programming)
        if made_for != recipe.programming:
            raise BadInput(
                f"the recipe's method {recipe.programming.method.value!r}", "recipe.programming",
                f"{made_for.method.value!r}, for which the chip was made",
            )  # fmt: skip
        mounted = self._now
        assert mounted is not None
        progress = self._progress(recipe, mounted)
        past = len(progress.history)
        more = recipe.training.epochs if epochs is None else checks.count(epochs, "epochs")
        training = replace(recipe.training, epochs=past + more)

        rig = Rig(network=self.network, recipe=recipe, device=self.device, engine=self._engine, seed=self.seed)
        trainer = rig.trainer(mounted, samples, validation=validation, training=training)
        self._set(mounted)
        self._course = recipe, progress
        return trainer.run(progress, on_epoch).history[past:]

    def _progress(self, recipe: Recipe, mounted: Mounted) -> Progress:
        """What fine-tuning goes on from: the last call's, whose momentum another recipe has no use for."""
        fresh = Progress(Progress.fresh(effective_weights(mounted.circuit)).velocity, self.ledger)
        if self._course is None:
            return fresh
        before, progress = self._course
        return progress if recipe == before else replace(fresh, history=progress.history)

    def _set(self, mounted: Mounted) -> None:
        self._mounted = self._now = mounted
        self.seconds = 0.0

    def _programmed(self) -> Mounted:
        if self._mounted is None:
            raise BadInput("nothing is programmed on the chip", self.device.name, "program(weights, rng) first")
        return self._mounted
