"""What the `conditions` files of Camargo say of a stride: belt speed, or labels with incline, height or pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets.camargo.sawtooth import StrideJudge
from biomech_xr.datasets.cycles import Verdict
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.matlab import load_tables
from biomech_xr.readers.tables import check_columns

_SPEED_TOLERANCE: Final = 0.01
_STANDSTILL: Final = 0.05
_INCH: Final = 0.0254
_INCLINES: Final = {"1": 5.2, "2": 7.8, "3": 9.2, "4": 11.0, "5": 12.4, "6": 18.0}
_HEIGHTS: Final = {"1": 4.0, "2": 5.0, "3": 6.0, "4": 7.0}
"""Degrees of ramp 1 to 6 and inches of stair 1 to 4, for files that do not say."""

_LABELS: Final = {
    "idle": ("stand", False),
    "stand": ("stand", False),
    "stand-walk": ("walk", True),
    "walk": ("walk", False),
    "walk-stand": ("walk", True),
    "turn1": ("turn", False),
    "turn2": ("turn", False),
} | {
    label: (activity, "-" in label)
    for terrain in ("ramp", "stair")
    for way in ("ascent", "descent")
    for label, activity in (
        (f"walk-{terrain}{way}", f"{terrain}_{way}"),
        (f"{terrain}{way}", f"{terrain}_{way}"),
        (f"{terrain}{way}-walk", "walk"),
    )
}
"""Label to activity and transition. A transition takes the activity it enters; the steps of `walk-stand` walk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Terrain:
    """What holds for a whole trial: incline in degrees, stair height in m, the source's word for the pace."""

    incline: float = 0.0
    stair_height: float = np.nan
    pace: str = ""

    def labels(self, activity: str) -> dict[str, Any]:
        """Return surface, incline (positive uphill) and stair height of a stride."""
        if activity.startswith("stair"):
            return {"surface": "stairs", "incline": np.nan, "stair_height": self.stair_height}
        if activity.startswith("ramp"):
            return {"surface": "ramp", "incline": self.incline if activity == "ramp_ascent" else -self.incline}
        return {"surface": "overground", "incline": 0.0}


def make_judge(mode: str, path: Path | None, *, name: str, notes: dict[str, str]) -> StrideJudge:
    """Return what judges the candidates of a trial.

    Parameters
    ----------
    mode
        `treadmill`, `levelground`, `ramp` or `stair`.
    path
        The trial's conditions file, None where it is missing: then a treadmill stride has no speed, and any other
        stride is `unpaired`, because nothing says what was done. Where its clock does not rise, all are.
    name
        The trial in lower case; its number or word gives incline, height or pace where the file does not.
    notes
        Receives what is worth telling of the trial.
    """
    content = load_tables(path, dataset="camargo") if path else {}
    if path is not None:
        variable, column = ("speed", "Speed") if mode == "treadmill" else ("labels", "Label")
        times, values = _column(content, path, variable=variable, column=column)
        if not times.size or not (np.diff(times) > 0).all():
            notes["conditions"] = f"{variable}.Header does not rise: nothing says what was done when"
            return lambda _start, _stop: Verdict(reason="unpaired", detail=notes["conditions"])
    if mode == "treadmill":
        if path is None:
            notes["conditions"] = "no conditions file: belt speed unknown, changes of speed not excluded"
            return lambda _start, _stop: Verdict(labels=_treadmill(np.nan))
        return _speed_judge(times, values)
    if path is None:
        return lambda _start, _stop: Verdict(reason="unpaired", detail="no conditions file: activity unknown")
    return _label_judge(times, values, terrain=_terrain(mode, content, name, notes), notes=notes)


def the_table(content: Mapping[str, Any], path: Path) -> pd.DataFrame:
    """Return the variable `data`, or the only table of a file.

    Raises
    ------
    DataFormatError
        There is no table, or several and none is called `data`.
    """
    tables = {name: value for name, value in content.items() if isinstance(value, pd.DataFrame)}
    if "data" in tables or len(tables) == 1:
        return tables.get("data", next(iter(tables.values())))
    found = f"the variables {', '.join(content) or 'none'}"
    raise _bad(path, "data", found, "one MATLAB table", "Download the file again")


def _column(
    content: Mapping[str, Any], path: Path, *, variable: str, column: str
) -> tuple[npt.NDArray[np.float64], pd.Series[Any]]:
    """Return the times and the values of a table with `Header` and one column, shape (row,)."""
    table = content.get(variable)
    if not isinstance(table, pd.DataFrame):
        found = f"the variables {', '.join(content) or 'none'}"
        raise _bad(path, variable, found, f"a table {variable} with Header and {column}", "Download the file again")
    text = ("Label",) if column == "Label" else ()
    check_columns(table, path, dataset="camargo", columns=("Header", column), text=text)
    return table["Header"].to_numpy(dtype=np.float64), table[column]


def _treadmill(speed: float) -> dict[str, Any]:
    return {
        "activity": "walk",
        "source_activity": "treadmill",
        "surface": "treadmill",
        "speed": speed,
        "incline": 0.0,
    }


