"""The steps of a chain as YAML holds them, the amplitude reference, the kinematic grid, and which orders make sense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from biomech_xr import vocabulary as words
from biomech_xr.config import Config
from biomech_xr.process.engine.stages import Rule, Shrink


class RemoveMean(Config):
    """Subtract the mean of each gap-free piece; knows the whole piece, so it is no step of a causal chain."""

    step: Literal["remove_mean"] = "remove_mean"


class Bandpass(Config):
    """Butterworth band-pass; ``order`` is that of one pass, ``high`` is limited to 0.45 of the rate."""

    step: Literal["bandpass"] = "bandpass"
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    order: int = Field(ge=1, le=8)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"a bandpass needs low < high, found {self.low:g} and {self.high:g} Hz")
        return self


class Highpass(Config):
    """Butterworth high-pass."""

    step: Literal["highpass"] = "highpass"
    cutoff: float = Field(gt=0)
    order: int = Field(ge=1, le=8)


class Lowpass(Config):
    """Butterworth low-pass."""

    step: Literal["lowpass"] = "lowpass"
    cutoff: float = Field(gt=0)
    order: int = Field(ge=1, le=8)


class Notch(Config):
    """Notches at the mains frequency and its harmonics below the band's upper edge.

    Either all of constant ``width`` (Hz) or all of one quality ``q``: a notch at f is then f / q wide. The presets of
    envelopes take 6 Hz, the width (57-63 Hz) that Hu et al. 2018 used on their own recordings. With ``when: present``
    only harmonics that the spectrum of the trial shows are notched (see `hum.harmonics`).
    """

    step: Literal["notch"] = "notch"
    width: float | None = Field(default=None, gt=0)
    q: float | None = Field(default=None, gt=0)
    when: Literal["always", "present"] = "always"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.width is None) == (self.q is None):
            raise ValueError("a notch needs either width (Hz) or q (frequency over width)")
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not set, so that the hash of a chain stays what it was before an option came."""
        left_out = {"q": None, "width": None, "when": "always"}
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name not in left_out or value != left_out[name]}


DEEPEST = 12
"""Levels of the deepest wavelet tree."""

_WAVELETS = {"db": range(1, 39), "sym": range(2, 21), "coif": range(1, 18)}


def wavelet_problem(name: str) -> str:
    """Return why a name is none of an orthogonal wavelet that PyWavelets knows; an empty text when it is one."""
    if name == "haar" or any(name == f"{family}{order}" for family, orders in _WAVELETS.items() for order in orders):
        return ""
    known = ", ".join(f"{family}{orders[0]} to {family}{orders[-1]}" for family, orders in _WAVELETS.items())
    return f"found wavelet {name!r}, expected haar, {known}"


class WaveletDenoise(Config):
    """Wavelet shrinkage of each gap-free piece, by a DWT or, with ``packets``, by a full wavelet packet tree."""

    step: Literal["wavelet_denoise"] = "wavelet_denoise"
    wavelet: str
    level: int = Field(ge=1, le=DEEPEST)
    rule: Rule
    shrink: Shrink
    packets: bool = False

    @model_validator(mode="after")
    def _known(self) -> Self:
        problem = wavelet_problem(self.wavelet)
        if problem:
            raise ValueError(problem)
        return self


class Rectify(Config):
    """Absolute value."""

    step: Literal["rectify"] = "rectify"


class RmsEnvelope(Config):
    """Root mean square over ``window`` seconds: centered, in causal chains over the last ones."""

    step: Literal["rms_envelope"] = "rms_envelope"
    window: float = Field(gt=0, le=2)


class Tkeo(Config):
    """Teager-Kaiser energy; what follows has the square of EMG's unit."""

    step: Literal["tkeo"] = "tkeo"


class Bridge(Config):
    """Interpolate gaps of at most ``longest`` seconds before filtering; what was interpolated is masked afterwards."""

    step: Literal["bridge"] = "bridge"
    longest: float = Field(default=0.02, gt=0, le=0.05)


Step = Annotated[
    RemoveMean | Bandpass | Highpass | Lowpass | Notch | WaveletDenoise | Rectify | RmsEnvelope | Tkeo | Bridge,
    Field(discriminator="step"),
]


class Contraction(Config):
    """The EMG of one muscle in a maximum voluntary contraction: its 6 Hz envelope's maximum, in the source's unit."""

    patient: str
    session: str = ""
    side: words.Side
    channel: str
    value: float = Field(gt=0)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.channel not in words.MUSCLES:
            raise ValueError(f"channel {self.channel!r} is not one of {', '.join(words.MUSCLES)}")
        return self


