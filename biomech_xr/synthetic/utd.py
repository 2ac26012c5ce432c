"""What the writers of the two UT Dallas sources share: a treadmill walk cut into strides, in the lab's own axes.

The lab's convention is that of Plug-in Gait: component x is sagittal, y frontal, z transverse; angles have the
canonical signs, moments are in N mm/kg and extensor, plantarflexor and abductor positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.emg import envelopes
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments
from biomech_xr.synthetic.matfile import cell
from biomech_xr.synthetic.person import FloatArray, Person, stride_time

PLANES: Final = {"x": "flexion", "y": "adduction", "z": "rotation"}
MUSCLES: Final = {
    "RF": "rectus_femoris",
    "TA": "tibialis_anterior",
    "BF": "biceps_femoris",
    "GC": "gastrocnemius_medialis",
}
MOMENT_SCALE: Final = -1000.0
"""Raw moment (N mm/kg) of 1 N m/kg of canonical moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The strides of one leg: contact and next contact on the gait's clock, s, shape (strides,)."""

    gait: Gait
    side: str
    starts: FloatArray
    stops: FloatArray

    def times(self, points: int) -> FloatArray:
        """Return the sample times, first and last at a contact, s, shape (points, strides)."""
        return np.linspace(self.starts, self.stops, points)

    def joints(self, points: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return raw angles (degrees) and moments (N mm/kg): joint -> component -> (points, strides)."""
        time = self.times(points).T.ravel()
        tables = (angles(self.gait, time, self.side), MOMENT_SCALE * moments(self.gait, time, self.side))
        return tuple(
            {
                joint: {
                    plane: table[:, j, words.MOTIONS.index(motion)].reshape(-1, points).T.copy()
                    for plane, motion in PLANES.items()
                }
                for j, joint in enumerate(words.JOINTS)
            }
            for table in tables
        )  # type: ignore[return-value]

    def emg(self, points: int, gain: float = 1.0) -> dict[str, FloatArray]:
        """Return EMG envelopes in an own unit: raw label -> (points, strides)."""
        time = self.times(points).T.ravel()
        level = gain * envelopes(self.gait, self.side, tuple(MUSCLES.values()), time)
        return {raw: level[:, k].reshape(-1, points).T.copy() for k, raw in enumerate(MUSCLES)}


def walk(
    person: Person, activity: str, *, speed: float, incline: float, strides: int, rng: np.random.Generator, grid: float
) -> dict[str, Cut]:
    """Return the strides of both legs of a walk of one activity; contacts lie on a grid in Hz."""
    length = (strides + 0.5) * stride_time(person, activity, speed)
    bout = Bout(activity=activity, duration=length, speed=speed, incline=abs(incline))
    gait = make_gait(person, [bout], rng, grid=grid)
    return {
        side: Cut(gait=gait, side=side, starts=gait.contacts[side][:-1], stops=gait.contacts[side][1:])
        for side in words.SIDES
    }


def padded(values: FloatArray, columns: int) -> FloatArray:
    """Return an array of (points, strides) with zero columns at the end up to ``columns``."""
    return np.pad(values, ((0, 0), (0, columns - values.shape[1])))


def details(person: Person, *, units: bool) -> np.ndarray:
    """Return the cell `subjectdetails`: labels, values and, if wanted, units; gender as a number without coding."""
    rows: list[list[Any]] = [
        ["Gender", 1.0 if person.sex == "male" else 2.0, ""],
        ["Age", person.age, "years"],
        ["Height", round(person.height * 1000), "mm"],
        ["Weight", person.body_mass, "kg"],
        ["Left leg length", round(person.leg_length * 1000), "mm"],
        ["Right leg length", round(person.leg_length * 1000), "mm"],
    ]
    return cell([row if units else row[:2] for row in rows])
