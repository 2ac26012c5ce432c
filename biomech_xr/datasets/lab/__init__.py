"""A lab's own gait trials, described by one `lab.yaml`: C3D files, OpenSim tables, CSV files.

A trial is one C3D file, or several files of one trial with their roles. Each is continuous. The clock of a C3D file is
its own: seconds from the start of the **capture**, so the first sample of a file that starts at frame n (from 0) lies
at n / point rate, and event times are used as they stand. Tables keep their time column; streams of one trial are put
together by these times.

Example of a mapping::

    people:
      - {id: P01, body_mass: 62.0, files: [P01/walk_01.c3d]}
    activity: walk
    surface: overground
    line_frequency: 50
    angles: {convention: plug_in_gait}                   # lookahead: 0.1, s, where the smoothing of markers is known
    moments: {convention: plug_in_gait, limit: 3.0}
    emg:
      state: raw
      unit: V
      channels:
        - {label: EMG1, muscle: gastrocnemius_medialis, side: left, ambiguous: true}
    events: {from: labels}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr.datasets import cycles
from biomech_xr.datasets.lab import powers
from biomech_xr.datasets.lab.check import problems
from biomech_xr.datasets.lab.contents import Content, open_trial
from biomech_xr.datasets.lab.events import find_events
from biomech_xr.datasets.lab.everyone import check_everyone, complain, paths_of, same_files, trial_lines
from biomech_xr.datasets.lab.mapping import SOLE_LICENCE, LabMapping, Person, TrialFiles
from biomech_xr.datasets.lab.plausible import Strides, judge
from biomech_xr.datasets.lab.signals import emg_columns, emg_stream, read_signals
from biomech_xr.datasets.lab.strides import rows
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

MAPPING_FILE: Final = "lab.yaml"

_KEPT_BYTES: Final = 256 * 2**20
"""A person's files are parsed once and kept between check and use when they are smaller together than this."""

Silent = dict[str, dict[str, str]]

SPEC: Final = DatasetSpec(
    name="lab",
    title="Own gait laboratory trials (C3D, OpenSim, CSV)",
    doi="",
    data_doi="",
    licence=SOLE_LICENCE,
    citation="",
    host="local files",
    evidence="real_file",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="raw",
    emg_unit="V",
    emg_rate=1000.0,
    emg_lookahead=0.0,
    upstream_filters="as the lab's mapping states",
    sides=("left", "right"),
    activities=("walk",),
    minimum_duration=0.4,
    maximum_duration=2.5,
    kinetics_limit=3.0,
    assumptions=(
        "angles and moments of convention plug_in_gait: x flexion, y adduction, z rotation; moments in N mm/kg, "
        "extensor positive; the sign of the transverse moment rests on few measurements",
        "labels, signs, units and sides are as the mapping states; powers in the files are compared with them",
        "the times of a C3D file count from the start of the capture, not of the file; tables keep their time column",
        "where the file holds ground reaction forces, moments of a stance without force under it are not measured; "
        "those above the limit are kept there to be flagged as artefacts",
        "kinematics_lookahead is unknown unless the mapping states angles.lookahead: how markers were smoothed is not "
        "in the file",
        "a constant channel, of EMG, angles or moments, is not measured",
        "signs and units that strides of walking surely contradict refuse a person, unless the mapping trusts them",
    ),
)


def facts(root: Path) -> DatasetSpec:
    """Return `SPEC` with what the mapping and the first file settle: mains, EMG, limits, number of people.

    Raises
    ------
    MissingInputError, ConfigError, DataFormatError
        No mapping, a wrong one, or a first file that cannot be read.
    """
    folder, mapping = _mapping(root)
    activities = {trial.activity or mapping.activity for person in mapping.people for trial in person.trials}
    changes: dict[str, Any] = {
        "line_frequency": mapping.line_frequency,
        "maximum_duration": mapping.maximum_duration,
        "activities": tuple(sorted(activities)),
        "people": len(mapping.people),
        "settings": mapping.hash(exclude=["people", "published"]),
        **mapping.published.model_dump(),
    }
    if mapping.angles and mapping.angles.lookahead is not None:
        changes["kinematics_lookahead"] = mapping.angles.lookahead
    if mapping.moments:
        changes["kinetics_limit"] = mapping.moments.limit
    if mapping.emg:
        changes |= {
            "emg_state": mapping.emg.state,
            "emg_unit": mapping.emg.unit,
            "emg_lookahead": mapping.emg.ahead,
            "emg_rate": _emg_rate(folder, mapping),
        }
    return dataclasses.replace(SPEC, **changes)


def _emg_rate(folder: Path, mapping: LabMapping) -> float:
    """Return the rate of the first file that may hold EMG, Hz."""
    trials = [trial for person in mapping.people for trial in person.trials if trial.emg or trial.c3d]
    if not trials:
        return SPEC.emg_rate
    first = TrialFiles.model_construct(
        trial=trials[0].trial, emg=trials[0].emg, c3d=None if trials[0].emg else trials[0].c3d
    )
    content = open_trial(folder, first, mapping)
    table = emg_stream(content, mapping.emg)
    if table is None or content.problems:
        check_everyone(folder, mapping, MAPPING_FILE)
        raise DataFormatError(f"{SPEC.name}: {'; '.join(content.problems) or 'no EMG in the first file'}")
    return table.rate


def patients(root: Path) -> list[str]:
    """Return the ids of the people of the mapping, once the files of all of them have been checked.

    Raises
    ------
    MissingInputError, ConfigError, DataFormatError
        No mapping, or a wrong one; files that are missing, hold not what the mapping names, or stand in two trials.
    """
    folder, mapping = _mapping(root)
    check_everyone(folder, mapping, MAPPING_FILE)
    return [person.id for person in mapping.people]


