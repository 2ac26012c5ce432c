"""Angles, moments and contacts of all trials of one person, and what they settle about signs and units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.deciding import Judge
from biomech_xr.datasets.moghadam.contacts import HIDDEN, Contact, find_contacts, on_plates, reaches
from biomech_xr.datasets.moghadam.files import Table, bad, read_joints
from biomech_xr.datasets.spec import DatasetSpec, JointColumn
from biomech_xr.datasets.walking import Factors, Walk, with_factors
from biomech_xr.readers.tables import read_csv
from biomech_xr.schema import Signal

FloatArray = npt.NDArray[np.float64]

_POINTS: Final = 200
_EMPTY_ROWS: Final = 3
_COORDINATES: Final = {
    ("hip", "flexion"): "hip_flexion",
    ("hip", "adduction"): "hip_adduction",
    ("knee", "flexion"): "knee_angle",
    ("ankle", "flexion"): "ankle_angle",
}


def column(kind: str, joint: str, side: str, motion: str = "flexion") -> str:
    """Return the raw name of a column; ``kind`` is `angle` or `moment`, ``side`` starts with l or r."""
    name = f"{_COORDINATES[joint, motion]}_{side[0]}"
    return f"{name}_moment" if kind == "moment" else name


@dataclass(frozen=True, kw_only=True, slots=True)
class Motion:
    """Angles and moments of one trial in the file's own signs and units, and the contacts of each leg.

    A moment is NaN where its leg's moments are exactly zero together or its stance has no push-off (`on_plates`).
    """

    angles: Table | None
    moments: Table | None
    contacts: Mapping[words.Side, list[Contact]]


def read_motions(
    files: Mapping[str, Mapping[str, Path]], spec: DatasetSpec, hip_sign: float = 1.0
) -> dict[str, Motion]:
    """Return the motion of every trial by stem; the person's largest ankle moment is the measure of contacts.

    ``hip_sign`` is -1 where the files count hip extension positive; the angles that are returned keep their sign.
    """
    tables = {
        stem: (
            read_joints(paths["kinematics"], spec.angles, angles=True) if "kinematics" in paths else None,
            _measured(read_joints(paths["kinetics"], spec.moments, angles=False)) if "kinetics" in paths else None,
        )
        for stem, paths in files.items()
    }
    tops = [
        np.nanmax(np.abs(moments.columns[column("moment", "ankle", side)]), initial=0.0)
        for _, moments in tables.values()
        if moments is not None
        for side in words.SIDES
    ]
    peak = float(np.percentile(tops, 90)) if tops else 0.0
    return {stem: _motion(angles, moments, peak, hip_sign) for stem, (angles, moments) in tables.items()}


def _measured(table: Table) -> Table:
    """Return the moments with NaN where all of one leg are exactly zero in some rows on end."""
    columns = dict(table.columns)
    for side in "lr":
        names = [name for name in columns if f"_{side}_" in name]
        zero = np.all([columns[name] == 0 for name in names], axis=0)
        edges = np.flatnonzero(np.diff(np.r_[False, zero, False].astype(int)))
        for start, stop in edges.reshape(-1, 2):
            if stop - start >= _EMPTY_ROWS:
                for name in names:
                    columns[name] = columns[name].copy()
                    columns[name][start:stop] = np.nan
    return Table(t0=table.t0, rate=table.rate, rows=table.rows, columns=columns, note=table.note)


def _motion(angles: Table | None, moments: Table | None, peak: float, hip_sign: float) -> Motion:
    contacts: dict[words.Side, list[Contact]] = {"left": [], "right": []}
    if angles is None:
        return Motion(angles=None, moments=moments, contacts=contacts)
    for side in contacts:
        hip, knee = (angles.columns[column("angle", joint, side)] for joint in ("hip", "knee"))
        near, gaps = reaches(angles.time, hip_sign * hip, knee)
        if moments is None or not peak > 0:
            contacts[side] = [Contact(reach=float(t), time=np.nan, fault="no moments in this trial") for t in near]
        else:
            ankle = moments.columns[column("moment", "ankle", side)]
            contacts[side] = find_contacts(moments.time, ankle, near, peak)
        hidden = [Contact(reach=float(t), time=np.nan, fault=HIDDEN) for t in gaps]
        contacts[side] = sorted([*contacts[side], *hidden], key=lambda contact: contact.reach)
    if moments is not None:
        moments = _real(moments, contacts)
    return Motion(angles=angles, moments=moments, contacts=contacts)


def _real(moments: Table, contacts: Mapping[words.Side, list[Contact]]) -> Table:
    """Return the moments with NaN where a leg stands beside the plates."""
    columns = {}
    real = {side[0]: on_plates(moments.time, found) for side, found in contacts.items()}
    for name, values in moments.columns.items():
        side = name.removesuffix("_moment")[-1]
        columns[name] = np.where(real[side], values, np.nan)
    return Table(t0=moments.t0, rate=moments.rate, rows=moments.rows, columns=columns, note=moments.note)


def walk_of(motions: Mapping[str, Motion], asked: Judge) -> Walk:
    """Return the person's strides for the detectors.

    Angles are cut from one largest forward reach to the next (some hundredths of a second before contact), moments
    between contacts that were found.
    """

    def curves(kind: str, joint: str, motion: str, side: words.Side) -> FloatArray:
        rows = [
            curve
            for trial in motions.values()
            for curve in _curves(trial, kind, column(kind, joint, side, motion), side)
        ]
        return np.array(rows).reshape(-1, _POINTS)

    return Walk(judge=asked, curves=curves, column=lambda kind, joint, motion: column(kind, joint, "*", motion))


def _curves(motion: Motion, kind: str, name: str, side: words.Side) -> Iterator[FloatArray]:
    table = motion.angles if kind == "angle" else motion.moments
    if table is None:
        return
    times = [contact.reach if kind == "angle" else contact.time for contact in motion.contacts[side]]
    for start, stop in pairwise(times):
        if np.isfinite(start) and np.isfinite(stop) and stop - start < 2.0:
            stamps = start + np.arange(_POINTS) / _POINTS * (stop - start)
            yield np.interp(stamps, table.time, table.columns[name], np.nan, np.nan)


def read_contacts(path: Path, patient: str) -> dict[tuple[str, words.Side], FloatArray]:
    """Return the user's own contacts (s on the trial's clock, ascending) of one person by trial and side.

    Raises
    ------
    DataFormatError
        A column missing, a side that is neither left nor right, or contacts that do not ascend.
    """
    text = ("patient", "trial", "side")
    table = read_csv(path, dataset="moghadam", columns=(*text, "time"), text=text)
    for name in text:
        table[name] = table[name].fillna("").astype(str).str.strip()
    strange = sorted(set(table["side"]) - set(words.SIDES))
    if strange:
        raise bad(path, "side", f"{strange[0]!r}", "left or right", "Correct the cell")
    found: dict[tuple[str, words.Side], FloatArray] = {}
    sides: tuple[words.Side, ...] = words.SIDES
    for side in sides:
        rows = table[(table["patient"] == patient) & (table["side"] == side)]
        for trial, group in rows.groupby("trial", sort=True):
            times = group["time"].to_numpy(np.float64)
            if not np.all(np.diff(times) > 0) or not np.isfinite(times).all():
                raise bad(
                    path, "time", f"times of {patient} {trial} {side} that do not ascend", "ascending s", "Sort it"
                )
            found[str(trial), side] = times
    return found


def joint_signal(table: Table, columns: Mapping[str, JointColumn], factors: Factors, group: str) -> Signal:
    """Return angles or moments of a table with the factors that were decided."""
    return cycles.joint_signal(
        table.columns, with_factors(columns, factors), rate=table.rate, t0=table.t0, units=words.UNITS[group]
    )


def common_span(signals: Sequence[Signal]) -> tuple[float, float]:
    """Return the latest first and the earliest last time (s) of some signals; (0, 0) of none."""
    starts = [signal.t0 for signal in signals]
    stops = [float(signal.time()[-1]) for signal in signals]
    return max(starts, default=0.0), min(stops, default=0.0)


def judge(
    index: int,
    contacts: FloatArray,
    faults: list[str],
    gaps: FloatArray,
    span: tuple[float, float],
    signals: Mapping[str, Signal],
    side: str,
) -> cycles.Verdict:
    """Return what is to be said of the candidate from contact ``index`` to the next; ``gaps`` of the angles in s."""
    labels: dict[str, Any] = {"source_activity": "overground_walking"}
    if not span[1] > span[0]:
        clocks = ", ".join(f"{name} from {signal.t0:.3f} s" for name, signal in signals.items())
        return cycles.Verdict(labels=labels, reason="unpaired", detail=f"the clocks do not overlap: {clocks}")
    reasons = [
        f"the contact near {contacts[k]:.2f} s is not known: {faults[k]}" for k in (index, index + 1) if faults[k]
    ]
    reasons += [f"a contact near {gap:.2f} s? {HIDDEN}" for gap in gaps if contacts[index] < gap < contacts[index + 1]]
    if reasons:
        return cycles.Verdict(labels=labels, reason="unknown_duration", detail="; ".join(reasons))
    if not cycles.has_samples(signals, side, float(contacts[index]), float(contacts[index + 1])):
        return cycles.NO_SIGNAL
    return cycles.Verdict(labels=labels | {"activity": "walk", "surface": "overground"})
