"""What an input at time t knows of the raw signal after t, by intervention on the raw trial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from biomech_xr import process
from biomech_xr.process.steps.normalize import amplitude_reference
from biomech_xr.schema import BEFORE, HISTORY
from tests.process.patients import (
    cut_trial,
    emg_values,
    knee_angle,
    planned,
    processed,
    raw_emg,
    walking_trial,
)

RATE_OF_JOINTS = 100.0
SOL = 8


def pair(at: float, rate: float, joints: float = RATE_OF_JOINTS):  # type: ignore[no-untyped-def]
    """Return two trials with the same strides that are identical before ``at`` (s) and different from then on."""
    seconds = 12.0
    t = np.arange(round(seconds * joints)) / joints
    emg, other_emg = raw_emg(seconds, rate, seed=1), 3 * raw_emg(seconds, rate, seed=2)
    angles = np.stack([knee_angle(t), knee_angle(t + 0.5)], axis=1)
    other_angles = -40 + 2 * angles[::-1]
    mixed = np.where((np.arange(len(emg)) / rate < at)[:, None, None], emg, other_emg)
    mixed_angles = np.where((t < at)[:, None], angles, other_angles)
    contacts = {"left": 0.513 + 1.0871 * np.arange(10), "right": 1.05 + 1.1 * np.arange(10)}
    one = walking_trial(emg=emg, angles=angles, emg_rate=rate, joint_rate=joints, contacts=contacts)
    two = walking_trial(emg=mixed, angles=mixed_angles, emg_rate=rate, joint_rate=joints, contacts=contacts)
    return one, two


def stamps(trial, block, grid: int):  # type: ignore[no-untyped-def]
    """Return the trial time of every EMG and kinematic sample of a block, (n, time) and (n, before + grid)."""
    contact = trial.strides["trial_time"].to_numpy()[:, None]
    emg = contact + np.arange(-HISTORY, block["emg"].shape[-1] - HISTORY) / 1000
    return emg, contact + np.arange(-BEFORE, grid) / 100


@pytest.mark.parametrize(("rate", "joints"), [(1000.0, 100.0), (1111.11, 1000.0), (1920.0, 240.0)])
@pytest.mark.parametrize("at", [5.0, 6.2345])
def test_realtime_inputs_are_bit_identical_whatever_comes_later(rate: float, joints: float, at: float) -> None:
    chain = process.load_chain("realtime")
    one, two = pair(at, rate, joints)
    a, b = processed(one, chain), processed(two, chain)
    emg_time, joint_time = stamps(one, a, a["kinematics"].shape[-1])
    known = np.broadcast_to((emg_time < at)[:, None], a["emg"].shape)
    np.testing.assert_array_equal(a["emg"][known], b["emg"][known])
    later = np.broadcast_to((emg_time > at + 0.05)[:, None], a["emg"].shape)
    assert np.nanmax(np.abs(a["emg"] - b["emg"])[later]) > 0.01
    joints = [np.concatenate((x["kinematics_before"], x["kinematics"]), axis=-1) for x in (a, b)]
    seen = np.broadcast_to((joint_time < at)[:, None, None], joints[0].shape)
    np.testing.assert_array_equal(joints[0][seen], joints[1][seen])
    later = np.broadcast_to((joint_time > at + 0.02)[:, None, None], joints[0].shape)
    assert np.nanmax(np.abs(joints[0] - joints[1])[later]) > 1
    rows = one.strides[["side", "condition"]].assign(session="1", order=np.arange(len(one.strides)))
    scales = [amplitude_reference(rows, x["peaks"], chain.normalize) for x in (a, b)]
    if at > 6.1:
        left = (one.strides["side"] == "left").to_numpy()
        np.testing.assert_array_equal(scales[0][left], scales[1][left])


@pytest.mark.parametrize("rate", [1000.0, 1920.0])
def test_envelope_inputs_are_unchanged_beyond_the_lookahead(rate: float) -> None:
    chain = process.load_chain("envelope")
    at = 6.2345
    one, two = pair(at, rate)
    a, b = processed(one, chain), processed(two, chain)
    emg_time, _ = stamps(one, a, 0)
    lookahead = chain.lookahead(rate, kinematics_rate=RATE_OF_JOINTS)
    change = np.abs(a["emg"] - b["emg"]) / np.nanstd(a["emg"])
    known = np.broadcast_to((emg_time < at - lookahead)[:, None], change.shape)
    assert np.nanmax(change[known]) < 1e-4
    near = np.broadcast_to(((emg_time < at) & (emg_time > at - lookahead))[:, None], change.shape)
    assert np.nanmax(change[near]) > 1e-2, "zero-phase filters do look ahead; the number must mean something"
    k = np.arange(200) / 200
    phase_time = one.strides["trial_time"].to_numpy()[:, None] + k * one.strides["duration"].to_numpy()[:, None]
    moved = np.abs(a["kinematics"] - b["kinematics"])[:, 1, 2]
    assert np.nanmax(moved[phase_time < at - lookahead]) < 1e-3
    assert np.nanmax(moved[phase_time > at]) > 1


def same_before(a: np.ndarray, b: np.ndarray, known: np.ndarray) -> None:
    shown = np.broadcast_to(known, a.shape)
    np.testing.assert_array_equal(a[shown], b[shown])


@pytest.mark.parametrize("future", ["drift", "constant_then_emg", "missing", "spike", "own_channel_late"])
def test_realtime_emg_is_bit_identical_under_hard_futures(future: str) -> None:
    chain, at = process.load_chain("realtime"), 6000
    emg, other = raw_emg(12.0, 1000.0, seed=1), raw_emg(12.0, 1000.0, seed=1)
    if future == "drift":
        other[at:] += np.arange(6000.0)[:, None, None]
    elif future == "constant_then_emg":
        emg[:, :, 1] = 0.5
        other[:at, :, 1] = 0.5
    elif future == "missing":
        other[at:] = np.nan
    elif future == "spike":
        other[at + 40] = 1e6
    trials = [walking_trial(emg=x) for x in (emg, other)]
    if future == "own_channel_late":
        names = ("vastus_lateralis", "semitendinosus", "semimembranosus")
        other[:at, :, 1] = np.nan
        emg[:, :, 1] = np.nan
        values = [emg_values(x, ("left", "right"), names) for x in (emg, other)]
        trials = [
            replace(one, signals={**one.signals, "emg": replace(one.signals["emg"], values=v)})
            for one, v in zip(trials, values, strict=True)
        ]
    a, b = (processed(one, chain) for one in trials)
    time = stamps(trials[0], a, 0)[0]
    inside = np.arange(-HISTORY, time.shape[1] - HISTORY) >= 0
    same_before(a["emg"], b["emg"], ((time < at / 1000) & inside)[:, None])
    assert np.isfinite(a["emg"][:9, 0, HISTORY : HISTORY + 1000]).all()
    if future == "constant_then_emg":
        assert np.isnan(b["emg"][:4, SOL]).all(), "a stuck channel was not measured"
        assert b["emg_mask"][6:9, SOL].all(), "it is from its first change on"
    if future == "own_channel_late":
        assert a["emg_mask"][:9, 5].all(), "the substitute was recorded first"


def test_a_plate_artefact_blanks_no_moment_before_itself_in_a_causal_chain() -> None:
    t = np.arange(1200) / 100
    moments = 0.5 * np.cos(t)[:, None].repeat(2, axis=1)
    struck = moments.copy()
    struck[620] = 50.0
    for name, first in (("realtime", 6.2), ("envelope", 6.17)):
        trials = [
            walking_trial(moments=x, contacts={"left": 0.513 + 1.0871 * np.arange(10)}) for x in (moments, struck)
        ]
        a, b = (processed(one, process.load_chain(name))["kinetics"] for one in trials)
        start, duration = (trials[0].strides[key].to_numpy()[:, None] for key in ("trial_time", "duration"))
        k = np.arange(a.shape[-1])
        time = start + (k / 100 if name == "realtime" else k * duration / 200)
        same_before(a, b, (time < first)[:, None, None])
        lost = np.isnan(b).all(axis=(1, 2)) & np.isfinite(a).any(axis=(1, 2))
        assert lost.any(), "the artefact is blanked"
        assert lost[time < 6.25].any()


def cut_pair(kind: str, durations: tuple[float, ...], row: int):  # type: ignore[no-untyped-def]
    """Return two trials of consecutive cut strides of raw EMG that are identical before a row."""
    trial = cut_trial(contiguity="consecutive", state="raw", durations=durations, emg_points=1501)
    signal = trial.signals["emg"]
    if kind == "ragged":
        lengths = tuple(int(np.ceil(duration * 1000 - 1e-6)) for duration in durations)
        noise = np.random.default_rng(0).standard_normal((sum(lengths), 1, 3))
        values = emg_values(noise, ("right",))
        signal = replace(signal, kind="ragged", values=values, sampling_frequency=1000.0, points=0, lengths=lengths)
    other = signal.values.copy(deep=True)
    other[row:] *= 20
    return [replace(trial, signals={"emg": replace(signal, values=values)}) for values in (signal.values, other)]


@pytest.mark.parametrize(
    ("kind", "durations", "row", "at"),
    [
        ("segmented", (1.0, 1.1, 0.95, 1.05), 1501 + 700, 700 / 1500 * 1.1),
        ("ragged", (1.0, 1.1, 0.95, 1.05), 1000 + 700, 0.7),
        ("ragged", (1.0003, 1.1007, 0.9509, 1.0501), 1001 + 700, 0.7),
    ],
)
def test_consecutive_cut_strides_do_not_see_the_future_in_a_causal_chain(
    kind: str, durations: tuple[float, ...], row: int, at: float
) -> None:
    chain = process.load_chain("realtime")
    one, two = cut_pair(kind, durations, row)
    a, b = processed(one, chain), processed(two, chain)
    stride = 1
    t = np.arange(-HISTORY, a["emg"].shape[-1] - HISTORY) / 1000
    assert a["emg_mask"][1:, SOL].all()
    np.testing.assert_array_equal(a["emg"][stride, :, t < at - 1e-9], b["emg"][stride, :, t < at - 1e-9])
    assert np.nanmax(np.abs(a["emg"] - b["emg"])[stride][:, t > at + 0.05]) > 0.1
    spacing = 1 / 1000 if kind == "ragged" else 1.1 / 1500
    delay = planned([one], chain).attrs["emg_delay"]
    if kind == "segmented":
        rate = float(np.ceil(1500 / min(durations)))
        assert delay == pytest.approx(chain.delay(rate) + spacing, abs=1e-5), "joined at that rate, then resampled"
    else:
        assert delay == pytest.approx(chain.delay(1000.0) + spacing, abs=1e-9)
