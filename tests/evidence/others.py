"""Gait that no landmark was made for: running, equinus, walking backward, and strides that begin anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline

from tests.evidence.cases import FLEXION, POINTS, FloatArray, Points, everyone

JOINTS: Final = ("hip", "knee", "ankle")
RUN: Final[Mapping[str, Mapping[str, Points]]] = {
    "angles": {
        "hip": ((0, 35), (12, 33), (25, 12), (38, -3), (44, -6), (55, 8), (70, 32), (80, 42), (90, 40)),
        "knee": ((0, 18), (6, 28), (14, 42), (22, 38), (34, 20), (39, 18), (50, 50), (62, 88), (70, 92), (80, 65),
                 (90, 25), (95, 15)),
        "ankle": ((0, 8), (6, 6), (12, 14), (20, 24), (26, 23), (33, 4), (39, -16), (43, -20), (50, -10), (60, 2),
                  (70, 5), (85, 6)),
    },
    "moments": {
        "hip": ((0, -0.8), (5, -1), (15, -0.6), (25, 0), (33, 0.6), (40, 0.7), (50, 0.6), (60, 0.2), (70, -0.1),
                (80, -0.7), (90, -1.1), (97, -0.9)),
        "knee": ((0, 0.1), (4, 0.2), (10, -1), (16, -2), (22, -1.6), (28, -0.4), (35, 0.1), (40, 0), (50, -0.25),
                 (65, -0.1), (75, 0.2), (85, 0.5), (93, 0.6)),
        "ankle": ((0, 0), (4, 0.05), (10, -0.8), (16, -1.8), (21, -2.2), (27, -1.8), (33, -0.8), (38, -0.1), (42, 0),
                  (60, 0), (80, 0)),
    },
}  # fmt: skip
"""Shape and range of running at 3.2 m/s, foot off at 39 per cent (Novacheck 1998, Gait & Posture 7:77)."""

EQUINUS: Final[tuple[Points, ...]] = (
    ((0, -15), (5, -10), (11, -8), (25, -17), (38, -25), (44, -25), (54, -17), (62, -12), (74, -14), (88, -18)),
    ((0, -12), (5, -6), (10, -4), (20, -10), (30, -20), (38, -24), (48, -20), (58, -12), (66, -9), (78, -10),
     (90, -12)),
    ((0, -10), (8, -3), (14, -5), (26, -16), (34, -14), (46, -8), (54, -16), (62, -24), (70, -20), (82, -12)),
    ((0, -18), (6, -12), (12, -11), (24, -18), (34, -26), (44, -29), (54, -26), (64, -20), (76, -17), (90, -18)),
    ((0, -14), (8, -6), (14, -6), (28, -10), (40, -15), (50, -22), (58, -28), (66, -26), (76, -18), (90, -14)),
)  # fmt: skip
"""Ankles that touch down on the toes, dorsiflex at once and plantarflex from middle stance on, or twice (Perry et al.
2003, J Bone Joint Surg Am 85:436; Winters et al. 1987, J Bone Joint Surg Am 69:437)."""

STARTS: Final = (tuple(range(-50, 50, 20)), tuple(range(-40, 50, 20)))
"""Where strides begin, per cent after contact; neighboring curves take turns."""


def begun(values: FloatArray, at: int) -> FloatArray:
    """Return curves (stride, point) that begin ``at`` per cent after contact of the own foot."""
    return np.roll(values[:, :-1], -at, axis=1)


def backward(values: FloatArray) -> FloatArray:
    """Return curves (stride, point) as in walking backward: forward in reverse.

    After Winter et al. 1989, J Mot Behav 21:291. Contact is where the foot left the ground, at 61 per cent.
    """
    return np.asarray(values[:, (61 - np.arange(POINTS)) % (POINTS - 1)])


def others(rng: np.random.Generator, quantity: str, joint: str) -> Iterator[tuple[str, str, FloatArray]]:
    """Yield (name, group, curves of shape (stride, point)) from contact to contact of the own foot."""
    for run in range(6):
        yield "running", f"running {run}", _varied(rng, RUN[quantity][joint], quantity)
    if (quantity, joint) == ("angles", "ankle"):
        for number, points in enumerate(EQUINUS):
            for person in range(3):
                yield f"equinus {number}", f"equinus {number}, {person}", _varied(rng, points, quantity)


def gaits(rng: np.random.Generator, quantity: str, joint: str) -> Iterator[tuple[str, str, FloatArray]]:
    """Yield the others, and right legs of everyone forward and (level) backward."""
    yield from others(rng, quantity, joint)
    for kind, strides in everyone(rng):
        if not strides.name.split(", ")[2].startswith("right") or strides.speed in (0.7, 1.0):
            continue
        curves = getattr(strides, quantity)[..., JOINTS.index(joint), FLEXION]
        yield f"{kind} {strides.activity}", strides.group, curves
        if kind == "healthy" and strides.activity == "walk":
            yield "backward", f"backward, {strides.group}", backward(curves)


def _varied(rng: np.random.Generator, points: Points, quantity: str, strides: int = 8) -> FloatArray:
    x, y = np.array([*points, (100, points[0][1])], dtype=float).T
    phase = np.linspace(0, 1, POINTS) + rng.uniform(-0.02, 0.02)
    curve = CubicSpline(x / 100, y, bc_type="periodic")(phase) * rng.uniform(0.7, 1.2)
    curve = curve + (rng.uniform(-3, 3) if quantity == "angles" else 0.0)
    return np.asarray(curve * rng.normal(1, 0.03, (strides, 1)))
