"""Signs of the hip in the frontal plane: every planted sign, unit, activity, speed, leg, noise and severity."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.datasets import falisse
from biomech_xr.evidence import FACTORS, LEAST, Decision, hip_adduction_moment_sign, hip_adduction_sign
from tests.evidence.cases import ADDUCTION, FLEXION, HIP, KNEE, everyone, healthy, noisy, nonsense, shifted
from tests.evidence.tally import Record, Tally

Detector = Callable[..., Decision[int]]
DETECTORS = pytest.mark.parametrize(
    ("detector", "quantity", "scale"),
    [(hip_adduction_sign, "angles", 1.0), (hip_adduction_moment_sign, "moments", 0.05)],
    ids=["angle", "moment"],
)


@DETECTORS
def test_every_planted_frontal_sign_is_found_or_refused(
    detector: Detector, quantity: str, scale: float, record_property: Record
) -> None:
    rng = np.random.default_rng(31)
    tallies = {kind: Tally(f"{detector.__name__}, {kind}") for kind in ("healthy", "stroke")}
    for kind, strides in everyone(rng):
        for size, sign in product((0.5, 2.0), (1, -1)):
            unit = FACTORS[str(rng.choice(list(FACTORS)))](strides.body_mass) if quantity == "moments" else 1.0
            curves = noisy(rng, getattr(strides, quantity)[..., HIP, ADDUCTION], size * scale)
            tallies[kind].add(detector(sign * curves / unit), sign, f"{strides.name}, noise {size}", strides.group)
    for tally in tallies.values():
        tally.report(record_property, most_refused=0.25, least_cases=400)


@DETECTORS
def test_without_gait_no_frontal_sign_is_decided(
    detector: Detector, quantity: str, scale: float, record_property: Record
) -> None:
    rng = np.random.default_rng(32)
    tally = Tally(f"{detector.__name__}, no gait")
    for size in (0.1, 3.0, 40.0):
        for strides in (3, 8, 20):
            for name, curves in nonsense(rng, size * scale, strides):
                tally.add(detector(curves), None, f"{name} of size {size}, {strides} strides")
    tally.report(record_property, most_refused=1.0, least_cases=250)
    assert tally.refused == tally.cases


@DETECTORS
def test_a_start_that_is_not_surely_own_leaves_the_sign_open(detector: Detector, quantity: str, scale: float) -> None:
    curves = getattr(healthy()[4], quantity)[..., HIP, ADDUCTION]
    assert detector(curves).sure
    for start in (Decision("own", 0.7, "not asked"), Decision("other", 0.99, "seen")):
        decision = detector(shifted(curves), start=start)
        assert decision.confidence < LEAST
        assert start.evidence in decision.evidence
    assert detector(curves, start=Decision("own", 0.95, "seen")).sure


@pytest.mark.parametrize("joint", [HIP, KNEE])
def test_sagittal_moments_and_angles_give_no_frontal_sign(joint: int) -> None:
    """A column taken for the frontal one by mistake: flexion of the hip or knee is refused."""
    for strides in healthy():
        assert not hip_adduction_sign(strides.angles[..., joint, FLEXION]).sure, strides.name


@DETECTORS
def test_two_strides_are_not_enough(detector: Detector, quantity: str, scale: float) -> None:
    curves = getattr(healthy()[4], quantity)[..., HIP, ADDUCTION]
    assert not detector(curves[:2]).sure
    assert not detector(np.full((12, 101), np.nan)).sure


@pytest.mark.parametrize("sign", [1, -1])
def test_frontal_signs_of_eleven_real_strides(samples: Path, sign: int) -> None:
    trial = next(iter(falisse.recordings(samples / "falisse", "subject1")))
    for group, detector in (("kinematics", hip_adduction_sign), ("kinetics", hip_adduction_moment_sign)):
        values = np.asarray(trial.signals[group].values.values, dtype=float)
        decision = detector(sign * values[..., HIP, ADDUCTION].reshape(-1, 100))
        assert decision.value == sign, decision.note()
        assert decision.sure, decision.note()


def test_a_pelvis_that_is_lifted_in_swing_gives_no_wrong_sign(record_property: Record) -> None:
    """Hip hiking adducts the swinging hip and abducts the standing one (Kerrigan et al. 2000, Am J PM&R 79:247)."""
    rng = np.random.default_rng(33)
    tally = Tally("hip_adduction_sign, hip hiking and Trendelenburg gait")
    phase = np.linspace(0, 1, 101)
    swing, stance = (np.exp(-0.5 * ((phase - place) / 0.1) ** 2) for place in (0.72, 0.25))
    for strides in healthy():
        for lift, drop in ((rng.uniform(3, 12), rng.uniform(0, 5)), (0.0, rng.uniform(-8, 0)), (-6.0, 0.0)):
            sign = int(rng.choice([-1, 1]))
            curves = strides.angles[..., HIP, ADDUCTION] + lift * swing - drop * stance
            tally.add(hip_adduction_sign(sign * noisy(rng, curves, 1.0)), sign, strides.name, strides.group)
    tally.report(record_property, most_refused=0.5, least_cases=300)
