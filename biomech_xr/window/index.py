"""Which windows exist: pure arithmetic on the labels of strides, never a list of windows.

A window sits at a sample k of the kinematic grid of a stride of duration D: t = k D / P on a phase grid of P points,
t = k / rate on a grid in Hz. Its EMG ends at the sample e = floor(1000 t + 1e-6) ms after contact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError, StoreError
from biomech_xr.schema import AFTER, BEFORE, HISTORY

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
History = Literal["require", "mask"]

EMG_RATE: Final = 1000
"""Samples per second of the stored EMG."""

LOST_REASONS: Final[Mapping[str, str]] = {
    "filtered": "the filters on the labels leave the stride out",
    "no_emg": "no EMG channel of the stride has a measured sample",
    "no_kinematics": "no joint angle of the stride has a measured sample",
    "emg_history": "the EMG window would begin before the first real sample",
    "kinematic_history": "velocity and acceleration need two kinematic samples before this one",
    "horizon": "the target lies beyond the stored samples of the next stride",
}
"""Why a candidate window is lost; each is counted under the first reason that applies, in this order."""

_STATE_HISTORY: Final = 2
_SNAP: Final = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """The kinematic grid of a product: ``points`` stored samples a stride; ``rate`` in Hz, 0 for a phase grid."""

    points: int
    rate: float = 0.0

    @classmethod
    def of(cls, description: Mapping[str, Any], *, points: int) -> Self:
        """Return the grid of a part's attribute ``{"phase": P}`` or ``{"rate": Hz}``.

        Raises
        ------
        StoreError
            The attribute is neither, or disagrees with the number of stored points.
        """
        given = {name: value for name, value in description.items() if value is not None}
        if set(given) == {"phase"} and int(given["phase"]) == points:
            return cls(points=points)
        if set(given) == {"rate"} and float(given["rate"]) > 0:
            return cls(points=points, rate=float(given["rate"]))
        raise StoreError(f"grid: found {given} with {points} stored points, expected phase: P or rate: Hz.")

    def scale(self, duration: Floats) -> tuple[Floats, float]:
        """Return (numerator, denominator) such that sample k lies at ``k * numerator / denominator`` s."""
        if self.rate:
            return np.ones_like(duration), self.rate
        return duration, float(self.points)

    def samples(self, duration: Floats) -> Ints:
        """Return how many samples of each stride lie at 0 <= t < duration; duration in s."""
        if not self.rate:
            return np.full(duration.shape, self.points, dtype=np.int64)
        count = np.ceil(duration * self.rate - 1e-6)  # the rule of the process stage, tolerance included
        return np.minimum(count, self.points).astype(np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Horizon:
    """How far ahead the targets lie: ``samples`` of the kinematic grid, or ``ms``; one of them is set."""

    samples: int = 0
    ms: float = 0.0

    @classmethod
    def of(cls, value: Mapping[str, float]) -> Self:
        """Return the horizon of ``{"samples": n}`` or ``{"ms": x}``.

        Raises
        ------
        ConfigError
            Another key, or a value that is not positive (samples: a whole number).
        """
        if set(value) == {"samples"} and value["samples"] >= 1 and float(value["samples"]).is_integer():
            return cls(samples=int(value["samples"]))
        if set(value) == {"ms"} and 0 < float(value["ms"]) < np.inf:
            return cls(ms=float(value["ms"]))
        raise ConfigError(f"horizon: found {dict(value)}, expected {{'samples': n >= 1}} or {{'ms': x > 0}}.")

    def offset(self, step: Floats, *, delay: float = 0.0) -> tuple[Ints, Floats]:
        """Return how far the target lies on the stored grid, in samples as (whole, fraction).

        Parameters
        ----------
        step
            Spacing of the samples of each stride, s.
        delay
            By how much (s) the stored kinematics lag behind their stamps: the truth at t + h is stored that much later.
        """
        exact = self.samples + (self.ms / 1000 + delay) / step
        whole = np.floor(exact + _SNAP)
        fraction = exact - whole
        fraction[fraction < _SNAP] = 0.0
        return whole.astype(np.int64), fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class StrideFacts:
    """What the labels and masks of strides say about their windows; every array has the dim (stride,).

    `duration` in s; the histories and the future are the labels of `schema.LABELS`; `has_emg` and `has_kinematics`
    say that at least one channel (one joint angle) has a measured sample; `selected` is the filter's choice; strides
    that are not a `member` of the split are nobody's loss: their windows are not even candidates.
    """

    duration: Floats
    emg_history: Ints
    kinematics_history: Ints
    kinematics_future: Ints
    has_emg: Bools
    has_kinematics: Bools
    selected: Bools
    member: Bools


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowIndex:
    """The windows of strides: stride s has those at samples ``first[s] + hop * j`` for j in [0, count[s]).

    `numerator` / `denominator` place samples in time, `step` is the spacing in s, `ahead` and `fraction` the distance
    of the target in grid samples, `horizon` and `delay` (of the stored kinematics) in s, `samples` the samples of the
    stride itself. `lost` counts windows by reason.
    """

    hop: int
    window: int
    denominator: float
    first: Ints
    count: Ints
    samples: Ints
    numerator: Floats
    step: Floats
    ahead: Ints
    fraction: Floats
    horizon: Floats
    delay: float
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of windows."""
        return int(self.count.sum())

    @property
    def candidates(self) -> int:
        """The number of windows, lost ones included."""
        return self.total + sum(self.lost.values())


