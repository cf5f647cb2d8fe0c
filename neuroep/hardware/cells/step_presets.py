"""Published fits of the step models, by name: EcRam, ReRamES, ReRamSB, ReRamArrayOM and ReRamArrayHfO2 of aihwkit."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from neuroep.errors import UnknownName
from neuroep.hardware.cells.steps import ExpStep, LinearStep, SoftBounds, StepModel


class Preset(NamedTuple):
    """A published fit.

    Attributes
    ----------
    model : StepModel
        The nominal device; spread from device to device is not in it.
    source : str
        Where the numbers stand, and what they were fitted to.
    """

    model: StepModel
    source: str


_GONG = "Gong et al., Nature Communications 9, 2018, s41467-018-04485-1"
_ARRAY = "Gong and Rasch et al., IEDM 2022"
_HFO2_STEP, _OM_STEP = 0.4622, 0.0949

PRESETS = MappingProxyType(
    {
        "ecram": Preset(
            LinearStep(
                dw_min=0.002, w_min=-0.8276, w_max=1.1724, gamma_up=0.1153, gamma_down=0.5085, cycle_noise=0.3
            ),
            "aihwkit 1.1.0 EcRamPresetDevice, fitted to Tang et al., IEDM 2018",
        ),
        "rram-es": Preset(
            ExpStep(
                dw_min=0.00135, w_min=-1.0, w_max=1.0, up_down=0.259359, cycle_noise=5.0, write_noise=75 * 0.00135,
                a_up=-1.18445, a_down=-0.081404, gamma_up=5.0, gamma_down=5.0, slope=-0.5, offset=-0.5,
            ),
            f"aihwkit 1.1.0 ReRamESPresetDevice, fitted to {_GONG}",
        ),
        "rram-sb": Preset(
            SoftBounds(
                dw_min=0.002, w_min=-0.75, w_max=1.25, cycle_noise=3.75, additive=True, write_noise=56 * 0.002
            ),
            f"aihwkit 1.1.0 ReRamSBPresetDevice, fitted loosely to {_GONG}",
        ),
        "rram-om": Preset(
            SoftBounds(
                dw_min=_OM_STEP, w_min=-1.0, w_max=1.0, cycle_noise=0.4158, additive=True,
                write_noise=1.4113 * _OM_STEP,
            ),
            f"aihwkit 1.1.0 ReRamArrayOMPresetDevice, range scaled to ±1, fitted to {_ARRAY}",
        ),
        "rram-hfo2": Preset(
            SoftBounds(
                dw_min=_HFO2_STEP, w_min=-1.0, w_max=1.0, cycle_noise=0.2174, additive=True,
                write_noise=0.5841 * _HFO2_STEP,
            ),
            f"aihwkit 1.1.0 ReRamArrayHfO2PresetDevice, range scaled to ±1, fitted to {_ARRAY}",
        ),
    }
)  # fmt: skip


def preset(name: str) -> Preset:
    """Return a published fit.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if name not in PRESETS:
        raise UnknownName("step model", name, PRESETS)
    return PRESETS[name]
