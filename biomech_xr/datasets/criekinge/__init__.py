"""Van Criekinge 2023: 138 able-bodied adults and 50 stroke survivors walking over ground, cut into strides.

Two MATLAB v7.3 files hold a struct array `Sub`, one element a person. Names, units and the sign of the ankle are those
of the authors' description workbook and of published statistics of every person's fields, which tests compare with
`SPEC`; no stride of the release was at hand (`evidence="notes"`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles, segments
from biomech_xr.datasets.criekinge.people import (
    ABLE_BODIED,
    HAND_SUPPORT,
    STROKE,
    Subject,
    checksum,
    list_ids,
    open_subject,
)
from biomech_xr.datasets.criekinge.signs import OPTIONS, decide_signs
from biomech_xr.datasets.criekinge.strides import FORCE, JOINTS, MOTIONS, MUSCLES, LegData, read_leg
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Rate, Reference
from biomech_xr.schema import Signal, Trial, rejected_table, stride_table

__all__ = ["OPTIONS", "SPEC", "patients", "recordings"]

_LEGS: Final[tuple[tuple[str, words.Side], ...]] = (("L", "left"), ("R", "right"))
_HEADLESS: Final = "GAS"


def _joints(quantity: str, factor: float) -> dict[str, JointColumn]:
    return {
        f"{leg}sideSegm_{leg}sideData.{joint.title()}{quantity}.{axis}": JointColumn(
            joint=joint, motion=motion, side=side, factor=factor
        )
        for leg, side in _LEGS
        for joint in JOINTS
        for axis, motion in MOTIONS.items()
    }


SPEC: Final = DatasetSpec(
    name="criekinge",
    title="A full-body motion capture gait dataset of 138 able-bodied adults across the life span and 50 stroke "
    "survivors",
    doi="10.1038/s41597-023-02767-y",
    data_doi="10.6084/m9.figshare.c.6503791",
    licence="CC0 1.0",
    licence_use="open",
    reference=Reference(
        authors="Van Criekinge T, Saeys W, Truijen S, Vereeck L, Sloot LH, Hallemans A",
        journal="Scientific Data",
        volume="10",
        pages="852",
        year=2023,
    ),
    host="figshare",
    laboratory="University of Antwerp",
    evidence="notes",
    population="able_bodied and stroke",
    line_frequency=50.0,
    emg_state="envelope",
    emg_unit="mV",
    emg_rate=1000.0,
    rates={
        "emg": Rate(points=1001, recorded=(1000.0,)),
        "kinematics": Rate(points=1001, recorded=(100.0,)),
        "kinetics": Rate(points=1001),
        "forces": Rate(points=1001, recorded=(1000.0,)),
    },
    emg_lookahead=0.21,
    kinematics_lookahead=math.nan,
    upstream_filters="EMG: rectified, Butterworth 10-300 Hz (2nd order, zero lag), moving average of 50 ms; kinematics "
    "and kinetics: Woltring (MSE 10), Butterworth 10 Hz (4th order, zero lag); all brought to 1001 points a stride",
    sides=("left", "right"),
    activities=("walk",),
    minimum_duration=0.5,
    maximum_duration=3.0,
    people=len(ABLE_BODIED) + len(STROKE),
    known_defects=(
        "No EMG: SUBJ21, 23, 48, 54, 72, 74, 84, 85 and 118 to 138; TVC11, 51, 53, 54, 55 and 57; further muscles are "
        "missing in single legs.",
        "No kinetics: 23 paretic and 16 non-paretic legs, 8 left and 9 right legs of able-bodied people.",
        "The authors did not check the kinetics of stroke survivors; TVC48, 51 and 54 had a hand supported.",
        "TVC16: the numbers of strides differ between events, angles and EMG; what cannot be paired is left out.",
        "SUBJ75: a leg of 830 mm at a height of 1915 mm is doubtful.",
    ),
    assumptions=(
        "Physical sides of stroke survivors are inferred: the paretic leg is opposite to the lesion of the brain "
        "(`LesionLeft`). Their fields are those of `emg`, `angles` and `moments` with P and N in place of L and R.",
        "y is adduction and z rotation, in the order of Plug-in Gait; left and right share one sign, as the medians of "
        "all people's ankles do.",
        "The signs of flexion angles, flexion moments and the hip's frontal moment, and the unit of the moments, are "
        "decided on the person's own strides, each leg and both together; where none is sure, as in paretic gait, "
        "those of the authors' description are assumed: moments extensor, plantarflexor and abductor positive in "
        "N m/kg (published statistics: ankle up to about +1.45), which are negated. The trial's notes say which.",
        "Adduction moments of knee and ankle follow the hip, rotation moments the flexion moment of the ankle.",
        "Published power is W/kg and positive where the joint generates. Whether it is that of the sagittal plane or "
        "of all planes is not stated: it is compared with the sagittal moment times angular velocity.",
        "Three strides whose power has a median correlation of 0.7, four fifths of one sign, decide the sign of a "
        "moment, and its unit within a factor of 3; where another joint's curves reach 0.95 and leave a fifth of the "
        "variance that the joint's own leave, the person is refused.",
        "EMG in mV: the unit of the envelopes is not stated.",
        "`GAS` names no head: stored as gastrocnemius_medialis, ambiguous. `ST` is semitendinosus or semimembranosus.",
        "emg_lookahead (0.205 s): the Butterworth filter with four poles an edge in each of two passes and a centered "
        "moving average; two poles would give 0.145 s. Woltring's filter has no stated reach: kinematics_lookahead is "
        "unknown.",
        "Frame 1 of a trial is 0 s of its clock.",
        "Only the vertical ground reaction force is read: the signs of the other axes are not stated.",
        "A variable with another number of strides than the events of its leg is left out; where that holds for all "
        "angles, the strides of the leg are rejected as unpaired.",
        "The number of a trial is a whole one from 0 to 1000000; a stride with another is rejected as unpaired.",
    ),
    emg={
        f"{leg}sideSegm_{leg}sideData.{raw}.n": EmgColumn(muscle=muscle, side=side, ambiguous=raw == _HEADLESS)
        for leg, side in _LEGS
        for raw, muscle in MUSCLES.items()
    },
    angles=_joints("Angles", 1.0),
    moments=_joints("Moment", -1.0),
)
"""The factors of angles and moments are those assumed where the strides of a person decide nothing else."""


def patients(root: Path) -> list[str]:
    """Return the ids of everybody in the files below ``root``: SUBJ1, ..., then TVC03, ....

    Raises
    ------
    MissingInputError
        ``root`` is no folder or holds neither file.
    DataFormatError
        A file is damaged or has no struct array `Sub`.
    """
    return list_ids(root)


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the walks of one person in the order of their numbers.

    Every group is segmented, 1001 points a stride, the last point the next contact: EMG envelopes (sample, side,
    channel) in mV, kinematics and kinetics (sample, side, joint, motion) in degrees and N m/kg, vertical ground
    reaction force (sample, side, axis) in N/kg. Strides of one trial whose contacts coincide are consecutive. Kinetics
    are NaN where the source does not call the landing on the force plate good.

    Raises
    ------
    MissingInputError
        No such person or file.
    DataFormatError
        The file is damaged, lacks a field or has one of another shape, or the strides contradict themselves on a sign
        or unit that no option settles.
    """
    with open_subject(root, patient) as subject:
        legs = [read_leg(subject, leg) for leg in subject.legs]
        if not any(leg.curves for leg in legs):
            raise subject.node.bad(
                found="no finite value of any variable",
                expected="angles, moments or EMG of one leg",
                action="Leave this person out",
            )
        source = cycles.relative(subject.path, root), checksum(subject.path)
        signs = decide_signs(subject, legs, options)
        notes = _notes(subject, legs) | dict(signs.notes)
        for number in sorted({int(number) for leg in legs for number in leg.trial}):
            yield _trial(subject, legs, number, source, notes, signs.factors)


