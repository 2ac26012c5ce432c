"""MATLAB files of both containers, v5 and v7.3: structs, struct arrays, cells, text and tables; fixed bytes.

mat-io writes tables (MCOS objects) in both containers and everything in v7.3; SciPy writes plain v5 files.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from biomech_xr.errors import MissingDependencyError

Version = Literal["v5", "v7.3"]

_TEXT: Final = b"MATLAB 5.0 MAT-file, Platform: synthetic, written by biomech-xr"
_TEXT_73: Final = b"MATLAB 7.3 MAT-file, Platform: synthetic, written by biomech-xr"
_TEXT_BYTES: Final = 116


class Structs:
    """A 1 x n struct array; the elements have the same fields."""

    def __init__(self, elements: Sequence[Mapping[str, Any]]) -> None:
        self.elements = list(elements)


class _Fieldless:
    """A 1 x 1 struct without fields, as MATLAB leaves it where nothing was computed."""


FIELDLESS: Final = _Fieldless()


def save_tables(path: Path, variables: Mapping[str, Any], *, compress: bool) -> None:
    """Write a v5 file; every pandas DataFrame becomes a MATLAB table (an MCOS object).

    Raises
    ------
    MissingDependencyError
        mat-io is not installed.
    """
    matio = _matio()
    path.parent.mkdir(parents=True, exist_ok=True)
    matio.save_to_mat(str(path), dict(variables), version="v7", do_compression=compress)
    _fix_header(path, _TEXT)


def save_struct(path: Path, variables: Mapping[str, Any], *, version: Version = "v5", compress: bool = True) -> None:
    """Write variables: nested dictionaries become structs, `Structs` struct arrays, lists and object arrays cells.

    Parameters
    ----------
    path
        The file; its folder is made.
    variables
        Numbers are written in the shape given (one-dimensional ones as a column), str as char, DataFrames as tables,
        `FIELDLESS` as a struct without fields.
    version
        The container.
    compress
        Whether a v5 file is compressed; v7.3 always is.

    Raises
    ------
    MissingDependencyError
        mat-io or h5py is not installed and needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if version == "v7.3":
        from biomech_xr.synthetic._hdf5file import write_hdf5

        if _has_table(variables):
            _matio().save_to_mat(str(path), {k: _plain(v) for k, v in variables.items()}, version="v7.3")
            _fix_header(path, _TEXT_73)
        else:
            write_hdf5(path, variables, _TEXT_73)
        return
    if _has_table(variables):
        save_tables(path, {name: _plain(value) for name, value in variables.items()}, compress=compress)
        return
    from scipy.io import savemat

    savemat(path, {k: _plain(v) for k, v in variables.items()}, do_compression=compress, oned_as="column")
    _fix_header(path, _TEXT)


def cell(rows: Sequence[Sequence[Any]]) -> np.ndarray:
    """Return an object array of shape (rows, columns), which is written as a cell."""
    result = np.empty((len(rows), len(rows[0]) if rows else 0), dtype=object)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            result[i, j] = value
    return result


def _has_table(value: Any) -> bool:
    if isinstance(value, pd.DataFrame):
        return True
    if isinstance(value, Structs):
        return any(_has_table(element) for element in value.elements)
    if isinstance(value, Mapping):
        return any(_has_table(entry) for entry in value.values())
    if isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object):
        return any(_has_table(entry) for entry in np.asarray(value, dtype=object).reshape(-1))
    return False


def _plain(value: Any) -> Any:
    """Return a value in the form that SciPy and mat-io write."""
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, Structs):
        names = list(value.elements[0])
        result = np.empty((1, len(value.elements)), dtype=[(name, object) for name in names])
        for i, element in enumerate(value.elements):
            for name in names:
                result[0, i][name] = _plain(element[name])
        return result
    if value is FIELDLESS:
        return {}
    if isinstance(value, list):
        return _plain(cell([[entry] for entry in value]))
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype != object:
        return value.reshape(-1, 1)
    if isinstance(value, np.ndarray) and value.dtype == object:
        plain = np.empty(value.shape, dtype=object)
        for place in np.ndindex(value.shape):
            plain[place] = _plain(value[place])
        return plain
    return value


def _matio() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The 'future.infer_string' option is deprecated")
            import matio
    except ImportError as error:
        raise MissingDependencyError.of("mat-io", "readers") from error
    module: ModuleType = matio
    return module


def _fix_header(path: Path, text: bytes) -> None:
    """Replace the descriptive text, which holds the time of writing."""
    with path.open("r+b") as file:
        file.write(text.ljust(_TEXT_BYTES))
