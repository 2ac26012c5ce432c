"""Moreira's tables of 1001 rows, one a signal and trial, as text files or as MATLAB tables."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.errors import DataFormatError
from biomech_xr.readers.mat import MatNode
from biomech_xr.readers.tables import check_columns, read_csv
from biomech_xr.readers.text import check_last_row

NAME: Final = "moreira"
POINTS: Final = 1001
"""Rows of every table: 0 to 100 % of a stride, both contacts included."""

_ACTION: Final = "Check the table against the published format, or download it again"


class Sheet(Protocol):
    """One table, not read yet."""

    def columns(self, among: Sequence[str]) -> list[str]:
        """Return those of some columns that the table has."""

    def read(self, required: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
        """Return the required columns, and the optional ones that are there; all hold numbers."""

    def bad(self, field: str, *, found: object, expected: object) -> DataFormatError:
        """Return the error about a column; the caller raises it."""


@dataclass(frozen=True, slots=True)
class TextSheet:
    """A tab-separated file with one header line."""

    path: Path

    def columns(self, among: Sequence[str]) -> list[str]:
        """Return those of some columns that the table has."""
        return list(read_csv(self.path, dataset=NAME, columns=(), optional=among, delimiter="\t").columns)

    def read(self, required: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
        """Return the required columns, and the optional ones that are there; all hold numbers."""
        check_last_row(self.path, dataset=NAME, delimiter="\t")
        return read_csv(self.path, dataset=NAME, columns=required, optional=optional, delimiter="\t")

    def bad(self, field: str, *, found: object, expected: object) -> DataFormatError:
        """Return the error about a column; the caller raises it."""
        return DataFormatError.of(
            dataset=NAME, file=self.path, field=field, found=found, expected=expected, action=_ACTION
        )


@dataclass(frozen=True, slots=True)
class MatSheet:
    """A MATLAB table."""

    node: MatNode

    def columns(self, among: Sequence[str]) -> list[str]:
        """Return those of some columns that the table has."""
        present = [str(name) for name in self.node.table().columns]
        return [name for name in among if name in present]

    def read(self, required: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
        """Return the required columns, and the optional ones that are there; all hold numbers."""
        table = self.node.table()
        names = [str(name) for name in table.columns]
        table = table.set_axis(names, axis="columns")
        for name in required:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
                found = f"no such column; the nearest is {near[0]!r}" if near else "a table without columns"
                raise self.bad(name, found=found, expected=f"{len(required)} columns, {name!r} among them")
        wanted = [*required, *(name for name in optional if name in names)]
        check_columns(table, self.node.file, dataset=NAME, columns=wanted)
        return table[wanted]

    def bad(self, field: str, *, found: object, expected: object) -> DataFormatError:
        """Return the error about a column; the caller raises it."""
        place = f"{self.node.path}: {field}" if field else self.node.path
        return DataFormatError.of(
            dataset=NAME, file=self.node.file, field=place, found=found, expected=expected, action=_ACTION
        )


def read_strides(sheet: Sheet, names: Sequence[str]) -> list[npt.NDArray[np.float64]]:
    """Return the columns ``names`` of the first stride and, where the table has it, of the second.

    Parameters
    ----------
    sheet
        The table; its columns are called ``St1_<name>`` and ``St2_<name>``.
    names
        What stands behind the number of the stride.

    Returns
    -------
    list
        One array of shape (1001, name) for each stride; infinities are NaN.

    Raises
    ------
    DataFormatError
        A column of the first stride is missing, the second has only some of them, or there are not 1001 rows.
    """
    first, second = ([f"St{stride}_{name}" for name in names] for stride in (1, 2))
    table = sheet.read(first, second)
    if len(table) != POINTS:
        raise sheet.bad("rows", found=f"{len(table)} rows", expected=f"{POINTS}, from 0 to 100 % of a stride")
    absent = [name for name in second if name not in table]
    if absent and len(absent) < len(second):
        raise sheet.bad(absent[0], found="a second stride without this column", expected="all of its columns, or none")
    values = [table[first].to_numpy(dtype=np.float64)]
    if not absent:
        values.append(table[second].to_numpy(dtype=np.float64))
    return [np.where(np.isfinite(array), array, np.nan) for array in values]
