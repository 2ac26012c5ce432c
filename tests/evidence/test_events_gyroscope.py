"""Contacts and foot offs from the rotation of the shank: what is planted is found, and nothing where nothing is.

The curves of the synthetic human were drawn by hand, and how late a negative peak is was not fitted to the detector:
contacts come at 6 per cent of the stride, foot offs 3 to 5 per cent early. Limits leave a margin of a third to that.
"""

from __future__ import annotations

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.evidence.events import Comparison, compare_events, contacts_from_gyroscope, pool, swing_peaks
from tests.evidence.events_walker import FloatArray, clock, gyroscope, shank, trial
from tests.evidence.tally import PROPERTY, Record

EDGES = 1
"""Events of one foot and kind that a trial of whole strides need not show: no swing before the first contact."""


def both(contacts: FloatArray, offs: FloatArray, found: tuple[FloatArray, FloatArray]) -> tuple[Comparison, Comparison]:
    return compare_events(contacts, found[0], 0.25), compare_events(offs, found[1], 0.25)


def told(name: str, contact: Comparison, off: Comparison, record: Record) -> None:
    parts = [
        f"{kind}: {one.matched} matched, {one.missed} missed, {one.extra} extra, {1000 * one.bias:+.0f} +- "
        f"{1000 * one.spread:.0f} ms, worst {1000 * one.worst:.0f}"
        for kind, one in (("contacts", contact), ("foot offs", off))
    ]
    text = f"{name}: {'; '.join(parts)}"
    print(text)
    record(PROPERTY, text)


@pytest.mark.parametrize(("speed", "late", "spread"), [(0.4, 0.16, 0.045), (0.8, 0.12, 0.03), (1.6, 0.09, 0.02)])
@pytest.mark.parametrize("rate", [100.0, 148.0, 200.0, 1000.0])
def test_all_swings_of_walks(speed: float, late: float, spread: float, rate: float, record_property: Record) -> None:
    rng = np.random.default_rng(1)
    pairs = []
    for number in range(1 if rate == 1000 else 2):
        gait = trial(number, speed, duration=8.0)
        for side in ("left", "right"):
            found = contacts_from_gyroscope(gyroscope(gait, side, rate, rng), rate)
            pairs.append(both(gait.contacts[side], gait.foot_offs[side], found))
    contact, off = (pool(kind) for kind in zip(*pairs, strict=True))
    told(f"gyroscope, {speed} m/s, {rate:g} Hz", contact, off, record_property)
    assert contact.missed <= EDGES * len(pairs)
    assert contact.extra == off.missed == 0
    assert 0 < contact.bias < late
    assert contact.spread < spread
    assert -0.09 < off.bias < -0.02
    assert off.spread < 0.045


@pytest.mark.parametrize(
    ("activity", "off", "spread"),
    [("ramp_ascent", -0.17, 0.02), ("ramp_descent", -0.23, 0.02), ("stair_descent", -0.23, 0.02)],
)
def test_ramps_and_stairs_have_right_contacts_and_early_foot_offs(
    activity: str, off: float, spread: float, record_property: Record
) -> None:
    gait, rng = trial(1, 1.0, activity=activity), np.random.default_rng(2)
    found = contacts_from_gyroscope(gyroscope(gait, "left", 148.0, rng), 148.0)
    contact, leaving = both(gait.contacts["left"], gait.foot_offs["left"], found)
    told(f"gyroscope, {activity}", contact, leaving, record_property)
    assert contact.missed <= EDGES
    assert contact.extra == 0
    assert 0 < contact.bias < 0.11
    assert contact.spread < spread
    assert off < leaving.bias < 0


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_axes_in_any_order_and_direction_give_the_same_events(noise: float) -> None:
    gait = trial(2, 1.1)
    turn = gyroscope(gait, "right", 200.0, np.random.default_rng(3), noise=noise, turned=False)
    plain = contacts_from_gyroscope(turn, 200.0)
    assert plain[0].size >= gait.contacts["right"].size - EDGES - 1
    for order, signs in (([2, 0, 1], [1, -1, 1]), ([1, 2, 0], [-1, 1, -1]), ([0, 1, 2], [-1, -1, -1])):
        for events, same in zip(contacts_from_gyroscope(turn[:, order] * signs, 200.0), plain, strict=True):
            assert events == pytest.approx(same, abs=1e-9)
    for events, same in zip(contacts_from_gyroscope(-turn[:, 0], 200.0), plain, strict=True):
        assert compare_events(same, events).missed_share < 0.1


