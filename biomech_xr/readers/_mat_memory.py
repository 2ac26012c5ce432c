"""MATLAB values that SciPy or mat-io have loaded into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.readers import matlab
from biomech_xr.readers.mat import Kind, MatNode

_HELD: Final = (pd.DataFrame, Mapping)
_KINDS: Final[Mapping[str, Kind]] = {"O": "cell", "U": "text", "S": "text"}


class MemoryNode(MatNode):
    """A loaded value: NumPy arrays (structured for structs, objects for cells, text), or a table."""

    def __init__(self, value: Any, *, dataset: str, file: Path, path: str) -> None:
        super().__init__(dataset=dataset, file=file, path=path)
        plain = isinstance(value, np.ndarray) or not isinstance(value, _HELD)  # the first test is much the faster
        array = np.asarray(value) if plain else value
        if isinstance(array, np.ndarray) and array.ndim == 0 and array.dtype == object and value is not None:
            action = "Save it again with a recent MATLAB, or as a struct"
            raise self.bad(
                found="a MATLAB object that cannot be decoded", expected="a table or plain data", action=action
            )
        self._value: Any = np.atleast_2d(array) if plain and array.ndim < 2 else array
        self._plain = plain
        self.kind, self.shape = _describe(self._value) if plain else _describe_held(value)

    def fields(self) -> tuple[str, ...]:
        """Return the names of a struct's fields; none for any other kind."""
        if self.kind != "struct":
            return ()
        return self._value.dtype.names if self._plain else tuple(self._value)

    def _child(self, name: str) -> MatNode:
        value = self._value.reshape(-1)[0] if self._plain else self._value
        return self._node(value[name], self._join(name))

    def element(self, index: int) -> MatNode:
        """Return an element of a cell or struct array, from 0, column by column."""
        if self.kind == "struct" and index == 0:
            return self
        if self.kind not in ("cell", "structs") or not 0 <= index < len(self):
            raise self.bad(found=self.says(), expected=f"an element {index + 1}", action="Check the file")
        value = self._value.reshape(-1, order="F")[index : index + 1]
        inner = value[0] if self.kind == "cell" else value
        return self._node(inner, f"{self.path}({index + 1})")

    def _numbers(self, columns: slice | None) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = self._value
        return values if columns is None else values[..., columns]

    def _text(self) -> list[str]:
        return [str(row) for row in self._value.reshape(-1)]

    def table(self) -> pd.DataFrame:
        """Return a MATLAB table."""
        return matlab.plain_table(self._value) if self.kind == "table" else super().table()

    def _node(self, value: Any, path: str) -> MatNode:
        return MemoryNode(value, dataset=self.dataset, file=self.file, path=path)


def _describe_held(value: Any) -> tuple[Kind, tuple[int, ...]]:
    """Return kind and MATLAB shape of a table or of a struct by name."""
    return ("table", value.shape) if isinstance(value, pd.DataFrame) else ("struct", (1, 1))


def _describe(value: npt.NDArray[Any]) -> tuple[Kind, tuple[int, ...]]:
    """Return kind and MATLAB shape of a loaded array."""
    if value.size == 0 or (value.dtype == object and value.size == 1 and value.reshape(-1)[0] is None):
        return "empty", value.shape if value.size == 0 else (0, 0)
    if value.dtype.names is not None:
        return ("struct" if value.size == 1 else "structs"), value.shape
    return _KINDS.get(value.dtype.kind, "numeric"), value.shape


def load_v5(path: Path, dataset: str, variables: Sequence[str] | None) -> MatNode:
    """Return the variables of a v5 file as a struct; tables through mat-io."""
    content = matlab.read_variables(path, dataset=dataset, wanted=variables)
    if content is None:
        matlab.check_file(path, dataset=dataset)
        return load_objects(path, dataset)
    return MemoryNode(content, dataset=dataset, file=path, path="")


def load_objects(path: Path, dataset: str) -> MatNode:
    """Return the variables of a v5 or v7.3 file with MATLAB objects as a struct."""
    return MemoryNode(matlab.load_objects(path, dataset=dataset), dataset=dataset, file=path, path="")
