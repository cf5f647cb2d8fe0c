"""Spreadsheets, read by openpyxl (the extra `spreadsheets`)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from neuroep.errors import BadInput, NotAvailable, UnknownName
from neuroep.tabular.sheet import Row, Sheet, table_of

SUFFIXES = (".xlsx", ".xlsm")
MOST_UNPACKED = 1_000_000_000
"""Bytes of a spreadsheet's files, unpacked."""


def read_spreadsheet(
    content: bytes, title: str | None, is_unit: Callable[[str], bool], where: object, needed: str, option: str = ""
) -> Sheet:
    """Return the table in a spreadsheet.

    Parameters
    ----------
    content : bytes
        Of the file.
    title : str, optional
        The sheet's; without it, the only sheet that holds something.
    is_unit : callable
        Whether a cell is a unit alone.
    where, needed : object, str
        The file, and what it should have been.
    option : str
        What names a sheet, where there is something that does.

    Raises
    ------
    NotAvailable
        Without openpyxl.
    BadInput
        If it isn't a spreadsheet, is empty, or has several sheets and none is named.
    """
    if find_spec("openpyxl") is None:
        raise NotAvailable(f"{where} needs openpyxl: pip install 'neuroep[spreadsheets]', or save it as CSV")
    sheets = _sheets(content, where, needed)
    if title is not None and title not in sheets:
        raise UnknownName("sheet", title, sheets, f"{where}: {option}")
    filled = {name: rows for name, rows in sheets.items() if rows and title in (None, name)}
    if len(filled) != 1:
        what = f"{len(filled)} sheets hold something" if filled else "empty"
        choose = f"{option} and one of" if option else "a file with one alone of"
        raise BadInput(what, str(where), f"{choose} {', '.join(map(repr, filled))}" if filled else needed)
    ((name, rows),) = filled.items()
    header, body, width = table_of(rows, (), ".", is_unit, where)
    return Sheet(header, body, width, "", ".", name)


def _sheets(content: bytes, where: object, needed: str) -> dict[str, list[Row]]:
    """Return the rows of each sheet that hold something, all as wide as the widest."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                raise BadInput("too large", str(where), f"up to {MOST_UNPACKED} bytes, unpacked")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        found = {sheet.title: _rows(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}
        book.close()
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise BadInput("damaged, or no spreadsheet", str(where), needed) from error
    return found


def _rows(lines: Any) -> list[Row]:
    rows = [Row(k, [_text(value) for value in line]) for k, line in enumerate(lines, start=1)]
    rows = [row for row in rows if any(row.cells) and not row.cells[0].startswith(("#", "%"))]
    used = max((k + 1 for row in rows for k, cell in enumerate(row.cells) if cell), default=0)
    return [Row(row.number, (row.cells + [""] * used)[:used]) for row in rows]


def _text(value: object) -> str:
    """Return a cell as a text file would spell it: the shortest digits that give a number back."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) and not value.is_integer() else str(value).removesuffix(".0").strip()
