"""MATLAB v7.3 files without tables, laid out as MATLAB lays them out in HDF5.

A 512-byte user block with the MATLAB header; arrays with reversed dims and a `MATLAB_class`; cells and struct arrays as
object references into `#refs#`; what is empty as the array of its dims with `MATLAB_empty`
(The MathWorks, *MAT-File Level 7.3*; the layout that h5py users of the sources describe).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.errors import MissingDependencyError

_USER_BLOCK: Final = 512
_CHUNKED_FROM: Final = 4096
_CLASSES: Final = {"f8": "double", "f4": "single", "b1": "logical"}


def write_hdf5(path: Path, variables: Mapping[str, Any], header: bytes) -> None:
    """Write variables as one v7.3 file; kinds of values as in `matfile.save_struct`, tables excepted."""
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError.of("h5py", "readers") from error
    with h5py.File(path, "w", userblock_size=_USER_BLOCK, libver="earliest") as file:
        writer = _Writer(file)
        for name, value in variables.items():
            writer.write(file, name, value)
    with path.open("r+b") as stream:
        stream.write(header.ljust(116) + bytes(8) + b"\x00\x02IM")


class _Writer:
    """Writes values into one file and numbers what references point to."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._count = 0

    def write(self, group: Any, name: str, value: Any) -> None:
        """Write one value under ``name``."""
        from biomech_xr.synthetic.matfile import FIELDLESS, Structs

        if isinstance(value, Structs) and len(value.elements) == 1:
            self.write(group, name, value.elements[0])
        elif isinstance(value, Mapping):
            made = group.create_group(name, track_order=True)
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            for field, entry in value.items():
                self.write(made, field, entry)
        elif isinstance(value, Structs):
            made = group.create_group(name, track_order=True)
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            for field in value.elements[0]:
                self._references(made, field, np.array([[self._refer(e[field]) for e in value.elements]], dtype=object))
        elif value is FIELDLESS:
            self._empty(group, name, (1, 1), "struct")
        elif isinstance(value, str):
            self._text(group, name, value)
        elif isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object):
            self._cell(group, name, value)
        else:
            self._numbers(group, name, np.asarray(value))

    def _refer(self, value: Any) -> Any:
        refs = self._file.require_group("#refs#")
        name = f"r{self._count}"
        self._count += 1
        self.write(refs, name, value)
        return refs[name].ref

    def _references(self, group: Any, name: str, references: np.ndarray) -> Any:
        import h5py

        return group.create_dataset(name, data=references.T, dtype=h5py.ref_dtype)

    def _cell(self, group: Any, name: str, value: Any) -> None:
        entries = value if isinstance(value, np.ndarray) else np.empty((len(value), 1), dtype=object)
        if not isinstance(value, np.ndarray):
            for i, entry in enumerate(value):
                entries[i, 0] = entry
        if entries.size == 0:
            self._empty(group, name, entries.shape, "cell")
            return
        references = np.empty(entries.shape, dtype=object)
        for place in np.ndindex(entries.shape):
            references[place] = self._refer(entries[place])
        self._references(group, name, references).attrs["MATLAB_class"] = np.bytes_("cell")

    def _text(self, group: Any, name: str, value: str) -> None:
        if not value:
            self._empty(group, name, (0, 0), "char")
            return
        made = group.create_dataset(name, data=np.array([[ord(letter)] for letter in value], dtype=np.uint16))
        made.attrs["MATLAB_class"] = np.bytes_("char")
        made.attrs["MATLAB_int_decode"] = np.int32(2)

    def _numbers(self, group: Any, name: str, value: np.ndarray) -> None:
        shaped = value.reshape(1, 1) if value.ndim == 0 else value.reshape(-1, 1) if value.ndim == 1 else value
        if shaped.size == 0:
            self._empty(group, name, shaped.shape, "double")
            return
        kind = _CLASSES.get(shaped.dtype.str[1:], shaped.dtype.name)
        data = shaped.astype(np.uint8) if shaped.dtype == bool else shaped
        large = {"compression": "gzip", "compression_opts": 1} if data.nbytes >= _CHUNKED_FROM else {}
        made = group.create_dataset(name, data=np.ascontiguousarray(data.T), **large)
        made.attrs["MATLAB_class"] = np.bytes_(kind)

    def _empty(self, group: Any, name: str, dims: tuple[int, ...], kind: str) -> None:
        made = group.create_dataset(name, data=np.array(dims, dtype=np.uint64))
        made.attrs["MATLAB_class"] = np.bytes_(kind)
        made.attrs["MATLAB_empty"] = np.uint8(1)
