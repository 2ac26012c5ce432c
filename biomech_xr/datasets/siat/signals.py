"""SIAT's signals: EMG, angles and torques of a trial from the columns of its data file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.siat.decisions import Facts
from biomech_xr.datasets.siat.files import RATE, Table
from biomech_xr.datasets.spec import DatasetSpec, JointColumn
from biomech_xr.datasets.walking import with_factors
from biomech_xr.schema import Signal


def make_signals(table: Table, spec: DatasetSpec, facts: Facts) -> tuple[dict[str, Signal], dict[str, str]]:
    """Return the signals of a trial by group, and notes on how its angles and torques lie on the rows of the file.

    The groups are made side by side: NumPy does without the interpreter lock for nearly all of it.
    """
    columns = {"kinematics": with_factors(spec.angles, facts.angle)}
    if facts.moment:
        columns["kinetics"] = with_factors(spec.moments, facts.moment)

    def make(group: str) -> tuple[Signal, str]:
        if group == "emg":
            t0 = float(table["Time"][0])
            return cycles.emg_signal(table, spec.emg, rate=RATE, t0=t0, units=spec.emg_unit), ""
        return _joint_signal(table, columns[group], group)

    groups = ("emg", *columns)
    with ThreadPoolExecutor(len(groups), thread_name_prefix="biomech-xr-signal") as pool:
        made = dict(zip(groups, pool.map(make, groups), strict=True))
    notes = {f"{group}_rows": note for group, (_, note) in made.items() if note}
    return {group: signal for group, (signal, _) in made.items()}, notes


def _joint_signal(table: Table, columns: Mapping[str, JointColumn], group: str) -> tuple[Signal, str]:
    """Return angles or moments, of rows that are held over several times the first alone, and a note on that."""
    first, step = native_rows([table[name] for name in columns])
    rows = {name: table[name][first::step] for name in columns}
    t0 = float(table["Time"][0]) + first / RATE
    signal = cycles.joint_signal(rows, columns, rate=RATE / step, t0=t0, units=words.UNITS[group])
    return signal, f"held {step} times: {RATE / step:g} Hz" if step > 1 else "not held: 1920 Hz as written"


def native_rows(columns: Sequence[npt.NDArray[np.float64]]) -> tuple[int, int]:
    """Return first row and step of the rows that are not mere repetitions of the row before.

    ``columns`` are (row,) each. (0, 1) unless most rows are held, over runs of one length.
    """
    changed = np.zeros(columns[0].size - 1, dtype=np.bool_)
    for column in columns:
        changed |= column[1:] != column[:-1]
        if changed.mean() > 0.5:
            return 0, 1
    starts = np.flatnonzero(changed) + 1
    if starts.size < 3:
        return 0, 1
    lengths = np.diff(starts)
    step = int(np.median(lengths))
    if step < 2 or np.mean(lengths % step == 0) < 0.95:
        return 0, 1
    return int(starts[0] % step), step
