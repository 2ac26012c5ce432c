"""The people: size, and how each one's gait and EMG differ from the mean."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One synthetic person; all variation is drawn once, from the seed and the name.

    `height` in m, `body_mass` in kg, `leg_length` in m. `angle_gain`, `moment_gain` (1) and `angle_offset` (degrees)
    have shape (joint, motion); `timing` shifts events within the stride (fraction of a stride); `emg_gain` (mV root
    mean square at full activation) has shape (side, muscle) for muscles in any fixed order up to `MUSCLES`; with
    `speed_effect` 0 the curves do not change with speed; `left_offset` (degrees) and `left_gain` set the left
    leg's angles and moments apart; with `twin_strides` angles and moments of one stride vary by one factor.
    """

    name: str
    height: float
    body_mass: float
    sex: str
    age: float
    leg_length: float
    angle_gain: FloatArray
    angle_offset: FloatArray
    moment_gain: FloatArray
    timing: float
    emg_gain: FloatArray
    pace: float
    speed_effect: float = 1.0
    left_offset: float = 0.0
    left_gain: float = 1.0
    twin_strides: bool = False


MUSCLES = 24
"""Rows of random EMG gain that every person has for each leg."""


_MARKED: Final[Mapping[str, Any]] = {
    "speed_effect": 0.0, "left_offset": 3.0, "left_gain": 1.1, "twin_strides": True,
}  # fmt: skip
_HUMAN: ContextVar[str] = ContextVar("human", default="")


@contextmanager
def one_human(name: str) -> Iterator[None]:
    """Let every person made meanwhile be the same one, whatever a source calls them.

    Walks alike at any speed, a little differently with the left leg, and marks each stride in angles and moments alike,
    so that a swapped leg or a stride paired with another shows. Size and age stay those that the source gives.
    """
    token = _HUMAN.set(name)
    try:
        yield
    finally:
        _HUMAN.reset(token)


def generator(seed: int, *names: object) -> np.random.Generator:
    """Return a random generator that depends on the seed and the names alone, in every process."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def make_person(
    name: str,
    *,
    seed: int,
    height: float | None = None,
    body_mass: float | None = None,
    sex: str | None = None,
    age: float | None = None,
) -> Person:
    """Return a person; what is not given is drawn (height m, body mass kg, age y)."""
    rng = generator(seed, "person", _HUMAN.get() or name)
    shape = (len(words.JOINTS), len(words.MOTIONS))
    drawn_sex = str(rng.choice(["female", "male"]))
    drawn_height = float(_clipped(rng, 1.72, 0.08, ()))
    drawn_mass = float(_clipped(rng, 22.8, 1.8, ())) * (height or drawn_height) ** 2
    drawn_age = float(rng.integers(19, 34))
    offset = _clipped(rng, 0, 1.0, shape)
    offset[1, 2] *= 0.6
    return Person(
        name=name,
        height=round(height or drawn_height, 2),
        body_mass=round(body_mass or drawn_mass, 1),
        sex=sex or drawn_sex,
        age=age or drawn_age,
        leg_length=0.53 * (height or drawn_height),
        angle_gain=_clipped(rng, 1, 0.01, shape),
        angle_offset=offset,
        moment_gain=_clipped(rng, 1, 0.025, shape),
        timing=float(_clipped(rng, 0, 0.004, ())),
        emg_gain=0.25 * np.exp(_clipped(rng, 0, 0.35, (len(words.SIDES), MUSCLES))),
        pace=float(_clipped(rng, 1, 0.02, ())),
        **(_MARKED if _HUMAN.get() else {}),
    )


_CLIMBING: Final = {"stair_ascent": 1.4, "stair_descent": 1.25, "step_up": 1.4, "step_down": 1.25}


def stride_time(person: Person, activity: str, speed: float) -> float:
    """Return a person's stride time in s at ``speed`` (m/s).

    Step frequency grows with speed to the power 0.58 (Grieve & Gear 1966, Ergonomics 9:379) and falls with the root
    of leg length; stairs are climbed at about 1.4 s a stride (Riener et al. 2002).
    """
    size = person.pace * (person.leg_length / 0.91) ** 0.5
    if activity in _CLIMBING:
        return float(size * _CLIMBING[activity])
    return float(size * 1.1 * (max(speed, 0.5) / 1.25) ** -0.58)


def _clipped(rng: np.random.Generator, mean: float, sd: float, shape: tuple[int, ...]) -> FloatArray:
    """Return normal numbers within two standard deviations, so that nobody leaves the normal range."""
    return np.asarray(mean + sd * np.clip(rng.standard_normal(shape), -2, 2))
