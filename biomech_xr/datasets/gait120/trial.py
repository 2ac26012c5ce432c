"""One trial of Gait120 on one clock: EMG at 2 kHz, angles at 100 Hz, and where each step starts and stops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.gait120.emg import COLUMNS, EMG_RATE, FRAME_RATE, PER_FRAME, EmgTrial, Samples
from biomech_xr.datasets.gait120.files import NAME, bad
from biomech_xr.readers.opensim import MotTable, read_mot

_SAME_FRAME: Final = 0.5
_STEADY: Final = 0.1
_NOWHERE: Final = "no angles that tell when it starts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One movement cycle, from `start` to `stop`, s; `unpaired` says why its EMG and its angles do not belong."""

    number: int
    start: float
    stop: float
    unpaired: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What a trial holds on its clock: columns of EMG and of angles, their first samples' times (s), and the steps."""

    steps: Sequence[Step]
    emg: Samples = field(default_factory=dict)
    emg_start: float = math.nan
    angles: Samples = field(default_factory=dict)
    angles_start: float = math.nan


def read_motion(path: Path, required: Sequence[str]) -> MotTable:
    """Return the angles of a step: degrees at 100 Hz with the required columns.

    Raises
    ------
    DataFormatError
        A column is missing, the header says that the angles are no degrees, or the rate is not 100 Hz.
    """
    table = read_mot(path, dataset=NAME)
    action = "Check the file against the published format, or download it again"
    for name in required:
        if name not in table.columns:
            raise bad(path, name, f"the columns {', '.join(table.columns[:8])}, ...", "a column of that name", action)
    if not table.in_degrees and "inDegrees" in table.header:
        raise bad(path, "inDegrees", table.header["inDegrees"], "yes", action)
    steps = np.diff(table.time)
    if not steps.size or np.abs(steps * FRAME_RATE - 1).max() > _STEADY:
        found = f"rows {steps.min():.4g} to {steps.max():.4g} s apart" if steps.size else "one row"
        raise bad(path, "time", found, f"rows {1 / FRAME_RATE:g} s apart", action)
    return table


def lay_out(emg: EmgTrial | None, motions: Mapping[int, MotTable], columns: Sequence[str]) -> Layout:
    """Return a trial on the clock of its motion files; ``columns`` are the angles to keep.

    Steps are paired by number; EMG and angles of one must last equally long (20 samples a frame) and, where the whole
    trial was recorded, start at the same frame as the other steps say. Without a motion file, frame 1 is at 0 s; EMG of
    a trial whose motion files are all of other steps is not placed.
    """
    if emg is None:
        placed = [Step(number=k, start=_first(m), stop=_last(m)) for k, m in motions.items()]
        return _with_angles(Layout(steps=placed), motions, columns)
    if emg.whole:
        return _with_angles(_on_frames(emg, motions), motions, columns)
    return _with_angles(_on_steps(emg, motions), motions, columns)


def _on_frames(emg: EmgTrial, motions: Mapping[int, MotTable]) -> Layout:
    """Place a whole trial: steps lie at frames, and the motion files tell the time of a frame."""
    shifts = {k: _first(motions[k]) * FRAME_RATE - emg.frames[k][0] for k in motions if k in emg.frames}
    shift = float(np.median(list(shifts.values()))) if shifts else -1.0
    lost = bool(motions) and not shifts
    steps = []
    for k in sorted({*emg.frames, *motions}):
        if k not in emg.frames:
            steps.append(Step(number=k, start=_first(motions[k]), stop=_last(motions[k])))
            continue
        first, last = emg.frames[k]
        problem = _NOWHERE if lost else _disagreement(motions.get(k), last - first + 1)
        if not problem and abs(shifts.get(k, shift) - shift) > _SAME_FRAME:
            problem = f"angles start {shifts[k] - shift:+.1f} frames from where the other steps put frame {first}"
        steps.append(
            Step(number=k, start=(first + shift) / FRAME_RATE, stop=(last + shift) / FRAME_RATE, unpaired=problem)
        )
    if lost:
        return Layout(steps=steps)
    return Layout(steps=steps, emg=emg.whole, emg_start=(emg.first + shift) / FRAME_RATE)


