"""What the shape of the knee's curve says of its sign: recorded with every trial whose strides show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.schema import Signal

_POINTS: Final = 101


def stride_curves(
    signal: Signal, strides: Sequence[Mapping[str, Any]], side: str, joint: str, motion: str
) -> npt.NDArray[np.float64]:
    """Return one component over each stride of one leg, shape (stride, 101), from contact to contact.

    ``signal`` is continuous; ``strides`` are rows of the stride table. Strides with a gap hold NaN.
    """
    rows = [row for row in strides if row["side"] == side]
    if not rows or side not in signal.values["side"].values:
        return np.empty((0, _POINTS))
    start, duration = (np.array([row[key] for row in rows], dtype=np.float64) for key in ("trial_time", "duration"))
    times = start[:, None] + duration[:, None] * np.linspace(0, 1, _POINTS)
    values = signal.values.sel(side=side, joint=joint, motion=motion).values.astype(np.float64)
    return np.asarray(np.interp(times.ravel(), signal.time(), values)).reshape(times.shape)


def knee_notes(signal: Signal | None, strides: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[str]]:
    """Return notes on the sign of canonical knee flexion, and the legs whose curves contradict it clearly."""
    from biomech_xr.evidence import knee_sign

    notes: dict[str, str] = {}
    contradicted: list[str] = []
    if signal is None:
        return notes, contradicted
    for side in words.SIDES:
        curves = stride_curves(signal, strides, side, "knee", "flexion")
        if not np.isfinite(curves).all(axis=1).any():
            continue
        decision = knee_sign(curves)
        notes[f"evidence.knee_sign.{side}"] = decision.note()
        if decision.sure and decision.value < 0:
            contradicted.append(side)
    return notes, contradicted
