"""A lab's own gait trials: C3D files with Plug-in Gait outputs, EMG and foot events, described by one `lab.yaml`.

Each file is one continuous trial. Its clock is the file's own: seconds from the start of the **capture**, so the first
sample of a file that starts at frame n (from 0) lies at n / point rate, and event times are used as they stand.

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
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets import cycles
from biomech_xr.datasets.lab.check import CONTACTS, OFFS, SIDES, event_times, problems, span
from biomech_xr.datasets.lab.mapping import LabMapping, Person
from biomech_xr.datasets.lab.signals import emg_columns, read_signals
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.c3d import C3dTrial, read_c3d
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

MAPPING_FILE: Final = "lab.yaml"

_KEPT_BYTES: Final = 256 * 2**20
"""A person's files are parsed once and kept between check and use when they are smaller together than this."""

SPEC: Final = DatasetSpec(
    name="lab",
    title="Own gait laboratory trials (C3D)",
    doi="",
    data_doi="",
    licence="the lab's own",
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
        "angles and moments follow Plug-in Gait: x flexion, y adduction, z rotation; moments in N mm/kg, extensor "
        "positive; the sign of the transverse moment rests on few measurements",
        "event times count from the start of the capture, not of the file",
        "where the file holds ground reaction forces, moments of a stance without force under it are not measured; "
        "those above the limit are kept there to be flagged as artefacts",
        "kinematics_lookahead is unknown unless the mapping states angles.lookahead: how markers were smoothed is not "
        "in the file",
        "a constant EMG channel is not measured",
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
    changes: dict[str, Any] = {
        "line_frequency": mapping.line_frequency,
        "maximum_duration": mapping.maximum_duration,
        "activities": (mapping.activity,),
        "people": len(mapping.people),
        "settings": mapping.hash(exclude=["people"]),
    }
    if mapping.angles and mapping.angles.lookahead is not None:
        changes["kinematics_lookahead"] = mapping.angles.lookahead
    if mapping.moments:
        changes["kinetics_limit"] = mapping.moments.limit
    if mapping.emg:
        first = read_c3d(folder / mapping.people[0].files[0], dataset=SPEC.name)
        changes |= {
            "emg_state": mapping.emg.state,
            "emg_unit": mapping.emg.unit,
            "emg_lookahead": mapping.emg.lookahead,
            "emg_rate": first.analog_rate,
        }
    return dataclasses.replace(SPEC, **changes)


def patients(root: Path) -> list[str]:
    """Return the ids of the people of the mapping.

    Raises
    ------
    MissingInputError, ConfigError
        No mapping, or a wrong one.
    """
    return [person.id for person in _mapping(root)[1].people]


def recordings(root: Path, patient: str) -> Iterator[Trial]:
    """Yield one person's trials, one a file; all files are checked against the mapping before the first is yielded.

    Raises
    ------
    MissingInputError
        No mapping, an unknown person, or files that do not exist (all are named).
    ConfigError
        The mapping is wrong.
    DataFormatError
        A file cannot be read or lacks what the mapping names (all problems are listed), or no stride is found.
    """
    folder, mapping = _mapping(root)
    people = {person.id: person for person in mapping.people}
    if patient not in people:
        known = ", ".join(people)
        raise MissingInputError(f"{SPEC.name}: {folder / MAPPING_FILE}: found no person {patient!r}. Known: {known}.")
    person = people[patient]
    paths = [folder / file for file in person.files]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise MissingInputError(f"{SPEC.name}: people.{patient}.files: no such file: {', '.join(missing)}.")
    kept = _checked(paths, mapping)
    spec = dataclasses.replace(SPEC, maximum_duration=mapping.maximum_duration)
    watch = cycles.Watch(dataset=SPEC.name, folder=folder / patient)
    for path in paths:
        content = kept.pop(path) if path in kept else read_c3d(path, dataset=SPEC.name)
        silent = cycles.silent(content.analogs, emg_columns(content, mapping.emg)) if mapping.emg else None
        trial = _trial(folder, path, content, mapping, person, spec)
        yield watch.saw(trial, {"emg": silent} if silent is not None else {})
    watch.finish()


def _mapping(root: Path) -> tuple[Path, LabMapping]:
    """Return the folder of the mapping and the mapping; ``root`` is the folder or the file."""
    path = root / MAPPING_FILE if root.is_dir() else root
    if not path.is_file():
        raise MissingInputError(f"{SPEC.name}: {path}: no such mapping. Write {MAPPING_FILE} into the folder.")
    return path.parent, LabMapping.load(path)


def _checked(paths: Sequence[Path], mapping: LabMapping) -> dict[Path, C3dTrial]:
    """Return the parsed files when they are small; raise with the problems of all files when there are any."""
    keep = sum(path.stat().st_size for path in paths) < _KEPT_BYTES
    kept: dict[Path, C3dTrial] = {}
    lines = []
    for path in paths:
        content = read_c3d(path, dataset=SPEC.name)
        lines += [f"  - {path}: {problem}" for problem in problems(content, mapping)]
        if keep:
            kept[path] = content
    if lines:
        text = "\n".join(lines)
        raise DataFormatError(f"{SPEC.name}: {len(lines)} problem(s) between {MAPPING_FILE} and the files:\n{text}")
    return kept


def _trial(
    folder: Path, path: Path, content: C3dTrial, mapping: LabMapping, person: Person, spec: DatasetSpec
) -> Trial:
    signals, notes = read_signals(content, mapping)
    strides, rejected = _strides(path.stem, content, mapping, signals, spec)
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    return Trial(
        patient=_patient(person),
        trial=path.stem,
        task=mapping.activity,
        signals=signals,
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=((name, sha256(path)),),
        emg_state=mapping.emg.state if mapping.emg else SPEC.emg_state,
        emg_lookahead=mapping.emg.lookahead if mapping.emg else 0.0,
        notes=notes,
    )


def _patient(person: Person) -> Patient:
    return Patient(
        dataset=SPEC.name,
        source_patient=person.id,
        population=person.population,
        affected_side=person.affected_side,
        sex=person.sex,
        age=np.nan if person.age is None else person.age,
        height=np.nan if person.height is None else person.height,
        body_mass=np.nan if person.body_mass is None else person.body_mass,
    )


def _strides(
    trial: str, content: C3dTrial, mapping: LabMapping, signals: Mapping[str, Signal], spec: DatasetSpec
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and `rejected` of both sides: contact to next contact of one foot."""
    strides: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for side in SIDES:
        contacts = np.asarray(event_times(content, side, CONTACTS), dtype=np.float64)
        offs = np.asarray(event_times(content, side, OFFS), dtype=np.float64)

        def judge(
            index: int,
            side: str = side,
            contacts: npt.NDArray[np.float64] = contacts,
            offs: npt.NDArray[np.float64] = offs,
        ) -> cycles.Verdict:
            start, stop = float(contacts[index]), float(contacts[index + 1])
            if not cycles.has_samples(signals, side, start, stop):
                return cycles.NO_SIGNAL
            labels = {
                "activity": mapping.activity,
                "source_activity": mapping.activity,
                "surface": mapping.surface,
                "speed": np.nan if mapping.speed is None else mapping.speed,
                "foot_off": cycles.foot_off(offs, start, stop)[0],
            }
            return cycles.Verdict(labels=labels)

        half = 0.5 / content.point_rate
        first, last = span(content)
        rows = cycles.sort_candidates(
            spec=spec, trial=trial, side=side, contacts=contacts, span=(first - half, last + half), judge=judge
        )
        strides += rows[0]
        rejected += rows[1]
    return strides, rejected
