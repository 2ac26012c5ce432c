"""Van Criekinge 2023, synthetic: the variables of strides cut at contacts and brought to 1001 points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.emg import envelopes
from biomech_xr.synthetic.gait import Gait, angles, moments, velocities, vertical_forces
from biomech_xr.synthetic.matfile import FIELDLESS
from biomech_xr.synthetic.person import FloatArray

FRAMES: Final = 100
POINTS: Final = 1001
_MUSCLES: Final = {
    "GAS": "gastrocnemius_medialis",
    "RF": "rectus_femoris",
    "VL": "vastus_lateralis",
    "BF": "biceps_femoris",
    "ST": "semitendinosus",
    "TA": "tibialis_anterior",
    "ERS": "erector_spinae",
}
_JOINTS: Final = ("Hip", "Knee", "Ankle")
_AXES: Final = (("x", 2), ("y", 0), ("z", 1))
"""Axis and the index of its motion (adduction, rotation, flexion)."""
_OTHER: Final = {"left": "right", "right": "left"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Strides:
    """Strides of one leg, (trial, number of its first contact) each, in the order of the columns."""

    gaits: Mapping[int, Gait]
    side: str
    places: tuple[tuple[int, int], ...]

    def trials(self) -> np.ndarray:
        """Return the trial of each stride."""
        return np.array([trial for trial, _ in self.places])

    def landings(self) -> np.ndarray:
        """Return where the foot hit a force plate well: two of three strides."""
        return np.array([k % 3 != 2 for _, k in self.places])

    def frames(self) -> tuple[FloatArray, ...]:
        """Return start, stop, foot off, and contact and foot off of the other leg, frames from 1, NaN for none."""
        found = []
        for trial, k in self.places:
            gait = self.gaits[trial]
            start, stop = gait.contacts[self.side][k : k + 2]
            other = [
                next((t for t in times if start < t < stop), np.nan)
                for times in (gait.contacts[_OTHER[self.side]], gait.foot_offs[_OTHER[self.side]])
            ]
            found.append([start, stop, gait.foot_offs[self.side][k], *other])
        return tuple(np.round(np.array(found).T * FRAMES) + 1)

    def sample(self, value: Callable[[Gait, FloatArray], FloatArray]) -> FloatArray:
        """Return ``value(gait, time)`` at 1001 times of each stride, both contacts included: (1001, strides, ...)."""
        pieces: list[FloatArray] = []
        for trial in dict.fromkeys(self.trials()):
            gait = self.gaits[trial]
            own = [k for other, k in self.places if other == trial]
            starts, stops = gait.contacts[self.side][own], gait.contacts[self.side][np.array(own) + 1]
            time = (starts[:, None] + np.linspace(0, 1, POINTS) * (stops - starts)[:, None]).ravel()
            values = value(gait, time)
            pieces.append(np.moveaxis(values.reshape(len(own), POINTS, *values.shape[1:]), 0, 1))
        return np.concatenate(pieces, axis=1)


def ipsilateral(strides: Strides, rng: np.random.Generator, *, kinetics: bool, emg: bool) -> dict[str, Any]:
    """Return the variables of the leg by whose contacts the strides are cut, raw signs and units."""
    content = _angles(strides, strides.side)
    content["FootProgressAngles"] = _axes(
        strides.sample(lambda gait, time: np.cos(_turns(gait, time, strides.side, 3)))
    )
    content["HEE"] = _axes(strides.sample(lambda gait, time: 40 * np.cos(_turns(gait, time, strides.side, 3))))
    content |= _kinetics(strides) if kinetics else dict.fromkeys(_KINETIC, FIELDLESS)
    return content | _emg(strides, rng, measured=emg)


def contralateral(strides: Strides) -> dict[str, Any]:
    """Return the knee angles of the other leg meanwhile."""
    return {"KneeAngles": _angles(strides, _OTHER[strides.side])["KneeAngles"]}


def whole_body(strides: Strides) -> dict[str, Any]:
    """Return the center of mass, mm."""
    path = strides.sample(lambda gait, time: 20 * np.sin(_turns(gait, time, strides.side, 3)) + [0, 0, 900])
    return {"CentreOfMass": _axes(path)}


_KINETIC: Final = (
    *(f"{joint}{quantity}" for quantity in ("Moment", "Power") for joint in _JOINTS),
    "GroundReactionForce",
)


def _angles(strides: Strides, side: str) -> dict[str, Any]:
    values = strides.sample(lambda gait, time: angles(gait, time, side))
    return {f"{joint}Angles": {axis: values[:, :, j, m] for axis, m in _AXES} for j, joint in enumerate(_JOINTS)}


def _kinetics(strides: Strides) -> dict[str, Any]:
    """Return moments (extensor positive), powers and forces; NaN columns where the landing was not good."""
    side, bad = strides.side, ~strides.landings()
    moment = strides.sample(lambda gait, time: moments(gait, time, side))
    rate = strides.sample(lambda gait, time: np.deg2rad(velocities(gait, time, side)))
    vertical = strides.sample(lambda gait, time: vertical_forces(gait, time, side))
    braking = strides.sample(lambda gait, time: -np.cos(np.pi * (gait.cycles(time, side) % 1) / 0.61))
    power = (moment * rate).sum(axis=3)
    for values in (moment, power, vertical):
        values[:, bad] = np.nan
    content: dict[str, Any] = {}
    for j, joint in enumerate(_JOINTS):
        content[f"{joint}Moment"] = {axis: -moment[:, :, j, m] for axis, m in _AXES}
        content[f"{joint}Power"] = {"n": power[:, :, j]}
    content["GroundReactionForce"] = {"x": 0.18 * vertical * braking, "y": 0.04 * vertical, "z": vertical}
    return content


def _emg(strides: Strides, rng: np.random.Generator, *, measured: bool) -> dict[str, Any]:
    """Return envelopes in mV and as a share of each muscle's maximum; NaN columns where there is none."""
    side = strides.side
    level = strides.sample(lambda gait, time: envelopes(gait, side, tuple(_MUSCLES.values()), time))
    level = level * (1 + 0.01 * rng.standard_normal((level.shape[1], level.shape[2])))
    outlier = int(np.flatnonzero(strides.trials() == 4)[0])
    level[:, [outlier] if measured else slice(None)] = np.nan
    content: dict[str, Any] = {}
    for k, name in enumerate(_MUSCLES):
        content[name] = {"n": level[:, :, k]}
        top = np.nanmax(level[:, :, k]) if measured else 1.0
        content[f"{name}norm"] = {"n": level[:, :, k] / top}
    return content


def _turns(gait: Gait, time: FloatArray, side: str, columns: int) -> FloatArray:
    """Return the angle of the cycle, radians, with a lag a column, shape (time, columns)."""
    return np.asarray(2 * np.pi * gait.cycles(time, side)[:, None] + np.arange(columns))


def _axes(values: FloatArray) -> dict[str, FloatArray]:
    return {axis: values[:, :, k] for k, axis in enumerate("xyz")}
