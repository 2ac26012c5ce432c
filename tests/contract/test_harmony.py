"""One human, written in every source's raw format, comes back as the same curves in the same words, signs and units."""

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
from biomech_xr.synthetic.gait import Bout, own_curve
from biomech_xr.synthetic.person import Person, make_person, one_human

from .conftest import GRID, component_curves, emg_level
from .rows import row_of

HUMAN, SEED = "ada", 11
ANGLE, MOMENT, ENVELOPE = 0.5, 0.02, 0.98
"""Largest difference of a median angle (degrees), of a median moment (share of its range; the median leaves the planted
plate artefacts out), least correlation of mean EMG."""


@pytest.fixture(scope="module")
def human() -> Person:
    with one_human(HUMAN):
        return make_person(HUMAN, seed=SEED)


@pytest.fixture(scope="module", params=names())
def trials(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Trial]]:
    name, row = request.param, row_of(request.param)
    raw: Path = tmp_path_factory.mktemp("harmony") / name
    with one_human(HUMAN):
        write(name, raw, patients=1, seed=SEED, minutes=2 * row.minutes)
    patient = find_patients(name, raw)[0]
    return name, list(read_patient(name, raw, patient, row.options))


def expected(human: Person, component: str, quantity: Quantity) -> np.ndarray:
    """Return the human's own mean curve, shape (100,)."""
    joint, motion = component.split()
    own = own_curve(human, Bout(activity="walk", duration=1), quantity, GRID)
    return np.asarray(own[:, words.JOINTS.index(joint), words.MOTIONS.index(motion)])


def test_angles_are_those_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    for side, components in row_of(name).angles.items():
        for component in components:
            rows, curves = component_curves(read, "kinematics", side, component)
            own = expected(human, component, "angle") + row_of(name).offsets.get(component, 0.0)
            difference = np.median(curves, axis=0) - own
            assert np.abs(difference).max() < ANGLE, (side, component, np.abs(difference).max(), len(rows))


def test_moments_are_those_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    for side, components in row_of(name).moments.items():
        for component in components:
            rows, curves = component_curves(read, "kinetics", side, component)
            own = expected(human, component, "moment")
            difference = np.abs(np.median(curves, axis=0) - own).max() / np.ptp(own)
            assert difference < MOMENT, (side, component, difference, len(rows))


def test_emg_rises_and_falls_as_that_of_the_human(trials: tuple[str, list[Trial]], human: Person) -> None:
    name, read = trials
    phase = (np.arange(50) + 0.5) / 50 - human.timing
    for side, muscles in row_of(name).muscles.items():
        for muscle in muscles:
            rows, level = emg_level(read, side, muscle)
            together = np.corrcoef(level.mean(axis=0), activation(muscle, "walk", phase))[0, 1]
            assert together > ENVELOPE, (side, muscle, together, len(rows))