def _on_steps(emg: EmgTrial, motions: Mapping[int, MotTable]) -> Layout:
    """Place cut steps: at the time of their angles, else by the frame that they share with a step next to them."""
    rows = {k: len(piece[COLUMNS[0]]) for k, piece in emg.pieces.items()}
    spans = _spans(rows, motions)
    steps: list[Step] = []
    for k in sorted({*rows, *motions}):
        frames, rest = divmod(rows.get(k, 0), PER_FRAME)
        problem = f"{rows[k]} EMG samples, not {PER_FRAME} a frame" if rest else "" if k in spans else _NOWHERE
        if k in rows and not problem:
            problem = _disagreement(motions.get(k), frames)
        start, stop = spans.get(k, (0.0, max(frames - 1, 0) / FRAME_RATE))
        steps.append(Step(number=k, start=start, stop=stop, unpaired=problem))
    sound = [step for step in steps if not step.unpaired and step.number in emg.pieces]
    if not sound:
        return Layout(steps=steps)
    begin = min(step.start for step in sound)
    size = max(_row(step.start, begin) + len(emg.pieces[step.number][COLUMNS[0]]) for step in sound)
    joined = {column: np.full(size, np.nan) for column in COLUMNS}
    for step in sound:
        for column, samples in emg.pieces[step.number].items():
            row = _row(step.start, begin)
            joined[column][row : row + len(samples)] = samples
    return Layout(steps=steps, emg=joined, emg_start=begin)


def _spans(rows: Mapping[int, int], motions: Mapping[int, MotTable]) -> dict[int, tuple[float, float]]:
    """Return from when to when steps last, s; those of ``rows`` EMG samples without angles follow or precede others.

    Without any angles the first step starts at 0 s.
    """
    spans = {k: (_first(motion), _last(motion)) for k, motion in motions.items()}
    length = {k: (n // PER_FRAME - 1) / FRAME_RATE for k, n in rows.items() if n and n % PER_FRAME == 0}
    if not spans and length:
        spans[min(length)] = 0.0, length[min(length)]
    for k in sorted(length):
        if k not in spans and k - 1 in spans:
            spans[k] = spans[k - 1][1], spans[k - 1][1] + length[k]
    for k in sorted(length, reverse=True):
        if k not in spans and k + 1 in spans:
            spans[k] = spans[k + 1][0] - length[k], spans[k + 1][0]
    return spans


def _row(start: float, begin: float) -> int:
    return round((start - begin) * EMG_RATE)


def _disagreement(motion: MotTable | None, frames: int) -> str:
    """Return why angles of another length than the EMG's frames do not belong to it, or an empty text."""
    if motion is None or len(motion.time) == frames:
        return ""
    return f"{len(motion.time)} rows of angles for {frames} frames of EMG ({PER_FRAME} samples a frame)"


def _with_angles(layout: Layout, motions: Mapping[int, MotTable], columns: Sequence[str]) -> Layout:
    """Add the angles of all steps, each at its own time, on one grid of 100 Hz; NaN between steps that do not touch.

    Where two overlap, the one that belongs to its EMG has precedence.
    """
    if not motions:
        return layout
    begin = min(_first(motion) for motion in motions.values())
    rows = {k: round((_first(motion) - begin) * FRAME_RATE) for k, motion in motions.items()}
    size = max(rows[k] + len(motion.time) for k, motion in motions.items())
    table: dict[str, npt.NDArray[np.float64]] = {name: np.full(size, np.nan) for name in columns}
    doubtful = {step.number for step in layout.steps if step.unpaired}
    for k in sorted(motions, key=lambda k: (k not in doubtful, k)):
        for name in columns:
            table[name][rows[k] : rows[k] + len(motions[k].time)] = motions[k].column(name)
    return replace(layout, angles=table, angles_start=begin)


def _first(motion: MotTable) -> float:
    return float(motion.time[0])


def _last(motion: MotTable) -> float:
    return float(motion.time[-1])
