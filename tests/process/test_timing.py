"""The stored delay and lookahead of EMG, in every state and kind, against what is measured on the product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from biomech_xr import process
from biomech_xr.schema import HISTORY, Trial
from tests.process.patients import cut_trial, emg_values, planned, processed, walking_trial

ENVELOPE, REALTIME = process.load_chain("envelope"), process.load_chain("realtime")
SOL = 8
DURATIONS = (1.0, 1.1, 0.95, 1.05, 1.0, 1.1)
PITCH = 1.0
"""Hz of the modulation."""


def continuous(state: str, rate: float) -> Trial:
    """Return a trial whose EMG is modulated in closed form: an envelope, or noise of many frequencies times it."""
    t = np.arange(round(12 * rate)) / rate
    shape = 1.2 + np.sin(2 * np.pi * PITCH * t)
    carrier = np.ones((t.size, 2, 3)) if state == "envelope" else hiss(t)[:, None, None].repeat(2, 1).repeat(3, 2)
    return replace(walking_trial(emg=carrier * shape[:, None, None], emg_rate=rate), emg_state=state)


def hiss(t: np.ndarray) -> np.ndarray:
    """Return a tone of 115 Hz, far from edges and notches: it lags by up to 5 ms less than the energy of all of EMG."""
    return np.asarray(np.sqrt(2) * np.sin(2 * np.pi * 115 * t))


def cut(state: str, kind: str, points: int = 1501) -> Trial:
    """Return consecutive cut strides of the same closed form."""
    trial = cut_trial(contiguity="consecutive", state="envelope", durations=DURATIONS, emg_points=points)
    signal = trial.signals["emg"]
    starts = np.concatenate(([0.0], np.cumsum(DURATIONS)[:-1]))
    sizes = [int(np.ceil(d * 1000 - 1e-6)) for d in DURATIONS]
    grids = [
        s + (np.arange(n) / 1000 if kind == "ragged" else d * np.arange(points) / (points - 1))
        for s, d, n in zip(starts, DURATIONS, sizes, strict=True)
    ]
    t = np.concatenate(grids)
    values = (1.2 + np.sin(2 * np.pi * PITCH * t)) * (1.0 if state == "envelope" else hiss(t))
    own = emg_values(values[:, None, None].repeat(3, axis=2), ("right",))
    shape = {"points": 0, "lengths": tuple(sizes), "sampling_frequency": 1000.0} if kind == "ragged" else {}
    changed = replace(signal, kind=kind, values=own, **shape)
    return replace(trial, emg_state=state, signals={"emg": changed})


def lag(trial: Trial, chain: process.Chain, starts: np.ndarray) -> float:
    """Return by how much (s) the modulation of the product lags, of strides late enough to have settled."""
    found = processed(trial, chain)["emg"][:, SOL, HISTORY : HISTORY + 900].astype(float)
    whole = np.isfinite(found).all(axis=1) & (starts > 1.5)
    assert whole.any()
    t = starts[whole, None] + np.arange(900) / 1000
    basis = np.stack([np.ones(t.size), np.sin(2 * np.pi * PITCH * t.ravel()), np.cos(2 * np.pi * PITCH * t.ravel())])
    _, sine, cosine = np.linalg.lstsq(basis.T, found[whole].ravel(), rcond=None)[0]
    return float(-np.arctan2(cosine, sine) / (2 * np.pi * PITCH))


CUT = [("raw", "segmented"), ("raw", "ragged"), ("bandpassed", "ragged"), ("envelope", "segmented")]
CUT.append(("envelope", "ragged"))


@pytest.mark.parametrize(("state", "kind"), CUT)
def test_the_stored_delay_of_cut_emg_is_the_measured_one(state: str, kind: str) -> None:
    trial = cut(state, kind)
    starts = np.concatenate(([0.0], np.cumsum(DURATIONS)[:-1]))
    stored = planned([trial], REALTIME, emg_state=state).attrs["emg_delay"]
    assert stored == pytest.approx(lag(trial, REALTIME, starts), abs=0.005 if state != "envelope" else 0.0007)


@pytest.mark.parametrize(
    ("state", "rate"), [("raw", 1000.0), ("raw", 1925.9259), ("bandpassed", 1111.11), ("envelope", 1000.0)]
)
def test_the_stored_delay_of_continuous_emg_is_the_measured_one(state: str, rate: float) -> None:
    trial = continuous(state, rate)
    stored = planned([trial], REALTIME, emg_state=state).attrs["emg_delay"]
    measured = lag(trial, REALTIME, trial.strides["trial_time"].to_numpy())
    assert stored == pytest.approx(measured, abs=0.005 if state != "envelope" else 0.0007)
    found = process.filter_emg(
        trial.signals["emg"].values, REALTIME, line_frequency=50.0, state=state, sampling_frequency=rate
    )
    assert found.attrs["delay"] == pytest.approx(stored - (0 if rate == 1000 else 1 / rate), abs=1e-9)


@pytest.mark.parametrize("rate", [40.0, 100.0, 148.15])
def test_envelopes_at_a_low_rate_are_planned_with_their_own_delay_and_lookahead(rate: float) -> None:
    trial = continuous("envelope", rate)
    causal, whole = (planned([trial], chain, emg_state="envelope").attrs for chain in (REALTIME, ENVELOPE))
    measured = lag(trial, REALTIME, trial.strides["trial_time"].to_numpy())
    assert causal["emg_delay"] == pytest.approx(measured, abs=0.001)
    assert whole["lookahead"] == pytest.approx(ENVELOPE.lookahead(rate, state="envelope"))
    assert whole["emg_bands"] == {}


def reach(trials: list[Trial], at: float, chain: process.Chain, start: float, stride: int) -> float:
    """Return how long (s) before ``at`` the product of one stride begins to differ by 1e-4 SD."""
    a, b = (processed(one, chain)["emg"][stride, SOL].astype(float) for one in trials)
    t = start + np.arange(-HISTORY, a.size - HISTORY) / 1000
    differs = np.abs(a - b) > 1e-4 * np.nanstd(a)
    return float(at - t[differs].min())


@pytest.mark.parametrize(
    ("state", "points"), [("envelope", 1001), ("envelope", 101), ("raw", 201)], ids=["fine", "coarse", "raw"]
)
def test_the_lookahead_of_cut_emg_is_that_of_the_spline_and_the_steps_it_goes_through(state: str, points: int) -> None:
    chain = ENVELOPE
    if state == "raw":
        chain = process.load_chain("envelope", ["emg=[{step: rms_envelope, window: 0.01}]"])
    trial = cut(state, "segmented", points)
    values = trial.signals["emg"].values
    row = points + points // 2
    other = values.copy()
    other[row:] += 0.7
    pair = [trial, replace(trial, signals={"emg": replace(trial.signals["emg"], values=other)})]
    known = planned([trial], chain, emg_state=state).attrs["lookahead_chain"]
    spacing = 1.1 / (points - 1)
    measured = reach(pair, 1.0 + spacing * (points // 2), chain, 1.0, 1)
    assert measured <= known
    assert known == pytest.approx(7 * spacing + (0.0055 if state == "raw" else 0.0), abs=0.001)
    assert measured > 0.5 * known, "a bound that any number would satisfy says nothing"


def test_a_product_says_which_band_its_emg_has() -> None:
    slow, fast = (replace(continuous("raw", rate), trial=f"walk_{rate:g}") for rate in (800.0, 1925.9259))
    slow, fast = (replace(one, strides=one.strides.assign(trial=one.trial)) for one in (slow, fast))
    assert planned([slow, fast], ENVELOPE).attrs["emg_bands"] == {"800": [[20.0, 360.0]], "1925.93": [[20.0, 450.0]]}
    found = process.filter_emg(slow.signals["emg"].values, ENVELOPE, line_frequency=50.0, sampling_frequency=800.0)
    assert found.attrs["emg_bands"] == [[20.0, 360.0]]
