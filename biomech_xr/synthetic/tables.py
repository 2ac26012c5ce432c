"""Fast text tables: CSV as MATLAB's writetable spells it, and the smallest workbook that spreadsheets open."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

_ROWS: Final = 4096
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)


def write_csv(path: Path, columns: Mapping[str, npt.NDArray[np.float64]], decimals: Mapping[str, int]) -> None:
    """Write one header row and fixed-point numbers, comma separated; NaN is spelled ``NaN``.

    Parameters
    ----------
    path
        The file; its folder is made.
    columns
        One array of shape (row,) for each column, in order.
    decimals
        Digits after the point of each column; 0 writes integers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    values = list(columns.values())
    places = [decimals[name] for name in columns]
    scaled = [
        np.round(np.nan_to_num(value) * 10**place).astype(np.int64) for value, place in zip(values, places, strict=True)
    ]
    widest = [len(str(int(np.abs(number).max(initial=0)))) for number in scaled]
    digits = [max(width, place + 1, 2) for width, place in zip(widest, places, strict=True)]
    with path.open("wb") as file:
        file.write((",".join(columns) + "\n").encode())
        for start in range(0, values[0].size, _ROWS):
            rows = slice(start, start + _ROWS)
            cells = [
                _cells(number[rows], np.isnan(value[rows]), place, width)
                for number, value, place, width in zip(scaled, values, places, digits, strict=True)
            ]
            text = np.concatenate(cells, axis=1)
            text[:, -1] = ord("\n")
            file.write(text[text != 0].tobytes())


def _cells(
    number: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_], place: int, width: int
) -> npt.NDArray[np.uint8]:
    """Return the characters of one column, shape (row, character), 0 where there is none, ended by a comma."""
    point = 1 if place else 0
    text = np.zeros((number.size, 1 + width + point + 1), np.uint8)
    rest = np.abs(number)
    for k in range(width):
        position = width - k + (point if k < place else 0)
        rest, digit = np.divmod(rest, 10)
        shown = digit + ord("0")
        if k > place:
            shown = np.where((rest == 0) & (digit == 0), 0, shown)
        text[:, position] = shown
    if place:
        text[:, 1 + width - place] = ord(".")
    text[:, 0] = np.where(number < 0, ord("-"), 0)
    text[:, -1] = ord(",")
    if missing.any():
        text[missing, :-1] = 0
        text[np.ix_(missing, np.arange(3))] = np.frombuffer(b"NaN", np.uint8)
    return text


def write_workbook(
    path: Path,
    sheet: str,
    rows: Sequence[Sequence[str | float]],
    *,
    others: Mapping[str, Sequence[Sequence[str | float]]] | None = None,
) -> None:
    """Write a workbook of text and numbers by the standard library alone (ECMA-376, inline strings).

    It has one sheet, and behind it those of ``others``, by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    namespace = "http://schemas.openxmlformats.org"
    main, office = f"{namespace}/spreadsheetml/2006/main", f"{namespace}/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    package = f"{namespace}/package/2006"
    sheets = {sheet: rows} | dict(others or {})
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{k}.xml" ContentType="{kind}.worksheet+xml"/>' for k in numbers
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        + "".join(
            f'<sheet name="{escape(name)}" sheetId="{k}" r:id="rId{k}"/>' for k, name in enumerate(sheets, start=1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="rId{k}" Type="{office}/worksheet" Target="worksheets/sheet{k}.xml"/>' for k in numbers
        )
        + "</Relationships>",
    }
    for k, content in enumerate(sheets.values(), start=1):
        parts[f"xl/worksheets/sheet{k}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{_xml_rows(content)}</sheetData></worksheet>'
        )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            archive.writestr(entry, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')


def _xml_rows(rows: Sequence[Sequence[str | float]]) -> str:
    return "".join(
        f'<row r="{r}">' + "".join(_xml_cell(f"{chr(65 + c)}{r}", value) for c, value in enumerate(row)) + "</row>"
        for r, row in enumerate(rows, start=1)
    )


def _xml_cell(reference: str, value: str | float) -> str:
    if isinstance(value, str):
        return f'<c r="{reference}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{reference}"><v>{value!r}</v></c>'
