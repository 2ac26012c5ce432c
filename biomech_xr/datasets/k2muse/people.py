"""Who a K2MUSE person is: body size by the workbook of participants."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from biomech_xr.datasets import cycles
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.tables import read_sheet, sha256
from biomech_xr.schema import Patient

_WORKBOOK: Final = "ParticipantInformation.xlsx"


def read_person(root: Path, path: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...]]:
    """Return the person, with size where the workbook has a row, and the files read."""
    sources = [(cycles.relative(path, root), sha256(path))]
    workbook = root / _WORKBOOK
    if not workbook.is_file():
        return Patient(dataset="k2muse", source_patient=patient), tuple(sources)
    sheet = read_sheet(workbook, dataset="k2muse", sheet="Sheet1")
    sources.append((cycles.relative(workbook, root), sha256(workbook)))
    size = {}
    for column, low, high in (("Weight (kg)", 30.0, 200.0), ("Height (cm)", 120.0, 230.0)):
        for name in ("ID", column):
            if name not in sheet:
                found = f"the columns {', '.join(map(str, sheet.columns))}"
                raise _bad(workbook, name, found, "a column of that name", "Restore it")
        rows = sheet.loc[sheet["ID"].astype(str).str.strip().str.upper() == patient.upper(), column]
        value = rows.iloc[0] if len(rows) else ""
        number = value if isinstance(value, int | float) else math.nan
        if value != "" and not low <= number <= high:
            raise _bad(workbook, column, repr(value), f"a number from {low:g} to {high:g}", "Correct the cell")
        size[column] = float(number)
    mass, height = size["Weight (kg)"], size["Height (cm)"] / 100
    return Patient(dataset="k2muse", source_patient=patient, body_mass=mass, height=height), tuple(sources)


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="k2muse", file=path, field=field, found=found, expected=expected, action=action)
