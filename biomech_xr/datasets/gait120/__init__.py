"""Gait120, Boo 2025: 120 men on level ground, stairs and slopes, right-leg EMG at 2 kHz, joint angles, no moments.

Read from `EMG/RawData.mat` (whole trials; MATLAB tables) or `EMG/ProcessedData.mat` (cut steps), and the OpenSim motion
files of each step. The facts come from the publication and public readers; no real file was at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.deciding import Judge
from biomech_xr.datasets.gait120.emg import COLUMNS, EMG_RATE, FRAME_RATE, EmgTrial, find_emg, read_trials
from biomech_xr.datasets.gait120.files import (
    NAME,
    TASKS,
    Motions,
    Place,
    age_group,
    bad,
    find_motions,
    find_people,
    read_person,
)
from biomech_xr.datasets.gait120.rows import ACTIVITIES, sort_steps
from biomech_xr.datasets.gait120.trial import Layout, lay_out, read_motion
from biomech_xr.datasets.gait120.units import filtered_unit
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.errors import MissingInputError
from biomech_xr.readers.mat import open_mat
from biomech_xr.readers.opensim import MotTable
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Signal, Trial, rejected_table, stride_table

logger = logging.getLogger(__name__)

_MUSCLES: Final = (
    "vastus_lateralis",
    "rectus_femoris",
    "vastus_medialis",
    "tibialis_anterior",
    "biceps_femoris",
    "semitendinosus",
    "gastrocnemius_medialis",
    "gastrocnemius_lateralis",
    "soleus_medial",
    "soleus_lateral",
    "peroneus_longus",
    "peroneus_brevis",
)
_JOINTS: Final = {
    "hip_flexion_r": ("hip", "flexion", 1.0),
    "hip_adduction_r": ("hip", "adduction", 1.0),
    "hip_rotation_r": ("hip", "rotation", 1.0),
    "knee_angle_r": ("knee", "flexion", -1.0),
    "ankle_angle_r": ("ankle", "flexion", 1.0),
}
_STATES: Final[Mapping[str, tuple[words.EmgState, float]]] = {"raw": ("raw", 0.0), "filtered": ("bandpassed", 0.085)}

SPEC: Final = DatasetSpec(
    name=NAME,
    title="Comprehensive human locomotion and electromyography dataset: Gait120",
    doi="10.1038/s41597-025-05391-0",
    data_doi="10.6084/m9.figshare.27677016",
    licence="CC BY 4.0",
    licence_use="open",
    reference=Reference(authors="Boo J, Seo D, Kim M, Koo S", journal="Scientific Data", year=2025),
    host="figshare",
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="raw",
    emg_unit="V",
    emg_rate=EMG_RATE,
    rates={"emg": Rate(hz=(2000.0,)), "kinematics": Rate(hz=(100.0,)), "forces": Rate()},
    emg_lookahead=0.0,
    upstream_filters="raw EMG: none stated; EMGs_filt: 20-500 Hz Butterworth of 2nd order",
    sides=("right",),
    activities=(*(activity for activity, _, _ in ACTIVITIES.values()), "sit_to_stand", "stand_to_sit"),
    minimum_duration=0.5,
    maximum_duration=2.5,
    people=120,
    known_defects=(
        "No joint moments. Ground forces are not read: which foot stands on which plate differs between trials and is "
        "not stated, and those of S001 to S010 are in another frame.",
        "The knee has one axis and the ankle one motion: no adduction and no rotation of either.",
        "Steps and EMG are of the right leg only: the left leg's angles, without a contact of that foot, are not read.",
        "Trials and steps are missing here and there.",
    ),
    assumptions=(
        "Each step runs from contact to contact of the right foot; the knees of level walking must show it.",
        "EMGs_raw is in V: the published maxima are in volts.",
        "EMGs_filt is in V where its root mean square is 0.8 to 1.25 times that of EMGs_raw, band-passed from 20 to "
        "500 Hz, in every channel of up to three trials; else, and without RawData.mat, in arbitrary units (a.u.).",
        "The strides channel soleus is soleus_medial alone; soleus_lateral stays in the recordings.",
        "A channel of zeros throughout a trial was not measured in it.",
        "A step's last frame is the next contact: steps that follow one another share it; a filtered step without "
        "angles is placed by that frame, before or behind the step next to it.",
        "Slope and stair dimensions are not known: incline and stair_height are NaN.",
        "emg_lookahead of the filtered EMG (0.084 s) takes the stated Butterworth as run forwards and backwards with "
        "two poles an edge in each pass.",
    ),
    emg={raw: EmgColumn(muscle=muscle, side="right") for raw, muscle in zip(COLUMNS, _MUSCLES, strict=True)},
    angles={
        raw: JointColumn(joint=joint, motion=motion, side="right", factor=factor)
        for raw, (joint, motion, factor) in _JOINTS.items()
    },
)
"""The knee of the model is extension-positive and negated; the two soleus channels are kept apart."""

OPTIONS: Final[Mapping[str, Option]] = {
    "emg": Option(
        kind="choice",
        choices=("raw", "filtered"),
        help="Which EMG to read: the whole trials of RawData.mat (default where it is there), or the filtered steps of "
        "ProcessedData.mat.",
    ),
    "start": Option(
        kind="choice",
        choices=("right", "left"),
        help="Whose contact begins a step, where the knee angles do not tell. Steps that begin at the left foot's are "
        "no strides of the right leg and are rejected.",
    ),
}

_COLUMNS: Final = tuple(_JOINTS)
_ENOUGH: Final = 4
_CURVE: Final = 101


def patients(root: Path) -> list[str]:
    """Return the people (S001, ...) below ``root``, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds nobody, or somebody twice.
    """
    return list(find_people(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the trials of one person, one a task and trial (``LevelWalking_Trial01``), of up to two steps.

    EMG (sample, side, channel) in V, or in a.u., at 2 kHz and angles (sample, side, joint, motion) in degrees at 100 Hz
    share the clock of the motion files. Steps are the candidates; those of SitToStand and StandToSit are `posture`.
    Trials without a step or without anything to read are named in the note `skipped_trials` of the others.

    Parameters
    ----------
    root
        Folder of the archives' content.
    patient
        One of `patients`.
    options
        Those of `OPTIONS`.

    Raises
    ------
    MissingInputError
        No such person, or no EMG of theirs.
    DataFormatError
        A file breaks the format, the knee is not extension-positive, the start of a step is not clear, or no step is a
        stride.
    """
    folder = _folder(root, patient)
    kind, path = find_emg(folder, options.get("emg"))
    motions = find_motions(folder)
    person, extra = read_person(root, folder, patient)
    own_start, notes = _check_knees(folder, motions, options)
    state, lookahead = _STATES[kind]
    emg_source = (cycles.relative(path, root), sha256(path))
    watch = cycles.Watch(dataset=NAME, folder=folder)
    with open_mat(path, dataset=NAME) as content:
        emg = read_trials(content, kind)
        unit, skipped = SPEC.emg_unit, _unreadable(emg, motions)
        if kind == "filtered":
            unit, notes["evidence.emg_unit"] = filtered_unit(folder, emg, unit)
        notes |= age_group(patient) | ({"skipped_trials": "; ".join(skipped.values())} if skipped else {})
        for place in sorted({*emg, *motions} - {*skipped}, key=lambda place: (TASKS.index(place[0]), place[1])):
            task, trial = place[0], f"{place[0]}_Trial{place[1]:02d}"
            files = dict(sorted(motions.get(place, {}).items()))
            steps = {number: read_motion(file, _COLUMNS) for number, file in files.items()}
            layout = lay_out(emg.get(place), steps, _COLUMNS)
            signals = _signals(layout, unit)
            known = place not in emg or emg[place].available
            rows = sort_steps(SPEC, trial, task, layout.steps, signals, available=known, own_start=own_start)
            motion_sources = [(cycles.relative(file, root), sha256(file)) for file in files.values()]
            made = Trial(
                patient=person,
                trial=trial,
                task=task,
                signals=signals,
                strides=stride_table(rows[0]),
                rejected=rejected_table(rows[1]),
                sources=(*([emg_source] if place in emg else []), *motion_sources, *extra),
                emg_state=state,
                emg_lookahead=lookahead,
                notes=notes | _gaps(layout, emg.get(place), steps),
            )
            yield watch.saw(made, {})
    watch.finish()


