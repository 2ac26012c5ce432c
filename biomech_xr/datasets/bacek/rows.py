"""Bacek 2024, segmented release: the rows of one test and leg, their events, and rows cut at the other foot.

Every matrix has one row a cycle. Left rows run between left heel strikes; whether right rows run between right or left
heel strikes is decided from the data. Right rows that run between left heel strikes are joined on their real durations
and cut anew between right heel strikes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from biomech_xr import vocabulary as words
from biomech_xr.datasets.bacek.files import Test
from biomech_xr.datasets.segments import Cut
from biomech_xr.readers.mat import MatNode

Array = npt.NDArray[np.float64]

RATE: Final = 1000.0
MUSCLES: Final = {
    "VastLat": "vastus_lateralis",
    "RecFem": "rectus_femoris",
    "TibAnt": "tibialis_anterior",
    "BicFem": "biceps_femoris",
    "Semitend": "semitendinosus",
    "GastroMed": "gastrocnemius_medialis",
    "GastroLat": "gastrocnemius_lateralis",
    "GlutMax": "gluteus_maximus",
}
JOINTS: Final = ("Hip", "Knee", "Ankle")
_GROUPS: Final = ("angles", "emg", "forces")


@dataclass(frozen=True, kw_only=True, slots=True)
class LegRows:
    """The cycles of one leg in one test.

    `strikes` and `offs` are s on the clock of the test, shape (cycles + 1,) and (any,); `angles` (joint), `emg`
    (muscle) and `forces` (axis) map to (cycles, points), empty where the file has none; `unpaired` says why rows and
    strikes do not belong together, `unknown` why there are no strikes; `dropped` names matrices that are NaN
    because their rows are not those of the strikes; `outside` lists cycles without rows.
    """

    side: words.Side
    strikes: Array
    offs: Array
    angles: Mapping[str, Array]
    emg: Mapping[str, Array]
    forces: Mapping[str, Array]
    unpaired: str = ""
    unknown: str = ""
    dropped: str = ""
    outside: tuple[int, ...] = ()

    def cuts(self, test: Test) -> list[Cut]:
        """Return one candidate a cycle."""
        return [self._cut(test, cycle) for cycle in range(len(self.strikes) - 1)]

    def _cut(self, test: Test, cycle: int) -> Cut:
        start, stop = self.strikes[cycle : cycle + 2]
        duration = float(stop - start)
        offs = self.offs[(self.offs > start) & (self.offs < stop)]
        reason, detail = self._reason(cycle, duration)
        return Cut(
            side=self.side,
            duration=duration,
            trial_time=float(start),
            labels=test.labels | {"foot_off": float(offs[0] - start) if offs.size == 1 else np.nan},
            reason=reason,
            detail=detail,
        )

    def _reason(self, cycle: int, duration: float) -> tuple[str, str]:
        if self.unpaired:
            return "unpaired", self.unpaired
        if self.unknown or not np.isfinite(duration):
            return "unknown_duration", self.unknown or "a heel strike is NaN"
        if duration <= 0:
            return "not_a_stride", f"the next heel strike lies {-duration:.3f} s earlier"
        if cycle in self.outside:
            return "outside_trial", "the rows end before the next heel strike of this foot"
        rows = [values[cycle] for group in _GROUPS[:2] for values in getattr(self, group).values()]
        if all(np.isnan(row).all() for row in rows):
            return "no_signal", "every angle and muscle is NaN"
        return "", ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Starts:
    """At whose heel strikes right rows are cut: ``own`` or ``other`` (left); EMG follows the angles."""

    rows: str = "own"
    forces: str = "own"


def read_leg(mechanics: MatNode | None, energetics: MatNode | None, side: words.Side, starts: Starts) -> LegRows:
    """Return the cycles of one leg of one test, cut at its own heel strikes; either file may lack the test.

    Raises
    ------
    DataFormatError
        A field that both files should have is missing or has another shape.
    """
    prefix = side.title()
    emg: dict[str, Array] = {}
    if energetics is not None:
        emg = _matrices(energetics["EMG"]["Activity"], {m: f"{prefix}_{raw}" for raw, m in MUSCLES.items()})
    if mechanics is None:
        count = max((len(values) for values in emg.values()), default=0)
        rows = LegRows(side=side, strikes=np.full(count + 1, np.nan), offs=np.empty(0), angles={}, emg=emg, forces={})
        return replace(_blank(rows, count), unknown="the test is not in segMechanics, which holds the heel strikes")
    index = mechanics["GaitIndex"]
    strikes = _times(index[f"{prefix[0]}HS_1kHz"])
    toes = index.get(f"{prefix[0]}TO_1kHz")
    force = mechanics["GRF"][f"V_{prefix}"]
    rows = LegRows(
        side=side,
        strikes=strikes,
        offs=_times(toes) if toes is not None else np.empty(0),
        angles=_matrices(mechanics["Angles"], {joint.lower(): f"{joint}_{prefix}" for joint in JOINTS}),
        emg=emg,
        forces=_matrices(mechanics["GRF"], {"vertical": f"V_{prefix}"}) if force.kind != "empty" else {},
    )
    others = strikes if side == "left" else _times(index["LHS_1kHz"])
    return _placed(rows, others, starts if side == "right" else Starts())


def _placed(rows: LegRows, others: Array, starts: Starts) -> LegRows:
    """Return rows between a leg's own strikes from rows between its own or the other foot's, as ``starts`` says."""
    cutters = others if starts.rows == "other" else rows.strikes
    result = _checked(rows, cutters)
    forces = _checked(replace(rows, angles={}, emg={}), others if starts.forces == "other" else rows.strikes)
    dropped = "; ".join(filter(None, dict.fromkeys((result.dropped, forces.dropped))))
    if starts.forces == "other" and forces.forces:
        forces = recut(forces, others)
    if starts.rows == "other" and not result.unpaired:
        result = recut(replace(result, forces={}), others)
    whole = all(len(values) == len(result.strikes) - 1 for values in forces.forces.values())
    return replace(result, forces=forces.forces if whole else {}, dropped=dropped)


def _times(node: MatNode) -> Array:
    """Return 1-based samples at 1 kHz as s."""
    return (node.vector() - 1) / RATE


def recut(rows: LegRows, strikes: Array) -> LegRows:
    """Return rows between ``strikes`` of the other foot (s, one more than rows) cut anew at the leg's own strikes.

    Cycle i needs the rows around it; a cycle that reaches beyond them, or holds NaN, is outside or NaN.
    """
    count = len(rows.strikes) - 1
    ordered = bool((np.diff(strikes) > 0).all())
    inside = {
        cycle: (first, last)
        for cycle in range(count if ordered else 0)
        if (first := int(np.searchsorted(strikes, rows.strikes[cycle], side="right")) - 1) >= 0
        and (last := int(np.searchsorted(strikes, rows.strikes[cycle + 1], side="left"))) <= len(strikes) - 1
        and first < last
    }
    changed = {group: _recut_group(getattr(rows, group), rows.strikes, strikes, inside) for group in _GROUPS}
    return replace(
        rows,
        angles=changed["angles"],
        emg=changed["emg"],
        forces=changed["forces"],
        outside=tuple(cycle for cycle in range(count) if cycle not in inside),
    )


def _recut_group(
    group: Mapping[str, Array], own: Array, other: Array, inside: Mapping[int, tuple[int, int]]
) -> dict[str, Array]:
    if not group:
        return {}
    stack = np.stack(list(group.values()), axis=-1)
    points = stack.shape[1]
    share = np.linspace(0, 1, points)
    result = np.full((len(own) - 1, *stack.shape[1:]), np.nan)
    for cycle, (first, last) in inside.items():
        starts, lengths = other[first:last], np.diff(other[first : last + 1])
        time = np.append((starts[:, None] + share[:-1] * lengths[:, None]).ravel(), other[last])
        values = np.concatenate([stack[first:last, :-1].reshape(-1, stack.shape[2]), stack[last - 1, -1:]])
        known = np.isfinite(values).all(axis=0)
        when = own[cycle] + share * (own[cycle + 1] - own[cycle])
        if known.any():
            result[cycle][:, known] = CubicSpline(time, values[:, known])(when)
    return {name: result[:, :, k] for k, name in enumerate(group)}


def _checked(rows: LegRows, cutters: Array) -> LegRows:
    """Return the rows that are as many as the cycles of ``cutters``; a matrix of another number is NaN and noted.

    Where no angle and no muscle has that number, the leg is blank and `unpaired`.
    """
    cycles = max(len(cutters) - 1, 0)
    named = {f"{joint} angle": values for joint, values in rows.angles.items()}
    named |= {f"EMG of {muscle}": values for muscle, values in rows.emg.items()}
    wrong = _wrong(named, cycles)
    detail = f"{len(cutters)} heel strikes make {cycles} cycles, the file holds "
    if named and len(wrong) == len(named):
        number = max(cycles, len(rows.strikes) - 1, *map(len, named.values()))
        strikes = np.append(rows.strikes, np.full(number + 1 - len(rows.strikes), np.nan))
        return replace(_blank(rows, number), strikes=strikes, unpaired=detail + _says(wrong))
    wrong |= _wrong({f"{axis} force": values for axis, values in rows.forces.items()}, cycles)
    return replace(
        rows,
        angles=_fitted(rows.angles, cycles),
        emg=_fitted(rows.emg, cycles),
        forces={axis: values for axis, values in rows.forces.items() if len(values) == cycles},
        dropped=detail + _says(wrong) if wrong else "",
    )


def _wrong(named: Mapping[str, Array], cycles: int) -> dict[str, int]:
    """Return the number of rows of every matrix that has not one a cycle."""
    return {name: len(values) for name, values in named.items() if len(values) != cycles}


def _says(wrong: Mapping[str, int]) -> str:
    return " and ".join(
        f"{number} rows of {', '.join(name for name, own in wrong.items() if own == number)}"
        for number in sorted(set(wrong.values()))
    )


def _fitted(group: Mapping[str, Array], cycles: int) -> dict[str, Array]:
    """Return matrices of one row a cycle, NaN where the file holds another number."""
    return {
        name: values if len(values) == cycles else np.full((cycles, values.shape[1]), np.nan)
        for name, values in group.items()
    }


def _blank(rows: LegRows, count: int) -> LegRows:
    """Return the leg with ``count`` rows of NaN in every matrix: nothing of it can be placed in time."""
    angles, emg = (
        {name: np.full((count, values.shape[1]), np.nan) for name, values in group.items()}
        for group in (rows.angles, rows.emg)
    )
    return replace(rows, angles=angles, emg=emg, forces={})


def _matrices(group: MatNode, names: Mapping[str, str]) -> dict[str, Array]:
    read = {word: _matrix(group[name]) for word, name in names.items()}
    found = {word: values for word, values in read.items() if values.size}
    points = {values.shape[1] for values in found.values()}
    if len(points) > 1:
        raise group.bad(
            found=f"rows of {' and '.join(map(str, sorted(points)))} points",
            expected="rows of one length",
            action="Download the file again",
        )
    return found


def _matrix(node: MatNode) -> Array:
    """Return a matrix as (cycles, points)."""
    values = np.asarray(node.array(), dtype=np.float64)
    if values.ndim != 2 or (values.size and values.shape[1] < 2):
        raise node.bad(
            found=f"shape {' x '.join(map(str, values.shape))}",
            expected="cycles x points",
            action="Use the segmented file of the authors' release",
        )
    return values
