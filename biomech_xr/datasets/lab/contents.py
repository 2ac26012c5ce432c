"""Opens the files of one trial: every stream with its rate and its place on the trial's clock.

A C3D file keeps the clock of its capture (with ``c3d_clock: file`` its own, from 0 s), tables keep their time column.
Streams are put together by these times alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.lab.answers import Csv
from biomech_xr.datasets.lab.mapping import LabMapping, TrialFiles
from biomech_xr.datasets.lab.tables import EventRow, read_columns, read_events, regular
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.c3d import C3dTrial, read_c3d
from biomech_xr.readers.opensim import read_mot, read_trc

Samples = npt.NDArray[np.float32] | npt.NDArray[np.float64]

DATASET: Final = "lab"
_COMPONENTS: Final = {".x": 0, ".y": 1, ".z": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Columns of one clock: label -> (sample,), `rate` in Hz, `t0` in s; `units` where the file states them."""

    file: Path
    rate: float
    t0: float
    values: Mapping[str, Samples]
    units: Mapping[str, str] = field(default_factory=dict)
    in_degrees: bool | None = None

    @property
    def span(self) -> tuple[float, float]:
        """First time and the time one sample after the last, s."""
        rows = len(next(iter(self.values.values()))) if self.values else 0
        return self.t0, self.t0 + rows / self.rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What the files of one trial hold; the roles `unread` have `problems`, why they could not be read."""

    files: TrialFiles
    paths: Mapping[str, Path]
    c3d: C3dTrial | None
    tables: Mapping[str, Columns]
    events: tuple[EventRow, ...]
    problems: tuple[str, ...]
    unread: frozenset[str] = frozenset()


def c3d_span(content: C3dTrial) -> tuple[float, float]:
    """Return when a C3D file starts and stops on the clock of its capture, s."""
    first, rate = content.first_frame, content.point_rate
    samples = len(next(iter(content.analogs.values()))) if content.analogs else 0
    seconds = content.frames / rate if content.frames else samples / (content.analog_rate or 1.0)
    start = first / rate if rate > 0 else 0.0
    return start, start + seconds


def open_trial(folder: Path, files: TrialFiles, mapping: LabMapping) -> Content:
    """Return the content of a trial's files; what cannot be read is listed in its `problems`.

    Raises
    ------
    MissingDependencyError
        A C3D file is there and ezc3d is not installed.
    """
    paths = {role: folder / file for role, file in files.by_role().items()}
    problems: list[str] = []
    unread: set[str] = set()
    c3d: C3dTrial | None = None
    tables: dict[str, Columns] = {}
    events: tuple[EventRow, ...] = ()
    for role, path in paths.items():
        try:
            if role == "c3d":
                c3d = _clocked(read_c3d(path, dataset=DATASET), files)
            elif role == "events":
                events = _events(path, mapping)
            else:
                tables[role] = _table(role, path, mapping)
        except (DataFormatError, MissingInputError) as error:
            problems.append(str(error).removeprefix(f"{DATASET}: "))
            unread.add(role)
    return Content(
        files=files,
        paths=paths,
        c3d=c3d,
        tables=tables,
        events=events,
        problems=tuple(problems),
        unread=frozenset(unread),
    )


def _clocked(c3d: C3dTrial, files: TrialFiles) -> C3dTrial:
    """Return a C3D file on the clock of its capture, or on its own, which starts at 0 s, where the mapping says so."""
    if files.c3d_clock != "file" or not c3d.first_frame:
        return c3d
    start = c3d_span(c3d)[0]
    return replace(c3d, first_frame=0, events=tuple((label, side, time - start) for label, side, time in c3d.events))


def _events(path: Path, mapping: LabMapping) -> tuple[EventRow, ...]:
    if mapping.events.table is None:
        raise DataFormatError.of(
            dataset=DATASET,
            file=path,
            field="events.table",
            found="a file of events that the mapping does not describe",
            expected="events.table with the columns side, kind and time",
            action="Describe it, or take the file out",
        )
    return read_events(path, mapping.events.table, dataset=DATASET)


def _table(role: str, path: Path, mapping: LabMapping) -> Columns:
    if role == "markers":
        return _trc(path)
    wanted, csv = labels_of(role, mapping)
    if path.suffix.lower() in (".mot", ".sto"):
        table = read_mot(path, dataset=DATASET)
        rate = regular(table.time, path, dataset=DATASET)
        values: Mapping[str, Samples] = {name: table.column(name) for name in table.columns}
        stated = table.in_degrees if "inDegrees" in table.header else None
        return Columns(file=path, rate=rate, t0=float(table.time[0]), values=values, in_degrees=stated)
    rate, t0, columns = read_columns(path, wanted, csv, dataset=DATASET)
    return Columns(file=path, rate=rate, t0=t0, values=columns)


def _trc(path: Path) -> Columns:
    """Return the markers of a .trc file as columns ``marker.x``, ``marker.y``, ``marker.z``."""
    table = read_trc(path, dataset=DATASET)
    rate = regular(table.time, path, dataset=DATASET)
    values = {
        f"{marker}{axis}": table.values[:, index, place]
        for index, marker in enumerate(table.markers)
        for axis, place in _COMPONENTS.items()
    }
    return Columns(file=path, rate=rate, t0=float(table.time[0]), values=values)


def labels_of(role: str, mapping: LabMapping) -> tuple[list[str], Csv]:
    """Return the labels that the mapping takes from the files of a role, and how a CSV file of it is written."""
    part = {
        "angles": mapping.angles,
        "moments": mapping.moments,
        "powers": mapping.powers,
        "emg": mapping.emg,
    }.get(role)
    if role == "forces" and mapping.events.forces is not None:
        return [column.label for column in mapping.events.forces.columns], mapping.events.forces.csv
    if role == "gyroscopes" and mapping.events.gyroscopes is not None:
        return [column.label for column in mapping.events.gyroscopes.columns], mapping.events.gyroscopes.csv
    if part is None:
        return [], Csv()
    return [channel.label for channel in part.channels], part.csv


def stream(content: Content, role: str, labels: Sequence[str]) -> Columns | None:
    """Return the columns that serve a role: its own file, else those of the C3D file; None where there is neither.

    Of a C3D file analog channels are meant, or a component of a point as ``label.x``. Labels that do not exist are
    absent from the result; analog channels and points do not mix, since their rates differ.
    """
    if role in content.paths:
        return content.tables.get(role)
    c3d = content.c3d
    if c3d is None:
        return None
    analog = {label: c3d.analogs[label] for label in labels if label in c3d.analogs}
    start = c3d_span(c3d)[0]
    if analog or not labels:
        return Columns(
            file=content.paths["c3d"], rate=c3d.analog_rate, t0=start, values=analog, units=dict(c3d.analog_units)
        )
    points = {
        label: c3d.points[label[:-2]][:, _COMPONENTS[label[-2:].lower()]]
        for label in labels
        if label[-2:].lower() in _COMPONENTS and label[:-2] in c3d.points
    }
    return Columns(file=content.paths["c3d"], rate=c3d.point_rate, t0=start, values=points)


def known_labels(content: Content, role: str) -> Collection[str]:
    """Return the labels of the file that serves a role, for messages."""
    if role in content.paths:
        table = content.tables.get(role)
        return list(table.values) if table is not None else []
    return list(content.c3d.analogs) if content.c3d is not None else []


def marker_paths(content: Content, labels: Collection[str]) -> tuple[dict[str, Samples], float, float]:
    """Return the markers that exist, label -> (frame, 3), with their rate (Hz) and first time (s).

    A position of exactly (0, 0, 0) is that of a marker which was not seen, and NaN.
    A marker of a C3D file may be named without the subject's prefix (``name:``) where that is unambiguous.
    """
    table = content.tables.get("markers")
    if table is not None:
        found: dict[str, Samples] = {
            label: np.stack([np.asarray(table.values[f"{label}{axis}"], np.float64) for axis in _COMPONENTS], axis=1)
            for label in labels
            if f"{label}.x" in table.values
        }
        return _seen(found), table.rate, table.t0
    if content.c3d is None or "markers" in content.paths:
        return {}, 0.0, 0.0
    points = content.c3d.points
    found = {}
    for label in labels:
        fits = [label] if label in points else [name for name in points if name.endswith(f":{label}")]
        if len(fits) == 1:
            found[label] = points[fits[0]]
    return _seen(found), content.c3d.point_rate, c3d_span(content.c3d)[0]


def _seen(paths: Mapping[str, Samples]) -> dict[str, Samples]:
    return {label: np.where((path == 0).all(axis=1)[:, None], np.nan, path) for label, path in paths.items()}


def marker_names(content: Content) -> list[str]:
    """Return the labels of the trial's markers."""
    if "markers" in content.tables:
        return list(dict.fromkeys(label[:-2] for label in content.tables["markers"].values))
    return list(content.c3d.points) if content.c3d is not None else []
