"""Bad EMG: what cannot be processed is masked with a reason, and nothing else is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biomech_xr import process
from biomech_xr.process.plan import Plan
from biomech_xr.process.trials import reasons
from biomech_xr.process.trials.reasons import EMG_REASONS, without_reference
from biomech_xr.schema import HISTORY
from biomech_xr.store import write_patient
from tests.process.patients import SPEC, cut_trial, planned, processed, raw_emg, walking_trial

ENVELOPE, BANDPASSED, REALTIME = (process.load_chain(name) for name in ("envelope", "bandpassed", "realtime"))
VL, ST, SOL = 0, 5, 8
LEFT = np.arange(18) < 9
BRIDGED = process.load_chain("bandpassed", ["emg=[{step: bridge}, {step: bandpass, low: 20, high: 450, order: 4}]"])


def other_channels_are_whole(block: dict[str, np.ndarray]) -> None:
    assert block["emg_mask"][:, VL].all()
    assert (block["emg_reason"][:, VL] == reasons.MEASURED).all()
    assert np.isfinite(block["emg"][:, VL, HISTORY : HISTORY + 1000]).all()


def test_every_mask_has_a_reason_and_every_measured_channel_none() -> None:
    block = processed(walking_trial(), ENVELOPE)
    np.testing.assert_array_equal(block["emg_reason"] == reasons.MEASURED, block["emg_mask"])
    absent = np.delete(np.arange(13), [VL, ST, SOL])
    assert (block["emg_reason"][:, absent] == reasons.NOT_RECORDED).all()
    assert set(np.unique(block["emg_reason"])) <= set(EMG_REASONS)


@pytest.mark.parametrize("chain", [ENVELOPE, BANDPASSED, REALTIME])
@pytest.mark.parametrize(("value", "code"), [(0.0, reasons.CONSTANT), (4.7, reasons.CONSTANT), (np.nan, 1)])
def test_a_channel_that_never_changes_is_masked(chain: process.Chain, value: float, code: int) -> None:
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[:, 0, 1] = value
    block = processed(walking_trial(emg=emg), chain)
    assert not block["emg_mask"][LEFT, SOL].any()
    assert np.isnan(block["emg"][LEFT, SOL]).all()
    assert (block["emg_reason"][LEFT, SOL] == code).all()
    assert block["emg_mask"][~LEFT, SOL].all()
    other_channels_are_whole(block)


def test_a_trial_shorter_than_the_filters_settle_is_masked_and_keeps_its_angles() -> None:
    assert 0.1 < ENVELOPE.settling(1000.0) < 0.5
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[:, :, 1] = np.nan
    short = round(0.9 * ENVELOPE.settling(1000.0) * 1000)
    emg[2000 : 2000 + short, :, 1] = raw_emg(1.0, 1000.0, seed=2)[:short, :, 1]
    block = processed(walking_trial(emg=emg), ENVELOPE)
    assert (block["emg_reason"][:, SOL] == reasons.TOO_SHORT).all()
    assert np.isnan(block["emg"][:, SOL]).all()
    other_channels_are_whole(block)
    assert block["kinematics_mask"][:, 1, 2].all()
    emg[2000:2600, :, 1] = raw_emg(1.0, 1000.0, seed=2)[:600, :, 1]
    block = processed(walking_trial(emg=emg), ENVELOPE)
    assert np.isfinite(block["emg"][:, SOL]).any()
    assert (block["emg_reason"][:, SOL] == reasons.GAP).all()


def test_a_gap_says_gap_in_the_strides_that_hold_it() -> None:
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[1700:1760, 0, 1] = np.nan
    block = processed(walking_trial(emg=emg), ENVELOPE)
    assert block["emg_reason"][LEFT, SOL].tolist() == [0, reasons.GAP, 0, 0, 0, 0, 0, 0, 0]
    other_channels_are_whole(block)


@pytest.mark.parametrize("rate", [1000.0, 1925.9259])
def test_short_gaps_are_bridged_before_filtering_and_masked_after(rate: float) -> None:
    emg = raw_emg(12.0, rate, seed=0)
    whole = processed(walking_trial(emg=emg, emg_rate=rate), BRIDGED)["emg"][LEFT, SOL]
    first = round(2.2 * rate)
    count = round(0.015 * rate)
    holed = emg.copy()
    holed[first : first + count, 0, 1] = np.nan
    block = processed(walking_trial(emg=holed, emg_rate=rate), BRIDGED)
    found, reason = block["emg"][LEFT, SOL], block["emg_reason"][LEFT, SOL]
    assert reason.tolist() == [0, reasons.GAP, 0, 0, 0, 0, 0, 0, 0]
    missing = np.flatnonzero(np.isnan(found[1]) & np.isfinite(whole[1]))
    stamps = 1.6 + (missing - HISTORY) / 1000
    assert missing.size in (15, 16, 17)
    assert (stamps > first / rate - 0.0011).all()
    assert (stamps < (first + count) / rate + 0.0011).all()
    near = np.r_[missing[0] - 80 : missing[0] - 30, missing[-1] + 31 : missing[-1] + 81]
    assert np.abs(found[1, near] - whole[1, near]).max() < 0.05 * np.nanstd(whole[1])
    split = processed(walking_trial(emg=holed, emg_rate=rate), BANDPASSED)["emg"][LEFT, SOL]
    assert np.isfinite(split[1, missing[-1] + 5])
    holed[first : first + round(0.05 * rate), 0, 1] = np.nan
    longer = processed(walking_trial(emg=holed, emg_rate=rate), BRIDGED)
    assert (longer["emg_reason"][LEFT, SOL] == reason).all()
    assert np.isnan(longer["emg"][LEFT, SOL][1, missing]).all(), "50 ms are no short gap: the trial is split there"
    assert np.isnan(longer["emg"][LEFT, SOL][1, missing[-1] + 1 : missing[-1] + 30]).all()


def test_what_a_chain_refuses_is_masked_as_refused() -> None:
    block = processed(cut_trial(contiguity="isolated"), REALTIME)
    measured = [VL, ST, SOL]
    assert (block["emg_reason"][:, measured] == reasons.REFUSED).all()
    assert (np.delete(block["emg_reason"], measured, axis=1) == reasons.NOT_RECORDED).all()
    envelope = processed(replace(walking_trial(), emg_state="envelope"), BANDPASSED)
    assert (envelope["emg_reason"][:, measured] == reasons.REFUSED).all()
    assert np.isfinite(envelope["kinematics"][:, 1, 2]).any()


def test_a_run_of_one_stride_is_refused_by_causal_chains_and_the_rest_is_kept() -> None:
    trial = cut_trial(contiguity="consecutive", state="raw", emg_points=2001)
    table = trial.strides.drop(index=1).reset_index(drop=True)
    block = processed(replace(trial, strides=table), REALTIME)
    assert (block["emg_reason"][0, [VL, SOL]] == reasons.REFUSED).all()
    assert not block["emg_mask"][0].any()
    assert np.isfinite(block["emg"][1:, SOL, HISTORY:]).any(axis=1).all()


def test_without_a_reference_a_channel_says_so() -> None:
    reason = np.array([[0, 0, 1, 5]], dtype=np.float32)
    scale = np.array([[2.0, np.nan, np.nan, np.nan]], dtype=np.float32)
    assert without_reference(reason, scale).tolist() == [[0, reasons.NO_REFERENCE, 1, 5]]


def test_reasons_are_stored_with_the_product() -> None:
    plan: Plan = planned([walking_trial()], ENVELOPE)
    assert plan.template["emg_reason"][0] == ("stride", "channel")
    assert plan.attrs["emg_reasons"]["2"].startswith("constant")
    assert plan.attrs["calibration"] == ENVELOPE.calibration


@pytest.mark.parametrize("name", ["default", "reference"])
def test_the_wavelet_presets_keep_the_bursts_of_raw_emg(name: str) -> None:
    chain = process.load_chain(name)
    trial = walking_trial()
    unshrunk = chain.model_copy(update={"emg": chain.emg[:-1]})
    found, plain = (processed(trial, one) for one in (chain, unshrunk))
    np.testing.assert_array_equal(found["emg_mask"], plain["emg_mask"])
    inside = np.isfinite(found["emg"][:, SOL])
    assert np.corrcoef(found["emg"][:, SOL][inside], plain["emg"][:, SOL][inside])[0, 1] > 0.8
    assert 0.6 < np.nanstd(found["emg"][:, SOL]) / np.nanstd(plain["emg"][:, SOL]) < 1


def test_reasons_and_maximum_contractions_reach_the_dataset(tmp_path: Path) -> None:
    contacts = {"left": 0.5 + 1.1 * np.arange(5)}
    emg = raw_emg(7.0, 1000.0, seed=0)
    emg[:, 0, 2] = 1.0
    walk = walking_trial(seconds=7.0, emg=emg, contacts=contacts)
    push = walking_trial(
        trial="push", seconds=7.0, emg=8 * raw_emg(7.0, 1000.0, seed=1), contacts=contacts, source_activity="MVC"
    )
    write_patient(str(tmp_path), SPEC, [walk, push], config_hash="x")
    chain = process.load_chain("envelope", ["normalize={kind: mvc}"])
    found = process.strides(str(tmp_path), process.ProcessConfig(dataset="made", chain=chain)).compute()
    np.testing.assert_array_equal(found["emg_mask"], found["emg_reason"] == reasons.MEASURED)
    walked = found["trial"].values == "walk_1"
    assert walked.sum() == 4
    assert (found["emg_reason"].values[walked, ST] == reasons.CONSTANT).all()
    assert (found["emg_reason"].values[:, 1] == reasons.NOT_RECORDED).all()
    inside = found["emg"].values[..., HISTORY : HISTORY + 1100]
    assert inside[~walked][:, [VL, SOL]].max() == pytest.approx(1.0, abs=1e-3)
    assert 0 < inside[walked][:, [VL, SOL]].max() < 0.5
    first = process.load_chain("envelope", ["normalize={kind: first_strides, strides: 3}"])
    late = process.strides(str(tmp_path), process.ProcessConfig(dataset="made", chain=first)).compute()
    assert (late["emg_reason"] == reasons.NO_REFERENCE).sum() >= 3


def test_a_piece_too_short_for_wavelet_packets_is_masked_and_the_rest_of_the_trial_kept() -> None:
    chain = process.load_chain("reference")
    assert chain.settling(1000.0) == pytest.approx(6.656, abs=1e-3), "(14 taps - 1) 2^9 samples"
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[8000:8010, 0, 1] = np.nan
    block = processed(walking_trial(emg=emg), chain)
    assert block["emg_reason"][LEFT, SOL].tolist() == [0, 0, 0, 0, 0, 0, reasons.GAP, *2 * [reasons.TOO_SHORT]]
    other_channels_are_whole(block)
    settled = process.load_chain(
        "bandpassed", ["emg=[{step: wavelet_denoise, wavelet: db4, level: 9, rule: sure, shrink: soft}]"]
    )
    assert settled.settling(1000.0) == pytest.approx(7 * 512 / 1000)


def test_a_stride_of_a_piece_too_short_says_so_and_one_with_a_gap_says_gap() -> None:
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[2690:2700, 0, 1] = emg[3810:3820, 0, 1] = np.nan
    narrow = process.load_chain("bandpassed", ["emg=[{step: notch, q: 100}]"])
    assert 1.11 < narrow.settling(1000.0) < 2.69
    block = processed(walking_trial(emg=emg), narrow)
    assert block["emg_reason"][LEFT, SOL].tolist() == [0, reasons.GAP, reasons.TOO_SHORT, reasons.GAP, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("chain", [ENVELOPE, BANDPASSED, REALTIME, BRIDGED], ids=lambda chain: str(chain.name))
@pytest.mark.parametrize(("rate", "first", "count"), [(2000.0, 6001, 1), (2000.0, 6000, 1), (4000.0, 12001, 3)])
def test_a_gap_between_two_samples_of_the_product_is_a_gap(
    chain: process.Chain, rate: float, first: int, count: int
) -> None:
    emg = raw_emg(12.0, rate, seed=0)
    emg[first : first + count, 0, 1] = np.nan
    block = processed(walking_trial(emg=emg, emg_rate=rate), chain)
    assert block["emg_reason"][LEFT, SOL].tolist() == [0, 0, reasons.GAP, 0, 0, 0, 0, 0, 0]
    other_channels_are_whole(block)
    missing = np.flatnonzero(np.isnan(block["emg"][2, SOL, HISTORY : HISTORY + 1100]))
    assert 300 <= missing[0] <= missing[-1] <= 301, "the gap lies 300 to 301 ms after contact"


@pytest.mark.parametrize("rate", [1000.0, 2000.0])
def test_a_bridged_stride_is_in_no_amplitude_reference(rate: float) -> None:
    smooth = "{step: rectify}, {step: lowpass, cutoff: 6, order: 2}"
    band = "{step: bridge}, {step: bandpass, low: 20, high: 450, order: 4}"
    chains = [
        process.load_chain("bandpassed", [f"emg=[{band}]"]),
        process.load_chain("envelope", [f"emg=[{band}, {smooth}]"]),
        process.load_chain("envelope", [f"emg=[{band}, {{step: rms_envelope, window: 0.1}}]"]),
    ]
    emg = raw_emg(12.0, rate, seed=0)
    emg[round(2.2 * rate) : round(2.21 * rate), 0, 1] = np.nan
    for chain in chains:
        peaks = processed(walking_trial(emg=emg, emg_rate=rate), chain)["peaks"][LEFT, SOL]
        assert np.isnan(peaks).tolist() == [False, True, *7 * [False]]


def test_zeros_before_a_constant_are_a_constant() -> None:
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[:, 0, 1] = 5.0
    emg[:1000, 0, 1] = 0.0
    block = processed(walking_trial(emg=emg), ENVELOPE)
    assert (block["emg_reason"][LEFT, SOL] == reasons.CONSTANT).all()
    other_channels_are_whole(block)


@pytest.mark.parametrize("chain", ["envelope", "realtime"])
@pytest.mark.parametrize(("step", "quiet"), [(1e-4, 60), (1e-4, 15), (0.05, 60)])
def test_zeros_that_no_electrode_gives_are_a_gap(chain: str, step: float, quiet: int) -> None:
    emg = np.round(raw_emg(12.0, 1000.0, seed=0) / step) * step
    emg[3000 : 3000 + quiet, 0, 1] = 0
    found = processed(walking_trial(emg=emg), process.load_chain(chain))
    left = np.arange(18) < 9
    dropout = chain == "envelope" and step < 1e-3 and quiet > 20
    times = 0.5 + 1.1 * np.arange(9)
    hit = (times < 3.0 + quiet / 1000) & (times + 1.1 > 3.0)
    assert found["emg_mask"][left, SOL].tolist() == (~(hit & dropout)).tolist()
    assert found["emg_mask"][~left, SOL].all()
    expected = np.where(hit & dropout, reasons.GAP, reasons.MEASURED)
    assert found["emg_reason"][left, SOL].tolist() == expected.tolist()


def test_emg_at_a_rate_that_leaves_no_band_is_refused_and_nothing_else_is_lost() -> None:
    block = processed(walking_trial(emg_rate=40.0), ENVELOPE)
    assert not block["emg_mask"].any()
    assert (block["emg_reason"][:, SOL] == reasons.REFUSED).all()
    assert block["kinematics_mask"][:, 1, 2].all()
