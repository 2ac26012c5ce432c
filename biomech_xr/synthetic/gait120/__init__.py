"""Writer of the raw tree of Boo et al. 2025 (Gait120): EMG in MATLAB tables, joint angles as OpenSim motion files.

Layout, names, units and signs are those of the published descriptions and public readers
(doi:10.1038/s41597-025-05391-0). People are in folders of ten; a trial is called after task and trial:
``LevelWalking_Trial01``. `MVC_raw` and the marker files are left out: their columns are not published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, make_gait
from biomech_xr.synthetic.gait120.motion import write_force, write_motion
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.tables import write_workbook
from biomech_xr.synthetic.truth import Truth, stride_truth

IDS: Final = tuple(f"S{number + 60 * half:03d}" for number in range(1, 61) for half in (0, 1))
"""Young and older men in turn."""

MUSCLES: Final = {
    "VastusLateralis": "vastus_lateralis", "RectusFemoris": "rectus_femoris", "VastusMedialis": "vastus_medialis",
    "TibialisAnterior": "tibialis_anterior", "BicepsFemoris": "biceps_femoris", "Semitendinosus": "semitendinosus",
    "GastrocnemuisMedialis": "gastrocnemius_medialis", "GastrocnemiusLateralis": "gastrocnemius_lateralis",
    "SoleusMedialis": "soleus_medial", "SoleusLateralis": "soleus_lateral", "PeroneusLongus": "peroneus_longus",
    "PeroneusBrevis": "peroneus_brevis",
}  # fmt: skip
SPACED: Final = (
    "Vastus Lateralis", "Rectus Femoris", "Vastus Medialis", "Tibialis Anterior", "Biceps Femoris", "Semitendinosus",
    "Gastrocnemuis Medialis", "Gastrocnemius Lateralis", "Soleus Medialis", "Soleus Lateralis", "Peroneus Longus",
    "Peroneus Brevis",
)  # fmt: skip
GAIT: Final = {
    "LevelWalking": "walk", "StairAscent": "stair_ascent", "StairDescent": "stair_descent",
    "SlopeAscent": "ramp_ascent", "SlopeDescent": "ramp_descent",
}  # fmt: skip
POSTURES: Final = ("SitToStand", "StandToSit")
EMG_RATE: Final = 2000
FRAME_RATE: Final = 100
PER_FRAME: Final = EMG_RATE // FRAME_RATE
SIGNS: Final = {
    "knee_angle_*": "extension positive: canonical = -value",
    "other angles": "canonical, degrees",
    "EMGs_raw, EMGs_filt": "V",
}
GAP: Final = slice(1200, 1240)
"""Rows of EMGs_raw that are NaN, within the first step."""
_MARGIN: Final = 30
_RMS: Final = 250

Steps = dict[int, tuple[int, int]]
"""Number of a step -> its first and its last frame."""


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One recorded trial: `total` frames, counted from 1 at 0 s of the gait, the `steps`, and EMG in V."""

    task: str
    number: int
    gait: Gait
    total: tuple[int, int]
    steps: Steps
    emg: FloatArray


