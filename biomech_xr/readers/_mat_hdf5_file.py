"""A MATLAB v7.3 file at arm's length: the list of its objects, and their numbers as a child process sends them."""

from __future__ import annotations

import importlib.util
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import DataFormatError, MissingDependencyError
from biomech_xr.readers import _limited
from biomech_xr.readers._mat5_checks import REFERENCE, sound_metadata, sound_reference

MEMORY: Final = 2 * 1024**3
"""Bytes of address space of the process that reads one file."""

_SECONDS: Final = 120
_SECONDS_A_GIB: Final = 300
"""Time (s) that one answer may take, and what a file's size adds: a listing of 3 GB of small arrays is work."""

_MOST_LISTING: Final = 1 << 30
_KEPT_FILES, _KEPT_OBJECTS = 4, 200_000
_SETTLED: Final = 2_000_000_000
"""Age from which the time of its last change tells one state of a file from the next, ns."""

_ACTION: Final = "Do not trust this file; download it again from the source"


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of the file: a group with members (name to number), or an array.

    `name` is MATLAB's class, None without one; `empty` are the dims of an array that is marked as empty; `targets` are
    the numbers that an array of references refers to; `coded` says that MATLAB objects are meant; `place` is where it
    is in the file.
    """

    is_group: bool
    place: str
    coded: bool
    members: Mapping[str, int]
    order: Sequence[str] | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str | None
    empty: tuple[int, ...] | None
    targets: Sequence[int] | None

    @property
    def nbytes(self) -> int:
        """The size of the values."""
        return 0 if self.is_group else math.prod(self.shape) * self.dtype.itemsize


_Key = tuple[str, int, int, int]
_kept: Final[OrderedDict[_Key, Sequence[Entry]]] = OrderedDict()
_lock: Final = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Hdf5File:
    """One open file; the child that reads it starts when it is needed.

    Parameters
    ----------
    path, dataset
        The file and the source's name for messages.
    stack
        What ends the child when the file is closed.
    """

    def __init__(self, path: Path, dataset: str, stack: ExitStack) -> None:
        self.path = path
        self.dataset = dataset
        self._stack = stack
        self._line: _limited.Line | None = None
        self._starting = threading.Lock()
        self._owner = os.getpid()
        self.entries = self._list()

    def read(self, numbers: Sequence[int], columns: tuple[int, int] | None = None) -> list[npt.NDArray[Any]]:
        """Return arrays, dims as in the file; of one alone, only some rows of the first dim."""
        if not numbers:
            return []
        chosen = [self.entries[number] for number in numbers]
        line = self._open()
        try:
            with line.talk():
                line.ask(["read", [entry.place for entry in chosen], columns])
                return [_receive(line, entry, columns) for entry in chosen]
        except _limited.LimitedError as error:
            raise self.failed(error) from error

    def prove_objects(self) -> None:
        """Raise unless all can be read and what describes MATLAB objects is sound; mat-io reads it afterwards."""
        line = self._open()
        try:
            with line.talk():
                line.ask(["drain", [entry.place or "/" for entry in self.entries]])
                line.value(1 << 10)
        except _limited.LimitedError as error:
            raise self.failed(error) from error
        words = [n for n, e in enumerate(self.entries) if not e.is_group and e.dtype.str == "<u4" and e.nbytes >= 12]
        for number in words:
            content = self.read([number])[0].tobytes()
            first = int.from_bytes(content[:4], "little")
            if (first == REFERENCE or self.entries[number].coded) and not sound_reference(content, "<"):
                raise self.bad("a reference to MATLAB objects that does not name as many as it says")
        self._prove_metadata()

    def _prove_metadata(self) -> None:
        entries = self.entries
        subsystem = entries[entries[0].members["#subsystem#"]]
        stores = [entries[number] for name, number in subsystem.members.items() if name == "MCOS"]
        for store in stores:
            targets = store.targets or ()
            first = entries[targets[0]] if targets else None
            known = first is not None and not first.is_group and first.dtype.itemsize == 1 and first.dtype.kind in "iu"
            if not known or not sound_metadata(self.read(targets[:1])[0].tobytes(), "<"):
                raise self.bad("metadata of MATLAB objects that do not follow each other")

    def bad(self, found: str) -> DataFormatError:
        """Return the error about this file; the caller raises it."""
        return DataFormatError.of(
            dataset=self.dataset, file=self.path, found=found, expected="a sound MATLAB v7.3 file", action=_ACTION
        )

    def failed(self, error: Exception) -> DataFormatError:
        """Return the error for what the line said: about this file, or about the machine."""
        if not isinstance(error, _limited.UnavailableError):
            return self.bad(str(error))
        return DataFormatError.of(
            dataset=self.dataset, file=self.path, found=str(error), expected="a parser", action=error.action
        )

    def _open(self) -> _limited.Line:
        """Return the line to the child; another child where the line was left closed, or this process was forked."""
        if self._owner != os.getpid():
            self._owner, self._starting, self._line = os.getpid(), threading.Lock(), None
        with self._starting:
            if self._line is None or not self._line.usable:
                try:
                    patience = _SECONDS + round(_SECONDS_A_GIB * self.path.stat().st_size / 1024**3)
                    child = _limited.opened("_mat_hdf5_worker", self.path, memory=MEMORY, seconds=patience)
                    self._line = self._stack.enter_context(child)
                except _limited.LimitedError as error:
                    raise self.failed(error) from error
            return self._line

    def _list(self) -> Sequence[Entry]:
        """Return the file's objects, from memory where it has not changed."""
        state = self.path.stat()
        key = (str(self.path.resolve()), state.st_size, state.st_mtime_ns, state.st_ino)
        with _lock:
            if key in _kept:
                _kept.move_to_end(key)
                return _kept[key]
        line = self._open()
        try:
            with line.talk():
                line.ask(["walk"])
                entries = [_entry(fields) for fields in line.value(_MOST_LISTING)]
        except (TypeError, ValueError, LookupError) as error:
            raise self.failed(error) from error
        if len(entries) <= _KEPT_OBJECTS and time.time_ns() - state.st_mtime_ns > _SETTLED:
            with _lock:
                _kept[key] = entries
                while len(_kept) > _KEPT_FILES:
                    _kept.popitem(last=False)
        return entries


