"""Studies' results in Python: the dicts that commands print, which show themselves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neuroep.report.ablation_figure import ablation_figure
from neuroep.report.comparison import ENERGIES, FRONT
from neuroep.report.comparison_figure import comparison_figure, name_of
from neuroep.report.continual_figure import continual_figure
from neuroep.report.figures import energy_figure
from neuroep.report.life_figure import life_figure
from neuroep.report.shown import Shown, flat
from neuroep.report.summary import COLUMNS, SeedSpread, band, label, percent, si_band, summary_cells, summary_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Found(Shown, dict[str, Any]):
    """What a command prints as JSON, docs/json.md: a dict with ``rows``, that shows itself."""

    __repr__ = Shown.__repr__

    @abstractmethod
    def _figure(self) -> Figure | None: ...

    def records(self) -> list[dict[str, Any]]:
        """Return the rows, tables within them laid flat."""
        return [flat(row) for row in self["rows"]]

    def _seen(self) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if not isinstance(value, Mapping)} for row in self["rows"]]

    def _seeds(self) -> str:
        return f"{len({row['seed'] for row in self['rows']})} seed(s)"


class Run(Found):
    """Trainings of a model on devices, beside ideal EP and backprop."""

    def headline(self) -> str:
        """Return the accuracy of each method and device."""
        reached = [f"{label(row.method, row.device)} {percent(row.test_accuracy)}" for row in summary_rows(self)]
        return f"{self['model']} on {self['data']['name']}, {self._seeds()}: {', '.join(reached)}"

    def _figure(self) -> Figure | None:
        return energy_figure(self)

    def _seen(self) -> list[dict[str, Any]]:
        return [dict(zip(COLUMNS, cells, strict=True)) for cells in summary_cells(self)]


class Comparison(Found):
    """Finished runs beside each other."""

    def headline(self) -> str:
        """Return the runs, and what is on the front of accuracy against energy of inference."""
        front = [name_of(row) for row in self["rows"] if row["energy_inference_joules_standing"] == FRONT]
        said = f"on the front of inference: {', '.join(front)}" if front else "no energies"
        return f"{len(self['runs'])} run(s), {len(self['rows'])} rows; {said}"

    def _figure(self) -> Figure | None:
        return comparison_figure(self)

    def _seen(self) -> list[dict[str, Any]]:
        return [
            {name: row[name] for name in ("run", "method", "device")}
            | {"test accuracy": percent(SeedSpread(**row["test_accuracy"]))}
            | {f"energy/{what}": si_band(band(row[key]), "J") for key, what in ENERGIES.items()}
            | {"on the front of": ", ".join(what for key, what in ENERGIES.items() if row[f"{key}_standing"] == FRONT)}
            for row in self["rows"]
        ]


class Ablation(Found):
    """What each effect of a device costs."""

    def headline(self) -> str:
        """Return model, device and variants."""
        variants = dict.fromkeys(row["variant"] for row in self["rows"])
        return f"{self['model']} on {self['device']}, {self._seeds()}: {', '.join(variants)}"

    def _figure(self) -> Figure:
        return ablation_figure(self)


class Continual(Found):
    """Tasks learned one after another."""

    def headline(self) -> str:
        """Return model, device, tasks and method."""
        tasks = f"{len(self['rows'][0]['accuracy'])} {self['kind']} tasks by {self['method']}"
        return f"{self['model']} on {self['device']}, {tasks}, {self._seeds()}"

    def _figure(self) -> Figure:
        return continual_figure(self)


class Life(Found):
    """Chips from their programming to a year later."""

    def headline(self) -> str:
        """Return the accuracy at once and after fine-tuning, mean over chips."""
        rows = self["rows"]
        at_once, tuned = (sum(values) / len(rows) for values in zip(
            *((row["at_once"], row["fine_tuned"][-1]) for row in rows), strict=True))  # fmt: skip
        epochs = "an epoch" if self["epochs"] == 1 else f"{self['epochs']} epochs"
        reached = f"{at_once:.2%} at once, {tuned:.2%} after {epochs} of EP in situ"
        return f"{self['model']} on {self['device']}, {self._seeds()}: {reached}"

    def _figure(self) -> Figure:
        return life_figure(self)
