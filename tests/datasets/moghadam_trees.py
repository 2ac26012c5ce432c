"""A tree of five trials of P1, cut out of a written tree of Moghadam, and changes of its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from biomech_xr.datasets.moghadam import recordings
from biomech_xr.schema import Trial, validate_trial

TOP = Path("Surrogate_modelling_to_predict_gait_time_series-main")


def five_trials(root: Path, folder: Path) -> Path:
    """Copy the workbook and five trials of P1 without inertial units into ``folder``."""
    shutil.copytree(root / TOP / "Gait_Time_Series" / "P1Data", folder / "Gait_Time_Series" / "P1Data")
    shutil.copy(root / TOP / "Study Summary.xlsx", folder)
    person = folder / "Gait_Time_Series" / "P1Data"
    shutil.rmtree(person / "IMU")
    for path in person.rglob("*.*"):
        if path.stem not in ("1", "2", "3", "5", "6"):
            path.unlink()
    return folder


def files(root: Path, folder: str) -> list[Path]:
    return sorted((root / "Gait_Time_Series" / "P1Data" / folder).iterdir())


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="ascii")), encoding="ascii")


def scale(path: Path, words: tuple[str, ...], factor: float) -> None:
    """Multiply the columns of a storage file whose name holds a word."""
    head, mark, body = path.read_text(encoding="ascii").partition("endheader\n")
    names, *rows = body.splitlines()
    chosen = [any(word in name for word in words) for name in names.split("\t")]
    lines = [
        "\t".join(f"{float(c) * factor:.8f}" if on else c for c, on in zip(row.split("\t"), chosen, strict=True))
        for row in rows
    ]
    path.write_text(head + mark + "\n".join([names, *lines]) + "\n", encoding="ascii")


def read(root: Path, **options: object) -> list[Trial]:
    found = list(recordings(root, "P1", options))
    for trial in found:
        validate_trial(trial)
    return found
