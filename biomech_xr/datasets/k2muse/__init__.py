"""K2MUSE: treadmill walking at three speeds and five slopes, tired, on another day and with shifted electrodes.

Read from `ProcessedData/P*.mat`: continuous trials (`OriginalData`) where their clock can be proved from the cut form
(`NormalizedData`), else the cut form. Facts are those of the authors' pages (github.com/k2muse/k2muse.github.io),
signs those of Plug-in Gait; no real file was at hand (`evidence="notes"`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from biomech_xr.datasets import cycles, segments
from biomech_xr.datasets.deciding import EMG_STATE, MOMENT_UNIT, sign_option
from biomech_xr.datasets.k2muse import tree
from biomech_xr.datasets.k2muse.continuous import Original, Unusable, original_cuts, original_signals, read_original
from biomech_xr.datasets.k2muse.cut import cut_signals, read_leg
from biomech_xr.datasets.k2muse.decisions import SIGNS, Decisions, decide, emg_order
from biomech_xr.datasets.k2muse.people import read_person
from biomech_xr.datasets.k2muse.uncut import read_uncut
from biomech_xr.datasets.spec import DatasetSpec, Option, Rate, Reference
from biomech_xr.datasets.walking import OPTIONS as WALKING
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

logger = logging.getLogger(__name__)

SPEC: Final = DatasetSpec(
    name="k2muse",
    title="K2MUSE: a human lower-limb multimodal walking dataset spanning task and acquisition variability",
    doi="10.1177/02783649261444046",
    data_doi="",
    licence="CC BY-NC-SA 4.0",
    licence_use="non_commercial",
    reference=Reference(
        authors="Li J, Zhang B, Tan X, Chen W, Liu Z, Zhang J, Huo W, Huang J, Liu L, Zhao X",
        title="K2MUSE: A human lower-limb multimodal walking dataset spanning task and acquisition variability "
        "for rehabilitation robotics",
        journal="The International Journal of Robotics Research",
        year=2026,
    ),
    host="Kaggle, linked from k2muse.github.io",
    laboratory="Shenyang Institute of Automation",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="bandpassed",
    emg_unit="source unit",
    emg_rate=tree.EMG_RATE,
    rates={
        "emg": Rate(hz=(2000.0,)),
        "kinematics": Rate(hz=(100.0,), points=200),
        "kinetics": Rate(hz=(100.0,), points=200),
        "forces": Rate(hz=(1000.0,)),
    },
    emg_lookahead=0.0,
    upstream_filters="EMG: 20-500 Hz set in the recording hardware; smoothing of markers not stated",
    sides=("left", "right"),
    activities=("walk", "ramp_ascent", "ramp_descent"),
    minimum_duration=0.5,
    maximum_duration=3.0,
    kinetics_limit=3.7,
    people=42,
    known_defects=(
        "The authors corrected some gait events by hand and recorded some trials again.",
        "Numbers of strides differ between EMG, angles and moments of one trial in the cut form.",
        "In fatigue and shifted-electrode trials the EMG is altered on purpose.",
    ),
    assumptions=(
        "Mains at 50 Hz: recorded in Shenyang.",
        "The unit of EMG is not stated: values are stored as they are.",
        "The EMG band is set in the hardware, which cannot see ahead: emg_lookahead is 0.",
        "The order of EMG columns within a leg rests on one public reader; each trial notes whether crests fit it.",
        "SEM is read as semitendinosus and marked ambiguous: semitendinosus or semimembranosus.",
        "The description does not say which frame the first continuous row is, nor what EventFrame holds: strides come "
        "from the frames of NormalizedData.Events, and the clock of the continuous arrays from the cut form itself.",
        "Without a continuous form the 200 points of a cut stride include the next contact.",
        "Trial time is the event frame over 100 Hz, counted as the file counts.",
        "Ideal and Fatigue share one placement of the electrodes (session 1); InterDay is a session without another "
        "condition, ShiftInitial the unshifted start of session Shift.",
        "As many cut curves as events pair in order: where events follow each other, all angles of a curve must end "
        "within 0.5 degrees (root mean square) of where the next begins, else the leg is unpaired; where that cannot "
        "tell (no consecutive events, or other curves less than 1 degree away), pairing is assumed by count and noted.",
        "Curves that all belong to an earlier or later event than the one of their number are seen only by comparison "
        "with the continuous form; where that contradicts the cut form, the trial is unpaired.",
        "A moment whose count of cut strides differs from the events, or which steps by more than 5 % of its peak from "
        "one curve to the next, is left out, the strides are kept.",
        "EMG that the lengths of its cells do not place is left out, the strides are kept.",
        "Signs of angles are decided for flexion, leg by leg; adduction and rotation angles are those of Plug-in Gait.",
        "All moments share one sign, by the ankle; hip, knee and hip adduction moments that are sure must agree.",
        "EMG is taken as band-passed, as released, unless a channel is never negative or the samples are an envelope.",
        "How EMG that is an envelope after all was filtered is not known: its emg_lookahead is 0.57 s, that of a "
        "zero-phase low-pass at 6 Hz of 4th order in each pass.",
        "A trial that was never cut has no described events: its signals are stored without strides.",
        "Ultrasound, markers, forces and powers are not read: axes of the forces are not described.",
        "How markers were smoothed is not stated: kinematics_lookahead is unknown.",
    ),
    emg=tree.EMG,
    angles=tree.ANGLES,
    moments=tree.MOMENTS,
    reader_version="2",
)
"""Keys name the raw output and its component, or the leg and its EMG column, counted from 0."""

OPTIONS: Final[Mapping[str, Option]] = {
    "level": Option(
        kind="choice",
        choices=("original", "normalized"),
        help="Read only continuous trials (original; a trial whose clock cannot be proved stops its person) or only "
        "the cut form (normalized). Default: continuous where its clock can be proved, else cut.",
    ),
    "pairing": Option(
        kind="choice",
        choices=("checked", "by_count"),
        help="Whether cut curves pair with as many events unchecked (by_count). Default: checked.",
    ),
    **{name: WALKING[name] for name in ("hip_sign", "knee_sign", "ankle_sign")},
    "moment_unit": MOMENT_UNIT,
    "moment_sign": sign_option(*SIGNS, "moment"),
    "emg_state": EMG_STATE,
}

_LOOKAHEAD: Final = {"envelope": 0.57}
_ANY: Final = re.compile(r"P\d{2,3}", re.IGNORECASE)


def patients(root: Path) -> list[str]:
    """Return the source ids (P01, ...) of the files below ``root``, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no file of a person.
    """
    return list(_files(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the trials of one person in the order of the file.

    EMG (sample, side, channel) at 2 kHz, kinematics in degrees and kinetics in N m/kg (sample, side, joint, motion):
    continuous at 100 Hz, or cut into 200 points a stride. `Trial.notes` say which form a trial was read in and what the
    data decided.

    Raises
    ------
    MissingInputError
        No such person.
    DataFormatError
        A file is damaged or breaks the format, a sign, the unit of the moments or the state of the EMG is not clear and
        its option not given, a continuous trial was demanded and cannot be used, or the person has no stride.
    """
    files = _files(root)
    if patient not in files:
        raise MissingInputError(f"k2muse: {root}: no file of {patient}. Known: {', '.join(files)}.")
    path = files[patient]
    person, sources = read_person(root, path, patient)
    watch = cycles.Watch(dataset="k2muse", folder=path)
    with open_mat(path, dataset="k2muse") as file:
        top = file[path.stem]
        cut, continuous = top["NormalizedData"], top.get("OriginalData")
        found = tree.places(cut, continuous)
        decisions = decide(cut, found, body_mass=person.body_mass, file=path, options=options)
        for place in found:
            if place.find(cut) is None and options.get("level") == "normalized":
                logger.info("k2muse: %s: %s is not in NormalizedData: passed over", path, place.name)
                continue
            read = _read(place, cut, continuous, decisions, options)
            if read.signals:
                yield watch.saw(_trial(place, read, decisions, person, sources), {})
            else:
                logger.warning("k2muse: %s: %s: no signal: %s", path, place.name, read.notes["level"])
    watch.finish()


