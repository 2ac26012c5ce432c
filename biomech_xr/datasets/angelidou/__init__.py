"""Angelidou: treadmill walking at several speeds on surfaces of several stiffness, cut into strides.

No description of the data and no file was at hand; the tree, channels and sizes are those that one public reader uses
(`evidence="notes"`). Columns, signs, units, rates, the state of the EMG and the leg that cuts the strides are decided
from each person's data, or by options, or the person is refused.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles, segments
from biomech_xr.datasets.angelidou import tree
from biomech_xr.datasets.angelidou.decisions import CUTTERS, ORDERS, Decisions, decide
from biomech_xr.datasets.angelidou.rates import EMG_RATE, LINE_FREQUENCY
from biomech_xr.datasets.angelidou.strides import Piece, joint_signals, read_pieces
from biomech_xr.datasets.deciding import EMG_STATE, MOMENT_UNIT
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.datasets.walking import FRONTAL
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import open_mat
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Trial, rejected_table, stride_table

logger = logging.getLogger(__name__)


def _columns(branch: str, factor: float) -> dict[str, JointColumn]:
    """Return the columns of a branch in the order and sign of Plug-in Gait; each person's own are decided from data."""
    motions = ("flexion", "adduction", "rotation")
    return {
        f"{branch}.{letter}{joint.title()} {k}": JointColumn(joint=joint, motion=motion, side=side, factor=factor)
        for side, letter in tree.LETTERS.items()
        for joint in words.JOINTS
        for k, motion in enumerate(motions)
    }


SPEC: Final = DatasetSpec(
    name="angelidou",
    title="Walking on surfaces of several stiffness at several speeds (title not known)",
    doi="",
    data_doi="",
    licence="not known",
    citation="Angelidou C, et al.; group of Artemiadis P. Publication not known.",
    reference=Reference(authors="Angelidou C, et al"),
    host="not known",
    evidence="notes",
    population="able_bodied",
    line_frequency=LINE_FREQUENCY,
    emg_state="raw",
    emg_unit="source unit",
    emg_rate=EMG_RATE,
    rates={"emg": Rate(), "kinematics": Rate(), "kinetics": Rate()},
    emg_lookahead=0.57,
    upstream_filters="not known; strides of one speed are filtered joined by the data's owners",
    sides=("left", "right"),
    activities=("walk",),
    minimum_duration=0.5,
    maximum_duration=2.5,
    kinetics_limit=2.5,
    people=9,
    known_defects=(
        "EMG, angles and moments have NaN at the source.",
        "Moments have many spikes: |value| above 2.5 N m/kg is an artefact.",
    ),
    assumptions=(
        "Everything that is known comes from one public reader; identity, licence and publication are not known.",
        "Mains at 60 Hz: the group works in the United States.",
        "The leg that cuts the strides is the one whose knee bends as after contact of the own foot, while the other "
        "knee bends as after the other's; the other leg's cells are no strides of that leg, its EMG and joints are not "
        "stored and its candidates are rejected. Where both knees bend as after the own foot's contact, each leg is "
        "cut by its own contacts and both are stored.",
        "The order of the three columns is decided once a person from knee, hip and ankle and holds for moments too.",
        "Signs are decided for flexion, and for hip adduction where the strides are sure; the other adduction and "
        "rotation angles are taken as canonical, and moments of all planes of a joint share the sign of its sagittal "
        "moment, as in Plug-in Gait; a sure frontal hip moment must agree with it.",
        "The content of gaitEvents is not known: it is noted, not used.",
        "A field unit is believed unless the data contradict it.",
        "The EMG rate is that device rate at which a line 15 times its surroundings, of the EMG at an even loudness, "
        "lies at 60 Hz and strides last 0.7 to 2.2 s; without such a line the option emg_rate decides. The rate of the "
        "joints follows from the lengths.",
        "GA names no head: stored as gastrocnemius_medialis, ambiguous.",
        "The unit of EMG is not known: values are stored as they are.",
        "emg_lookahead is 0 where EMG is raw; else how it was filtered is not known, and 0.57 s is that of a "
        "zero-phase low-pass at 6 Hz of 4th order in each pass, which sees farthest of what is usual (0.563 s).",
        "Consecutive cells of one condition follow each other in time; conditions are not joined. There is no clock.",
        "Speed is known where a field's name has a decimal place (S_1x2, v0p8), in m/s; a stiffness named rigid or "
        "inf is condition none, every other one stiffness.",
        "Level walking; how markers were smoothed is not known: kinematics_lookahead is unknown.",
    ),
    emg={
        f"EMG.{letter}{raw}": EmgColumn(muscle=muscle, side=side, ambiguous=raw == tree.HEADLESS)
        for side, letter in tree.LETTERS.items()
        for raw, muscle in tree.CHANNELS.items()
    },
    angles=_columns("jointAngles", 1.0),
    moments=_columns("jointMoments", -1e-3),
)
"""Columns of angles and moments are those of Plug-in Gait; what a person's file has is in the notes of its trials."""