@contextmanager
def opened(path: Path, dataset: str) -> Iterator[Hdf5File]:
    """Yield a v7.3 file whose structure is sound.

    Raises
    ------
    MissingDependencyError
        h5py is not installed.
    DataFormatError
        The file is damaged, or holds what MATLAB never writes; reading raises it too.
    """
    if importlib.util.find_spec("h5py") is None:
        raise MissingDependencyError.of("h5py", "readers")
    with ExitStack() as stack:
        yield Hdf5File(path, dataset, stack)


_NOTHING: Final = np.dtype(np.uint8)


def _entry(fields: Sequence[Any]) -> Entry:
    """Return an object from its place in the child's list."""
    if fields[0] == "g":
        _, members, order, place, coded = fields
        return Entry(True, place, coded, dict(members), order, (), _NOTHING, None, None, None)  # noqa: FBT003
    _, shape, kind, name, empty, targets, place, coded = fields
    dims = None if empty is None else tuple(empty)
    return Entry(False, place, coded, {}, None, tuple(shape), np.dtype(kind), name, dims, targets)  # noqa: FBT003


def _receive(line: _limited.Line, entry: Entry, columns: tuple[int, int] | None) -> npt.NDArray[Any]:
    """Return one array as the child sends it."""
    shape, kind = line.value(1 << 12)
    if tuple(shape) != entry.shape or np.dtype(kind) != entry.dtype:
        raise _limited.LimitedError("a file that changed while it was read")
    if columns is not None:
        shape = [columns[1] - columns[0], *shape[1:]]
    values = np.empty(shape, entry.dtype)
    left = values.reshape(-1).view(np.uint8).data if values.size else memoryview(b"")
    while left:
        left = left[line.into(left) :]
    return values
