"""Processing chains: what is done to EMG, on which kinematic grid, and what that knows of the future.

A chain is a YAML file; `PRESETS` come with the library, `envelope` is the one that serves every source. What a chain
knows of the future and by how much it lags is computed from its own stages: `Chain.lookahead` and `Chain.delay`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field, ValidationInfo, model_validator

from biomech_xr.config import Config
from biomech_xr.errors import MissingInputError, ProcessingError
from biomech_xr.process.chains import building, responses
from biomech_xr.process.chains.building import band_limit, only_interpolated, upper_edge
from biomech_xr.process.chains.steps_config import (
    Bridge,
    Grid,
    Notch,
    Step,
    causal_problem,
    knows_the_piece,
    order_problem,
)
from biomech_xr.process.chains.steps_config import Normalize as Normalize
from biomech_xr.process.engine.kernels import MIN_PIECE_SECONDS, Array
from biomech_xr.process.engine.stages import Sections, Stage
from biomech_xr.process.steps.filters import BAND_LIMIT, butterworth
from biomech_xr.process.steps.hum import harmonics
from biomech_xr.process.steps.labelled import squared
from biomech_xr.process.steps.resample import EMG_RATE, ratio, reach
from biomech_xr.vocabulary import EmgState, SignalKind

PRESETS = ("envelope", "bandpassed", "realtime", "default", "reference")

PEAK_CUTOFF = 6.0
"""Hz; second-order low-pass of the envelope whose stride maxima make the amplitude reference, whatever the product."""

JOINT_ORDER = 4
"""Order, of one pass, of the low-pass of angles and moments that a grid coarser than their own rate needs."""


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
    def _consistent(self, info: ValidationInfo) -> Self:
        if info.context == "held":  # by a part of a store, which holds what is in force there
            return self
        problem = order_problem(self.emg, self.product)
        if self.causal and not problem:
            problem = causal_problem(self.emg, self.grid, self.normalize)
        if problem:
            raise ValueError(problem)
        return self

    def stages(
        self,
        rate: float,
        *,
        state: EmgState = "raw",
        line_frequency: float = 50.0,
        band_rate: float | None = None,
        lines: Collection[float] | None = None,
    ) -> tuple[Stage, ...]:
        """Return what is done to EMG of this state, in order; linear filters that follow one another are one stage.

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
        lines
            Harmonics of the mains (Hz) that are in the signal, of those that `lines` names; all by default.

        Raises
        ------
        ProcessingError
            A step does not fit the rate: no band below the Nyquist frequency, or an unknown mains frequency.
        """
        limit, upper = band_limit(rate, band_rate), upper_edge(self.emg, rate, band_rate)
        fits = building.Fits(
            rate=rate, limit=limit, upper=upper, line_frequency=line_frequency, lines=lines, causal=self.causal
        )
        return building.stages_of(building.steps_for(self.emg, state), fits)

    def bands(self, rate: float, *, state: EmgState = "raw", band_rate: float | None = None) -> building.Bands:
        """Return the edges (Hz) that each band-pass has at this rate; the upper one may be lower than asked for."""
        return building.bands_of(building.steps_for(self.emg, state), band_limit(rate, band_rate))

    def lines(self, rate: float, *, line_frequency: float, band_rate: float | None = None) -> tuple[float, ...]:
        """Return the harmonics of the mains (Hz) of which a notch wants to know whether they are there."""
        if not self.looks_for_hum:
            return ()
        return harmonics(line_frequency, upper=upper_edge(self.emg, rate, band_rate), rate=rate)

    @property
    def looks_for_hum(self) -> bool:
        """Return whether a notch wants to know where the hum is."""
        return any(isinstance(step, Notch) and step.when == "present" for step in self.emg)

    @property
    def bridge(self) -> float:
        """Longest gap in s that is interpolated before filtering and masked afterwards; 0 without the step bridge."""
        return self.emg[0].longest if self.emg and isinstance(self.emg[0], Bridge) else 0.0

    @property
    def calibration(self) -> str:
        """What EMG knows of the whole recording and no lookahead states; stored and printed beside the lookahead."""
        known = [self.normalize.calibration]
        estimated = knows_the_piece(self.emg)
        if estimated:
            known.append(f"{estimated} are estimated on the whole gap-free piece")
        if self.looks_for_hum:
            known.append("notches are set where the spectrum of the whole trial shows the line")
        return "; ".join(known)

    def unit(self, source: str) -> str:
        """Return the unit of this chain's EMG before it is divided by its reference, of EMG in the unit ``source``."""
        return squared(source) if any(step.step == "tkeo" for step in self.emg) else source

    def refusal(
        self,
        *,
        state: EmgState,
        kind: str,
        contiguity: str,
        rate: float,
        line_frequency: float = 50.0,
        longest: float = np.inf,
    ) -> str:
        """Return why this chain cannot serve EMG of this form, or an empty text when it can.

        ``kind`` and ``contiguity`` are those of `schema.Signal`, ``rate`` in Hz (NaN for time-normalised strides);
        no piece of the signal is longer than ``longest`` s.
        """
        if state == "envelope":
            for step in self.emg:
                if step.step in ("rms_envelope", "tkeo"):
                    return f"the source publishes envelopes, and {step.step} is of raw EMG"
        if self.product == "bandpassed":
            if state == "envelope":
                return "the source publishes envelopes, which cannot be band-passed"
            if kind == "segmented":
                return "the EMG exists only time-normalised, which cannot be band-passed at a true rate"
            if self.causal and ratio(rate) != 1:
                return f"band-passed EMG at {rate:g} Hz cannot be brought to {EMG_RATE} Hz without looking ahead"
        if self.causal and kind != "continuous" and contiguity == "isolated":
            return "isolated strides have no past to start a causal filter on"
        if only_interpolated(state, kind) or np.isnan(rate):
            return ""
        try:
            stages = self.stages(rate, state=state, line_frequency=line_frequency, lines=())
        except ProcessingError as error:
            return str(error)
        needed = 0.0 if np.isinf(longest) else self._settling(stages, rate)
        if longest * rate < round(needed * rate):
            return f"every piece of the signal is shorter than the {needed:.2f} s that the steps need to settle"
        return ""

    def settling(self, rate: float, *, state: EmgState = "raw", line_frequency: float = 50.0) -> float:
        """Return the least length (s) of a gap-free piece worth filtering with zero phase.

        See `responses.settling`; at least 0.1 s. Shorter pieces are missing in the product: all of them would be edge.
        """
        return self._settling(self.stages(rate, state=state, line_frequency=line_frequency), rate)

    def _settling(self, stages: Sequence[Stage], rate: float) -> float:
        return 0.0 if self.causal else max(responses.settling(stages, rate), MIN_PIECE_SECONDS)

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
        state: EmgState = "raw",
        kind: SignalKind = "continuous",
        line_frequency: float = 50.0,
        band_rate: float | None = None,
        spacing: float = 0.0,
        kinematics_rate: float | None = None,
        maximum_duration: float | None = None,
    ) -> float:
        """Return how far (s) the products at t depend on the source's samples after t.

        The sum of `responses.lookahead` over the `stages` of EMG of this state, the longest gap bridged, half the
        resampler and the 0.5 ms by which sample 0 may precede the contact. Strides that a source cut add the spline
        that joins them: give their largest sample ``spacing`` (s); of time-normalised published envelopes this is all.
        At least `kinematics_lookahead` at ``kinematics_rate`` (Hz). Causal chains have 0. Not in it are: upstream
        processing of the source (``emg_lookahead``, ``kinematics_lookahead``); the next contact, which a phase grid
        knows; and what is estimated on whole pieces or people, see `calibration`.
        """
        if self.causal:
            return 0.0
        emg = responses.SPLINE_REACH * spacing
        if not only_interpolated(state, kind):
            stages = self.stages(rate, state=state, line_frequency=line_frequency, band_rate=band_rate)
            emg += sum(responses.lookahead(stage, rate) for stage in stages)
            emg += self.bridge + reach(rate) + 0.5 / EMG_RATE
        joints = self.kinematics_lookahead(kinematics_rate, maximum_duration) if kinematics_rate else 0.0
        return max(emg, joints)

    def kinematics_lookahead(self, rate: float, maximum_duration: float | None = None) -> float:
        """Return how far (s) angles at t depend on later samples; ``maximum_duration`` as in `joint_lowpass`."""
        if self.causal:
            return 0.0
        sections = self.joint_lowpass(rate, maximum_duration)
        return responses.SPLINE_REACH / rate + (
            0.0 if sections is None else responses.lookahead(Sections.of(sections), rate)
        )

    def delay(
        self,
        rate: float,
        *,
        state: EmgState = "raw",
        kind: SignalKind = "continuous",
        line_frequency: float = 50.0,
        band_rate: float | None = None,
        spacing: float = 0.0,
    ) -> float:
        """Return by how much (s) causal EMG lags: `responses.delay` of its stages, plus the resampler's sample.

        Parameters are those of `lookahead`: consecutive strides that a source cut are joined one sample late, which is
        all that time-normalised published envelopes lag. Zero-phase chains have 0.
        """
        if not self.causal:
            return 0.0
        if only_interpolated(state, kind):
            return spacing
        resampler = 0.0 if ratio(rate) == 1 else 1.0 / rate
        stages = self.stages(rate, state=state, line_frequency=line_frequency, band_rate=band_rate)
        return spacing + resampler + responses.delay(stages, rate, signed=state != "envelope")

    def kinematics_delay(self, rate: float, maximum_duration: float | None = None) -> float:
        """Return by how much (s) causal angles and moments lag: one native sample and the low-pass's delay at 0 Hz.

        ``maximum_duration`` as in `joint_lowpass`; 0 for zero-phase chains.
        """
        if not self.causal:
            return 0.0
        sections = self.joint_lowpass(rate, maximum_duration)
        return 1.0 / rate + (0.0 if sections is None else responses.center(sections, rate, power=1))


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
