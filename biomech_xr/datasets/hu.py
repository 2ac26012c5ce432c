"""Hu 2018, ENABL3S: circuits of walking, ramps and stairs, both legs, CSV at 1 kHz, no kinetics.

Read from `Processed/*_post.csv`. The facts come from the authors' export code and notes, the publication and two
public readers; no real file was at hand (`evidence="notes"`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets._hu_events import RATE, check_modes, side_rows
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import read_csv, read_sheet, sha256
from biomech_xr.schema import Patient, Trial, rejected_table, stride_table

logger = logging.getLogger(__name__)

_SIDES: Final[tuple[tuple[str, words.Side], ...]] = (("Left", "left"), ("Right", "right"))
_MUSCLES: Final = {
    "VL": "vastus_lateralis",
    "RF": "rectus_femoris",
    "TA": "tibialis_anterior",
    "BF": "biceps_femoris",
    "ST": "semitendinosus",
    "MG": "gastrocnemius_medialis",
    "SOL": "soleus",
}

SPEC: Final = DatasetSpec(
    name="hu",
    title="ENABL3S: bilateral lower-limb neuromechanical signals during unassisted locomotion in able-bodied people",
    doi="10.3389/frobt.2018.00014",
    data_doi="10.6084/m9.figshare.5362627",
    licence="not verified (figshare's default is CC BY 4.0)",
    citation="Hu B, Rouse E, Hargrove L. Front Robot AI 2018; 5:14.",
    host="figshare",
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="bandpassed",
    emg_unit="mV",
    emg_rate=RATE,
    emg_lookahead=1.52,
    kinematics_lookahead=0.49,
    upstream_filters="EMG: high-pass 20 Hz, low-pass 350 Hz, band-stop 57-63, 177-183 and 297-303 Hz, 6th-order "
    "Butterworth; goniometers: low-pass 10 Hz",
    sides=("left", "right"),
    activities=("walk", "ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent"),
    minimum_duration=0.5,
    maximum_duration=2.0,
    people=10,
    known_defects=(
        "The ankle goniometer is not biomechanically accurate, as its authors state: low quality.",
        "AB192: the authors swapped back the goniometer channels and reversed the knees before the release.",
        "Event lists leave out disturbed parts, so consecutive contacts may be many seconds apart.",
        "Some users exclude AB190_013, AB190_045, AB191_002, AB191_022, AB189_004, AB189_032, AB188_032, AB186_002, "
        "AB185_008, AB185_010, AB156_005 and AB156_050; that is no erratum and they are read.",
    ),
    assumptions=(
        "EMG in mV: volts at the converter after an amplification of 1000.",
        "Ankle sign: the authors negate it before comparing with a dorsiflexion-positive curve.",
        "Upstream filters are taken as zero-phase with six poles an edge in each pass (12 a band-stop): the reading "
        "that sees farthest. emg_lookahead (1.515 s) and kinematics_lookahead (0.488 s, the goniometers' 10 Hz "
        "low-pass) leave less than 1e-4 of the absolute sum of the joint impulse response to later samples. Half as "
        "many poles would give 0.82 s and 0.26 s.",
        "The inertial units and the derived velocities are not read.",
    ),
    emg={
        f"{prefix}_{raw}": EmgColumn(muscle=muscle, side=side)
        for prefix, side in _SIDES
        for raw, muscle in _MUSCLES.items()
    },
    angles={
        f"{prefix}_{joint.title()}": JointColumn(joint=joint, motion="flexion", side=side, factor=-1.0)
        for prefix, side in _SIDES
        for joint in ("knee", "ankle")
    },
)
"""The processed file is flexion-negative at the knee and plantarflexion-positive at the ankle: both are negated."""


_EVENTS: Final = tuple(f"{prefix}_{event}" for prefix, _ in _SIDES for event in ("Heel_Contact", "Toe_Off"))
_COLUMNS: Final = (
    *SPEC.emg,
    *SPEC.angles,
    "Mode",
    *_EVENTS,
    *(f"{prefix}_Heel_Contact_Trigger" for prefix, _ in _SIDES),
)
_WORKBOOK: Final = "Subject Trigger Channel Feature Information.xlsx"


def patients(root: Path) -> list[str]:
    """Return the source ids (AB156, ...) of the folders below ``root``, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no folder of a person.
    """
    return list(cycles.patient_folders(root, dataset="hu", pattern="[Aa][Bb][0-9]*", example="AB156"))


def recordings(root: Path, patient: str) -> Iterator[Trial]:
    """Yield the circuits of one person in the order of their numbers.

    EMG is (sample, side, channel) in mV, kinematics (sample, side, joint, motion) in degrees, both at 1 kHz with row 0
    at 0 s. A circuit without events is yielded with empty tables.

    The activity of a stride is the current mode of the trigger at its first contact. It must be the current mode at
    the next contact too, and `Mode` at both rows, else the candidate is rejected as `activity_change`. `transition` is
    true where the trigger of the first contact names another mode before it.

    Raises
    ------
    MissingInputError
        No such person, or no processed files.
    DataFormatError
        A file breaks the format, is cut or is named after another person, the person has no stride at all, or an EMG
        channel or angle is NaN in every circuit.
    """
    folder = _processed(root, patient)
    person, extra = _person(root, patient)
    watch = cycles.Watch(dataset="hu", folder=folder)
    for number, path in _circuits(folder, patient):
        _check_end(path)
        table = read_csv(path, dataset="hu", columns=_COLUMNS)
        sources = ((cycles.relative(path, root), sha256(path)), *extra)
        trial = _trial(table, path, person=person, name=f"circuit_{number:03d}", sources=sources)
        yield watch.saw(trial, {"emg": cycles.silent(table, SPEC.emg), "angles": cycles.silent(table, SPEC.angles)})
    watch.finish()


def _processed(root: Path, patient: str) -> Path:
    """Return the folder of processed files, in a single or doubled folder of the person."""
    folders = cycles.patient_folders(root, dataset="hu", pattern="[Aa][Bb][0-9]*", example="AB156")
    if patient not in folders:
        raise MissingInputError(f"hu: {root}: no folder {patient}. Known: {', '.join(folders)}.")
    outer = folders[patient]
    for folder in (outer / "Processed", outer / outer.name / "Processed"):
        if folder.is_dir():
            return folder
    raise MissingInputError(f"hu: {outer}: no folder Processed in it or in {outer.name}. Unpack the whole archive.")


def _circuits(folder: Path, patient: str) -> list[tuple[int, Path]]:
    """Return (number, file) of every circuit, by number; refuse one that is named after another person."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        match = re.fullmatch(r"(AB\d+)_Circuit_(\d+)_post\.csv", path.name, re.IGNORECASE)
        if not match:
            logger.warning("hu: %s: not named like AB156_Circuit_001_post.csv, not read", path)
        elif match[1].upper() != patient:
            found_person, expected = f"a file of {match[1].upper()}", f"files of {patient}, whose folder this is"
            raise _bad(path, "file name", found_person, expected, "Move the file to the folder of its person")
        else:
            found.append((int(match[2]), path))
    if not found:
        raise MissingInputError(f"hu: {folder}: no file like AB156_Circuit_001_post.csv. Complete the download.")
    return sorted(found)


