"""Feet and shanks of the synthetic human, whose contacts and foot offs are known, for the event detectors' tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicHermiteSpline, CubicSpline, PchipInterpolator

from biomech_xr.synthetic.gait import Bout, Gait, make_gait, velocities
from biomech_xr.synthetic.person import generator, make_person

FloatArray = npt.NDArray[np.float64]

FOOT = 200.0
"""Distance of heel and toe marker, mm."""
RISER = 340.0
"""Height of the two steps of a stride on stairs, mm."""


def trial(number: int, speed: float = 1.2, *, activity: str = "walk", duration: float = 9.0, late: float = 0.0) -> Gait:
    """Return a walk of some people on an event clock of 1000 Hz; ``late`` moves the left foot, share of a stride."""
    person = make_person(f"events-{number}", seed=3)
    gait = make_gait(
        person,
        [Bout(activity=activity, duration=duration, speed=speed)],
        generator(3, number, speed, activity),
        grid=1000,
    )
    if late:
        by = late * float(np.median(np.diff(gait.contacts["left"])))
        gait = replace(
            gait,
            contacts=gait.contacts | {"left": gait.contacts["left"] + by},
            foot_offs=gait.foot_offs | {"left": gait.foot_offs["left"] + by},
        )
    return gait


def clock(gait: Gait, rate: float) -> FloatArray:
    """Return the sample times of a trial, s."""
    return np.arange(int(gait.duration * rate)) / rate


def shank(gait: Gait, side: str, rate: float) -> FloatArray:
    """Return the forward rotation of the shank, rad/s, shape (sample,)."""
    turn = velocities(gait, clock(gait, rate), side)[..., 2]
    return np.asarray(np.deg2rad(turn[:, 0] - turn[:, 1]))


def gyroscope(
    gait: Gait, side: str, rate: float, rng: np.random.Generator, *, noise: float = 0.05, turned: bool = True
) -> FloatArray:
    """Return the three axes of a gyroscope on the shank, any way up: rad/s, shape (sample, 3)."""
    forward = shank(gait, side, rate)
    phase = 2 * np.pi * gait.cycles(clock(gait, rate), side)
    axes = np.stack([forward, 0.5 * np.sin(phase + 1), 0.4 * np.sin(2 * phase)], axis=1)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0] if turned else np.eye(3)
    return np.asarray((axes + noise * rng.standard_normal(axes.shape)) @ rotation.T)


def feet(
    gait: Gait,
    side: str,
    rate: float,
    *,
    speed: float = 1.2,
    incline: float = 0.0,
    step: float = 0.0,
    belt: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return heel and toe in mm, shape (frame, 3), third axis up.

    The foot rolls over heel, sole and toe, which rest on the ground in turn, and swings between. ``incline`` in
    degrees; ``step`` is the climb of one stride in mm; on a belt the ground moves back.
    """
    time = clock(gait, rate)
    contacts, offs = gait.contacts[side], gait.foot_offs[side]
    middle, pitch = np.full((time.size, 2), np.nan), np.full(time.size, np.nan)
    for number, (start, stop, off) in enumerate(zip(contacts[:-1], contacts[1:], offs, strict=True)):
        inside = (time >= start) & (time < stop)
        length = 1000 * speed * (contacts[number] - contacts[0])
        place = _stride(time[inside] - start, stop - start, off - start, 1000 * speed * (stop - start), step)
        middle[inside] = place[0] + [length, step * number]
        pitch[inside] = place[1]
    half = FOOT / 2 * np.stack([np.cos(pitch), np.sin(pitch)], axis=1)
    points = [middle - half, middle + half]
    slope = np.deg2rad(incline)
    turn = np.array([[np.cos(slope), np.sin(slope)], [-np.sin(slope), np.cos(slope)]])
    back = 1000 * speed * time[:, None] * [1.0, 0.0] if belt else 0.0
    return tuple(np.insert((p - back) @ turn, 1, 90 + 10 * np.sin(2 * np.pi * time), axis=1) for p in points)


def _stride(time: FloatArray, duration: float, off: float, length: float, step: float) -> tuple[FloatArray, FloatArray]:
    """Return the middle of the foot (forward, up; mm from the heel at contact) and its pitch in rad, toe up."""
    swing = duration - off
    knots = np.concatenate([off * np.array([0, 0.13, 0.55, 0.83, 1.0]), off + swing * np.array([0.1, 0.45, 0.9, 1.0])])
    tilt = PchipInterpolator(knots, np.deg2rad([20, 0, 0, -14, -48, -62, -25, 23, 20]))

    def rolled(when: FloatArray) -> FloatArray:
        angle = tilt(when)
        arm = FOOT / 2 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        return np.where((when < 0.5 * off)[..., None], arm, np.array([FOOT, 0.0]) - arm)

    edge = 1e-4
    first, last = rolled(np.array([off]))[0], rolled(np.array([0.0]))[0] + [length, step]
    begin = (first - rolled(np.array([off - edge]))[0]) / edge
    end = np.array([300.0, -300.0])
    forward = CubicHermiteSpline([off, duration], [first[0], last[0]], [begin[0], end[0]])
    climb = np.array([0, 0.3, 1.05, 1.08, 0] if step > 0 else [0, 0.1, 0.6, 0.95, 0])
    heights = np.array([first[1], 110, 50, 56, last[1]]) + step * climb
    upward = CubicSpline(off + swing * np.array([0, 0.2, 0.6, 0.85, 1]), heights, bc_type=((1, begin[1]), (1, end[1])))
    flying = np.stack([forward(time), upward(time)], axis=1)
    return np.where((time < off)[:, None], rolled(time), flying), np.asarray(tilt(time))


def inside(gait: Gait, side: str) -> tuple[FloatArray, FloatArray]:
    """Return the contacts and foot offs that a trial of whole strides shows: its first and last contact left out."""
    return gait.contacts[side][1:-1], gait.foot_offs[side]
