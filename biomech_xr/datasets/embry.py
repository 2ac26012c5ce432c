"""Embry et al. 2018: treadmill walking at three speeds and nine inclines, one MATLAB v7.3 file for all people.

`Gaitcycle.<person>.<trial>` holds strides of 150 points from heel strike to heel strike of their own leg;
`Continuous.<person>.<trial>.time` the clock of the 100 Hz record that `cycles.<side>.frame` points into
(doi:10.21227/gk32-e868). Of the components x is the sagittal plane; moments are in `jointmoment` (`jointforce` holds
forces). Strides that the authors list in `stepsout` are rejected as `excluded`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.deciding import EMG_STATE, MOMENT_UNIT
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, Option, Rate, Reference
from biomech_xr.datasets.utd import reading
from biomech_xr.datasets.utd.clock import frame_times, own_times, set_times
from biomech_xr.datasets.utd.columns import ASSUMPTIONS, MUSCLES, PLUG_IN_GAIT, joint_columns
from biomech_xr.datasets.utd.facts import LABORATORY, SIGN_OPTIONS, Facts, settle
from biomech_xr.datasets.utd.legs import Branches, Leg
from biomech_xr.datasets.utd.person import read_details
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.schema import Trial

POINTS: Final = 150
"""Points of every stride, first and last at a heel strike."""

FILE: Final = "InclineExperiment.mat"

_PERSON: Final = re.compile(r"AB\d+", re.IGNORECASE)
_TRIAL: Final = re.compile(r"s(\d+(?:x\d+)?)([id])(\d+(?:x\d+)?)", re.IGNORECASE)
_DETAILS: Final = "subjectdetails"
_SPEED_SLACK: Final = 0.06
_INCLINE_SLACK: Final = 0.3


SPEC: Final = DatasetSpec(
    name="embry",
    title="The Effect of Walking Incline and Speed on Human Leg Kinematics, Kinetics, and EMG",
    doi="10.21227/gk32-e868",
    data_doi="10.21227/gk32-e868",
    licence="not stated (IEEE DataPort, open access)",
    reference=Reference(authors="Embry K, Villarreal D, Macaluso R, Gregg R", publisher="IEEE DataPort", year=2018),
    host="ieee-dataport.org",
    laboratory=LABORATORY,
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="envelope",
    emg_unit="a.u.",
    emg_rate=136.0,
    rates={
        "emg": Rate(points=150),
        "kinematics": Rate(hz=(100.0,), points=150),
        "kinetics": Rate(hz=(100.0,), points=150),
        "forces": Rate(hz=(100.0,)),
    },
    emg_lookahead=0.57,
    upstream_filters="EMG time-normalised to 150 points a stride; filters and amplitude unit not stated",
    sides=("left", "right"),
    activities=("walk", "ramp_ascent", "ramp_descent"),
    minimum_duration=0.6,
    maximum_duration=2.0,
    people=10,
    known_defects=(
        "the right tibialis anterior of AB04 to AB08 is suspected of a faulty sensor",
        "strides that the authors list as outliers (stepsout) are rejected",
        "signals of one leg may have unequal numbers of strides (AB05 s1x2d7x5): those unlike the clock are left out",
        "another user of the data leaves out AB09 s0x8i2x5 without saying why",
    ),
    assumptions=(
        *ASSUMPTIONS,
        "y is adduction and z internal rotation, both with one sign for both legs (Plug-in Gait); that of hip "
        "adduction follows the strides where they are sure, and the frontal moment of the hip may not contradict the "
        "sagittal one",
        "unit and sign of the moments are decided on each person's level walking, expected N mm/kg and extensor "
        "positive (Plug-in Gait), which holds for a joint that does not show its sign while no other contradicts; the "
        "sign of a joint's sagittal moment holds for its other planes",
        "decisions look at up to 200 strides of each level trial and curve",
        "signs of sagittal angles are decided on level walking, what it does not show is asked of the user, except "
        "that knee flexion is positive, as a user of the file has it",
        "heel-strike frames count from 1 and the continuous record runs at 100 Hz",
        "frames are the contacts of a leg where each distance is the stride's duration, or in all strides one frame "
        "more, to one frame, or for at most half a gap of at least 0.6 s; else its strides have no contact time",
        "first times of strides are finer than frames and taken where they differ by a constant to 20 ms",
        "a trial whose description is off its name by more than 0.06 m/s or 0.3 degrees is excluded",
        "of the continuous record the time alone is read: angles and moments are taken per stride, where EMG stands "
        "beside them; whether the record has EMG is not known",
        "the state of the EMG is decided on each person's samples; it exists at 150 points a stride only, about 136 Hz",
        "force plates and markers are not read: the directions of their axes are not stated",
    ),
    emg={
        f"emgdata.emg.{side}.{raw}": EmgColumn(muscle=muscle, side=side, ambiguous=raw == "GC")
        for side in words.SIDES
        for raw, muscle in MUSCLES.items()
    },
    angles=joint_columns("kinematics.jointangles", 1.0),
    moments=joint_columns("kinetics.jointmoment", PLUG_IN_GAIT),
)

OPTIONS: Final[Mapping[str, Option]] = {"moment_unit": MOMENT_UNIT, "emg_state": EMG_STATE, **SIGN_OPTIONS}

_STATED: Final = {
    "axes": "four users of the file",
    "angle_unit": "users of the file: degrees",
    "start": "users of the file: heel strike to heel strike of the own leg",
    "knee_sign": "a user of the file",
    **{f"{joint}_moment_sign": "Plug-in Gait" for joint in words.JOINTS},
}
"""Who states what Plug-in Gait has."""


def patients(root: Path) -> list[str]:
    """Return the people of the file, sorted.

    Raises
    ------
    MissingInputError
        There is no such folder, or no `InclineExperiment.mat` below it.
    DataFormatError
        The file is damaged, there are two of them, or it holds nobody.
    """
    path = _find(root)
    with open_mat(path, dataset=SPEC.name) as file:
        people = file["Gaitcycle"]
        found = sorted(name for name in people.fields() if _PERSON.fullmatch(name))
        if not found:
            raise people.bad(
                found=people.says(), expected="one struct a person, for example AB01", action="Download the file again"
            )
        return found


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the trials of one person: one speed at one incline each, strides of both legs.

    Parameters
    ----------
    root
        Folder that holds `InclineExperiment.mat`.
    patient
        A name that `patients` returns.
    options
        `moment_unit`, `emg_state` and signs, see `OPTIONS`.

    Raises
    ------
    MissingInputError
        The file or the person does not exist.
    DataFormatError
        The file is damaged, lacks a field in every trial, an array has another shape, or the data do not settle the
        moments' unit, the EMG's state or a sign.
    """
    path = _find(root)
    with open_mat(path, dataset=SPEC.name) as file:
        person = file["Gaitcycle"].get(patient)
        if person is None:
            known = ", ".join(name for name in file["Gaitcycle"].fields() if _PERSON.fullmatch(name))
            raise MissingInputError(f"{SPEC.name}: {path}: found no person {patient!r}. Known: {known}.")
        trials, skipped = _trials(person)
        details = read_details(person[_DETAILS], dataset=SPEC.name, patient=patient)
        reading.check_fields(SPEC, list(trials.values()))
        plan = reading.Plan(
            spec=SPEC,
            patient=details.patient,
            facts=_facts(path, trials, details.patient.body_mass, options),
            clock=_clock(file.get("Continuous"), patient),
            source=(cycles.relative(path, root), reading.digest(path)),
            joint_points=POINTS,
            emg_points=POINTS,
            notes={**details.notes, **skipped},
        )
        watch = cycles.Watch(dataset=SPEC.name, folder=path)
        for name in list(trials):
            trial, silent = reading.read_trial(plan, _job(trials.pop(name), name))
            yield watch.saw(trial, {"angles": silent})
        watch.finish()


