"""Lencioni 2019: walking, heel and toe walking and stairs of 50 people, one struct a stride, EMG of the right leg.

Read from `Subject<n>.mat`. The facts come from the published descriptor and from a survey of the real files by others;
no real file was at hand (`evidence="notes"`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.deciding import PUBLISHED_POWER, sign_option
from biomech_xr.datasets.lencioni.file import (
    FEET,
    POINTS,
    ROWS,
    TASKS,
    Element,
    FloatArray,
    Header,
    read_elements,
    read_header,
)
from biomech_xr.datasets.lencioni.people import find_files, read_person
from biomech_xr.datasets.lencioni.signs import Signs, decide_signs
from biomech_xr.datasets.lencioni.speeds import check_speeds
from biomech_xr.datasets.segments import Cut, cut_joints, ragged_emg, sort_cuts
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.errors import MissingInputError
from biomech_xr.readers.mat import open_mat
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

_MUSCLES: Final = {
    "Tibialis Anterior": "tibialis_anterior",
    "Soleus": "soleus",
    "Gastrocnemius Medialis": "gastrocnemius_medialis",
    "Peroneus Longus": "peroneus_longus",
    "Rectus Femoris": "rectus_femoris",
    "Vastus Medialis": "vastus_medialis",
    "Biceps Femoris": "biceps_femoris",
    "Gluteus Maximus": "gluteus_maximus",
}
SPEC: Final = DatasetSpec(
    name="lencioni",
    title="Human kinematic, kinetic and EMG data during different walking and stair ascending and descending tasks",
    doi="10.1038/s41597-019-0323-z",
    data_doi="10.6084/m9.figshare.c.4494755",
    licence="CC BY 4.0 (article; not verified on the page of the files)",
    reference=Reference(
        authors="Lencioni T, Carpinella I, Rabuffetti M, Marzegan A, Ferrarin M",
        journal="Scientific Data",
        volume="6",
        pages="309",
        year=2019,
    ),
    host="figshare",
    laboratory="IRCCS Fondazione Don Carlo Gnocchi, Milan",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="raw",
    emg_unit="mV",
    emg_rate=960.0,
    rates={
        "emg": Rate(hz=(800.0, 960.0, 1000.0), isolated=True),
        "kinematics": Rate(points=101, recorded=(60.0, 200.0)),
        "kinetics": Rate(points=101),
        "forces": Rate(hz=(800.0, 960.0)),
    },
    emg_lookahead=0.0,
    upstream_filters="EMG: band-pass 10-400 Hz in the amplifier before sampling; not rectified; markers: not stated",
    sides=("left", "right"),
    activities=("walk", "heel_walk", "toe_walk", "stair_ascent", "stair_descent", "other"),
    minimum_duration=0.5,
    maximum_duration=3.0,
    people=50,
    known_defects=(
        "EMG is of the right leg in every stride: it is left out where the stride is of the left leg (LX), and in the "
        "whole of Subject18, whose leg with electrodes is not stated (EMGSide NO).",
        "AnkleFlx has a neutral offset: about -22 degrees at heel strike where other sources have about 0; kept as it "
        "is, each trial's notes hold its own value.",
        "cadence is wrong in Subject12 element 17 and Subject35 element 1: it is not read.",
        "EMG has offsets and motion artefacts.",
        "The force record covers stance only, on axes that are not described: no grf group.",
    ),
    assumptions=(
        "EMG is sampled at 960 (25 people), 800 (13) or 1000 Hz (12): the rate is that of each file; 960 is the most "
        "frequent one.",
        "StepUp and StepDown are stair_ascent and stair_descent, after the title of the publication; which step of the "
        "staircase, and its height, are not stated.",
        "A stride lasts (samples of EMG - 1) / rate: both contacts are included. EMG and markers whose lengths differ "
        "by more than 1.5 frames of the cameras reject the stride; EMG whose time stamp differs from that of the "
        "kinematics by as much is left out of the stride.",
        "The unit of strideLength is not stated: where the median of strideLength / speed is within a tenth of the "
        "duration in m, cm or mm, it checks the speed of each stride, which is left out where the two differ by more "
        "than a tenth; else strideLength is not used.",
        "An element of Data without a foot is excluded; one array of another shape is left out of its element.",
        "Overground walking is level: incline 0.",
        "Published power is positive where the joint generates; its unit is not stated, so that only its sign and "
        "joint are compared with the sagittal moment times angular velocity.",
        "Three strides whose power has a median correlation of 0.7, four fifths of one sign, decide the sign of a "
        "moment of hip or knee; where another joint's curves reach 0.95 and leave a fifth of the variance that the "
        "joint's own leave, or the ankle's sign is denied, the person is refused.",
        "The onset of a stride counts from the start of a recording that is not named, so strides have no common "
        "clock: they are isolated, trial_time is NaN, and the onsets stand in the notes of each trial.",
        "Foot off is estimated from the end of the force record and its own time stamp.",
        "The ankle's flexion moment is plantarflexor-positive. The signs of the flexion moments of hip and knee "
        "and of the adduction moment of the hip are decided on the person's own strides; the other adduction "
        "moments follow the hip, rotation moments the ankle, by analogy.",
        "Adduction and rotation angles are positive as they are named: adduction and internal rotation.",
        "The smoothing of the markers is not stated: kinematics_lookahead is unknown.",
        "The EMG amplifier is analog and causal.",
    ),
    emg={raw: EmgColumn(muscle=muscle, side="right") for raw, muscle in _MUSCLES.items()},
    angles={
        f"{foot}.{raw}": JointColumn(joint=joint, motion=motion, side=side)
        for foot, side in FEET.items()
        for raw, (joint, motion) in ROWS.items()
    },
    moments={
        f"{foot}.{raw}Mom": JointColumn(joint=joint, motion=motion, side=side, factor=-1.0)
        for foot, side in FEET.items()
        for raw, (joint, motion) in ROWS.items()
    },
)
"""Rows of angles and moments belong to the leg of the stride (`Foot`); the moments' factor is that of the analogy."""

