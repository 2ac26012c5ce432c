"""Contacts and foot offs from force and from markers, on trials whose events are known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.evidence import contacts_from_force, contacts_from_heel
from biomech_xr.synthetic.gait import Bout, Gait, make_gait, vertical_forces
from biomech_xr.synthetic.person import generator, make_person
from tests.evidence.cases import FloatArray
from tests.evidence.tally import PROPERTY, Record

RATE = 1000.0


def trial(number: int, speed: float = 1.2, *, standing: float = 0.0) -> Gait:
    """Return a walk of some people; with `standing` s before and after."""
    person = make_person(f"events-{number}", seed=3)
    bouts = [Bout(activity="walk", duration=9.0, speed=speed)]
    if standing:
        pause = Bout(activity="stand", duration=standing)
        bouts = [pause, *bouts, pause]
    return make_gait(person, bouts, generator(3, number, speed), grid=RATE)


def forces(gait: Gait, side: str, rng: np.random.Generator, *, mass: float = 1.0) -> FloatArray:
    """Return the vertical force with the noise and offset of a plate; N/kg times ``mass``."""
    time = np.arange(round(gait.duration * RATE)) / RATE
    clean = np.maximum(vertical_forces(gait, time, side), 0)
    return np.asarray(mass * (clean + 0.03 + 0.02 * rng.standard_normal(time.size)))


def matched(found: FloatArray, truth: FloatArray, tolerance: float) -> int:
    """Return how many found events have no true event within a tolerance (s)."""
    return int(sum(np.abs(truth - time).min(initial=np.inf) > tolerance for time in found))


@pytest.mark.parametrize("mass", [None, 1.0, 55.0, 110.0])
def test_force_events_of_walks(mass: float | None, record_property: Record) -> None:
    rng = np.random.default_rng(1)
    cases = wrong = lost = 0
    for number in range(5):
        for speed in (0.4, 1.0, 1.6):
            gait = trial(number, speed)
            for side in ("left", "right"):
                for sign in (1, -1):
                    force = sign * forces(gait, side, rng, mass=mass or 1.0)
                    found = contacts_from_force(force, RATE, mass)
                    for events, truth in zip(found, (gait.contacts[side], gait.foot_offs[side]), strict=True):
                        whole = (gait.contacts[side][0] - 0.03, gait.contacts[side][-1] + 0.03)
                        events = events[(events > whole[0]) & (events < whole[1])]
                        inside = truth[(truth > 0.05) & (truth < gait.duration - 0.05)]
                        cases += events.size
                        wrong += matched(events, truth, 0.025)
                        lost += matched(inside, events, 0.025)
    text = f"contacts_from_force, {mass} kg: {wrong} wrong events in {cases}, 3/N = {3 / cases:.2%}; {lost} lost"
    print(text)
    record_property(PROPERTY, text)
    assert cases > 800
    assert (wrong, lost) == (0, 0), text


def paretic(gait: Gait, side: str, force: FloatArray, drag: float) -> FloatArray:
    """Return the force of a leg that bears 0.7 of its load and whose foot drags with ``drag`` N in swing."""
    phase = gait.cycles(np.arange(force.size) / RATE, side) % 1
    return np.asarray(0.7 * force + drag * np.exp(-0.5 * ((phase - 0.8) / 0.04) ** 2))


def test_force_events_on_ramps_and_stairs_and_of_paretic_legs(record_property: Record) -> None:
    """Contacts to 15 ms; foot offs to 35 ms, as going up a stair the last 3 % of the weight leave slowly."""
    rng = np.random.default_rng(8)
    activities = ("ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent")
    walks = [(activity, number, 0.0) for activity in activities for number in range(3)]
    walks += [("walk", number, drag) for number in range(3) for drag in (15.0, 40.0)]
    cases = wrong = lost = 0
    for (activity, number, drag), side, sign in product(walks, ("left", "right"), (1, -1)):
        speed = 0.4 if drag else 1.0
        person = make_person(f"events-{number}", seed=3)
        bout = Bout(activity=activity, duration=7.0, speed=speed)
        gait = make_gait(person, [bout], generator(3, number, activity), grid=RATE)
        force = forces(gait, side, rng, mass=70.0)
        force = paretic(gait, side, force, drag) if drag else force
        found = contacts_from_force(sign * force, RATE, 70.0)
        for events, truth, near in zip(found, (gait.contacts[side], gait.foot_offs[side]), (0.015, 0.035), strict=True):
            whole = (gait.contacts[side][0] - 0.03, gait.contacts[side][-1] + 0.03)
            events = events[(events > whole[0]) & (events < whole[1])]
            cases += events.size
            wrong += matched(events, truth, near)
            lost += matched(truth[(truth > 0.05) & (truth < gait.duration - 0.05)], events, near)
    text = f"contacts_from_force, ramps, stairs, stroke: {wrong} wrong in {cases}, 3/N = {3 / cases:.2%}; {lost} lost"
    print(text)
    record_property(PROPERTY, text)
    assert cases > 700
    assert (wrong, lost) == (0, 0), text


def test_a_trial_that_begins_and_ends_on_the_foot_has_no_contact_and_no_foot_off_there() -> None:
    gait = trial(1, standing=2.0)
    force = forces(gait, "right", np.random.default_rng(2), mass=70.0)
    contacts, offs = contacts_from_force(force, RATE, 70.0)
    assert contacts.min() > 2.1
    assert offs.min() > 2.0
    assert offs.max() < gait.duration - 2.0


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
def test_the_first_load_is_nearer_to_the_contact_than_the_threshold(noise: float) -> None:
    """A force that comes up as the square of time: 3 % of the weight at 8.7 ms."""
    rng = np.random.default_rng(7)
    time = np.arange(8000) / RATE
    since = (time - 0.9995) % 1.2
    force = 9.81 * np.minimum(400 * since**2, 1.0) * (since < 0.7)
    force += noise * rng.standard_normal(time.size)
    truth = 0.9995 + 1.2 * np.arange(6)
    crossed, _ = contacts_from_force(force, RATE, 1.0)
    first, _ = contacts_from_force(force, RATE, 1.0, first_load=True)
    for contact in truth[1:-1]:
        late, near = (found[np.abs(found - contact).argmin()] - contact for found in (crossed, first))
        assert 0.007 < late < 0.011
        assert 0 <= near < late - 0.002


@pytest.mark.parametrize("value", [0.0, 350.0, np.nan])
def test_standing_an_empty_plate_and_nothing_have_no_events(value: float) -> None:
    rng = np.random.default_rng(3)
    contacts, offs = contacts_from_force(value + 2 * rng.standard_normal(4000), RATE, 70.0)
    assert contacts.size == offs.size == 0


def test_a_foot_that_only_touches_the_plate_is_no_contact() -> None:
    force = np.zeros(4000)
    force[500:1100] = 700 * np.sin(np.linspace(0, np.pi, 600))
    force[2000:2400] = 120 * np.sin(np.linspace(0, np.pi, 400))
    contacts, offs = contacts_from_force(force, RATE, 70.0)
    assert contacts == pytest.approx([0.506], abs=0.01)
    assert offs == pytest.approx([1.094], abs=0.01)


def test_a_gap_in_a_stance_hides_only_its_own_events() -> None:
    gait = trial(2)
    force = forces(gait, "right", np.random.default_rng(4), mass=70.0)
    contact = gait.contacts["right"][2]
    force[round((contact - 0.1) * RATE) : round((contact + 0.05) * RATE)] = np.nan
    contacts, _ = contacts_from_force(force, RATE, 70.0)
    assert matched(contacts, gait.contacts["right"], 0.025) == 0
    assert np.abs(contacts - contact).min() > 0.3
    assert np.abs(contacts - gait.contacts["right"][3]).min() < 0.025


def test_a_force_of_two_dimensions_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"\(5, 2\)"):
        contacts_from_force(np.zeros((5, 2)), RATE)


def heel_path(
    gait: Gait, side: str, rate: float, *, speed: float, belt: bool, stance: float
) -> tuple[FloatArray, FloatArray]:
    """Return heel and sacrum in mm: the heel goes back with the ground and swings to its farthest point at contact."""
    time = np.arange(round(gait.duration * rate)) / rate
    phase = gait.cycles(time, side) % 1
    step = 600.0 * speed
    back = step * (1 - 2 * phase / stance)
    share = np.pi * (phase - stance) / (1 - stance)
    ahead = np.where(phase < stance, back, -step * np.cos(share))
    height = 50 + 120 * np.where(phase > stance, np.sin(share), 0)
    walked = np.zeros_like(time) if belt else 1000 * speed * time
    sway = 20 * np.sin(2 * np.pi * phase)
    pelvis = np.stack([walked, sway, np.full_like(time, 950.0)], axis=1)
    heel = np.stack([walked + ahead, sway * 0.3 + 90, height], axis=1)
    return heel, pelvis


@pytest.mark.parametrize("belt", [True, False])
@pytest.mark.parametrize(("turn", "stance"), [(0.0, 0.6), (90.0, 0.6), (215.0, 0.6), (40.0, 0.75)])
def test_heel_contacts_of_walks(turn: float, stance: float, *, belt: bool, record_property: Record) -> None:
    """In any direction; the long stance is that of a slow leg after a stroke."""
    rng = np.random.default_rng(5)
    angle = np.deg2rad(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    cases = wrong = lost = 0
    for number in range(4):
        for speed in (0.5, 1.0, 1.5):
            gait = trial(number, speed)
            heel, pelvis = heel_path(gait, "left", 100.0, speed=speed, belt=belt, stance=stance)
            heel = (heel + 1.5 * rng.standard_normal(heel.shape)) @ rotation.T
            heel[300:306] = np.nan
            found, _ = contacts_from_heel(heel, pelvis @ rotation.T, 100.0)
            truth = gait.contacts["left"]
            inside = truth[(truth > 0.6) & (truth < gait.duration - 0.3)]
            cases += found.size
            wrong += matched(found, np.concatenate([[truth[0] - np.diff(truth)[0]], truth]), 0.03)
            lost += matched(inside, found, 0.03)
    told = f"contacts_from_heel, belt {belt}, {turn:g} degrees, stance {stance:g}"
    text = f"{told}: {wrong} wrong contacts in {cases}, 3/N = {3 / cases:.1%}; {lost} lost"
    print(text)
    record_property(PROPERTY, text)
    assert cases > 70
    assert (wrong, lost) == (0, 0), text


def test_a_standing_foot_has_no_contacts() -> None:
    rng = np.random.default_rng(6)
    time = np.arange(3000) / 100
    for sway in (0.0, 5.0, 40.0):
        heel = np.stack([sway * np.sin(2 * np.pi * 0.3 * time), 0 * time, 0 * time], axis=1)
        contacts, offs = contacts_from_heel(heel + rng.standard_normal(heel.shape), np.zeros_like(heel), 100.0)
        assert contacts.size == offs.size == 0
    contacts, _ = contacts_from_heel(np.full((500, 3), np.nan), np.zeros((500, 3)), 100.0)
    assert contacts.size == 0


def test_markers_of_other_lengths_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"\(5, 3\).*\(4, 3\)"):
        contacts_from_heel(np.zeros((5, 3)), np.zeros((4, 3)), 100.0)
