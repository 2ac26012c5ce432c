"""One leg of one trial of a UT Dallas file: its clock, and curves of one column a stride paired with that clock.

A curve is paired with the clock where both have the same number of columns once the zero columns at their ends
(padding) are taken off. Nothing else proves which column belongs to which stride: that curve is then left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.readers.mat import MatNode

Array = npt.NDArray[np.float64]

ZERO_RUN: Final = 4
"""So many exact zeros in a row are missing data."""

_CHECK: Final = "Check the file against the published format, or download it again"


@dataclass(kw_only=True, slots=True)
class Leg:
    """One leg of one trial.

    `starts`, `durations` and `trial_times` (s) have shape (count,). `excluded` are the strides (from 0) that the
    authors call outliers; `refused` says why no stride of the leg can be used; `unpaired` why a curve (by its path)
    cannot be paired with the clock; `doubt` why the strides have no contact time.
    """

    side: words.Side
    starts: Array
    durations: Array
    trial_times: Array
    excluded: frozenset[int] = frozenset()
    refused: str = ""
    unpaired: dict[str, str] = field(default_factory=dict)
    doubt: str = ""

    @property
    def count(self) -> int:
        """Number of candidates."""
        return self.durations.size


class Branches:
    """The nodes below one struct by dotted path, each opened once."""

    def __init__(self, node: MatNode) -> None:
        self.root = node
        self._known: dict[str, MatNode | None] = {"": node}

    def find(self, path: str) -> MatNode | None:
        """Return the node at a path, or None where a part of it is absent or empty."""
        if path not in self._known:
            above, _, name = path.rpartition(".")
            parent = self.find(above)
            found = parent.get(name) if parent is not None and parent.kind == "struct" else None
            self._known[path] = None if found is None or found.kind == "empty" else found
        return self._known[path]


def matrix(node: MatNode) -> Array:
    """Return an array of points x strides as float64.

    Raises
    ------
    DataFormatError
        It is not numeric, or has another number of dims.
    """
    if node.kind != "numeric" or len(node.shape) != 2:
        raise node.bad(
            found=f"{node.kind} of shape {node.shape}",
            expected="numbers, points x strides",
            action=_CHECK,
        )
    return np.asarray(node.array(), dtype=np.float64)


def read_leg(trial: Branches, side: words.Side) -> Leg:
    """Return the clock of one leg from `cycles.<side>.time` and `stepsout.<side>`; no stride where it has no cycles.

    Raises
    ------
    DataFormatError
        The trial has no `cycles`, the leg's cycles have no `time`, or it is no matrix of at least two points.
    """
    cycles = trial.find(f"cycles.{side}") if trial.find("cycles") is not None else trial.root["cycles"].get(side)
    node = None if cycles is None or cycles.kind == "empty" else cycles["time"]
    time = np.zeros((2, 0)) if node is None or node.kind == "empty" else matrix(node)
    if node is not None and len(time) < 2:
        raise node.bad(found=f"shape {time.shape}", expected="points x strides, s", action=_CHECK)
    count = _used(time)
    clock = time[:, :count]
    leg = Leg(
        side=side,
        starts=clock[0],
        durations=_durations(clock),
        trial_times=np.full(count, np.nan),
    )
    _exclude(trial, leg)
    return leg


def _used(values: Array) -> int:
    """Return the number of columns without the all-zero ones at the end; one of NaN is a stride."""
    filled = np.flatnonzero((values != 0).any(axis=0))
    return int(filled[-1]) + 1 if filled.size else 0


def _durations(clock: Array) -> Array:
    """Return last minus first time of each stride, NaN where its times are not finite and ascending in even steps."""
    whole = clock[-1] - clock[0]
    grid = clock[0] + np.linspace(0, 1, len(clock))[:, None] * whole
    even = np.abs(clock - grid).max(axis=0, initial=0.0) <= np.abs(whole) / (len(clock) - 1)
    good = np.isfinite(clock).all(axis=0) & (np.diff(clock, axis=0) > 0).all(axis=0) & even
    return np.where(good, whole, np.nan)


def _exclude(trial: Branches, leg: Leg) -> None:
    """Note the outlier strides that the authors list (columns counted from 1)."""
    node = trial.find(f"stepsout.{leg.side}")
    if node is None:
        return
    listed = node.vector()
    listed = listed[listed != 0]
    if not ((listed >= 1) & (listed <= leg.count) & (listed == np.rint(listed))).all():
        leg.refused = f"stepsout.{leg.side} lists stride {listed.max():g}, the leg has {leg.count}"
        return
    leg.excluded = frozenset(int(number) - 1 for number in listed)


def read_curve(node: MatNode, leg: Leg, *, points: int | None, label: str) -> Array | None:
    """Return one curve of a leg, (strides, points), missing data as NaN; None where it cannot be paired.

    Parameters
    ----------
    node
        Array of points x strides.
    leg
        Its clock; why pairing fails is added to `leg.unpaired`.
    points
        Points that every stride must have; None takes what there is.
    label
        Path of the curve, for that reason.

    Raises
    ------
    DataFormatError
        Not a matrix, or another number of points.
    """
    values = matrix(node)
    if len(values) < 2 or (points is not None and len(values) != points):
        raise node.bad(
            found=f"shape {values.shape}",
            expected=f"{points or 'some'} points x strides",
            action=_CHECK,
        )
    used = _used(values)
    if used != leg.count:
        leg.unpaired[label] = f"{label} has {used} strides, the clock {leg.count}"
        return None
    return without_zero_runs(values[:, :used].T)


def without_zero_runs(rows: Array) -> Array:
    """Return curves (strides, points) with runs of `ZERO_RUN` or more exact zeros as NaN."""
    size = rows.shape[1] - ZERO_RUN + 1
    if size < 1:
        return rows
    zero = rows == 0
    runs = np.logical_and.reduce([zero[:, i : i + size] for i in range(ZERO_RUN)])
    missing = np.zeros_like(zero)
    for i in range(ZERO_RUN):
        missing[:, i : i + size] |= runs
    return np.where(missing, np.nan, rows)
