"""Text tables: which letters, which separator, which sign of decimals, which lines are comments."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from neuroep.errors import BadInput
from neuroep.tabular.sheet import Cells, Row, Sheet, is_number, table_of

MARKS = ("#", "%", "//", "!")
"""What begins a line of comment."""
SEPARATORS = ("\t", ";", "|", ",", " ")
"""In the order in which they are preferred where a file would bear several; the last is any run of blanks."""
SAMPLED = 400
"""Lines that decide on the separator."""
_RULE = re.compile(r"[\s,;|+:*]*(?:-{3,}|_{3,}|={3,})[\s,;|+:*=_-]*")
"""A line under the names, as MATLAB and markdown draw it."""
_EASYEXPERT = re.compile(r"\s*Data(?:Name|Value)\s*,")
"""Lines of the table in what Keysight's analysers export; all others are settings."""
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3},[0-9]{3}")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BY_BOM = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decoded(content: bytes, where: object, needed: str) -> str:
    """Return the text of a file: UTF-8, UTF-16 with its mark, or Latin-1 as older instruments write it.

    Raises
    ------
    BadInput
        If it is none of them.
    """
    code = next((code for mark, code in _BY_BOM if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(code)
    except UnicodeDecodeError as error:
        text = content.decode("latin-1")
        if code != "utf-8" or _CONTROL.search(text):
            raise BadInput(f"no UTF-8 or UTF-16 text at byte {error.start}", str(where), needed) from error
    if "\0" in text:
        raise BadInput("no text: it holds bytes of value 0", str(where), needed)
    return text


def read_text(text: str, is_unit: Callable[[str], bool], where: object, needed: str) -> Sheet:
    """Return the table in a text.

    Parameters
    ----------
    text : str
    is_unit : callable
        Whether a cell is a unit alone, as in a second line under the names.
    where : object
        The file, for errors.
    needed : str
        What it should have been.

    Raises
    ------
    BadInput
        If it isn't a table, with the line where that helps.
    """
    plain: list[tuple[int, str]] = []
    marked: list[tuple[int, str]] = []
    for k, match in enumerate(_LINE.finditer(text), start=1):
        line = match[0].strip("\r\n")
        if line.strip(",;|\t ") and not _RULE.fullmatch(line):
            (marked if _is_comment(line) else plain).append((k, line))
    if any(line.lstrip().startswith("DataName") for _, line in plain):
        plain = [(k, line.partition(",")[2]) for k, line in plain if _EASYEXPERT.match(line)]
    if not plain:
        raise BadInput("no lines of numbers" if marked else "empty file", str(where), needed)
    separator = separator_of([line for _, line in plain[-SAMPLED:]])
    rows = [Row(k, _cells(line, separator, k, where)) for k, line in plain]
    if separator == " ":
        rows = [_spaced(row, line, len(rows[-1].cells)) for row, (_, line) in zip(rows, plain, strict=True)]
    decimal = _decimal(row.cells for row in rows)
    if decimal == separator == ",":
        _refuse_thousands(rows, where)
    above = [(k, line) for k, line in marked if k < plain[0][0]]
    remarks = [Row(k, _cells(_unmarked(line), separator, k, where)) for k, line in above[-1:]]
    header, body, width = table_of(rows, remarks, decimal, is_unit, where)
    return Sheet(header, body, width, separator, decimal)


def _spaced(row: Row, line: str, width: int) -> Row:
    """Return names with blanks in them, set apart by two blanks or more, as the cells that they are."""
    apart = re.split(r"\s{2,}", line.strip())
    return row._replace(cells=apart) if len(row.cells) != width == len(apart) else row


def _refuse_thousands(rows: Sequence[Row], where: object) -> None:
    """Refuse commas that may be decimal or part thousands off, between cells that commas part, too."""
    commas = [(row.number, cell) for row in rows for cell in row.cells if _DECIMAL_COMMA.fullmatch(cell)]
    if all(_THOUSANDS.fullmatch(cell) for _, cell in commas):
        number, cell = commas[0]
        what = f"{cell!r} may be {cell.replace(',', '.')} or {cell.replace(',', '')}"
        raise BadInput(what, f"{where}: line {number}", "decimal points, or cells apart by semicolons or tabs")


def _is_comment(line: str) -> bool:
    """Whether a line is a comment: '#' with a separator after it is the name of a column."""
    bare = line.lstrip(' "')
    return bare.startswith(MARKS) and not re.match(r'#"?\s*[,;\t|]', bare)


def _unmarked(line: str) -> str:
    return line.strip().strip('"').lstrip("#%/! ")


def separator_of(lines: Sequence[str]) -> str:
    """Return what splits most lines into equally many cells with most numbers."""
    best, found = 0, ","
    for separator in SEPARATORS:
        split = [_tried(line, separator) for line in lines]
        decimals = (".",) if separator == "," else (".", ",")
        widths = Counter(len(cells) for cells in split if len(cells) > 1)
        if widths:
            width = widths.most_common(1)[0][0]
            alike = [cells for cells in split if len(cells) == width]
            score = max(sum(is_number(cell, sign) for cells in alike for cell in cells) for sign in decimals)
            if score > best:
                best, found = score, separator
    return found


def _split(line: str, separator: str) -> Cells:
    if separator == " ":
        return line.split()
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))]


def _cells(line: str, separator: str, number: int, where: object) -> Cells:
    try:
        return _split(line.strip(" "), separator)
    except csv.Error as error:
        raise BadInput(f"not a table of cells ({error})", f"{where}: line {number}") from error


def _tried(line: str, separator: str) -> Cells:
    try:
        return _split(line.strip(" "), separator)
    except csv.Error:
        return [line]


def _decimal(rows: Iterator[Cells]) -> str:
    """Return the comma where numbers have one and none has a point."""
    comma = False
    for cells in rows:
        for cell in cells:
            if "," in cell and _DECIMAL_COMMA.fullmatch(cell):
                comma = True
            elif "." in cell and is_number(cell):
                return "."
    return "," if comma else "."
