"""Windows cut the slow and obvious way, from the float values of `open_strides`, by the words of the design."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from biomech_xr.schema import HISTORY, kinematic_dim


class SlowWindows:
    """One stride at a time, one sample at a time."""

    def __init__(
        self,
        strides: xr.Dataset,
        *,
        window: int,
        horizon: dict[str, float],
        history: str,
        hop: int = 1,
        rate: float = 0,
        delay: float = 0,
    ) -> None:
        self.data = {name: strides[name].values.astype(np.float64) for name in strides.data_vars}
        names = ("duration", "trial_time", "emg_history", "kinematics_history", "kinematics_future", "stride_number")
        self.labels = {name: strides[name].values for name in names}
        self.place = list(zip(strides["patient"].values, strides["trial"].values, strides["side"].values, strict=True))
        emg = np.isfinite(self.data["emg"][..., HISTORY:]).any(axis=(1, 2))
        self.something = emg & np.isfinite(self.data["kinematics"]).any(axis=(1, 2, 3))
        self.points = strides.sizes[kinematic_dim(strides)]
        self.window, self.horizon, self.history, self.hop, self.rate = window, horizon, history, hop, rate
        self.delay = delay
        self.made: dict[tuple[int, str], dict[int, np.ndarray]] = {}

    def spacing(self, s: int) -> float:
        return 1 / self.rate if self.rate else self.labels["duration"][s] / self.points

    def samples(self, s: int) -> int:
        return math.ceil(self.labels["duration"][s] * self.rate - 1e-6) if self.rate else self.points

    def series(self, s: int, name: str) -> dict[int, np.ndarray]:
        """Return grid index (negative before contact) -> nine values; made once."""
        if (s, name) in self.made:
            return self.made[s, name]
        owned = self.samples(s)
        found = {k: self.data[name][s, :, :, k].ravel() for k in range(owned)}
        found |= {owned + j: self.data[f"{name}_after"][s, :, :, j].ravel() for j in range(80)}
        if name == "kinematics":
            found |= {j - 4: self.data["kinematics_before"][s, :, :, j].ravel() for j in range(4)}
        self.made[s, name] = found
        return found

    def state(self, angle: dict[int, np.ndarray], k: int, step: float) -> np.ndarray:
        nothing = np.full(9, np.nan)
        now, back, more = (angle.get(k - lag, nothing) for lag in range(3))
        return np.concatenate([now, (now - back) / step, (now - 2 * back + more) / step**2])

    def target(self, s: int, k: int) -> float:
        """Return the grid index where the truth at t + h is stored."""
        ahead = self.horizon.get("samples", 0) * self.spacing(s) + self.horizon.get("ms", 0) / 1e3 + self.delay
        return k + ahead / self.spacing(s)

    def exists(self, s: int, k: int) -> bool:
        """Return whether the labels allow the window."""
        end = math.floor(1000 * k * self.spacing(s) + 1e-6)
        early = end - self.window + 1 < -self.labels["emg_history"][s] or k - 2 < -self.labels["kinematics_history"][s]
        if (early and self.history == "require") or not self.something[s]:
            return False
        return math.ceil(self.target(s, k) - 1e-9) <= self.samples(s) - 1 + self.labels["kinematics_future"][s]

    def all(self, strides: np.ndarray) -> set[tuple[int, int]]:
        return {(int(s), k) for s in strides for k in range(0, self.samples(s), self.hop) if self.exists(s, k)}

    def cut(self, s: int, k: int) -> dict[str, Any]:
        """Return the window with NaN where something is missing."""
        step = self.spacing(s)
        last = HISTORY + math.floor(1000 * k * step + 1e-6)
        emg = np.full((13, self.window), np.nan)
        first = max(0, last - self.window + 1)
        emg[:, self.window - (last - first + 1) :] = self.data["emg"][s, :, first : last + 1]
        angle, moment = self.series(s, "kinematics"), self.series(s, "kinetics")
        place = self.target(s, k)
        low = math.floor(place + 1e-9)
        part = place - low if place - low > 1e-9 else 0.0
        state, torque = self.state(angle, low, step), moment[low]
        if part:
            state = (1 - part) * state + part * self.state(angle, low + 1, step)
            torque = (1 - part) * torque + part * moment[low + 1]
        return {
            "emg": emg,
            "kinematic_state": self.state(angle, k, step),
            "target_kinematic_state": state,
            "target_torque": torque,
            "target_phase": self.target_phase(s, place * step - self.delay),
            "phase": k * step / self.labels["duration"][s],
            "horizon": (place - k) * step - self.delay,
            "state_age": self.delay,
        }

    def target_phase(self, s: int, time: float) -> np.ndarray:
        duration = self.labels["duration"][s]
        phase = time / duration
        if abs(time - duration) < 1e-9:
            phase = 0.0
        elif time > duration:
            phase = (time - duration) / self.following(s)
        if not phase < 1:
            return np.full(2, np.nan)
        return np.array([math.sin(2 * math.pi * phase), math.cos(2 * math.pi * phase)])

    def following(self, s: int) -> float:
        for other in range(len(self.place)):
            same = self.place[other] == self.place[s]
            end = self.labels["trial_time"][s] + self.labels["duration"][s]
            if same and abs(self.labels["trial_time"][other] - end) < 0.005:
                return float(self.labels["duration"][other])
        return math.nan
