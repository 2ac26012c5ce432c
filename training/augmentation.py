"""Augmentation as a configuration states it; `biomech_xr.load` says what each one does and applies it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from biomech_xr.config import Config


class _Augmentation(Config):
    """One entry of the list; its fields are those of the class that `make` returns."""

    kind: str

    def make(self) -> Any:
        """Return the augmentation for `biomech_xr.load.StrideWindows`."""
        from biomech_xr import load  # here, because the libraries of stores take seconds to import

        classes = {
            "channel_dropout": load.ChannelDropout,
            "amplitude_scale": load.AmplitudeScale,
            "noise": load.Noise,
            "time_jitter": load.TimeJitter,
        }
        return classes[self.kind](**self.model_dump(exclude={"kind"}))


class ChannelDropout(_Augmentation):
    """Hides each channel of EMG, or each joint component of kinematics, with probability `p`."""

    kind: Literal["channel_dropout"]
    p: float = Field(ge=0, le=1)
    part: Literal["emg", "kinematics"] = "emg"


class AmplitudeScale(_Augmentation):
    """Multiplies each EMG channel of a window with a number in [`low`, `high`]."""

    kind: Literal["amplitude_scale"]
    low: float = Field(gt=0)
    high: float = Field(gt=0, lt=float("inf"))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) must not be above high ({self.high})")
        return self


class Noise(_Augmentation):
    """Adds white normal noise of standard deviation `sd` (in units of `emg_scale`) to measured EMG."""

    kind: Literal["noise"]
    sd: float = Field(gt=0, lt=float("inf"))


class TimeJitter(_Augmentation):
    """Moves inputs and targets of a window together by up to `ms` either way, in whole kinematic samples."""

    kind: Literal["time_jitter"]
    ms: float = Field(gt=0, lt=float("inf"))


Augmentation = Annotated[ChannelDropout | AmplitudeScale | Noise | TimeJitter, Field(discriminator="kind")]
