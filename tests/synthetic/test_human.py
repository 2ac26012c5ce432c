"""The human walks as the literature says, in canonical signs."""

from __future__ import annotations

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.synthetic import curves
from biomech_xr.synthetic.activation import activation
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments, velocities, vertical_forces
from biomech_xr.synthetic.person import generator, make_person, stride_time

HIP, KNEE, ANKLE = 0, 1, 2
ADDUCTION, FLEXION = 0, 2
PHASE = np.arange(200) / 200


def walk(name: str = "a", *, activity: str = "walk", speed: float = 1.25, seed: int = 0) -> Gait:
    person = make_person(name, seed=seed)
    bouts = [Bout(activity=activity, duration=12, speed=speed)]
    return make_gait(person, bouts, generator(seed, name, "gait"), grid=1000)


def strides(gait: Gait, side: str, quantity: object) -> np.ndarray:
    """Return one quantity on 200 phases of every inner stride, (stride, phase, joint, motion)."""
    contacts = gait.contacts[side]
    spans = list(zip(contacts[1:-2], np.diff(contacts)[1:-1], strict=True))
    return np.stack([quantity(gait, start + PHASE * span, side) for start, span in spans])  # type: ignore[operator]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("name", "speed"), [("a", 0.7), ("b", 1.0), ("c", 1.25), ("d", 1.25), ("e", 1.6)])
def test_level_walking_lies_in_the_normal_range(name: str, speed: float, side: str) -> None:
    gait = walk(name, speed=speed)
    angle = strides(gait, side, angles).mean(0)
    moment = strides(gait, side, moments).mean(0)
    knee = angle[:, KNEE, FLEXION]
    assert 59 < knee.max() < 67
    assert 0.69 < PHASE[knee.argmax()] < 0.76
    ankle = moment[:, ANKLE, FLEXION]
    assert -1.8 < ankle.min() < -1.2
    assert 0.44 < PHASE[ankle.argmin()] < 0.53
    early = (PHASE >= 0.1) & (PHASE <= 0.2)
    assert -0.8 < moment[early, KNEE, FLEXION].min() < -0.3
    assert moment[PHASE < 0.15, HIP, FLEXION].mean() < -0.3
    assert 0.4 < moment[(PHASE > 0.45) & (PHASE < 0.65), HIP, FLEXION].max() < 1.0
    stance = PHASE < 0.6
    assert -1.2 < moment[stance, HIP, ADDUCTION].min() < -0.6
    assert -0.6 < moment[stance, KNEE, ADDUCTION].min() < -0.2
    assert angle[PHASE > 0.85, HIP, FLEXION].max() > 22
    assert angle[(PHASE > 0.45) & (PHASE < 0.65), HIP, FLEXION].min() < -5
    assert angle[(PHASE > 0.6) & (PHASE < 0.7), ANKLE, FLEXION].min() < -12


@pytest.mark.parametrize("side", ["left", "right"])
def test_push_off_gives_power(side: str) -> None:
    gait = walk()
    power = strides(gait, side, moments).mean(0) * np.deg2rad(strides(gait, side, velocities).mean(0))
    ankle = power[:, ANKLE, FLEXION]
    assert 2 < ankle.max() < 5
    assert 0.48 < PHASE[ankle.argmax()] < 0.6
    assert ankle[(PHASE > 0.1) & (PHASE < 0.4)].mean() < 0
    assert (
        power[(PHASE > 0.1) & (PHASE < 0.16), KNEE, FLEXION].mean() > power[(PHASE > 0.05) & (PHASE < 0.1), 1, 2].mean()
    )


def test_moments_vanish_in_swing_at_the_ankle() -> None:
    moment = strides(walk(), "right", moments)[:, PHASE > 0.65]
    assert np.abs(moment[:, :, ANKLE, FLEXION]).max() < 0.08


def test_velocity_is_the_rate_of_the_angle() -> None:
    gait = walk()
    time = np.arange(2000, 6000) / 1000
    rate = np.gradient(angles(gait, time, "right"), time, axis=0)
    assert np.abs(rate - velocities(gait, time, "right"))[1:-1].max() < 1.0


def test_left_follows_right_by_half_a_stride() -> None:
    gait = walk()
    right, left = gait.contacts["right"], gait.contacts["left"]
    share = (left - right[:-1]) / np.diff(right)
    assert ((share > 0.47) & (share < 0.53)).all()
    mean = [strides(gait, side, angles).mean(0)[:, KNEE, FLEXION] for side in ("left", "right")]
    assert np.abs(mean[0] - mean[1]).max() < 2.5


