"""Published power: every planted sign, unit, joint and side of the moments beside it, with noise, stroke and stairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.evidence import FACTORS, LEAST, Decision, power
from tests.evidence.cases import ADDUCTION, FLEXION, FloatArray, Strides, everyone, noisy, nonsense, shifted
from tests.evidence.tally import Record, Tally

DURATION = 1.1
JOINTS = {joint: number for number, joint in enumerate(words.JOINTS)}


def published(strides: Strides, rng: np.random.Generator, planes: int) -> Mapping[str, FloatArray]:
    """Return power in W/kg of the sagittal plane or of two planes, as sources have it, with noise."""
    rate = np.gradient(np.deg2rad(strides.angles), axis=1) * (strides.angles.shape[1] - 1) / DURATION
    each = strides.moments * rate
    total = each[..., FLEXION] + (each[..., ADDUCTION] if planes > 1 else 0.0)
    return {joint: noisy(rng, total[..., number], 0.03) for joint, number in JOINTS.items()}


def leg(
    strides: Strides, made: Mapping[str, FloatArray], *, sign: int = 1, factor: float = 1.0, moved: int = 0
) -> power.LegPower:
    """Return a leg whose moments have a planted sign, unit and joint (``moved`` by so many)."""
    side: words.Side = "right" if strides.name.split(", ")[2] == "right" else "left"
    return power.LegPower(
        side=side,
        duration=np.full(len(strides.angles), DURATION),
        angles={joint: strides.angles[..., number, FLEXION] for joint, number in JOINTS.items()},
        moments={
            joint: sign / factor * strides.moments[..., (number + moved) % 3, FLEXION]
            for joint, number in JOINTS.items()
        },
        power=made,
    )


def cases(seed: int) -> Iterator[tuple[str, Strides, Mapping[str, FloatArray]]]:
    rng = np.random.default_rng(seed)
    for index, (kind, strides) in enumerate(everyone(rng)):
        if strides.group.endswith("left") == (strides.group.split(",")[0][-1] in "024"):
            yield kind, strides, published(strides, rng, 1 + index % 2)


def test_every_planted_sign_and_unit_is_found_or_refused(record_property: Record) -> None:
    signs = {kind: Tally(f"power.moment_signs, {kind}") for kind in ("healthy", "stroke")}
    units = {kind: Tally(f"power.moment_units, {kind}") for kind in ("healthy", "stroke")}
    plants = list(product((1, -1), FACTORS))
    for index, (kind, strides, made) in enumerate(cases(51)):
        for sign, unit in plants[index % 4 :: 4]:
            one = leg(strides, made, sign=sign, factor=FACTORS[unit](strides.body_mass))
            case = f"{strides.name}, {sign}, {unit}"
            for joint in words.JOINTS:
                for decision in power.moment_signs([one], joint):
                    signs[kind].add(decision, sign, f"{case}, {joint}", strides.group)
            for found in power.moment_units([one], strides.body_mass):
                units[kind].add(found, unit, case, strides.group)
    for tally in (*signs.values(), *units.values()):
        least = 300 if tally in signs.values() else 100
        tally.report(record_property, most_refused=0.25, least_cases=least)


def test_curves_of_another_joint_are_seen_and_right_ones_are_not_accused(record_property: Record) -> None:
    tally = Tally("power.misplaced, moments of another joint")
    for index, (_, strides, made) in enumerate(cases(52)):
        moved = index % 3
        wrong = power.misplaced([leg(strides, made, moved=moved)])
        found = Decision("other" if wrong else "own", 1.0 if wrong or not moved else 0.0, wrong)
        tally.add(found, "other" if moved else "own", f"{strides.name}, moved by {moved}", strides.group)
    tally.report(record_property, most_refused=0.25, least_cases=120)


def test_power_of_the_other_foots_cycle_gives_no_wrong_sign(record_property: Record) -> None:
    tally = Tally("power.moment_signs, curves of the other foot's cycle")
    for _, strides, made in cases(53):
        one = leg(strides, {joint: shifted(rows) for joint, rows in made.items()})
        cut = {
            name: {joint: rows[:, :-1] for joint, rows in getattr(one, name).items()} for name in ("angles", "moments")
        }
        other = power.LegPower(side=one.side, duration=one.duration, power=one.power, **cut)
        for joint in words.JOINTS:
            (decision,) = power.moment_signs([other], joint)
            tally.add(decision, 1, f"{strides.name}, {joint}", strides.group)
    tally.report(record_property, most_refused=1.0, least_cases=300)


def test_without_gait_and_with_two_strides_nothing_is_decided() -> None:
    rng = np.random.default_rng(54)
    for (name, torque), (_, other) in zip(nonsense(rng, 3.0), nonsense(rng, 40.0), strict=True):
        rows = {"ankle": torque}
        one = power.LegPower(
            side="left",
            duration=np.full(len(torque), DURATION),
            angles={"ankle": other},
            moments=rows,
            power={"ankle": rng.standard_normal(torque.shape)},
        )
        found: list[Decision[Any]] = [*power.moment_signs([one], "ankle"), *power.moment_units([one], 70.0)]
        for decision in found:
            assert decision.confidence < LEAST, f"{name}: {decision.note()}"
        assert not power.misplaced([one])
    _, strides, made = next(cases(55))
    whole = leg(strides, made)
    few = power.LegPower(
        side="left",
        duration=whole.duration[:2],
        **{
            name: {joint: rows[:2] for joint, rows in getattr(whole, name).items()}
            for name in ("angles", "moments", "power")
        },
    )
    assert not power.moment_signs([few], "ankle")[0].sure
    assert power.moment_signs([whole], "ankle")[0].sure
