"""Tables of a store: one Zarr group a table, the columns of one kind packed into one array.

Text columns are integer codes into sorted `categories`. Packing keeps a table at four arrays at most, so that
opening a store over a network costs a few requests, whatever the number of labels.
"""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
import pandas as pd
import zarr

from biomech_xr.errors import NotAStoreError, SchemaError
from biomech_xr.store.layout import TABLE_ROWS, create_array
from biomech_xr.store.objects import digest

_DTYPES: Final = {"codes": "int32", "float64": "float64", "int64": "int64", "bool": "bool"}


def _kind(column: pd.Series[Any]) -> str:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "codes"
    if pd.api.types.is_bool_dtype(dtype):
        return "bool"
    if pd.api.types.is_integer_dtype(dtype):
        return "int64"
    return "float64" if pd.api.types.is_float_dtype(dtype) else "codes"


def as_categorical(column: pd.Series[Any]) -> pd.Categorical:
    """Return a text column as a Categorical with sorted categories, none unused; missing text stays missing."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        texts = sorted(set(_texts(column.name, column.dropna().tolist())))
        return pd.Categorical(column, categories=pd.Index(texts, dtype=object))
    values = cast("pd.Categorical", column.array)
    codes, names = np.asarray(values.codes), values.categories
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(names) + 1)[1:])
    present = _texts(column.name, names.take(used).tolist())
    order = sorted(range(used.size), key=present.__getitem__)
    place = np.full(len(names) + 1, -1)  # the last one is that of what is missing
    place[used[order]] = np.arange(used.size)
    return pd.Categorical.from_codes(place[codes], categories=pd.Index([present[i] for i in order], dtype=object))


def _texts(column: object, values: list[Any]) -> list[str]:
    """Return values that are all text, or raise `SchemaError`."""
    wrong = [value for value in values if not isinstance(value, str)]
    if wrong:
        raise SchemaError.of(f"column {column!r}", [f"{value!r} is not text" for value in wrong[:5]])
    return values


def fingerprint(table: pd.DataFrame) -> str:
    """Return a hash of the columns and values of a table; how text is coded and the index do not matter."""
    frame = table.reset_index(drop=True)
    for name in frame:
        if isinstance(frame[name].dtype, pd.CategoricalDtype) or frame[name].dtype.kind not in "biuf":
            frame[name] = as_categorical(frame[name]).astype(object)
    hashes = pd.util.hash_pandas_object(frame, index=False)
    return digest([list(map(str, frame.columns)), [int(value) for value in hashes]])


def write_table(group: zarr.Group, name: str, frame: pd.DataFrame, *, rows: int = TABLE_ROWS) -> None:
    """Write a table as the group ``name``; the index is not stored.

    Parameters
    ----------
    group
        Parent group, open for writing.
    name
        Name of the table.
    frame
        Columns of text (missing allowed), floats, integers or booleans; dims ``(row,)``.
    rows
        Rows of one object.

    Raises
    ------
    SchemaError
        A column holds other objects than text.
    """
    kinds = {str(column): _kind(frame[column]) for column in frame.columns}
    categories: dict[str, list[str]] = {}
    packed: dict[str, list[np.ndarray[Any, Any]]] = {}
    for column, kind in kinds.items():
        if kind == "codes":
            coded = as_categorical(frame[column])
            categories[column] = list(coded.categories)
            packed.setdefault(kind, []).append(np.asarray(coded.codes, dtype="int32"))
        else:
            packed.setdefault(kind, []).append(frame[column].to_numpy(dtype=_DTYPES[kind]))
    attributes = {"columns": [[column, kind] for column, kind in kinds.items()], "categories": categories}
    table = group.create_group(name, attributes={**attributes, "rows": len(frame)})
    for kind, columns in packed.items():
        values = np.stack(columns)
        chunks = (len(columns), min(len(frame), rows))
        array = create_array(
            table, kind, shape=values.shape, dims=("column", "row"), dtype=_DTYPES[kind], chunks=chunks
        )
        array[...] = values


def read_table(group: zarr.Group, name: str) -> pd.DataFrame:
    """Return a table; text columns come as Categoricals, all others as float64, int64 or bool.

    Raises
    ------
    NotAStoreError
        The group holds no such table.
    """
    if name not in group:
        raise NotAStoreError(f"{group.store_path}: no table {name!r}. The store is not ours or not complete.")
    table = cast("zarr.Group", group[name])
    attributes = cast("dict[str, Any]", table.attrs.asdict())
    kinds = {kind for _, kind in attributes["columns"]}
    packed = {kind: np.asarray(cast("zarr.Array[Any]", table[kind])[...]) for kind in _DTYPES if kind in kinds}
    position = dict.fromkeys(packed, 0)
    data: dict[str, Any] = {}
    for column, kind in attributes["columns"]:
        values = packed[kind][position[kind]]
        position[kind] += 1
        if kind == "codes":
            levels = pd.Index(attributes["categories"][column], dtype=object)
            data[column] = pd.Categorical.from_codes(values, categories=levels)
        else:
            data[column] = values
    return pd.DataFrame(data, index=pd.RangeIndex(attributes["rows"]))
