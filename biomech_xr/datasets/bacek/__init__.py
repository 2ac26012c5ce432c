"""Bacek 2024: treadmill walking at three speeds and five cadences, free and with the left knee locked.

Two forms of the same tests. The raw release is continuous: EMG and forces, no joint angles. The segmented release is
cut into cycles of 101 and 1001 points: sagittal angles, forces, and EMG that is an envelope already. The facts come
from the authors' documentation and code and from public readers; no real file was at hand (`evidence="notes"`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import segments
from biomech_xr.datasets.bacek import raw
from biomech_xr.datasets.bacek.files import NAME, PEOPLE, Files, Test, find_people, find_person, tests_of
from biomech_xr.datasets.bacek.rows import JOINTS, MUSCLES, LegRows, read_leg
from biomech_xr.datasets.bacek.starts import OPTION, decide_force_scale, decide_signs, decide_starts
from biomech_xr.datasets.deciding import Judge, sign_option
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.schema import Signal, Trial, rejected_table, stride_table

_SIDES: Final[tuple[tuple[str, words.Side], ...]] = (("Left", "left"), ("Right", "right"))
_UPSTREAM_LOOKAHEAD: Final = 0.57
_SEGMENTED_UNIT: Final = "1"

OPTIONS: Final[Mapping[str, Option]] = {
    "level": Option(
        kind="choice",
        choices=("raw", "segmented"),
        help="continuous EMG and forces, or cycles with angles and envelopes; raw where a person's raw files are there",
    ),
    OPTION: Option(
        kind="choice",
        choices=("own", "left"),
        help="heel strikes between which right angles and EMG of the segmented form are cut, where the data leave it "
        "open; forces too where they do not show it themselves",
    ),
    **{
        f"{joint.lower()}_sign": sign_option("flexion", "extension", f"motion of {joint}_Left and {joint}_Right")
        for joint in JOINTS
    },
}

SPEC: Final = DatasetSpec(
    name=NAME,
    title="A biomechanics and energetics dataset of neurotypical adults walking with and without kinematic constraints",
    doi="10.1038/s41597-024-03444-4",
    data_doi="10.26188/c.6887854.v1",
    licence="not verified",
    reference=Reference(
        authors="Bacek T, Sun M, Liu H, Chen Z, Manzie C, Burdet E, Kulic D, Oetomo D, Tan Y",
        journal="Scientific Data",
        year=2024,
    ),
    host="figshare (University of Melbourne)",
    laboratory="University of Melbourne",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="envelope",
    emg_unit=raw.UNIT,
    emg_rate=1000.0,
    rates={
        "emg": Rate(hz=(2000.0,), points=1001, state="raw"),
        "kinematics": Rate(points=101, recorded=(100.0,)),
        "forces": Rate(hz=(1000.0, 2000.0), points=101),
    },
    emg_lookahead=0.67,
    kinematics_lookahead=math.nan,
    upstream_filters="segmented EMG: FIR band-pass 15-400 Hz (stop 10 and 500 Hz, 80 dB), zero phase; rectified; RMS "
    "over 200 samples at 2 kHz; 1 kHz; divided by the session's factor; forces: low-pass 15 Hz, 6th order, zero phase",
    sides=("left", "right"),
    activities=("walk",),
    minimum_duration=0.5,
    maximum_duration=3.0,
    people=len(PEOPLE),
    known_defects=(
        "No joint moments at any level; no angles in the raw files; adduction and rotation are nowhere.",
        "Sessions differ in normalization: at 0.4 m/s gluteus_maximus is near zero in some blocks of tests.",
        "In the authors' code the RMS series starts 0.05 s into the recording and is cut as if it did not, so that "
        "segmented EMG may lead its heel strikes by 0.05 s.",
        "In the authors' code the vertical force loses the detection threshold (5 % of the weight) before it is cut, "
        "and angles are cut at heel strikes rounded to 0.01 s.",
        "In the authors' code a heel strike that the force lacks (1.5 to 2.2 times the mean stride after the last one) "
        "is put in a mean stride after the last one: segmented strides on either side of it have made-up durations.",
        "Without Subjects_Info.mat the sessions of the tests are not known: all are session unknown, and amplitude "
        "references pool two placements of the electrodes and two normalizations.",
        "Sub7 and Sub8 are not in the authors' table of people: no age and sex.",
    ),
    assumptions=(
        "Left rows run between left heel strikes. Right rows run between right or left ones as the knee angle, else "
        "the force, shows; EMG is taken to be cut as the angles are. Rows cut at the left foot are joined on their "
        "real durations and cut anew at right heel strikes by cubic interpolation.",
        "Rows belong to heel strikes where there is one row less than strikes; a muscle, angle or force with another "
        "number of rows is NaN, and where no muscle and no angle fits the leg's cycles are unpaired.",
        "The signs of flexion follow from the data, or from the options.",
        "Raw strides last 0.6 to 1.5 times the median of the test's strides and hold at most one contact of the other "
        "foot: others are taken for steps on the wrong belt. The limits are those by which the authors' code finds "
        "false and missing steps, there against a mean stride; the median and the second rule are ours.",
        "The raw release has no events. A raw contact is where the vertical force leaves the noise of the unloaded "
        "plate, at most 25 ms before it crosses 3 % of the body weight: within 5 ms on synthetic people. The segmented "
        "heel strikes are the authors', from a force low-pass filtered at 15 Hz: they may differ by some 0.01 s.",
        "Entries of TestOrder that are no test, and tests in two orders, are ignored: their session is unknown.",
        "emg_lookahead (0.67 s): 0.566 s of a filter of 1131 taps run in both directions (an estimate by Herrmann's "
        "formula for the stated edges and ripples), half an RMS window (0.05 s), and the possible lead of 0.05 s. Raw "
        "EMG that is band-passed is taken to have gone through the same filter (0.57 s).",
        "The unit of raw EMG is not stated: the values are stored as they are, in arbitrary units; segmented EMG is a "
        "share of the session's factor (unit 1).",
        "Raw forces are in N, upward positive; only the vertical one is read, the signs of the others are not stated. "
        "Segmented forces are per body mass unless their peaks show another unit.",
        "Sample 1 of a test is 0 s of its clock; mains at 50 Hz, as in Melbourne.",
        "Metabolic data, markers and signal-to-noise values are not read.",
    ),
    emg={
        f"EMG.{prefix}_{raw}": EmgColumn(muscle=muscle, side=side)
        for prefix, side in _SIDES
        for raw, muscle in MUSCLES.items()
    },
    angles={
        f"Angles.{joint}_{prefix}": JointColumn(joint=joint.lower(), motion="flexion", side=side)
        for prefix, side in _SIDES
        for joint in JOINTS
    },
)


def patients(root: Path) -> list[str]:
    """Return the ids (Sub1, ...) of everybody of whom a file of either form is below ``root``, in numeric order.

    Raises
    ------
    MissingInputError
        ``root`` is no folder or holds no file of the source.
    DataFormatError
        A file is there twice, or of a person the source does not have.
    """
    return [f"Sub{number}" for number in find_people(root)]


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the tests of one person in numeric order, one test a trial.

    Raw: EMG (sample, side, channel) as stored, at 2 kHz, and the vertical force (sample, side, axis) in N/kg; strides
    between heel strikes found in the force. Segmented: EMG envelopes, flexion angles (sample, side, joint, motion) in
    degrees and the vertical force, on a fixed grid a stride.

    Raises
    ------
    MissingInputError
        No such person, or one of the two files of the form is not there.
    DataFormatError
        A file is damaged or lacks a field, or the data leave the start of right rows or a sign open.
    """
    files = find_person(root, patient)
    level = options.get("level") or ("raw" if files.has("raw") else "segmented")
    yield from _raw_trials(files) if level == "raw" else _segmented_trials(files, options)


