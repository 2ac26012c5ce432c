"""What was done to the EMG of one person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import FloatArray, Judge
from biomech_xr.datasets.moghadam.files import read_emg
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.datasets.walking import emg_state, vote


def state_of(files: Mapping[str, Mapping[str, Path]], asked: Judge, spec: DatasetSpec) -> words.EmgState:
    """Return the state of a person's EMG: that of the first trial in which it is sure, else of all together.

    Parameters
    ----------
    files
        The files of every trial by stream.
    asked
        Judge of the person.
    spec
        Names the columns; its state is that of a person without EMG.

    Raises
    ------
    DataFormatError
        The channels leave it open and the option emg_state is not given.
    """
    channels: list[FloatArray] = []
    rate = spec.emg_rate
    for paths in files.values():
        if "emg" not in paths or asked.options.get("emg_state") is not None:
            continue
        table = read_emg(paths["emg"], spec.emg)
        rate = table.rate
        channels += table.columns.values()
        if vote(channels, rate).sure:
            break
    if not channels and asked.options.get("emg_state") is None:
        return spec.emg_state
    return emg_state(asked, channels, rate, "EMG")
