"""One trial: filter then cut, history, masks, grids, gaps, artefacts; continuous, consecutive and isolated strides."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from biomech_xr import process
from biomech_xr import vocabulary as words
from biomech_xr.errors import ProcessingError
from biomech_xr.process.trials.trial import process_recording
from biomech_xr.schema import AFTER, BEFORE, HISTORY
from tests.process.patients import (
    SPEC,
    FakePatient,
    cut_trial,
    emg_values,
    joint_values,
    knee_angle,
    processed,
    raw_emg,
    walking_trial,
)

VL, ST, SOL = (words.MUSCLES.index(name) for name in ("vastus_lateralis", "semitendinosus", "soleus"))
ENVELOPE, BANDPASSED, REALTIME = (process.load_chain(name) for name in ("envelope", "bandpassed", "realtime"))


@pytest.mark.parametrize("chain", [ENVELOPE, BANDPASSED, REALTIME], ids=lambda chain: str(chain.name))
def test_emg_at_1000_hz_is_the_filtered_continuous_trial_with_real_history(chain: process.Chain) -> None:
    trial = walking_trial()
    block = processed(trial, chain)
    whole = process.filter_emg(
        trial.signals["emg"].values, chain, line_frequency=50.0, sampling_frequency=1000.0, dim="sample"
    )
    for i, stride in enumerate(trial.strides.itertuples()):
        contact = round(stride.trial_time * 1000)
        owned = round(stride.duration * 1000)
        expected = whole.sel(side=stride.side, channel="soleus").values[contact - HISTORY : contact + owned]
        np.testing.assert_array_equal(block["emg"][i, SOL, : HISTORY + owned], expected)
        assert np.isnan(block["emg"][i, SOL, HISTORY + owned :]).all()
    assert (block["emg_history"] == HISTORY).all()


@pytest.mark.parametrize("rate", [1000.0, 1111.11])
@pytest.mark.parametrize("cutoff", [2, 25])
def test_the_amplitude_reference_is_that_of_a_6_hz_envelope_whatever_the_chain_smooths_with(
    cutoff: float, rate: float
) -> None:
    trial = walking_trial(emg_rate=rate)
    lowpass = ENVELOPE.emg[3].model_copy(update={"cutoff": float(cutoff)})
    other = ENVELOPE.model_copy(update={"emg": (*ENVELOPE.emg[:3], lowpass)})
    expected, found = processed(trial, ENVELOPE)["peaks"], processed(trial, other)["peaks"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    bandpassed = processed(trial, BANDPASSED)["peaks"]
    np.testing.assert_allclose(bandpassed, expected, rtol=1e-5)
    inside = processed(trial, ENVELOPE)["emg"][..., HISTORY:]
    np.testing.assert_array_equal(np.nanmax(inside[:, SOL], axis=-1), expected[:, SOL])


def test_channels_the_source_lacks_are_missing_and_masked_and_a_substitute_is_used() -> None:
    block = processed(walking_trial(), ENVELOPE)
    measured = np.zeros(13, dtype=bool)
    measured[[VL, ST, SOL]] = True
    np.testing.assert_array_equal(block["emg_mask"], np.broadcast_to(measured, (18, 13)))
    np.testing.assert_array_equal(block["emg_coverage"], block["emg_mask"].astype(np.float32))
    assert np.isnan(block["emg"][:, ~measured]).all()


def test_a_constant_zero_channel_is_not_measured() -> None:
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[:, 0, 1] = 0.0
    block = processed(walking_trial(emg=emg), ENVELOPE)
    left = np.arange(18) < 9
    np.testing.assert_array_equal(block["emg_mask"][:, SOL], ~left)
    assert np.isnan(block["emg"][left, SOL]).all()
    assert np.isnan(block["peaks"][left, SOL]).all()


def test_history_before_the_recording_is_missing_never_padding() -> None:
    trial = walking_trial(contacts={"left": np.array([0.1, 1.2, 2.3])})
    block = processed(trial, ENVELOPE)
    assert block["emg_history"].tolist() == [100, 250]
    assert np.isnan(block["emg"][0, SOL, :150]).all()
    assert np.isfinite(block["emg"][0, SOL, 150]).all()


def test_history_does_not_reach_over_a_gap_and_coverage_says_how_much_is_there() -> None:
    emg = raw_emg(12.0, 1000.0, seed=0)
    emg[1500:1560, 0, 1] = np.nan
    trial = walking_trial(emg=emg, contacts={"left": np.array([0.5, 1.6, 2.7])})
    block = processed(trial, ENVELOPE)
    assert block["emg_mask"][:, SOL].tolist() == [False, True]
    assert block["emg_coverage"][0, SOL] == pytest.approx(1 - 60 / 1100)
    assert np.isfinite(block["emg"][0, SOL, HISTORY : HISTORY + 1000]).all()
    assert block["emg_history"][1] == 40
    assert np.isnan(block["emg"][1, SOL, : HISTORY - 40]).all()


@pytest.mark.parametrize("rate", [1111.11, 1920.0, 2000.0])
def test_other_rates_are_stamped_within_half_a_sample(rate: float) -> None:
    t = np.arange(round(12 * rate)) / rate
    tone = np.sin(2 * np.pi * 35 * t)[:, None, None] * np.ones((1, 2, 3))
    trial = walking_trial(emg_rate=rate, emg=tone)
    block = processed(trial, process.load_chain("bandpassed", ["emg=[{step: highpass, cutoff: 1, order: 1}]"]))
    k = np.arange(1000)
    for i, contact in enumerate(trial.strides["trial_time"]):
        if not 1.5 < contact < 9:
            continue
        found = block["emg"][i, SOL, HISTORY : HISTORY + 1000]
        angles = [np.sin(2 * np.pi * 35 * (contact + k / 1000 + shift)) for shift in (-5e-4, 0.0, 5e-4)]
        slack = 0.01
        assert (found <= np.max(angles, axis=0) + slack).mean() > 0.95
        basis = np.stack([np.sin(2 * np.pi * 35 * k / 1000), np.cos(2 * np.pi * 35 * k / 1000)])
        sine, cosine = np.linalg.lstsq(basis.T, found, rcond=None)[0]
        error = np.angle(np.exp(1j * (np.arctan2(cosine, sine) - 2 * np.pi * 35 * contact))) / (2 * np.pi * 35)
        assert abs(error) < 5.5e-4
        assert np.hypot(sine, cosine) == pytest.approx(1.0, abs=0.01)


def test_phase_grid_is_k_over_p_with_before_and_after_at_the_same_spacing() -> None:
    trial = walking_trial()
    block = processed(trial, ENVELOPE)
    for i, stride in enumerate(trial.strides.itertuples()):
        if not 1 < stride.trial_time < 9:
            continue
        shift = 0.5 if stride.side == "right" else 0.0
        stored = [block[name][i, 1, 2] for name in ("kinematics_before", "kinematics", "kinematics_after")]
        k = np.arange(-BEFORE, 200 + AFTER)
        expected = knee_angle(stride.trial_time + k * stride.duration / 200 + shift)
        assert np.abs(np.concatenate(stored) - expected).max() < 0.02
    assert block["kinematics_mask"][:, 1, 2].all()
    assert block["kinematics_mask"].sum() == 18
    assert (block["kinematics_history"] == BEFORE).all()
    assert (block["kinematics_future"][:8] == AFTER).all()


def test_nothing_is_made_up_beyond_the_recording() -> None:
    trial = walking_trial(seconds=3.0, contacts={"left": np.array([0.01, 1.0, 1.99, 2.95])})
    block = processed(trial, ENVELOPE)
    assert block["kinematics_history"].tolist() == [2, 4, 4]
    assert block["kinematics_future"][1] == AFTER
    last = np.isfinite(block["kinematics_after"][2, 1, 2])
    assert block["kinematics_future"][2] == last.sum() == 9
    assert not last[9:].any()


def test_gaps_of_moments_stay_gaps() -> None:
    trial = walking_trial()
    moment = trial.signals["kinetics"].values.copy()
    moment[250:270, 0] = np.nan
    trial = replace(trial, signals={**trial.signals, "kinetics": replace(trial.signals["kinetics"], values=moment)})
    block = processed(trial, ENVELOPE)
    phase = np.arange(200) / 200
    time = trial.strides["trial_time"][1] + phase * 1.1
    inside = (time > 2.491) & (time < 2.699)
    assert np.isnan(block["kinetics"][1, 1, 2, inside]).all()
    assert np.isfinite(block["kinetics"][1, 1, 2, (time <= 2.49) | (time >= 2.70)]).all()
    assert not block["kinetics_mask"][1, 1, 2]
    assert block["kinetics_coverage"][1, 1, 2] == pytest.approx(1 - 0.21 / 1.1, abs=0.01)
    assert not block["kinetics_artefact"].any()


def test_plate_artefacts_are_blanked_with_two_frames_around_them_and_flagged() -> None:
    trial = walking_trial()
    moment = trial.signals["kinetics"].values.copy()
    moment[200, 1, 1, 2] = -8.0
    trial = replace(trial, signals={**trial.signals, "kinetics": replace(trial.signals["kinetics"], values=moment)})
    block = processed(trial, ENVELOPE)
    right = trial.strides["side"].to_numpy() == "right"
    hit = right & (trial.strides["trial_time"] <= 2.0).to_numpy() & (trial.strides["trial_time"] > 0.95).to_numpy()
    np.testing.assert_array_equal(block["kinetics_artefact"], hit)
    (row,) = np.flatnonzero(hit)
    time = trial.strides["trial_time"][row] + np.arange(200) * 1.1 / 200
    missing = np.isnan(block["kinetics"][row, 1, 2])
    np.testing.assert_array_equal(missing, (time > 1.97 + 1e-9) & (time < 2.03 - 1e-9))
    assert np.nanmax(np.abs(block["kinetics"][row])) < 1.0


def test_grid_in_hz_ends_with_the_stride_and_continues_after_it() -> None:
    chain = process.load_chain("envelope", ["grid={rate: 100}"])
    trial = walking_trial(contacts={"left": np.array([1.0, 2.055, 3.2])})
    block = processed(trial, chain)
    assert block["kinematics"].shape == (2, 3, 3, 160)
    angles = block["kinematics"][0, 1, 2]
    np.testing.assert_allclose(angles[:106], knee_angle(1.0 + np.arange(106) / 100), atol=0.02)
    assert np.isnan(angles[106:]).all()
    np.testing.assert_allclose(
        block["kinematics_after"][0, 1, 2], knee_angle(1.0 + (106 + np.arange(AFTER)) / 100), atol=0.02
    )
    assert block["kinematics_mask"][:, 1, 2].all()


def test_causal_grid_is_delayed_by_one_native_sample() -> None:
    trial = walking_trial(contacts={"left": np.array([1.0, 2.0, 3.0])})
    block = processed(trial, REALTIME)
    native = trial.signals["kinematics"].values.sel(side="left", joint="knee", motion="flexion").values
    np.testing.assert_array_equal(block["kinematics"][0, 1, 2, :100], native[99:199])
    np.testing.assert_array_equal(block["kinematics_before"][0, 1, 2], native[95:99])


@pytest.mark.parametrize("endpoint", [True, False])
def test_isolated_strides_have_no_neighbors(endpoint: bool) -> None:
    block = processed(cut_trial(contiguity="isolated", endpoint=endpoint), ENVELOPE)
    assert np.isnan(block["kinematics_before"]).all()
    assert np.isnan(block["kinematics_after"]).all()
    assert (block["emg_history"] == 0).all()
    assert (block["kinematics_history"] == 0).all()
    assert np.isnan(block["emg"][..., :HISTORY]).all()
    starts = np.array([0.0, 1.0, 2.1, 3.05])
    durations = np.array([1.0, 1.1, 0.95, 1.05])
    for i in range(4):
        expected = knee_angle(starts[i] + durations[i] * np.arange(200) / 200)
        assert np.abs(block["kinematics"][i, 1, 2] - expected).max() < 0.02
        owned = round(durations[i] * 1000)
        envelope = 1 + np.sin(2 * np.pi * (starts[i] + np.arange(owned) / 1000))
        np.testing.assert_allclose(block["emg"][i, SOL, HISTORY : HISTORY + owned], envelope, atol=1e-4)
        assert np.isnan(block["emg"][i, SOL, HISTORY + owned :]).all()
    assert block["emg_mask"][:, SOL].all()
    assert block["kinematics_mask"][:, 1, 2].all()


def test_consecutive_strides_give_one_another_history() -> None:
    block = processed(cut_trial(contiguity="consecutive"), ENVELOPE)
    assert block["emg_history"].tolist() == [0, 250, 250, 250]
    assert block["kinematics_history"].tolist() == [0, 4, 4, 4]
    assert block["kinematics_future"].tolist() == [80, 80, 80, 0]
    before = knee_angle(1.0 + np.arange(-BEFORE, 0) * 1.1 / 200)
    assert np.abs(block["kinematics_before"][1, 1, 2] - before).max() < 0.02
    history = 1 + np.sin(2 * np.pi * (1.0 + np.arange(-HISTORY, 0) / 1000))
    np.testing.assert_allclose(block["emg"][1, SOL, :HISTORY], history, atol=1e-4)
    assert block["emg"][np.isfinite(block["emg"])].min() >= 0


def test_a_missing_neighbor_breaks_the_run() -> None:
    trial = cut_trial(contiguity="consecutive")
    table = trial.strides.drop(index=1).reset_index(drop=True)
    block = processed(replace(trial, strides=table), ENVELOPE)
    assert block["emg_history"].tolist() == [0, 0, 250]
    assert block["kinematics_history"].tolist() == [0, 0, 4]


def test_raw_consecutive_strides_are_joined_before_filtering() -> None:
    joined = processed(cut_trial(contiguity="consecutive", state="raw", emg_points=2001), ENVELOPE)
    alone = processed(cut_trial(contiguity="isolated", state="raw", emg_points=2001), ENVELOPE)
    assert joined["emg_mask"][:, SOL].all()
    assert alone["emg_mask"][:, SOL].all()
    a, b = joined["emg"][1, SOL], alone["emg"][1, SOL]
    middle = slice(HISTORY + 500, HISTORY + 600)
    edge = slice(HISTORY, HISTORY + 20)
    np.testing.assert_allclose(a[middle], b[middle], atol=5e-3)
    assert np.abs(a[edge] - b[edge]).max() > 0.02


def test_ragged_strides_keep_their_native_samples() -> None:
    lengths = (1000, 1100, 950)
    emg = raw_emg(3.05, 1000.0, seed=5)[:, :1]
    trial = cut_trial(contiguity="consecutive", durations=(1.0, 1.1, 0.95), state="raw")
    ragged = replace(
        trial.signals["emg"],
        kind="ragged",
        values=emg_values(emg, ("right",)),
        sampling_frequency=1000.0,
        points=0,
        lengths=lengths,
    )
    block = processed(replace(trial, signals={**trial.signals, "emg": ragged}), ENVELOPE)
    whole = process.filter_emg(
        ragged.values, ENVELOPE, line_frequency=50.0, sampling_frequency=1000.0, dim="sample"
    ).sel(side="right", channel="soleus")
    np.testing.assert_allclose(block["emg"][1, SOL, : HISTORY + 1100], whole.values[750:2100], atol=1e-5)
    assert block["emg_mask"][:, SOL].all()


def test_isolated_strides_have_no_causal_emg_but_keep_their_angles() -> None:
    block = processed(cut_trial(contiguity="isolated"), REALTIME)
    assert not block["emg_mask"].any()
    assert np.isnan(block["emg"]).all()
    assert np.isfinite(block["kinematics"][:, 1, 2, 2:90]).all()


def test_an_error_names_patient_trial_and_what_was_wrong() -> None:
    facts = FakePatient([walking_trial()], {**asdict(SPEC), "line_frequency": 0.0})
    rows = facts.strides[["side", "stride_number"]]
    with pytest.raises(ProcessingError, match=r"made-A: trial walk_1: emg.*envelope.*50 or 60 Hz"):
        process_recording(facts, "walk_1", rows, ENVELOPE, time_size=1850)


def test_one_sided_kinematics_leave_the_other_side_missing() -> None:
    trial = walking_trial()
    right = knee_angle(np.arange(1200) / 100)[:, None]
    kinematics = replace(trial.signals["kinematics"], values=joint_values(right, ("right",)))
    block = processed(replace(trial, signals={**trial.signals, "kinematics": kinematics}), ENVELOPE)
    is_right = trial.strides["side"].to_numpy() == "right"
    np.testing.assert_array_equal(block["kinematics_mask"][:, 1, 2], is_right)
    assert np.isnan(block["kinematics"][~is_right]).all()
    assert (block["kinematics_history"][~is_right] == 0).all()