def _raw_trials(files: Files) -> Iterator[Trial]:
    paths = files.path("raw", "Mechanics"), files.path("raw", "Energetics")
    sources = files.sources("raw")
    with (
        open_mat(paths[0], dataset=NAME, variables=("rawMechanics",)) as first,
        open_mat(paths[1], dataset=NAME, variables=("rawEnergetics",)) as second,
    ):
        mechanics, energetics = first["rawMechanics"], second["rawEnergetics"]
        tests = _require_tests(mechanics)
        for name, test in tests.items():
            yield _raw_trial(files, test, mechanics[name], energetics.get(name), sources)


def _raw_trial(
    files: Files, test: Test, mechanics: MatNode, energetics: MatNode | None, sources: tuple[tuple[str, str], ...]
) -> Trial:
    mass = files.person.body_mass
    columns = raw.read_emg(energetics) if energetics is not None else {}
    forces = raw.read_forces(mechanics)
    size = len(next(iter(columns.values()), ()))
    rate = raw.force_rate(mechanics, len(forces["left"]), size / raw.EMG_RATE if size else math.nan)
    end = min(len(forces["left"]) / rate, size / raw.EMG_RATE if size else math.inf)
    state: words.EmgState = "raw"
    notes = _notes(files, test) | {"forces": f"{rate:g} Hz"}
    kept, rejected = raw.stride_rows(SPEC, test, raw.find_events(forces, rate, mass, notes), end=end)
    if energetics is not None and size:
        state = raw.judge_state(columns, energetics["EMG"], notes)
    else:
        notes["missing"] = "EMG"
    columns = {f"EMG.{name}": values for name, values in columns.items()}
    return Trial(
        patient=files.person,
        trial=test.name,
        task=test.task,
        session=files.sessions.get(test.name, "unknown"),
        signals=raw.signals_of(columns, forces, rate, emg=SPEC.emg, body_mass=mass),
        strides=stride_table(kept),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=state,
        emg_lookahead=0.0 if state == "raw" else _UPSTREAM_LOOKAHEAD,
        notes=notes,
    )


