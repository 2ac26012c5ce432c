"""Normative joint angles, moments and vertical forces of gait, as few control points of periodic splines.

Canonical signs and units (see `biomech_xr.vocabulary`): degrees and N m/kg, flexion, dorsiflexion, adduction and
internal rotation positive, moments internal and conjugate to the angles. The points were set by hand to follow
the shape and range of published mean curves; they are no one's data and no digitization:

* level walking: Winter 2009, *Biomechanics and Motor Control of Human Movement*, 4th ed.; Bovi et al. 2011,
  Gait & Posture 33:6, doi:10.1016/j.gaitpost.2010.08.009 (frontal and transverse planes);
* transverse moments of walking: signs as in the two recorded sources `falisse` and `lab`, which agree;
* stairs: Riener et al. 2002, Gait & Posture 15:32, doi:10.1016/S0966-6362(01)00162-X;
* ramps of 10 degrees: McIntosh et al. 2006, J Biomech 39:2491, doi:10.1016/j.jbiomech.2005.07.025.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline, PchipInterpolator

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError

Quantity = Literal["angle", "moment"]
Points = tuple[tuple[float, float], ...]
"""(per cent of the stride, value) pairs; the curve is periodic."""

_COMMON_ANGLES: Final[Mapping[tuple[str, str], Points]] = {
    ("hip", "adduction"): ((0, 1), (10, 6), (18, 7.5), (32, 5), (46, 3), (56, -3), (64, -6), (74, -4), (88, -0.5)),
    ("hip", "rotation"): ((0, -2), (15, 3), (30, 4), (48, 2), (62, -4), (76, -6), (90, -3)),
    ("knee", "adduction"): ((0, 0.5), (15, 2), (35, 1), (52, 0.5), (66, 3), (76, 4), (90, 1)),
    ("knee", "rotation"): ((0, -3), (15, 2), (40, 3), (60, 5), (76, 1), (90, -4)),
    ("ankle", "adduction"): ((0, 2), (12, -2), (32, -2), (50, 1), (62, 6), (76, 3), (90, 2)),
    ("ankle", "rotation"): ((0, -3), (20, -5), (45, -4), (60, -1), (78, -3), (90, -3)),
}
_COMMON_MOMENTS: Final[Mapping[tuple[str, str], Points]] = {
    ("hip", "adduction"): (
        (0, 0), (5, -0.35), (12, -0.78), (18, -0.9), (31, -0.66), (44, -0.82), (52, -0.58), (59, -0.12), (65, 0),
        (80, 0.01), (93, 0.02),
    ),
    ("hip", "rotation"): ((0, 0), (8, 0.04), (18, 0.13), (30, 0), (45, -0.12), (55, -0.06), (64, 0), (80, 0)),
    ("knee", "adduction"): (
        (0, 0), (5, -0.12), (14, -0.4), (30, -0.26), (45, -0.32), (53, -0.2), (61, -0.01), (80, 0), (93, 0),
    ),
    ("knee", "rotation"): ((0, 0), (12, 0.03), (25, -0.03), (45, -0.12), (55, -0.06), (64, 0), (80, 0)),
    ("ankle", "adduction"): ((0, 0), (15, 0.04), (30, 0.06), (47, -0.08), (58, -0.02), (65, 0), (80, 0)),
    ("ankle", "rotation"): ((0, 0), (12, 0.02), (24, -0.02), (45, -0.12), (55, -0.07), (64, 0), (80, 0)),
}  # fmt: skip
_ANGLES: Final[Mapping[str, Mapping[str, Points]]] = {
    "walk": {
        "hip": ((0, 28), (10, 25), (20, 17), (30, 7), (40, -2), (48, -8), (54, -10), (60, -6), (70, 9), (80, 24),
                (87, 30), (94, 30)),
        "knee": ((0, 4), (7, 12), (14, 18), (20, 17), (30, 10), (39, 5), (47, 8), (55, 21), (60, 35), (66, 53),
                 (72, 62.5), (78, 56), (85, 34), (92, 11), (96, 4.5)),
        "ankle": ((0, 0), (6, -5.5), (12, -1), (20, 3.5), (30, 6.5), (40, 9), (46, 10), (52, 5), (57, -6), (62, -16),
                  (66, -17), (72, -9), (80, -1), (87, 1.5), (95, 1)),
    },
    "ramp_ascent": {
        "hip": ((0, 46), (10, 44), (20, 33), (30, 20), (40, 8), (48, 0), (54, -2), (60, 3), (70, 24), (80, 42),
                (88, 50), (95, 49)),
        "knee": ((0, 19), (8, 26), (14, 28), (22, 23), (32, 13), (42, 7), (50, 12), (57, 25), (63, 42), (68, 56),
                 (73, 62.5), (80, 54), (88, 34), (95, 21)),
        "ankle": ((0, 5), (7, 3), (14, 8), (25, 12), (38, 15), (46, 15), (53, 7), (58, -5), (63, -13), (67, -14),
                  (74, -4), (82, 3), (90, 6)),
    },
    "ramp_descent": {
        "hip": ((0, 22), (10, 21), (20, 15), (30, 8), (40, 1), (48, -4), (55, -4), (62, 3), (70, 14), (80, 24),
                (88, 26), (95, 23)),
        "knee": ((0, 6), (8, 17), (16, 24), (25, 23), (35, 24), (45, 33), (54, 46), (62, 61), (69, 68), (76, 60),
                 (84, 36), (92, 11), (96, 6)),
        "ankle": ((0, -3), (6, -12), (12, -8), (20, -1), (32, 6), (44, 10), (52, 9), (58, 2), (64, -5), (70, -3),
                  (80, 0), (92, 0)),
    },
    "stair_ascent": {
        "hip": ((0, 62), (10, 56), (20, 44), (30, 29), (40, 17), (50, 9), (58, 8), (66, 22), (75, 45), (85, 63),
                (92, 67)),
        "knee": ((0, 64), (8, 60), (16, 53), (26, 36), (36, 19), (46, 9), (54, 12), (62, 36), (70, 70), (78, 91),
                 (85, 90), (93, 73)),
        "ankle": ((0, 8), (8, 13), (16, 15), (28, 10), (40, 5), (48, 3), (55, -8), (62, -20), (66, -19), (74, 1),
                  (83, 12), (92, 9)),
    },
    "stair_descent": {
        "hip": ((0, 17), (10, 15), (20, 12), (30, 11), (42, 13), (52, 19), (62, 31), (72, 40), (80, 39), (90, 25)),
        "knee": ((0, 12), (8, 24), (16, 30), (25, 28), (34, 32), (44, 48), (54, 74), (63, 90), (70, 91), (79, 66),
                 (88, 27), (95, 11)),
        "ankle": ((0, -22), (5, -14), (11, 3), (20, 12), (32, 18), (44, 26), (51, 27), (58, 17), (64, 3), (72, -8),
                  (82, -14), (92, -22)),
    },
}  # fmt: skip
_MOMENTS: Final[Mapping[str, Mapping[str, Points]]] = {
    "walk": {
        "hip": ((0, -0.3), (4, -0.6), (10, -0.64), (18, -0.38), (30, -0.04), (40, 0.28), (48, 0.58), (54, 0.68),
                (61, 0.44), (70, 0.15), (80, 0), (88, -0.2), (95, -0.35)),
        "knee": ((0, 0.22), (4, 0.06), (9, -0.34), (14, -0.53), (20, -0.38), (29, 0), (38, 0.16), (45, 0.1),
                 (52, -0.1), (58, -0.18), (65, -0.08), (75, 0), (85, 0.1), (93, 0.25), (97, 0.27)),
        "ankle": ((0, 0.01), (4, 0.1), (9, 0.02), (15, -0.28), (25, -0.66), (35, -1.02), (43, -1.4), (48, -1.52),
                  (53, -1.22), (58, -0.5), (62, -0.06), (66, 0), (75, 0.01), (88, 0)),
    },
    "ramp_ascent": {
        "hip": ((0, -0.3), (5, -0.75), (12, -0.95), (22, -0.68), (34, -0.3), (44, 0.1), (52, 0.42), (57, 0.5),
                (64, 0.34), (72, 0.14), (82, -0.05), (92, -0.3)),
        "knee": ((0, 0.12), (5, -0.2), (12, -0.52), (20, -0.42), (30, -0.05), (40, 0.3), (48, 0.2), (54, -0.05),
                 (60, -0.14), (68, -0.05), (80, 0.06), (93, 0.2)),
        "ankle": ((0, 0), (6, -0.1), (14, -0.45), (25, -0.8), (36, -1.15), (44, -1.55), (49, -1.66), (54, -1.3),
                  (59, -0.5), (63, -0.05), (67, 0), (76, 0.01), (88, 0)),
    },
    "ramp_descent": {
        "hip": ((0, -0.2), (5, -0.45), (12, -0.35), (22, -0.1), (34, 0.2), (46, 0.5), (53, 0.6), (60, 0.4),
                (68, 0.15), (80, -0.05), (92, -0.3)),
        "knee": ((0, 0.15), (5, -0.3), (12, -0.9), (19, -1.05), (28, -0.62), (38, -0.42), (46, -0.55), (53, -0.55),
                 (60, -0.24), (67, -0.05), (78, 0.06), (92, 0.2)),
        "ankle": ((0, 0.01), (5, 0.14), (11, 0), (20, -0.45), (32, -0.85), (42, -1.12), (47, -1.18), (53, -0.85),
                  (58, -0.35), (62, -0.04), (66, 0), (75, 0.01), (88, 0)),
    },
    "stair_ascent": {
        "hip": ((0, -0.2), (6, -0.55), (14, -0.66), (26, -0.4), (40, -0.15), (52, 0), (60, 0.18), (68, 0.25),
                (80, 0.05), (92, -0.15)),
        "knee": ((0, 0.05), (5, -0.4), (12, -1), (18, -1.12), (28, -0.6), (38, -0.12), (46, 0.18), (54, 0.02),
                 (60, -0.15), (68, -0.1), (80, 0.02), (92, 0.1)),
        "ankle": ((0, 0), (6, -0.35), (14, -0.62), (26, -0.55), (38, -0.72), (46, -1.2), (51, -1.35), (57, -0.8),
                  (62, -0.15), (66, 0), (76, 0.01), (88, 0)),
    },
    "stair_descent": {
        "hip": ((0, -0.1), (8, -0.3), (18, -0.12), (30, 0.05), (44, 0.15), (54, 0.3), (62, 0.3), (70, 0.15),
                (82, -0.05), (92, -0.12)),
        "knee": ((0, -0.05), (6, -0.4), (14, -0.85), (22, -0.7), (32, -0.6), (42, -0.9), (49, -1.18), (56, -0.85),
                 (62, -0.3), (68, -0.05), (80, 0.02), (92, 0.06)),
        "ankle": ((0, -0.05), (5, -0.6), (11, -1.1), (18, -0.88), (28, -0.7), (40, -0.95), (47, -1.05), (54, -0.7),
                  (60, -0.2), (65, 0), (75, 0), (88, 0)),
    },
}  # fmt: skip
_VERTICAL_FORCE: Final[Points] = (
    (0, 0), (4, 4.5), (13, 10.6), (30, 7.4), (47, 10.8), (55, 5.5), (60, 0.9), (62, 0), (80, 0), (100, 0),
)  # fmt: skip

_HEEL_ANKLE: Final[tuple[Points, Points]] = (
    ((0, 9), (10, 7), (25, 9), (40, 13), (50, 14), (60, 10), (70, 9), (85, 11)),
    ((0, 0), (6, 0.12), (14, 0.1), (26, -0.05), (38, -0.25), (46, -0.3), (54, -0.15), (61, 0), (75, 0.01), (88, 0)),
)
_TOE_ANKLE: Final[tuple[Points, Points]] = (
    ((0, -24), (8, -17), (18, -13), (30, -11), (42, -12), (50, -18), (58, -27), (64, -29), (74, -23), (87, -22)),
    ((0, -0.02), (5, -0.45), (12, -0.95), (22, -0.9), (34, -1.0), (44, -1.3), (49, -1.35), (55, -0.8), (60, -0.2),
     (65, 0), (75, 0.01), (88, 0)),
)  # fmt: skip
"""Angle and moment of the ankle when walking on the heels and on the toes; hip and knee as in level walking (set by
hand: dorsiflexed throughout; plantarflexed with an early moment, Perry et al. 2003, J Bone Joint Surg Am 85:436)."""

_SAME_AS: Final = {"step_up": "stair_ascent", "step_down": "stair_descent"}


def _derived(table: Mapping[str, Mapping[str, Points]], which: int) -> dict[str, Mapping[str, Points]]:
    """Return the table with the activities whose curves follow from others."""
    ankles = {"heel_walk": _HEEL_ANKLE[which], "toe_walk": _TOE_ANKLE[which]}
    on_ankle = {activity: {**table["walk"], "ankle": points} for activity, points in ankles.items()}
    return {**table, **on_ankle, **{activity: table[other] for activity, other in _SAME_AS.items()}}


_TABLES: Final = {"angle": _derived(_ANGLES, 0), "moment": _derived(_MOMENTS, 1)}

LOCOMOTION: Final = tuple(_TABLES["angle"])
"""The activities for which the human has curves."""

FOOT_OFF: Final = {
    "walk": 0.61, "ramp_ascent": 0.62, "ramp_descent": 0.6, "stair_ascent": 0.63, "stair_descent": 0.62,
    "heel_walk": 0.61, "toe_walk": 0.61, "step_up": 0.63, "step_down": 0.62,
}  # fmt: skip
"""Foot off as a fraction of the stride."""

SITTING: Final = ((0.0, 0.0, 85.0), (0.0, 0.0, 92.0), (0.0, 0.0, 4.0))
STANDING: Final = ((1.0, 0.0, 4.0), (0.5, 0.0, 4.0), (0.0, -3.0, 2.0))
"""Angles of the two postures, degrees, (joint, motion)."""


def curve(activity: str, quantity: Quantity) -> CubicSpline:
    """Return the normative curves of one activity as a periodic spline over the stride.

    Parameters
    ----------
    activity
        One of `LOCOMOTION`.
    quantity
        `angle` (degrees) or `moment` (N m/kg), canonical signs.

    Returns
    -------
    CubicSpline
        Called with phase in [0, 1], shape (n,), it gives values of shape (n, joint, motion).

    Raises
    ------
    ConfigError
        The human has no curves for the activity.
    """
    if activity not in LOCOMOTION:
        raise ConfigError(f"activity {activity!r}: the synthetic human knows only {', '.join(LOCOMOTION)}.")
    return _curve(activity, quantity)


@lru_cache
def _curve(activity: str, quantity: Quantity) -> CubicSpline:
    sagittal, common = _TABLES[quantity], _COMMON_ANGLES if quantity == "angle" else _COMMON_MOMENTS
    grid = np.linspace(0, 1, 401)
    table = np.empty((grid.size, len(words.JOINTS), len(words.MOTIONS)))
    for j, joint in enumerate(words.JOINTS):
        for m, motion in enumerate(words.MOTIONS):
            points = sagittal[activity][joint] if motion == "flexion" else common[joint, motion]
            table[:, j, m] = _periodic(points)(grid)
    table[-1] = table[0]
    return CubicSpline(grid, table, bc_type="periodic")


def _periodic(points: Points) -> CubicSpline:
    x, y = np.array([*points, (100, points[0][1])], dtype=float).T
    return CubicSpline(x / 100, y, bc_type="periodic")


def vertical_force(phase: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the vertical ground reaction force of level walking, N/kg, shape of ``phase`` (Winter 2009)."""
    x, y = np.array(_VERTICAL_FORCE, dtype=float).T
    return np.asarray(np.maximum(PchipInterpolator(x / 100, y)(phase), 0))
