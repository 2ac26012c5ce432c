"""Degrees or radians, from how far the knee moves: every activity, speed, leg, noise, severity and sign."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from biomech_xr.evidence import angle_unit
from tests.evidence.cases import FLEXION, KNEE, everyone, healthy, noisy, nonsense
from tests.evidence.tally import Record, Tally


def test_every_planted_unit_is_found(record_property: Record) -> None:
    rng = np.random.default_rng(41)
    tallies = {kind: Tally(f"angle_unit, {kind}") for kind in ("healthy", "stroke")}
    for kind, strides in everyone(rng):
        for (unit, factor), sign in product((("degree", 1.0), ("radian", math.radians(1.0))), (1, -1)):
            knee = noisy(rng, strides.angles[..., KNEE, FLEXION], float(rng.choice([0.5, 3.0])))
            decision = angle_unit(sign * factor * knee)
            tallies[kind].add(decision, unit, f"{strides.name}, {sign}, {unit}", strides.group)
    for tally in tallies.values():
        tally.report(record_property, most_refused=0.02 if tally is tallies["healthy"] else 0.35, least_cases=400)


def test_without_gait_no_unit_is_decided(record_property: Record) -> None:
    rng = np.random.default_rng(42)
    tally = Tally("angle_unit, no gait")
    for size in (0.1, 3.0, 40.0):
        for strides in (3, 8, 20):
            for name, curves in nonsense(rng, size, strides):
                tally.add(angle_unit(curves), None, f"{name} of size {size}, {strides} strides")
    tally.report(record_property, most_refused=1.0, least_cases=250)
    assert tally.refused == tally.cases


def test_other_units_and_too_few_strides_are_refused() -> None:
    knee = healthy()[4].angles[..., KNEE, FLEXION]
    assert not angle_unit(knee[:2]).sure
    for factor in (60.0, 1000 * math.radians(1.0), 1 / 360):
        assert not angle_unit(factor * knee).sure
