"""Write aihwkit_pulses.npz and aihwkit_read.npz: pulse curves and quantised reads of aihwkit 1.1.0.

Run it in an environment of its own, not in neuroep's:

    pip install "torch==2.10.0" numpy scipy scikit-learn requests protobuf tqdm
    pip install --no-deps "aihwkit==1.1.0"
    python tests/golden/make_aihwkit.py

Every spread and every noise is switched off: what is stored is what one device with the nominal parameters does.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

# by name, since the peer is no dependency of neuroep, not even of its tests
configs = import_module("aihwkit.simulator.configs")
presets = import_module("aihwkit.simulator.presets.devices")
periphery = import_module("aihwkit.simulator.presets.utils")
tiles = import_module("aihwkit.simulator.tiles")
enums = import_module("aihwkit.simulator.parameters.enums")

HERE = Path(__file__).parent
PEER = {"peer": np.asarray("aihwkit"), "version": np.asarray(version("aihwkit"))}
PLACES = (0.0, 0.3, 0.6, 1.0)  # where devices start, from the lower bound to the upper one
# device, pulses up and then down. After the presets, one device a model with everything asymmetric.
CASES: dict[str, tuple[Any, int]] = {
    "ecram": (presets.EcRamPresetDevice(), 900),
    "reram-es": (presets.ReRamESPresetDevice(), 900),
    "reram-sb": (presets.ReRamSBPresetDevice(), 900),
    "reram-array-om": (presets.ReRamArrayOMPresetDevice(), 60),
    "reram-array-hfo2": (presets.ReRamArrayHfO2PresetDevice(), 12),
    "constant": (configs.ConstantStepDevice(dw_min=0.02, up_down=-0.3, w_max=0.7, w_min=-0.5), 70),
    "linear": (
        configs.LinearStepDevice(dw_min=0.02, up_down=0.2, w_max=0.7, w_min=-0.5, gamma_up=0.3, gamma_down=0.8), 70,
    ),
    "soft-bounds": (configs.SoftBoundsDevice(dw_min=0.02, up_down=0.2, w_max=0.7, w_min=-0.5), 70),
    "reference": (
        configs.SoftBoundsReferenceDevice(
            dw_min=0.0949, up_down=-0.1, w_max=1.4839, w_min=-0.6192, subtract_symmetry_point=True,
        ), 60,
    ),
    "exp": (
        configs.ExpStepDevice(
            dw_min=0.02, up_down=-0.25, w_max=0.7, w_min=-0.5,
            A_up=0.4, A_down=0.2, gamma_up=2.0, gamma_down=3.0, a=0.5, b=0.1,
        ), 70,
    ),
    "pow": (configs.PowStepDevice(dw_min=0.02, up_down=0.1, w_max=0.7, w_min=-0.5, pow_gamma=1.7, pow_up_down=0.2), 70),
    "piecewise": (
        configs.PiecewiseStepDevice(
            dw_min=0.02, up_down=-0.1, w_max=0.7, w_min=-0.5,
            piecewise_up=[1.5, 1.0, 0.6, 0.2], piecewise_down=[0.1, 0.9, 1.1, 1.4],
        ), 70,
    ),
}  # fmt: skip


def silenced(device: Any) -> Any:
    """Return the device without spreads and noise."""
    for key in vars(device):
        if key.endswith("_dtod") or key in ("dw_min_std", "write_noise_std", "reference_std"):
            setattr(device, key, 0.0)
    return device


def curve(device: Any, pulses: int) -> np.ndarray:
    """Return the weights before and after each of `pulses` up and as many down, one column a start."""
    config = configs.SingleRPUConfig(device=silenced(device))
    config.update.desired_bl = 1
    config.update.update_management = config.update.update_bl_management = False
    tile = tiles.AnalogTile(1, len(PLACES), config)
    tile.set_learning_rate(100 * device.dw_min)  # one pulse an update, for certain; at dw_min itself steps are rescaled
    start = device.w_min + np.asarray(PLACES) * (device.w_max - device.w_min)
    tile.set_weights(torch.tensor(start[None, :], dtype=torch.float32))
    rows = [tile.get_weights()[0][0].numpy().copy()]
    for sign in [-1.0] * pulses + [1.0] * pulses:  # an update subtracts
        tile.update(torch.ones(1, len(PLACES)), torch.full((1, 1), sign))
        rows.append(tile.get_weights()[0][0].numpy().copy())
    return np.asarray(rows)


def read(out_bound: float, bounded: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return weights, inputs and outputs of a 7/9-bit read without noise."""
    device = silenced(configs.ConstantStepDevice(w_max=1.0, w_min=-1.0))
    config = configs.SingleRPUConfig(device=device)
    config.forward = periphery.PresetIOParameters(out_noise=0.0, out_bound=out_bound)
    if not bounded:
        config.forward.bound_management = enums.BoundManagementType.NONE
    weights = torch.tensor(rng.uniform(-0.9, 0.9, (12, 40)), dtype=torch.float32)
    inputs = torch.tensor(rng.normal(0.0, [[0.01], [0.3], [1.0], [30.0]], (4, 40)), dtype=torch.float32)
    tile = tiles.AnalogTile(12, 40, config)
    tile.set_weights(weights)
    return {"weights": weights.numpy(), "inputs": inputs.numpy(), "outputs": tile.forward(inputs).detach().numpy()}


def main() -> None:
    """Write the two files beside this script."""
    curves = {name: curve(device, pulses) for name, (device, pulses) in CASES.items()}
    np.savez_compressed(HERE / "aihwkit_pulses.npz", **PEER, **curves)
    rng = np.random.default_rng(20240301)
    reads = {"preset": read(20.0, True, rng), "clipped": read(2.0, False, rng)}
    flat = {f"{name}_{key}": value for name, case in reads.items() for key, value in case.items()}
    np.savez_compressed(HERE / "aihwkit_read.npz", **PEER, **flat)


if __name__ == "__main__":
    main()
