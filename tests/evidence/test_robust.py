"""Whatever comes in: no exception, no warning, no sure decision."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from biomech_xr import evidence
from tests.evidence.cases import FloatArray

KINDS = ("noise", "zeros", "nan", "holes", "infinite", "whole", "huge", "almost constant", "spikes", "tiny")


def odd(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> FloatArray:
    """Return an array that no gait ever gave."""
    noise, chance = rng.standard_normal(shape), rng.random(shape)
    made = {
        "noise": noise,
        "zeros": np.zeros(shape),
        "nan": np.full(shape, np.nan),
        "holes": np.where(chance < 0.3, np.nan, noise),
        "infinite": np.where(chance < 0.02, np.inf, noise),
        "whole": np.round(noise),
        "huge": 1e12 * noise,
        "almost constant": 3.3 + 1e-16 * noise,
        "spikes": np.where(chance < 0.01, 5.0, 0.0),
        "tiny": 1e-12 * noise,
    }
    return np.asarray(made[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("points", [1, 20, 101])
def test_odd_strides_give_no_sure_decision(kind: str, points: int) -> None:
    rng = np.random.default_rng(points)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for strides in (0, 1, 3, 9):
            curves = odd(rng, kind, (strides, points))
            columns = odd(rng, kind, (strides, 3, points))
            decisions: list[evidence.Decision[Any]] = [
                *(f(curves) for f in (evidence.knee_sign, evidence.hip_sign, evidence.ankle_sign)),
                *(f(curves) for f in (evidence.start_from_force, evidence.start_from_knee, evidence.angle_unit)),
                *(f(curves) for f in (evidence.hip_adduction_sign, evidence.hip_adduction_moment_sign)),
                *(evidence.force_unit(curves, mass) for mass in (70.0, math.nan, 0.0, -1.0)),
                *(evidence.moment_sign(joint, curves) for joint in ("hip", "knee", "ankle")),
                *(evidence.moment_unit(curves, mass) for mass in (70.0, math.nan, 0.0, -1.0)),
                evidence.axis_order(columns, columns, columns),
                evidence.flexion_column(columns),
            ]
            for decision in decisions:
                assert 0 <= decision.confidence < evidence.LEAST, decision.note()


@pytest.mark.parametrize("kind", KINDS)
def test_odd_signals_give_no_error_and_events_within_the_trial(kind: str) -> None:
    rng = np.random.default_rng(7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for samples in (3, 60, 900):
            signal, path = odd(rng, kind, (samples,)), odd(rng, kind, (samples, 3))
            assert 0 <= evidence.emg_state(signal, 1000.0).confidence <= 1
            assert 0 <= evidence.emg_rate(np.abs(signal), np.abs(signal[::-1])).confidence <= 1
            found = [
                *evidence.contacts_from_force(700 * signal, 100.0, 70.0),
                *evidence.contacts_from_force(signal, 100.0),
                *evidence.contacts_from_heel(path, path[::-1], 100.0, toe=path),
            ]
            for events in found:
                assert np.isfinite(events).all()
                assert ((events >= 0) & (events <= samples / 100)).all()
