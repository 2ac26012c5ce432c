"""The mapping `lab.yaml` of a lab's own trials: strict models that list every problem at once.

A trial is one C3D file or several files, each with its role::

    files:
      - P01/walk.c3d
      - {trial: walk, angles: walk_IK.mot, moments: walk_ID.sto, forces: walk_grf.mot, markers: walk.trc}

The parts of the mapping: people and files here, signals in `signal_mapping`, events in `event_mapping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from biomech_xr.config import Config
from biomech_xr.datasets.lab.answers import (
    KNOWN_MUSCLES,
    OPEN,
    Activity,
    Answer,
    Condition,
    Csv,
    Mains,
    Positive,
    Surface,
    between,
    repeated,
    some,
)
from biomech_xr.datasets.lab.contradictions import missing_mass, overall
from biomech_xr.datasets.lab.event_mapping import Events, EventTable, Foot, Forces, Gyroscopes, Markers, Plate
from biomech_xr.datasets.lab.signal_mapping import (
    AngleChannel,
    Angles,
    Channel,
    Emg,
    ForceColumn,
    MomentChannel,
    Moments,
    Outputs,
    PowerChannel,
    Powers,
)
from biomech_xr.errors import ConfigError

__all__ = [
    "FORMATS",
    "KNOWN_MUSCLES",
    "OPEN",
    "ROLES",
    "AngleChannel",
    "Angles",
    "Channel",
    "Csv",
    "Emg",
    "EventTable",
    "Events",
    "Foot",
    "ForceColumn",
    "Forces",
    "Gyroscopes",
    "LabMapping",
    "Markers",
    "MomentChannel",
    "Moments",
    "Outputs",
    "Person",
    "Plate",
    "PowerChannel",
    "Powers",
    "TrialFiles",
]

FORMATS: Final = {
    "c3d": (".c3d",),
    "angles": (".mot", ".sto", ".csv", ".txt"),
    "moments": (".mot", ".sto", ".csv", ".txt"),
    "powers": (".mot", ".sto", ".csv", ".txt"),
    "forces": (".mot", ".sto", ".csv", ".txt"),
    "gyroscopes": (".csv", ".txt", ".mot", ".sto"),
    "markers": (".trc",),
    "emg": (".csv", ".txt", ".mot", ".sto"),
    "events": (".csv", ".txt"),
}
"""The role of a file in a trial, and the formats that it may have; `c3d` serves every role that has no own file."""

ROLES: Final = tuple(FORMATS)

SOLE_LICENCE: Final = "the lab's own"

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


Incline = Annotated[float, between(-45, 45, "degrees, positive uphill")]
Stair = Annotated[float, between(0.01, 0.5, "m")]


class TrialFiles(Config):
    """The files of one trial by role, relative to the mapping or absolute, and what holds for this trial alone."""

    trial: Identifier
    c3d: str | None = None
    angles: str | None = None
    moments: str | None = None
    powers: str | None = None
    forces: str | None = None
    gyroscopes: str | None = None
    markers: str | None = None
    emg: str | None = None
    events: str | None = None
    activity: Activity | None = None
    surface: Surface | None = None
    speed: Positive | None = None
    condition: Condition | None = None
    incline: Incline | None = None
    stair_height: Stair | None = None
    session: Identifier | None = None
    c3d_clock: Literal["capture", "file"] | None = None

    @model_validator(mode="after")
    def _known_formats(self) -> Self:
        files = self.by_role()
        problems = [
            f"{role}: {file!r}, expected one of {', '.join(FORMATS[role])}"
            for role, file in files.items()
            if PurePath(file).suffix.lower() not in FORMATS[role]
        ]
        if not files:
            problems = [f"no file: name at least one of {', '.join(ROLES)}"]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def by_role(self) -> dict[str, str]:
        """Return role -> file of the roles that have one."""
        return {role: getattr(self, role) for role in ROLES if getattr(self, role) is not None}


def _form(value: Any) -> str:
    return "file" if isinstance(value, str) else "trial"


File = Annotated[Annotated[str, Tag("file")] | Annotated[TrialFiles, Tag("trial")], Discriminator(_form)]


class Person(Config):
    """One person and the trials of that person: a C3D file each, or several files with their roles.

    ``person_group`` joins one human published twice: both get the same word. ``trust``: the body mass stands, whatever
    the forces say.
    """

    id: Identifier
    files: tuple[File, ...]
    body_mass: Annotated[float, between(10, 300, "kg")] | None = None
    height: Annotated[float, between(0.5, 2.5, "m")] | None = None
    age: Annotated[float, between(0, 120, "years")] | None = None
    sex: Literal["female", "male", "unknown"] = "unknown"
    population: Literal["able_bodied", "stroke"] = "able_bodied"
    affected_side: Literal["none", "left", "right", "both", "unknown"] = "none"
    person_group: Identifier | None = None
    trust: bool = False

    @model_validator(mode="after")
    def _affected(self) -> Self:
        if self.population == "stroke" and self.affected_side == "none":
            raise ValueError("affected_side is needed after a stroke: left, right, both or unknown")
        return self

    @field_validator("files")
    @classmethod
    def _names_differ(cls, files: tuple[str | TrialFiles, ...]) -> tuple[str | TrialFiles, ...]:
        some(files)
        wrong = [file for file in files if isinstance(file, str) and PurePath(file).suffix.lower() != ".c3d"]
        twice = repeated(_trial_name(file) for file in files)
        problems = [
            *(
                f"{file!r} is no C3D file; give its role, for example {{trial: walk, angles: walk.mot}}"
                for file in wrong
            ),
            *([f"two files are named {', '.join(twice)}: trials need names that differ"] if twice else []),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return files

    @property
    def trials(self) -> tuple[TrialFiles, ...]:
        """The trials; a file alone is the C3D file of a trial of its name."""
        return tuple(
            TrialFiles.model_construct(trial=_trial_name(file), c3d=file) if isinstance(file, str) else file
            for file in self.files
        )


def _trial_name(file: str | TrialFiles) -> str:
    return PurePath(file).stem if isinstance(file, str) else file.trial


class Published(Config):
    """Where own files were published, for citation; a lab's unpublished files have none."""

    citation: str = ""
    doi: str = ""
    data_doi: str = ""
    licence: str = SOLE_LICENCE
    licence_use: Literal["open", "non_commercial", "unknown"] = "unknown"
    laboratory: str = ""

    @model_validator(mode="after")
    def _licence_named(self) -> Self:
        if self.licence_use == "open" and self.licence == SOLE_LICENCE:
            raise ValueError("licence_use is open: name the licence, such as `licence: CC BY 4.0`")
        return self


