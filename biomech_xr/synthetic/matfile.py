"""MATLAB v5 files, plain structs and tables, with a fixed header so that the same signals give the same bytes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from biomech_xr.errors import MissingDependencyError

_TEXT: Final = b"MATLAB 5.0 MAT-file, Platform: synthetic, written by biomech-xr"
_TEXT_BYTES: Final = 116


def save_tables(path: Path, variables: Mapping[str, Any], *, compress: bool) -> None:
    """Write variables; every pandas DataFrame becomes a MATLAB table (an MCOS object).

    Raises
    ------
    MissingDependencyError
        mat-io is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The 'future.infer_string' option is deprecated")
            import matio
    except ImportError as error:
        raise MissingDependencyError.of("mat-io", "readers") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    matio.save_to_mat(str(path), dict(variables), version="v7", do_compression=compress)
    _fix_header(path)


def save_struct(path: Path, variables: Mapping[str, Any]) -> None:
    """Write variables; nested dictionaries become structs."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, dict(variables), do_compression=True)
    _fix_header(path)


def _fix_header(path: Path) -> None:
    """Replace the descriptive text, which holds the time of writing."""
    with path.open("r+b") as file:
        file.write(_TEXT.ljust(_TEXT_BYTES))