OPTIONS: Final[Mapping[str, Option]] = {
    "cut_by": Option(
        kind="choice",
        choices=CUTTERS,
        help="The leg from whose contact to contact the strides are cut; each: every leg from its own.",
    ),
    "angle_unit": Option(kind="choice", choices=("degree", "radian"), help="Unit of the joint angles."),
    "columns": Option(kind="choice", choices=tuple(ORDERS), help="Motions of the three columns of every joint."),
    "angle_signs": Option(
        kind="text", help="p where flexion of hip, knee, ankle is positive, n where negative, as 'ppp'."
    ),
    "hip_adduction_sign": FRONTAL["hip_adduction_sign"],
    "moment_signs": Option(
        kind="text", help="p where the flexor moment of hip, knee, ankle is positive, n where negative, as 'nnn'."
    ),
    "moment_unit": MOMENT_UNIT,
    "emg_rate": Option(kind="number", help="Sampling rate of the EMG in Hz; that of the joints follows from lengths."),
    "emg_state": EMG_STATE,
}

_LOOKAHEAD: Final = {"raw": 0.0}


def patients(root: Path) -> list[str]:
    """Return the ids of the people, the first five characters of the files' names, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no file of a person.
    """
    return list(_files(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield one trial a condition (speed and stiffness), in the order of the file.

    Its strides are those of the legs that are cut by their own contacts.
    EMG (sample, side, channel) is ragged at its native rate, kinematics in degrees and kinetics in N m/kg
    (sample, side, joint, motion) likewise. `Trial.notes` hold every decision with its evidence.

    Raises
    ------
    MissingInputError
        No such person.
    DataFormatError
        The file is damaged or breaks the described tree, something is not clear and no option settles it, or the person
        has no stride.
    ConfigError
        An option has an impossible value.
    """
    files = _files(root)
    if patient not in files:
        raise MissingInputError(f"angelidou: {root}: no file of {patient}. Known: {', '.join(files)}.")
    path = files[patient]
    sources = ((cycles.relative(path, root), sha256(path)),)
    watch = cycles.Watch(dataset="angelidou", folder=path)
    with open_mat(path, dataset="angelidou") as file:
        struct = tree.person_struct(file, patient)
        found = tree.conditions(struct)
        mass, height = tree.body_size(struct)
        person = Patient(dataset="angelidou", source_patient=patient, body_mass=mass, height=height)
        decisions = decide(struct, found, body_mass=mass, options=options)
        events = tree.gait_events(struct, found)
        for condition in found:
            yield watch.saw(_trial(condition, decisions, person, sources, {"gaitEvents": events} if events else {}), {})
    watch.finish()


def _files(root: Path) -> dict[str, Path]:
    if not root.is_dir():
        raise MissingInputError(f"angelidou: {root}: no such folder. Give the folder of the people's .mat files.")
    found = tree.files(root)
    if not found:
        names = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        raise DataFormatError.of(
            dataset="angelidou",
            file=root,
            found=names,
            expected="one .mat file a person, named by an id of five characters",
            action="Give the folder that holds them",
        )
    return found


def _trial(
    condition: tree.Condition,
    decisions: Decisions,
    person: Patient,
    sources: tuple[tuple[str, str], ...],
    notes: Mapping[str, str],
) -> Trial:
    legs = {side: read_pieces(condition, decisions, side) for side in decisions.legs}
    pieces = [piece for own in legs.values() for piece in own]
    sides = [side for side, own in legs.items() for _ in own]
    cuts = [_cut(piece, condition, side) for side, piece in zip(sides, pieces, strict=True)]
    kept, rejected = segments.sort_cuts(SPEC, condition.name, cuts)
    rejected += segments.sort_cuts(SPEC, condition.name, _foreign(condition, legs))[1]
    signals = joint_signals(sides, pieces, decisions)
    if any(piece.emg for piece in pieces):
        signals["emg"] = segments.ragged_emg(
            sides,
            [piece.emg for piece in pieces],
            rate=decisions.emg_rate,
            units=SPEC.emg_unit,
            contiguity="consecutive",
            ambiguous=[f"{side}:{tree.CHANNELS[tree.HEADLESS]}" for side in legs],
        )
    return Trial(
        patient=person,
        trial=condition.name,
        task=condition.speed,
        signals=signals,
        strides=stride_table(kept),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=decisions.emg_state,
        emg_lookahead=_LOOKAHEAD.get(decisions.emg_state, SPEC.emg_lookahead),
        notes={**decisions.notes, **notes, "speed": condition.speed, "stiffness": condition.stiffness},
    )


def _foreign(condition: tree.Condition, legs: Mapping[words.Side, Sequence[Piece]]) -> list[segments.Cut]:
    """Return the candidates of a leg that is there but cut by the other's contacts."""
    return [
        segments.Cut(
            side=side,
            duration=piece.duration,
            labels=condition.labels,
            reason="not_a_stride",
            detail=f"cut from contact to contact of the {own} foot",
        )
        for side in words.SIDES
        if side not in legs and tree.has_leg([condition], side)
        for own, pieces in legs.items()
        for piece in pieces
    ]


def _cut(piece: Piece, condition: tree.Condition, side: words.Side) -> segments.Cut:
    reason, detail = ("unpaired", piece.problem) if piece.problem else ("", "")
    if not reason and not piece.measured:
        reason, detail = cycles.NO_SIGNAL.reason, cycles.NO_SIGNAL.detail
    duration = piece.duration if piece.duration > 0 else math.nan
    return segments.Cut(side=side, duration=duration, labels=condition.labels, reason=reason, detail=detail)