class LabMapping(Config):
    """The whole mapping: people, what they did, which labels hold the signals, where events come from."""

    people: tuple[Person, ...]
    activity: Activity = "walk"
    surface: Annotated[Surface, Answer] = "overground"
    speed: Positive | None = None
    condition: Condition = "none"
    incline: Incline | None = None
    stair_height: Stair | None = None
    session: Identifier | None = None
    line_frequency: Mains
    maximum_duration: Positive = 2.5
    angles: Angles | None = None
    moments: Moments | None = None
    powers: Powers | None = None
    emg: Emg | None = None
    events: Events = Events()
    published: Published = Published()

    @classmethod
    def of(cls, values: Mapping[str, Any], *, origin: str = "configuration") -> Self:
        """Return the mapping; contradictions between answers are listed even where other answers are still open."""
        try:
            return super().of(values, origin=origin)
        except ConfigError as error:
            lines = str(error).splitlines()[1:]
        for place, problem in overall(values):
            if not any(line.startswith(f"  - {place}") and problem in line for line in lines):
                lines.append(f"  - {place}: {problem}")
        count = sum(line.startswith("  - ") for line in lines)
        raise ConfigError("\n".join([f"{origin}: {count} problem(s):", *lines]))

    @field_validator("people")
    @classmethod
    def _ids_differ(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        some(people)
        twice = repeated(person.id for person in people)
        if twice:
            raise ValueError(f"two people have the id {', '.join(twice)}")
        return people

    @model_validator(mode="after")
    def _complete(self) -> Self:
        problems = [*self._unnamed(), *self._without_mass()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _unnamed(self) -> list[str]:
        if self.angles is None and self.moments is None and self.emg is None:
            return ["no signal named: give at least one of angles, moments, emg"]
        if self.powers is not None and (self.angles is None or self.moments is None):
            return ["powers are compared with moments and angles: name both"]
        return []

    def _without_mass(self) -> list[str]:
        """Return one problem that lists the people whose body mass the units need."""
        units: set[str] = {
            channel.unit for channel in (self.moments.channels if self.moments else ()) if channel.needs_mass
        }
        units |= {channel.unit for channel in (self.powers.channels if self.powers else ()) if channel.unit == "W"}
        people = [person.id for person in self.people if person.body_mass is None]
        return [missing_mass(units, people)] if units and people else []
