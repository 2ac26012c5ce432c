"""Columns of a UT Dallas trial, and what both sources assume of them."""

from __future__ import annotations

from typing import Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets.spec import JointColumn
from biomech_xr.datasets.utd.facts import ORDER

MUSCLES: Final = {
    "RF": "rectus_femoris",
    "TA": "tibialis_anterior",
    "BF": "biceps_femoris",
    "GC": "gastrocnemius_medialis",
}
PLUG_IN_GAIT: Final = -1e-3
"""Factor from moments of Plug-in Gait, N mm/kg, to canonical ones."""

ASSUMPTIONS: Final = (
    "a run of four or more exact zeros is missing data; zero columns at the end of an array are padding",
    "arrays with as many columns without padding as the clock are paired with it column by column; any other is left "
    "out of that leg and trial",
    "a stride that stops within 20 ms of the leg's next contact stops there: the time between contacts is its duration",
    "first times of strides are one clock where no stride of the leg begins more than 20 ms before the one before has "
    "stopped",
    "a stride whose times do not ascend, or lie more than one sample off even steps, has no duration",
    "the EMG looks at most 0.57 s into the future: a zero-phase low-pass at 6 Hz of 4th order in each pass leaves "
    "less than 1e-4 of the absolute sum of its impulse response to later samples; filters are not stated",
    "the gastrocnemius head is not stated: stored as gastrocnemius_medialis, ambiguous",
    "height is in the unit that gives 1.2 to 2.3 m, mass in kg from 35 to 180, unless the cell names the unit",
    "the coding of gender is not stated: sex is unknown unless the file itself names it",
    "mains at 60 Hz, as in Dallas",
    "the smoothing of markers is not stated: kinematics_lookahead is unknown",
)


def joint_columns(folder: str, factor: float, suffix: str = "") -> dict[str, JointColumn]:
    """Return path -> column of x, y and z of every joint of both legs below ``folder``."""
    return {
        f"{folder}.{side}.{joint}.{axis}{suffix}": JointColumn(joint=joint, motion=motion, side=side, factor=factor)
        for side in words.SIDES
        for joint in words.JOINTS
        for axis, motion in zip("xyz", ORDER, strict=True)
    }
