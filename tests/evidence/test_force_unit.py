"""Unit of vertical forces: every planted unit, sign, mass, side of the cut, activity, noise and severity."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from biomech_xr.evidence import FORCE_FACTORS, force_unit
from tests.evidence.cases import everyone, healthy, noisy, nonsense, shifted
from tests.evidence.tally import Record, Tally


def test_every_planted_unit_is_found_or_refused(record_property: Record) -> None:
    rng = np.random.default_rng(71)
    tallies = {kind: Tally(f"force_unit, {kind}") for kind in ("healthy", "stroke")}
    for index, (kind, strides) in enumerate(everyone(rng)):
        load = 1.0 if kind == "healthy" else 0.75
        force = load * noisy(rng, np.maximum(strides.force, 0), 0.15)
        force = shifted(force) if index % 3 == 0 else force
        for (unit, factor), sign in product(FORCE_FACTORS.items(), (1, -1)):
            mass = math.nan if index % 4 == 0 else strides.body_mass
            found = force_unit(sign * force / factor(strides.body_mass), mass)
            tallies[kind].add(found, unit, f"{strides.name}, {unit}, {mass}", strides.group)
    for tally in tallies.values():
        tally.report(record_property, most_refused=0.02, least_cases=600)


def test_without_gait_no_unit_is_decided(record_property: Record) -> None:
    rng = np.random.default_rng(72)
    tally = Tally("force_unit, no gait")
    for size in (0.3, 3.0, 200.0):
        for strides in (3, 8, 20):
            for name, curves in nonsense(rng, size, strides):
                tally.add(force_unit(curves, 70.0), None, f"{name} of size {size}, {strides} strides")
    tally.report(record_property, most_refused=1.0, least_cases=250)
    assert tally.refused == tally.cases


def test_other_units_and_too_few_strides_are_refused() -> None:
    force = healthy()[4].force
    assert force_unit(force, 70.0).sure
    assert not force_unit(force[:2], 70.0).sure
    for factor in (0.01, 7.0, 1e3):
        assert not force_unit(factor * force, 70.0).sure
