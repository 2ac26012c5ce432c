"""Names on disk in any case: releases pass through systems that do not tell upper from lower case."""

from __future__ import annotations

from pathlib import Path


def files_of(folder: Path, *endings: str) -> list[Path]:
    """Return the files of a folder with one of the endings (``.csv``), in any case; hidden ones left out, sorted.

    A folder that does not exist has none.
    """
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in entries if path.suffix.lower() in endings and path.name[0] != "." and path.is_file()]


def folder_in(parent: Path, name: str) -> Path:
    """Return the folder of that name in any case; ``parent / name``, which is no folder, where there is none."""
    exact = parent / name
    if exact.is_dir() or not parent.is_dir():
        return exact
    return next(
        (path for path in sorted(parent.iterdir()) if path.is_dir() and path.name.lower() == name.lower()), exact
    )
