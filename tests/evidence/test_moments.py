"""Signs and units of joint moments: every planted sign, unit, mass, activity, speed, noise and severity."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.evidence import FACTORS, LEAST, moment_sign, moment_unit
from tests.evidence.cases import ANKLE, FLEXION, KNEE, everyone, healthy, noisy, nonsense, shifted
from tests.evidence.tally import Record, Tally

JOINTS = ("hip", "knee", "ankle")


@pytest.mark.parametrize("joint", JOINTS)
def test_every_planted_moment_sign_is_found_or_refused(joint: str, record_property: Record) -> None:
    rng = np.random.default_rng(2)
    clean, hard = Tally(f"moment_sign {joint}, healthy"), Tally(f"moment_sign {joint}, stroke or noisy")
    for kind, strides in everyone(rng):
        for number, (size, sign) in enumerate(product((0.03, 0.15), (1, -1))):
            curves = noisy(rng, strides.moments[..., JOINTS.index(joint), FLEXION], size)
            unit = list(FACTORS)[(clean.cases + number) % len(FACTORS)]
            tally = clean if kind == "healthy" and size < 0.1 else hard
            decision = moment_sign(joint, sign * curves / FACTORS[unit](strides.body_mass))
            tally.add(decision, sign, f"{strides.name}, {unit}, noise {size}", strides.group)
    clean.report(record_property, most_refused=0.02, least_cases=200)
    hard.report(record_property, most_refused=0.3, least_cases=500)


@pytest.mark.parametrize("joint", JOINTS)
def test_without_gait_no_moment_sign_and_no_unit_is_decided(joint: str, record_property: Record) -> None:
    rng = np.random.default_rng(5)
    tally = Tally(f"moment_sign {joint} and moment_unit, no gait")
    for size in (0.02, 1.0, 1000.0):
        for strides in (3, 8, 20):
            for name, curves in nonsense(rng, size, strides):
                tally.add(moment_sign(joint, curves), None, f"{name} of size {size}, {strides} strides")
                if joint == "ankle":
                    tally.add(moment_unit(curves, 130.0), None, f"unit, {name} of size {size}, {strides} strides")
    tally.report(record_property, most_refused=1.0, least_cases=250)
    assert tally.refused == tally.cases


def test_ankle_and_knee_moments_of_the_other_foot_give_no_wrong_sign(record_property: Record) -> None:
    tally = Tally("moment_sign ankle and knee, cycles of the other foot")
    for strides, sign in product(healthy(), (1, -1)):
        for joint, index in (("knee", KNEE), ("ankle", ANKLE)):
            curves = shifted(strides.moments[..., index, FLEXION])
            tally.add(moment_sign(joint, sign * curves), sign, f"{joint}, {strides.name}", strides.group)
    tally.report(record_property, most_refused=1.0, least_cases=400)


def test_every_planted_unit_is_found_or_refused_at_every_mass(record_property: Record) -> None:
    rng = np.random.default_rng(3)
    clean, hard = Tally("moment_unit, healthy"), Tally("moment_unit, stroke")
    for kind, strides in everyone(rng):
        mass = 40.0 if strides.name.split(", ")[2] == "left" else 130.0
        curves = noisy(rng, strides.moments[..., ANKLE, FLEXION], 0.08)
        for (unit, factor), sign in product(FACTORS.items(), (1, -1)):
            raw = sign * curves / factor(mass)
            tally = clean if kind == "healthy" else hard
            speed = float(rng.choice([math.nan, strides.speed]))
            tally.add(moment_unit(raw, mass, speed), unit, f"{strides.name}, {sign}, {mass}", strides.group)
    clean.report(record_property, most_refused=0.02, least_cases=800)
    hard.report(record_property, most_refused=0.3, least_cases=1000)


def test_a_weak_push_off_of_a_heavy_person_is_refused(record_property: Record) -> None:
    """0.25 N m/kg in N mm/kg of 130 kg reads as 1.9 N m/kg in N m: nobody can tell, so nothing is decided wrongly."""
    tally = Tally("moment_unit, peaks of 0.21 to 3 N m/kg")
    base = healthy()[4].moments[..., ANKLE, FLEXION]
    for peak in np.geomspace(0.21, 3.0, 20):
        for mass in np.linspace(40, 130, 10):
            for unit, factor in FACTORS.items():
                tally.add(moment_unit(base / np.abs(base).max() * peak / factor(mass), mass), unit, f"{peak}, {mass}")
    tally.report(record_property, most_refused=0.6, least_cases=800)


def test_speed_settles_what_mass_leaves_open() -> None:
    base = healthy()[4].moments[..., ANKLE, FLEXION]
    newton_meters = base / np.abs(base).max() * 1.75 * 129.0
    assert moment_unit(newton_meters, 129.0).confidence < LEAST
    decision = moment_unit(newton_meters, 129.0, 1.4)
    assert (decision.value, decision.confidence >= LEAST) == ("N m", True)


@pytest.mark.parametrize("unit", FACTORS)
def test_without_a_mass_the_unit_is_still_clear_for_usual_peaks(unit: str) -> None:
    base = healthy()[4].moments[..., ANKLE, FLEXION]
    decision = moment_unit(base / FACTORS[unit](68.0), math.nan)
    assert decision.value == unit or decision.confidence < LEAST
    assert "unknown mass" in decision.evidence


def test_factors_lead_to_newton_meters_per_kilogram() -> None:
    values = {"N m": 98.0, "N m/kg": 1.4, "N mm/kg": 1400.0, "N mm": 98_000.0}
    for unit, value in values.items():
        assert value * FACTORS[unit](70.0) == pytest.approx(1.4)


def test_an_unknown_joint_is_named() -> None:
    with pytest.raises(ConfigError, match="'toe'"):
        moment_sign("toe", np.zeros((4, 101)))
