"""Event detectors on recorded walks, against force plates and the laboratories' own event labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.evidence.events import (
    USUAL_BIAS,
    Comparison,
    compare_events,
    contacts_from_foot,
    contacts_from_force,
    contacts_from_gyroscope,
    contacts_from_heel,
    pool,
)
from biomech_xr.readers.c3d import C3dTrial, read_c3d
from biomech_xr.readers.opensim import read_mot, read_trc
from tests.evidence.events_walker import FloatArray
from tests.evidence.tally import PROPERTY, Record

pytestmark = pytest.mark.realdata

Events = tuple[FloatArray, FloatArray]
LIMITS = {"heel": (0.07, 0.03), "foot": (0.045, 0.06), "shank": (0.1, 0.08), "angles": (0.1, 0.08)}
"""Largest size of the bias of a foot's contacts and of its foot offs, s."""


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One foot of one recorded trial: paths (mm), rotation of the shank (rad/s), and what plate or label say."""

    name: str
    rate: float
    given: Events
    paths: Mapping[str, FloatArray]
    turns: Mapping[str, FloatArray]
    up: int


@pytest.fixture(scope="module")
def legs(samples: Path) -> list[Leg]:
    return [*_opensim(samples / "opensim"), *_labeled(samples / "c3d"), *_plated(samples / "c3d")]


def _opensim(folder: Path) -> Iterator[Leg]:
    forces = read_mot(folder / "subject01_walk_grf.mot", dataset="opensim")
    angles = read_mot(folder / "subject01_walk_IK.mot", dataset="opensim")
    markers = read_trc(folder / "subject01_walk.trc", dataset="opensim")
    for side, plate in (("R", "ground_force_vy"), ("L", "1_ground_force_vy")):
        names = {"heel": f"{side}.Heel", "toe": f"{side}.Toe.Tip", "pelvis": "V.Sacral"}
        joint = np.deg2rad(angles.column(f"hip_flexion_{side.lower()}") + angles.column(f"knee_angle_{side.lower()}"))
        yield Leg(
            name=f"OpenSim {side}",
            rate=60.0,
            given=contacts_from_force(forces.column(plate), 600.0, 72.6),
            paths={name: markers.values[:, markers.markers.index(label)] for name, label in names.items()},
            turns={
                "shank": np.gradient(joint + np.deg2rad(angles.column("pelvis_tilt")), 1 / 60),
                "angles": np.gradient(joint, 1 / 60),
            },
            up=1,
        )


def _labeled(folder: Path) -> Iterator[Leg]:
    content = read_c3d(folder / "PlugInC3D.c3d", dataset="test")
    start = content.first_frame / content.point_rate
    for side, word in (("L", "left"), ("R", "right")):
        given = [
            np.array([time - start for label, foot, time in content.events if foot == word and kind in label])
            for kind in ("strike", "off")
        ]
        labels = [f"{side}HEE", f"{side}TOE", "SACR", f"{side}KNE", f"{side}ANK"]
        yield _marked(f"PlugInC3D {side}", content, (given[0], given[1]), labels)


def _plated(folder: Path) -> Iterator[Leg]:
    content = read_c3d(folder / "Gait_with_EMG.c3d", dataset="test")
    for side, plate in (("L", "F1Z"), ("R", "F2Z")):
        given = contacts_from_force(content.analogs[plate], content.analog_rate)
        labels = [f"{side}CAL", f"{side}TOE", "VSAC", f"{side}LFC", f"{side}LMA"]
        yield _marked(f"Gait_with_EMG {side}", content, given, labels)


def _marked(name: str, content: C3dTrial, given: Events, labels: list[str]) -> Leg:
    """Return a leg from its markers: heel, toe, pelvis, knee, ankle."""
    names = ("heel", "toe", "pelvis", "knee", "ankle")
    paths = {name: content.points[label].astype(np.float64) for name, label in zip(names, labels, strict=True)}
    paths = {key: np.where((path == 0).all(axis=1)[:, None], np.nan, path) for key, path in paths.items()}
    shank, pelvis = paths["knee"] - paths["ankle"], paths["pelvis"][np.isfinite(paths["pelvis"]).all(axis=1)]
    ahead = (pelvis[-1] - pelvis[0]) * [1.0, 1.0, 0.0]
    tilt = np.arctan2(-(shank @ ahead) / np.linalg.norm(ahead), shank[:, 2])
    turns = {"shank": np.gradient(tilt, 1 / content.point_rate)}
    return Leg(name=name, rate=content.point_rate, given=given, paths=paths, turns=turns, up=2)


def found(leg: Leg, detector: str) -> Events | None:
    """Return the events that one detector sees; None where the leg has not its signal."""
    if detector == "heel":
        return contacts_from_heel(leg.paths["heel"], leg.paths["pelvis"], leg.rate, toe=leg.paths["toe"])
    if detector == "foot":
        return contacts_from_foot(leg.paths["heel"], leg.paths["toe"], leg.rate, up=leg.up)
    turn = leg.turns.get(detector)
    return None if turn is None else contacts_from_gyroscope(turn, leg.rate)


def compared(legs: list[Leg], detector: str) -> tuple[Comparison, Comparison]:
    """Return contacts and foot offs of all legs against plates and labels."""
    pairs: list[tuple[Comparison, Comparison]] = []
    for leg in legs:
        seen = found(leg, detector)
        if seen is not None:
            pairs.append((compare_events(leg.given[0], seen[0]), compare_events(leg.given[1], seen[1])))
    return pool(pair[0] for pair in pairs), pool(pair[1] for pair in pairs)


@pytest.mark.parametrize("detector", LIMITS)
def test_recorded_walks(legs: list[Leg], detector: str, record_property: Record) -> None:
    for kind, one, limit in zip(("contact", "foot off"), compared(legs, detector), LIMITS[detector], strict=True):
        text = (
            f"{detector}, recorded, {kind}s: {one.matched} matched, {one.missed} missed, {1000 * one.bias:+.0f} +- "
            f"{1000 * one.spread:.0f} ms, worst {1000 * one.worst:.0f}"
        )
        print(text)
        record_property(PROPERTY, text)
        assert one.matched >= 3
        assert abs(one.bias) < limit
        usual = USUAL_BIAS["gyroscope" if detector == "shank" else detector, kind]
        assert abs(one.bias - usual) < 0.035, f"the usual bias of the comparison is {usual}; {text}"


def test_a_foot_that_no_column_explains_is_refused(legs: list[Leg]) -> None:
    """The leg of PlugInC3D that swings far to the side: without ``up`` nothing, never a wrong event."""
    leg = next(leg for leg in legs if leg.name == "PlugInC3D L")
    assert [events.size for events in contacts_from_foot(leg.paths["heel"], leg.paths["toe"], leg.rate)] == [0, 0]


@pytest.mark.parametrize(
    ("name", "channels"),
    [("Gait_with_EMG", ("F1Z", "F2Z"))],
)
def test_the_first_load_precedes_the_threshold_by_some_milliseconds(
    samples: Path, name: str, channels: tuple[str, ...]
) -> None:
    content = read_c3d(samples / "c3d" / f"{name}.c3d", dataset="test")
    for channel in channels:
        force = content.analogs[channel]
        crossed, offs = contacts_from_force(force, content.analog_rate)
        first, same = contacts_from_force(force, content.analog_rate, first_load=True)
        assert crossed.size == first.size == 1
        assert 0 < crossed[0] - first[0] < 0.013
        np.testing.assert_array_equal(offs, same)