def _during(times: npt.NDArray[np.float64], start: float, stop: float) -> slice:
    """Return the rows in force from ``start`` to ``stop``; a row holds until the next one. Empty outside the table."""
    step = float(np.median(np.diff(times))) if times.size > 1 else 0.0
    if start < times[0] - step or stop > times[-1] + 2 * step:
        return slice(0, 0)
    first = max(int(np.searchsorted(times, start, side="right")) - 1, 0)
    return slice(first, int(np.searchsorted(times, stop, side="left")))


def _speed_judge(times: npt.NDArray[np.float64], speeds: pd.Series[Any]) -> StrideJudge:
    values = speeds.to_numpy(dtype=np.float64)

    def judge(start: float, stop: float) -> Verdict:
        inside = values[_during(times, start, stop)]
        if not inside.size or not np.isfinite(inside).all():
            return Verdict(labels=_treadmill(np.nan), reason="unpaired", detail="no belt speed at that time")
        labels = _treadmill(float(inside.mean()))
        low, high = float(inside.min()), float(inside.max())
        if high - low > _SPEED_TOLERANCE:
            return Verdict(labels=labels, reason="changing_speed", detail=f"{low:.2f} to {high:.2f} m/s")
        if high < _STANDSTILL:
            return Verdict(labels=labels, reason="posture", detail="the belt stands still")
        return Verdict(labels=labels)

    return judge


def _label_judge(
    times: npt.NDArray[np.float64], labels: pd.Series[Any], *, terrain: _Terrain, notes: dict[str, str]
) -> StrideJudge:
    codes, found = pd.factorize(labels.astype(str).str.strip().str.lower())
    names = [str(name) for name in found]
    known = [_LABELS.get(name, ("other", False)) for name in names]
    unknown = sorted(set(names) - set(_LABELS))
    if unknown:
        notes["labels"] = f"not known, taken as other: {', '.join(unknown)}"

    def judge(start: float, stop: float) -> Verdict:
        inside = codes[_during(times, start, stop)]
        if not inside.size:
            return Verdict(reason="unpaired", detail="no label at that time")
        counts = np.bincount(inside, minlength=len(names))
        present = [int(code) for code in np.flatnonzero(counts)]
        shares = {known[code][0]: 0 for code in present}
        for code in present:
            shares[known[code][0]] += int(counts[code])
        activity = max(shares, key=lambda word: shares[word])
        label = names[max(present, key=lambda code: (known[code][0] == activity, counts[code]))]
        verdict = {
            "activity": activity,
            "source_activity": f"{label} {terrain.pace}".strip(),
            "transition": len(shares) > 1 or any(known[code][1] for code in present),
        } | terrain.labels(activity)
        detail = ", ".join(names[code] for code in present)
        if 2 * shares[activity] <= inside.size:
            return Verdict(labels=verdict, reason="activity_change", detail=detail)
        if activity in words.POSTURES:
            return Verdict(labels=verdict, reason="posture", detail=detail)
        return Verdict(labels=verdict)

    return judge


def _terrain(mode: str, content: Mapping[str, Any], name: str, notes: dict[str, str]) -> _Terrain:
    """Return incline, height or pace of a trial from its conditions, or else from its name."""
    part = name.partition(f"{mode}_")[2].split("_")
    if mode == "ramp":
        incline = _number(content, "rampIncline", "degrees", (0.1, 45.0), _INCLINES[part[0]], notes)
        return _Terrain(incline=incline)
    if mode == "stair":
        inches = _number(content, "stairHeight", "inches", (2.0, 12.0), _HEIGHTS[part[0]], notes)
        return _Terrain(stair_height=_INCH * inches)
    pace, turn = (_word(content.get(variable)) or word for variable, word in (("speed", part[1]), ("turn", part[0])))
    notes |= {"speed": pace, "turn": turn}
    if (turn, pace) != (part[0], part[1]):
        notes["speed"] = f"{pace}; the file name says {part[1]}"
        notes["turn"] = f"{turn}; the file name says {part[0]}"
    return _Terrain(pace=pace)


def _number(
    content: Mapping[str, Any],
    variable: str,
    unit: str,
    bounds: tuple[float, float],
    named: float,
    notes: dict[str, str],
) -> float:
    """Return the size of a number within bounds; else what the trial's name stands for, ``named``, and a note."""
    value = content.get(variable)
    number = abs(float(value)) if isinstance(value, float | int) else float("nan")
    if bounds[0] <= number <= bounds[1]:
        return number
    found = "not there" if variable not in content else f"{str(value)!r:.40}"
    notes[variable] = f"{found}, not {unit} from {bounds[0]:g} to {bounds[1]:g}: {named:g} by the file name"
    return named


def _word(value: object) -> str:
    """Return a text in lower case, also out of a cell of one; empty for anything else."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    return value.strip().lower() if isinstance(value, str) else ""


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="camargo", file=path, field=field, found=found, expected=expected, action=action)
