"""Camargo's tree: the date folders of a person, and which files belong to one trial."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from biomech_xr.datasets._names import files_of
from biomech_xr.errors import DataFormatError

logger = logging.getLogger(__name__)

SENSORS: Final = ("emg", "ik", "ik_offset", "id", "imu", "gcleft", "gcright", "conditions")
"""Folders of a mode that are read, in lower case."""

_NUMBERS: Final = r"\d+(_\d+)?_\d+"
_GRAMMAR: Final = {
    "treadmill": re.compile(rf"treadmill_{_NUMBERS}"),
    "levelground": re.compile(rf"levelground_(cw|ccw)_(slow|normal|fast)_{_NUMBERS}"),
    "ramp": re.compile(rf"ramp_[1-6]_[lr]_{_NUMBERS}"),
    "stair": re.compile(rf"stair_[1-4]_[lr]_{_NUMBERS}"),
    "static": re.compile(r"static.*"),
}
"""Trial names of each mode in lower case; a repeat number may stand before the last one."""


def date_folders(person: Path) -> list[Path]:
    """Return the folders of a person, or of a folder of the same name in it, that hold a mode, sorted by name."""
    inside = [path for path in sorted(person.iterdir()) if path.is_dir()]
    doubled = [path for path in inside if path.name.upper() == person.name.upper()]
    candidates = [*inside, *(path for folder in doubled for path in folder.iterdir() if path.is_dir())]
    dates = [
        path for path in candidates if any(one.is_dir() and one.name.lower() in _GRAMMAR for one in path.iterdir())
    ]
    return sorted(dates, key=lambda path: path.name)


def trial_files(date: Path) -> Iterator[tuple[str, str, dict[str, Path]]]:
    """Yield (mode, trial, file by sensor) of every trial name that any sensor folder holds.

    Raises
    ------
    DataFormatError
        Two files of one sensor have names that differ in upper and lower case only.
    """
    folders = [path for path in sorted(date.iterdir()) if path.is_dir()]
    for mode in _GRAMMAR:
        files: dict[str, dict[str, Path]] = {}
        for sensor in [path for folder in folders if folder.name.lower() == mode for path in sorted(folder.iterdir())]:
            if sensor.name.lower() not in SENSORS:
                continue
            for path in files_of(sensor, ".mat"):
                if not _GRAMMAR[mode].fullmatch(path.stem.lower()):
                    logger.warning("camargo: %s: not named like a %s trial, not read", path, mode)
                    continue
                other = files.setdefault(path.stem.lower(), {}).setdefault(sensor.name.lower(), path)
                if other != path:
                    raise DataFormatError.of(
                        dataset="camargo",
                        file=path,
                        field="file name",
                        found=f"the same trial as {other.name}",
                        expected="names that differ by more than upper and lower case",
                        action="Remove the copy",
                    )
        for name in sorted(files):
            yield mode, name, files[name]
