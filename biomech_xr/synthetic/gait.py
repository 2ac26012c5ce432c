"""A trial of walking: bouts of activities, the contacts of both feet, and the motion and EMG that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from biomech_xr import vocabulary as words
from biomech_xr.synthetic import curves
from biomech_xr.synthetic.person import FloatArray, Person, stride_time

REFERENCE_SPEED: Final = 1.25
_BLEND: Final = 0.5
_POSTURES: Final = {"sit": curves.SITTING, "stand": curves.STANDING}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bout:
    """One activity for about `duration` s. `speed` in m/s; `incline` in degrees scales the ramp curves."""

    activity: str
    duration: float
    speed: float = REFERENCE_SPEED
    incline: float = 10.0
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gait:
    """A trial that starts at 0 s: `bouts` begin at `starts` (s); `contacts` and `foot_offs` (s) by side.

    A locomotion bout starts at a right contact, so that strides of the right leg are of one activity; left strides
    straddle the borders. Every foot off follows the contact of the same position in the list.
    """

    person: Person
    bouts: tuple[Bout, ...]
    starts: FloatArray
    duration: float
    contacts: dict[str, FloatArray]
    foot_offs: dict[str, FloatArray]
    angle_variation: dict[str, FloatArray]
    moment_variation: dict[str, FloatArray]

    def bout_at(self, time: FloatArray) -> np.ndarray:
        """Return the index of the bout at each time (s)."""
        return np.clip(np.searchsorted(self.starts, time + 1e-9, side="right") - 1, 0, len(self.bouts) - 1)

    def cycles(self, time: FloatArray, side: str) -> FloatArray:
        """Return the number of strides of one leg since its first contact, integer exactly at its contacts."""
        contacts = self.contacts[side]
        step = np.diff(contacts)
        before = contacts[0] - step[0] * np.arange(3, 0, -1)
        after = contacts[-1] + step[-1] * np.arange(1, 4)
        knots = np.concatenate([before, contacts, after])
        number = np.arange(knots.size) - 3.0
        inside = np.clip(time, knots[0], knots[-1])
        return np.asarray(PchipInterpolator(knots, number)(inside))


def make_gait(
    person: Person, bouts: Sequence[Bout], rng: np.random.Generator, *, grid: float, duration: float | None = None
) -> Gait:
    """Return a trial through ``bouts``: postures, then one unbroken run of locomotion, then postures.

    Parameters
    ----------
    person
        Who walks.
    bouts
        The activities in order; a locomotion bout is prolonged to the next right contact.
    rng
        Source of the variation between strides.
    grid
        Rate (Hz) of the source's event clock: contacts and foot offs fall on its samples exactly.
    duration
        Cut or prolong the last bout so that the trial lasts this long, s.
    """
    time, starts, right = 0.0, [], list[float]()
    for bout in bouts:
        starts.append(time)
        if bout.activity in _POSTURES:
            time = _snap(time + bout.duration, grid)
            continue
        end = time + bout.duration
        right = right or [time]
        while time < end - 1e-9:
            nominal = stride_time(person, bout.activity, bout.speed)
            time = _snap(time + nominal * (1 + 0.015 * float(np.clip(rng.standard_normal(), -2, 2))), grid)
            right.append(time)
    contacts = {"right": np.array(right), "left": _snap_all(_between(np.array(right), rng), grid)}
    noise = {side: _noise(rng, contacts[side].size) for side in words.SIDES}
    moment_noise = {side: _noise(rng, contacts[side].size) for side in words.SIDES}
    if person.twin_strides:
        moment_noise = {side: 0.4 * noise[side] for side in words.SIDES}
    gait = Gait(
        person=person,
        bouts=tuple(bouts),
        starts=np.array(starts),
        duration=_snap(duration if duration is not None else time, grid),
        contacts=contacts,
        foot_offs={},
        angle_variation={side: 1 + 0.006 * noise[side] for side in words.SIDES},
        moment_variation={side: 1 + 0.015 * moment_noise[side] for side in words.SIDES},
    )
    for side in words.SIDES:
        gait.foot_offs[side] = _snap_all(_foot_offs(gait, side), grid)
    return gait


def _noise(rng: np.random.Generator, size: int) -> FloatArray:
    return np.clip(rng.standard_normal(size), -2, 2)


def _snap(time: float, grid: float) -> float:
    return round(time * grid) / grid


def _snap_all(time: FloatArray, grid: float) -> FloatArray:
    return np.asarray(np.round(time * grid) / grid)


def _between(contacts: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the contacts of the other foot: half a stride later, with a little jitter."""
    return contacts[:-1] + np.diff(contacts) * (0.5 + 0.006 * _noise(rng, contacts.size - 1))


def _foot_offs(gait: Gait, side: str) -> FloatArray:
    contacts = gait.contacts[side]
    activities = [gait.bouts[index].activity for index in gait.bout_at(contacts[:-1])]
    share = np.array([curves.FOOT_OFF[activity] for activity in activities]) + gait.person.timing
    return contacts[:-1] + share * np.diff(contacts)


