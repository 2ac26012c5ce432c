"""MATLAB v5 files: plain structs by SciPy, MATLAB tables (MCOS objects) by mat-io.

A library sees a file only after it is checked: its header, that every element is complete and sound, and how large the
content becomes, because a file of some kilobytes may inflate to gigabytes, and a damaged one may end the process.
"""

from __future__ import annotations

import importlib
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Final

import numpy as np
import pandas as pd

from biomech_xr.errors import DataFormatError, MissingDependencyError, MissingInputError
from biomech_xr.readers._mat5 import Walker
from biomech_xr.readers._mat5_checks import CutError, DamageError, TooLargeError
from biomech_xr.readers._mat5_stream import HEADER, VariableStream, store_position, variables

MAX_BYTES: Final = 2 * 1024**3
"""Largest unpacked size of one file, in bytes."""

_VERSION_5: Final = 0x0100
_VERSION_73: Final = 0x0200
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
BROKEN: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What SciPy and mat-io raise on damaged content."""


def load_struct(path: Path, *, dataset: str) -> dict[str, Any]:
    """Return the variables of a MATLAB v5 file that holds plain arrays, cells and structs.

    Parameters
    ----------
    path
        A MATLAB v5 file.
    dataset
        Name of the source, for messages.

    Returns
    -------
    dict
        Variable name to value: structs as nested dicts, char arrays as str, cells as object arrays or lists, numbers
        as NumPy arrays without dims of length one (SciPy's `simplify_cells`).

    Raises
    ------
    MissingInputError
        There is no such file.
    DataFormatError
        The file is not MATLAB v5, is truncated or damaged, unpacks to more than `MAX_BYTES`, or holds MATLAB objects.
    """
    content = read_variables(path, dataset=dataset, simplify=True)
    if content is None:
        check_file(path, dataset=dataset)
        raise DataFormatError.of(
            dataset=dataset,
            file=path,
            found="MATLAB objects (a table)",
            expected="plain arrays and structs",
            action="Save the file with structs, or read it with load_tables",
        )
    return content


def load_tables(path: Path, *, dataset: str) -> dict[str, Any]:
    """Return the variables of a MATLAB v5 file that holds MATLAB tables.

    Parameters
    ----------
    path
        A MATLAB v5 file.
    dataset
        Name of the source, for messages.

    Returns
    -------
    dict
        Variable name to value: a table as `pandas.DataFrame` with text cells as str, a single number as float, int or
        bool, text as str, anything else as a NumPy array.

    Raises
    ------
    MissingInputError
        There is no such file.
    MissingDependencyError
        mat-io is not installed.
    DataFormatError
        The file is not MATLAB v5, is truncated or damaged, unpacks to more than `MAX_BYTES`, or holds an object that
        cannot be decoded.
    """
    check_file(path, dataset=dataset)
    content = load_objects(path, dataset=dataset)
    matlab_opaque = importlib.import_module("matio.utils.matclass").MatlabOpaque
    for name, value in content.items():
        if isinstance(value, matlab_opaque):
            raise DataFormatError.of(
                dataset=dataset,
                file=path,
                field=name,
                found="a MATLAB object that cannot be decoded",
                expected="a table",
                action="Save it again with a recent MATLAB, or export it with writetable",
            )
    return {name: _plain(value) for name, value in content.items()}


def load_objects(path: Path, *, dataset: str) -> dict[str, Any]:
    """Return the variables of a MATLAB file of either container as mat-io decodes them; sizes are not checked here.

    Raises
    ------
    MissingDependencyError
        mat-io is not installed.
    DataFormatError
        The content is damaged.
    """
    matio = import_matio()
    classes = importlib.import_module("matio.utils.matclass")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content: dict[str, Any] = matio.load_from_mat(str(path))
    except (*BROKEN, classes.MatReadError, classes.MatConvertError) as error:
        raise damaged(path, dataset, error) from error
    return {name: value for name, value in content.items() if not name.startswith("__")}


def import_matio() -> ModuleType:
    """Return the library mat-io; its import sets a pandas option that pandas 3 has by default and warns of.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The 'future.infer_string' option is deprecated")
        try:
            return importlib.import_module("matio")
        except ImportError as error:
            raise MissingDependencyError.of("mat-io", "readers") from error


def read_variables(
    path: Path, *, dataset: str, wanted: Sequence[str] | None = None, simplify: bool = False
) -> dict[str, Any] | None:
    """Return the variables of a MATLAB v5 file as SciPy reads them; None where the file holds MATLAB objects.

    Each variable is unpacked once, and SciPy sees of it only what a `Walker` has passed; those that are not ``wanted``
    are not unpacked. ``simplify`` is SciPy's `simplify_cells`.

    Raises
    ------
    MissingInputError
        There is no such file.
    DataFormatError
        As `check_file`.
    """
    from scipy.io import loadmat

    content: dict[str, Any] = {}
    with _opened(path, dataset) as (stream, header, order, size):
        if HEADER <= store_position(header, order) < size:
            return None
        left = MAX_BYTES
        for variable in variables(stream, size, order):
            shown = VariableStream(header, Walker(order, left), variable.pieces(stream, left))
            name = shown.name()
            if not name:
                return None
            if wanted is None or name in wanted:
                content.update(loadmat(shown, simplify_cells=simplify))
                shown.finish()
                left -= shown.received
    return {name: value for name, value in content.items() if not name.startswith("__")}


def check_file(path: Path, *, dataset: str) -> int:
    """Return the unpacked size of a MATLAB v5 file in bytes, without keeping its content; raises as `load_struct`."""
    total = 0
    with _opened(path, dataset) as (stream, header, order, size):
        stores = [0]
        for variable in variables(stream, size, order):
            left = MAX_BYTES - total
            shown = VariableStream(header, Walker(order, left), variable.pieces(stream, left))
            shown.finish()
            total += shown.received
            if not shown.name():
                stores.append(variable.start)
        if store_position(header, order) not in stores:
            raise DamageError("a header that announces MATLAB objects where none are")
    return total


@contextmanager
def _opened(path: Path, dataset: str) -> Iterator[tuple[BinaryIO, bytes, str, int]]:
    """Yield stream, header, byte order and size of a MATLAB v5 file; what is found wrong with it is one clear error."""
    if not path.is_file():
        raise MissingInputError(f"{dataset}: {path}: no such file. Check the path, or complete the download.")
    with path.open("rb") as stream:
        header = stream.read(HEADER)
        order = _byte_order(header, path, dataset)
        try:
            yield stream, header, order, path.stat().st_size
        except TooLargeError as error:
            raise DataFormatError.of(
                dataset=dataset,
                file=path,
                found=f"content that unpacks to more than {MAX_BYTES / 1024**3:g} GiB",
                expected="a recording of ordinary size",
                action="Do not trust this file; download it again from the source",
            ) from error
        except CutError as error:
            raise DataFormatError.of(
                dataset=dataset,
                file=path,
                found=str(error),
                expected="a complete MATLAB v5 file (this one is truncated)",
                action="Download the file again",
            ) from error
        except BROKEN as error:
            raise damaged(path, dataset, error) from error


def _byte_order(header: bytes, path: Path, dataset: str) -> str:
    """Return `<` or `>` after checking the 128-byte header; a zero in its first four bytes means MATLAB v4."""
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128], "")
    version = struct.unpack(f"{order}H", header[124:126])[0] if order else 0
    if version != _VERSION_5 or 0 in header[:4]:
        hdf5 = version == _VERSION_73 or header.startswith(_HDF5)
        found = "a MATLAB v7.3 (HDF5) file" if hdf5 else f"no MATLAB v5 header ({len(header)} bytes read)"
        raise DataFormatError.of(
            dataset=dataset,
            file=path,
            field="header",
            found=found,
            expected="a MATLAB v5 file",
            action="Download the file again, or save it in MATLAB with the option -v7",
        )
    return order


def damaged(path: Path, dataset: str, error: BaseException) -> DataFormatError:
    """Return the error that says a file's content cannot be read; the caller raises it."""
    return DataFormatError.of(
        dataset=dataset,
        file=path,
        found=f"damaged content ({type(error).__name__}: {error})",
        expected="a readable MATLAB file",
        action="Download the file again",
    )


def plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its text cells unwrapped to str."""
    wrapped = [name for name in table.columns if table[name].dtype == object]
    return table.assign(**{name: [_text(cell) for cell in table[name]] for name in wrapped}) if wrapped else table


def _plain(value: Any) -> Any:
    """Return a table with its text unwrapped, a scalar or text as a Python value, anything else unchanged."""
    if isinstance(value, pd.DataFrame):
        return plain_table(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "UbiufS" and (value.size == 1 or value.dtype.kind == "U"):
        return _text(value)
    return value


def _text(cell: Any) -> Any:
    """Return what a cell of at most one element holds; longer ones unchanged."""
    if not isinstance(cell, np.ndarray):
        return cell
    if cell.size == 0:
        return ""
    return cell.reshape(-1)[0].item() if cell.size == 1 and cell.dtype != object else cell
