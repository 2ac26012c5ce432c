"""EMG as int16: 16 bits hold what an electrode resolves and compress three times better than float32.

The encoding is ours because xarray's wraps on overflow and reads a lost chunk as zero.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

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
    steps = np.rint(np.asarray(values, dtype=np.float32) / SCALE)
    missing = np.isnan(steps)
    outside = np.abs(steps) > LIMIT
    clipped: npt.NDArray[np.bool_] = (
        outside.reshape(len(steps), -1).any(axis=1) if steps.size else np.zeros(len(steps), dtype=bool)
    )
    codes = np.clip(np.where(missing, 0, steps), -LIMIT, LIMIT).astype(np.int16)
    codes[missing] = MISSING
    return codes, clipped


def decode_emg(codes: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Return stored integers as float32 EMG, unit 1 (times `emg_scale` gives the source's unit); NaN where missing."""
    values = codes.astype(np.float32)
    values *= SCALE
    values[codes == MISSING] = np.nan
    return values
