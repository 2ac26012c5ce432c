"""From the steps of a chain to the stages that the engine runs, at one rate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains.responses import rms_samples
from biomech_xr.process.chains.steps_config import Bandpass, Highpass, Lowpass, Notch, RmsEnvelope, Step, WaveletDenoise
from biomech_xr.process.engine.stages import Center, Rectify, Rms, Sections, Shrinkage, Stage, Tkeo
from biomech_xr.process.steps.filters import BAND_LIMIT, butterworth, notches

Bands = tuple[tuple[float, float], ...]
"""Lower and upper edge of bands, Hz."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fits:
    """What stages are fitted to: the sampling frequency ``rate`` (Hz), the mains, and what the band may hold.

    No band-pass goes above `limit` Hz; notches are set below `upper` Hz, the edge of the narrowest band. `lines` are
    the harmonics of the mains (Hz) that are in the signal; None for all.
    """

    rate: float
    limit: float
    upper: float
    line_frequency: float
    lines: Collection[float] | None
    causal: bool


def only_interpolated(state: str, kind: str) -> bool:
    """Return whether EMG passes no stage of a chain: envelopes that a source published on points of each stride."""
    return state == "envelope" and kind == "segmented"


def steps_for(steps: Sequence[Step], state: str) -> tuple[Step, ...]:
    """Return the steps that EMG of a state goes through: of an envelope the low-passes after rectification."""
    if state != "envelope":
        return tuple(steps)
    after = next((i + 1 for i, step in enumerate(steps) if step.step == "rectify"), len(steps))
    return tuple(step for step in steps[after:] if isinstance(step, Lowpass))


def band_limit(rate: float, band_rate: float | None) -> float:
    """Return the highest upper edge (Hz) of a band at this rate (Hz), brought from ``band_rate`` where it is lower."""
    return BAND_LIMIT * min(rate, band_rate or rate)


def upper_edge(steps: Iterable[Step], rate: float, band_rate: float | None) -> float:
    """Return the upper edge (Hz) of the narrowest band of steps at this rate."""
    return min([step.high for step in steps if isinstance(step, Bandpass)] + [band_limit(rate, band_rate)])


def bands_of(steps: Iterable[Step], limit: float) -> Bands:
    """Return the edges (Hz) of each band-pass of steps; none goes above ``limit`` Hz."""
    return tuple((step.low, min(step.high, limit)) for step in steps if isinstance(step, Bandpass))


def stages_of(steps: Iterable[Step], fits: Fits) -> tuple[Stage, ...]:
    """Return the stages of steps; linear filters that follow one another are one stage.

    Raises
    ------
    ProcessingError
        A step does not fit the rate, or the mains frequency is unknown.
    """
    merged: list[Stage] = []
    for step in steps:
        stage = _stage_of(step, fits)
        if isinstance(stage, Sections) and merged and isinstance(merged[-1], Sections):
            merged[-1] = Sections(merged[-1].content + stage.content)
        elif stage is not None:
            merged.append(stage)
    return tuple(merged)


def _stage_of(step: Step, fits: Fits) -> Stage | None:
    """Return the stage of a step; None of one that does nothing here."""
    rate = fits.rate
    if isinstance(step, Bandpass):
        ((low, high),) = bands_of((step,), fits.limit)
        if not low < high:
            raise ProcessingError(
                f"bandpass: found a band from {low:g} Hz at {rate:g} Hz, where bands end at {high:g} Hz; expected "
                "0 < low < high. Lower the band, or read the signal at a higher rate."
            )
        return Sections.of(butterworth("bandpass", (low, high), order=step.order, rate=rate))
    if isinstance(step, Highpass | Lowpass):
        return Sections.of(butterworth(step.step, step.cutoff, order=step.order, rate=rate))
    if isinstance(step, Notch):
        only = fits.lines if step.when == "present" else None
        sections = notches(fits.line_frequency, width=step.width, q=step.q, upper=fits.upper, rate=rate, only=only)
        return Sections.of(sections) if len(sections) else None
    if isinstance(step, WaveletDenoise):
        return Shrinkage(step.wavelet, step.level, step.rule, step.shrink, step.packets)
    if isinstance(step, RmsEnvelope):
        return Rms(rms_samples(step.window, rate, causal=fits.causal))
    plain: dict[str, Stage] = {"remove_mean": Center(), "rectify": Rectify(), "tkeo": Tkeo()}
    return plain.get(step.step)
