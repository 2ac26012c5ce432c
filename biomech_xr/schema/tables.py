"""Tables of strides and of rejected candidates made from rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr.errors import SchemaError
from biomech_xr.schema.columns import REJECTED_COLUMNS, STRIDE_COLUMNS, LabelKind

_DEFAULTS: Final[Mapping[LabelKind, Any]] = {"category": "", "float": np.nan, "int": -1, "bool": False}
_SPECIAL_DEFAULTS: Final[Mapping[str, Any]] = {
    "condition": "none",
    "surface": "unknown",
    "duration_source": "events",
    "stage": "parse",
}
_DTYPES: Final[Mapping[LabelKind, str]] = {"float": "float64", "int": "int64", "bool": "bool"}


def stride_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a `strides` table from one mapping a stride; columns left out take their default."""
    return _table(list(rows), STRIDE_COLUMNS)


def rejected_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a `rejected` table from one mapping a candidate; `stage` defaults to parse."""
    return _table(list(rows), REJECTED_COLUMNS)


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, LabelKind]) -> pd.DataFrame:
    unknown = sorted(set().union(*rows) - set(columns))
    if unknown:
        raise SchemaError.of("stride table", [f"unknown column {name!r}" for name in unknown])
    return _made(rows, columns) if rows else _blank(tuple(columns.items())).copy()


@lru_cache(maxsize=8)
def _blank(columns: tuple[tuple[str, LabelKind], ...]) -> pd.DataFrame:
    """Return a table without rows; made once."""
    return _made((), dict(columns))


def _made(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, LabelKind]) -> pd.DataFrame:
    """Return a table of known columns."""
    data: dict[str, Any] = {}
    for name, kind in columns.items():
        default = _SPECIAL_DEFAULTS.get(name, _DEFAULTS[kind])
        values = [row.get(name, default) for row in rows]
        array = np.array(values, dtype=_DTYPES.get(kind, "object"))
        # as an index text stays what it is, and a table is made much faster than from series
        data[name] = pd.Index(array, dtype=object, copy=False) if array.dtype == object else array
    return pd.DataFrame(data, pd.RangeIndex(len(rows)), copy=False)
