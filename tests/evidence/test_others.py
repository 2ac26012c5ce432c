"""Running, equinus, walking backward and strides that begin anywhere: right or refused, never sure and wrong."""

from __future__ import annotations

import numpy as np
import pytest

from biomech_xr.evidence import (
    LEAST,
    STATED,
    Decision,
    ankle_sign,
    hip_sign,
    knee_sign,
    moment_sign,
    start_from_force,
    start_from_knee,
)
from tests.evidence.cases import FLEXION, HIP, KNEE, healthy, noisy
from tests.evidence.others import JOINTS, STARTS, begun, gaits, others
from tests.evidence.tally import Record, Tally

DETECTORS = dict(zip(JOINTS, (hip_sign, knee_sign, ankle_sign), strict=True))
UNSURE = Decision("own", 0.7, "not asked")


@pytest.mark.parametrize("joint", JOINTS)
def test_no_angle_is_sure_and_wrong_wherever_strides_begin(joint: str, record_property: Record) -> None:
    rng = np.random.default_rng(21)
    tally = Tally(f"{joint}_sign, any gait, start at any tenth of the stride")
    for number, (name, group, curves) in enumerate(gaits(rng, "angles", joint)):
        for start in STARTS[number % 2]:
            sign = int(rng.choice([-1, 1]))
            decision = DETECTORS[joint](sign * noisy(rng, begun(curves, start), 1.0))
            tally.add(decision, sign, f"{name}, {group}, start {start} %", group)
    tally.report(record_property, most_refused=1.0, least_cases=300)


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_running_and_equinus_ankles_are_right_or_refused(size: float, record_property: Record) -> None:
    rng = np.random.default_rng(22)
    tally = Tally(f"ankle_sign, running and equinus from contact, noise {size}")
    for name, group, curves in others(rng, "angles", "ankle"):
        for sign in (1, -1):
            tally.add(ankle_sign(sign * noisy(rng, curves, size)), sign, name, group)
    tally.report(record_property, most_refused=1.0, least_cases=40)


def test_no_ankle_moment_is_sure_and_wrong_wherever_strides_begin(record_property: Record) -> None:
    rng = np.random.default_rng(23)
    tally = Tally("moment_sign ankle, any gait, start at any tenth of the stride")
    for number, (name, group, curves) in enumerate(gaits(rng, "moments", "ankle")):
        for start in STARTS[number % 2]:
            sign = int(rng.choice([-1, 1]))
            decision = moment_sign("ankle", sign * noisy(rng, begun(curves, start), 0.05))
            tally.add(decision, sign, f"{name}, {group}, start {start} %", group)
    tally.report(record_property, most_refused=1.0, least_cases=300)


def test_running_has_the_moment_signs_of_walking_or_none(record_property: Record) -> None:
    rng = np.random.default_rng(25)
    tally = Tally("moment_sign hip, knee and ankle, running from contact")
    for joint in JOINTS:
        for name, group, curves in others(rng, "moments", joint):
            for sign in (1, -1):
                tally.add(moment_sign(joint, sign * noisy(rng, curves, 0.05)), sign, f"{joint}, {name}", group)
    tally.report(record_property, most_refused=0.5, least_cases=36)


def test_a_start_that_the_force_settles_leaves_no_wrong_hip_or_knee_moment(record_property: Record) -> None:
    rng = np.random.default_rng(24)
    tally = Tally("moment_sign hip and knee, start at any tenth, from force")
    by_knee = Tally("moment_sign hip and knee, start at any tenth, from the knee angle")
    for number, strides in enumerate(healthy()[::2]):
        for at in STARTS[number % 2]:
            force = start_from_force(begun(np.maximum(strides.force, 0), at))
            angle = start_from_knee(begun(strides.angles[..., KNEE, FLEXION], at))
            for joint, index in (("hip", HIP), ("knee", KNEE)):
                sign = int(rng.choice([-1, 1]))
                curves = sign * begun(strides.moments[..., index, FLEXION], at)
                for counted, start in ((tally, force), (by_knee, angle)):
                    decision = moment_sign(joint, curves, start=start)
                    counted.add(decision, sign, f"{joint}, {strides.name}, start {at} %", strides.group)
    tally.report(record_property, most_refused=0.95, least_cases=500)
    by_knee.report(record_property, most_refused=0.95, least_cases=500)


@pytest.mark.parametrize("joint", ["hip", "knee"])
def test_the_start_decides_how_sure_a_moment_may_be_and_stands_in_the_evidence(joint: str) -> None:
    moment = healthy()[4].moments[..., JOINTS.index(joint), FLEXION]
    known, unknown = moment_sign(joint, moment, start=STATED), moment_sign(joint, moment, start=UNSURE)
    assert known.sure
    assert "as the caller states" in known.evidence
    assert unknown.value == known.value
    assert unknown.confidence < LEAST
    assert "own (confidence 0.70)" in unknown.evidence
    assert not moment_sign(joint, moment, start=Decision("other", 0.99, "seen")).sure
