"""Mohammadi Moghadam 2023: overground walking of 17 people, EMG, inertial units, OpenSim angles and moments, both legs.

There is no data descriptor: folders, names and quirks are those that two public readers agree on, or one alone used; no
real file was at hand (`evidence="notes"`). The release has no events: contacts come from the ankle moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.deciding import Judge
from biomech_xr.datasets.moghadam.contacts import CLOCK, HIDDEN
from biomech_xr.datasets.moghadam.files import people, read_emg, read_imu, read_person, trials
from biomech_xr.datasets.moghadam.motion import (
    Motion,
    common_span,
    joint_signal,
    judge,
    read_contacts,
    read_motions,
    walk_of,
)
from biomech_xr.datasets.moghadam.spec import OPTIONS, SPEC
from biomech_xr.datasets.moghadam.state import state_of
from biomech_xr.datasets.walking import Factors, angle_signs, moment_factors
from biomech_xr.errors import MissingInputError
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

FloatArray = npt.NDArray[np.float64]

__all__ = ["OPTIONS", "SPEC", "patients", "recordings"]

_BAD_IMU: Final = {"P4": tuple(str(number) for number in range(12, 17))}


def patients(root: Path) -> list[str]:
    """Return the source ids (P1, ...) of the folders `P<n>Data`, by number.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no folder of a person.
    """
    return list(people(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the walks of one person in the order of their numbers; files of one stem are one trial.

    EMG is (sample, side, channel), kinematics and kinetics (sample, side, joint, motion) in degrees and N m/kg, `imu`
    (sample, segment, channel); each at the rate of its own time column, all on one clock. A trial that lacks a stream
    is yielded with the others.

    Raises
    ------
    MissingInputError
        No such person, or no file of a trial.
    DataFormatError
        A file breaks the format, a sign, unit or state cannot be decided and no option settles it, the person has no
        stride at all, or a column is NaN in every trial.
    """
    found = people(root)
    if patient not in found:
        raise MissingInputError(f"moghadam: {root}: no folder of {patient}. Known: {', '.join(found)}.")
    folder = found[patient]
    person, extra = read_person(folder, root, patient)
    files = trials(folder)
    motions = read_motions(files, SPEC, -1.0 if options.get("hip_sign") == "negative" else 1.0)
    asked = Judge(dataset="moghadam", file=folder, options=options)
    walk = walk_of(motions, asked)
    angle = angle_signs(walk, assumed=[("hip", "adduction"), ("hip", "rotation")])
    moment = moment_factors(walk, angle, person.body_mass)
    given = read_contacts(options["contacts"], patient) if "contacts" in options else None
    reader = _Reader(person, asked, angle, moment, given, state_of(files, asked, SPEC))
    watch = cycles.Watch(dataset="moghadam", folder=folder)
    for stem, paths in files.items():
        sources = tuple((cycles.relative(path, root), sha256(path)) for path in paths.values())
        trial, silent = reader.trial(stem, paths, motions[stem], (*sources, *extra))
        yield watch.saw(trial, silent)
    watch.finish()


