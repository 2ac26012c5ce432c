"""What SIAT's notes leave open and each person's own level walking settles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import Judge
from biomech_xr.datasets.siat.labels import FloatArray, assign_legs, confirm_legs, find_cycles, sample
from biomech_xr.datasets.walking import Factors, Walk, angle_signs, emg_state, moment_factors

_EMG: Final = "sEMG: rectus femoris"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was decided for one person: factors to canonical, and every decision in words.

    `moment` is empty where torques cannot be divided by the body mass.
    """

    angle: Factors
    moment: Factors
    emg_state: words.EmgState
    notes: Mapping[str, str] = field(default_factory=dict)


def name_of(kind: str, joint: str, motion: str, side: str) -> str:
    """Return the raw name of a joint column; ``kind`` is `angle` or `moment`."""
    group, word = ("Kinematic", "angle") if kind == "angle" else ("Kinetic", "torque")
    return f"{group}: {side} {joint} {motion} {word}"


def knees_of(table: pd.DataFrame, factor: float = 1.0) -> dict[words.Side, FloatArray]:
    """Return both knee angles of a data table, (row,), times a factor."""
    return {side: table[name_of("angle", "knee", "flexion", side)].to_numpy() * factor for side in words.SIDES}


def decide(
    data: pd.DataFrame, labels: pd.DataFrame | None, path: Path, *, body_mass: float, options: Mapping[str, Any]
) -> Facts:
    """Return the facts of one person from level walking.

    Parameters
    ----------
    data, labels
        The tables of `WAK`; without ``labels`` there are no strides to decide from.
    path
        The data file, for messages.
    body_mass
        kg, NaN where unknown.
    options
        Those that the user gave; each settles its question.

    Raises
    ------
    DataFormatError
        The data leave a question open and no option settles it.
    """
    time = data["Time"].to_numpy()
    found = [] if labels is None else assign_legs(find_cycles(labels, "WAK"), knees_of(data), time)
    strides = [cycle for cycle in confirm_legs(found, knees_of(data), time)[1] if not cycle.fault]

    def curves(kind: str, joint: str) -> FloatArray:
        sides: tuple[words.Side, ...] = words.SIDES
        return np.concatenate(
            [
                sample(
                    data[name_of(kind, joint, "flexion", side)].to_numpy(), time, [c for c in strides if c.side == side]
                )
                for side in sides
            ]
        )

    judge = Judge(dataset="siat", file=path, options=options)
    walk = Walk(judge=judge, curves=curves, column=lambda kind, joint: name_of(kind, joint, "flexion", "*"))
    angle = {("hip", "adduction"): 1.0, **angle_signs(walk)}
    moment = moment_factors(walk, angle, body_mass)
    state = emg_state(judge, data[_EMG].to_numpy(), 1920.0, _EMG, declared="raw")
    return Facts(angle=angle, moment=moment, emg_state=state, notes=judge.notes)
