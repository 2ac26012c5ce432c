"""Embry et al. 2018: treadmill walking at three speeds and nine inclines, one MATLAB v7.3 file for all people.

`Gaitcycle.<person>.<trial>` holds strides of 150 points from heel strike to heel strike of their own leg;
`Continuous.<person>.<trial>.time` the clock of the 100 Hz record that `cycles.<side>.frame` points into
(doi:10.21227/gk32-e868). Of the components x is the sagittal plane; moments are in `jointmoment` (`jointforce` holds
forces). Strides that the authors list in `stepsout` are rejected as `excluded`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.deciding import EMG_STATE, MOMENT_UNIT
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option
from biomech_xr.datasets.utd import reading
from biomech_xr.datasets.utd.clock import frame_times, is_known, own_times
from biomech_xr.datasets.utd.facts import ORDER, Facts, settle
from biomech_xr.datasets.utd.legs import Leg, dig
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
_MUSCLES: Final = {
    "RF": "rectus_femoris",
    "TA": "tibialis_anterior",
    "BF": "biceps_femoris",
    "GC": "gastrocnemius_medialis",
}
_PLUG_IN_GAIT: Final = -1e-3


def _joint_columns(folder: str, factor: float) -> dict[str, JointColumn]:
    return {
        f"{folder}.{side}.{joint}.{axis}": JointColumn(joint=joint, motion=motion, side=side, factor=factor)
        for side in words.SIDES
        for joint in words.JOINTS
        for axis, motion in zip("xyz", ORDER, strict=True)
    }


SPEC: Final = DatasetSpec(
    name="embry",
    title="The Effect of Walking Incline and Speed on Human Leg Kinematics, Kinetics, and EMG",
    doi="10.21227/gk32-e868",
    data_doi="10.21227/gk32-e868",
    licence="not stated (IEEE DataPort, open access)",
    citation="Embry K, Villarreal D, Macaluso R, Gregg R. The Effect of Walking Incline and Speed on Human Leg "
    "Kinematics, Kinetics, and EMG. IEEE DataPort 2018.",
    host="ieee-dataport.org",
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="envelope",
    emg_unit="a.u.",
    emg_rate=136.0,
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
        "signals of one leg may have unequal numbers of strides (AB05 s1x2d7x5): such legs are rejected as unpaired",
        "another user of the data leaves out AB09 s0x8i2x5 without saying why",
    ),
    assumptions=(
        "y is adduction and z internal rotation, both with one sign for both legs (Plug-in Gait)",
        "unit and sign of the moments are decided on each person's level walking, expected N mm/kg and extensor "
        "positive; the sign of a joint's sagittal moment holds for its other planes",
        "a run of four or more exact zeros is missing data; zero columns at the end of an array are padding",
        "arrays with as many columns as the clock, or as many without padding, are paired with it column by column",
        "heel-strike frames count from 1 and the continuous record runs at 100 Hz",
        "the state of the EMG is decided on each person's samples; it exists at 150 points a stride only, about 136 Hz",
        "the EMG looks at most 0.57 s into the future: a zero-phase low-pass at 6 Hz of 4th order in each pass leaves "
        "less than 1e-4 of the absolute sum of its impulse response to later samples; filters are not stated",
        "the gastrocnemius head is not stated: stored as gastrocnemius_medialis, ambiguous",
        "the coding of gender is not stated: sex is unknown unless the file itself names it",
        "the smoothing of markers is not stated: kinematics_lookahead is unknown",
        "force plates and markers are not read: the directions of their axes are not stated",
    ),
    emg={
        f"emgdata.emg.{side}.{raw}": EmgColumn(muscle=muscle, side=side, ambiguous=raw == "GC")
        for side in words.SIDES
        for raw, muscle in _MUSCLES.items()
    },
    angles=_joint_columns("kinematics.jointangles", 1.0),
    moments=_joint_columns("kinetics.jointmoment", _PLUG_IN_GAIT),
)

OPTIONS: Final[Mapping[str, Option]] = {"moment_unit": MOMENT_UNIT, "emg_state": EMG_STATE}


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
        `moment_unit` and `emg_state`, see `OPTIONS`.

    Raises
    ------
    MissingInputError
        The file or the person does not exist.
    DataFormatError
        The file is damaged, lacks a field in every trial, an array has another shape, or the data do not settle the
        moments' unit or the EMG's state.
    """
    path = _find(root)
    with open_mat(path, dataset=SPEC.name) as file:
        person = file["Gaitcycle"].get(patient)
        if person is None:
            known = ", ".join(name for name in file["Gaitcycle"].fields() if _PERSON.fullmatch(name))
            raise MissingInputError(f"{SPEC.name}: {path}: found no person {patient!r}. Known: {known}.")
        names, skipped = _trials(person)
        details = read_details(person[_DETAILS], dataset=SPEC.name, patient=patient)
        reading.check_fields(SPEC, [person[name] for name in names])
        plan = reading.Plan(
            spec=SPEC,
            patient=details.patient,
            facts=_facts(path, person, names, details.patient.body_mass, options),
            clock=_clock(file.get("Continuous"), patient),
            source=(cycles.relative(path, root), reading.digest(path)),
            joint_points=POINTS,
            emg_points=POINTS,
            notes={**details.notes, **skipped},
        )
        watch = cycles.Watch(dataset=SPEC.name, folder=path)
        for name in names:
            trial, silent = reading.read_trial(plan, _job(person[name], name))
            yield watch.saw(trial, {"angles": silent})
        watch.finish()