OPTIONS: Final[Mapping[str, Option]] = {
    "hip_sign": sign_option("flexion", "extension", "motion of HipFlx"),
    "knee_sign": sign_option("flexion", "extension", "motion of KneeFlx"),
    "hip_moment_sign": sign_option("flexor", "extensor", "internal moment of HipFlxMom"),
    "knee_moment_sign": sign_option("flexor", "extensor", "internal moment of KneeFlxMom"),
    "frontal_moment_sign": sign_option("adductor", "abductor", "internal moment of the AddMom rows"),
    "published_power": PUBLISHED_POWER,
}


def patients(root: Path) -> list[str]:
    """Return the source ids (Subject1, ...) of the files below ``root``, by number.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no file of a person, or two of one.
    """
    return list(find_files(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield one trial per task of one person: the isolated strides of both legs, in the order of the file.

    EMG is ragged (sample, side, channel) in mV at the file's rate; angles and moments are segmented, 101 points, both
    contacts included, (sample, side, joint, motion) in degrees and N m/kg.

    Raises
    ------
    MissingInputError
        No such person.
    DataFormatError
        The file breaks the format, has no stride to keep, or leaves a sign in doubt that no option settles.
    """
    path = find_files(root).get(patient)
    if path is None:
        raise MissingInputError(f"lencioni: {root}: found no file of {patient!r}; expected {patient}.mat.")
    with open_mat(path, dataset=SPEC.name, variables=("s",)) as content:
        struct = content["s"]
        header = read_header(struct, emg=list(SPEC.emg), angles=list(ROWS), moments=[f"{row}Mom" for row in ROWS])
        person = read_person(struct, patient)
        elements, excluded = read_elements(struct, header)
    elements, speeds = check_speeds(elements)
    signs = decide_signs(elements, path, options)
    general = dict(signs.notes)
    general |= {"speed": speeds} if speeds else {}
    general |= {"excluded": "; ".join(excluded)} if excluded else {}
    sources = ((path.relative_to(root).as_posix(), sha256(path)),)
    watch = cycles.Watch(dataset=SPEC.name, folder=path)
    for task in dict.fromkeys(element.task for element in elements):
        chosen = [element for element in elements if element.task == task]
        yield watch.saw(_trial(person, task, chosen, header=header, signs=signs, sources=sources, general=general), {})
    watch.finish()


def _trial(
    person: Patient,
    task: str,
    elements: Sequence[Element],
    *,
    header: Header,
    signs: Signs,
    sources: tuple[tuple[str, str], ...],
    general: Mapping[str, str],
) -> Trial:
    strides, rejected = sort_cuts(SPEC, task, [_cut(element) for element in elements])
    return Trial(
        patient=person,
        trial=task,
        task=task,
        signals=_signals(elements, header, signs),
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes=_notes(elements, header, general),
    )


def _cut(element: Element) -> Cut:
    activity, surface = TASKS.get(element.task, ("other", "unknown"))
    labels = {
        "activity": activity,
        "source_activity": element.task,
        "surface": surface,
        "incline": 0.0 if surface == "overground" else math.nan,
        "duration_source": "samples",
        "foot_off": element.foot_off,
        "speed": element.speed,
    }
    return Cut(
        side=element.side, duration=element.duration, labels=labels, reason=element.reason, detail=element.detail
    )


def _signals(elements: Sequence[Element], header: Header, signs: Signs) -> dict[str, Signal]:
    """Return the signal groups that have a value: EMG of the leg with electrodes alone, joints of the stride's leg."""
    sides = [element.side for element in elements]
    own = [
        {SPEC.emg[raw].muscle: samples for raw, samples in element.emg.items() if raw in SPEC.emg}
        if element.side == header.emg_side
        else {}
        for element in elements
    ]
    signals: dict[str, Signal] = {}
    if any(own):
        signals["emg"] = ragged_emg(sides, own, rate=header.emg_rate, units=SPEC.emg_unit, contiguity="isolated")
    for group in ("kinematics", "kinetics"):
        curves = _curves(elements, group, signs)
        if any(np.isfinite(values).any() for values in curves.values()):
            signals[group] = cut_joints(sides, curves, units=words.UNITS[group], contiguity="isolated")
    return signals


def _curves(elements: Sequence[Element], group: str, signs: Signs) -> dict[tuple[words.Side, str, str], FloatArray]:
    """Return the canonical curves (strides of that side, 101) of each side that has a stride; NaN without values."""
    curves = {}
    ending = "" if group == "kinematics" else "Mom"
    for side in dict.fromkeys(element.side for element in elements):
        own = [element for element in elements if element.side == side]
        blocks = [element.angles if group == "kinematics" else element.moments for element in own]
        for row, (joint, motion) in ROWS.items():
            name = f"{row}{ending}"
            rows = [block[name] if block else np.full(POINTS, np.nan) for block in blocks]
            curves[side, joint, motion] = np.array(rows) * signs.factors[name]
    return curves


def _notes(elements: Sequence[Element], header: Header, general: Mapping[str, str]) -> dict[str, str]:
    """Return what was decided, estimated, left out and kept as it is."""
    notes = dict(general)
    odd = "; ".join(f"element {element.number}: {', '.join(element.odd)}" for element in elements if element.odd)
    if odd:
        notes["left_out"] = odd
    if elements[0].task not in TASKS:
        notes["task"] = f"{elements[0].task} is none of {', '.join(TASKS)}: other"
    notes["onsets"] = "s, of each segment in its own recording: " + ", ".join(f"{e.onset:.3f}" for e in elements)
    contact = [e.angles["AnkleFlx"][0] for e in elements if e.angles]
    if np.isfinite(contact).any():
        notes["ankle_offset"] = f"AnkleFlx at contact: median {np.nanmedian(contact):.1f} degrees, kept as it is"
    if any(math.isfinite(element.foot_off) for element in elements):
        notes["foot_off"] = "estimated from the end of the force record"
    if header.emg_side is None:
        notes["emg"] = "left out: the file does not say of which leg it is"
    elif any(element.side != header.emg_side for element in elements):
        notes["emg"] = f"of the {header.emg_side} leg: left out in strides of the other"
    return notes
