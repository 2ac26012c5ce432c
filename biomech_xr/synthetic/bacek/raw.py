"""Bacek 2024, synthetic: one test as the raw release holds it."""

from __future__ import annotations

from typing import Any

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.bacek.walk import MUSCLES, Walk
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.person import FloatArray

_EMG_RATE = 2000
_MARKER_RATE = 100
_MARKERS = ("RASI", "LASI", "RCAL", "RTOE", "LCAL", "LTOE")


def raw_content(
    walk: Walk, rng: np.random.Generator, *, rate: int, astray: tuple[float, float] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return one test of rawMechanics (forces in N at ``rate`` Hz, markers in mm) and of rawEnergetics (EMG).

    While ``astray``, s on the clock of the gait, the left foot is on the right belt.
    """
    mass = walk.gait.person.body_mass
    time = walk.start + np.arange(round(walk.seconds * rate)) / rate
    vertical = {side: walk.force(time, side) * mass for side in words.SIDES}
    if astray:
        crossed = (time >= astray[0]) & (time < astray[1])
        vertical["right"] = vertical["right"] + np.where(crossed, vertical["left"], 0.0)
        vertical["left"] = np.where(crossed, 0.0, vertical["left"])
    force: dict[str, FloatArray] = {}
    pressure: dict[str, FloatArray] = {}
    for side in words.SIDES:
        prefix = side.title()
        up = vertical[side]
        phase = walk.gait.cycles(time, side) % 1
        force |= {f"V_{prefix}": up, f"AP_{prefix}": -0.15 * up * np.cos(np.pi * phase / 0.61),
                  f"LM_{prefix}": 0.04 * up}  # fmt: skip
        pressure |= {f"LM_{prefix}": 0.1 + 0.01 * phase, f"AP_{prefix}": 0.3 - 0.4 * phase}
    emg: dict[str, FloatArray] = {}
    for side in words.SIDES:
        values = make_emg(
            walk.gait, side, tuple(MUSCLES.values()), rng, rate=_EMG_RATE, line_frequency=50.0, start=walk.start
        )[: round(walk.seconds * _EMG_RATE)]
        emg |= {f"{side.title()}_{raw}": values[:, k] for k, raw in enumerate(MUSCLES)}
    frames = np.arange(round(walk.seconds * _MARKER_RATE)) / _MARKER_RATE
    markers = {name: _marker(walk, frames, name) for name in _MARKERS}
    return {"GRF": force, "CoP": pressure, "Markers": markers}, {"EMG": emg}


def _marker(walk: Walk, frames: FloatArray, name: str) -> FloatArray:
    """Return a marker, mm, (frame, 3): to and fro with its leg."""
    side = "right" if name.startswith("R") else "left"
    turn = 2 * np.pi * walk.gait.cycles(walk.start + frames, side)
    reach = 20.0 if name.endswith("ASI") else 300.0
    height = 950.0 if name.endswith("ASI") else 60.0
    return np.stack([np.full(turn.size, 100.0), reach * np.cos(turn), height + 20 * np.sin(turn)], axis=1)
