"""Strides of the synthetic human, and what stroke and a slow pace do to them, for the detectors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

from biomech_xr.synthetic.gait import Bout, angles, make_gait, moments, vertical_forces
from biomech_xr.synthetic.person import generator, make_person

FloatArray = npt.NDArray[np.float64]
Points = tuple[tuple[float, float], ...]

POINTS = 101
SPEEDS = (0.4, 0.7, 1.0, 1.3, 1.6)
MODES = tuple(("walk", speed) for speed in SPEEDS) + tuple(
    (activity, 1.1) for activity in ("ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent")
)
PEOPLE = 6
HIP, KNEE, ANKLE = range(3)
ADDUCTION, ROTATION, FLEXION = range(3)


@dataclass(frozen=True, kw_only=True)
class Strides:
    """Strides of one leg, contact to contact: `angles` and `moments` (stride, point, joint, motion), `force`."""

    name: str
    activity: str
    speed: float
    body_mass: float
    angles: FloatArray
    moments: FloatArray
    force: FloatArray

    @property
    def group(self) -> str:
        """Return person, mode and leg, whatever was done to the strides."""
        return ", ".join(self.name.split(", ")[:3])


@lru_cache
def healthy() -> tuple[Strides, ...]:
    """Return strides of every person, activity, speed and leg, canonical signs, N m/kg and N/kg."""
    places = product(range(PEOPLE), MODES, ("left", "right"))
    return tuple(_strides(number, *mode, side) for number, mode, side in places)


def _strides(number: int, activity: str, speed: float, side: str) -> Strides:
    person = make_person(f"evidence-{number}", seed=11, body_mass=(42.0, 55.0, 68.0, 81.0, 104.0, 129.0)[number])
    rng = generator(11, "evidence", number, activity, speed)
    gait = make_gait(person, [Bout(activity=activity, duration=14.0, speed=speed)], rng, grid=1000)
    contacts = gait.contacts[side]
    share = np.linspace(0, 1, POINTS)
    time = (contacts[:-1, None] + np.diff(contacts)[:, None] * share).ravel()
    order = np.argsort(time, kind="stable")
    back = np.argsort(order, kind="stable")
    rows = contacts.size - 1

    def at(function: object) -> FloatArray:
        values = function(gait, time[order], side)[back]  # type: ignore[operator]
        return np.asarray(values.reshape(rows, POINTS, *values.shape[1:]))

    return Strides(
        name=f"person {number}, {activity} at {speed} m/s, {side}",
        activity=activity,
        speed=speed,
        body_mass=person.body_mass,
        angles=at(angles),
        moments=at(moments),
        force=at(vertical_forces),
    )


def stroke(strides: Strides, rng: np.random.Generator, severity: float) -> Strides:
    """Return the strides as after a stroke; severity 0..1.

    A knee that bends 25 to 30 degrees in swing and overextends by 5 to 12 in stance; a hip that extends less; an ankle
    that drops in swing and at contact; a push-off of 0.6 N m/kg; a knee moment that loses its extension; a stance of
    up to 72 per cent (Olney & Richards 1996, Gait & Posture 4:136; Kim & Eng 2004, Gait & Posture 20:140; De Quervain
    et al. 1996, J Bone Joint Surg Am 78:1506; Goldberg et al. 2004, J Biomech 37:1189).
    """
    phase = np.linspace(0, 1, POINTS)
    angle, moment = strides.angles.copy(), strides.moments.copy()
    swing, stance = _bump(phase, 0.73, 0.09), _bump(phase, 0.33, 0.13)
    peak = angle[..., KNEE, FLEXION].max()
    goal = peak + severity * (rng.uniform(25, 32) - peak)
    angle[..., KNEE, FLEXION] -= (peak - goal) * swing + severity * rng.uniform(8, 20) * stance
    angle[..., HIP, FLEXION] = angle[..., HIP, FLEXION] * (1 - 0.3 * severity) + severity * (
        rng.uniform(4, 9) * _bump(phase, 0.53, 0.1)
    )
    angle[..., ANKLE, FLEXION] = angle[..., ANKLE, FLEXION] * (1 - 0.35 * severity) - severity * (
        rng.uniform(3, 8) * _bump(phase, 0.9, 0.12)
    )
    push = np.abs(moment[..., ANKLE, FLEXION]).max()
    moment[..., ANKLE, FLEXION] *= 1 + severity * (0.6 / push - 1)
    moment[..., KNEE, FLEXION] += severity * rng.uniform(0, 0.5) * stance
    moment[..., HIP, FLEXION] *= 1 - 0.35 * severity
    longer = severity * rng.uniform(0.0, 0.1)
    return Strides(
        name=f"{strides.name}, stroke {severity:g}",
        activity=strides.activity,
        speed=strides.speed,
        body_mass=strides.body_mass,
        angles=later(angle, longer),
        moments=later(moment, longer),
        force=later(strides.force, longer),
    )


def later(values: FloatArray, by: float) -> FloatArray:
    """Return curves (stride, point, ...) whose foot off comes later by a share of the stride, contacts in place."""
    phase = np.linspace(0, 1, POINTS)
    source = np.interp(phase, [0, 0.61 + by, 1], [0, 0.61, 1]) * (POINTS - 1)
    left = np.minimum(source.astype(int), POINTS - 2)
    share = (source - left).reshape(1, -1, *(1,) * (values.ndim - 2))
    return np.asarray(values[:, left] * (1 - share) + values[:, left + 1] * share)


def shifted(values: FloatArray) -> FloatArray:
    """Return curves (stride, point, ...) that begin at the contact of the other foot."""
    return np.roll(values[:, :-1], -(POINTS - 1) // 2, axis=1)


def noisy(rng: np.random.Generator, values: FloatArray, size: float) -> FloatArray:
    """Return curves with slow noise of every stride (standard deviation ``size``), white noise and some NaN."""
    phase = np.linspace(0, 1, values.shape[1])
    shape = (values.shape[0], *(1,) * (values.ndim - 1))
    result = values.copy()
    for harmonic in (0, 1, 2, 3):
        turn = phase.reshape(1, -1, *(1,) * (values.ndim - 2)) * harmonic * 2 * np.pi
        result = result + size / 2 * rng.standard_normal(shape) * np.cos(turn + rng.uniform(0, 6.3, shape))
    result = result + size / 4 * rng.standard_normal(values.shape)
    if size and len(result) > 4:
        result[rng.integers(len(result))] = np.nan
        result[0, 10:14] = np.nan
    return np.asarray(result)


def everyone(rng: np.random.Generator) -> Iterator[tuple[str, Strides]]:
    """Yield (kind, strides) of healthy and slow people and of two severities of stroke."""
    for strides in healthy():
        yield "healthy", strides
        yield "stroke", stroke(strides, rng, 0.6)
        if strides.activity == "walk" and strides.speed <= 1.0:
            yield "stroke", stroke(strides, rng, 1.0)


def _bump(phase: FloatArray, center: float, width: float) -> FloatArray:
    distance = (phase - center + 0.5) % 1 - 0.5
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2))


def nonsense(rng: np.random.Generator, size: float, strides: int = 8) -> Iterator[tuple[str, FloatArray]]:
    """Yield (name, curves) that hold no gait: flat, noise, standing, NaN, a single stride's length of nothing."""
    phase = np.linspace(0, 1, POINTS)
    yield "flat", np.zeros((strides, POINTS))
    yield "constant", np.full((strides, POINTS), 5 * size)
    yield "nan", np.full((strides, POINTS), np.nan)
    yield "none", np.empty((0, POINTS))
    for _ in range(8):
        yield "white noise", size * rng.standard_normal((strides, POINTS))
        slow = np.cumsum(rng.standard_normal((strides, POINTS)), axis=1)
        yield "wandering", size * (slow - slow.mean(axis=1, keepdims=True)) / 4
        sway = rng.uniform(0, 6.3, (strides, 1))
        yield (
            "standing",
            3 + 0.05 * size * np.sin(2 * np.pi * phase + sway) + 0.01 * size * rng.standard_normal((strides, POINTS)),
        )