def _segmented_trials(files: Files, options: Mapping[str, Any]) -> Iterator[Trial]:
    paths = files.path("seg", "Mechanics"), files.path("seg", "Energetics")
    sources = files.sources("seg")
    with (
        open_mat(paths[0], dataset=NAME, variables=("segMechanics",)) as first,
        open_mat(paths[1], dataset=NAME, variables=("segEnergetics",)) as second,
    ):
        mechanics, energetics = first["segMechanics"], second["segEnergetics"]
        measured = _require_tests(mechanics)
        judge = Judge(dataset=NAME, file=mechanics.file, options=options)
        starts = decide_starts(mechanics, measured, judge)
        factors = decide_signs(mechanics, measured, starts, judge)
        factors["force"] = decide_force_scale(mechanics, measured, files.person.body_mass, judge)
        tests = measured | tests_of(energetics)
        for name, test in sorted(tests.items(), key=lambda item: item[1].number):
            nodes = mechanics.get(name), energetics.get(name)
            legs = [read_leg(*nodes, side, starts) for _, side in _SIDES]
            yield _segmented_trial(files, test, legs, factors, sources, judge.notes)


def _segmented_trial(
    files: Files,
    test: Test,
    legs: list[LegRows],
    factors: Mapping[str, float],
    sources: tuple[tuple[str, str], ...],
    notes: Mapping[str, str],
) -> Trial:
    cuts = [cut for leg in legs for cut in leg.cuts(test)]
    strides, rejected = segments.sort_cuts(SPEC, test.name, cuts)
    return Trial(
        patient=files.person,
        trial=test.name,
        task=test.task,
        session=files.sessions.get(test.name, "unknown"),
        signals=_signals(legs, [cut.side for cut in cuts], factors),
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes=_notes(files, test)
        | dict(notes)
        | {f"dropped.{leg.side}": leg.dropped for leg in legs if leg.dropped}
        | ({} if legs[0].emg or legs[1].emg else {"missing": "EMG"}),
    )


def _signals(legs: list[LegRows], sides: list[words.Side], factors: Mapping[str, float]) -> dict[str, Signal]:
    """Return the signal groups of one test; a group of which nothing is there is left out, unless nothing is at all."""
    emg = {(leg.side, muscle): values for leg in legs for muscle, values in leg.emg.items()}
    angles = {
        (leg.side, joint, "flexion"): values * factors.get(joint, 1.0)
        for leg in legs
        for joint, values in leg.angles.items()
    }
    forces = {(leg.side, axis): values * factors["force"] for leg in legs for axis, values in leg.forces.items()}
    if not emg and not angles and not forces:
        angles = {(leg.side, "knee", "flexion"): np.full((sides.count(leg.side), 101), np.nan) for leg in legs}
    signals: dict[str, Signal] = {}
    if emg:
        signals["emg"] = segments.cut_emg(sides, emg, units=_SEGMENTED_UNIT)
    if angles:
        signals["kinematics"] = segments.cut_joints(sides, angles, units=words.UNITS["kinematics"])
    if forces:
        signals["grf"] = segments.cut_forces(sides, forces)
    return signals


def _notes(files: Files, test: Test) -> dict[str, str]:
    notes = {"cadence": test.cadence}
    if test.orthosis:
        notes["orthosis"] = "locks the left knee; the legs are not interchangeable"
    if test.name not in files.sessions:
        why = "no Subjects_Info.mat" if files.info is None else files.ignored or f"{files.info.name} does not list it"
        notes["session"] = f"unknown: {why}; amplitude references pool all tests of unknown session"
    return notes


def _require_tests(mechanics: MatNode) -> dict[str, Test]:
    """Return the tests of a file of mechanics, at least one."""
    tests = tests_of(mechanics)
    if not tests:
        raise mechanics.bad(
            found=f"fields {', '.join(mechanics.fields()[:5]) or 'none'}",
            expected="tests T1 to T30",
            action="Download the file again",
        )
    return tests
