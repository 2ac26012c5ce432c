"""Macaluso et al. 2020: treadmill walking with phase-shifting perturbations, level, uphill and downhill.

One MATLAB file a person, of either container, whose only variable bears the file's name. Below `<person>.<task>` the
fields whose name contains `part` are trials; their strides are cut, each leg has its own, and brought to 3000 points
(EMG) or fewer (angles, moments) (doi:10.21227/12hp-e249). Neither where the strides begin, nor the order of the
components, nor the units of angles and moments, nor the state of the EMG is stated: each is decided from the person's
own data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.deciding import EMG_STATE, MOMENT_UNIT
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, Option, Rate, Reference
from biomech_xr.datasets.utd import reading
from biomech_xr.datasets.utd.clock import own_times, set_times
from biomech_xr.datasets.utd.columns import ASSUMPTIONS, MUSCLES, PLUG_IN_GAIT, joint_columns
from biomech_xr.datasets.utd.facts import AXES_OPTION, LABORATORY, SIGN_OPTIONS, settle
from biomech_xr.datasets.utd.legs import Branches, Leg
from biomech_xr.datasets.utd.person import read_details
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.schema import Trial

EMG_POINTS: Final = 3000
"""Points of the EMG of every stride."""

TASKS: Final[Mapping[str, str]] = {"level": "walk", "uphill": "ramp_ascent", "downhill": "ramp_descent"}
"""The source's tasks and what they are."""

_FOLDER: Final = "Subject"
_PART: Final = "part"
_PERTURBED: Final = "perturbation"
_MOST: Final = 3
"""Trials that the decisions look at."""


SPEC: Final = DatasetSpec(
    name="macaluso",
    title="Human Leg Kinematics, Kinetics, and EMG during Phase-Shifting Perturbations at Varying Inclines",
    doi="10.21227/12hp-e249",
    data_doi="10.21227/12hp-e249",
    licence="not stated (IEEE DataPort)",
    reference=Reference(authors="Macaluso R, Embry K, Villarreal D, Gregg R", publisher="IEEE DataPort", year=2020),
    host="ieee-dataport.org",
    laboratory=LABORATORY,
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="envelope",
    emg_unit="a.u.",
    emg_rate=2700.0,
    rates={"emg": Rate(points=3000), "kinematics": Rate(), "kinetics": Rate()},
    emg_lookahead=0.57,
    upstream_filters="EMG time-normalised to 3000 points a stride; filters, rectification and amplitude not stated",
    sides=("left", "right"),
    activities=("walk", "ramp_ascent", "ramp_descent"),
    minimum_duration=0.6,
    maximum_duration=2.0,
    people=10,
    known_defects=(
        "strides with a perturbation are not told from those without: all carry the condition perturbation",
        "a task may be missing for a person",
        "EMG and clock may have unequal numbers of strides within a part: such EMG is left out",
        "moments hold large outliers",
    ),
    assumptions=(
        *ASSUMPTIONS,
        "components, signs, unit of moments and state of the EMG are decided on up to 200 strides of each of three "
        "parts of a person's level walking, and what they do not show is asked of the user",
        "angles are degrees unless the knee shows radians; strides that begin at the other foot's contact are refused",
        "frontal and transverse angles have one sign for both legs, adduction and internal rotation positive; that of "
        "hip adduction follows the strides where they are sure",
        "the sign of a joint's sagittal moment holds for its other planes; the frontal moment of the hip may not "
        "contradict it",
        "the amplitude of the EMG is each person's own: its unit is not stated and no scale is shared between people",
        "the EMG exists only time-normalised, about 2700 Hz; its native rate is not stated",
        "speed and incline are not stated",
    ),
    emg={
        f"emg.{side}.{side[0].upper()}{raw}_norm": EmgColumn(muscle=muscle, side=side, ambiguous=raw == "GC")
        for side in words.SIDES
        for raw, muscle in MUSCLES.items()
    },
    angles=joint_columns("kinematics.jointangles", 1.0, "_norm"),
    moments=joint_columns("kinetics.jointmoment", PLUG_IN_GAIT, "_norm"),
)

OPTIONS: Final[Mapping[str, Option]] = {
    "axes": AXES_OPTION,
    "moment_unit": MOMENT_UNIT,
    "emg_state": EMG_STATE,
    **SIGN_OPTIONS,
    "condition": Option(
        kind="choice",
        choices=("perturbation", "none"),
        help="condition of all strides; the files do not say which are perturbed, so by default all count as such",
    ),
}