def _check_end(path: Path) -> None:
    """Raise `DataFormatError` where the last row does not end: the file was cut."""
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - 1, 0))
        last = stream.read(1)
    if last not in (b"\n", b"\r"):
        found = "a last row that does not end" if last else "no rows"
        raise _bad(path, "", found, "a line break after the last row; is the file cut?", "Download the file again")


def _person(root: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...]]:
    """Return the person, with mass and height where the subject workbook is there, and the workbook as a source."""
    path = root / _WORKBOOK
    if not path.is_file():
        return Patient(dataset="hu", source_patient=patient), ()
    sheet = read_sheet(path, dataset="hu", sheet="Subject Information")
    source = ((cycles.relative(path, root), sha256(path)),)
    if "Subject" not in sheet:
        raise _bad(
            path, "Subject", f"the columns {', '.join(map(str, sheet.columns))}", "a column of that name", "Restore it"
        )
    rows = sheet[sheet["Subject"].astype(str).str.strip().str.upper() == patient]
    if rows.empty:
        return Patient(dataset="hu", source_patient=patient), source
    mass = _cell(path, rows, "weight", low=30.0, high=200.0)
    height = _cell(path, rows, "height", low=120.0, high=230.0)
    age = _cell(path, rows, "age", low=5.0, high=110.0)
    person = Patient(dataset="hu", source_patient=patient, body_mass=mass, height=height / 100, age=age)
    return person, source


def _cell(path: Path, rows: pd.DataFrame, word: str, *, low: float, high: float) -> float:
    """Return the number in the column whose header holds ``word``; NaN when there is none or the cell is empty."""
    name = next((name for name in rows if re.search(rf"(?<![a-z]){word}(?![a-z])", str(name).lower())), None)
    value = rows[name].iloc[0] if name is not None else ""
    if value in ("", None):
        return float("nan")
    number = float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
    if not low <= number <= high:
        raise _bad(path, str(name), repr(value), f"a number from {low:g} to {high:g}", "Correct the cell or its unit")
    return number


def _trial(
    table: pd.DataFrame, path: Path, *, person: Patient, name: str, sources: tuple[tuple[str, str], ...]
) -> Trial:
    check_modes(table, path)
    signals = {
        "emg": cycles.emg_signal(table, SPEC.emg, rate=RATE, t0=0.0, units=SPEC.emg_unit),
        "kinematics": cycles.joint_signal(table, SPEC.angles, rate=RATE, t0=0.0, units=words.UNITS["kinematics"]),
    }
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for prefix, side in _SIDES:
        rows = side_rows(table, path, spec=SPEC, prefix=prefix, side=side, name=name, signals=signals)
        kept += rows[0]
        rejected += rows[1]
    return Trial(
        patient=person,
        trial=name,
        task="circuit",
        signals=signals,
        strides=stride_table(kept),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes=_notes(table, path, person),
    )


def _notes(table: pd.DataFrame, path: Path, person: Patient) -> dict[str, str]:
    notes = {"ankle_quality": "low: the ankle goniometer is not biomechanically accurate"}
    if person.source_patient == "AB192":
        notes["goniometers"] = "swapped and reversed before the release by the authors; read as they are"
    sitting = table.loc[table["Mode"] == 0, ["Left_Knee", "Right_Knee"]].median()
    doubtful = [str(name) for name in sitting.index[sitting > 0]]
    if doubtful:
        notes["knee_sign"] = f"doubtful: {', '.join(doubtful)} not negative while sitting"
        logger.warning("hu: %s: %s is not negative while sitting: check the sign", path, ", ".join(doubtful))
    return notes


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="hu", file=path, field=field, found=found, expected=expected, action=action)
