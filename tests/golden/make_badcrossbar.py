"""Write badcrossbar_currents.npz: output currents of crossbars with wire resistance, from badcrossbar 1.1.0.

Run it in an environment of its own, not in neuroep's:

    pip install numpy scipy pathvalidate sigfig
    pip install --no-deps "badcrossbar==1.1.0"
    python tests/golden/make_badcrossbar.py

The peer drives word lines at their left and grounds bit lines at their bottom. The other reads are made with it by
turning the array: conductances transposed for columns driven at the top and rows sensed at the right, transposed and
reversed along both axes for columns driven at the bottom and rows sensed at the left.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np

peer = import_module("badcrossbar")  # by name, since the peer is no dependency of neuroep, not even of its tests

# rows, columns, ohm per cell of word and bit lines
CASES = ((8, 8, 2.0, 2.0), (16, 16, 2.0, 2.0), (64, 64, 2.0, 2.0), (128, 128, 2.0, 2.0), (24, 40, 0.35, 10.1))
READS = 2


def currents(conductances: np.ndarray, voltages: np.ndarray, word: float, bit: float) -> np.ndarray:
    """Return the currents out of the columns in ampere, one row a read, for row voltages (rows, reads)."""
    solved = peer.compute(
        voltages, 1.0 / conductances, r_i_word_line=word, r_i_bit_line=bit, node_voltages=False, all_currents=False
    )
    return np.asarray(solved.currents.output)


def case(rows: int, columns: int, word: float, bit: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return one array and its reads."""
    stored = rng.uniform(1e-6, 25e-6, (rows, columns)).astype(np.float32)  # exact numbers at half the size
    g = stored.astype(np.float64)
    # of one sign, so that no current is a small difference of large ones and every one can be compared relatively
    up, down = rng.uniform(0.0, 0.5, (rows, READS)), rng.uniform(0.0, 0.5, (columns, READS))
    return {
        "conductances": stored,
        "ohms": np.asarray([word, bit]),
        "up_volts": up,
        "down_volts": down,
        "up": currents(g, up, word, bit),
        "down_opposite": currents(g.T, down, bit, word),
        "down_same": currents(g[::-1, ::-1].T, down[::-1], bit, word)[:, ::-1],
    }


def main() -> None:
    """Write the file beside this script."""
    rng = np.random.default_rng(20240302)
    arrays = {"peer": np.asarray("badcrossbar"), "version": np.asarray(version("badcrossbar"))}
    for rows, columns, word, bit in CASES:
        made = case(rows, columns, word, bit, rng)
        arrays |= {f"{rows}x{columns}_{key}": value for key, value in made.items()}
    np.savez_compressed(Path(__file__).with_name("badcrossbar_currents.npz"), **arrays)


if __name__ == "__main__":
    main()
