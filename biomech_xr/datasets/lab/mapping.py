"""The mapping `lab.yaml` of a lab's own trials: strict models that list every problem at once."""

from __future__ import annotations

import difflib
from collections import Counter
from pathlib import PurePath
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from biomech_xr import vocabulary as words
from biomech_xr.config import Config

KNOWN_MUSCLES: Final = (*words.MUSCLES, *words.OTHER_MUSCLES)

Positive = Annotated[float, Field(gt=0)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


def _muscle(name: str) -> str:
    if name not in KNOWN_MUSCLES:
        near = difflib.get_close_matches(name, KNOWN_MUSCLES, n=1, cutoff=0.0)[0]
        raise ValueError(f"unknown muscle {name!r}; did you mean {near!r}?")
    return name


def _activity(name: str) -> str:
    if name not in words.ACTIVITIES:
        raise ValueError(f"unknown activity {name!r}; known: {', '.join(words.ACTIVITIES)}")
    return name


def _some(values: tuple[object, ...]) -> None:
    """Refuse an empty list; pydantic's own bound would also complain of a list whose entries are wrong."""
    if not values:
        raise ValueError("the list is empty, expected at least one entry")


def _repeated(values: list[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


class Person(Config):
    """One person and the C3D files of that person, relative to the mapping or absolute."""

    id: Identifier
    files: tuple[str, ...]
    body_mass: Positive | None = None
    height: Positive | None = None
    age: Positive | None = None
    sex: Literal["female", "male", "unknown"] = "unknown"
    population: Literal["able_bodied", "stroke"] = "able_bodied"
    affected_side: Literal["none", "left", "right", "both", "unknown"] = "none"

    @field_validator("files")
    @classmethod
    def _names_differ(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        _some(files)
        repeated = _repeated([PurePath(file).stem for file in files])
        if repeated:
            raise ValueError(f"two files are named {', '.join(repeated)}: trials need names that differ")
        return files


class Channel(Config):
    """One analog channel: its label in the file, its muscle and leg."""

    label: str
    muscle: Annotated[str, AfterValidator(_muscle)]
    side: words.Side
    ambiguous: bool = False


class Emg(Config):
    """The EMG channels and the unit that recordings keep.

    ``lookahead`` (s) is how far processing before the file sees into the future: 0 for raw EMG.
    """

    state: words.EmgState = "raw"
    unit: Literal["V", "mV", "uV"]
    lookahead: Annotated[float, Field(ge=0)] = 0.0
    channels: tuple[Channel, ...]

    @field_validator("channels")
    @classmethod
    def _one_each(cls, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
        _some(channels)
        problems = [
            *(
                f"two labels for {target}"
                for target in _repeated([f"{channel.side} {channel.muscle}" for channel in channels])
            ),
            *(f"label {label!r} is used twice" for label in _repeated([channel.label for channel in channels])),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return channels


class Outputs(Config):
    """Where a model's outputs are; ``prefix`` (subject) and ``suffix`` (model) choose among several sets of labels."""

    convention: Literal["plug_in_gait"]
    prefix: str | None = None
    suffix: str | None = None


class Angles(Outputs):
    """Where the joint angles are.

    ``lookahead`` (s) is how far the smoothing of the markers before the file sees into the future; without it unknown.
    """

    lookahead: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class Moments(Outputs):
    """Where the joint moments are; above ``limit`` (N m/kg) a value is an artefact of a force plate."""

    limit: Positive = 3.0


class LabMapping(Config):
    """The whole mapping: people, what they did, and which labels hold the signals."""

    people: tuple[Person, ...]
    activity: Annotated[str, AfterValidator(_activity)] = "walk"
    surface: Literal["treadmill", "overground", "ramp", "stairs", "unknown"] = "overground"
    speed: Positive | None = None
    line_frequency: Positive
    maximum_duration: Positive = 2.5
    angles: Angles | None = None
    moments: Moments | None = None
    emg: Emg | None = None

    @field_validator("people")
    @classmethod
    def _ids_differ(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        _some(people)
        repeated = _repeated([person.id for person in people])
        if repeated:
            raise ValueError(f"two people have the id {', '.join(repeated)}")
        return people

    @model_validator(mode="after")
    def _some_signal(self) -> Self:
        if self.angles is None and self.moments is None and self.emg is None:
            raise ValueError("no signal named: give at least one of angles, moments, emg")
        return self