def _trial(
    subject: Subject,
    legs: list[LegData],
    number: int,
    source: tuple[str, str],
    notes: dict[str, str],
    factors: Mapping[str, float],
) -> Trial:
    name = f"trial_{number}" if number >= 0 else "trial_unknown"
    cuts = [cut for leg in legs for cut in leg.cuts(number)]
    strides, rejected = segments.sort_cuts(SPEC, name, cuts)
    return Trial(
        patient=subject.person,
        trial=name,
        task="walk",
        signals=_signals(legs, number, [cut.side for cut in cuts], factors),
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=(source,),
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes=notes,
    )


def _signals(
    legs: list[LegData], number: int, sides: list[words.Side], factors: Mapping[str, float]
) -> dict[str, Signal]:
    """Return the signal groups of one trial; a group of which nothing is there is left out."""
    emg: dict[tuple[words.Side, str], np.ndarray] = {}
    joints: dict[str, dict[tuple[words.Side, str, str], np.ndarray]] = {"kinematics": {}, "kinetics": {}}
    forces: dict[tuple[words.Side, str], np.ndarray] = {}
    ambiguous: list[str] = []
    for leg in legs:
        side, order = leg.leg.side, leg.order(number)
        curves = {name: rows[order] for name, rows in leg.curves.items()}
        for path, muscle in SPEC.emg.items():
            name = path.partition(".")[2]
            if muscle.side == side and name in curves:
                emg[side, muscle.muscle] = curves[name] * muscle.factor
                ambiguous += [f"{side}:{muscle.muscle}"] if muscle.ambiguous else []
        for group, columns in (("kinematics", SPEC.angles), ("kinetics", SPEC.moments)):
            for path, column in columns.items():
                name = path.partition(".")[2]
                if column.side == side and name in curves:
                    joints[group][side, column.joint, column.motion] = curves[name] * factors[name]
        if f"{FORCE}.z" in curves:
            forces[side, "vertical"] = curves[f"{FORCE}.z"]
    signals = {"emg": segments.cut_emg(sides, emg, units=SPEC.emg_unit, ambiguous=ambiguous)} if emg else {}
    signals |= {
        group: segments.cut_joints(sides, curves, units=words.UNITS[group])
        for group, curves in joints.items()
        if curves
    }
    return signals | ({"grf": segments.cut_forces(sides, forces)} if forces else {})


def _notes(subject: Subject, legs: list[LegData]) -> dict[str, str]:
    notes = {}
    for leg in legs:
        missing = "; ".join(f"{name}: {why}" for name, why in leg.absent.items())
        if missing:
            notes[f"missing.{leg.leg.side}"] = missing
    if subject.person.population == "stroke":
        affected = subject.person.affected_side
        notes["affected_side"] = f"inferred: the paretic leg is the {affected} one, opposite to the lesion"
        notes["kinetics_quality"] = "not checked by the authors"
    if subject.person.source_patient in HAND_SUPPORT:
        notes["hand_support"] = "this person had a hand supported while walking"
    return notes
