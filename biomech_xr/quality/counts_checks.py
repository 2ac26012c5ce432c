"""What does not fit in sampling: rates unlike the source's own, or a person's; samples that are not rate x duration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.quality.counts_strides import SIGNALS

_TOLERANCE: Final = 1e-3
"""Relative difference of two rates that counts: 0.1 %, one sample in a stride of 1 s at 1000 Hz."""

_SHOWN: Final = 3
_CUT: Final = ("ragged", "segmented")


def rate_flags(trials: pd.DataFrame, specs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the trials whose rate, or number of points per stride, is not what the source or the person has.

    Parameters
    ----------
    trials
        One row a trial: patient, trial and <signal>_kind, <signal>_rate (Hz), <signal>_points.
    specs
        The facts of the source as the store holds them.

    Returns
    -------
    list of dict
        signal, found, unit (Hz or points), expected, against (``source``, ``person``, or ``other people`` where the
        source states no rate), patients, trials, examples.
    """
    flags: list[dict[str, Any]] = []
    for signal in SIGNALS:
        kinds = trials[f"{signal}_kind"].astype(str).to_numpy()
        for unit, here, column in (
            ("Hz", np.isin(kinds, ("continuous", "ragged")), f"{signal}_rate"),
            ("points", kinds == "segmented", f"{signal}_points"),
        ):
            part = trials[here]
            if len(part):
                own = _stated(specs, signal, unit)
                flags += [{"signal": signal, "unit": unit, **flag} for flag in _unlike(part, column, own)]
    return flags


def _stated(specs: Iterable[Mapping[str, Any]], signal: str, unit: str) -> set[float]:
    """Return the rates or points that the facts of a source state for a signal; none where they state none."""
    found: set[float] = set()
    for spec in specs:
        rate = (spec.get("rates") or {}).get(signal) or {}
        if unit == "points":
            found |= {float(rate["points"])} if rate.get("points") else set()
        else:
            hertz = [*rate.get("hz", ()), *rate.get("recorded", ())]
            if not rate and signal == "emg" and spec.get("emg_rate"):
                hertz = [spec["emg_rate"]]
            found |= {float(one) for one in hertz if one and one > 0}
    return found


def _unlike(part: pd.DataFrame, column: str, own: set[float]) -> list[dict[str, Any]]:
    """Return flags against the source's facts, else against other people, and against the person's other trials."""
    values = part[column].to_numpy(dtype=np.float64)
    patients = part["patient"].astype(str).to_numpy()
    most = np.empty_like(values)
    for patient in np.unique(patients):
        here = patients == patient
        most[here] = _commonest(values[here])
    if not own:
        others = _flags(part, most, np.full_like(most, _commonest(values)), "other people")
        return others + _flags(part, values, most, "person")
    nearest = np.array(sorted(own))[np.argmin(np.abs(values[:, None] - np.array(sorted(own))), axis=1)]
    fits = np.abs(values - nearest) <= _TOLERANCE * nearest
    return _flags(part, values, nearest, "source") + _flags(part[fits], values[fits], most[fits], "person")


def _commonest(values: npt.NDArray[np.float64]) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[np.argmax(counts)])


def _flags(
    part: pd.DataFrame, values: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], against: str
) -> list[dict[str, Any]]:
    """Return one flag for each pair of a found and an expected value that differ."""
    off = np.abs(values - expected) > _TOLERANCE * expected
    if not off.any():
        return []
    wrong = part[off].assign(found=values[off], expected=expected[off])
    flags = []
    for _, rows in wrong.groupby(["found", "expected"], observed=True):
        names = [f"{row.patient} {row.trial}" for row in rows.head(_SHOWN).itertuples()]
        flags.append(
            {
                "found": float(rows["found"].iloc[0]),
                "expected": float(rows["expected"].iloc[0]),
                "against": against,
                "patients": int(rows["patient"].nunique()),
                "trials": len(rows),
                "examples": names,
            }
        )
    return flags


def length_flags(strides: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the cut signals whose samples / rate differ from the strides' durations by more than one sample.

    Parameters
    ----------
    strides
        One row a stride: patient, trial, side, stride_number and <signal>_kind, <signal>_rate (Hz), <signal>_error (s).

    Returns
    -------
    list of dict
        signal, strides, worst (s, signed), samples (the same in samples), patients, examples.
    """
    flags = []
    for signal in SIGNALS:
        error = strides[f"{signal}_error"].to_numpy(dtype=np.float64)
        rate = strides[f"{signal}_rate"].to_numpy(dtype=np.float64)
        cut = strides[f"{signal}_kind"].isin(_CUT).to_numpy()
        off = cut & (np.abs(error) * rate > 1 + 1e-6)
        if off.any():
            rows = strides[off]
            worst = int(np.flatnonzero(off)[np.argmax(np.abs(error[off]))])
            first = rows.head(_SHOWN).itertuples()
            flags.append(
                {
                    "signal": signal,
                    "strides": int(off.sum()),
                    "worst": float(error[worst]),
                    "samples": float(error[worst] * rate[worst]),
                    "patients": int(rows["patient"].nunique()),
                    "examples": [f"{row.patient} {row.trial} {row.side} {row.stride_number}" for row in first],
                }
            )
    return flags
