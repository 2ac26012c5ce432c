"""From a step of a chain to the stage that the engine runs, at one rate."""

from __future__ import annotations

from collections.abc import Collection

from biomech_xr.process.filters import butterworth, notches
from biomech_xr.process.responses import rms_samples
from biomech_xr.process.stages import Center, Rectify, Rms, Sections, Shrinkage, Stage, Tkeo
from biomech_xr.process.steps_config import Bandpass, Highpass, Lowpass, Notch, RmsEnvelope, Step, WaveletDenoise


def stage_of(
    step: Step,
    *,
    rate: float,
    upper: float,
    line_frequency: float,
    lines: Collection[float] | None,
    causal: bool,
) -> Stage | None:
    """Return the stage of a step; None of one that does nothing here.

    Parameters
    ----------
    rate
        Sampling frequency in Hz.
    upper
        Upper edge of the band in Hz, below which notches are set.
    lines
        Harmonics of the mains (Hz) that are in the signal; all where not given.

    Raises
    ------
    ProcessingError
        The step does not fit the rate, or the mains frequency is unknown.
    """
    if isinstance(step, Bandpass):
        return Sections.of(butterworth("bandpass", (step.low, upper), order=step.order, rate=rate))
    if isinstance(step, Highpass | Lowpass):
        return Sections.of(butterworth(step.step, step.cutoff, order=step.order, rate=rate))
    if isinstance(step, Notch):
        only = lines if step.when == "present" else None
        sections = notches(line_frequency, width=step.width, q=step.q, upper=upper, rate=rate, only=only)
        return Sections.of(sections) if len(sections) else None
    if isinstance(step, WaveletDenoise):
        return Shrinkage(step.wavelet, step.level, step.rule, step.shrink, step.packets)
    if isinstance(step, RmsEnvelope):
        return Rms(rms_samples(step.window, rate, causal=causal))
    plain: dict[str, Stage] = {"remove_mean": Center(), "rectify": Rectify(), "tkeo": Tkeo()}
    return plain.get(step.step)
