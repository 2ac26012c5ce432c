"""Compilation of loops: without the interpreter lock, and kept on disk where that is possible.

Machine code is kept beside the modules, or in the user's cache folder where the package is read-only, or where
``NUMBA_CACHE_DIR`` says. Numba takes a kept function for fresh as long as its own module is unchanged, but code and
constants of other modules are part of it: here it is fresh while none of the modules that may be part of it has
changed. Numba also numbers the files of a function in the order in which its argument types are met, which may differ
between processes that compile at the same time: here the name of a file comes from the types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numba
from numba.core import caching

PACKAGE: Final = Path(__file__).parent
_LOOPS: Final = (b"numba", b"biomech_xr.compiled")
_CONSTANTS: Final = (
    "load/blocks/block.py",
    "schema/columns.py",
    "store/encoding.py",
    "vocabulary.py",
    "window/index.py",
)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function with `numba.njit`, for each combination of types when it is met.

    Division by zero gives what NumPy gives. Where nothing can be written, every process compiles for itself.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)(function)
        if isinstance(dispatcher, numba.core.dispatcher.Dispatcher):  # else compilation is turned off
            try:
                dispatcher._cache = _Cache(function)
            except RuntimeError:
                return dispatcher
        return dispatcher

    return decorate


@cache
def stamp(package: Path = PACKAGE) -> str:
    """Return a hash of all modules whose code or constants compiled functions hold."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name, content = path.relative_to(package).as_posix(), path.read_bytes()
        if name in _CONSTANTS or any(word in content for word in _LOOPS):
            found.update(name.encode() + b"\0" + content + b"\0")
    return found.hexdigest()


class _Files(caching.IndexDataCacheFile):  # type: ignore[misc]
    """Files of a function, one for each combination of types: the stamp of the sources, and machine code."""

    def save(self, key: Any, data: Any) -> None:
        self._save_data(self._name(key), (self._source_stamp, data))

    def load(self, key: Any) -> Any:
        try:
            source, data = self._load_data(self._name(key))
        except OSError:
            return None
        return data if source == self._source_stamp else None

    def _name(self, key: Any) -> str:
        """Return the name of a file; versions of Numba do not share one."""
        digest = hashlib.sha256(repr((self._version, key)).encode()).hexdigest()
        return str(self._data_name(int(digest[:12], 16)))


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """The cache of a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp())
