"""The parts of `lab.yaml` that say which labels hold EMG, angles, moments and powers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from biomech_xr import vocabulary as words
from biomech_xr.config import Config
from biomech_xr.datasets.lab.answers import (
    Answer,
    Csv,
    Finite,
    Label,
    Muscle,
    NotOpen,
    Positive,
    Side,
    Sign,
    repeated,
    some,
)

Joint = Annotated[Literal["hip", "knee", "ankle"], Answer]
Motion = Annotated[Literal["adduction", "rotation", "flexion"], Answer]


class Channel(Config):
    """One EMG channel: its label in the file, its muscle and leg."""

    label: Label
    muscle: Muscle
    side: Side
    ambiguous: bool = False


class Emg(Config):
    """The EMG channels and the unit that recordings keep; a file that states another known unit is converted.

    ``lookahead`` (s) is how far processing before the file sees into the future: 0 for raw EMG, to be stated for any
    other. ``trust``: the sides stand, whatever the data say.
    """

    state: Annotated[words.EmgState, Answer] = "raw"
    unit: Annotated[Literal["V", "mV", "uV"], Answer]
    lookahead: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    trust: bool = False
    channels: tuple[Channel, ...]
    csv: Csv = Csv()

    @model_validator(mode="after")
    def _sees(self) -> Self:
        if self.lookahead is None and self.state != "raw":
            raise ValueError(
                f"lookahead is needed for state {self.state}: how far (s) the filter before the file sees ahead, 0 for "
                "one that was run forward only"
            )
        return self

    @property
    def ahead(self) -> float:
        """How far processing before the file sees into the future, s; 0 for raw EMG without a word on it."""
        return self.lookahead or 0.0

    @field_validator("channels")
    @classmethod
    def _one_each(cls, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
        some(channels)
        targets = repeated(f"{channel.side} {channel.muscle}" for channel in channels)
        problems = [
            *(f"two labels for {target}" for target in targets),
            *(f"label {label!r} is used twice" for label in repeated(channel.label for channel in channels)),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return channels


class Component(Config):
    """One column of angles or moments: which joint, motion and leg.

    ``sign`` is -1 where the column is positive against the canonical direction (flexion, dorsiflexion, adduction,
    internal rotation; a moment counts like its angle).
    """

    label: Label
    joint: Joint
    motion: Motion
    side: Side
    sign: Sign


class AngleChannel(Component):
    """One column of joint angles."""

    unit: Annotated[Literal["deg", "rad"], Answer]


class MomentChannel(Component):
    """One column of joint moments; those in N m and N mm are divided by the person's body mass."""

    unit: Annotated[Literal["N m", "N m/kg", "N mm/kg", "N mm"], Answer]

    @property
    def needs_mass(self) -> bool:
        """Whether the unit is not per kg."""
        return self.unit in ("N m", "N mm")


class PowerChannel(Config):
    """One column of joint power, positive where the joint generates: compared with moment x velocity, not stored."""

    label: Label
    joint: Joint
    side: Side
    unit: Annotated[Literal["W", "W/kg"], Answer]


class Outputs(Config):
    """Where a model's outputs are: the labels of Plug-in Gait, or `channels` one by one.

    ``prefix`` (subject) and ``suffix`` (model) choose among several sets of Plug-in Gait labels. ``trust``: signs and
    units stand, whatever the data say.
    """

    convention: Literal["plug_in_gait"] | None = None
    prefix: Annotated[str, NotOpen] | None = None
    suffix: Annotated[str, NotOpen] | None = None
    trust: bool = False
    csv: Csv = Csv()

    def _listed(self, targets: list[str], labels: list[str]) -> None:
        """Refuse both of, or neither of, a convention and channels, and two channels for one component."""
        if (self.convention is None) == (not labels):
            raise ValueError("give one of convention: plug_in_gait and a list of channels")
        if labels and (self.prefix is not None or self.suffix is not None):
            raise ValueError("prefix and suffix choose labels of Plug-in Gait; with channels write the whole labels")
        problems = [
            *(f"two labels for {target}" for target in repeated(targets)),
            *(f"label {label!r} is used twice" for label in repeated(labels)),
        ]
        if problems:
            raise ValueError("; ".join(problems))


class Angles(Outputs):
    """Where the joint angles are.

    ``lookahead`` (s) is how far the smoothing of the markers before the file sees into the future; without it unknown.
    """

    lookahead: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    channels: tuple[AngleChannel, ...] = ()

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        self._listed([f"{c.side} {c.joint} {c.motion}" for c in self.channels], [c.label for c in self.channels])
        return self


class Moments(Outputs):
    """Where the joint moments are; above ``limit`` (N m/kg) a value is an artefact of a force plate."""

    limit: Positive = 3.0
    channels: tuple[MomentChannel, ...] = ()

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        self._listed([f"{c.side} {c.joint} {c.motion}" for c in self.channels], [c.label for c in self.channels])
        return self


class Powers(Outputs):
    """Where joint powers are, to check moments and angles against; Plug-in Gait ones are found without this part."""

    channels: tuple[PowerChannel, ...] = ()

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        self._listed([f"{c.side} {c.joint}" for c in self.channels], [c.label for c in self.channels])
        return self


class ForceColumn(Config):
    """One column of vertical ground reaction force, N: the foot under which it acts."""

    label: Label
    side: Side


class GyroscopeColumn(Config):
    """One column of angular velocity: the shank that its sensor sits on."""

    label: Label
    side: Side


__all__ = [
    "AngleChannel",
    "Angles",
    "Channel",
    "Component",
    "Emg",
    "Finite",
    "ForceColumn",
    "GyroscopeColumn",
    "MomentChannel",
    "Moments",
    "Outputs",
    "PowerChannel",
    "Powers",
]
