"""Bacek 2024, synthetic: one test of one person, and its cycles as the segmented release holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.activation import KNOWN_MUSCLES
from biomech_xr.synthetic.emg import envelopes
from biomech_xr.synthetic.gait import Gait, angles, vertical_forces
from biomech_xr.synthetic.person import FloatArray

MUSCLES: Final = {
    "TibAnt": "tibialis_anterior",
    "GastroLat": "gastrocnemius_lateralis",
    "GastroMed": "gastrocnemius_medialis",
    "VastLat": "vastus_lateralis",
    "RecFem": "rectus_femoris",
    "BicFem": "biceps_femoris",
    "Semitend": "semitendinosus",
    "GlutMax": "gluteus_maximus",
}
_JOINTS: Final = ("Hip", "Knee", "Ankle")
_START: Final = 0.3
_REST: Final = 0.2
_LOCKED: Final = 0.35
_LOADING: Final = 0.025
"""Seconds over which the force of a contact comes up to its course."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """A walk on the treadmill, recorded from 0.3 s after a right contact to 0.2 s before the last."""

    gait: Gait
    orthosis: bool

    @property
    def start(self) -> float:
        """Time of sample 1 on the clock of the gait, s."""
        return _START

    @property
    def seconds(self) -> float:
        """Recorded time, s; whole samples of every stream."""
        return round((self.gait.duration - _START - _REST) * 100) / 100

    def strikes(self, side: str, *, recorded: bool = False) -> FloatArray:
        """Return heel strikes, s on the clock of the gait; where cut, the first is left and both legs have as many."""
        end = _START + self.seconds - 0.002
        found: dict[str, FloatArray] = {s: t[(t > _START) & (t < end)] for s, t in self.gait.contacts.items()}
        if recorded:
            return found[side]
        right = found["right"][found["right"] > found["left"][0]]
        count = min(right.size, found["left"].size)
        return (found["left"] if side == "left" else right)[:count]

    def gain(self, side: str, raw: str) -> float:
        """Return the amplitude of a muscle at full activation, mV."""
        place = words.SIDES.index(side), KNOWN_MUSCLES.index(MUSCLES[raw])
        return float(self.gait.person.emg_gain[place])

    def joint_angles(self, time: FloatArray, side: str) -> FloatArray:
        """Return flexion of hip, knee and ankle, degrees, (time, joint); a locked left knee hardly bends."""
        values = angles(self.gait, time, side)[:, :, 2]
        if self.orthosis and side == "left":
            values = values * np.array([1.0, _LOCKED, 1.0])
        return np.asarray(values)

    def force(self, time: FloatArray, side: str) -> FloatArray:
        """Return the vertical force, N/kg: nothing at the contact, its full course 25 ms later."""
        contacts = self.gait.contacts[side]
        last = contacts[np.clip(np.searchsorted(contacts, time, side="right") - 1, 0, None)]
        loaded = np.where(time < last, 1.0, np.clip((time - last) / _LOADING, 0, 1))
        return np.asarray(vertical_forces(self.gait, time, side) * loaded)

    def astray(self) -> tuple[float, float]:
        """Return a left contact in the middle of the test and the end of its swing, s on the clock of the gait."""
        contacts = self.strikes("left", recorded=True)
        middle = contacts.size // 2
        start, stop = contacts[middle : middle + 2]
        return float(start), float(start + 0.9 * (stop - start))

    def mechanics(self, *, left_rows: bool, left_forces: bool) -> dict[str, Any]:
        """Return one test of segMechanics; right rows lie between left strikes where asked for."""
        joints: dict[str, FloatArray] = {"Pelvis_Obliquity": self._rows("left", 101, self._tilt)}
        force: dict[str, FloatArray] = {}
        index: dict[str, FloatArray] = {}
        for side in words.SIDES:
            prefix, own = side.title(), self.strikes(side)
            cut = "left" if left_rows else side
            values = self._rows(cut, 101, partial(self.joint_angles, side=side))
            joints |= {f"{joint}_{prefix}": values[:, :, j] for j, joint in enumerate(_JOINTS)}
            cut = "left" if left_forces else side
            up = self._rows(cut, 101, partial(self.force, side=side))
            force |= {f"LM_{prefix}": 0.05 * up, f"AP_{prefix}": 0.1 * up * np.linspace(-1, 1, 101), f"V_{prefix}": up}
            offs = self.gait.foot_offs[side]
            index[f"{prefix[0]}HS_1kHz"] = np.round((own - _START) * 1000) + 1
            index[f"{prefix[0]}TO_1kHz"] = np.round((offs[(offs > own[0]) & (offs < own[-1])] - _START) * 1000) + 1
        return {"Angles": joints, "GRF": force, "GaitIndex": index}

    def activity(self, factors: Mapping[str, float], *, left_rows: bool) -> dict[str, FloatArray]:
        """Return the envelopes of one test of segEnergetics, (cycles, 1001)."""
        result = {}
        for side in words.SIDES:
            cut = "left" if left_rows else side
            level = self._rows(cut, 1001, partial(envelopes, self.gait, side, tuple(MUSCLES.values())))
            for k, raw in enumerate(MUSCLES):
                name = f"{side.title()}_{raw}"
                result[name] = level[:, :, k] / factors[name]
        return result

    def true_strides(
        self,
        patient: str,
        trial: str,
        *,
        recorded: bool = False,
        astray: tuple[float, float] = (np.inf, np.inf),
    ) -> list[dict[str, Any]]:
        """Return the strides of one test: those cut, or those whose contacts are recorded.

        While the left foot is ``astray`` on the right belt, no contact of either foot can be told.
        """
        rows = []
        for side in words.SIDES:
            for start, stop in pairwise(self.strikes(side, recorded=recorded)):
                if any(astray[0] <= time < astray[1] for time in (start, stop)):
                    continue
                rows.append({"source_patient": patient, "trial": trial, "side": side, "activity": "walk",
                             "trial_time": start - _START, "duration": stop - start})  # fmt: skip
        return rows

    def _tilt(self, time: FloatArray) -> FloatArray:
        return np.asarray(3 * np.sin(2 * np.pi * self.gait.cycles(time, "left")))

    def _rows(self, side: str, points: int, value: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return values between the strikes of ``side``, (cycles, points, ...); both ends included."""
        strikes = self.strikes(side)
        time = strikes[:-1, None] + np.linspace(0, 1, points) * np.diff(strikes)[:, None]
        values = value(time.ravel())
        return np.asarray(values.reshape(strikes.size - 1, points, *values.shape[1:]))
