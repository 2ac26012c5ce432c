"""K2MUSE: treadmill walking at three speeds and five slopes, tired, on another day and with shifted electrodes.

Read from `ProcessedData/P*.mat`: continuous trials (`OriginalData`) where their clock can be proved from the cut form
(`NormalizedData`), else the cut form. Facts are those of the authors' pages (github.com/k2muse/k2muse.github.io),
signs those of Plug-in Gait; no real file was at hand (`evidence="notes"`).
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from biomech_xr.datasets import cycles, segments
from biomech_xr.datasets.deciding import MOMENT_UNIT, sign_option
from biomech_xr.datasets.k2muse import tree
from biomech_xr.datasets.k2muse.continuous import Original, original_cuts, original_signals, read_original
from biomech_xr.datasets.k2muse.cut import cut_signals, read_leg
from biomech_xr.datasets.k2muse.decisions import SIGNS, Decisions, decide, emg_order
from biomech_xr.datasets.spec import DatasetSpec, Option
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.readers.tables import read_sheet, sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

logger = logging.getLogger(__name__)

SPEC: Final = DatasetSpec(
    name="k2muse",
    title="K2MUSE: a human lower-limb multimodal walking dataset spanning task and acquisition variability",
    doi="10.1177/02783649261444046",
    data_doi="",
    licence="CC BY-NC-SA 4.0",
    citation="Li J, Zhang B, Tan X, Chen W, Liu Z, Zhang J, Huo W, Huang J, Liu L, Zhao X. Int J Robot Res 2026.",
    host="Kaggle, linked from k2muse.github.io",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="bandpassed",
    emg_unit="source unit",
    emg_rate=tree.EMG_RATE,
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
        "A moment whose count of cut strides differs from the events is left out, the strides are kept.",
        "Ultrasound, markers, forces and powers are not read: axes of the forces are not described.",
        "How markers were smoothed is not stated: kinematics_lookahead is unknown.",
    ),
    emg=tree.EMG,
    angles=tree.ANGLES,
    moments=tree.MOMENTS,
)
"""Keys name the raw output and its component, or the leg and its EMG column, counted from 0."""

OPTIONS: Final[Mapping[str, Option]] = {
    "level": Option(
        kind="choice",
        choices=("original", "normalized"),
        help="Read only continuous trials (original; a trial whose clock cannot be proved stops its person) or only "
        "the cut form (normalized). Default: continuous where its clock can be proved, else cut.",
    ),
    "moment_unit": MOMENT_UNIT,
    "moment_sign": sign_option(*SIGNS, "moment"),
}

_WORKBOOK: Final = "ParticipantInformation.xlsx"
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
        A file is damaged or breaks the format, unit or sign of the moments is not clear (options `moment_unit`,
        `moment_sign`), a continuous trial was demanded and cannot be used, or the person has no stride.
    """
    files = _files(root)
    if patient not in files:
        raise MissingInputError(f"k2muse: {root}: no file of {patient}. Known: {', '.join(files)}.")
    path = files[patient]
    person, sources = _person(root, path, patient)
    watch = cycles.Watch(dataset="k2muse", folder=path)
    with open_mat(path, dataset="k2muse") as file:
        top = file[path.stem]
        cut, continuous = top["NormalizedData"], top.get("OriginalData")
        found = tree.places(cut, continuous)
        decisions = decide(cut, found, body_mass=person.body_mass, file=path, options=options)
        for place in found:
            if place.find(cut) is None and options.get("level") != "original":
                logger.warning("k2muse: %s: %s is not in NormalizedData: no events, not read", path, place.name)
                continue
            trial = _trial(place, cut, continuous, decisions, options.get("level", ""), person, sources)
            yield watch.saw(trial, {})
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


