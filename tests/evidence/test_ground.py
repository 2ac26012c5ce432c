"""Stairs or level from the knee: every activity, speed, leg and noise."""

from __future__ import annotations

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.evidence import LEAST, step_contacts, steps_down
from tests.evidence.cases import FLEXION, KNEE, FloatArray, healthy, noisy
from tests.evidence.tally import Record, Tally


def test_steps_are_told_from_the_level_in_every_stride(record_property: Record) -> None:
    """Up from the knee at contact, down from that in late stance; strides of the other direction are not asked."""
    rng = np.random.default_rng(61)
    up, down = Tally("step_contacts"), Tally("steps_down")
    for strides in healthy():
        for size in (0.5, 3.0):
            knee = noisy(rng, strides.angles[..., KNEE, FLEXION], size)
            if strides.activity in {"walk", "stair_ascent"}:
                for decision in step_contacts(knee[:, 0]):
                    up.add(decision, strides.activity == "stair_ascent", strides.name, strides.group)
            if strides.activity in {"walk", "stair_descent"}:
                for decision in steps_down(knee):
                    down.add(decision, strides.activity == "stair_descent", strides.name, strides.group)
    up.report(record_property, most_refused=0.15, least_cases=1000)
    down.report(record_property, most_refused=0.25, least_cases=1000)


def test_between_the_limits_and_without_a_value_nothing_is_sure() -> None:
    for angle in (np.nan, 16.0, 20.0, 24.0):
        assert step_contacts([angle])[0].confidence < LEAST
    for angle in (np.nan, 21.0, 25.0, 29.0):
        assert steps_down(np.full((1, 101), angle))[0].confidence < LEAST
    assert [(d.value, d.sure) for d in step_contacts([15.0, 25.0])] == [(False, True), (True, True)]
    assert [(d.value, d.sure) for d in steps_down(np.array([[20.0] * 101, [30.0] * 101]))] == [
        (False, True),
        (True, True),
    ]
    sure = [decision.confidence for decision in step_contacts([20.0, 26.0, 30.0, 35.0, 60.0])]
    assert sure == sorted(sure)
    assert sure[-1] == pytest.approx(0.99)


@pytest.mark.parametrize("knee", [np.zeros((2, 101)), np.zeros((2, 3, 4))])
def test_contacts_of_other_dimensions_are_refused_by_name(knee: FloatArray) -> None:
    with pytest.raises(ConfigError, match=r"expected \(contact,\)"):
        step_contacts(knee)


def test_strides_of_too_few_points_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"shape \(3, 20\)"):
        steps_down(np.zeros((3, 20)))
