"""Movements of SIAT-LLMD that are no gait: one repetition between two rests, made from the postures of the human."""

from __future__ import annotations

from typing import Final

import numpy as np

from biomech_xr.synthetic import curves
from biomech_xr.synthetic.activation import KNOWN_MUSCLES
from biomech_xr.synthetic.emg import band_limited
from biomech_xr.synthetic.person import FloatArray, Person

MOVEMENTS: Final = (
    "SITDN", "STDUP", "STC", "HS", "KLCL", "KLFT", "LLB", "LLF", "LLS", "LUGB", "LUGF", "TO", "TPTO",
)  # fmt: skip
"""Codes of the movements besides level walking and stairs."""

_BOTH: Final = ("left", "right")
_REACH: Final = {
    "STC": (0, 0, 0, _BOTH),
    "HS": (50, 70, 18, _BOTH),
    "KLCL": (70, 80, 0, ("left",)),
    "KLFT": (70, 80, 0, ("left",)),
    "LLB": (-18, 5, 0, ("left",)),
    "LLF": (40, 5, 0, ("left",)),
    "LLS": (10, 3, 0, ("left",)),
    "LUGB": (40, 60, 12, _BOTH),
    "LUGF": (60, 70, 15, _BOTH),
    "TO": (5, 5, -20, _BOTH),
    "TPTO": (5, 5, 15, _BOTH),
}
"""Change of hip, knee and ankle flexion (degrees) at the end of a movement, and the legs that make it."""


def move(
    code: str, person: Person, time: FloatArray, rng: np.random.Generator, *, muscles: tuple[str, ...], rate: float
) -> tuple[FloatArray, FloatArray, FloatArray, np.ndarray]:
    """Return one repetition of a movement.

    Returns
    -------
    tuple
        Angles (degrees) and moments (N m/kg), shape (time, side, joint, motion), sides left and right; EMG of the left
        leg (mV), shape (time, muscle); and which samples are active, shape (time,).
    """
    share = time / time[-1]
    bump = np.sin(np.pi * np.clip((share - 0.2) / 0.6, 0, 1)) ** 2
    step = np.clip((share - 0.2) / 0.6, 0, 1) ** 2 * (3 - 2 * np.clip((share - 0.2) / 0.6, 0, 1))
    stand, sit = np.array(curves.STANDING), np.array(curves.SITTING)
    angle = np.tile(stand, (time.size, 2, 1, 1))
    if code in ("SITDN", "STDUP"):
        seated = step if code == "SITDN" else 1 - step
        angle += seated[:, None, None, None] * (sit - stand)
    else:
        *reach, legs = _REACH[code]
        for side in legs:
            angle[:, _BOTH.index(side), :, 2] += bump[:, None] * np.array(reach)
    angle += person.angle_offset
    load = bump if code != "STC" else np.zeros_like(bump)
    moment = np.zeros_like(angle)
    moment[..., 2] = -0.1 - 0.6 * load[:, None, None]
    moment[..., 0, 0] = -0.3 - 0.1 * load[:, None]
    rows = [KNOWN_MUSCLES.index(muscle) for muscle in muscles]
    level = (0.05 + 0.5 * load)[:, None] * person.emg_gain[0, rows]
    emg = level * band_limited(rng, time.size, len(muscles), rate=rate) + 0.02 * rng.uniform(-1, 1, len(muscles))
    return angle, moment, emg, load > 0.05