def recordings(root: Path, patient: str) -> Iterator[Trial]:
    """Yield one person's trials; all files are checked against the mapping before the first is yielded.

    Raises
    ------
    MissingInputError
        No mapping, an unknown person, or files that do not exist (all are named).
    ConfigError
        The mapping is wrong.
    DataFormatError
        A file cannot be read or lacks what the mapping names (all problems are listed), no stride is found, or the
        strides surely contradict signs, units, sides or body mass of the mapping.
    """
    folder, mapping = _mapping(root)
    people = {person.id: person for person in mapping.people}
    if patient not in people:
        known = ", ".join(people)
        raise MissingInputError(f"{SPEC.name}: {folder / MAPPING_FILE}: found no person {patient!r}. Known: {known}.")
    person = people[patient]
    small = sum(path.stat().st_size for path in paths_of(folder, person) if path.is_file()) < _KEPT_BYTES
    kept, notes = _checked(folder, person, mapping, keep=small)
    events: list[str] = []
    watch = cycles.Watch(dataset=SPEC.name, folder=folder / patient)
    for files in person.trials:
        if files.trial in kept:
            trial, silent = kept.pop(files.trial)
        else:
            trial, silent = _trial(folder, open_trial(folder, files, mapping), mapping, person)
        yield watch.saw(dataclasses.replace(trial, notes={**trial.notes, **notes}), silent)
        events.append(f"{files.trial}: {trial.notes['evidence.events']}")
    watch.finish("; ".join(events[:3]))


def _mapping(root: Path) -> tuple[Path, LabMapping]:
    """Return the folder of the mapping and the mapping; ``root`` is the folder or the file."""
    path = root / MAPPING_FILE if root.is_dir() else root
    if not path.is_file():
        raise MissingInputError(
            f"{SPEC.name}: {path}: no such mapping. Write {MAPPING_FILE} into the folder, or draft it "
            "with `biomech-xr new-dataset`."
        )
    return path.parent, LabMapping.load(path)


def _checked(
    folder: Path, person: Person, mapping: LabMapping, *, keep: bool
) -> tuple[dict[str, tuple[Trial, Silent]], Mapping[str, str]]:
    """Return the trials when they are small, and notes; raise with the problems of all files when there are any."""
    kept: dict[str, tuple[Trial, Silent]] = {}
    lines = [line for people, line in same_files(folder, mapping) if person.id in people]
    strides = Strides()
    for files in person.trials:
        content = open_trial(folder, files, mapping)
        lines += trial_lines(content.paths, files.trial, problems(content, mapping, person))
        if lines:
            continue
        trial, silent = _trial(folder, content, mapping, person)
        strides.add(content, mapping, person, trial)
        if keep:
            kept[files.trial] = trial, silent
    complain(folder, [person], lines, MAPPING_FILE)
    refused, notes = judge(strides, mapping, person)
    if refused:
        text = "\n".join(f"  - {line}" for line in refused)
        found = f"{len(refused)} contradiction(s) between {MAPPING_FILE} and the strides"
        raise DataFormatError(f"{SPEC.name}: {person.id}: {found}:\n{text}")
    return kept, notes


def _trial(folder: Path, content: Content, mapping: LabMapping, person: Person) -> tuple[Trial, Silent]:
    """Return one trial, and the columns of EMG that hold nothing but NaN."""
    found, _ = find_events(content, mapping, person)
    signals, notes = read_signals(content, mapping, person, found)
    spec = dataclasses.replace(SPEC, maximum_duration=mapping.maximum_duration)
    strides, rejected = rows(content.files, mapping, signals, found, spec)
    table = stride_table([row | _conditions(content.files, mapping) for row in strides])
    notes["evidence.events"] = found.note
    power = powers.compare(content, mapping, person, signals, table)
    if power:
        notes["evidence.power"] = power
    emg = emg_stream(content, mapping.emg)
    silent = {"emg": cycles.silent(emg.values, emg_columns(emg, mapping.emg))} if mapping.emg and emg else {}
    trial = _built(folder, content, mapping, person, signals, table, rejected_table(rejected), notes)
    return trial, silent


def _conditions(files: TrialFiles, mapping: LabMapping) -> dict[str, Any]:
    """Return what held while a trial was recorded; what the trial states goes before the mapping."""
    incline, height = (
        own if own is not None else default
        for own, default in ((files.incline, mapping.incline), (files.stair_height, mapping.stair_height))
    )
    return {
        "condition": files.condition or mapping.condition,
        "incline": np.nan if incline is None else incline,
        "stair_height": np.nan if height is None else height,
    }


def _built(
    folder: Path,
    content: Content,
    mapping: LabMapping,
    person: Person,
    signals: Mapping[str, Signal],
    strides: pd.DataFrame,
    rejected: pd.DataFrame,
    notes: Mapping[str, str],
) -> Trial:
    return Trial(
        patient=_patient(person),
        trial=content.files.trial,
        task=content.files.activity or mapping.activity,
        session=content.files.session or mapping.session or "1",
        signals=signals,
        strides=strides,
        rejected=rejected,
        sources=tuple((_name(path, folder), sha256(path)) for path in content.paths.values()),
        emg_state=mapping.emg.state if mapping.emg else SPEC.emg_state,
        emg_lookahead=mapping.emg.ahead if mapping.emg else 0.0,
        notes=notes,
    )


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _patient(person: Person) -> Patient:
    return Patient(
        dataset=SPEC.name,
        source_patient=person.id,
        person_group=person.person_group or "",
        population=person.population,
        affected_side=person.affected_side,
        sex=person.sex,
        age=np.nan if person.age is None else person.age,
        height=np.nan if person.height is None else person.height,
        body_mass=np.nan if person.body_mass is None else person.body_mass,
    )
