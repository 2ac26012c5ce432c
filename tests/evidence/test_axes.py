"""Order of the three columns: six orders, eight signs, every activity and severity."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError
from biomech_xr.evidence import LEAST, axis_order, flexion_column
from tests.evidence.cases import ANKLE, HIP, KNEE, FloatArray, Strides, everyone, healthy, noisy, nonsense
from tests.evidence.tally import Record, Tally

ORDERS = tuple(permutations(range(3)))
SIGNS = tuple(product((1, -1), repeat=3))


def planted(curves: FloatArray, order: tuple[int, ...], signs: tuple[int, ...]) -> FloatArray:
    """Return (stride, column, point) of curves (stride, point, motion)."""
    return np.moveaxis(curves[..., list(order)] * np.array(signs), -1, 1)


def test_every_order_and_sign_of_columns_is_found_or_refused(record_property: Record) -> None:
    rng = np.random.default_rng(4)
    tallies = {kind: Tally(f"axis_order, {kind}") for kind in ("healthy", "stroke")}
    columns = {kind: Tally(f"flexion_column, {kind}") for kind in ("healthy", "stroke")}
    plants = list(product(ORDERS, SIGNS))
    for kind, strides in everyone(rng):
        joints = [noisy(rng, strides.angles[:, :, joint], 0.5) for joint in (HIP, KNEE, ANKLE)]
        order, signs = plants[tallies[kind].cases % len(plants)]
        case = f"{strides.name}, order {order}, signs {signs}"
        hip, knee, ankle = (planted(curves, order, signs) for curves in joints)
        truth = tuple(words.MOTIONS[motion] for motion in order)
        tallies[kind].add(axis_order(knee, hip, ankle), truth, case, strides.group)
        columns[kind].add(flexion_column(knee), truth.index("flexion"), case, strides.group)
    for kind, least in (("healthy", 100), ("stroke", 125)):
        tallies[kind].report(record_property, most_refused=0.4, least_cases=least)
        columns[kind].report(record_property, most_refused=0.02 if kind == "healthy" else 0.1, least_cases=least)


def pooled(activity: str, *, speed: float | None = None) -> Strides:
    """Return the strides of all people (one leg) in one activity as if of one file."""
    chosen = [s for s in healthy() if s.activity == activity and (speed is None or s.speed == speed)][::2]
    return Strides(
        name=f"all in {activity}",
        activity=activity,
        speed=1.0,
        body_mass=70.0,
        angles=np.concatenate([s.angles for s in chosen]),
        moments=np.concatenate([s.moments for s in chosen]),
        force=np.concatenate([s.force for s in chosen]),
    )


@pytest.mark.parametrize("order", ORDERS)
def test_all_orders_and_signs_are_found_when_people_are_pooled(order: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    strides = pooled("walk", speed=1.3)
    truth = tuple(words.MOTIONS[motion] for motion in order)
    joints = [noisy(rng, strides.angles[:, :, joint], 0.5) for joint in (HIP, KNEE, ANKLE)]
    for signs in SIGNS:
        hip, knee, ankle = (planted(curves, order, signs) for curves in joints)
        decision = axis_order(knee, hip, ankle)
        assert (decision.value, decision.confidence >= LEAST) == (truth, True), decision.note()


def test_without_a_hip_adduction_and_rotation_stay_open() -> None:
    knee = planted(healthy()[4].angles[:, :, KNEE], (0, 1, 2), (1, 1, 1))
    decision = axis_order(knee)
    assert decision.value[2] == "flexion"
    assert decision.confidence < LEAST
    assert flexion_column(knee).confidence >= LEAST


def test_two_alike_minor_columns_stay_open() -> None:
    strides = healthy()[4]
    hip = planted(strides.angles[:, :, HIP], (0, 0, 2), (1, -1, 1))
    assert axis_order(planted(strides.angles[:, :, KNEE], (0, 1, 2), (1, 1, 1)), hip).confidence < LEAST


def test_a_hip_that_moves_most_in_another_column_lowers_the_confidence() -> None:
    strides = healthy()[4]
    knee = planted(strides.angles[:, :, KNEE], (2, 0, 1), (1, 1, 1))
    hip = planted(strides.angles[:, :, HIP], (0, 2, 1), (1, 1, 1))
    assert axis_order(knee, hip).confidence < LEAST


def test_noise_has_no_flexion_column() -> None:
    rng = np.random.default_rng(8)
    for size in (1.0, 20.0):
        for (_, first), (_, second), (_, third) in zip(*(nonsense(rng, size) for _ in range(3)), strict=True):
            stacked = np.stack([first, second, third], axis=1)
            assert flexion_column(stacked).confidence < LEAST
            assert axis_order(stacked, stacked, stacked).confidence < LEAST


def test_a_table_of_two_columns_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"knee angles of shape \(4, 2, 101\)"):
        flexion_column(np.zeros((4, 2, 101)))