def _find(root: Path) -> Path:
    if not root.is_dir():
        raise MissingInputError(f"{SPEC.name}: {root}: no such folder. Give the folder that holds {FILE}.")
    found = [path for path in sorted(root.rglob("*")) if path.name.lower() == FILE.lower()]
    if len(found) > 1:
        raise DataFormatError.of(
            dataset=SPEC.name,
            file=root,
            found=f"{len(found)} files: {', '.join(cycles.relative(path, root) for path in found)}",
            expected=f"one {FILE}",
            action="Remove the copies",
        )
    if not found:
        raise MissingInputError(f"{SPEC.name}: {root}: found no {FILE}. Give the folder that holds it.")
    return found[0]


def _trials(person: MatNode) -> tuple[dict[str, Branches], dict[str, str]]:
    """Return the trials of a person by name, and a note of what else stands beside them.

    Raises
    ------
    DataFormatError
        There is none, or a struct of cycles has a name that does not tell speed and incline.
    """
    found: dict[str, Branches] = {}
    others = []
    for name in person.fields():
        if name.lower() == _DETAILS:
            continue
        node = person[name]
        if node.kind != "struct" or not {"cycles", "kinematics"} & set(node.fields()):
            others.append(f"{name} ({node.says()})")
        elif _TRIAL.fullmatch(name):
            found[name] = Branches(node)
        else:
            raise node.bad(
                found="a trial of that name", expected="s<speed>i<incline> or s<speed>d<decline>", action="Rename it"
            )
    if not found:
        raise person.bad(found="no trial", expected="trials such as s1i0", action="Download the file again")
    return dict(sorted(found.items())), ({"skipped": ", ".join(others)} if others else {})


