"""Whose contact begins the cycles: own or other foot, from force and from the knee."""

from __future__ import annotations

from itertools import product

import numpy as np

from biomech_xr.evidence import LEAST, start_from_force, start_from_knee
from tests.evidence.cases import FLEXION, KNEE, POINTS, everyone, healthy, noisy, nonsense, shifted
from tests.evidence.tally import Record, Tally


def test_own_and_other_start_are_told_apart(record_property: Record) -> None:
    rng = np.random.default_rng(7)
    tallies = {
        (kind, by): Tally(f"start_from_{by}, {kind}") for kind in ("healthy", "stroke") for by in ("force", "knee")
    }
    for kind, strides in everyone(rng):
        for truth, sign in product(("own", "other"), (1, -1)):
            knee, force = strides.angles[..., KNEE, FLEXION], strides.force
            if truth == "other":
                knee, force = shifted(knee), shifted(force)
            force = sign * noisy(rng, np.maximum(force, 0), 0.15)
            knee = sign * noisy(rng, knee, 1.5)
            tallies[kind, "force"].add(start_from_force(force), truth, strides.name, strides.group)
            tallies[kind, "knee"].add(start_from_knee(knee), truth, strides.name, strides.group)
    for (kind, _), tally in tallies.items():
        tally.report(record_property, most_refused=0.02 if kind == "healthy" else 0.35, least_cases=400)


def test_without_gait_no_start_is_decided(record_property: Record) -> None:
    rng = np.random.default_rng(9)
    tally = Tally("start_from_force and start_from_knee, no gait")
    for size in (0.3, 3.0, 30.0):
        for strides in (3, 8, 40):
            for name, curves in nonsense(rng, size, strides):
                tally.add(start_from_force(curves), None, name)
                tally.add(start_from_knee(curves), None, name)
    tally.report(record_property, most_refused=1.0, least_cases=500)
    assert tally.refused == tally.cases


def test_cycles_from_foot_off_are_neither() -> None:
    for strides in healthy():
        force = np.roll(strides.force[:, :-1], -61, axis=1)
        assert start_from_force(force).confidence < LEAST


def test_a_foot_that_is_always_loaded_decides_nothing() -> None:
    rng = np.random.default_rng(10)
    force = 7 + 0.5 * np.sin(np.linspace(0, 2 * np.pi, POINTS)) + 0.05 * rng.standard_normal((9, POINTS))
    assert start_from_force(force).confidence < LEAST
