"""Circuits of Hu written from the dataset's description: columns that a test changes before they are saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from biomech_xr.datasets.hu import SPEC, recordings
from biomech_xr.schema import Trial
from biomech_xr.synthetic.tables import write_csv

ROWS = 12_000
RIGHT = (2000, 3100, 4200, 5300, 6400, 10_600, 11_600)
RIGHT_TRIGGERS = (311, 1311, 1311, 1341, 4341, 4341, 6361)
LEFT = (2500, 3650, 11_000, 11_900)
LEFT_TRIGGERS = (1311, 1311, 1311, 1311)


def circuit() -> dict[str, np.ndarray]:
    """Return the columns of a circuit: sitting to 1.9 s, walking to 5.25 s, stairs up.

    Contacts are 1-based rows; the right list has a gap.
    """
    rng = np.random.default_rng(1)
    seconds = np.arange(ROWS) / 1000
    table = {name: rng.standard_normal(ROWS) for name in SPEC.emg}
    swing = {"Right": bend((seconds - 1.999) / 1.1), "Left": bend((seconds - 2.499) / 1.15)}
    for side in ("Left", "Right"):
        table[f"{side}_Knee"] = np.where(seconds < 1.9, -95.0, -swing[side])
        table[f"{side}_Ankle"] = 8 * np.sin(2 * np.pi * seconds / 1.1)
    table["Mode"] = np.select([seconds < 1.9, seconds < 5.25], [0, 1], 4).astype(float)
    for side, contacts, triggers in (("Right", RIGHT, RIGHT_TRIGGERS), ("Left", LEFT, LEFT_TRIGGERS)):
        offs = [contact + 700 for contact in contacts[:-1]]
        for name, values in (("Heel_Contact", contacts), ("Heel_Contact_Trigger", triggers), ("Toe_Off", offs)):
            column = np.full(ROWS, np.nan)
            column[: len(values)] = values
            table[f"{side}_{name}"] = column
    return table


def write(
    root: Path, table: dict[str, np.ndarray], *, patient: str = "AB156", number: int = 1, double: bool = False
) -> Path:
    folder = root / patient / patient / "Processed" if double else root / patient / "Processed"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{patient}_Circuit_{number:03d}_post.csv"
    write_csv(path, table, dict.fromkeys(table, 4))
    return path


def bend(phase: np.ndarray) -> np.ndarray:
    """Return a knee that flexes in swing, degrees: 60 at 72 % of the cycle, a little in early stance."""
    late, early = (phase - 0.22) % 1 - 0.5, phase % 1 - 0.14
    return np.asarray(5 + 55 * np.exp(-((late / 0.09) ** 2)) + 12 * np.exp(-((early / 0.06) ** 2)))


def ankle(phase: np.ndarray) -> np.ndarray:
    """Return an ankle that dorsiflexes to 12 degrees in late stance and plantarflexes by 15 at push-off."""
    late, push = phase % 1 - 0.42, phase % 1 - 0.64
    return np.asarray(12 * np.exp(-((late / 0.13) ** 2)) - 20 * np.exp(-((push / 0.06) ** 2)))


def read(root: Path, patient: str = "AB156", **options: str) -> list[Trial]:
    """Return the circuits of one person."""
    return list(recordings(root, patient, options))
