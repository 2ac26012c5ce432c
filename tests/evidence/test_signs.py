"""Signs of sagittal angles: every planted sign, activity, speed, leg, noise and severity."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.evidence import LEAST, Decision, ankle_sign, hip_sign, knee_sign
from tests.evidence.cases import ANKLE, FLEXION, HIP, KNEE, FloatArray, everyone, healthy, noisy, nonsense, shifted
from tests.evidence.tally import Record, Tally

Detector = Callable[[FloatArray], Decision[int]]
DETECTORS = pytest.mark.parametrize(
    ("detector", "joint"), [(knee_sign, KNEE), (hip_sign, HIP), (ankle_sign, ANKLE)], ids=["knee", "hip", "ankle"]
)


@DETECTORS
def test_every_planted_sign_is_found_or_refused(detector: Detector, joint: int, record_property: Record) -> None:
    rng = np.random.default_rng(1)
    clean = Tally(f"{detector.__name__}, healthy")
    hard = Tally(f"{detector.__name__}, stroke")
    for kind, strides in everyone(rng):
        for size, sign in product((0.5, 3.0), (1, -1)):
            curves = noisy(rng, strides.angles[..., joint, FLEXION], size)
            tally = clean if kind == "healthy" else hard
            tally.add(detector(sign * curves), sign, f"{strides.name}, noise {size}", strides.group)
    usual = 0.35 if joint == ANKLE else 0.02
    clean.report(record_property, most_refused=usual, least_cases=400)
    hard.report(record_property, most_refused=0.5 if joint == ANKLE else 0.35, least_cases=500)


@DETECTORS
def test_without_gait_nothing_is_decided(detector: Detector, joint: int, record_property: Record) -> None:
    rng = np.random.default_rng(joint)
    tally = Tally(f"{detector.__name__}, no gait")
    for size in (0.1, 3.0, 40.0):
        for strides in (3, 8, 20):
            for name, curves in nonsense(rng, size, strides):
                tally.add(detector(curves), None, f"{name} of size {size}, {strides} strides")
    tally.report(record_property, most_refused=1.0, least_cases=250)
    assert tally.refused == tally.cases


@DETECTORS
def test_strides_of_the_other_foot_give_no_wrong_sign(detector: Detector, joint: int, record_property: Record) -> None:
    tally = Tally(f"{detector.__name__}, cycles of the other foot")
    rng = np.random.default_rng(3)
    for strides, sign in product(healthy(), (1, -1)):
        curves = noisy(rng, shifted(strides.angles[..., joint, FLEXION]), 1.0)
        tally.add(detector(sign * curves), sign, strides.name, strides.group)
    tally.report(record_property, most_refused=1.0, least_cases=200)


@DETECTORS
def test_one_stride_is_not_enough(detector: Detector, joint: int) -> None:
    curves = healthy()[4].angles[..., joint, FLEXION]
    assert detector(curves[0]).confidence < LEAST
    assert detector(curves[:2]).confidence < LEAST
    assert detector(curves[:3]).confidence >= LEAST


def test_the_evidence_names_measured_figures() -> None:
    strides = next(strides for strides in healthy() if strides.activity == "walk" and strides.speed == 1.3)
    knee = strides.angles[..., KNEE, FLEXION]
    decision = knee_sign(-knee)
    assert decision.value == -1
    assert f"{np.median(np.percentile(-knee, 2, axis=1)):.0f}"[:3] in decision.evidence
    assert "strides" in decision.evidence
    assert decision.note().startswith("-1 (confidence 0.9")


def test_an_included_angle_is_no_flexion_of_either_sign() -> None:
    knee = healthy()[4].angles[..., KNEE, FLEXION]
    assert knee_sign(180 - knee).confidence < LEAST


def test_radians_are_refused_rather_than_guessed() -> None:
    assert knee_sign(np.deg2rad(healthy()[4].angles[..., KNEE, FLEXION])).confidence < LEAST


def test_one_broken_stride_in_five_changes_nothing() -> None:
    curves = healthy()[4].angles[..., KNEE, FLEXION].copy()
    curves[1] = -900.0
    curves[1, 3] = 4000.0
    decision = knee_sign(curves)
    assert decision.value == 1
    assert decision.confidence >= LEAST


def test_an_array_of_three_dimensions_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"shape \(2, 3, 101\)"):
        hip_sign(np.zeros((2, 3, 101)))


def test_confidence_grows_with_the_landmark() -> None:
    knee = healthy()[4].angles[..., KNEE, FLEXION]
    grown = [knee_sign(scale * knee).confidence for scale in (0.05, 0.15, 0.3, 1.0)]
    assert grown == sorted(grown)
    assert grown[0] < LEAST < grown[-1]
    assert not any(math.isnan(value) for value in grown)