def _find(root: Path) -> Path:
    if not root.is_dir():
        raise MissingInputError(f"{SPEC.name}: {root}: no such folder. Give the folder that holds {FILE}.")
    found = [path for path in sorted(root.rglob("*.mat")) if path.name.lower() == FILE.lower()]
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


def _trials(person: MatNode) -> tuple[list[str], dict[str, str]]:
    """Return the trials of a person, and a note of what else stands beside them.

    Raises
    ------
    DataFormatError
        There is none, or a struct of cycles has a name that does not tell speed and incline.
    """
    names, others = [], []
    for name in person.fields():
        if name.lower() == _DETAILS:
            continue
        node = person[name]
        if node.kind != "struct" or not {"cycles", "kinematics"} & set(node.fields()):
            others.append(f"{name} ({node.says()})")
        elif _TRIAL.fullmatch(name):
            names.append(name)
        else:
            raise node.bad(
                found="a trial of that name", expected="s<speed>i<incline> or s<speed>d<decline>", action="Rename it"
            )
    if not names:
        raise person.bad(found="no trial", expected="trials such as s1i0", action="Download the file again")
    return sorted(names), ({"skipped": ", ".join(others)} if others else {})


def _meaning(name: str) -> tuple[float, float]:
    """Return speed (m/s) and signed incline (degrees) that a trial's name states."""
    match = _TRIAL.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no name of a trial")
    speed, direction, slope = match.groups()
    sign = -1 if direction.lower() == "d" else 1
    return float(speed.lower().replace("x", ".")), sign * float(slope.lower().replace("x", ".")) + 0.0


def _job(node: MatNode, name: str) -> reading.Job:
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
    return reading.Job(node=node, name=name, task=slope, labels=labels, excluded=_conflict(node, speed, incline))


def _conflict(node: MatNode, speed: float, incline: float) -> str:
    """Return how a trial's description contradicts its name, empty where it does not (or has no numbers)."""
    table = dig(node, "description")
    if table is None or table.kind != "cell" or table.shape[0] < 2 or len(table) < 2 * table.shape[0]:
        return ""
    stated = [table.element(table.shape[0] + row) for row in range(2)]
    if any(value.kind != "numeric" or len(value) != 1 for value in stated):
        return ""
    found = [value.number() for value in stated]
    if abs(found[0] - speed) > _SPEED_SLACK or abs(abs(found[1]) - abs(incline)) > _INCLINE_SLACK:
        return f"the description says {found[0]:g} m/s and {found[1]:g} degrees, the name {speed:g} and {incline:g}"
    return ""


def _facts(path: Path, person: MatNode, names: Sequence[str], body_mass: float, options: Mapping[str, Any]) -> Facts:
    """Return the decisions for a person, on level walking where there is some."""
    level = [name for name in names if _meaning(name)[1] == 0] or list(names)
    speed = float(np.mean([_meaning(name)[0] for name in level]))
    trials = [person[name] for name in level]
    return settle(SPEC, path, trials, body_mass=body_mass, options=options, speed=speed, known_axes=True)


def _clock(continuous: MatNode | None, patient: str) -> Callable[[MatNode, Leg], bool]:
    """Return the function that gives each stride of a leg its contact time, and says whether it could."""

    def clock(trial: MatNode, leg: Leg) -> bool:
        frames = dig(trial, f"cycles.{leg.side}.frame")
        name = trial.path.rsplit(".", 1)[-1]
        record = None if continuous is None else dig(continuous, f"{patient}.{name}.time")
        if frames is None:
            leg.trial_times = own_times(leg)
        else:
            leg.trial_times = frame_times(leg, frames.vector(), None if record is None else record.vector())
        return is_known(leg)

    return clock