def test_a_stated_sign_that_the_data_deny_gives_no_event() -> None:
    forward = shank(trial(0), "right", 100.0)
    assert contacts_from_gyroscope(forward, 100.0, sign=1)[0].size > 5
    assert contacts_from_gyroscope(-forward, 100.0, sign=-1)[0].size > 5
    for values, sign in ((forward, -1), (-forward, 1)):
        assert [events.size for events in contacts_from_gyroscope(values, 100.0, sign=sign)] == [0, 0]


def test_a_weak_leg_that_lands_late_keeps_its_events(record_property: Record) -> None:
    rng, pairs = np.random.default_rng(4), []
    for number in range(3):
        gait = trial(number, 0.5, late=0.1)
        turn = 0.5 * gyroscope(gait, "left", 100.0, rng)
        pairs.append(both(gait.contacts["left"], gait.foot_offs["left"], contacts_from_gyroscope(turn, 100.0)))
    contact, off = (pool(kind) for kind in zip(*pairs, strict=True))
    told("gyroscope, after a stroke", contact, off, record_property)
    assert contact.missed <= EDGES * 3
    assert contact.extra == off.missed == 0
    assert contact.spread < 0.025


def test_a_gap_hides_its_own_events_only() -> None:
    gait = trial(3, 1.2)
    turn = gyroscope(gait, "left", 200.0, np.random.default_rng(5))
    whole = contacts_from_gyroscope(turn, 200.0)[0]
    middle = gait.contacts["left"][4]
    turn[round((middle - 0.2) * 200) : round((middle + 0.1) * 200)] = np.nan
    found = contacts_from_gyroscope(turn, 200.0)[0]
    assert np.abs(found - middle).min() > 0.5
    assert compare_events(whole, found, 0.02).missed == 1
    assert compare_events(whole, found, 0.02).extra == 0


@pytest.mark.parametrize("size", [0.0, 0.05, 0.2, 0.5])
def test_standing_shaking_and_nothing_have_no_events(size: float) -> None:
    rng, time = np.random.default_rng(6), np.arange(3000) / 100
    sway = size * np.sin(2 * np.pi * 0.4 * time)[:, None] * [1.0, 0.3, 0.1]
    shaking = 10 * size * np.sin(2 * np.pi * 5 * time)[:, None] * [1.0, 0.2, 0.1]
    for values in (sway, shaking, np.full((3000, 3), np.nan), 4 * size * rng.standard_normal((3000, 3))):
        noisy = values + size / 5 * rng.standard_normal(values.shape)
        assert [events.size for events in contacts_from_gyroscope(noisy, 100.0)] == [0, 0]


def test_a_leg_that_swings_like_a_pendulum_has_no_events() -> None:
    turn = 4 * np.sin(2 * np.pi * 0.9 * np.arange(3000) / 100)
    assert [events.size for events in contacts_from_gyroscope(turn, 100.0)] == [0, 0]


def test_steps_between_standing_are_found() -> None:
    gait = trial(1, 1.0)
    turn = shank(gait, "right", 100.0)
    still = 0.02 * np.random.default_rng(7).standard_normal(3000)
    found = contacts_from_gyroscope(np.concatenate([still, turn, still]), 100.0)[0]
    truth = 30 + gait.contacts["right"]
    assert compare_events(truth[1:-1], found).missed == 0
    assert found.min() > 30


def test_peaks_stand_out_less_where_there_is_more_noise() -> None:
    gait, rng = trial(0), np.random.default_rng(8)
    forward = shank(gait, "right", 200.0)
    ratios = [swing_peaks(forward + noise * rng.standard_normal(forward.size), 200.0)[1] for noise in (0.05, 0.3, 1.0)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 30
    assert ratios[2] < 10
    peaks = swing_peaks(forward, 200.0)[0]
    assert peaks.size >= gait.foot_offs["right"].size - 1
    assert clock(gait, 200.0)[-1] > peaks.max()


def test_what_is_no_gyroscope_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"\(50, 2\)"):
        contacts_from_gyroscope(np.zeros((50, 2)), 100.0)
    with pytest.raises(ConfigError, match=r"20\.0 Hz"):
        contacts_from_gyroscope(np.zeros(500), 20.0)
    with pytest.raises(ConfigError, match="sign 2"):
        contacts_from_gyroscope(np.zeros(500), 100.0, sign=2)