def blend(gait: Gait, time: FloatArray, value: Callable[[Bout, np.ndarray], FloatArray]) -> FloatArray:
    """Return ``value(bout, index)`` of each bout, faded into the next over half a second; ``index`` selects times."""
    borders = np.concatenate([[-np.inf], gait.starts[1:], [np.inf]])
    result: FloatArray | None = None
    for bout, start, stop in zip(gait.bouts, borders[:-1], borders[1:], strict=True):
        first, last = np.searchsorted(time, [start - _BLEND / 2, stop + _BLEND / 2])
        if first == last:
            continue
        index = np.arange(first, last)
        piece = value(bout, index)
        weight = _smooth((time[index] - start) / _BLEND) - _smooth((time[index] - stop) / _BLEND)
        if result is None:
            result = np.zeros((time.size, *piece.shape[1:]))
        result[first:last] += weight.reshape(-1, *(1,) * (piece.ndim - 1)) * piece
    if result is None:
        raise ValueError("a trial has at least one time and one bout")
    return result


def _smooth(x: FloatArray) -> FloatArray:
    """Return a step from 0 to 1 around 0, twice differentiable."""
    u = np.clip(x + 0.5, 0, 1)
    return np.asarray(u**3 * (10 + u * (6 * u - 15)))


def own_curve(
    person: Person, bout: Bout, quantity: curves.Quantity, phase: FloatArray, side: str = "right"
) -> FloatArray:
    """Return a person's mean curve of an activity, canonical, shape (phase, joint, motion); `phase` from contact, 0..1.

    Single strides vary around it by a factor, angles without `own_offset`. Degrees, or N m/kg.
    """
    own = _scaled(person, bout, quantity, _warped(person, phase % 1), side)
    return own + own_offset(person, side) if quantity == "angle" else own


def own_offset(person: Person, side: str) -> FloatArray:
    """Return what a person adds to the normative angles of one leg, degrees, shape (joint, motion)."""
    return np.asarray(person.angle_offset + (person.left_offset if side == "left" else 0.0))


def _scaled(person: Person, bout: Bout, quantity: curves.Quantity, phase: FloatArray, side: str) -> FloatArray:
    """Return the normative curve with a person's gain and the effect of speed; `phase` is the person's own."""
    faster = person.speed_effect * (bout.speed - REFERENCE_SPEED)
    if quantity == "angle":
        return _shape(bout, quantity, phase) * (person.angle_gain * (1 + 0.03 * faster))
    gain = person.moment_gain * (person.left_gain if side == "left" else 1.0)
    return _shape(bout, quantity, phase) * (gain * (1 + 0.12 * faster))


def angles(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    """Return canonical joint angles, degrees, shape (time, joint, motion); ``time`` in s, ascending."""
    phase = _phase(gait, time, side)
    varied = _per_stride(gait, time, side, gait.angle_variation[side])

    def value(bout: Bout, index: np.ndarray) -> FloatArray:
        if bout.activity in _POSTURES:
            return np.broadcast_to(np.array(_POSTURES[bout.activity]), (index.size, 3, 3))
        shape = _scaled(gait.person, bout, "angle", phase[index], side)
        return shape * varied[index, None, None] + own_offset(gait.person, side)

    return blend(gait, time, value)


def moments(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    """Return canonical internal joint moments, N m/kg, shape (time, joint, motion); ``time`` in s, ascending."""
    phase = _phase(gait, time, side)
    varied = _per_stride(gait, time, side, gait.moment_variation[side])

    def value(bout: Bout, index: np.ndarray) -> FloatArray:
        if bout.activity in _POSTURES:
            return np.zeros((index.size, 3, 3))
        return _scaled(gait.person, bout, "moment", phase[index], side) * varied[index, None, None]

    return blend(gait, time, value)


def velocities(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    """Return the exact rates of `angles`, degrees/s, shape (time, joint, motion)."""
    step = 1e-4
    return (angles(gait, time + step, side) - angles(gait, time - step, side)) / (2 * step)


def vertical_forces(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    """Return the vertical ground reaction force under one foot, N/kg, shape of ``time``; half of g when standing."""
    phase = _phase(gait, time, side)

    def value(bout: Bout, index: np.ndarray) -> FloatArray:
        if bout.activity in _POSTURES:
            return np.full(index.size, 9.81 / 2 if bout.activity == "stand" else 1.0)
        return curves.vertical_force(phase[index])

    return blend(gait, time, value)


def _phase(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    """Return the phase in [0, 1) with the person's own timing: a smooth warp that keeps contacts in place."""
    return _warped(gait.person, gait.cycles(time, side) % 1)


def _warped(person: Person, phase: FloatArray) -> FloatArray:
    return np.asarray((phase - person.timing * np.sin(np.pi * phase) ** 2) % 1)


def _per_stride(gait: Gait, time: FloatArray, side: str, values: FloatArray) -> FloatArray:
    """Return one factor per stride, led smoothly from the middle of a stride to the middle of the next."""
    middle = np.arange(values.size) + 0.5
    if values.size < 2:
        return np.full(time.size, values[0])
    smooth = PchipInterpolator(middle, values)
    return np.asarray(smooth(np.clip(gait.cycles(time, side), middle[0], middle[-1])))


def _shape(bout: Bout, quantity: curves.Quantity, phase: FloatArray) -> FloatArray:
    if not bout.activity.startswith("ramp"):
        return np.asarray(curves.curve(bout.activity, quantity)(phase))
    steep = float(np.clip(bout.incline / 10, 0, 1.3))
    ramp: CubicSpline = curves.curve(bout.activity, quantity)
    level: CubicSpline = curves.curve("walk", quantity)
    return np.asarray(steep * ramp(phase) + (1 - steep) * level(phase))
