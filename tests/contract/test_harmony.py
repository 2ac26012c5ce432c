"""One human, written in every source's raw format, comes back as the same curves in the same words, signs and units.

Where a source has two people, both are this human.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biomech_xr import vocabulary as words
from biomech_xr.datasets import names
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic import write
from biomech_xr.synthetic.activation import activation
from biomech_xr.synthetic.curves import Quantity
from biomech_xr.synthetic.gait import Bout, own_curve, own_offset
from biomech_xr.synthetic.person import Person, make_person, one_human

from .conftest import GRID, component_curves, emg_level
from .rows import ESTIMATED, row_of

HUMAN, SEED = "ada", 11
ANGLE, MOMENT, ENVELOPE = 0.5, 0.02, 0.98
"""Largest difference of a median angle (degrees), of a median moment (share of its range; the median leaves the planted
plate artefacts out), least correlation of mean EMG."""

MARK = 0.003
"""How well the factor by which a stride differs from the human's mean agrees between its angles and its moments; the
factors of strides differ by 0.006 (SD)."""


@pytest.fixture(scope="module")
def human() -> Person:
    with one_human(HUMAN):
        return make_person(HUMAN, seed=SEED)


@pytest.fixture(scope="module", params=names())
def trials(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Trial]]:
    name, row = request.param, row_of(request.param)
    raw: Path = tmp_path_factory.mktemp("harmony") / name
    with one_human(HUMAN):
        write(name, raw, patients=row.patients, seed=SEED, minutes=row.minutes)
    people = find_patients(name, raw)
    return name, [trial for patient in people for trial in read_patient(name, raw, patient, row.options)]


def own(human: Person, side: str, component: str, quantity: Quantity, shift: float = 0.0) -> np.ndarray:
    """Return the human's own mean curve, shape (100,), seen ``shift`` of a stride later."""
    joint, motion = component.split()
    curve = own_curve(human, Bout(activity="walk", duration=1), quantity, GRID + shift, side)
    return np.asarray(curve[:, words.JOINTS.index(joint), words.MOTIONS.index(motion)])


def late(name: str, read: list[Trial], human: Person, side: str) -> float:
    """Return by how much of a stride the contacts of an estimated clock are late; 0 where the source has events.

    One number a leg, of the knee, and at most the row's `clock`.
    """
    row = row_of(name)
    if name not in ESTIMATED:
        return 0.0
    rows, curves = component_curves(read, "kinematics", side, "knee flexion")
    if not len(curves):
        return 0.0
    most = row.clock / np.median([labels["duration"] for labels in rows])
    shifts = np.linspace(-most, most, 41)
    errors = [np.abs(np.median(curves, axis=0) - own(human, side, "knee flexion", "angle", s)).max() for s in shifts]
    return float(shifts[np.argmin(errors)])


def test_angles_are_those_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    row = row_of(name)
    for side, components in row.angles.items():
        shift = late(name, read, human, side)
        for component in components:
            _, curves = component_curves(read, "kinematics", side, component)
            mean = own(human, side, component, "angle", shift) + row.offsets.get(component, 0.0)
            off = np.abs(np.median(curves, axis=0) - mean).max()
            assert off < ANGLE, (side, component, off, len(curves))


def test_moments_are_those_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    for side, components in row_of(name).moments.items():
        shift = late(name, read, human, side)
        for component in components:
            _, curves = component_curves(read, "kinetics", side, component)
            mean = own(human, side, component, "moment", shift)
            off = np.abs(np.median(curves, axis=0) - mean).max() / np.ptp(mean)
            assert off < MOMENT, (side, component, off, len(curves))


def factors(
    read: list[Trial], human: Person, side: str, component: str, quantity: Quantity, offset: float, shift: float
) -> dict[tuple[object, ...], float]:
    """Return by which factor each stride differs from the human's mean, by (patient, trial, stride number)."""
    joint, motion = component.split()
    added = offset
    if quantity == "angle":
        added += own_offset(human, side)[words.JOINTS.index(joint), words.MOTIONS.index(motion)]
    shape = own(human, side, component, quantity, shift) - (added - offset)
    found = {}
    for trial in read:
        group = "kinematics" if quantity == "angle" else "kinetics"
        rows, curves = component_curves([trial], group, side, component)
        for labels, curve in zip(rows, curves - added, strict=True):
            key = (trial.patient.patient, trial.trial, labels["stride_number"])
            found[key] = float(curve @ shape / (shape @ shape))
    return found


def test_angles_and_moments_of_a_stride_are_of_one_stride(trials: tuple[str, list[Trial]], human: Person) -> None:
    """Each stride is marked by one factor in its angles and its moments: paired with a neighbor, they would differ."""
    name, read = trials
    row = row_of(name)
    for side, moments in row.moments.items():
        for component in {"knee flexion", "ankle flexion"} & set(moments) & set(row.angles.get(side, ())):
            shift = late(name, read, human, side)
            offset = row.offsets.get(component, 0.0)
            angle = factors(read, human, side, component, "angle", offset, shift)
            moment = factors(read, human, side, component, "moment", 0.0, shift)
            both = sorted(set(angle) & set(moment))
            apart = np.array([abs(angle[key] - moment[key]) for key in both])
            assert len(both) >= 3, (side, component)
            assert np.median(apart) < MARK, (side, component, apart)
            assert (apart < 2 * MARK).mean() > 0.7, (side, component, apart)


def test_emg_rises_and_falls_as_that_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    phase = (np.arange(50) + 0.5) / 50 - human.timing
    for side, muscles in row_of(name).muscles.items():
        for muscle in muscles:
            rows, level = emg_level(read, side, muscle)
            together = np.corrcoef(level.mean(axis=0), activation(muscle, "walk", phase))[0, 1]
            assert together > ENVELOPE, (side, muscle, together, len(rows))
