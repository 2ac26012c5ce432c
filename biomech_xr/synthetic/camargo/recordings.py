"""What `conditions` files hold, belt speed or labels, and which strides they make true.

The labels tables run at 20 Hz instead of 1000 Hz, because text cells are slow to write.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr.synthetic.gait import Gait

EMG_RATE: Final = 1000
"""Rate of EMG and of belt speed, Hz."""

INCLINES: Final = {1: 5.2, 2: 7.8, 3: 9.2, 4: 11.0, 5: 12.4, 6: 18.0}
HEIGHTS: Final = {1: 4.0, 2: 5.0, 3: 6.0, 4: 7.0}
"""Degrees of each ramp and inches of each stair."""

_LABEL_RATE: Final = 20
_LATE: Final = 0.3
_AFTER: Final = 0.2
"""Labels change this long (s) after a right contact, so that no stride is half in one and half in another."""

_MIDWAY: Final = (0.42, 0.72)
"""Shares of the right stride off the last step down at which, there alone, the labels change to leaving and to
idle."""

_WORDS: Final = {
    "walk": "walk", "ramp_ascent": "rampascent", "ramp_descent": "rampdescent", "stair_ascent": "stairascent",
    "stair_descent": "stairdescent",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One trial: `mode` is its folder, `origin` (s) the absolute time of 0 s, `missing` a sensor left out.

    `number` is that of the ramp or stair; `turn` and `pace` are the words of level ground; `plates` says that the gait
    cycle was made from force plates instead of markers.
    """

    name: str
    mode: str
    gait: Gait
    origin: float
    number: int = 1
    turn: str = ""
    pace: str = ""
    plates: bool = False
    missing: str = ""


def conditions(recording: Recording) -> dict[str, Any]:
    """Return the variables of a trial's conditions file."""
    if recording.mode == "treadmill":
        return _belt(recording)
    gait = recording.gait
    time = np.arange(round(gait.duration * _LABEL_RATE)) / _LABEL_RATE
    starts, names = zip(*labels(recording), strict=True)
    cells = {word: np.array([word]) for word in names}
    index = np.searchsorted(np.array(starts), time + 1e-9, side="right") - 1
    header = np.round(recording.origin + time, 6)
    table = {"labels": pd.DataFrame({"Header": header, "Label": [cells[names[k]] for k in index]})}
    if recording.mode == "levelground":
        return table | {
            "speed": recording.pace,
            "turn": recording.turn,
            "leadingLegStart": np.array([["r"]], dtype=object),
            "leadingLegStop": np.array([["l"]], dtype=object),
        }
    terrain = {"rampIncline": INCLINES, "stairHeight": HEIGHTS}
    name = "rampIncline" if recording.mode == "ramp" else "stairHeight"
    return table | {
        name: np.array([[terrain[name][recording.number]]]),
        "transLegAscent": "rl",
        "transLegDescent": "rl",
    }


def _belt(recording: Recording) -> dict[str, Any]:
    """Return the belt speed; the belts start to accelerate 0.3 s after a right contact, within a stride."""
    gait = recording.gait
    knots_time, knots_speed, before = [0.0], [0.0], 0.0
    for k, bout in enumerate(gait.bouts):
        if bout.label == "accelerate":
            following = gait.bouts[k + 1]
            after = following.speed if following.activity == "walk" else 0.0
            knots_time += [float(gait.starts[k]) + _LATE, float(gait.starts[k + 1]) + _LATE]
            knots_speed += [before, after]
            before = after
    time = np.arange(round(gait.duration * EMG_RATE)) / EMG_RATE
    header = np.round(recording.origin + time, 6)
    speed = np.round(np.interp(time, knots_time, knots_speed), 9)
    return {
        "speed": pd.DataFrame({"Header": header, "Speed": speed}),
        "trialStarts": np.array([[header[0]]]),
        "trialEnds": np.array([[header[-1]]]),
    }


def labels(recording: Recording) -> list[tuple[float, str]]:
    """Return (start in s, label) of a trial off the treadmill, in order.

    A transition takes 0.3 s of the first stride after it; on stairs one into walking takes the whole stride, and what
    else is walked there is idle. The right stride off the last step down changes twice and has no label for half of it.
    """
    gait, stairs = recording.gait, recording.mode == "stair"
    right, first = gait.contacts["right"], float(gait.starts[1])
    result = [(0.0, "idle")]
    if not stairs:
        result += [(0.3, "stand"), (first - 0.4, "stand-walk"), (first - 0.05, "walk")]
    before = "walk"
    for bout, start in list(zip(gait.bouts, gait.starts, strict=True))[2:-1]:
        word = bout.label or _WORDS[bout.activity]
        entered = float(start) + _AFTER
        if before.startswith("turn") or word.startswith("turn"):
            result.append((entered, word))
        elif stairs and word == "walk":
            following = float(right[np.searchsorted(right, start + 1e-9)])
            leaves, rests = entered, following + _AFTER
            if before == "stairdescent":
                leaves, rests = (float(start) + share * (following - float(start)) for share in _MIDWAY)
            result += [(leaves, f"{before}-walk"), (rests, "idle")]
        else:
            result += [(entered, f"{before}-{word}"), (entered + 0.3, word)]
        before = word
    if not stairs:
        stopped = float(right[-1])
        result += [(stopped + 0.1, "walk-stand"), (stopped + 0.6, "stand"), (stopped + 0.9, "idle")]
    return result


def true_strides(name: str, recording: Recording, side: str) -> list[dict[str, Any]]:
    """Return the strides of one leg at one belt speed, or elsewhere of one activity in more than half of their time."""
    belt = recording.mode == "treadmill"
    speed = _belt(recording)["speed"]["Speed"].to_numpy() if belt else np.empty(0)
    rows = []
    for start, stop in pairwise(recording.gait.contacts[side]):
        if belt:
            inside = speed[round(start * EMG_RATE) : round(stop * EMG_RATE) + 1]
            activity = "walk" if inside.min() == inside.max() > 0 else ""
        else:
            activity = _mostly(labels(recording), float(start), float(stop))
        if activity:
            rows.append({"source_patient": name, "trial": recording.name.lower(), "side": side, "activity": activity,
                         "trial_time": recording.origin + start, "duration": stop - start})  # fmt: skip
    return rows


def _mostly(intervals: list[tuple[float, str]], start: float, stop: float) -> str:
    """Return the activity of more than half of the time from ``start`` to ``stop``; empty for standing or none."""
    activities = {word: activity for activity, word in _WORDS.items()} | {"turn1": "turn", "turn2": "turn"}
    shares: dict[str, float] = {}
    for (begin, label), (end, _) in pairwise([*intervals, (np.inf, "")]):
        last = label.rpartition("-")[2]
        activity = "walk" if label == "walk-stand" else activities.get(last, "")
        shares[activity] = shares.get(activity, 0.0) + max(0.0, min(stop, end) - max(start, begin))
    found = max(shares, key=lambda activity: shares[activity])
    return found if 2 * shares[found] > stop - start else ""
