"""Which of three columns of joint angles is flexion, adduction, rotation; signs play no part."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import POINTS, Cycles, FloatArray, cap, confidence, cycles
from biomech_xr.evidence.decision import Decision

Order = tuple[str, str, str]

_ADDUCTION: Final = (
    (0, -1), (6, 2.5), (14, 6), (24, 5.5), (35, 4.5), (46, 3), (54, -1), (63, -5), (75, -2.5), (88, -0.5), (95, -1.5),
    (100, -1),
)  # fmt: skip
"""Hip adduction in degrees by per cent of the stride: up at loading, level in stance, down at pre-swing, back in swing
(shape after Kadaba et al. 1990, J Orthop Res 8:383, the most repeatable curve of the frontal plane)."""
_HARMONICS: Final = 4
_ALIKE: Final = 0.7
_MARGIN: Final = 0.1
_LARGER: Final = 1.35
_LEAST_MOVE: Final = 3.0


def flexion_column(knee: npt.ArrayLike) -> Decision[int]:
    """Decide which column of a knee's three angles is flexion: the one with the largest range.

    The knee moves 55 to 95 degrees in the sagittal plane and 5 to 20 in the others, of which a part is cross-talk
    (Kadaba et al. 1990, J Orthop Res 8:383); a stiff knee after stroke still bends 20 to 30.

    Parameters
    ----------
    knee
        Degrees, shape (stride, column, point), NaN strides ignored. Any start of the cycle, any signs.

    Returns
    -------
    Decision[int]
        0, 1 or 2.

    Raises
    ------
    ConfigError
        The array has not three columns.
    """
    columns = _columns(knee, "knee")
    ranges = [_range(column) for column in columns]
    order = np.argsort(ranges)
    best = int(order[2])
    ratio = ranges[best] / max(ranges[order[1]], 1e-9)
    strength = min(1 + 2 * math.log2(max(ratio, 1e-9) / _LARGER), ranges[best] / 15)
    sure = min(confidence(strength), cap(columns[best]))
    text = f"knee ranges {', '.join(f'{value:.1f}' for value in ranges)} degrees ({columns[best].describe()})"
    return Decision(best, sure, text)


def axis_order(
    knee: npt.ArrayLike, hip: npt.ArrayLike | None = None, ankle: npt.ArrayLike | None = None
) -> Decision[Order]:
    """Decide which motion each of the three columns holds, one order for all joints.

    Flexion is the knee's column of the largest range. Of the hip's other two, adduction is the one that follows the
    fall and rise of the pelvis over the stance leg; rotation differs from person to person and from lab to lab. Where
    both or neither look like it, or without ``hip``, the confidence is low, and only `flexion_column` can be sure.

    Parameters
    ----------
    knee, hip, ankle
        Degrees, shape (stride, column, point), contact to contact of the own foot; NaN strides ignored. Any signs.
        Hip and ankle, where given, must move most in the same column as the knee.

    Returns
    -------
    Decision[tuple[str, str, str]]
        `flexion`, `adduction`, `rotation` in the order of the columns.

    Raises
    ------
    ConfigError
        An array has not three columns.
    """
    flexion = flexion_column(knee)
    minor = [column for column in range(3) if column != flexion.value]
    if hip is None:
        text = f"flexion in column {flexion.value} ({flexion.evidence}); no hip angles to tell the other two apart"
        return Decision(_order(flexion.value, minor[0]), min(0.5, flexion.confidence), text)
    joints = [_columns(hip, "hip")] + ([] if ankle is None else [_columns(ankle, "ankle")])
    pair = [joints[0][column] for column in minor]
    likeness = [_likeness(column) for column in pair]
    first = int(np.argmax([value for value, _ in likeness]))
    (best, doubt), (rival, rival_doubt) = likeness[first], likeness[1 - first]
    apart = (best - rival - doubt - rival_doubt) / _MARGIN
    strength = min(1 + 4 * (best - _ALIKE), apart, _range(pair[first]) / _LEAST_MOVE)
    agreement = min(_agrees(columns, flexion.value) for columns in joints)
    sure = min(confidence(strength), confidence(agreement), cap(pair[first]), flexion.confidence)
    text = (
        f"{flexion.evidence}; the rate of hip column {minor[first]} follows adduction with |r| {best:.2f}, that of "
        f"column {minor[1 - first]} with {rival:.2f}"
    )
    return Decision(_order(flexion.value, minor[first]), sure, text)


def _columns(angles: npt.ArrayLike, joint: str) -> tuple[Cycles, Cycles, Cycles]:
    values = np.asarray(angles, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] != 3:
        raise ConfigError(f"axis order: {joint} angles of shape {values.shape}; expected (stride, 3, point).")
    first, second, third = (cycles(values[:, column]) for column in range(3))
    return first, second, third


def _range(column: Cycles) -> float:
    if not column.count:
        return 0.0
    low, high = np.percentile(column.typical, [2, 98])
    return float(high - low)


def _agrees(columns: tuple[Cycles, ...], flexion: int) -> float:
    """Return the strength of "this joint, too, moves most in the column of the knee's flexion"."""
    ranges = [_range(column) for column in columns]
    others = max(value for column, value in enumerate(ranges) if column != flexion)
    return 1 + 2 * math.log2(max(ranges[flexion], 1e-9) / max(others, 1e-9))


def _likeness(column: Cycles) -> tuple[float, float]:
    """Return |r| of the rate of change with that of hip adduction, median over strides, and its standard error."""
    if not column.count:
        return 0.0, 0.0
    each = adduction_likeness(column)
    middle = float(np.median(each))
    error = 1.2533 * 1.4826 * float(np.median(np.abs(each - middle))) / math.sqrt(column.count)
    return abs(middle), error


def adduction_likeness(column: Cycles) -> FloatArray:
    """Return r of every stride's rate of change with that of hip adduction, shape (stride,).

    Rates, without the harmonics above the fourth, tell curves apart that differ in timing alone.
    """
    phase, value = np.array(_ADDUCTION, dtype=np.float64).T
    expected = _rate(np.interp(np.arange(POINTS), phase, value)[None])[0]
    rates = _rate(column.curves)
    size = np.linalg.norm(rates, axis=1) * np.linalg.norm(expected)
    return np.asarray(rates @ expected / np.where(size > 0, size, 1.0))


def _rate(curves: FloatArray) -> FloatArray:
    """Return the derivative by phase of the first harmonics, shape of ``curves``, arbitrary unit."""
    harmonics = np.arange(POINTS // 2 + 1)
    spectrum = np.fft.rfft(curves, axis=1) * 1j * harmonics
    spectrum[:, harmonics > _HARMONICS] = 0
    return np.asarray(np.fft.irfft(spectrum, n=POINTS, axis=1))


def _order(flexion: int, adduction: int) -> Order:
    words = ["rotation", "rotation", "rotation"]
    words[flexion], words[adduction] = "flexion", "adduction"
    return words[0], words[1], words[2]
