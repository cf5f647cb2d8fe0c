"""Columns of a pulse file without a meaning, and whether they can be left alone.

A column without a meaning is left alone unless leaving it alone could change what the file means: it must not tell
reads apart that would be taken for one device's, one cycle's, or one direction's. That is assumed of a column whose
name resembles a known one or is a usual word for it, of one that holds directions, and of one that is the same all
through each count of pulses but not in all of them; always only where device, cycle and direction don't already say as
much. A column that is another in every row (a time, an index) tells no group of reads apart.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from neuroep.errors import BadInput
from neuroep.hardware.fitting.pulse_columns import Columns
from neuroep.hardware.fitting.pulse_words import way_of
from neuroep.tabular.sheet import Row

WORDS = {
    "device": "dev chip die cell sample wafer memristor synapse",
    "cycle": "run loop sweep round repetition epoch trial iteration",
    "direction": "dir polarity sign type phase operation op mode",
}
"""Usual words for columns, too vague to be taken for them."""
LIKE = 0.75


def refuse_telling(columns: Columns, rows: Sequence[Row], counts: Sequence[int], path: object) -> None:
    """Refuse a column that would be left alone but tells reads apart.

    Parameters
    ----------
    columns : Columns
    rows : sequence of Row
    counts : sequence of int
        Of each row the count of pulses that it belongs to: another one wherever the numbers begin anew.

    Raises
    ------
    BadInput
        With the column's name and what it could be called.
    """
    telling = [columns.places[name] for name in (*WORDS, "voltage") if name in columns.places]
    keys = [tuple(row.cells[place] for place in telling) for row in rows]
    for place in columns.others:
        cells, name = [row.cells[place] for row in rows], columns.names[place]
        if len(set(cells)) == len(cells) or not _splits(keys, cells):
            continue
        likely = _likely(name) or ("direction" if {way_of(cell) for cell in set(cells)} == {1, -1} else "")
        if likely or not _splits(counts, cells):
            allowed = f"the name {likely!r}" if likely else "the name 'device' or 'cycle'"
            what = f"the column {name!r} tells reads apart"
            option = f"--columns {likely or 'device'}={name if name.isalnum() else repr(name)}"
            raise BadInput(what, f"{path}: header", f"{allowed}, {option}, or a file without it")


def _splits(keys: Iterable[object], cells: Iterable[str]) -> bool:
    """Whether cells differ where keys are the same."""
    first: dict[object, str] = {}
    return any(first.setdefault(key, cell) != cell for key, cell in zip(keys, cells, strict=True))


def _likely(name: str) -> str:
    """Return the column that a name probably means, or nothing."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    for column, usual in WORDS.items():
        if not {column, f"{column}s", *usual.split()}.isdisjoint(words):
            return column
    near = difflib.get_close_matches("".join(words), WORDS, n=1, cutoff=LIKE)
    return near[0] if near else ""