class _Reader:
    """What is known of one person, and the making of a trial from it."""

    def __init__(
        self,
        person: Patient,
        asked: Judge,
        angle: Factors,
        moment: Factors,
        given: Mapping[tuple[str, words.Side], FloatArray] | None,
        state: words.EmgState,
    ) -> None:
        self._person, self._asked, self._angle, self._moment, self._given = person, asked, angle, moment, given
        self._state = state

    def trial(
        self, stem: str, paths: Mapping[str, Path], motion: Motion, sources: tuple[tuple[str, str], ...]
    ) -> tuple[Trial, dict[str, dict[str, str]]]:
        """Return a trial, and the columns of each of its streams that are NaN throughout."""
        notes: dict[str, str] = {}
        signals: dict[str, Signal] = {}
        silent: dict[str, dict[str, str]] = {}
        for name in ("emg", "kinematics", "kinetics"):
            if name not in paths:
                notes[f"missing_{name}"] = "this trial has no file of it"
        if "emg" in paths:
            signals["emg"], silent["emg"] = self._emg(paths["emg"], notes)
        if motion.angles is not None:
            signals["kinematics"] = joint_signal(motion.angles, SPEC.angles, self._angle, "kinematics")
            silent["kinematics"] = cycles.silent(motion.angles.columns, SPEC.angles)
        if motion.moments is not None and self._moment:
            signals["kinetics"] = joint_signal(motion.moments, SPEC.moments, self._moment, "kinetics")
        if "imu" in paths:
            self._imu(stem, paths["imu"], signals, notes)
        name = f"trial_{stem}"
        kept, rejected = self._candidates(name, motion, signals, notes)
        trial = Trial(
            patient=self._person,
            trial=name,
            task="overground_walking",
            signals=signals,
            strides=stride_table(kept),
            rejected=rejected_table(rejected),
            sources=sources,
            emg_state=self._state,
            emg_lookahead=0.0 if self._state == "raw" else SPEC.emg_lookahead,
            notes=self._asked.notes | notes,
        )
        return trial, silent

    def _emg(self, path: Path, notes: dict[str, str]) -> tuple[Signal, dict[str, str]]:
        table = read_emg(path, SPEC.emg)
        notes["emg_columns"] = table.note
        signal = cycles.emg_signal(table.columns, SPEC.emg, rate=table.rate, t0=table.t0, units=SPEC.emg_unit)
        return signal, cycles.silent(table.columns, SPEC.emg)

    def _imu(self, stem: str, path: Path, signals: dict[str, Signal], notes: dict[str, str]) -> None:
        if stem in _BAD_IMU.get(self._person.source_patient, ()):
            notes["imu"] = "unusable in this trial, not read"
            return
        signal, notes["imu"] = read_imu(path)
        if signal is not None:
            signals["imu"] = signal

    def _candidates(
        self, name: str, motion: Motion, signals: Mapping[str, Signal], notes: dict[str, str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the rows of `strides` and `rejected`: from each contact of a foot to its next, found or not."""
        legs = {name: signal for name, signal in signals.items() if name != "imu"}
        span = common_span([signal for name, signal in legs.items() if name != "emg"])
        overlap = common_span(list(legs.values()))
        kept: list[dict[str, Any]] = []
        rejected: list[dict[str, Any]] = []
        notes["evidence.contacts"] = f"onset of the ankle moment near the largest forward reach, right to {CLOCK:g} s"
        if self._given is not None:
            notes["evidence.contacts"] = "given by the option contacts"
        sides: tuple[words.Side, ...] = words.SIDES
        for side in sides:
            contacts, faults, gaps = self._contacts(name, motion, side)
            if self._given is None and motion.angles is not None and not len(contacts):
                notes[f"contacts_{side}"] = "no forward reach in the hip and knee angles: no candidate"
            for index in range(len(contacts) - 1):
                verdict = judge(index, contacts, faults, gaps, overlap, legs, side)
                rows = cycles.sort_candidates(
                    spec=SPEC,
                    trial=name,
                    side=side,
                    contacts=contacts[index : index + 2],
                    span=span if overlap[1] > overlap[0] else (-np.inf, np.inf),
                    judge=lambda _, verdict=verdict: verdict,  # type: ignore[misc]
                    first_number=index,
                )
                kept += rows[0]
                rejected += rows[1]
        return [row | {"duration_source": self._origin()} for row in kept], rejected

    def _contacts(self, name: str, motion: Motion, side: words.Side) -> tuple[FloatArray, list[str], FloatArray]:
        """Return the contacts of a foot (s), why one is not known (then the time is the reach), and gaps (s)."""
        if self._given is not None:
            times = self._given.get((name, side), np.empty(0))
            return times, [""] * times.size, np.empty(0)
        found = [contact for contact in motion.contacts[side] if contact.fault != HIDDEN]
        gaps = [contact.reach for contact in motion.contacts[side] if contact.fault == HIDDEN]
        times = np.array([contact.reach if contact.fault else contact.time for contact in found], dtype=np.float64)
        return times, [contact.fault for contact in found], np.array(gaps)

    def _origin(self) -> str:
        return "samples" if self._given is None else "events"
