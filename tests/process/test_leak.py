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
    assert delay == pytest.approx(chain.delay(1000.0) + spacing, abs=1e-9)
