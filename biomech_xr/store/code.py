"""Which code makes the numbers of a store: a digest of the modules that shape them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

_SHAPING: Final = (
    "compiled.py",
    "datasets",
    "evidence",
    "parse",
    "process",
    "readers",
    "schema",
    "store/encoding.py",
    "vocabulary.py",
)
"""Modules and folders of the package from which the values, labels and reasons of a store come."""


@cache
def code_digest() -> str:
    """Return twelve hexadecimal digits that stand for every line of code that shapes numbers, the same everywhere.

    How a store is laid out, read, trained from or shown does not count, and neither do texts beside the code.
    """
    package, found = Path(__file__).parents[1], hashlib.sha256()
    for place in (package / name for name in _SHAPING):
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]
