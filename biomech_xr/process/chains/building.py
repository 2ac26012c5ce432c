"""From the steps of a chain to the stages that the engine runs, at one rate."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from biomech_xr.process.chains.responses import rms_samples
from biomech_xr.process.chains.steps_config import Bandpass, Highpass, Lowpass, Notch, RmsEnvelope, Step, WaveletDenoise
from biomech_xr.process.engine.stages import Center, Rectify, Rms, Sections, Shrinkage, Stage, Tkeo
from biomech_xr.process.steps.filters import butterworth, notches


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
        return Sections.of(butterworth("bandpass", (step.low, min(step.high, fits.limit)), order=step.order, rate=rate))
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
