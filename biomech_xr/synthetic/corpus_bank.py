"""A walk that closes to a loop of whole strides, sampled once in the form in which a source publishes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.activation import KNOWN_MUSCLES, activation
from biomech_xr.synthetic.corpus_forms import Clock, Form
from biomech_xr.synthetic.emg import band_limited
from biomech_xr.synthetic.gait import Bout, own_curve
from biomech_xr.synthetic.person import FloatArray, Person, make_person, stride_time

BANK_STRIDES: Final = 32
"""Strides of each leg in a loop."""

_GRID: Final = 100.0
_LOOP: Final = 0.9
"""Contacts lie on 0.01 s, and a loop lasts a multiple of 0.9 s: a whole number of samples at every rate in use."""

_PHASE: Final = np.linspace(0, 1, 513)

_LEAD: Final = 1
"""Strides of a continuous trial before its first contact and after its last one."""


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Strides in a loop: `contacts` (s) by side, of `BANK_STRIDES` strides and the one after; the loop lasts `length`.

    `values` holds each signal group with both legs, dims as in `schema.GROUP_DIMS`; `borders` are the rows at which its
    strides start, and the number of rows. Of a continuous group they are those of the right leg, for both.
    """

    contacts: Mapping[str, FloatArray]
    length: float
    values: Mapping[str, npt.NDArray[np.float32]]
    borders: Mapping[str, npt.NDArray[np.int64]]
    continuous: frozenset[str]

    def durations(self, side: str) -> FloatArray:
        """Return the durations of one leg's strides, s."""
        return np.diff(self.contacts[side])

    def starts(self, side: str, first: int, count: int, *, lead: bool) -> FloatArray:
        """Return the contacts of successive strides from ``first`` on, s; 0 is where the trial of `take` starts."""
        index = first + np.arange(count)
        origin = first - _LEAD if lead else first
        zero = self._time("right" if lead else side, np.array([origin]))[0]
        return np.asarray(np.round(self._time(side, index) - zero, 6))

    def _time(self, side: str, index: npt.NDArray[np.int64]) -> FloatArray:
        loops, place = np.divmod(index, BANK_STRIDES)
        return np.asarray(self.contacts[side][place] + loops * self.length)

    def size(self, group: str, first: int, count: int) -> int:
        """Return the rows that `take` returns."""
        return int(sum(stop - start for start, stop in self._pieces(group, first, count)))

    def take(self, group: str, first: int, count: int, sides: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return successive strides from ``first`` on, of some legs, with a stride more at both ends if continuous."""
        values = self.values[group][:, list(sides)]
        return np.concatenate([values[start:stop] for start, stop in self._pieces(group, first, count)])

    def lengths(self, group: str, first: int, count: int) -> tuple[int, ...]:
        """Return the rows of successive strides from ``first`` on."""
        sizes = np.diff(self.borders[group])
        return tuple(int(size) for size in sizes[(first + np.arange(count)) % BANK_STRIDES])

    def _pieces(self, group: str, first: int, count: int) -> list[tuple[int, int]]:
        lead = _LEAD if group in self.continuous else 0
        begin, end = first - lead, first + count + lead
        borders, pieces = self.borders[group], []
        while begin < end:
            place = begin % BANK_STRIDES
            step = min(end - begin, BANK_STRIDES - place)
            pieces.append((int(borders[place]), int(borders[place + step])))
            begin += step
        return pieces


def make_bank(
    form: Form,
    rng: np.random.Generator,
    *,
    activity: str,
    muscles: Sequence[str],
    state: words.EmgState,
    line_frequency: float,
    seed: int,
) -> Bank:
    """Return the bank of one activity.

    Parameters
    ----------
    form
        How the source publishes its strides.
    rng
        Source of everything random, but for the person.
    muscles
        Words of `activation.KNOWN_MUSCLES`.
    state
        `raw` EMG has hum and offset, `bandpassed` has not, an `envelope` is smooth; mV.
    line_frequency
        Mains frequency, Hz.
    """
    person = make_person("bank", seed=seed)
    contacts, length = _loop(stride_time(person, activity, form.speed), rng)
    if form.emg.kind != "continuous":
        contacts["left"] = contacts["right"]
    clocks = {"emg": form.emg, "kinematics": form.joints} | ({"kinetics": form.joints} if form.kinetics else {})
    borders = {group: _borders(clock, contacts, length) for group, clock in clocks.items()}
    tables = _tables(person, Bout(activity=activity, duration=length, speed=form.speed), muscles)
    values = {
        group: np.stack([_sample(tables[group], clock, contacts[side], borders[group]) for side in words.SIDES], axis=1)
        for group, clock in clocks.items()
    }
    shape = values["emg"].shape
    strength = np.exp(0.15 * np.clip(rng.standard_normal((BANK_STRIDES, *shape[1:])), -2, 2)).astype(np.float32)
    values["emg"] *= np.repeat(strength, np.diff(borders["emg"]), axis=0)
    if state != "envelope":
        rate = form.emg.rate
        noise = band_limited(rng, shape[0], shape[1] * shape[2], rate=rate, band=(20.0, min(450.0, 0.4 * rate)))
        values["emg"] *= noise.reshape(shape).astype(np.float32)
    if state == "raw":
        hum = 0.02 + 0.01 * np.sin(2 * np.pi * line_frequency * np.arange(shape[0]) / form.emg.rate)
        values["emg"] += hum[:, None, None].astype(np.float32)
    whole = frozenset(group for group, clock in clocks.items() if clock.kind == "continuous")
    return Bank(contacts=contacts, length=length, values=values, borders=borders, continuous=whole)


def _loop(nominal: float, rng: np.random.Generator) -> tuple[dict[str, FloatArray], float]:
    """Return the contacts of a loop, the right leg's first one at 0 s, and how long the loop is."""
    share = 1 + 0.02 * np.clip(rng.standard_normal(BANK_STRIDES), -2, 2)
    length = round(BANK_STRIDES * nominal / _LOOP) * _LOOP
    right = np.append(0.0, np.cumsum(share) * length / share.sum())
    halves = 0.5 + 0.006 * np.clip(rng.standard_normal(BANK_STRIDES), -2, 2)
    left = right[:-1] + np.diff(right) * halves
    contacts = {"right": np.round(right * _GRID) / _GRID, "left": np.round(left * _GRID) / _GRID}
    contacts["right"][-1] = length
    contacts["left"] = np.append(contacts["left"], contacts["left"][0] + length)
    return contacts, length


def _tables(person: Person, bout: Bout, muscles: Sequence[str]) -> dict[str, FloatArray]:
    """Return one stride of each group on `_PHASE`, (phase, channel) or (phase, joint, motion)."""
    strength = person.emg_gain[0, [KNOWN_MUSCLES.index(muscle) for muscle in muscles]]
    emg = np.stack([activation(muscle, bout.activity, _PHASE) for muscle in muscles], axis=1)
    return {
        "emg": emg * strength,
        "kinematics": own_curve(person, bout, "angle", _PHASE),
        "kinetics": own_curve(person, bout, "moment", _PHASE),
    }


def _borders(clock: Clock, contacts: Mapping[str, FloatArray], length: float) -> npt.NDArray[np.int64]:
    if clock.points:
        return np.arange(BANK_STRIDES + 1, dtype=np.int64) * clock.points
    borders = np.round(contacts["right"] * clock.rate).astype(np.int64)
    borders[-1] = round(length * clock.rate)
    return borders


def _sample(
    table: FloatArray, clock: Clock, contacts: FloatArray, borders: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return one leg's rows of a loop, (sample, channel) or (sample, joint, motion)."""
    if clock.points:
        phase = np.tile(np.arange(clock.points) / (clock.points - 1), BANK_STRIDES)
    else:
        time = np.arange(int(borders[-1])) / clock.rate
        inside = (time - contacts[0]) % (contacts[-1] - contacts[0]) + contacts[0]
        phase = np.interp(inside, contacts, np.arange(contacts.size)) % 1
    flat = table.reshape(len(table), -1)
    out = np.empty((phase.size, flat.shape[1]), dtype=np.float32)
    for column in range(flat.shape[1]):
        out[:, column] = np.interp(phase, _PHASE, flat[:, column])
    return out.reshape(phase.size, *table.shape[1:])
