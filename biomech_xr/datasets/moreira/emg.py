"""Which of Moreira's EMG tables to read: the envelope in per cent of MVC, or the filtered signal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.moreira.legs import ANGLES, FORCES, MOMENTS, TORQUES, Leg
from biomech_xr.datasets.moreira.sheets import NAME, Sheet, read_strides
from biomech_xr.errors import DataFormatError

MUSCLES: Final = {
    "VL": "vastus_lateralis",
    "BF": "biceps_femoris",
    "TA": "tibialis_anterior",
    "GAL": "gastrocnemius_lateralis",
}
UNITS: Final = {"envelope": "% MVC", "filtered": "mV"}
LOOKAHEAD: Final = {"envelope": 0.57, "filtered": 0.31}
"""How far each kind of EMG may see into the future, s."""

_SAMPLES: Final = 4
_LEAST: Final = {"envelope": evidence.LEAST, "filtered": 0.75}
"""Confidence needed. What is no envelope is the published band-passed signal: only its rate could prove it better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Emg:
    """The signal to read (empty name: there is none), its kind (`envelope`, `filtered`), and why it is that."""

    member: str = ""
    kind: str = "envelope"
    note: str = "no table with samples in the columns St1_VL, ... beside the angles"

    @property
    def state(self) -> words.EmgState:
        """What was done to the signal."""
        return "envelope" if self.kind == "envelope" else "bandpassed"


def choose_emg(legs: Sequence[Leg], wanted: str | None) -> Emg:
    """Return the EMG to read for one person.

    The names of the text release's EMG folders are not known, so EMG is what has its columns; whether it is an envelope
    is decided from its samples. The envelope is taken where there is one.

    Parameters
    ----------
    legs
        All legs of the person.
    wanted
        The user's word, `envelope` or `filtered`; None leaves it to the data.

    Raises
    ------
    DataFormatError
        The samples do not tell, two signals are of one kind, or there is none of the kind wanted.
    """
    decided = {name: _decide(legs, name) for name in _candidates(legs)}
    found = {name: decision for name, decision in decided.items() if decision is not None}
    file = legs[0].file if legs else ""
    if not found:
        if wanted:
            raise _bad(file, "EMG", "no EMG tables", f"EMG of the kind {wanted}", "Leave the option emg= out")
        return Emg()
    if wanted and len(found) == 1:
        ((member, decision),) = found.items()
        return Emg(member=member, kind=wanted, note=f"stated by the option emg=; the data say {decision.note()}")
    kinds = {}
    for member, decision in found.items():
        kinds[member] = "envelope" if decision.value == "envelope" else "filtered"
        if not wanted:
            least = _LEAST[kinds[member]]
            evidence.require(decision, dataset=NAME, file=file, field=member, option="emg", least=least)
    kind = wanted or ("envelope" if "envelope" in kinds.values() else "filtered")
    own = [member for member in kinds if kinds[member] == kind]
    if len(own) != 1:
        names = ", ".join(f"{member} ({kinds[member]})" for member in kinds)
        raise _bad(file, "EMG", names, f"one signal that is {kind}", "Restore the published folders")
    return Emg(member=own[0], kind=kind, note=found[own[0]].note())


def _candidates(legs: Sequence[Leg]) -> list[str]:
    known = {ANGLES, MOMENTS, TORQUES, FORCES}
    names = sorted({name for leg in legs for name in leg.members} - known)
    return [name for name in names if next(_sheets(legs, name), None) is not None]


def _sheets(legs: Sequence[Leg], name: str) -> Iterator[Sheet]:
    """Yield the tables of a signal that have the EMG columns; one that cannot be read says nothing here."""
    for leg in legs:
        for sheet in leg.members.get(name, {}).values():
            try:
                present = sheet.columns([f"St1_{raw}" for raw in MUSCLES])
            except DataFormatError:
                continue
            if present:
                yield sheet


def _decide(legs: Sequence[Leg], name: str) -> evidence.Decision[str] | None:
    """Return what the samples of a signal's first tables are; None where all are NaN or zero."""
    curves: list[np.ndarray] = []
    for sheet in _sheets(legs, name):
        for stride in read_strides(sheet, list(MUSCLES)):
            live = stride.T[np.nan_to_num(stride).any(axis=0)]
            curves += [live] if live.size else []
        if len(curves) >= _SAMPLES:
            break
    return evidence.emg_state(np.concatenate(curves)) if curves else None


def _bad(file: object, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset=NAME, file=file, field=field, found=found, expected=expected, action=action)
