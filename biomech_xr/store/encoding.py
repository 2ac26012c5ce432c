"""EMG as int16: 16 bits hold what an electrode resolves and compress three times better than float32.

The encoding is ours because xarray's wraps on overflow and reads a lost chunk as zero.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled

SCALE: Final = np.float32(2.0**-11)
"""One step of the stored integer, in units of `emg_scale`: the range is +-16, the error at most 2.4e-4."""

MISSING: Final = np.int16(-32768)
LIMIT: Final = 32767


def encode_emg(
    values: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_]]:
    """Return normalized EMG as integers, and which strides had to be clipped.

    Parameters
    ----------
    values
        EMG divided by `emg_scale`, dims ``(stride, ...)``, unit 1; NaN where nothing was measured.

    Returns
    -------
    codes : numpy.ndarray
        int16, same shape; rounded to steps of 2**-11, limited to +-32767, -32768 for NaN.
    clipped : numpy.ndarray
        bool, shape ``(stride,)``: a sample of the stride lies outside the range (infinities do).
    """
    source = np.ascontiguousarray(values, dtype=np.float32)
    codes = np.empty(source.shape, dtype=np.int16)
    clipped = np.zeros(len(source), dtype=bool)
    flat = len(source), math.prod(source.shape[1:])
    _encode(source.reshape(flat), codes.reshape(flat), clipped)
    return codes, clipped


@compiled()
def _encode(values: npt.NDArray[Any], codes: npt.NDArray[Any], clipped: npt.NDArray[Any]) -> None:
    """Encode strides (n, m) in one pass, without the interpreter lock."""
    for row in range(len(values)):
        source, target, outside = values[row], codes[row], 0
        for i in range(len(source)):
            steps = np.rint(source[i] / SCALE)
            limited = min(max(steps, np.float32(-LIMIT)), np.float32(LIMIT))
            missing = steps != steps
            outside += (limited != steps) & ~missing
            target[i] = MISSING if missing else np.int16(limited)
        clipped[row] = outside > 0


def decode_emg(codes: npt.NDArray[np.int16], out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
    """Return stored integers as float32 EMG, unit 1 (times `emg_scale` gives the source's unit); NaN where missing.

    Parameters
    ----------
    codes
        As `encode_emg` returns them.
    out
        Array of the same shape for the result; a new one when left out.
    """
    values = np.empty(codes.shape, dtype=np.float32) if out is None else out
    values[...] = codes
    np.multiply(values, SCALE, out=values)
    np.copyto(values, np.float32(np.nan), where=codes == MISSING)
    return values
