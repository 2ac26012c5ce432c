"""Bacek 2024, raw release: continuous EMG and vertical forces of one test, and heel strikes found in the forces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.bacek.files import NAME, Test
from biomech_xr.datasets.bacek.rows import MUSCLES
from biomech_xr.datasets.deciding import Judge, emg_state
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn
from biomech_xr.evidence import contacts_from_force, event_quality
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

Array = npt.NDArray[np.float64]

EMG_RATE: Final = 2000.0
_FORCE_RATES: Final = (1000.0, 2000.0)
_SLACK: Final = 0.05
_STATE_SECONDS: Final = 20
_MOST: Final = 0.501
_SHARES: Final = (0.6, 1.5)
"""Shortest and longest stride over the median of the test; the authors' code has these limits of its mean stride."""

UNIT: Final = "a.u."
"""Unit of the raw EMG, which is not stated."""

_SIDES: Final[tuple[tuple[str, words.Side], ...]] = (("Left", "left"), ("Right", "right"))


def read_emg(test: MatNode) -> dict[str, Array]:
    """Return the raw EMG columns of one test, shape (samples,), 2 kHz.

    Raises
    ------
    DataFormatError
        A muscle is missing, or the lengths differ.
    """
    group = test["EMG"]
    columns = {f"{prefix}_{raw}": group[f"{prefix}_{raw}"].vector() for prefix, _ in _SIDES for raw in MUSCLES}
    lengths = {len(values) for values in columns.values() if len(values)}
    if len(lengths) > 1:
        raise group.bad(
            found=f"muscles of {' and '.join(map(str, sorted(lengths)))} samples",
            expected="one length",
            action="Download the file again",
        )
    size = max(lengths, default=0)
    return {name: values if len(values) else np.full(size, np.nan) for name, values in columns.items()}


def read_forces(test: MatNode) -> dict[words.Side, Array]:
    """Return the vertical force under each foot in N, upward positive, shape (samples,).

    Raises
    ------
    DataFormatError
        A force is missing, of another length than the other, or points downward.
    """
    group = test["GRF"]
    forces: dict[words.Side, Array] = {}
    for prefix, side in _SIDES:
        node = group[f"V_{prefix}"]
        values = node.vector()
        if not np.isfinite(values).any() or -np.nanmin(values) > np.nanmax(values):
            raise node.bad(
                found="no upward force", expected="the vertical force in N, upward positive", action="Check the release"
            )
        forces[side] = values
    if len(forces["left"]) != len(forces["right"]):
        raise group.bad(
            found=f"{len(forces['left'])} left and {len(forces['right'])} right samples",
            expected="one length",
            action="Download the file again",
        )
    return forces


def force_rate(test: MatNode, samples: int, seconds: float) -> float:
    """Return the rate of the forces in Hz: 1000, or 2000 in the tests that are the exception.

    ``seconds`` is the length of the EMG, NaN without it; the markers (100 Hz) tell otherwise.

    Raises
    ------
    DataFormatError
        No rate makes the forces as long as the other streams.
    """
    if not seconds > 0:
        markers = test["Markers"]
        name = next(iter(markers.fields()), "")
        seconds = markers[name].shape[0] / 100
    rates = [rate for rate in _FORCE_RATES if abs(samples / rate / seconds - 1) < _SLACK] if seconds > 0 else []
    if not rates:
        raise test["GRF"].bad(
            found=f"{samples} samples beside {seconds:.2f} s of the other streams",
            expected=f"forces at {' or '.join(f'{rate:g}' for rate in _FORCE_RATES)} Hz over the same time",
            action="Download both files of this person again, or read the cut form with the source option "
            "level=segmented",
        )
    return rates[0]


