"""Events and modes of Hu's circuits: packed lists of 1-based rows, and four-digit triggers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Signal

RATE: Final = 1000.0
"""Rows per second of every file."""

_LONGEST_HALF: Final = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mode:
    word: str
    activity: str
    surface: str = "overground"
    incline: float = 0.0
    stair_height: float = np.nan


_STAIR = 7.75 * 0.0254
_MODES: Final = (
    _Mode(word="Sitting", activity="sit"),
    _Mode(word="Level ground walking", activity="walk"),
    _Mode(word="Ramp ascent", activity="ramp_ascent", surface="ramp", incline=10.0),
    _Mode(word="Ramp descent", activity="ramp_descent", surface="ramp", incline=-10.0),
    _Mode(word="Stair ascent", activity="stair_ascent", surface="stairs", incline=np.nan, stair_height=_STAIR),
    _Mode(word="Stair descent", activity="stair_descent", surface="stairs", incline=np.nan, stair_height=_STAIR),
    _Mode(word="Standing", activity="stand"),
)
"""Mode 0 to 6: 10 degree ramps, steps of 7.75 inches."""


def side_rows(
    table: pd.DataFrame,
    path: Path,
    *,
    spec: DatasetSpec,
    prefix: str,
    side: words.Side,
    name: str,
    signals: Mapping[str, Signal],
    unpaired: str = "",
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and of `rejected` of one leg of a circuit.

    ``table`` has one row a millisecond; ``prefix`` is the leg's word in its column names, ``name`` the trial, whose
    ``signals`` say whether anything was measured; ``unpaired`` says why none of its strides can be kept.

    Where a list of the leg is broken, or has not one trigger a contact, all its candidates are `unpaired`; where one
    trigger is no trigger, the candidates on both its sides are.

    Raises
    ------
    DataFormatError
        A list has rows that the file does not have.
    """
    contacts, *faults = _event_rows(table, path, f"{prefix}_Heel_Contact")
    toe_offs, *more = _event_rows(table, path, f"{prefix}_Toe_Off")
    triggers, *most = _packed(table, f"{prefix}_Heel_Contact_Trigger")
    broken = "; ".join(fault for fault in (*faults, *more, *most) if fault)
    if not broken and len(triggers) != len(contacts):
        broken = f"{prefix}_Heel_Contact_Trigger has {len(triggers)} triggers for {len(contacts)} contacts"
    if faults[0]:
        row = {"trial": name, "side": side, "stride_number": 0, "reason": "unpaired", "detail": broken}
        return [], [row]
    before, current = triggers // 1000, triggers // 10 % 10
    wrong = (triggers < 0) | (before >= len(_MODES)) | (current >= len(_MODES))
    times, offs = (contacts - 1) / RATE, (toe_offs - 1) / RATE
    modes = table["Mode"].to_numpy()

    def judge(index: int) -> cycles.Verdict:
        if broken:
            return cycles.Verdict(reason="unpaired", detail=broken)
        if wrong[index : index + 2].any():
            found = f"triggers {triggers[index]} and {triggers[index + 1]}: not mode 0-6, phase, mode 0-6, phase"
            return cycles.Verdict(reason="unpaired", detail=found)
        mode = _MODES[current[index]]
        off, count = cycles.foot_off(offs, times[index], times[index + 1])
        labels = {
            "activity": mode.activity,
            "source_activity": mode.word,
            "transition": bool(before[index] != current[index]),
            "surface": mode.surface,
            "foot_off": off,
            "incline": mode.incline,
            "stair_height": mode.stair_height,
        }
        at_contacts = modes[contacts[index : index + 2] - 1]
        if current[index + 1] != current[index] or not (at_contacts == current[index]).all():
            found = (
                f"triggers {current[index]} and {current[index + 1]}, Mode {at_contacts[0]:g} and {at_contacts[1]:g}"
            )
            return cycles.Verdict(labels=labels, reason="activity_change", detail=found)
        doubt = _no_stride(mode, off, count, times[index + 1] - times[index])
        if doubt[0]:
            return cycles.Verdict(labels=labels, reason=doubt[0], detail=doubt[1])
        if unpaired:
            return cycles.Verdict(labels=labels, reason="unpaired", detail=unpaired)
        if not cycles.has_samples(signals, side, times[index], times[index + 1]):
            return dataclasses.replace(cycles.NO_SIGNAL, labels=labels)
        return cycles.Verdict(labels=labels)

    return cycles.sort_candidates(
        spec=spec, trial=name, side=side, contacts=times, span=(0.0, (len(table) - 1) / RATE), judge=judge
    )


def _event_rows(table: pd.DataFrame, path: Path, column: str) -> tuple[npt.NDArray[np.int64], str]:
    """Return the 1-based rows of one kind of event, all of them rows of the file, and what is wrong with the list."""
    rows, fault = _packed(table, column)
    outside = rows[(rows < 1) | (rows > len(table))]
    if outside.size:
        found = f"an event in row {outside[0]}"
        raise _bad(path, column, found, f"rows 1 to {len(table)}; is the file cut?", "Download the file again")
    return rows, fault


def _packed(table: pd.DataFrame, column: str) -> tuple[npt.NDArray[np.int64], str]:
    """Return the whole numbers packed at the top of a column; none, and what is wrong, where they are not so."""
    values = table[column].to_numpy(dtype=np.float64)
    listed = values[: int(np.isfinite(values).sum())]
    if not np.isfinite(listed).all() or (listed != np.round(listed)).any():
        return np.empty(0, dtype=np.int64), f"{column} is a list with gaps or fractions"
    return listed.astype(np.int64), ""


def check_modes(table: pd.DataFrame, path: Path) -> None:
    """Raise `DataFormatError` where `Mode` holds anything but 0 to 6 or NaN."""
    modes = table["Mode"].dropna()
    unknown = sorted(set(modes.unique()) - set(range(len(_MODES))))
    if unknown:
        raise _bad(path, "Mode", f"the value {unknown[0]:g}", "whole numbers 0 to 6", "Take the file from Processed")


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="hu", file=path, field=field, found=found, expected=expected, action=action)


def _no_stride(mode: _Mode, off: float, count: int, duration: float) -> tuple[str, str]:
    """Return the reason and detail why two contacts of one mode are no stride of a walk, or nothing."""
    if mode.activity in words.POSTURES:
        return "posture", mode.word
    if count > 1:
        return "not_a_stride", f"{count} foot offs between the contacts: a contact was left out"
    if max(off, duration - off) > _LONGEST_HALF:
        return "not_a_stride", f"foot off {off:.2f} s after the contact: a half longer than {_LONGEST_HALF:g} s"
    return "", ""
