"""MATLAB v7.3 values, read lazily from HDF5 by a process at arm's length.

MATLAB stores an array with its dims reversed; a cell as an array of object references; a struct as a group; a struct
array as a group whose members are arrays of references without a class of their own; an empty array, and a struct
without fields, as the array of its dims with the attribute `MATLAB_empty`.

This process never opens the file with libhdf5: a child walks it (`_mat_hdf5_worker`) and sends a list of its objects,
which is kept while the file stays the same; then it sends the numbers that are asked for (`_mat_hdf5_file`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import DataFormatError
from biomech_xr.readers import _mat_hdf5_file
from biomech_xr.readers._mat_hdf5_file import Entry, Hdf5File
from biomech_xr.readers.mat import REAL, Kind, MatNode
from biomech_xr.readers.matlab import MAX_BYTES

_INTERNAL: Final = ("#refs#", "#subsystem#")


@contextmanager
def opened(path: Path, dataset: str) -> Iterator[MatNode | None]:
    """Yield the variables of a v7.3 file as a struct; None where it holds MATLAB objects (tables)."""
    with _mat_hdf5_file.opened(path, dataset) as file:
        if _INTERNAL[1] not in file.entries[0].members:
            yield Hdf5Node(file, 0, path="")
            return
        total = sum(entry.nbytes for entry in file.entries)
        if total > MAX_BYTES:
            raise DataFormatError.of(
                dataset=dataset,
                file=path,
                found=f"tables in a file of {total / 1024**3:.1f} GiB unpacked",
                expected=f"at most {MAX_BYTES / 1024**3:g} GiB where tables must be loaded whole",
                action="Split the file in MATLAB, or save it without tables",
            )
        file.prove_objects()
    yield None


class Hdf5Node(MatNode):
    """A group or array of the file; with ``index``, one element of the struct array that the group is."""

    def __init__(self, file: Hdf5File, number: int, *, path: str, index: int | None = None) -> None:
        super().__init__(dataset=file.dataset, file=file.path, path=path)
        self._content = file
        self._number = number
        self._entry = file.entries[number]
        self._index = index
        self._structs: dict[str, MatNode] = {}
        self.kind, self.shape = ("struct", (1, 1)) if index is not None else _describe(file.entries, number)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        if self.kind != "struct":
            return ()
        names = [name for name in self._entry.members if name not in _INTERNAL]
        stated = self._entry.order or []
        return tuple(stated) if sorted(stated) == sorted(names) else tuple(names)

    def fields(self) -> tuple[str, ...]:
        """Return the names of a struct's fields; none for any other kind."""
        return self._names

    def _child(self, name: str) -> MatNode:
        if name in self._structs:
            return self._structs[name]
        number = self._entry.members[name]
        if self._index is not None:
            targets = self._content.entries[number].targets or []
            if self._index >= len(targets):
                raise self.bad(found=f"{len(targets)} values of {name}", expected="one an element", action="Check it")
            number = targets[self._index]
        node = Hdf5Node(self._content, number, path=self._join(name))
        if node.kind == "struct":
            self._structs[name] = node
        return node

    def element(self, index: int) -> MatNode:
        """Return an element of a cell or struct array, from 0, column by column."""
        if self.kind == "struct" and index == 0:
            return self
        if self.kind not in ("cell", "structs") or not 0 <= index < len(self):
            raise self.bad(found=self.says(), expected=f"an element {index + 1}", action="Check the file")
        path = f"{self.path}({index + 1})"
        if self.kind == "structs":
            return Hdf5Node(self._content, self._number, path=path, index=index)
        return Hdf5Node(self._content, self._targets[index], path=path)

    @property
    def _targets(self) -> Sequence[int]:
        return self._entry.targets or ()

    def _numbers(self, columns: slice | None) -> npt.NDArray[Any]:
        kind = self._entry.dtype
        if kind.kind not in REAL:
            raise self.bad(found=f"{self.says()}, {kind}", expected="real numbers", action="Check the file")
        first, last, step = (0, 0, 1) if columns is None else columns.indices(self.shape[-1])
        size = self._entry.nbytes if columns is None else self._entry.nbytes // self.shape[-1] * max(last - first, 0)
        if size > MAX_BYTES:
            raise self.bad(found=f"{size} bytes", expected=f"at most {MAX_BYTES}", action="Split the file")
        if columns is None or len(self._entry.shape) < 2 or step != 1:
            values = _turned(self._content.read([self._number])[0])
            return values if columns is None else values[..., columns]
        return _turned(self._content.read([self._number], (first, max(first, last)))[0])

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return the numbers of every element of a cell."""
        if self.kind != "cell":
            return super().arrays()
        entries = self._content.entries
        kinds = {number: _describe(entries, number)[0] for number in set(self._targets)}
        plain = [n for n in self._targets if kinds[n] == "numeric" and entries[n].dtype.kind in REAL]
        total = sum(entries[n].nbytes for n in plain)
        if total > MAX_BYTES:
            raise self.bad(found=f"cells of {total} bytes", expected=f"at most {MAX_BYTES}", action="Split the file")
        read = iter(self._content.read(plain))
        chosen = set(plain)
        return [
            _turned(next(read)) if number in chosen else self.element(index).array()
            for index, number in enumerate(self._targets)
        ]

    def _text(self) -> list[str]:
        codes = self._numbers(None)
        if codes.size and not 0 <= codes.min() <= codes.max() < 0x110000:
            raise self.bad(found="codes that are no letters", expected="text", action="Check the file")
        return ["".join(chr(int(code)) for code in row) for row in codes]


def _describe(entries: Sequence[Entry], number: int) -> tuple[Kind, tuple[int, ...]]:
    """Return kind and MATLAB shape of an object."""
    entry = entries[number]
    if entry.is_group:
        return ("struct", (1, 1)) if number == 0 else _describe_group(entries, entry)
    if entry.empty is not None:
        return "empty", entry.empty if 0 in entry.empty else (0, 0)
    shape = entry.shape[::-1] or (1, 1)
    shape = shape if len(shape) > 1 else (shape[0], 1)
    if 0 in shape:
        return "empty", shape
    if entry.targets is not None:
        return "cell", shape
    return ("text" if entry.dtype.kind in "iu" and entry.name == "char" else "numeric"), shape


def _describe_group(entries: Sequence[Entry], group: Entry) -> tuple[Kind, tuple[int, ...]]:
    """Return kind and shape of a group: a struct array has nothing but references without a class."""
    members = [entries[number] for number in group.members.values()]
    if not members:
        return "empty", (0, 0)
    if any(member.targets is None or member.name is not None for member in members):
        return "struct", (1, 1)
    return "structs", members[0].shape[::-1]


def _turned(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array in MATLAB's shape."""
    return np.atleast_2d(values).T if values.ndim < 2 else values.T
