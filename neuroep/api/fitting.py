"""`fit_device`: from measured pulses to a device that trains."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from neuroep import checks
from neuroep.data.dataset import fingerprint
from neuroep.disk import write_atomic
from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.fitting.pulse_data import PulseData, Trace, check, check_unit, read_pulses
from neuroep.hardware.fitting.selection import MODELS, Fit, rank
from neuroep.report.fit_figure import fit_figure
from neuroep.report.shown import Shown
from neuroep.specs import DeviceSpec
from neuroep.specs.catalogue import load_device
from neuroep.specs.profile_text import profiles_of
from neuroep.specs.pulse_prices import Pulses, pulse_of
from neuroep.studies.python_words import in_python

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class FittedDevice(Shown):
    """A device fitted to measured pulses.

    Attributes
    ----------
    name : str
        What the device is called.
    fits : list of Fit
        The chosen step model first, then the others from the best on.
    left_out : dict of str to str
        Models that can't be fitted, and why.
    data : PulseData
        The measurement; ``data.reading`` says how a file was read.
    text : str
        The profile as a device file has it.
    device : DeviceSpec
        The same, for :func:`neuroep.train` and all else that takes a device.
    """

    name: str
    fits: list[Fit]
    left_out: Mapping[str, str]
    data: PulseData
    text: str
    device: DeviceSpec = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", _profile(self.text, self.name))

    def save(self, path: str | Path) -> Path:
        """Write the profile to a .toml file, in place of one that is there, and return its path.

        Raises
        ------
        BadInput
            If the name doesn't end in .toml, or the file can't be written.
        """
        place = checks.path(path, "path")
        if place.suffix != ".toml":
            raise BadInput(f"a profile called {place.name!r}", "path", "a name that ends in .toml")
        write_atomic(place, self.text)
        return place

    def headline(self) -> str:
        """Return the chosen model, how far it is off, and how the file was read."""
        best, read = self.fits[0], f"; read: {self.data.reading}" if self.data.reading else ""
        return f"{self.data.name}: {best.name} steps, RMSE {best.rmse:.2%} of the range{read}"

    def records(self) -> list[dict[str, Any]]:
        """Return a row a model, the chosen one first."""
        return [
            {"model": one.name, "rmse": one.rmse, "r_squared": one.r_squared, "aicc": one.aicc, "free": one.free,
             "g_min_siemens": one.g_min_siemens, "g_max_siemens": one.g_max_siemens, **one.parameters}
            for one in self.fits
        ]  # fmt: skip

    def _figure(self) -> Figure:
        return fit_figure(self.fits, self.data)


@in_python
def fit_device(
    pulses: str | Path | PulseData | tuple[ArrayLike, ArrayLike],
    name: str = "fitted",
    *,
    model: str | None = None,
    unit: str | None = None,
    columns: Mapping[str, str] | None = None,
    read_voltage: float | None = None,
    cycle: Sequence[int] = (),
    sheet: str | None = None,
    read: str | None = None,
    write: str | None = None,
) -> FittedDevice:
    """Fit step models to conductance against pulse number, and make the best one a device.

    Parameters
    ----------
    pulses : str, Path, PulseData or (directions, siemens)
        A table of pulses (docs/howto/own_device.md says what is read), or arrays of one device: +1 or −1 for each of K
        pulses, and K + 1 conductances in siemens, before the first pulse and after each, NaN where it wasn't read.
    name : str
        What the device is called.
    model : str, optional
        Keep this step model in place of the best: ``"linear"``, ``"soft-bounds"``, ...
    unit, columns, read_voltage, cycle, sheet
        How a file is to be read: see :func:`neuroep.hardware.fitting.pulse_data.read_pulses`.
    read, write : str, optional
        The pulses that read and write a cell, such as ``"0.2V,10ns"``: they price its reads and pulses.

    Returns
    -------
    FittedDevice
        Its `device` goes wherever a device does; `save` keeps it as a file.

    Raises
    ------
    BadInput
        If the table can't be read, or in two ways, or no model can be fitted.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.r_[np.ones(20), -np.ones(20)]  # one device up and down again, 1 to 5 µS in equal steps
    >>> fitted = neuroep.fit_device((steps, 1e-6 + 2e-7 * np.r_[0, np.cumsum(steps)]), "my-cell")
    >>> fitted.device.name, fitted.fits[0].name
    ('my-cell', 'constant')
    """
    wanted = None if model is None else checks.text(model, "model").removesuffix("-step")
    if wanted is not None and wanted not in MODELS:
        raise UnknownName("step model", wanted, MODELS, "model")
    how = {"unit": unit, "columns": columns, "read_voltage": read_voltage, "cycle": cycle, "sheet": sheet}
    prices = Pulses(
        *(None if text is None else pulse_of(text, key) for text, key in ((read, "read"), (write, "write")))
    )
    data = _measured(pulses, how)
    fits, left_out, texts = profiles_of(rank(data), data, "", prices)
    chosen = fits[0] if fits and wanted is None else next((one for one in fits if one.name == wanted), None)
    if chosen is None:
        reasons = left_out if wanted is None else {wanted: left_out.get(wanted, "it isn't among the fits")}
        raise BadInput("; ".join(f"{key} steps: {why}" for key, why in reasons.items()), data.name, ", ".join(texts))
    ordered = [chosen, *(one for one in fits if one is not chosen)]
    return FittedDevice(name, ordered, left_out, data, texts[chosen.name])


def _measured(pulses: Any, how: dict[str, Any]) -> PulseData:
    """Return the measurement; words on how to read a file go with a file alone."""
    if isinstance(pulses, str | Path):
        return read_pulses(checks.path(pulses, "pulses"), how.pop("unit"), **how)
    said = [key for key, value in how.items() if value is not None and value != ()]
    if said:
        raise BadInput("without effect on arrays", said[0], "left out, or a file of pulses")
    if isinstance(pulses, PulseData):
        return pulses.named()
    if not isinstance(pulses, tuple | list) or len(pulses) != 2:
        raise BadInput(f"a {type(pulses).__name__}", "pulses", "a path, or arrays (directions, siemens)")
    directions = checks.array(pulses[0], "pulses: directions", ("pulses",), np.float64)
    siemens = checks.array(pulses[1], "pulses: siemens", (len(directions) + 1,), np.float64, finite=False)
    if not np.isin(directions, (-1.0, 1.0)).all():
        raise BadInput("directions other than 1 and -1", "pulses: directions", "1 for a pulse up, -1 for one down")
    if (siemens < 0.0).any() or np.isinf(siemens).any():
        raise BadInput("no conductance", "pulses: siemens", "0 or more, and NaN where nothing was read")
    found = PulseData(
        (Trace("", "", directions.astype(np.int64), siemens),), "arrays", fingerprint((directions, siemens))
    )
    check(found, "pulses")
    check_unit(float(np.nanmax(siemens)), "pulses: siemens")
    return found


def _profile(text: str, name: str) -> DeviceSpec:
    if not checks.text(name, "name") or Path(name).name != name:
        raise BadInput(f"a device called {name!r}", "name", "a name, without folders")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / f"{name}.toml"
        place.write_text(text, encoding="utf-8")
        return load_device(place)
