"""Why a channel of a stride is masked: a closed list, and how it is told from the signal."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.process.engine.kernels import Array32

EMG_REASONS: Final = {
    0: "measured",
    1: "not recorded: the recording has no such channel on this side",
    2: "constant: the channel never changes in this trial",
    3: "refused: the chain cannot serve EMG of this form",
    4: "too short: the gap-free piece is shorter than the filters need to settle",
    5: "gap: samples of the stride are missing, or lie outside the recording",
    6: "no reference: too few strides, or none with a signal, to refer the amplitude to",
}
"""Code of the variable ``emg_reason`` -> what it says; stored with every product."""

MEASURED, NOT_RECORDED, CONSTANT, REFUSED, TOO_SHORT, GAP, NO_REFERENCE = EMG_REASONS


def masked_because(mask: npt.NDArray[np.bool_], codes: npt.NDArray[Any]) -> Array32:
    """Return the reason of every channel, (n, channel), float32: 0 where it is measured, else its code.

    Parameters
    ----------
    mask
        Whether every sample of the stride is there, (n, channel).
    codes
        Reason of the channel's whole trial, (n, channel); 0 where the trial has it: then the stride has a gap.
    """
    return np.where(mask, MEASURED, np.where(codes == MEASURED, GAP, codes)).astype(np.float32)


def without_reference(reason: Array32, scale: Array32) -> Array32:
    """Return reasons (n, channel) after division by a reference (n, channel), which is NaN where there is none."""
    return np.where((reason == MEASURED) & ~np.isfinite(scale), NO_REFERENCE, reason).astype(np.float32)