def write_gait120(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the tree of ``patients`` people; more ``minutes`` give more trials of each task (at most 5)."""
    rows: list[dict[str, Any]] = []
    people: list[tuple[str, Person]] = []
    for index, name in enumerate(IDS[:patients]):
        person = make_person(f"gait120-{name}", seed=seed, sex="male")
        people.append((name, person))
        decade = (int(name[1:]) - 1) // 10 * 10
        folder = out / f"Gait120_{decade + 1:03d}_to_{decade + 10:03d}" / name
        trials = list(_trials(person, name, seed=seed, most=min(5, 2 + round(minutes))))
        lost = next((trial.task, trial.number, 2) for trial in trials if trial.task == "StairDescent")
        columns = SPACED if index % 2 else tuple(MUSCLES)
        _write_emg(folder / "EMG", trials, columns)
        for trial in trials:
            _write_motions(folder, trial, upper=index % 2 == 1, forces=decade > 0, lost=lost)
        (folder / "EMG" / "._RawData.mat").write_bytes(b"\x00\x05\x16\x07")
        (folder / "JointAngle" / "notes.txt").write_text("Trials that are not there were not recorded.\n", "ascii")
        rows += [row for trial in trials for row in _true_strides(name, trial)]
    _write_bodies(out / "Anthropometric_Data_Participants.xlsx", people)
    planted = {
        "column names": "with blanks for every second person",
        "file names": "Step01.mot for every second person, step01.mot for the others",
        "missing trial": "Trial03 of every task; AvailableTrialIdx tells",
        "missing angles": "step 2 of the first trial of StairDescent has no motion file",
        "frames": "TotalFrame does not begin at 1",
        "forces": "not for S001 to S010; their files are called like the angles' and lie elsewhere",
        "postures": "SitToStand and StandToSit hold no strides",
        "gap": "40 NaN in PeroneusLongus of EMGs_raw of the first trial of SlopeDescent",
        "stray files": "EMG/._RawData.mat, JointAngle/notes.txt",
        "dead channel": "PeroneusBrevis is constant zero in the first trial of SlopeAscent",
    }
    return Truth(dataset="gait120", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _numbers(count: int) -> list[int]:
    """Return the numbers of ``count`` trials without Trial03."""
    return [1, 2, 4, 5, 6][:count]


def _trials(person: Person, name: str, *, seed: int, most: int) -> Iterator[_Trial]:
    for task in (*GAIT, *POSTURES):
        count = most if task == "LevelWalking" else max(1, most - 2)
        for position, number in enumerate(_numbers(min(count, 4))):
            rng = generator(seed, "gait120", name, task, number)
            if task in GAIT:
                gait = make_gait(person, [Bout(activity=GAIT[task], duration=6.0)], rng, grid=FRAME_RATE)
                frames = np.round(gait.contacts["right"] * FRAME_RATE).astype(int) + 1
                steps = {k + 1: (int(frames[k + 1]), int(frames[k + 2])) for k in range(2)}
            else:
                gait, steps = _change(person, task, rng)
            total = (steps[1][0] - _MARGIN, steps[max(steps)][1] + _MARGIN)
            start = (total[0] - 1) / FRAME_RATE
            muscles = tuple(MUSCLES.values())
            emg = 1e-3 * make_emg(gait, "right", muscles, rng, rate=EMG_RATE, line_frequency=60.0, start=start)
            emg = emg[: (total[1] - total[0] + 1) * PER_FRAME]
            if task == "SlopeAscent" and position == 0:
                emg[:, list(MUSCLES).index("PeroneusBrevis")] = 0
            yield _Trial(task=task, number=number, gait=gait, total=total, steps=steps, emg=emg)


def _change(person: Person, task: str, rng: np.random.Generator) -> tuple[Gait, Steps]:
    """Return a change of posture within a longer trial, and the one step about it."""
    walk = Bout(activity="walk", duration=3.0)
    rest = [Bout(activity="sit", duration=1.5), Bout(activity="stand", duration=1.5)]
    bouts = [*rest, walk] if task == "SitToStand" else [walk, *rest[::-1]]
    gait = make_gait(person, bouts, rng, grid=FRAME_RATE)
    middle = round(float(gait.starts[1 if task == "SitToStand" else 2]) * FRAME_RATE) + 1
    return gait, {1: (middle - 75, middle + 75)}


def _write_emg(folder: Path, trials: Sequence[_Trial], columns: Sequence[str]) -> None:
    raw: dict[str, Any] = {"EMGs_info": {"fs": float(EMG_RATE)}, "Markers_info": {"fs": float(FRAME_RATE)}}
    processed: dict[str, Any] = {}
    for trial in trials:
        field = f"Trial{trial.number:02d}"
        count = {"nSteps": float(len(trial.steps))}
        whole = {"EMGs_raw": _table(_gapped(trial), columns), "TotalFrame": _pair(trial.total), **count}
        frames = {f"Step{k:02d}": {"TargetFrame": _pair(step)} for k, step in trial.steps.items()}
        raw.setdefault(trial.task, {})[field] = whole | frames
        processed.setdefault(trial.task, {})[field] = count | _processed(trial, columns)
    for content in (raw, processed):
        for task in (task for task in (*GAIT, *POSTURES) if task in content):
            numbers = [float(name[5:]) for name in content[task]]
            content[task] |= {"AvailableTrialIdx": np.array([numbers]), "nTrials": float(len(numbers))}
    save_struct(folder / "RawData.mat", raw, compress=False)
    save_struct(folder / "ProcessedData.mat", processed, compress=False)


def _gapped(trial: _Trial) -> FloatArray:
    """Return the EMG of a trial, with a gap in that of the first trial down the slope."""
    if (trial.task, trial.number) != ("SlopeDescent", 1):
        return trial.emg
    emg = trial.emg.copy()
    emg[GAP, list(MUSCLES).index("PeroneusLongus")] = np.nan
    return emg


def _processed(trial: _Trial, columns: Sequence[str]) -> dict[str, Any]:
    """Return the steps of a trial as band-passed signal and, at 101 points, as normalised envelope, and the maxima."""
    sections = butter(2, (20, 500), "bandpass", fs=EMG_RATE, output="sos")
    filtered = sosfiltfilt(sections, trial.emg, axis=0)
    envelope = np.sqrt(np.maximum(uniform_filter1d(filtered**2, _RMS, axis=0), 0))
    maxima = np.maximum(2 * envelope.max(axis=0), 1e-9)
    result: dict[str, Any] = {"MVCs": maxima[None, :]}
    for k, (first, last) in trial.steps.items():
        rows = slice((first - trial.total[0]) * PER_FRAME, (last + 1 - trial.total[0]) * PER_FRAME)
        norm = envelope[rows] / maxima
        points = np.linspace(0, len(norm) - 1, 101)
        coarse = np.stack([np.interp(points, np.arange(len(norm)), channel) for channel in norm.T], axis=1)
        result[f"Step{k:02d}"] = {
            "EMGs_filt": _table(filtered[rows], columns),
            "EMGs_interpolated": _table(coarse, columns),
        }
    return result


def _table(values: FloatArray, columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=list(columns))


def _pair(frames: tuple[int, int]) -> FloatArray:
    return np.array([frames], dtype=float)


def _write_motions(folder: Path, trial: _Trial, *, upper: bool, forces: bool, lost: tuple[str, int, int]) -> None:
    """Write joint angles, and ground forces where the source has them, of every step but the one lost."""
    for k, (first, last) in trial.steps.items():
        time = (np.arange(first, last + 1) - 1) / FRAME_RATE
        name = f"Trial{trial.number:02d}"
        if (trial.task, trial.number, k) != lost:
            stem = f"{'Step' if upper else 'step'}{k:02d}.mot"
            write_motion(folder / "JointAngle" / trial.task / name / stem, trial.gait, time)
        if forces and trial.task in ("LevelWalking", *POSTURES):
            path = folder / "MotionCapture" / trial.task / "MOT" / name / f"Step{k:02d}.mot"
            write_force(path, trial.gait, time)


def _true_strides(patient: str, trial: _Trial) -> list[dict[str, Any]]:
    if trial.task not in GAIT:
        return []
    name = f"{trial.task}_Trial{trial.number:02d}"
    return [
        {"source_patient": patient, "trial": name, "side": "right", "activity": GAIT[trial.task],
         "trial_time": (first - 1) / FRAME_RATE, "duration": (last - first) / FRAME_RATE}
        for first, last in trial.steps.values()
    ]  # fmt: skip


def _write_bodies(path: Path, people: Sequence[tuple[str, Person]]) -> None:
    """Write the workbook of body sizes: one sheet for the young, one for the older."""
    header: list[str | float] = ["Subject", "Body height (mm)", "Body mass (kg)"]
    rows: list[list[list[str | float]]] = [[header], [header]]
    for name, person in people:
        rows[int(name[1:]) > 60].append([name, round(1000 * person.height), person.body_mass])
    write_workbook(path, "YG", rows[0], others={"OG": rows[1]})
