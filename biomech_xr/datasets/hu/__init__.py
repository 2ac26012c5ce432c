"""Hu 2018, ENABL3S: circuits of walking, ramps and stairs, both legs, CSV at 1 kHz, no kinetics.

Read from `Processed/*_post.csv`, EMG on request from the same-numbered `Raw/*_raw.csv`. The facts come from the
authors' export code and notes, the publication and two public readers; no real file was at hand (`evidence="notes"`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets._names import folder_in
from biomech_xr.datasets.hu.events import RATE, check_modes, side_rows
from biomech_xr.datasets.hu.files import check_end, circuits, processed_folder, read_person
from biomech_xr.datasets.hu.signs import OPTIONS as SIGN_OPTIONS
from biomech_xr.datasets.hu.signs import sign_notes, with_signs
from biomech_xr.datasets.inertial import DEGREE, GRAVITY, imu_columns, imu_signal
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.errors import MissingInputError
from biomech_xr.readers.tables import check_columns, read_csv, sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

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
    reference=Reference(
        authors="Hu B, Rouse E, Hargrove L",
        title="Benchmark Datasets for Bilateral Lower-Limb Neuromechanical Signals from Wearable Sensors during"
        " Unassisted Locomotion in Able-Bodied Individuals",
        journal="Frontiers in Robotics and AI",
        volume="5",
        pages="14",
        year=2018,
    ),
    host="figshare",
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="bandpassed",
    emg_unit="mV",
    emg_rate=RATE,
    rates={"emg": Rate(hz=(1000.0,)), "kinematics": Rate(hz=(1000.0,), recorded=(500.0,))},
    emg_lookahead=1.52,
    kinematics_lookahead=0.49,
    upstream_filters="EMG: high-pass 20 Hz, low-pass 350 Hz, band-stop 57-63, 177-183 and 297-303 Hz, 6th-order "
    "Butterworth; goniometers: low-pass 10 Hz",
    sides=("left", "right"),
    activities=("walk", "ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent"),
    minimum_duration=0.5,
    maximum_duration=3.0,
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
        "Ankle sign: the authors negate it before comparing with a dorsiflexion-positive curve; level walking that "
        "surely denies it is refused, walking that is not clear is not.",
        "A stride lasts 0.5 s at least, and neither stance nor swing longer than 1.5 s, the authors' own limit.",
        "The columns of the subject sheet whose header has the word age, and sex or gender, are taken to hold years "
        "and M or F.",
        "Masses from 30 to 200 kg, heights from 120 to 230 cm and ages from 5 to 110 years are kept, others left out.",
        "Upstream filters are taken as zero-phase with six poles an edge in each pass (12 a band-stop): the reading "
        "that sees farthest. emg_lookahead (1.515 s) and kinematics_lookahead (0.488 s, the goniometers' 10 Hz "
        "low-pass) leave less than 1e-4 of the absolute sum of the joint impulse response to later samples. Half as "
        "many poles would give 0.82 s and 0.26 s.",
        "Inertial units: g and degrees/s of the processed files, kept as m/s2 and rad/s in the sensors' axes, after "
        "a zero-phase low-pass of 25 Hz upstream.",
        "Raw EMG (option emg=raw) is in the same unit, band-passed 20-450 Hz by the amplifier only.",
        "The derived velocities and the recordings of maximal contractions are not read.",
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
    reader_version="4",
)
"""The processed file is flexion-negative at the knee and plantarflexion-positive at the ankle: both are negated."""

OPTIONS: Final[Mapping[str, Option]] = {
    "emg": Option(
        kind="choice",
        choices=("processed", "raw"),
        help="processed (the default): filtered by the authors; raw: from the raw file of the same number",
    ),
    **SIGN_OPTIONS,
}

IMU: Final = imu_columns(
    {
        "Right_Shank": "right_shank",
        "Right_Thigh": "right_thigh",
        "Left_Shank": "left_shank",
        "Left_Thigh": "left_thigh",
        "Waist": "waist",
    },
    {f"A{axis}": f"acceleration_{axis}" for axis in "xyz"} | {f"G{axis}": f"angular_velocity_{axis}" for axis in "xyz"},
    acceleration=GRAVITY,
    angular_velocity=DEGREE,
)
_EVENTS: Final = tuple(f"{prefix}_{event}" for prefix, _ in _SIDES for event in ("Heel_Contact", "Toe_Off"))
_COLUMNS: Final = (
    *SPEC.emg,
    *SPEC.angles,
    "Mode",
    *_EVENTS,
    *(f"{prefix}_Heel_Contact_Trigger" for prefix, _ in _SIDES),
)
_STANDING: Final = {0.5: 6.0}
"""`Mode` of standing during the acquisition, and in the files."""


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


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the circuits of one person in the order of their numbers.

    EMG is (sample, side, channel) in mV, kinematics (sample, side, joint, motion) in degrees, imu (sample, segment,
    channel), all at 1 kHz with row 0 at 0 s. A circuit without events is yielded with empty tables.

    The activity of a stride is the current mode of the trigger at its first contact. It must be the current mode at
    the next contact too, and `Mode` at both rows, else the candidate is rejected as `activity_change`. `transition` is
    true where the trigger of the first contact names another mode before it.

    With the option `emg` = raw the EMG is that of the raw file of the same number, which must have the same rows; a
    circuit without one, or with other rows, has no EMG and all its strides are `unpaired`.

    Raises
    ------
    MissingInputError
        No such person, or no processed files.
    DataFormatError
        A file breaks the format, is cut or is named after another person, strides surely deny the sign of a knee or
        ankle and the option `knee_sign` or `ankle_sign` is not given, the person has no stride at all, or an EMG
        channel or angle is NaN in every circuit.
    """
    folder = processed_folder(root, patient)
    person, extra, notes = read_person(root, patient)
    raw = options.get("emg") == "raw"
    unprocessed = _raw_circuits(folder_in(folder.parent, "Raw"), patient) if raw else {}
    watch = cycles.Watch(dataset="hu", folder=folder)
    for number, path in circuits(folder, patient).items():
        check_end(path)
        table = read_csv(path, dataset="hu", columns=_COLUMNS, optional=tuple(IMU))
        check_modes(table, path)
        emg, unpaired = _raw_emg(unprocessed.get(number), table) if raw else (table, "")
        files = [path, *([unprocessed[number]] if number in unprocessed else [])]
        trial = _trial(
            table,
            emg,
            path,
            person=person,
            name=f"circuit_{number:03d}",
            sources=(*((cycles.relative(file, root), sha256(file)) for file in files), *extra),
            unpaired=unpaired,
            notes=notes,
            options=options,
        )
        silent = {"angles": cycles.silent(table, SPEC.angles)}
        yield watch.saw(trial, silent | ({} if emg is None else {"emg": cycles.silent(emg, SPEC.emg)}))
    watch.finish()


