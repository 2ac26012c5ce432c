"""Unit of Gait120's filtered EMG: whether it still is that of the raw trials."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from biomech_xr.datasets.gait120.emg import COLUMNS, EMG_RATE, PER_FRAME, EmgTrial, read_trials
from biomech_xr.datasets.gait120.files import NAME, Place, child
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.mat import open_mat

UNKNOWN: Final = "a.u."
_BAND: Final = (20.0, 500.0)
_ORDER: Final = 2
_SAME: Final = (0.8, 1.25)
_TRIALS: Final = 3


def filtered_unit(folder: Path, filtered: Mapping[Place, EmgTrial], unit: str) -> tuple[str, str]:
    """Return the unit of the filtered EMG and why: ``unit``, that of the raw trials, or `UNKNOWN`.

    The steps are compared with the same frames of the raw trials in the published band: where the root mean square of
    every channel agrees, nothing was divided by a maximal contraction.

    Parameters
    ----------
    folder
        The person's folder.
    filtered
        The filtered EMG by task and trial.
    unit
        Unit of the raw trials.
    """
    top = child(folder, "EMG")
    path = child(top, "RawData.mat") if top is not None else None
    if path is None:
        return UNKNOWN, "not known: no RawData.mat to compare with"
    try:
        with open_mat(path, dataset=NAME) as content:
            raw = read_trials(content, "raw")
    except DataFormatError as error:
        return UNKNOWN, f"not known: {error}"
    ratios: dict[str, list[float]] = defaultdict(list)
    for place in [place for place in filtered if place in raw and raw[place].whole][:_TRIALS]:
        for column, ratio in _ratios(filtered[place], raw[place]):
            ratios[column].append(ratio)
    middle = np.array([np.median(found) for found in ratios.values()])
    if not middle.size:
        return UNKNOWN, "not known: no step of EMGs_filt has its frames in RawData.mat"
    same = bool(((middle >= _SAME[0]) & (middle <= _SAME[1])).all())
    found = f"EMGs_filt / band-passed EMGs_raw from {middle.min():.3g} to {middle.max():.3g} in {middle.size} channels"
    return (unit if same else UNKNOWN), found


def _ratios(filtered: EmgTrial, raw: EmgTrial) -> Iterator[tuple[str, float]]:
    """Yield each channel of each step that both have, with the ratio of the root mean squares."""
    from scipy.signal import butter, sosfiltfilt

    sections = butter(_ORDER, _BAND, "bandpass", fs=EMG_RATE, output="sos")
    for column in COLUMNS:
        whole = raw.whole[column]
        if not np.isfinite(whole).all() or np.ptp(whole) == 0:
            continue
        band = sosfiltfilt(sections, whole)
        for number, piece in filtered.pieces.items():
            if number not in raw.frames:
                continue
            first, last = ((frame - raw.first) * PER_FRAME for frame in raw.frames[number])
            own = band[max(first, 0) : last + PER_FRAME]
            if len(own) == len(piece[column]) and np.isfinite(piece[column]).all() and piece[column].any():
                yield column, float(np.sqrt(np.mean(piece[column] ** 2) / np.mean(own**2)))
