"""What `conditions` files hold: belt speed on the treadmill, labels and incline on the ramp."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr.synthetic.gait import Gait

EMG_RATE: Final = 1000
"""Rate of EMG and of belt speed, Hz."""

_LABEL_RATE: Final = 20
_LATE: Final = 0.3


def treadmill_conditions(gait: Gait, origin: float) -> dict[str, Any]:
    """Return the variables of a treadmill trial; ``origin`` is the absolute time (s) of the gait's 0 s.

    The belts start to accelerate 0.3 s after a right contact, within a stride.
    """
    knots_time, knots_speed, before = [0.0], [0.0], 0.0
    for k, bout in enumerate(gait.bouts):
        if bout.label == "accelerate":
            following = gait.bouts[k + 1]
            after = following.speed if following.activity == "walk" else 0.0
            knots_time += [float(gait.starts[k]) + _LATE, float(gait.starts[k + 1]) + _LATE]
            knots_speed += [before, after]
            before = after
    time = np.arange(round(gait.duration * EMG_RATE)) / EMG_RATE
    header = np.round(origin + time, 6)
    speed = np.round(np.interp(time, knots_time, knots_speed), 9)
    return {
        "speed": pd.DataFrame({"Header": header, "Speed": speed}),
        "trialStarts": np.array([[header[0]]]),
        "trialEnds": np.array([[header[-1]]]),
    }


def ramp_conditions(gait: Gait, origin: float, incline: float) -> dict[str, Any]:
    """Return the variables of a ramp trial; ``origin`` in s, ``incline`` in degrees."""
    time = np.arange(round(gait.duration * _LABEL_RATE)) / _LABEL_RATE
    cells = {word: np.array([word]) for _, word in _labels(gait)}
    borders = np.array([start for start, _ in _labels(gait)])
    names = [word for _, word in _labels(gait)]
    index = np.searchsorted(borders, time + 1e-9, side="right") - 1
    header = np.round(origin + time, 6)
    return {
        "labels": pd.DataFrame({"Header": header, "Label": [cells[names[k]] for k in index]}),
        "rampIncline": np.array([[incline]]),
        "transLegAscent": "r",
        "transLegDescent": "r",
    }


def _labels(gait: Gait) -> list[tuple[float, str]]:
    """Return (start in s, label); a transition takes 0.3 s of the first stride after it, between contacts."""
    words = {"stand": "stand", "walk": "walk", "ramp_ascent": "rampascent", "ramp_descent": "rampdescent"}
    right = gait.contacts["right"]
    result, before = [(0.0, "stand")], "stand"
    for bout, start in zip(gait.bouts[1:], gait.starts[1:], strict=True):
        label = words[bout.activity]
        if before == "stand":
            result += [(float(start) - 0.4, "stand-walk"), (float(start) - 0.05, label)]
        elif label == "stand":
            result += [(float(right[-1]) + 0.1, "walk-stand"), (float(right[-1]) + 0.6, label)]
        else:
            result += [(float(start) + 0.05, f"{before}-{label}"), (float(start) + 0.35, label)]
        before = label
    return result
