"""SIAT's label files: from `Time`, `Status`, `Group` to cycles, and the leg that each cycle is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.tables import read_csv
from biomech_xr.readers.text import check_last_row

FloatArray = npt.NDArray[np.float64]

POINTS: Final = 200
"""Points of a cycle on which legs and signs are decided."""

PHASES: Final[Mapping[str, int]] = {"WAK": 5, "UPS": 3, "DNS": 3}
"""Phases of a labelled cycle by movement; in the last but one the foot is off and the knee flexes to its maximum."""

_RESTING: Final = ("A", "R")
_PAUSE: Final = 0.010  # s of rows without a label that may separate two cycles
_LONGEST: Final = 2.5
_NEAR, _FAR = 0.15, 0.25
_SHORTEST_FIRST: Final = 0.7
_FIT: Final = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycle:
    """One labelled cycle: contact `start`, next contact `stop`, foot off and largest swing flexion, s; its `group`.

    `first` is the length of phase 1 in s. `marks`: only events are labelled, so that `stop` is the next cycle's first
    mark, whatever its leg. `fault` says why the cycle is not contact to contact; `stop`, `off`, `peak`
    and `first` are NaN where they are not labelled.
    """

    start: float
    stop: float
    off: float
    peak: float
    first: float
    group: int
    marks: bool = False
    side: words.Side = "left"
    fault: str = ""


def read_labels(path: Path, code: str, *, clock: FloatArray) -> pd.DataFrame:
    """Return `Time` (s), `Status` (phase 1..5, 0 for none) and `Group` (-1 for none) of every row.

    ``clock`` (row,) are the times of the data file, s.

    Raises
    ------
    DataFormatError
        A column missing, a cut file (labels that stop within a cycle, more than a stride before the data), time that
        does not increase or lies outside the clock, or a status that the movement does not have.
    """
    table = read_csv(path, dataset="siat", columns=("Time", "Status", "Group"), either=("Status",))
    check_last_row(path, dataset="siat")
    time = table["Time"].to_numpy()
    if not np.all(np.diff(time) > 0):
        raise _bad(path, "Time", "time that does not increase in every row", "seconds, one step a row")
    if time[0] > clock[-1] or time[-1] < clock[0]:
        found = f"{time[0]:.3f} to {time[-1]:.3f} s"
        raise _bad(path, "Time", found, f"the clock of the data file, {clock[0]:.3f} to {clock[-1]:.3f} s")
    phase = _phases(path, code, table["Status"])
    short = clock[-1] - time[-1]
    if short > _LONGEST and phase[-1] > 0:
        found = f"labels that stop within phase {phase[-1]}, {short:.2f} s before the data"
        raise _bad(path, "Status", found, "labels as long as the data, but for some rows; is the file cut?")
    group = table["Group"].fillna(-1).to_numpy()
    return pd.DataFrame({"Time": table["Time"], "Status": phase, "Group": np.rint(group).astype(int)})


def _phases(path: Path, code: str, status: pd.Series) -> npt.NDArray[np.int64]:
    """Return the phase of every row, 0 where it has none; what is written is looked at once, not in every row."""
    place, written = pd.factorize(status)
    texts = [cell if isinstance(cell, str) else str(cell).removesuffix(".0") for cell in written.tolist()]
    texts = [*(text.strip().upper() for text in texts), ""]  # empty cells have the place -1
    phases = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    resting = np.array([text in ("", "NAN", *_RESTING) for text in texts])
    known = np.isin(phases, range(1, PHASES.get(code, 5) + 1)) | resting
    if not known.all():
        row = int(np.argmin(known[place]))
        expected = f"1 to {PHASES.get(code, 5)}, A, R or an empty cell in {code}"
        raise _bad(path, "Status", f"{texts[place[row]]!r} in data row {row + 1}", expected)
    whole: npt.NDArray[np.int64] = np.nan_to_num(phases).astype(np.int64)
    return whole[place]


def find_cycles(labels: pd.DataFrame, code: str) -> list[Cycle]:
    """Return every labelled cycle of a gait trial in order of time, the partial ones at the ends too.

    A cycle starts at the first row of phase 1. Where the phases fill their rows it stops after its last row, where only
    the events are marked at the next start.
    """
    status, group = labels["Status"].to_numpy(), labels["Group"].to_numpy()
    rows = np.flatnonzero(status > 0)
    if not rows.size:
        return []
    change = np.r_[True, (np.diff(status[rows]) != 0) | (np.diff(group[rows]) != 0)]
    first, last = rows[change], rows[np.r_[change[1:], True]]
    marks = rows.size < 0.5 * (rows[-1] - rows[0] + 1)
    new = np.r_[True, (status[first[1:]] == 1) | (np.diff(group[first]) != 0)]
    begins = np.flatnonzero(new)
    after = [*first[begins[1:]], -1]
    ends = [*last[begins[1:] - 1], last[-1]]
    found = [
        _cycle(labels, first[a:b], int(end), code, following=int(row), marks=marks)
        for a, b, end, row in zip(begins, [*begins[1:], first.size], ends, after, strict=True)
    ]
    return found if marks else _check_openings(found, labels)


def _check_openings(found: list[Cycle], labels: pd.DataFrame) -> list[Cycle]:
    """Return the cycles, with a fault where one follows unlabelled rows and its phase 1 is much shorter than usual.

    Such a cycle was cut within phase 1: its first row is no contact.
    """
    lengths = [cycle.first for cycle in found if not cycle.fault]
    usual = float(np.median(lengths)) if lengths else 0.0
    rows = np.searchsorted(labels["Time"].to_numpy(), [cycle.start for cycle in found])
    opens = labels["Status"].to_numpy()[np.maximum(rows - 1, 0)] == 0
    fault = "group {} follows rows without label and its phase 1 lasts {:.2f} s, usually {:.2f} s: its contact was cut"
    return [
        replace(cycle, fault=fault.format(cycle.group, cycle.first, usual), stop=float("nan"))
        if open_ and not cycle.fault and cycle.first < _SHORTEST_FIRST * usual
        else cycle
        for cycle, open_ in zip(found, opens, strict=True)
    ]


def _cycle(
    labels: pd.DataFrame, first: npt.NDArray[np.int64], last: int, code: str, *, following: int, marks: bool
) -> Cycle:
    """Return the cycle whose phases start at the rows ``first`` and whose last label is at row ``last``.

    ``following`` is the row of the next label after it, -1 for none; ``marks``: only events are labelled.
    """
    time = labels["Time"].to_numpy()
    phases = labels["Status"].to_numpy()[first].tolist()
    group = int(labels["Group"].to_numpy()[first[0]])
    end = last + 1
    if following >= 0 and (marks or time[following] - time[last] <= _PAUSE):
        end = following
    closed = end < time.size and not (marks and following < 0)
    count = PHASES[code]
    fault = ""
    if phases != list(range(1, count + 1)):
        fault = f"group {group} has the phases {', '.join(map(str, phases))}, not 1 to {count}"
    elif not closed:
        fault = f"group {group} lasts to the end of the labels: its next contact is not known"
    at = {phase: float(time[row]) for phase, row in zip(phases, first, strict=True)}
    return Cycle(
        start=float(time[first[0]]),
        stop=float("nan") if fault else float(time[end]),
        off=at.get(count - 1, float("nan")),
        peak=at.get(count, float("nan")),
        first=at.get(2, float("nan")) - float(time[first[0]]),
        group=group,
        marks=marks,
        fault=fault,
    )


def assign_legs(cycles: list[Cycle], knees: Mapping[words.Side, FloatArray], time: FloatArray) -> list[Cycle]:
    """Return the cycles with the leg whose knee bends most where the labels say so; the others with a fault.

    ``knees`` (row,) may have either sign; ``time`` (row,) in s. A cycle that is no stride takes the leg of the next.
    Where only events are marked, a cycle whose next contact is not known has a fault too.
    """
    decided: list[Cycle] = []
    for cycle in cycles:
        if cycle.fault:
            decided.append(cycle)
            continue
        away = {side: _distance(cycle, knee, time) for side, knee in knees.items()}
        side = min(away, key=lambda name: away[name])
        other: words.Side = "right" if side == "left" else "left"
        if away[side] <= _NEAR and away[other] >= _FAR:
            decided.append(replace(cycle, side=side))
        else:
            fault = (
                "neither knee alone bends most where the labels put the largest swing flexion: left "
                f"{away['left']:.2f}, right {away['right']:.2f} of the cycle away"
            )
            decided.append(replace(cycle, fault=fault))
    whole = [cycle for cycle in decided if not cycle.fault]
    result = []
    for cycle in decided:
        after = next((other.side for other in whole if other.start > cycle.start), whole[-1].side if whole else "left")
        result.append(replace(cycle, side=after) if cycle.fault else cycle)
    return _check_closings(result)


def _check_closings(cycles: list[Cycle]) -> list[Cycle]:
    """Return the cycles, with a fault where only events are marked and the next mark is not the contact that follows.

    The next cycle must be of the same leg and the time up to it be that of the other cycles, but for a quarter.
    """
    same = [one.side == other.side for one, other in pairwise(cycles)] + [False]
    lengths = [c.stop - c.start if ok and not c.fault else np.nan for c, ok in zip(cycles, same, strict=True)]
    result = list(cycles)
    for index, cycle in enumerate(cycles):
        if not cycle.marks or cycle.fault:
            continue
        others = np.delete(lengths, index)
        usual = float(np.median(others[np.isfinite(others)])) if np.isfinite(others).any() else np.nan
        length = cycle.stop - cycle.start
        if not same[index]:
            fault = f"the marks after those of group {cycle.group} are of the other leg"
        elif not abs(length - usual) <= _FIT * usual:
            fault = f"the next marks are {length:.2f} s after those of group {cycle.group}, usually {usual:.2f} s"
        else:
            continue
        fault += ": its next contact is not known"
        result[index] = replace(cycle, fault=fault, stop=float("nan"))
    return result


def _distance(cycle: Cycle, knee: FloatArray, time: FloatArray) -> float:
    """Return how far a knee's largest bend lies from its label, as a fraction of the cycle; 1: not known.

    The larger extreme is flexion, whatever the sign.
    """
    curve = sample(knee, time, [cycle])[0]
    if np.isnan(curve).any() or np.ptp(curve) < 10:
        return 1.0
    low, high = np.percentile(curve, [2, 98])
    largest = np.argmax(curve if low + high >= 0 else -curve) / POINTS
    labelled = (cycle.peak - cycle.start) / (cycle.stop - cycle.start)
    return float(abs((largest - labelled + 0.5) % 1 - 0.5))


def sample(values: FloatArray, time: FloatArray, cycles: list[Cycle]) -> FloatArray:
    """Return ``values`` (row,) at k / POINTS of every cycle, shape (cycle, POINTS); NaN outside the rows."""
    phase = np.arange(POINTS) / POINTS
    rows = []
    for cycle in cycles:
        times = cycle.start + phase * (cycle.stop - cycle.start)
        low, high = time.searchsorted(times[[0, -1]])
        near = slice(max(low - POINTS, 0), high + POINTS)  # `interp` copies what it is given: give it little
        rows.append(np.interp(times, time[near], values[near], left=np.nan, right=np.nan))
    return np.array(rows).reshape(len(cycles), POINTS)


def confirm_legs(
    cycles: list[Cycle],
    knees: Mapping[words.Side, FloatArray],
    time: FloatArray,
    pooled: Mapping[words.Side, FloatArray],
) -> tuple[str, list[Cycle]]:
    """Return a note, and the cycles: with a fault where the knee says that their labels start at the other contact.

    ``knees`` (row,) in degrees, either sign; ``time`` (row,) in s; ``pooled`` (cycle, POINTS) the knee in the cycles of
    all trials of the person, which decide where those of this trial are not sure.
    """
    notes, result = [], list(cycles)
    for side, knee in knees.items():
        own = [cycle for cycle in cycles if cycle.side == side and not cycle.fault]
        if not own:
            continue
        decision, where = evidence.start_from_knee(sample(knee, time, own)), "starts"
        if not decision.sure:
            decision, where = evidence.start_from_knee(pooled[side]), "with the other trials starts"
        groups = ", ".join(str(cycle.group) for cycle in own)
        notes.append(f"{side}: groups {groups}: {where} at the contact of this leg or the other: {decision.note()}")
        if decision.value == "other":
            fault = f"the {side} knee shows the other foot's contact at the start of phase 1: {decision.note()}"
            result = [replace(c, fault=fault) if c.side == side and not c.fault else c for c in result]
    return "; ".join(notes), result


def _bad(path: Path, field: str, found: str, expected: str) -> DataFormatError:
    return DataFormatError.of(
        dataset="siat", file=path, field=field, found=found, expected=expected, action="Download the file again"
    )
