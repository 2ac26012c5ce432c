"""Processing chains: what is done to EMG, on which kinematic grid, and what that knows of the future.

A chain is a YAML file; three come with the library (`envelope`, the default; `bandpassed`; `realtime`). The response of
a chain is computed numerically from its own filters: `Chain.lookahead` and `Chain.delay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy import signal

from biomech_xr.config import Config
from biomech_xr.errors import MissingInputError
from biomech_xr.process.filters import BAND_LIMIT, butterworth, notches
from biomech_xr.process.kernels import Array
from biomech_xr.process.resample import EMG_RATE, ratio, reach
from biomech_xr.vocabulary import EmgState

PRESETS = ("envelope", "bandpassed", "realtime")

TAIL = 1e-4
"""Share of an impulse response (sum of absolute values) that may lie beyond the stated lookahead."""

PEAK_CUTOFF = 6.0
"""Hz; second-order low-pass of the envelope whose stride maxima make the amplitude reference, whatever the product."""

JOINT_ORDER = 4
"""Order, of one pass, of the low-pass of angles and moments that a grid coarser than their own rate needs."""

SPLINE_REACH = 7
"""Native samples after t that a cubic spline at t depends on: its weights fall by 2 - sqrt(3) a sample, to 1e-4."""

_RESPONSE_SECONDS = 4.0


class Bandpass(Config):
    """Butterworth band-pass; ``order`` is that of one pass, ``high`` is limited to 0.45 of the rate."""

    step: Literal["bandpass"] = "bandpass"
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    order: int = Field(ge=1, le=8)


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
    """Notches of constant ``width`` (Hz) at the mains frequency and its harmonics below the band's upper edge.

    The presets take 6 Hz, the width (57-63 Hz) that Hu et al. 2018 used on their own recordings.
    """

    step: Literal["notch"] = "notch"
    width: float = Field(gt=0)


class Rectify(Config):
    """Absolute value."""

    step: Literal["rectify"] = "rectify"


Step = Annotated[Bandpass | Highpass | Lowpass | Notch | Rectify, Field(discriminator="step")]


class Normalize(Config):
    """Amplitude reference: 95th percentile of stride maxima (`peak_dynamic`), that of the first strides, or none."""

    kind: Literal["peak_dynamic", "first_strides", "none"] = "peak_dynamic"
    strides: int = Field(default=5, ge=1)

    @property
    def calibration(self) -> str:
        """What the amplitude of EMG knows, which no lookahead states; stored and printed beside the lookahead."""
        known = {
            "peak_dynamic": "the amplitude reference is computed over all strides of the person, test strides included",
            "first_strides": f"the amplitude reference is that of the first {self.strides} strides, which have no EMG",
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


class Chain(Config):
    """One processing chain.

    ``product`` says what its EMG is; ``causal`` chains use no sample later than the one they produce.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    product: Literal["envelope", "bandpassed"]
    causal: bool
    emg: tuple[Step, ...]
    normalize: Normalize = Normalize()
    grid: Grid = Grid(phase=200)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        kinds = [step.step for step in self.emg]
        rectified = "rectify" in kinds
        if self.product == "envelope" and not (rectified and "lowpass" in kinds[kinds.index("rectify") :]):
            raise ValueError("an envelope needs the steps rectify and, after it, lowpass")
        if self.product == "bandpassed" and rectified:
            raise ValueError("a bandpassed product cannot hold the step rectify")
        if self.causal and self.grid.rate is None:
            raise ValueError("a causal chain needs a grid in Hz (grid.rate): a phase grid knows the next contact")
        if self.causal and self.normalize.kind == "peak_dynamic":
            raise ValueError("a causal chain cannot use peak_dynamic, which sees every stride; use first_strides")
        return self

    def stages(
        self, rate: float, *, state: EmgState = "raw", line_frequency: float = 50.0, band_rate: float | None = None
    ) -> tuple[Array | None, ...]:
        """Return what is applied to EMG of this state: section arrays, neighbors merged, and None for rectification.

        Parameters
        ----------
        rate
            Sampling frequency of the signal in Hz.
        state
            Of an envelope only the low-pass steps after rectification are applied.
        line_frequency
            Mains frequency in Hz.
        band_rate
            Native rate in Hz when the signal was brought to ``rate`` from a lower one; limits the band's upper edge.
        """
        limit = BAND_LIMIT * min(rate, band_rate or rate)
        upper = min([step.high for step in self.emg if isinstance(step, Bandpass)] + [limit])
        steps = self.emg
        if state == "envelope":
            after = [step.step for step in steps].index("rectify") + 1 if self.product == "envelope" else len(steps)
            steps = tuple(step for step in steps[after:] if isinstance(step, Lowpass))
        merged: list[Array | None] = []
        for step in steps:
            sections = _sections(step, rate=rate, upper=upper, line_frequency=line_frequency)
            if sections is not None and merged and merged[-1] is not None:
                merged[-1] = np.concatenate((merged[-1], sections))
            else:
                merged.append(sections)
        return tuple(stage for stage in merged if stage is None or len(stage))

    def grid_rate(self, maximum_duration: float) -> float:
        """Return the samples a second of the grid; of a phase grid those of the slowest stride allowed (s)."""
        if self.grid.phase is not None:
            return self.grid.phase / maximum_duration
        return float(self.grid.rate or 0.0)

    def joint_lowpass(self, rate: float, maximum_duration: float | None) -> Array | None:
        """Return the anti-alias sections for angles and moments at ``rate`` Hz; None where the grid is no coarser.

        A Butterworth low-pass at 0.45 of `grid_rate`. A phase grid takes the same filter for every stride, that of
        the longest one the dataset allows (``maximum_duration``, s; None for cut strides: no filter).
        """
        grid = np.inf if maximum_duration is None else self.grid_rate(maximum_duration)
        if rate <= grid * (1 + 1e-9):
            return None
        return butterworth("lowpass", BAND_LIMIT * grid, order=JOINT_ORDER, rate=rate)

    def lookahead(
        self,
        rate: float,
        *,
        line_frequency: float = 50.0,
        kinematics_rate: float | None = None,
        maximum_duration: float | None = None,
    ) -> float:
        """Return how far (s) the products at t depend on raw samples after t.

        The sum, over the linear stages between rectifications, of the smallest L such that less than `TAIL` of the
        impulse response's absolute sum lies later than L, plus the resampler's half length and the 0.5 ms by which
        sample 0 may precede the contact; at least `kinematics_lookahead` at ``kinematics_rate`` (Hz). Causal chains
        have 0. Three things are not in it: upstream processing of the source (``emg_lookahead``,
        ``kinematics_lookahead``); the next contact, which a phase grid knows; and the calibration, see
        `Normalize.calibration` - peak_dynamic: the amplitude reference is computed over all strides of the person,
        test strides included, so one factor a channel depends on the whole recording.
        """
        if self.causal:
            return 0.0
        emg = sum(_future(stage.tobytes(), rate) for stage in self._linear(rate, line_frequency))
        emg += reach(rate) + 0.5 / EMG_RATE
        joints = self.kinematics_lookahead(kinematics_rate, maximum_duration) if kinematics_rate else 0.0
        return max(emg, joints)

    def kinematics_lookahead(self, rate: float, maximum_duration: float | None = None) -> float:
        """Return how far (s) angles at t depend on later samples; ``maximum_duration`` as in `joint_lowpass`."""
        if self.causal:
            return 0.0
        sections = self.joint_lowpass(rate, maximum_duration)
        return SPLINE_REACH / rate + (0.0 if sections is None else _future(sections.tobytes(), rate))

    def delay(self, rate: float, *, line_frequency: float = 50.0) -> float:
        """Return by how much (s) causal EMG lags: the center of each stage's response, plus the resampler's sample.

        A stage before rectification counts the center of its squared impulse response (the delay of a burst's
        energy); one after it the center of the response itself (the group delay at 0 Hz). Zero-phase chains have 0.
        """
        if not self.causal:
            return 0.0
        total = 0.0 if ratio(rate) == 1 else 1.0 / rate
        rectified = False
        for stage in self.stages(rate, line_frequency=line_frequency):
            if stage is None:
                rectified = True
                continue
            total += _center(stage, rate, power=1 if rectified else 2)
        return total

    def kinematics_delay(self, rate: float, maximum_duration: float | None = None) -> float:
        """Return by how much (s) causal angles and moments lag: one native sample and the low-pass's delay at 0 Hz.

        ``maximum_duration`` as in `joint_lowpass`; 0 for zero-phase chains.
        """
        if not self.causal:
            return 0.0
        sections = self.joint_lowpass(rate, maximum_duration)
        return 1.0 / rate + (0.0 if sections is None else _center(sections, rate, power=1))

    def _linear(self, rate: float, line_frequency: float) -> list[Array]:
        return [stage for stage in self.stages(rate, line_frequency=line_frequency) if stage is not None]


