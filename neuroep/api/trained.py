"""What `train` leaves: figures, weights, and a network that predicts as it stands on its device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroep.data.dataset import Scaling, inputs, refuse_masked
from neuroep.data.scaling import scaled_by
from neuroep.engines import Engine, create
from neuroep.errors import BadInput
from neuroep.hardware.device import Mounted
from neuroep.learning.methods.phases import plans
from neuroep.learning.trainer import free_outputs
from neuroep.ledger import Ledger
from neuroep.network import Network
from neuroep.physics.costs import predicted_labels
from neuroep.recipe import Phases
from neuroep.report.figures import learning_figure
from neuroep.report.shown import Shown
from neuroep.report.summary import method_name
from neuroep.studies.training import Outcome
from neuroep.weights import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class Trained(Shown, Outcome):
    """A finished training: what it came to, and the network as it stands on its device.

    Attributes
    ----------
    job, test_accuracy, history, ledger, weights, stuck, wear, inspection
        As :class:`neuroep.studies.training.Outcome` has them: which training, the share of the test set named right,
        every epoch, events, weights as reads see them, ``inspection.confusion``, ...
    network : Network
        What was trained.
    phases : Phases
        How it settles.
    engine : str or Engine
        Where, as it was asked for: by its name it is made anew, so that a training can be pickled.
    mounted : Mounted, optional
        The network on its device; None after backprop.
    scaling : Scaling, optional
        What the data's inputs were scaled by.
    """

    network: Network
    phases: Phases
    engine: str | Engine
    mounted: Mounted | None
    scaling: Scaling | None

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """Return the label of each sample.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            Inputs as the data set had them before it was scaled: uint8 is divided by 255, then the data's scale is
            applied.

        Returns
        -------
        ndarray of int64, shape (N,)
            Labels from 0, read from the trained hardware with its own noise; after backprop by the feedforward network.

        Raises
        ------
        BadInput
            If the inputs don't fit the network.
        """
        network, given = self.network, np.asarray(x)
        refuse_masked(x, "x")
        pixels = given.astype(np.float32) / np.float32(255) if given.dtype == np.uint8 else given
        flat = inputs(pixels, "x")
        if flat.shape[1] != network.columns:
            raise BadInput(f"{flat.shape[1]} inputs a sample", "x", f"{network.columns}, as the network")
        scaled = flat if self.scaling is None else scaled_by(self.scaling, flat)
        outputs = self._outputs(network.clamped(scaled).astype(self.weights.couplings.dtype, copy=False))
        return predicted_labels(int(network.cost), outputs)

    def _outputs(self, x: FloatArray) -> FloatArray:
        network = self.network
        if self.mounted is None:
            from neuroep.bridges.torch_backprop import outputs

            return outputs(network, self.weights, x, threads=1)
        engine = create(self.engine, phases=self.phases) if isinstance(self.engine, str) else self.engine
        with engine.session():
            plan, aside = plans(self.phases, network.depth).free, Ledger.empty(network.sizes)
            return free_outputs(engine, self.mounted.circuit, x, plan, self.job.seed, aside)

    def headline(self) -> str:
        """Return method, device, seed and the accuracy on the test set."""
        method, device, seed = self.job
        epochs = "an epoch" if len(self.history) == 1 else f"{len(self.history)} epochs"
        reached = f"{self.test_accuracy:.2%} of the test set right after {epochs}"
        return f"{method_name(method)} on {device}, seed {seed}: {reached}"

    def records(self) -> list[dict[str, Any]]:
        """Return a row an epoch."""
        return [epoch._asdict() for epoch in self.history]

    def _seen(self) -> list[dict[str, Any]]:
        return [row | {"epoch": row["epoch"] + 1} for row in self.records()]  # as in the figure below it

    def _figure(self) -> Figure | None:
        rows = [self.job._asdict() | row for row in self.records()]
        return learning_figure(rows, []) if rows else None