def _folder(root: Path, patient: str) -> Path:
    people = find_people(root)
    if patient not in people:
        raise MissingInputError(f"{NAME}: {root}: no folder {patient}. Known: {', '.join(people)}.")
    return people[patient]


def _check_knees(folder: Path, motions: Motions, options: Mapping[str, Any]) -> tuple[bool, dict[str, str]]:
    """Return whether steps begin at the right foot's contact, and the notes of what the knees of walking say."""
    knee = np.array(_knees(motions))
    start, sign = evidence.start_from_knee(knee), evidence.knee_sign(knee)
    if sign.sure and sign.value < 0 and options.get("start") != "left":
        found = f"flexion positive: {sign.note()}"
        raise bad(folder, "JointAngle: knee_angle_r", found, "extension positive", "Restore the original files")
    judge = Judge(dataset=NAME, file=folder, options=options, notes={"knee_sign": "extension +, negated"})
    judge.heard("knee_sign", sign)
    if stated := judge.asked("start"):
        return stated == "right", judge.notes
    return judge.value("start", "JointAngle: knee_angle_r", start) == "own", judge.notes


def _knees(motions: Motions) -> list[np.ndarray]:
    """Return the knee angle of single steps, flexion positive, (101,); of slopes too where level walking is short."""
    curves: list[np.ndarray] = []
    for task in ("LevelWalking", "SlopeAscent", "SlopeDescent"):
        if len(curves) >= _ENOUGH:
            break
        for place in sorted(place for place in motions if place[0] == task):
            for path in motions[place].values():
                table = read_motion(path, _COLUMNS)
                phase = np.linspace(table.time[0], table.time[-1], _CURVE)
                knee = SPEC.angles["knee_angle_r"].factor * table.column("knee_angle_r")
                curves.append(np.interp(phase, table.time, knee))
    return curves or [np.full(_CURVE, np.nan)]