def judge_state(columns: Mapping[str, Array], node: MatNode, notes: dict[str, str]) -> words.EmgState:
    """Return the state of the EMG, noted: `bandpassed` where most channels clearly are, else `raw`.

    Raises
    ------
    DataFormatError
        Most channels clearly are envelopes.
    """
    size = int(_STATE_SECONDS * EMG_RATE)
    pieces = [values[:size] for values in columns.values() if np.isfinite(values[:size]).all() and values[:size].any()]
    decision = emg_state(pieces, EMG_RATE, share=_MOST)
    if decision.sure and decision.value == "envelope":
        raise node.bad(
            found=f"envelopes: {decision.evidence}",
            expected="EMG that swings about zero",
            action="Read the cut form with the source option level=segmented",
        )
    judge = Judge(dataset=NAME, file=node.file, options={}, notes=notes)
    return judge.assume("emg_state", decision, "raw", "as released")


def signals_of(
    columns: Mapping[str, Array],
    forces: Mapping[words.Side, Array],
    rate: float,
    *,
    emg: Mapping[str, EmgColumn],
    body_mass: float,
) -> dict[str, Signal]:
    """Return the continuous signals of one test; forces in N/kg, the vertical one alone."""
    signals: dict[str, Signal] = {}
    if columns:
        signals["emg"] = cycles.emg_signal(columns, emg, rate=EMG_RATE, t0=0.0, units=UNIT)
    values = np.full((len(forces["left"]), 2, len(words.AXES)), np.nan, dtype=np.float32)
    for side, force in forces.items():
        values[:, words.SIDES.index(side), words.AXES.index("vertical")] = cycles.measured(force / body_mass)
    array = xr.DataArray(
        values,
        dims=("sample", "side", "axis"),
        coords={"side": list(words.SIDES), "axis": list(words.AXES)},
        attrs={"units": words.UNITS["grf"]},
    )
    signals["grf"] = Signal(kind="continuous", values=array, sampling_frequency=rate)
    return signals


Events = Mapping[words.Side, tuple[Array, Array]]
"""Contacts and foot offs of each foot, s."""


def find_events(
    forces: Mapping[words.Side, Array], rate: float, body_mass: float, notes: dict[str, str]
) -> dict[words.Side, tuple[Array, Array]]:
    """Return the events of both feet, and note how far those of each are to be believed."""
    events = {side: contacts_from_force(force, rate, body_mass, first_load=True) for side, force in forces.items()}
    for side, (contacts, offs) in events.items():
        others = events["right" if side == "left" else "left"][0]
        quality = event_quality(contacts, offs, other_contacts=others).describe()
        notes[f"evidence.events.{side}"] = f"{contacts.size} contacts in the vertical force, share right: {quality}"
    return events


def stride_rows(
    spec: DatasetSpec, test: Test, events: Events, *, end: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and `rejected` of both legs; signals last until ``end``, s.

    A foot that lands on the other belt has no contact, and its neighbors would be one double stride.
    """
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    durations = np.concatenate([np.diff(contacts) for contacts, _ in events.values()])
    usual = float(np.median(durations)) if durations.size else math.nan
    for side, (contacts, offs) in events.items():
        others = events["right" if side == "left" else "left"][0]

        def judge(index: int, contacts: Array = contacts, offs: Array = offs, others: Array = others) -> cycles.Verdict:
            start, stop = contacts[index], contacts[index + 1]
            off, count = cycles.foot_off(offs, start, stop)
            if count > 1:
                return cycles.Verdict(labels=test.labels, reason="not_a_stride", detail=f"{count} foot offs")
            if detail := _missed(start, stop, others, usual):
                return cycles.Verdict(labels=test.labels, reason="not_a_stride", detail=detail)
            return cycles.Verdict(labels=test.labels | {"foot_off": off})

        rows = cycles.sort_candidates(
            spec=spec, trial=test.name, side=side, contacts=contacts, span=(0.0, end), judge=judge
        )
        kept += rows[0]
        rejected += rows[1]
    return kept, rejected


def _missed(start: float, stop: float, others: Array, usual: float) -> str:
    """Return why a contact between two others seems missed or made up; empty where the two are a stride."""
    low, high = _SHARES
    if not low * usual <= stop - start <= high * usual:
        return f"{stop - start:.3f} s, {low:g} to {high:g} times the median of {usual:.3f} s are a stride"
    inside = int(((others > start) & (others < stop)).sum())
    return f"{inside} contacts of the other foot within {stop - start:.3f} s" if inside > 1 else ""