def index_windows(
    facts: StrideFacts,
    *,
    grid: Grid,
    horizon: Horizon,
    window: int,
    hop: int = 1,
    history: History = "require",
    time_size: int,
    delay: float = 0.0,
) -> WindowIndex:
    """Return the windows of every stride and the count of those that are lost, by reason.

    Candidates are the samples k = 0, hop, 2 hop, ... of each stride. With ``history="mask"`` a missing history loses
    no window: the masks of the window say what is missing.

    Parameters
    ----------
    facts
        Labels of the strides.
    grid
        The kinematic grid.
    horizon
        Distance of the targets; they must lie within the stored samples after the next contact.
    window
        EMG samples (ms) in a window.
    hop
        Kinematic samples between windows.
    history
        ``require`` or ``mask``.
    time_size
        Stored EMG samples of a stride, history included.
    delay
        Lag (s) of the stored kinematics behind their stamps, the attribute `kinematics_delay` of a causal chain. The
        state at t is then the one of t - delay, as a controller knows it; the target is the true one at t + h.

    Raises
    ------
    ConfigError
        Window or hop below 1, or an unknown ``history``.
    StoreError
        A stride is longer than its EMG axis.
    """
    if window < 1 or hop < 1 or history not in ("require", "mask"):
        raise ConfigError(
            f"windows: found window={window}, hop={hop}, history={history!r}; "
            "expected window >= 1, hop >= 1, history 'require' or 'mask'."
        )
    numerator, denominator = grid.scale(facts.duration)
    samples = grid.samples(facts.duration)
    _check_axis(facts.duration, emg_end(samples - 1, numerator, denominator), time_size)
    step = numerator / denominator
    ahead, fraction = horizon.offset(step, delay=delay)
    future = np.clip(facts.kinematics_future, 0, AFTER)
    last = samples - 1 + future - ahead - (fraction > 0)
    emg_first = kinematic_first = np.zeros_like(samples)
    if history == "require":
        needed = window - 1 - np.clip(facts.emg_history, 0, HISTORY)
        emg_first = _first_sample(needed, numerator, denominator)
        kinematic_first = np.maximum(_STATE_HISTORY - np.clip(facts.kinematics_history, 0, BEFORE), 0)
    first, count, lost = _count(facts, samples, hop, emg_first, kinematic_first, last)
    return WindowIndex(
        hop=hop,
        window=window,
        denominator=denominator,
        first=first,
        count=count,
        samples=samples,
        numerator=numerator,
        step=step,
        ahead=ahead,
        fraction=fraction,
        horizon=horizon.ms / 1000 + horizon.samples * step,
        delay=delay,
        lost=lost,
    )


def emg_end(sample: Ints, numerator: Floats, denominator: float) -> Ints:
    """Return the last EMG sample of the window at ``sample``, in ms after contact."""
    return np.floor(EMG_RATE * (sample * numerator / denominator) + 1e-6).astype(np.int64)


def _first_sample(needed: Ints, numerator: Floats, denominator: float) -> Ints:
    """Return the first sample whose EMG ends at or after ``needed`` ms, by the very arithmetic of `emg_end`."""
    guess = np.ceil(needed / EMG_RATE * denominator / numerator).astype(np.int64)
    guess = np.maximum(guess - 1, 0)
    for _ in range(2):
        guess += emg_end(guess, numerator, denominator) < needed
    return guess


def _count(
    facts: StrideFacts, samples: Ints, hop: int, emg_first: Ints, kinematic_first: Ints, last: Ints
) -> tuple[Ints, Ints, dict[str, int]]:
    """Return first sample, number of windows, and lost windows by reason; work is in units of hop."""
    total = -(-samples // hop)
    emg = np.minimum(-(-emg_first // hop), total)
    kinematic = np.minimum(-(-kinematic_first // hop), total)
    start = np.maximum(emg, kinematic)
    stop = np.clip(last // hop + 1, 0, total)
    missing = {"filtered": ~facts.selected, "no_emg": ~facts.has_emg, "no_kinematics": ~facts.has_kinematics}
    lost = {}
    usable = facts.member.copy()
    for reason, mask in missing.items():
        lost[reason] = int(total[usable & mask].sum())
        usable &= ~mask
    lost["emg_history"] = int(emg[usable].sum())
    lost["kinematic_history"] = int((start - emg)[usable].sum())
    lost["horizon"] = int((total - np.maximum(start, stop))[usable].sum())
    count = np.where(usable, np.maximum(stop - start, 0), 0)
    return start * hop, count, lost


def _check_axis(duration: Floats, end: Ints, time_size: int) -> None:
    late = np.flatnonzero(end >= time_size - HISTORY)
    if late.size:
        raise StoreError(
            f"duration: found {duration[late[0]]} s in stride {late[0]}, expected less than the "
            f"{(time_size - HISTORY) / EMG_RATE} s of its EMG axis. Process the dataset again."
        )
