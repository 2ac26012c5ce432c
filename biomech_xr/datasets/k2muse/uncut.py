"""Trials of K2MUSE that exist only in `OriginalData`: their signals, without events and so without strides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets.k2muse.continuous import Original, arrays, continuous_emg
from biomech_xr.datasets.k2muse.tree import EMG_RATE, FRAME_RATE, Array
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.mat import MatNode

Content = TypeVar("Content")
Joints = dict[tuple[words.Side, str], Array]


def read_uncut(node: MatNode) -> Original:
    """Return what can be read of a continuous trial without a cut form, all of it from time 0; `note` says what not."""
    faults: list[str] = []

    def tried(read: Callable[[], Content], otherwise: Content) -> Content:
        try:
            return read()
        except DataFormatError as error:
            faults.append(f"not read: {error}")
            return otherwise

    angles = tried(lambda: _even(node, "Angles"), Joints())
    moments = tried(lambda: _even(node, "Moments"), Joints())
    emg = tried(lambda: continuous_emg(node), np.empty((0, 0)))
    text = (
        f"not in NormalizedData: no events and no strides; joints from their first row on ({FRAME_RATE:g} Hz), EMG "
        f"from its own ({EMG_RATE:g} Hz): whether they began together is not known"
    )
    return Original(
        angles=angles,
        moments=moments,
        emg=emg,
        frames={},
        first_frame=0,
        endpoint=True,
        emg_start=0.0,
        note="; ".join([text, *faults]),
    )


def _even(node: MatNode, kind: str) -> Joints:
    """Return the arrays of all joints, which must have the same number of rows."""
    found = arrays(node, kind)
    rows = {len(values) for values in found.values()}
    if len(rows) != 1 or not min(rows):
        raise node[kind].bad(
            found=f"outputs of {', '.join(map(str, sorted(rows)))} rows",
            expected="as many rows in all",
            action="Check the file, or read level=normalized",
        )
    return found