class Normalize(Config):
    """Amplitude reference of a person, session, side and channel.

    ``peak_dynamic``: 95th percentile of stride maxima; ``first_strides``: that of the first ``strides``; ``mvc``: of
    maximum voluntary contractions, those listed in ``contractions`` or else the strides that the source labels MVC;
    ``none``: 1.
    """

    kind: Literal["peak_dynamic", "first_strides", "mvc", "none"] = "peak_dynamic"
    strides: int = Field(default=5, ge=1)
    contractions: tuple[Contraction, ...] = ()

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.contractions and self.kind != "mvc":
            raise ValueError(f"contractions serve kind mvc only, found kind {self.kind}")
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out contractions where there are none: the hash of chains without them stays."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name != "contractions" or value}

    @property
    def calibration(self) -> str:
        """What the amplitude of EMG knows, which no lookahead states; stored and printed beside the lookahead."""
        known = {
            "peak_dynamic": "the amplitude reference is computed over all strides of the person, test strides included",
            "first_strides": f"the amplitude reference is that of the first {self.strides} strides, which have no EMG",
            "mvc": "the amplitude reference is that of maximum voluntary contractions, whenever they were recorded",
            "none": "EMG is in the source's unit",
        }
        return f"{self.kind}: {known[self.kind]}"


class Grid(Config):
    """Kinematic grid: ``phase`` samples a stride at k / phase, or ``rate`` samples a second after contact."""

    phase: int | None = Field(default=None, ge=20, le=2000)
    rate: float | None = Field(default=None, ge=10, le=1000)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.phase is None) == (self.rate is None):
            raise ValueError("give either phase (samples a stride) or rate (Hz)")
        return self


NON_CAUSAL = {
    "remove_mean": "the mean of a piece knows all of it; use highpass",
    "wavelet_denoise": "wavelets and their thresholds know the whole piece",
    "bridge": "the far end of a gap lies in the future",
}
"""Steps that a causal chain cannot hold, and why."""


def causal_problem(steps: Sequence[Step], grid: Grid, normalize: Normalize) -> str:
    """Return what of these knows the future, so that no causal chain holds it; an empty text when nothing does."""
    for step in steps:
        if step.step in NON_CAUSAL:
            return f"a causal chain cannot hold the step {step.step}: {NON_CAUSAL[step.step]}"
        if isinstance(step, Notch) and step.when == "present":
            return "a causal chain needs notch with when: always; present looks at the whole trial"
    if grid.rate is None:
        return "a causal chain needs a grid in Hz (grid.rate): a phase grid knows the next contact"
    if normalize.kind == "peak_dynamic":
        return "a causal chain cannot use peak_dynamic, which sees every stride; use first_strides"
    return ""


def knows_the_piece(steps: Sequence[Step]) -> str:
    """Return what steps estimate on a whole gap-free piece, as text; empty when nothing."""
    known = {"remove_mean": "means", "wavelet_denoise": "wavelet thresholds"}
    names = [step.step for step in steps]
    return " and ".join(text for name, text in known.items() if name in names)


def order_problem(steps: Sequence[Step], product: str) -> str:
    """Return why these steps, in this order, do not make this product; an empty text when they do.

    EMG is *signed* until it is rectified; after Teager-Kaiser it is *energy*; rectified it is *positive*; a moving RMS
    or a low-pass of the positive signal makes an *envelope*. Filters of the signed signal fit no later form.
    """
    form = "signed"
    for place, step in enumerate(steps):
        fits, after = _FORMS.get(step.step, (("signed",), "signed"))
        if form not in fits:
            return f"step {place + 1}, {step.step}: what comes there is {_SAY[form]}; it needs {_SAY[fits[0]]}"
        if step.step == "bridge" and place:
            return f"step {place + 1}, bridge: gaps are bridged before all other steps; put it first"
        if step.step == "lowpass":
            after = {"signed": "signed", "energy": "energy"}.get(form, "envelope")
        form = after
    if product == "bandpassed" and form != "signed":
        broken = next(step.step for step in steps if step.step in ("rectify", "rms_envelope", "tkeo"))
        return f"a bandpassed product cannot hold the step {broken}"
    if product == "envelope" and form != "envelope":
        return "an envelope needs the steps rectify and, after it, lowpass; or the step rms_envelope"
    return ""


_SAY = {
    "signed": "signed EMG",
    "energy": "the energy of EMG",
    "positive": "rectified EMG",
    "envelope": "an envelope",
}
_FORMS: dict[str, tuple[tuple[str, ...], str]] = {
    "rectify": (("signed", "energy"), "positive"),
    "lowpass": (("signed", "energy", "positive", "envelope"), ""),
    "rms_envelope": (("signed",), "envelope"),
    "tkeo": (("signed",), "energy"),
}
