"""One human, written in every source's raw format, comes back as the same curves in the same words, signs and units.

Where a source has two people, both are this human.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr import vocabulary as words
from biomech_xr.datasets import names
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic import write
from biomech_xr.synthetic.activation import activation
from biomech_xr.synthetic.curves import Quantity
from biomech_xr.synthetic.gait import Bout, own_curve
from biomech_xr.synthetic.person import Person, make_person, one_human

from .conftest import GRID, component_curves, emg_level
from .rows import row_of

HUMAN, SEED = "ada", 11
ANGLE, MOMENT, ENVELOPE, SAMPLE = 0.5, 0.02, 0.98, 0.005
"""Largest difference of a median angle (degrees), of a median moment (share of its range; the median leaves the planted
plate artefacts out), least correlation of mean EMG,
and the longest sample (s) of any source's events."""


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


def expected(human: Person, component: str, quantity: Quantity, shift: float = 0.0) -> np.ndarray:
    """Return the human's own mean curve, shape (100,), seen ``shift`` of a stride later."""
    joint, motion = component.split()
    own = own_curve(human, Bout(activity="walk", duration=1), quantity, GRID + shift)
    return np.asarray(own[:, words.JOINTS.index(joint), words.MOTIONS.index(motion)])


def difference(
    human: Person, component: str, quantity: Quantity, rows: list[pd.Series], curves: np.ndarray, clock: float
) -> float:
    """Return the largest difference of the median curve from the human's own.

    Contacts are known to ``clock`` s only: where that is more than a sample, the human's curve may lie earlier or later
    by as much; for sources with events that is none.
    """
    median = np.median(curves, axis=0)
    most = clock / np.nanmedian([row["duration"] for row in rows]) if clock > SAMPLE else 0.0
    shifts = np.linspace(-most, most, 41) if most else [0.0]
    return min(float(np.abs(median - expected(human, component, quantity, shift)).max()) for shift in shifts)


def test_angles_are_those_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    row = row_of(name)
    for side, components in row.angles.items():
        for component in components:
            rows, curves = component_curves(read, "kinematics", side, component)
            curves = curves - row.offsets.get(component, 0.0)
            off = difference(human, component, "angle", rows, curves, row.clock)
            assert off < ANGLE, (side, component, off, len(rows))


def test_moments_are_those_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    row = row_of(name)
    for side, components in row.moments.items():
        for component in components:
            rows, curves = component_curves(read, "kinetics", side, component)
            off = difference(human, component, "moment", rows, curves, row.clock)
            off /= np.ptp(expected(human, component, "moment"))
            assert off < MOMENT, (side, component, off, len(rows))


def test_emg_rises_and_falls_as_that_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    phase = (np.arange(50) + 0.5) / 50 - human.timing
    for side, muscles in row_of(name).muscles.items():
        for muscle in muscles:
            rows, level = emg_level(read, side, muscle)
            together = np.corrcoef(level.mean(axis=0), activation(muscle, "walk", phase))[0, 1]
            assert together > ENVELOPE, (side, muscle, together, len(rows))