def load_chain(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Chain:
    """Return a chain by preset name, or from a YAML file, with ``key=value`` overrides applied.

    Raises
    ------
    MissingInputError
        Neither a preset nor a file.
    ConfigError
        An unknown key or an impossible value.
    """
    if str(name_or_path) in PRESETS:
        return Chain.load(Path(__file__).parent / "presets" / f"{name_or_path}.yaml", overrides)
    if not Path(name_or_path).is_file():
        raise MissingInputError(
            f"chain {str(name_or_path)!r}: neither one of the presets {', '.join(PRESETS)} nor a YAML file."
        )
    return Chain.load(name_or_path, overrides)


def _sections(step: Step, *, rate: float, upper: float, line_frequency: float) -> Array | None:
    if isinstance(step, Bandpass):
        return butterworth("bandpass", (step.low, upper), order=step.order, rate=rate)
    if isinstance(step, Notch):
        return notches(line_frequency, width=step.width, upper=upper, rate=rate)
    if isinstance(step, Highpass | Lowpass):
        return butterworth(step.step, step.cutoff, order=step.order, rate=rate)
    return None


@lru_cache(maxsize=64)
def _response(sections: bytes, rate: float) -> Array:
    impulse = np.zeros(round(_RESPONSE_SECONDS * rate))
    impulse[0] = 1.0
    return np.asarray(signal.sosfilt(np.frombuffer(sections).reshape(-1, 6).copy(), impulse))


def _center(sections: Array, rate: float, *, power: int) -> float:
    """Return the center (s) of the impulse response, or of its square."""
    weight = _response(sections.tobytes(), rate) ** power
    return float(np.arange(weight.size) @ weight / weight.sum()) / rate


@lru_cache(maxsize=64)
def _future(sections: bytes, rate: float) -> float:
    """Return the L of the forward-backward response of one stage."""
    single = _response(sections, rate)
    both = np.abs(signal.fftconvolve(single, single[::-1]))[single.size - 1 :]
    total = 2 * both.sum() - both[0]
    later = both[::-1].cumsum()[::-1]
    return float(np.flatnonzero(later >= TAIL * total)[-1] + 1) / rate
