"""The part of `lab.yaml` that says where contacts and foot offs come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from biomech_xr.config import Config
from biomech_xr.datasets.lab.answers import OPEN, Answer, Csv, Label, Side, repeated, some
from biomech_xr.datasets.lab.signal_mapping import ForceColumn, GyroscopeColumn

EventSource = Literal["labels", "plates", "markers", "forces", "table", "foot", "gyroscopes"]
EventWord = Literal["left", "right", "contact", "foot_off"]


class Plate(Config):
    """One force plate: its number (from 1) among the file's FORCE_PLATFORM, or the channels of its vertical force.

    Several ``vertical`` channels (a sensor at each corner) are added. With ``side`` every stance on the plate is that
    foot's; without it the markers decide, stance by stance.
    """

    number: Annotated[int, Field(ge=1)] | None = None
    vertical: tuple[Label, ...] = ()
    side: Side | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.number is None) == (not self.vertical):
            raise ValueError("give one of number (FORCE_PLATFORM entry, from 1) and vertical (channel labels)")
        return self

    @property
    def name(self) -> str:
        """What messages call the plate."""
        return f"plate {self.number}" if self.number is not None else "+".join(self.vertical)


class Foot(Config):
    """The markers of one foot.

    ``from: markers`` needs the heel, and reads foot off from it, too early, where there is no ``toe``; ``from: foot``
    needs both; any of the three tells whose foot stands on a plate.
    """

    heel: str | None = None
    toe: str | None = None
    ankle: str | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.labels:
            raise ValueError("no marker: name at least one of heel, toe, ankle")
        if OPEN in self.labels:
            raise ValueError("left open; name the markers, or leave out those that are not there")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The markers that are named."""
        return tuple(label for label in (self.heel, self.toe, self.ankle) if label)


class Markers(Config):
    """The markers that tell events and feet: those of each foot, and points whose mean is the pelvis."""

    left: Foot
    right: Foot
    pelvis: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _differ(self) -> Self:
        twice = repeated([*self.left.labels, *self.right.labels, *self.pelvis])
        if twice:
            raise ValueError(f"marker {', '.join(map(repr, twice))} is used twice")
        return self

    @property
    def timed(self) -> bool:
        """Whether contacts can be read: there are both heels and a pelvis."""
        return bool(self.left.heel and self.right.heel and self.pelvis)

    @property
    def rolling(self) -> bool:
        """Whether events can be read from the velocity of the feet: each has heel and toe."""
        return all(foot.heel and foot.toe for foot in (self.left, self.right))


class Gyroscopes(Config):
    """The angular velocities of the shanks: one column a shank (mediolateral) or three, in any order and direction."""

    unit: Annotated[Literal["rad/s", "deg/s"], Answer]
    columns: tuple[GyroscopeColumn, ...]
    csv: Csv = Csv()

    @model_validator(mode="after")
    def _axes(self) -> Self:
        some(self.columns)
        twice = repeated(column.label for column in self.columns)
        if twice:
            raise ValueError(f"column {', '.join(map(repr, twice))} is used twice")
        counts = {side: sum(column.side == side for column in self.columns) for side in ("left", "right")}
        wrong = [f"{count} of the {side} shank" for side, count in counts.items() if count not in (0, 1, 3)]
        if wrong:
            raise ValueError(f"{' and '.join(wrong)}, expected one column (mediolateral) or three (all axes)")
        return self

    def labels(self, side: str) -> list[str]:
        """Return the labels of one shank."""
        return [column.label for column in self.columns if column.side == side]


class Forces(Config):
    """The vertical forces of a forces table, each under one foot; columns of one side are added."""

    columns: tuple[ForceColumn, ...]
    csv: Csv = Csv()

    @field_validator("columns")
    @classmethod
    def _differ(cls, columns: tuple[ForceColumn, ...]) -> tuple[ForceColumn, ...]:
        some(columns)
        twice = repeated(column.label for column in columns)
        if twice:
            raise ValueError(f"column {', '.join(map(repr, twice))} is used twice")
        return columns


class EventTable(Config):
    """The columns of an events table, a row an event.

    ``words`` translates the table's own words, for example ``{L: left, HS: contact}``; left, right, foot strike, heel
    strike, initial contact, contact, foot off and toe off are known in any case.
    """

    side: Label = "side"
    kind: Label = "kind"
    words: Mapping[str, EventWord] = {}
    csv: Csv = Csv()

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.csv.rate is not None:
            raise ValueError("an events table needs a time column, not a rate")
        return self


class Events(Config):
    """Where contacts come from (`from`); what else is described is compared with it.

    Without ``plates`` every FORCE_PLATFORM entry of the file is taken. Two ways that disagree refuse the trial, unless
    ``compare`` is false: then the word of `from` stands alone.
    """

    source: Annotated[EventSource, Answer] = Field(default="labels", alias="from")
    plates: tuple[Plate, ...] = ()
    markers: Markers | None = None
    forces: Forces | None = None
    gyroscopes: Gyroscopes | None = None
    table: EventTable | None = None
    compare: bool = True

    @model_validator(mode="after")
    def _described(self) -> Self:
        parts = {
            "markers": ("markers", self.markers),
            "foot": ("markers", self.markers),
            "forces": ("forces", self.forces),
            "gyroscopes": ("gyroscopes", self.gyroscopes),
            "table": ("table", self.table),
        }
        if self.source in parts and parts[self.source][1] is None:
            raise ValueError(f"from: {self.source}, but events.{parts[self.source][0]} is not described")
        if self.source == "foot" and self.markers is not None and not self.markers.rolling:
            raise ValueError("from: foot needs the heel and the toe of each foot")
        if self.source == "markers" and self.markers is not None and not self.markers.timed:
            raise ValueError("from: markers needs the heel of each foot and the pelvis")
        twice = repeated(plate.name for plate in self.plates)
        if twice:
            raise ValueError(f"{', '.join(twice)} is described twice")
        return self