def _files(root: Path) -> dict[str, Path]:
    """Return the file of each person, by the file's stem."""
    folder = root / "ProcessedData" if (root / "ProcessedData").is_dir() else root
    if not folder.is_dir():
        raise MissingInputError(f"k2muse: {root}: no such folder. Give the folder that holds ProcessedData.")
    found = {path.stem: path for path in sorted(folder.glob("*.mat")) if _ANY.fullmatch(path.stem)}
    if not found:
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise DataFormatError.of(
            dataset="k2muse",
            file=folder,
            found=names,
            expected="one file a person, for example P01.mat",
            action="Give the folder that holds ProcessedData",
        )
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """The signals, candidates and notes of one trial, in the form that was read."""

    signals: Mapping[str, Signal]
    cuts: Sequence[segments.Cut]
    notes: Mapping[str, str]


def _read(
    place: tree.Place, cut: MatNode, continuous: MatNode | None, decisions: Decisions, options: Mapping[str, Any]
) -> _Read:
    """Return one trial in its continuous form where that can be used and is wanted, else in its cut form."""
    leaf, node, level = place.find(cut), place.find(continuous), options.get("level")
    original = _original(node, leaf, level)
    if isinstance(original, Original):
        signals = _continuous_signals(original, decisions)
        notes = {"level": "original", "evidence.clock": original.note}
        return _Read(signals=signals, cuts=original_cuts(original, signals, place), notes=notes)
    if leaf is None:
        alone = read_uncut(node or cut)
        signals = _continuous_signals(alone, decisions)
        return _Read(signals=signals, cuts=(), notes={"level": f"original: {alone.note}"})
    if level == "original":
        raise (node or leaf).bad(
            found=f"trial {place.name}, whose continuous form cannot be used: {original.why}",
            expected="the trial in both OriginalData and NormalizedData, one the cut form of the other",
            action="Leave out the option level=, or choose level=normalized",
        )
    doubt = f"its continuous form contradicts it: {original.why}" if original.contradicts else ""
    return _cut_form(leaf, place, decisions, doubt, by_count=options.get("pairing") == "by_count", why=original.why)


