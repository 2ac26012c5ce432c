"""One view of MATLAB files: v5 and v7.3, plain arrays, cells, structs and tables, in MATLAB's own shapes.

``with open_mat(path, dataset="embry") as root`` gives the file as a `MatNode` of kind `struct` whose fields are its
variables. A v7.3 file (HDF5) without tables is lazy: nothing is read until asked for, so its size does not matter. A v5
file, and a file with tables, is loaded whole and refused above `MAX_BYTES` unpacked: a compressed v5 variable can only
be read as one piece and costs its own size in memory.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.errors import DataFormatError, MissingInputError

Kind = Literal["struct", "structs", "cell", "numeric", "text", "table", "empty"]

_HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS: Final = (0, 512)
REAL: Final = "biuf"
"""Kinds of NumPy dtypes that are real numbers; MATLAB's complex and compound ones are not."""

_CHECK: Final = "Check the file against the published format, or download it again"


class MatNode(ABC):
    """One value of a MATLAB file.

    `kind` is `structs` for a struct array of other than one element, `empty` for any array without elements and for a
    struct without fields. `shape` is MATLAB's (rows, columns, ...). `path` names the value: ``Gaitcycle.AB01``.
    Methods raise only `DataFormatError`, which names dataset, file and path.
    """

    kind: Kind
    shape: tuple[int, ...]

    def __init__(self, *, dataset: str, file: Path, path: str) -> None:
        self.dataset = dataset
        self.file = file
        self.path = path

    def __len__(self) -> int:
        """Return the number of elements."""
        return int(np.prod(self.shape))

    @abstractmethod
    def fields(self) -> tuple[str, ...]:
        """Return the names of a struct's fields; none for any other kind."""

    @abstractmethod
    def element(self, index: int) -> MatNode:
        """Return element ``index`` of a cell or struct array, from 0, column by column as MATLAB counts."""

    @abstractmethod
    def _child(self, name: str) -> MatNode: ...

    @abstractmethod
    def _numbers(self, columns: slice | None) -> npt.NDArray[Any]: ...

    @abstractmethod
    def _text(self) -> list[str]:
        """Return the rows of a char array."""

    def table(self) -> pd.DataFrame:
        """Return a MATLAB table."""
        raise self.bad(found=self.says(), expected="a table", action=_CHECK)

    def get(self, name: str) -> MatNode | None:
        """Return a field of a struct, or None where there is none of that name."""
        return self._child(name) if name in self.fields() else None

    def __getitem__(self, name: str) -> MatNode:
        """Return a field of a struct."""
        return self.first(name)

    def first(self, *names: str) -> MatNode:
        """Return the first of several spellings of a field that is there."""
        for name in names:
            if name in self.fields():
                return self._child(name)
        known = self.fields()
        near = difflib.get_close_matches(names[0], known, n=1, cutoff=0.0)
        found = f"no field {' or '.join(names)}; the nearest is {near[0]!r}" if near else f"{self.says()} without it"
        raise self.bad(found=found, expected=f"the field {names[0]!r}", action=_CHECK)

    def elements(self) -> Iterator[MatNode]:
        """Yield the elements of a cell or struct array; a single struct yields itself."""
        if self.kind == "struct":
            yield self
        elif self.kind in ("cell", "structs"):
            yield from (self.element(index) for index in range(len(self)))
        elif self.kind != "empty":
            raise self.bad(found=self.says(), expected="a cell or a struct array", action=_CHECK)

    def array(self, columns: slice | None = None) -> npt.NDArray[Any]:
        """Return numbers in MATLAB's shape, at least two dims; only ``columns`` of the last dim where given."""
        if self.kind == "empty":
            return np.empty(self.shape)
        values = self._numbers(columns) if self.kind == "numeric" else None
        if values is None or values.dtype.kind not in REAL:
            found = self.says() if values is None else f"{self.says()}, {values.dtype}"
            raise self.bad(found=found, expected="real numbers", action=_CHECK)
        return values

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return the numbers of every element of a cell, each as `array` gives them; empty elements as empty arrays."""
        return [entry.array() for entry in self.elements()]

    def vector(self) -> npt.NDArray[np.float64]:
        """Return a row or column of numbers as float64, shape (n,)."""
        values = np.asarray(self.array(), dtype=np.float64)
        if values.size not in (0, max(values.shape)):
            raise self.bad(found=self.says(), expected="one row or one column", action=_CHECK)
        return values.reshape(-1)

    def number(self) -> float:
        """Return a single number."""
        values = self.array()
        if values.size != 1:
            raise self.bad(found=self.says(), expected="one number", action=_CHECK)
        return float(values.reshape(-1)[0])

    def text(self) -> str:
        """Return a char row without blanks around it; empty for an empty array."""
        if self.kind == "empty":
            return ""
        rows = self._text() if self.kind == "text" else []
        if len(rows) != 1:
            raise self.bad(found=self.says(), expected="one line of text", action=_CHECK)
        return rows[0].strip()

    def texts(self) -> list[str]:
        """Return the entries of a cell of text, or the rows of a char matrix, without blanks around them."""
        if self.kind == "cell":
            return [entry.text() for entry in self.elements()]
        if self.kind == "empty":
            return []
        if self.kind != "text":
            raise self.bad(found=self.says(), expected="text", action=_CHECK)
        return [row.strip() for row in self._text()]

    def says(self) -> str:
        """Return what the value is, for messages: ``numeric of 3 x 200``."""
        return f"{self.kind} of {' x '.join(map(str, self.shape))}"

    def bad(self, *, found: object, expected: object, action: str) -> DataFormatError:
        """Return the error about this value; the caller raises it."""
        return DataFormatError.of(
            dataset=self.dataset, file=self.file, field=self.path, found=found, expected=expected, action=action
        )

    def _join(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


@contextmanager
def open_mat(path: Path, *, dataset: str, variables: Sequence[str] | None = None) -> Iterator[MatNode]:
    """Open a MATLAB file as a struct of its variables.

    Parameters
    ----------
    path
        A MATLAB v5 or v7.3 file.
    dataset
        Name of the source, for messages.
    variables
        Load only these variables of a v5 file; those that are absent are no fields.

    Raises
    ------
    MissingInputError
        There is no such file.
    DataFormatError
        Neither container, truncated or damaged, or too large where it must be loaded whole.
    """
    from biomech_xr.readers import _mat_hdf5, _mat_memory

    if not path.is_file():
        raise MissingInputError(f"{dataset}: {path}: no such file. Check the path, or complete the download.")
    if not is_hdf5(path):
        yield _mat_memory.load_v5(path, dataset, variables)
        return
    with _mat_hdf5.opened(path, dataset) as root:
        yield _mat_memory.load_objects(path, dataset) if root is None else root


def is_hdf5(path: Path) -> bool:
    """Return whether a file holds HDF5 content where MATLAB v7.3 puts it."""
    with path.open("rb") as stream:
        start = stream.read(_HDF5_OFFSETS[-1] + len(_HDF5_MAGIC))
    return any(start[offset : offset + len(_HDF5_MAGIC)] == _HDF5_MAGIC for offset in _HDF5_OFFSETS)