def _unreadable(emg: Mapping[Place, EmgTrial], motions: Motions) -> dict[Place, str]:
    """Return the trials that have no step, or neither angles nor EMG that can be placed, with name and reason."""
    found: dict[Place, str] = {}
    for place in [place for place in emg if place not in motions]:
        layout = lay_out(emg[place], {}, _COLUMNS)
        if not layout.steps or not layout.emg:
            reason = emg[place].lacking or (layout.steps[0].unpaired if layout.steps else "no step")
            found[place] = f"{place[0]}_Trial{place[1]:02d}: {reason}"
            logger.warning("%s: %s, not read", NAME, found[place])
    return found


def _signals(layout: Layout, unit: str) -> dict[str, Signal]:
    signals = {}
    if layout.emg:
        signals["emg"] = cycles.emg_signal(layout.emg, SPEC.emg, rate=EMG_RATE, t0=layout.emg_start, units=unit)
    if layout.angles:
        signals["kinematics"] = cycles.joint_signal(
            layout.angles, SPEC.angles, rate=FRAME_RATE, t0=layout.angles_start, units=words.UNITS["kinematics"]
        )
    return signals


def _gaps(layout: Layout, emg: EmgTrial | None, motions: Mapping[int, MotTable]) -> dict[str, str]:
    """Return notes about what the trial lacks."""
    notes = {}
    if emg is None:
        notes["emg"] = "none for this trial"
    elif emg.lacking or not layout.emg:
        notes["emg"] = f"none for this trial: {emg.lacking or 'no step whose EMG belongs to its angles'}"
    if emg is not None and emg.announced > len(layout.steps):
        notes["steps"] = f"{len(layout.steps)} of {emg.announced} announced"
    without = [str(step.number) for step in layout.steps if step.number not in motions]
    if dead := [name for name, samples in {**layout.emg, **layout.angles}.items() if _dead(samples)]:
        notes["not_measured"] = ", ".join(dead)
    return notes | ({"angles": f"none for step {', '.join(without)}"} if without else {})


def _dead(samples: npt.NDArray[np.float64]) -> bool:
    return bool(np.isnan(cycles.measured(samples)).all())