def _original(node: MatNode | None, leaf: MatNode | None, level: str | None) -> Original | Unusable:
    """Return the continuous form, or why it is not used; a fault in it is such a reason."""
    if level == "normalized":
        return Unusable(why="the level normalized was chosen")
    if node is None or leaf is None:
        return Unusable(why=f"it is not in {'OriginalData' if node is None else 'NormalizedData'}")
    try:
        return read_original(node, leaf)
    except DataFormatError as error:
        return Unusable(why=str(error))


def _trial(
    place: tree.Place, read: _Read, decisions: Decisions, person: Patient, sources: tuple[tuple[str, str], ...]
) -> Trial:
    kept, rejected = segments.sort_cuts(SPEC, place.name, read.cuts)
    strides = stride_table(kept)
    notes = {**decisions.notes, **read.notes, "source_condition": place.condition}
    if "emg" in read.signals and place.labels["activity"] == "walk":
        notes["evidence.emg_order"] = emg_order(read.signals["emg"], strides)
    return Trial(
        patient=person,
        trial=place.name,
        task=place.mode,
        session=place.session,
        signals=read.signals,
        strides=strides,
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=decisions.emg_state,
        emg_lookahead=_LOOKAHEAD.get(decisions.emg_state, SPEC.emg_lookahead),
        notes=notes,
    )


def _continuous_signals(original: Original, decisions: Decisions) -> dict[str, Signal]:
    return original_signals(
        original,
        angle_signs=decisions.angle_signs,
        moment_scale=decisions.moment_scale,
        emg_units=SPEC.emg_unit,
        ambiguous=tree.AMBIGUOUS,
    )


def _cut_form(leaf: MatNode, place: tree.Place, decisions: Decisions, doubt: str, *, by_count: bool, why: str) -> _Read:
    """Return a cut trial, right leg first."""
    legs = [read_leg(leaf, side, tree.MUSCLES[side], place, doubt=doubt, by_count=by_count) for side in tree.SIDES]
    signals = cut_signals(
        legs,
        angle_signs=decisions.angle_signs,
        moment_scale=decisions.moment_scale,
        emg_units=SPEC.emg_unit,
        ambiguous=tree.AMBIGUOUS,
        endpoint=True,
    )
    notes = {"level": f"normalized: {why}"}
    if pairing := "; ".join(note for leg in legs for note in leg.notes):
        notes["pairing"] = pairing
    return _Read(signals=signals, cuts=[cut for leg in legs for cut in leg.cuts], notes=notes)
