"""MATLAB v7.3 values, read lazily from HDF5.

MATLAB stores an array with its dims reversed; a cell as an array of object references; a struct as a group; a struct
array as a group whose members are arrays of references without a class of their own; an empty array, and a struct
without fields, as the array of its dims with the attribute `MATLAB_empty`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import BiomechXRError, DataFormatError, MissingDependencyError
from biomech_xr.readers.mat import REAL, Kind, MatNode
from biomech_xr.readers.matlab import MAX_BYTES, damaged

_BROKEN: Final = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError)
"""What h5py raises on damaged content."""

_INTERNAL: Final = ("#refs#", "#subsystem#")


@contextmanager
def opened(path: Path, dataset: str) -> Iterator[MatNode | None]:
    """Yield the variables of a v7.3 file as a struct; None where it holds MATLAB objects (tables)."""
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError.of("h5py", "readers") from error
    with _guard(path, dataset):
        file = h5py.File(path, "r")
    with file:
        with _guard(path, dataset):
            plain = _INTERNAL[1] not in file
        if plain:
            yield Hdf5Node(file, dataset=dataset, file=path, path="")
            return
        total = _total(file, path, dataset)
        if total > MAX_BYTES:
            raise DataFormatError.of(
                dataset=dataset,
                file=path,
                found=f"tables in a file of {total / 1024**3:.1f} GiB unpacked",
                expected=f"at most {MAX_BYTES / 1024**3:g} GiB where tables must be loaded whole",
                action="Split the file in MATLAB, or save it without tables",
            )
    yield None


@contextmanager
def _guard(path: Path, dataset: str) -> Iterator[None]:
    """Turn what h5py raises on damaged content into our error."""
    try:
        yield
    except BiomechXRError:
        raise
    except _BROKEN as error:
        raise damaged(path, dataset, error) from error


def _total(file: Any, path: Path, dataset: str) -> int:
    """Return the unpacked size of everything in a file, bytes."""
    sizes: list[int] = []
    with _guard(path, dataset):
        file.visititems(lambda _name, item: sizes.append(int(getattr(item, "nbytes", 0))))
    return sum(sizes)


class Hdf5Node(MatNode):
    """A group or dataset; with ``index``, one element of the struct array that the group is."""

    def __init__(self, item: Any, *, dataset: str, file: Path, path: str, index: int | None = None) -> None:
        super().__init__(dataset=dataset, file=file, path=path)
        self._item = item
        self._index = index
        self._structs: dict[str, MatNode] = {}
        with _guard(file, dataset):
            self.kind, self.shape = self._describe()

    def _describe(self) -> tuple[Kind, tuple[int, ...]]:
        item = self._item
        if _is_group(item):
            if self._index is not None or not self.path:
                return "struct", (1, 1)
            return _describe_group(item)
        if _has(item, "MATLAB_empty") and item.attrs["MATLAB_empty"]:
            dims = tuple(int(n) for n in np.atleast_1d(item[()]).reshape(-1))
            return "empty", dims if 0 in dims else (0, 0)
        shape = tuple(item.id.shape[::-1]) or (1, 1)
        shape = shape if len(shape) > 1 else (shape[0], 1)
        if 0 in shape:
            return "empty", shape
        if _is_reference(item):
            return "cell", shape
        whole = item.id.dtype.kind in "iu"
        return ("text" if whole and item.attrs.get("MATLAB_class") == b"char" else "numeric"), shape

    @cached_property
    def _names(self) -> tuple[str, ...]:
        if self.kind != "struct":
            return ()
        with _guard(self.file, self.dataset):
            order = self._item.attrs.get("MATLAB_fields")
            names = [name for name in map(_text_of, self._item) if name not in _INTERNAL]
            if order is None:
                return tuple(names)
            stated = ["".join(letter.decode("latin-1") for letter in entry) for entry in order]
        return tuple(stated) if sorted(stated) == sorted(names) else tuple(names)

    def fields(self) -> tuple[str, ...]:
        """Return the names of a struct's fields; none for any other kind."""
        return self._names

    def _child(self, name: str) -> MatNode:
        import h5py

        if name in self._structs:
            return self._structs[name]
        with _guard(self.file, self.dataset):
            if self._item.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                raise self.bad(found=f"{name} outside the file", expected="data in it", action="Do not trust this file")
            item = _open(self._item, name)
            if self._index is not None:
                item = self._item.file[item[()].reshape(-1)[self._index]]
        node = Hdf5Node(item, dataset=self.dataset, file=self.file, path=self._join(name))
        if node.kind == "struct":
            self._structs[name] = node
        return node

    @cached_property
    def _references(self) -> npt.NDArray[Any]:
        with _guard(self.file, self.dataset):
            return np.asarray(self._item[()]).reshape(-1)

    def element(self, index: int) -> MatNode:
        """Return an element of a cell or struct array, from 0, column by column."""
        if self.kind == "struct" and index == 0:
            return self
        if self.kind not in ("cell", "structs") or not 0 <= index < len(self):
            raise self.bad(found=self.says(), expected=f"an element {index + 1}", action="Check the file")
        path = f"{self.path}({index + 1})"
        if self.kind == "structs":
            return Hdf5Node(self._item, dataset=self.dataset, file=self.file, path=path, index=index)
        with _guard(self.file, self.dataset):
            item = self._item.file[self._references[index]]
        return Hdf5Node(item, dataset=self.dataset, file=self.file, path=path)

    def _numbers(self, columns: slice | None) -> npt.NDArray[Any]:
        if self._item.nbytes > MAX_BYTES and columns is None:
            raise self.bad(found=f"{self._item.nbytes} bytes", expected=f"at most {MAX_BYTES}", action="Split the file")
        with _guard(self.file, self.dataset):
            values = _whole(self._item.id) if columns is None else self._item[columns]
        return np.atleast_2d(np.asarray(values)).T if np.ndim(values) < 2 else np.asarray(values).T

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return the numbers of every element of a cell."""
        import h5py

        if self.kind != "cell":
            return super().arrays()
        found: list[npt.NDArray[Any]] = []
        with _guard(self.file, self.dataset):
            for index, reference in enumerate(self._references):
                item = h5py.h5r.dereference(reference, self._item.id)
                if _is_plain(item):
                    values = np.empty(item.shape, item.dtype)
                    item.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
                    found.append(values.T)
                else:
                    found.append(self.element(index).array())
        return found

    def _text(self) -> list[str]:
        with _guard(self.file, self.dataset):
            return ["".join(chr(int(code)) for code in row) for row in self._numbers(None)]


def _is_plain(item: Any) -> bool:
    """Return whether a low-level dataset is surely an array of numbers; text is uint16, empty arrays are marked."""
    import h5py

    if not isinstance(item, h5py.h5d.DatasetID) or item.rank < 2 or 0 in item.shape:
        return False
    return item.dtype.kind in REAL and item.dtype != np.uint16 and not h5py.h5a.exists(item, b"MATLAB_empty")


def _text_of(name: object) -> str:
    """Return the name of a member; h5py gives bytes for one that is no text."""
    if not isinstance(name, str):
        raise ValueError(f"a member named {name!r}")
    return name


def _describe_group(group: Any) -> tuple[Kind, tuple[int, ...]]:
    """Return kind and shape of a group: a struct array has nothing but references without a class."""
    shape = None
    for name in group:
        member = _open(group, name)
        if not _is_reference(member) or _has(member, "MATLAB_class"):
            return "struct", (1, 1)
        shape = shape or member.shape
    return ("empty", (0, 0)) if shape is None else ("structs", tuple(shape[::-1]))


def _open(group: Any, name: str) -> Any:
    """Return a member of a group, as indexing does at twice the time."""
    import h5py

    item = h5py.h5o.open(group.id, name.encode())
    return h5py.Dataset(item) if isinstance(item, h5py.h5d.DatasetID) else h5py.Group(item)


def _whole(item: Any) -> npt.NDArray[Any]:
    """Return all of a low-level dataset."""
    import h5py

    if item.dtype.kind not in REAL:
        return np.asarray(h5py.Dataset(item)[()])
    values = np.empty(item.shape, item.dtype)
    item.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values


def _has(item: Any, attribute: str) -> bool:
    """Return whether a group or dataset has an attribute; asking for an absent one is slow."""
    import h5py

    return bool(h5py.h5a.exists(item.id, attribute.encode()))


def _is_group(item: Any) -> bool:
    return hasattr(item, "keys")


def _is_reference(item: Any) -> bool:
    import h5py

    return not _is_group(item) and h5py.check_ref_dtype(item.id.dtype) is h5py.Reference