def _meaning(name: str) -> tuple[float, float]:
    """Return speed (m/s) and signed incline (degrees) that a trial's name states."""
    match = _TRIAL.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no name of a trial")
    speed, direction, slope = match.groups()
    sign = -1 if direction.lower() == "d" else 1
    return float(speed.lower().replace("x", ".")), sign * float(slope.lower().replace("x", ".")) + 0.0


def _job(branches: Branches, name: str) -> reading.Job:
    speed, incline = _meaning(name)
    activity = "walk" if incline == 0 else "ramp_ascent" if incline > 0 else "ramp_descent"
    labels = {
        "activity": activity,
        "source_activity": name,
        "surface": "treadmill",
        "speed": speed,
        "incline": incline,
        "duration_source": "events",
    }
    slope = name[name.lower().index("d" if incline < 0 else "i") :]
    excluded = _conflict(branches, speed, incline)
    return reading.Job(branches=branches, name=name, task=slope, labels=labels, excluded=excluded)


def _conflict(branches: Branches, speed: float, incline: float) -> str:
    """Return how a trial's description contradicts its name, empty where it does not (or has no numbers)."""
    table = branches.find("description")
    if table is None or table.kind != "cell" or table.shape[0] < 2 or len(table) < 2 * table.shape[0]:
        return ""
    stated = [table.element(table.shape[0] + row) for row in range(2)]
    if any(value.kind != "numeric" or len(value) != 1 for value in stated):
        return ""
    found = [value.number() for value in stated]
    if abs(found[0] - speed) > _SPEED_SLACK or abs(abs(found[1]) - abs(incline)) > _INCLINE_SLACK:
        return f"the description says {found[0]:g} m/s and {found[1]:g} degrees, the name {speed:g} and {incline:g}"
    return ""


def _facts(path: Path, trials: Mapping[str, Branches], body_mass: float, options: Mapping[str, Any]) -> Facts:
    """Return the decisions for a person, on level walking where there is some."""
    level = [name for name in trials if _meaning(name)[1] == 0] or list(trials)
    speed = float(np.mean([_meaning(name)[0] for name in level]))
    chosen = [trials[name] for name in level]
    return settle(SPEC, path, chosen, body_mass=body_mass, options=options, speed=speed, stated=_STATED)


def _clock(continuous: MatNode | None, patient: str) -> Callable[[Branches, Leg], bool]:
    """Return the function that gives each stride of a leg its contact time, and says whether it could."""
    records = None if continuous is None else Branches(continuous)

    def clock(trial: Branches, leg: Leg) -> bool:
        frames = trial.find(f"cycles.{leg.side}.frame")
        if frames is None:
            return set_times(leg, own_times(leg))
        name = trial.root.path.rsplit(".", 1)[-1]
        record = None if records is None else records.find(f"{patient}.{name}.time")
        return set_times(leg, frame_times(leg, frames.vector(), None if record is None else record.vector()))

    return clock
