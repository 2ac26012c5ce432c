"""Contacts and foot offs from the vertical velocity of the foot, on feet that roll over heel, sole and toe."""

from __future__ import annotations

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.evidence.events import Comparison, compare_events, contacts_from_foot, pool
from tests.evidence.events_walker import RISER, FloatArray, feet, trial
from tests.evidence.tally import Record
from tests.evidence.test_events_gyroscope import both, told

NOISE = 1.0
"""Standard deviation of a marker's place, mm."""


def walked(speed: float, rate: float, rng: np.random.Generator, **more: float | bool) -> tuple[Comparison, Comparison]:
    """Return contacts and foot offs against the truth, two people, both feet."""
    pairs = []
    for number in range(1 if rate == 1000 else 2):
        gait = trial(number, speed, duration=8.0)
        for side in ("left", "right"):
            heel, toe = (
                place + NOISE * rng.standard_normal(place.shape)
                for place in feet(gait, side, rate, speed=speed, **more)  # type: ignore[arg-type]
            )
            inside = gait.contacts[side][1:-1], gait.foot_offs[side]
            pairs.append(both(*inside, contacts_from_foot(heel, toe, rate)))
    contact, off = (pool(kind) for kind in zip(*pairs, strict=True))
    return contact, off


@pytest.mark.parametrize("speed", [0.4, 0.8, 1.2, 1.6])
@pytest.mark.parametrize("belt", [False, True])
def test_all_steps_of_walks(speed: float, *, belt: bool, record_property: Record) -> None:
    contact, off = walked(speed, 100.0, np.random.default_rng(1), belt=belt)
    told(f"foot, {speed} m/s, belt {belt}", contact, off, record_property)
    assert contact.missed == off.missed == 0
    assert contact.extra <= 1
    assert 0 < contact.bias < 0.05
    assert contact.worst < 0.08
    assert -0.09 < off.bias < 0.03
    assert off.worst < 0.13


@pytest.mark.parametrize("rate", [60.0, 148.0, 200.0, 1000.0])
def test_any_rate_will_do(rate: float, record_property: Record) -> None:
    contact, off = walked(1.2, rate, np.random.default_rng(2))
    told(f"foot, {rate:g} Hz", contact, off, record_property)
    assert contact.missed == off.missed == contact.extra == 0
    assert 0.01 < contact.bias < 0.04
    assert contact.spread < 0.008


@pytest.mark.parametrize("belt", [False, True])
@pytest.mark.parametrize("incline", [10.0, -10.0])
def test_slopes(incline: float, *, belt: bool, record_property: Record) -> None:
    contact, off = walked(1.1, 100.0, np.random.default_rng(3), incline=incline, belt=belt)
    told(f"foot, {incline:+g} degrees, belt {belt}", contact, off, record_property)
    assert contact.missed == off.missed == 0
    assert abs(contact.bias) < 0.06
    assert contact.worst < 0.09


@pytest.mark.parametrize(("step", "missed"), [(RISER, 0.0), (-RISER, 0.25)])
def test_stairs(step: float, missed: float, record_property: Record) -> None:
    contact, off = walked(0.6, 100.0, np.random.default_rng(4), step=step)
    told(f"foot, {step:+g} mm a stride", contact, off, record_property)
    assert contact.missed_share <= missed
    assert abs(contact.bias) < 0.07
    assert off.missed_share == 0


def foot(number: int = 0, speed: float = 1.2, rate: float = 100.0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(number)
    heel, toe = feet(trial(number, speed), "right", rate, speed=speed)
    return heel + NOISE * rng.standard_normal(heel.shape), toe + NOISE * rng.standard_normal(toe.shape)


def test_axes_in_any_order_and_direction_and_any_unit_give_the_same_events() -> None:
    heel, toe = foot()
    plain = contacts_from_foot(heel, toe, 100.0)
    assert plain[0].size > 5
    for order, factor in (([2, 0, 1], 0.001), ([0, 2, 1], -1.0), ([1, 2, 0], -1000.0)):
        for events, same in zip(
            contacts_from_foot(factor * heel[:, order], factor * toe[:, order], 100.0), plain, strict=True
        ):
            assert events == pytest.approx(same, abs=1e-6)


def test_a_stated_column_that_the_data_deny_gives_no_event() -> None:
    heel, toe = foot()
    assert contacts_from_foot(heel, toe, 100.0, up=2)[0].size > 5
    for up in (0, 1):
        assert [events.size for events in contacts_from_foot(heel, toe, 100.0, up=up)] == [0, 0]


def test_a_gap_hides_its_own_events_only() -> None:
    gait = trial(0)
    heel, toe = foot()
    whole = contacts_from_foot(heel, toe, 100.0)[0]
    lost = gait.contacts["right"][3]
    heel[round((lost - 0.1) * 100) : round((lost + 0.15) * 100)] = np.nan
    heel[20:26] = np.nan
    found = contacts_from_foot(heel, toe, 100.0)[0]
    compared = compare_events(whole, found, 0.03)
    assert (compared.missed, compared.extra) == (1, 0)
    assert np.abs(found - lost).min() > 0.5


@pytest.mark.parametrize("sway", [0.0, 5.0, 40.0])
def test_a_standing_and_a_swaying_foot_have_no_events(sway: float) -> None:
    rng, time = np.random.default_rng(6), np.arange(3000) / 100
    for axis in range(3):
        heel = np.zeros((3000, 3))
        heel[:, axis] = sway * np.sin(2 * np.pi * 0.9 * time)
        heel += rng.standard_normal(heel.shape)
        found = contacts_from_foot(heel, heel + np.array([200.0, 0.0, 0.0]), 100.0)
        assert [events.size for events in found] == [0, 0]
    nothing = np.full((500, 3), np.nan)
    assert contacts_from_foot(nothing, nothing, 100.0)[0].size == 0


def test_markers_of_other_shapes_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"\(5, 3\).*\(4, 3\)"):
        contacts_from_foot(np.zeros((5, 3)), np.zeros((4, 3)), 100.0)
    with pytest.raises(ConfigError, match=r"20\.0 Hz"):
        contacts_from_foot(np.zeros((50, 3)), np.zeros((50, 3)), 20.0)