def test_contacts_fall_on_the_event_clock_and_foot_offs_inside_the_stride() -> None:
    for grid in (120, 200, 1000):
        gait = make_gait(make_person("a", seed=0), [Bout(activity="walk", duration=8)], generator(1), grid=grid)
        for side in ("left", "right"):
            contacts, offs = gait.contacts[side], gait.foot_offs[side]
            assert np.abs(contacts * grid - np.round(contacts * grid)).max() < 1e-6
            share = (offs - contacts[:-1]) / np.diff(contacts)
            assert ((share > 0.57) & (share < 0.67)).all()
            np.testing.assert_allclose(gait.cycles(contacts, side), np.arange(contacts.size), atol=1e-9)


def test_people_differ_and_strides_differ_a_little() -> None:
    knees = [strides(walk(name), "right", angles)[..., KNEE, FLEXION] for name in "abcdef"]
    assert all(0.05 < knee.max(axis=1).std() < 1.5 for knee in knees)
    assert np.std([knee.mean(0).max() for knee in knees]) > 0.3
    assert len({make_person(name, seed=0).body_mass for name in "abcdef"}) > 3
    assert make_person("a", seed=0).body_mass != make_person("a", seed=1).body_mass


def test_stride_time_falls_with_speed_and_grows_with_leg_length() -> None:
    short, tall = (make_person("a", seed=0, height=height) for height in (1.55, 1.9))
    times = [stride_time(tall, "walk", speed) for speed in (0.5, 1.0, 1.5, 1.85)]
    assert times == sorted(times, reverse=True)
    assert 0.8 < times[-1] < times[0] < 2.1
    assert stride_time(short, "walk", 1.2) < stride_time(tall, "walk", 1.2)


def test_ramps_and_stairs_ask_what_they_ask() -> None:
    peak = {
        activity: (
            strides(walk(activity=activity), "right", angles).mean(0),
            strides(walk(activity=activity), "right", moments).mean(0),
        )
        for activity in curves.LOCOMOTION
    }
    knee = {activity: value[0][:, KNEE, FLEXION].max() for activity, value in peak.items()}
    assert knee["stair_ascent"] > 85
    assert knee["stair_descent"] > 85
    assert max(knee["walk"], knee["ramp_ascent"], knee["ramp_descent"]) < 72
    extensor = {activity: value[1][PHASE < 0.3, KNEE, FLEXION].min() for activity, value in peak.items()}
    assert extensor["ramp_descent"] < 1.5 * extensor["walk"] < 0
    assert extensor["stair_ascent"] < 1.5 * extensor["walk"]
    push = {activity: value[1][:, ANKLE, FLEXION].min() for activity, value in peak.items()}
    assert push["ramp_ascent"] < push["walk"] < push["ramp_descent"]
    assert peak["ramp_ascent"][0][0, HIP, FLEXION] > peak["walk"][0][0, HIP, FLEXION] + 10


def test_activities_fade_without_jumps() -> None:
    words = ("sit", "stand", "walk", "stair_ascent", "walk", "ramp_descent", "walk", "stand", "sit")
    gait = make_gait(make_person("a", seed=0), [Bout(activity=w, duration=3) for w in words], generator(2), grid=1000)
    time = np.arange(0, gait.duration, 0.001)
    for side in ("left", "right"):
        rate = np.diff(angles(gait, time, side), axis=0) * 1000
        assert np.abs(rate).max() < 800
        assert np.abs(np.diff(rate, axis=0)).max() < 40
    sitting = angles(gait, time[:500], "right")
    assert np.allclose(sitting[:, KNEE, FLEXION], 92)


def test_the_feet_carry_the_body() -> None:
    gait = walk()
    contacts = gait.contacts["right"]
    time = np.arange(contacts[2], contacts[-3], 0.001)
    total = vertical_forces(gait, time, "right") + vertical_forces(gait, time, "left")
    assert 9.0 < total.mean() < 10.6
    assert total.min() > 4


@pytest.mark.parametrize(
    ("muscle", "low", "high"),
    [
        ("soleus", 0.3, 0.5),
        ("gastrocnemius_medialis", 0.3, 0.5),
        ("tibialis_anterior", 0.95, 1.1),
        ("vastus_lateralis", 0.97, 1.15),
        ("gluteus_medius", 0.97, 1.2),
        ("semitendinosus", 0.8, 1.0),
    ],
)
def test_muscles_work_when_they_should(muscle: str, low: float, high: float) -> None:
    peak = PHASE[activation(muscle, "walk", PHASE).argmax()]
    assert low < peak < high or low < peak + 1 < high
    assert activation(muscle, "sit", PHASE).max() < 0.1


def test_an_activity_without_curves_is_refused() -> None:
    with pytest.raises(ConfigError, match="knows only walk"):
        curves.curve("run", "angle")
