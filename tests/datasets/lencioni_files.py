"""Files of Lencioni for the tests of its reader and its writer, written once a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.lencioni import write_lencioni

_MADE: dict[str, tuple[Path, Truth]] = {}


def tree(make_folder: Callable[[], Path]) -> tuple[Path, Truth]:
    """Return the files of three people, written at the first call: they are read, never changed."""
    if "tree" not in _MADE:
        root = make_folder()
        _MADE["tree"] = root, write_lencioni(root, patients=3, seed=3, minutes=0.1)
    return _MADE["tree"]