def patients(root: Path) -> list[str]:
    """Return the people, named by their files, sorted.

    Raises
    ------
    MissingInputError
        There is no such folder, or no MATLAB file in it or in a folder `Subject` below it.
    DataFormatError
        Two files bear one name.
    """
    return sorted(_files(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the parts of one person's tasks as trials, strides of both legs.

    Parameters
    ----------
    root
        Folder that holds `Subject`.
    patient
        A name that `patients` returns.
    options
        `axes`, `moment_unit`, `emg_state`, signs and `condition`, see `OPTIONS`.

    Raises
    ------
    MissingInputError
        The person has no file.
    DataFormatError
        The file is damaged, its variable has another name, it lacks a field in every trial, an array has another
        shape, or the data do not settle axes, unit, state or a sign.
    """
    files = _files(root)
    if patient not in files:
        raise MissingInputError(f"{SPEC.name}: {root}: found no {patient}.mat. Known: {', '.join(sorted(files))}.")
    path = files[patient]
    with open_mat(path, dataset=SPEC.name) as file:
        person = file[patient]
        parts, skipped = _parts(person)
        details = read_details(person["subjectdetails"], dataset=SPEC.name, patient=patient)
        reading.check_fields(SPEC, [branches for _, _, branches in parts])
        level = [part for task, _, part in parts if task == "level"] or [part for _, _, part in parts]
        mass = details.patient.body_mass
        plan = reading.Plan(
            spec=SPEC,
            patient=details.patient,
            facts=settle(SPEC, path, level[:_MOST], body_mass=mass, options=options),
            clock=_clock,
            source=(cycles.relative(path, root), reading.digest(path)),
            joint_points=None,
            emg_points=EMG_POINTS,
            notes={**details.notes, **skipped},
        )
        watch = cycles.Watch(dataset=SPEC.name, folder=path)
        for task, part, branches in parts:
            trial, silent = reading.read_trial(plan, _job(task, part, branches, options.get("condition", _PERTURBED)))
            yield watch.saw(trial, {"angles": silent})
        watch.finish()


def _files(root: Path) -> dict[str, Path]:
    """Return the files of people by their stem: those in folders `Subject`, or else those of ``root`` itself."""
    if not root.is_dir():
        raise MissingInputError(f"{SPEC.name}: {root}: no such folder. Give the folder that holds {_FOLDER}.")
    visible = [path for path in sorted(root.rglob("*")) if path.suffix.lower() == ".mat" and path.name[0] != "."]
    inside = [path for path in visible if path.parent.name.lower() == _FOLDER.lower()]
    found: dict[str, Path] = {}
    for path in inside or [path for path in visible if path.parent == root]:
        if path.stem in found:
            raise DataFormatError.of(
                dataset=SPEC.name,
                file=root,
                found=f"two files {path.name}: {', '.join(cycles.relative(p, root) for p in (found[path.stem], path))}",
                expected="one file a person",
                action="Remove the copy",
            )
        found[path.stem] = path
    if not found:
        there = ", ".join(cycles.relative(path, root) for path in visible[:3]) or "no .mat file"
        raise MissingInputError(
            f"{SPEC.name}: {root}: found {there}; expected a folder {_FOLDER} with a .mat file a person, as "
            f"{_FOLDER}/AB01.mat. Give the folder that holds {_FOLDER}, under this name."
        )
    return found


def _parts(person: MatNode) -> tuple[list[tuple[str, str, Branches]], dict[str, str]]:
    """Return (task, part, what lies below) of every trial, and notes of absent tasks and of fields that are no trials.

    Raises
    ------
    DataFormatError
        There is no trial at all.
    """
    parts, others, absent = [], [], []
    for task in TASKS:
        node = person.get(task)
        if node is None or node.kind == "empty":
            absent.append(task)
            continue
        for name in node.fields():
            part = node[name]
            if _PART in name and part.kind == "struct":
                parts.append((task, name, Branches(part)))
            else:
                others.append(f"{task}.{name}")
    if not parts:
        raise person.bad(
            found=f"no trial; the fields are {', '.join(person.fields()) or 'none'}",
            expected=f"{', '.join(TASKS)} with fields that contain {_PART!r}",
            action="Download the file again",
        )
    notes = {"absent tasks": ", ".join(absent), "fields that are no trials": ", ".join(others)}
    return parts, {name: text for name, text in notes.items() if text}


def _job(task: str, part: str, branches: Branches, condition: str) -> reading.Job:
    labels = {
        "activity": TASKS[task],
        "source_activity": task,
        "condition": condition,
        "surface": "treadmill",
        "duration_source": "events",
    } | ({"incline": 0.0} if task == "level" else {})
    extra = sorted({name for side in words.SIDES for name in _fields(branches, side)} - {"time"})
    notes = {"further fields of cycles": ", ".join(extra)} if extra else {}
    return reading.Job(branches=branches, name=f"{task}_{part}", task=task, labels=labels, notes=notes)


def _fields(branches: Branches, side: str) -> tuple[str, ...]:
    cycle = branches.find(f"cycles.{side}")
    return () if cycle is None else cycle.fields()


def _clock(_trial: Branches, leg: Leg) -> bool:
    return set_times(leg, own_times(leg))
