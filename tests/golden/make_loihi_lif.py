"""Write loihi_lif.npz: 400 steps of networks of brian2-loihi 0.5.2, and its effective weights.

Run it in an environment of its own, not in neuroep's:

    pip install "brian2-loihi==0.5.2" "numpy<2.4"
    python tests/golden/make_loihi_lif.py
"""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import prefs

peer = import_module("brian2_loihi")  # by name: no dependency of neuroep's, nor of its tests

STEPS = 400
# decay_u, decay_v, threshold mantissa, refractory steps, weight exponent, weight bits, probability of an input spike
CASES = (
    (1024, 100, 900, 1, 0, 8, 0.10),
    (4096, 0, 3000, 3, 2, 8, 0.05),
    (37, 4096, 700, 2, -3, 6, 0.20),
    (512, 2048, 400, 64, 1, 4, 0.15),
    (64, 333, 500, 5, -4, 8, 0.05),
)
SENDERS, NEURONS = 12, 8


def network(case: tuple[Any, ...], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return inputs, mantissas and the trace of one recurrent network."""
    decay_u, decay_v, threshold, refractory, exponent, bits, chance = case
    inputs = rng.random((STEPS, SENDERS)) < chance
    mantissas = 2 * rng.integers(-90, 128, (SENDERS, NEURONS))
    loop = 2 * rng.integers(-100, 80, (NEURONS, NEURONS))
    times, senders = np.nonzero(inputs)
    source = peer.LoihiSpikeGeneratorGroup(SENDERS, senders, times)
    group = peer.LoihiNeuronGroup(
        NEURONS, refractory=refractory, threshold_v_mant=threshold, decay_v=decay_v, decay_I=decay_u
    )
    parts = [source, group]
    for origin, values in ((source, mantissas), (group, loop)):
        synapses = peer.LoihiSynapses(origin, group, w_exp=exponent, sign_mode=1, num_weight_bits=bits)
        synapses.connect()
        synapses.w = values[np.asarray(synapses.i), np.asarray(synapses.j)]
        parts.append(synapses)
    current, voltage = peer.LoihiStateMonitor(group, "I"), peer.LoihiStateMonitor(group, "v")
    fired = peer.LoihiSpikeMonitor(group)
    peer.LoihiNetwork(*parts, current, voltage, fired).run(STEPS)
    spikes = np.zeros((STEPS, NEURONS), dtype=bool)
    # from the unrounded seconds: the peer's own `t` cuts 1000 t off, and loses a step now and then
    spikes[np.rint(1000 * np.asarray(fired.t_)).astype(int), np.asarray(fired.i)] = True
    u, v = np.asarray(current.I).T, np.asarray(voltage.v).T
    # the peer neither wraps nor saturates: beyond 24 bits its numbers would say nothing
    if max(np.abs(u).max(), np.abs(v).max()) >= 2**23 or not (u == np.rint(u)).all() or not spikes.any():
        raise SystemExit(f"case {case} leaves the range, or never fires")
    return {
        "inputs": inputs, "mantissas": mantissas.astype(np.int16), "recurrent": loop.astype(np.int16),
        "u": u.astype(np.int32), "v": v.astype(np.int32), "spikes": spikes,
    }  # fmt: skip


def weights(mode: int, low: int, high: int, bits: int) -> np.ndarray:
    """Return effective weights of all mantissas (columns) for exponents −8..7 (rows)."""
    source = peer.LoihiSpikeGeneratorGroup(1, [0], np.asarray([0]))
    target = peer.LoihiNeuronGroup(1)
    rows = []
    for exponent in range(-8, 8):
        synapses = peer.LoihiSynapses(source, target, w_exp=exponent, sign_mode=mode, num_weight_bits=bits)
        rows.append(synapses.calcActualWeights(np.arange(low, high + 1)))
    return np.asarray(rows, dtype=np.int32)


def main() -> None:
    """Write the file beside this script."""
    prefs.codegen.target = "numpy"
    logging.getLogger("brian2").setLevel(logging.ERROR)  # synapses made for their weights alone never run
    rng = np.random.default_rng(20240229)
    arrays: dict[str, np.ndarray] = {
        "peer": np.asarray("brian2-loihi"), "version": np.asarray(version("brian2-loihi")),
        "cases": np.asarray([case[:6] for case in CASES]),
    }  # fmt: skip
    for number, case in enumerate(CASES):
        arrays |= {f"{key}_{number}": value for key, value in network(case, rng).items()}
    modes = (("mixed", 1, -256, 254), ("excitatory", 2, 0, 255), ("inhibitory", 3, -256, 0))
    for name, mode, low, high in modes:
        arrays |= {f"weights_{name}_{bits}": weights(mode, low, high, bits) for bits in (1, 3, 6, 8)}
    np.savez_compressed(Path(__file__).with_name("loihi_lif.npz"), **arrays)


if __name__ == "__main__":
    main()
