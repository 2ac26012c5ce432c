"""The true sampling rate of a signal, from lengths and durations of its pieces."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import FEWEST, confidence
from biomech_xr.evidence.decision import Decision

DEVICE_RATES: Final = (
    100.0, 120.0, 125.0, 4000 / 27, 200.0, 240.0, 250.0, 256.0, 300.0, 400.0, 480.0, 500.0, 512.0, 600.0, 800.0, 900.0,
    960.0, 1000.0, 1024.0, 1080.0, 10000 / 9, 1200.0, 34000 / 27, 40000 / 27, 1500.0, 16000 / 9, 1800.0, 1920.0,
    52000 / 27, 2000.0, 2048.0, 58000 / 27, 20000 / 9, 2400.0, 2500.0, 3000.0, 4000.0, 4096.0, 5000.0, 10000.0,
)  # fmt: skip
"""Rates (Hz) at which EMG systems and their motion capture partners sample; ninths and twenty-sevenths are wireless
sensors that divide a common clock."""

_LARGEST_SPREAD: Final = 0.05


def emg_rate(lengths: npt.ArrayLike, durations: npt.ArrayLike) -> Decision[float]:
    """Decide the sampling rate of pieces of known duration.

    The rate is the median of length / duration, uncertain by two standard errors and by one sample of the typical
    length (whether the last sample is counted). It becomes a device's rate when exactly one lies within that; without
    one, the measured rate is returned with a low confidence, as durations may be off by a frame.

    Parameters
    ----------
    lengths
        Samples of every piece, shape (piece,).
    durations
        s, shape (piece,); pieces with NaN or without length are ignored.

    Returns
    -------
    Decision[float]
        Hz; NaN where no piece is usable.

    Raises
    ------
    ConfigError
        The two arrays differ in shape.
    """
    count, time = np.asarray(lengths, dtype=np.float64), np.asarray(durations, dtype=np.float64)
    if count.shape != time.shape or count.ndim != 1:
        raise ConfigError(f"evidence: lengths of shape {count.shape} and durations of shape {time.shape}.")
    usable = np.isfinite(count) & np.isfinite(time) & (count > 1) & (time > 0)
    if not usable.any():
        return Decision(math.nan, 0.0, "no piece with a length and a duration")
    count, time = count[usable], time[usable]
    each = count / time
    measured = float(np.median(each))
    spread = 1.4826 * float(np.median(np.abs(each - measured)))
    doubt = 2 * 1.2533 * spread / math.sqrt(each.size) + measured / float(np.median(count))
    near = sorted(DEVICE_RATES, key=lambda rate: abs(rate - measured))
    inside = [rate for rate in near if abs(rate - measured) <= doubt]
    text = f"{measured:.2f} Hz, uncertain by {doubt:.2f} Hz, from {each.size} pieces"
    if len(inside) != 1 or spread > _LARGEST_SPREAD * measured:
        fits = ", ".join(f"{rate:.2f}" for rate in sorted(inside)) or "none"
        return Decision(measured, 0.5, f"{text}; device rates that fit: {fits}")
    strength = min(abs(near[1] - measured) / (2 * doubt), 3 - 2 * abs(inside[0] - measured) / doubt)
    sure = min(confidence(strength), 0.99 if each.size >= FEWEST else 0.75)
    return Decision(inside[0], sure, f"{text}; next device rate {near[1]:.2f} Hz")