def _raw_circuits(folder: Path, patient: str) -> dict[int, Path]:
    if not folder.is_dir():
        raise MissingInputError(f"hu: {folder}: no such folder. Complete the download, or leave out the option emg.")
    return circuits(folder, patient, kind="raw")


def _raw_emg(path: Path | None, processed: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Return the columns of a raw file, or None and why they cannot be paired with the rows of the processed one."""
    if path is None:
        return None, "no raw file of this number"
    check_end(path)
    table = read_csv(path, dataset="hu", columns=(*SPEC.emg, "Mode"))
    if len(table) != len(processed):
        return None, f"{len(table)} rows in the raw file, {len(processed)} in the processed one"
    modes = table["Mode"].replace(_STANDING), processed["Mode"]
    other = int(((modes[0] != modes[1]) & modes[0].notna() & modes[1].notna()).sum())
    return (None, f"Mode of the raw file differs in {other} rows") if other else (table, "")


def _trial(
    table: pd.DataFrame,
    emg: pd.DataFrame | None,
    path: Path,
    *,
    person: Patient,
    name: str,
    sources: tuple[tuple[str, str], ...],
    unpaired: str,
    notes: Mapping[str, str],
    options: Mapping[str, Any],
) -> Trial:
    """Return one circuit; ``emg`` holds its EMG columns, None where they are not paired."""
    raw = options.get("emg") == "raw"
    signals = _signals(table, emg, path, with_signs(SPEC.angles, options))
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for prefix, side in _SIDES:
        rows = side_rows(
            table, path, spec=SPEC, prefix=prefix, side=side, name=name, signals=signals, unpaired=unpaired
        )
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
        emg_state="raw" if raw else SPEC.emg_state,
        emg_lookahead=0.0 if raw else SPEC.emg_lookahead,
        notes={**notes, **_notes(person), **sign_notes(table, path, signals["kinematics"], kept, options)},
    )


def _signals(
    table: pd.DataFrame, emg: pd.DataFrame | None, path: Path, angles: Mapping[str, JointColumn]
) -> dict[str, Signal]:
    """Return the signal groups of a circuit; the inertial units may be missing all together."""
    signals = {"kinematics": cycles.joint_signal(table, angles, rate=RATE, t0=0.0, units=words.UNITS["kinematics"])}
    if emg is not None:
        signals["emg"] = cycles.emg_signal(emg, SPEC.emg, rate=RATE, t0=0.0, units=SPEC.emg_unit)
    if any(name in table for name in IMU):
        check_columns(table, path, dataset="hu", columns=tuple(IMU))
        signals["imu"] = imu_signal(table, IMU, rate=RATE, t0=0.0)
    return signals


def _notes(person: Patient) -> dict[str, str]:
    """Return the notes that hold for every circuit."""
    notes = {"ankle_quality": "low: the ankle goniometer is not biomechanically accurate"}
    if person.source_patient == "AB192":
        notes["goniometers"] = "swapped and reversed before the release by the authors; read as they are"
    return notes
