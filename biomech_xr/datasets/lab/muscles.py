"""Whether EMG of the lower leg works in the phase of its own leg or in that of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.schema import Trial

FloatArray = npt.NDArray[np.float64]
Key = tuple[str, str]

_CALF: Final = ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus")
_SHIN: Final = ("tibialis_anterior",)
_MIDDLE: Final = (0.2, 0.5)
_LATE: Final = (0.7, 1.0)
_SMOOTH: Final = 0.05
_FEWEST: Final = 3
_CLEAR: Final = float(np.log(2))
_AGREE: Final = 0.9


def halves(trial: Trial, *, raw: bool) -> dict[Key, FloatArray]:
    """Return (side, muscle) -> log of mean EMG in 20 to 50 % over that in 70 to 100 % of each stride, shape (stride,).

    Calf and shin only. ``raw`` EMG (bandpassed too) is freed of slow movement over 50 ms and rectified.
    """
    signal = trial.signals.get("emg")
    found: dict[Key, FloatArray] = {}
    if signal is None:
        return found
    rate = signal.sampling_frequency
    for side in signal.values["side"].values:
        rows = trial.strides[trial.strides["side"] == side]
        for muscle in (*_CALF, *_SHIN):
            if rows.empty or muscle not in signal.values["channel"].values:
                continue
            values = signal.values.sel(side=side, channel=muscle).values.astype(np.float64)
            if not np.isfinite(values).all():
                continue
            size = max(round(_SMOOTH * rate), 1)
            work = np.abs(values - np.convolve(values, np.ones(size) / size, "same")) if raw else np.abs(values)
            total = np.concatenate([[0.0], np.cumsum(work)])
            starts, lengths = rows["trial_time"].to_numpy(np.float64), rows["duration"].to_numpy(np.float64)
            means = []
            for first, last in (_MIDDLE, _LATE):
                edges = [(starts + share * lengths - signal.t0) * rate for share in (first, last)]
                begin, end = (np.clip(np.rint(edge).astype(int), 0, work.size) for edge in edges)
                means.append((total[end] - total[begin]) / np.maximum(end - begin, 1))
            alive = (means[0] > 0) & (means[1] > 0)
            found[(str(side), muscle)] = np.log(means[0][alive] / means[1][alive])
    return found


def swapped(ratios: Mapping[Key, Sequence[FloatArray]]) -> str:
    """Return that the sides look swapped where muscles of both legs surely work in the other leg's phase, else nothing.

    The calf works in 20 to 50 % of a stride and rests in late swing, the shin the other way round. One muscle that
    surely works in its own leg's phase speaks for the mapping.
    """
    against: dict[str, list[str]] = {"left": [], "right": []}
    for (side, muscle), pieces in ratios.items():
        values = np.concatenate(pieces) * (1 if muscle in _CALF else -1)
        if values.size < _FEWEST:
            continue
        middle = float(np.median(values))
        if abs(middle) < _CLEAR or np.mean(np.sign(values) == np.sign(middle)) < _AGREE:
            continue
        if middle > 0:
            return ""
        against[side].append(f"{side} {muscle} {np.exp(-middle):.1f} times")
    if not all(against.values()):
        return ""
    found = ", ".join([*against["left"], *against["right"]])
    return (
        "sides look swapped: EMG is stronger in the other leg's phase than in its own "
        f"({found}); swap side in emg.channels, or the sides of the events, or state emg.trust: true"
    )
