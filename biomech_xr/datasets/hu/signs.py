"""Signs of Hu's goniometers: the user's option, else the convention unless strides surely deny it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import Judge, clearest
from biomech_xr.datasets.knee import knee_notes, stride_curves
from biomech_xr.datasets.spec import JointColumn, Option
from biomech_xr.evidence import Decision
from biomech_xr.schema import Signal

_CHOICES: Final = ("negative", "positive", "left_positive", "right_positive")

OPTIONS: Final[Mapping[str, Option]] = {
    f"{joint}_sign": Option(
        kind="choice",
        choices=_CHOICES,
        help=f"Sign of {motion} in the processed files: negative (the default) or positive in both legs, or positive "
        "in one leg only",
    )
    for joint, motion in (("knee", "knee flexion"), ("ankle", "ankle dorsiflexion"))
}


def with_signs(columns: Mapping[str, JointColumn], options: Mapping[str, Any]) -> dict[str, JointColumn]:
    """Return the goniometers' columns with the factors that the options state."""
    return {
        name: dataclasses.replace(column, factor=1.0)
        if options.get(f"{column.joint}_sign") in ("positive", f"{column.side}_positive")
        else column
        for name, column in columns.items()
    }


def sign_notes(
    table: pd.DataFrame, path: Path, signal: Signal, strides: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> dict[str, str]:
    """Return what was found of both signs in a circuit.

    Parameters
    ----------
    table, path
        The processed file.
    signal
        Its canonical angles.
    strides
        Rows of the stride table; the ankle is judged on level walking alone.
    options
        What the user states.

    Raises
    ------
    DataFormatError
        Strides surely deny a sign that no option states.
    """
    notes, contradicted = knee_notes(signal, strides)
    judge = Judge(dataset="hu", file=path, options=options, notes=notes)
    knees = {side: notes[f"evidence.knee_sign.{side}"] for side in contradicted}
    if judge.asked("knee_sign") is None:
        _accept(judge, "knee", knees)
        sitting = table.loc[table["Mode"] == 0, ["Left_Knee", "Right_Knee"]].median()
        if doubts := [str(name) for name in sitting.index[sitting > 0]]:
            notes["knee_sign"] = f"doubtful: {', '.join(doubts)} not negative while sitting"
    walking = [row for row in strides if row["activity"] == "walk"]
    ankles: dict[str, Decision[int]] = {}
    for side in words.SIDES:
        curves = stride_curves(signal, walking, side, "ankle", "flexion")
        if np.isfinite(curves).all(axis=1).any():
            ankles[side] = judge.heard(f"ankle_sign.{side}", evidence.ankle_sign(curves))
    if judge.asked("ankle_sign") is None and ankles:
        _accept(judge, "ankle", {side: d.note() for side, d in ankles.items() if d.sure and d.value < 0})
        judge.assume("ankle_sign", clearest(list(ankles.values())), 1, "the authors negate the goniometer's ankle")
    return notes


def _accept(judge: Judge, joint: str, denied: Mapping[str, str]) -> None:
    """Refuse a joint whose strides surely deny its convention, by leg with the evidence."""
    if denied:
        found = "; ".join(f"{side}: {note}" for side, note in denied.items())
        text = f"the processed files are said to be negative, the curves are not; as read so, {found}"
        fields = ", ".join(f"{side.title()}_{joint.title()}" for side in denied)
        judge.value(f"{joint}_sign", fields, Decision("negative", 0.0, text))
