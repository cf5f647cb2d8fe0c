"""A made-up result of the documented shape, with numbers that no code computed."""

from __future__ import annotations

from typing import Any

PRICES = {"ideal": None, "loihi1": 2.4e-7, "rram-taox": 3.1e-9, "ecram": 8.0e-10, "gpu-h100": 6.5e-6}
ACCURACY = {"ideal": 0.972, "loihi1": 0.951, "rram-taox": 0.913, "ecram": 0.964, "gpu-h100": 0.969}


def estimate(value: float | None, low: float = 0.5, high: float = 2.0) -> dict[str, float] | None:
    """An energy or time with its range."""
    return None if value is None else {"value": value, "low": low * value, "high": high * value}


def row(method: str, device: str, seed: int) -> dict[str, Any]:
    """One training of the result."""
    price = PRICES[device]
    return {
        "method": method,
        "device": device,
        "seed": seed,
        "epochs": 20,
        "test_accuracy": ACCURACY[device] + 0.003 * (seed - 1),
        "seconds": 3.25 + seed,
        "energy_inference_joules": estimate(price),
        "energy_training_step_joules": estimate(None if price is None else 3 * price),
        "latency_inference_seconds": estimate(None if price is None else 4e-5),
        "weighted_ard": 711003.0 if method == "ep" else None,
        "weight_writes": 123456 + seed,
    }


def split(total: float) -> dict[str, Any]:
    """A device's costs by phase and event."""
    shares = {"free": 0.5, "nudged": 0.4, "update": 0.1, "inference": 0.5}
    return {
        phase: {
            "array_read": estimate(0.6 * share * total),
            "adc": estimate(0.3 * share * total),
            "weight_write" if phase == "update" else "neuron_update": estimate(0.1 * share * total),
            "pulse": estimate(0.0),
        }
        for phase, share in shares.items()
    }


def result() -> dict[str, Any]:
    """Four devices and backprop, three seeds each."""
    pairs = [("ep", "ideal"), ("ep", "loihi1"), ("ep", "rram-taox"), ("ep", "ecram"), ("backprop", "gpu-h100")]
    priced = [device for _, device in pairs if device != "ideal"]
    return {
        "model": "digits-mlp",
        "data": {"name": "digits", "sha256": "ab" * 32, "source": "shipped", "train": 1437, "test": 360},
        "versions": {"neuroep": "0.1.0", "python": "3.11.2", "numpy": "2.3.5"},
        "spec": {"model": "digits-mlp", "training": {"epochs": 20, "note": "<&>"}},
        "rows": [row(method, device, seed) for method, device in pairs for seed in (0, 1, 2)],
        "costs": {device: split(3 * (PRICES[device] or 0.0)) for device in priced},
        "seconds": {device: split(1e-4) for device in priced},
        "caveats": {"loihi1": ["host <CPU> not counted", "on-chip learning approximated"], "ideal": []},
    }


def history() -> list[dict[str, Any]]:
    """Learning curves that saturate, seeds a little apart."""
    return [
        {
            "method": one["method"],
            "device": one["device"],
            "seed": one["seed"],
            "epoch": epoch,
            "train_accuracy": one["test_accuracy"] * (1 - 0.6 * 0.7 ** (epoch + 1)),
            "train_cost": 0.5 * 0.8 ** (epoch + 1) + 0.01 * one["seed"],
            "validation_accuracy": None,
            "seconds": 0.1 * epoch,
        }
        for one in result()["rows"]
        for epoch in range(20)
    ]