def _person(root: Path, path: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...]]:
    """Return the person, with size where the workbook has a row, and the files read."""
    sources = [(cycles.relative(path, root), sha256(path))]
    workbook = root / _WORKBOOK
    if not workbook.is_file():
        return Patient(dataset="k2muse", source_patient=patient), tuple(sources)
    sheet = read_sheet(workbook, dataset="k2muse", sheet="Sheet1")
    sources.append((cycles.relative(workbook, root), sha256(workbook)))
    size = {}
    for column, low, high in (("Weight (kg)", 30.0, 200.0), ("Height (cm)", 120.0, 230.0)):
        for name in ("ID", column):
            if name not in sheet:
                found = f"the columns {', '.join(map(str, sheet.columns))}"
                raise _bad(workbook, name, found, "a column of that name", "Restore it")
        rows = sheet.loc[sheet["ID"].astype(str).str.strip().str.upper() == patient.upper(), column]
        value = rows.iloc[0] if len(rows) else ""
        number = value if isinstance(value, int | float) else math.nan
        if value != "" and not low <= number <= high:
            raise _bad(workbook, column, repr(value), f"a number from {low:g} to {high:g}", "Correct the cell")
        size[column] = float(number)
    mass, height = size["Weight (kg)"], size["Height (cm)"] / 100
    return Patient(dataset="k2muse", source_patient=patient, body_mass=mass, height=height), tuple(sources)


def _trial(
    place: tree.Place,
    cut: MatNode,
    continuous: MatNode | None,
    decisions: Decisions,
    level: str,
    person: Patient,
    sources: tuple[tuple[str, str], ...],
) -> Trial:
    """Return one trial in its continuous form where that can be used and is wanted, else in its cut form."""
    leaf, node = place.find(cut), place.find(continuous)
    original: Original | str = "the level normalized was chosen"
    if level != "normalized":
        original = "it is not in OriginalData" if node is None else "it is not in NormalizedData"
    if node is not None and leaf is not None and level != "normalized":
        original = read_original(node, leaf)
    if isinstance(original, Original):
        signals = _continuous_signals(original, decisions)
        cuts, note = original_cuts(original, signals, place), {"level": "original", "evidence.clock": original.note}
    else:
        if level == "original" or leaf is None:
            raise (node or leaf or cut).bad(
                found=f"trial {place.name}, whose continuous form cannot be used: {original}",
                expected="the trial in both OriginalData and NormalizedData, one the cut form of the other",
                action="Leave out the option level=, or choose level=normalized",
            )
        signals, cuts, note = _cut_form(leaf, place, decisions)
        note |= {"level": f"normalized: {original}"}
    kept, rejected = segments.sort_cuts(SPEC, place.name, cuts)
    strides = stride_table(kept)
    notes = {**decisions.notes, **note, "source_condition": place.condition}
    if "emg" in signals and place.labels["activity"] == "walk":
        notes["evidence.emg_order"] = emg_order(signals["emg"], strides)
    return Trial(
        patient=person,
        trial=place.name,
        task=place.mode,
        session=place.session,
        signals=signals,
        strides=strides,
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes=notes,
    )


def _continuous_signals(original: Original, decisions: Decisions) -> dict[str, Signal]:
    return original_signals(
        original, moment_scale=decisions.moment_scale, emg_units=SPEC.emg_unit, ambiguous=tree.AMBIGUOUS
    )


def _cut_form(
    leaf: MatNode, place: tree.Place, decisions: Decisions
) -> tuple[dict[str, Signal], list[segments.Cut], dict[str, str]]:
    """Return signals, candidates and notes of a cut trial, right leg first."""
    legs = [read_leg(leaf, side, tree.MUSCLES[side], place) for side in tree.SIDES]
    signals = cut_signals(
        legs, moment_scale=decisions.moment_scale, emg_units=SPEC.emg_unit, ambiguous=tree.AMBIGUOUS, endpoint=True
    )
    notes = "; ".join(note for leg in legs for note in leg.notes)
    return signals, [cut for leg in legs for cut in leg.cuts], {"pairing": notes} if notes else {}


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="k2muse", file=path, field=field, found=found, expected=expected, action=action)
