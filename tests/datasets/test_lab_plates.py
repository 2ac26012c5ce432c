"""Lab: whose foot stands on a plate is decided stance by stance, and what the plates missed is no stride."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from biomech_xr.datasets import lab
from biomech_xr.datasets.lab.plates import FootMarkers, PlateForce, Stance, joined, stances
from biomech_xr.errors import DataFormatError
from tests.datasets import lab_samples
from tests.datasets.lab_trials import walking_points
from tests.readers.c3d_files import write_c3d

RATE = 1000
TIME = np.arange(4000) / RATE
FRAMES = np.arange(400) / 100
CORNERS = np.array([[0, 0, 0], [600, 0, 0], [600, 400, 0], [0, 400, 0]], dtype=np.float64)


def load(*times: tuple[float, float], size: float = 700.0) -> npt.NDArray[np.float64]:
    """Return a vertical force, N, of stances that begin and end as told (s)."""
    force = np.zeros(TIME.size)
    for begin, end in times:
        inside = (begin < end) & (begin <= TIME) & (end > TIME)
        force[inside] = size * np.sin(np.pi * (TIME[inside] - begin) / (end - begin)) ** 0.3
    return force


def markers(*, left_at: float = 300.0) -> FootMarkers:
    """Return a left foot that stands still at a place, and a right foot that swings past it for ever."""
    still = np.tile([left_at, 200.0, 40.0], (FRAMES.size, 1))
    swing = np.stack(
        [1000 * np.sin(2 * np.pi * FRAMES), np.full(FRAMES.size, 300.0), np.full(FRAMES.size, 60.0)], axis=1
    )
    return FootMarkers(paths={"left": [still], "right": [swing]}, rate=100, t0=0.0)


def feet(plate: PlateForce, seen: FootMarkers | None) -> list[tuple[str | None, str]]:
    found = stances([plate], rate=RATE, t0=0.0, body_mass=70.0, markers=seen)
    return [(stance.side, stance.reason) for stance in found]


def test_the_foot_that_stands_still_over_the_plate_is_on_it() -> None:
    plate = PlateForce(name="p", force=load((1.0, 1.6)), corners=CORNERS)
    (stance,) = stances([plate], rate=RATE, t0=5.0, body_mass=70.0, markers=replace(markers(), t0=5.0))
    assert (stance.side, stance.reason) == ("left", "")
    assert (stance.contact, stance.off) == (pytest.approx(6.0, abs=2e-3), pytest.approx(6.6, abs=2e-3))
    assert feet(plate, markers(left_at=1500.0)) == [(None, "the left foot stands still, but beside the plate")]
    assert feet(replace(plate, corners=None), markers(left_at=1500.0)) == [("left", "")]
    assert feet(replace(plate, side="right"), None) == [("right", "")]


def test_a_stance_that_is_not_clear_has_no_foot() -> None:
    plate = PlateForce(name="p", force=load((1.0, 1.6)), corners=CORNERS)
    seen = markers()
    both = replace(seen, paths={"left": seen.paths["left"], "right": seen.paths["left"]})
    hidden = replace(seen, paths={"left": seen.paths["left"], "right": [np.full((400, 3), np.nan)]})
    assert feet(plate, both) == [(None, "both feet move, or both stand")]
    assert feet(plate, hidden) == [(None, "the markers of a foot are hidden")]


def test_a_plate_that_was_only_touched_has_no_stance() -> None:
    plates = [PlateForce(name=name, force=force, side="left", newton=False)
              for name, force in (("1", load((1.0, 1.6))), ("2", load((1.5, 1.8), size=150.0)))]  # fmt: skip
    found = stances(plates, rate=RATE, t0=0.0, body_mass=70.0, markers=None)
    assert [stance.plate for stance in found] == ["1"]


def test_a_foot_on_two_plates_is_one_stance() -> None:
    first = Stance(plate="1", contact=1.0, off=1.5, side="left")
    rows = [replace(first, plate="2", contact=1.2, off=1.7), first, replace(first, side="right", contact=1.3)]
    assert [(s.plate, s.side, s.contact, s.off) for s in joined(rows)] == [
        ("1 and 2", "left", 1.0, 1.7),
        ("1", "right", 1.3, 1.5),
    ]


def test_a_stride_with_a_step_beside_the_plates_is_rejected(tmp_path: Path) -> None:
    analogs = {"F1": -load((0.3, 0.9), (1.3, 1.9), (3.3, 3.9)), "F2": load((0.8, 1.4), (1.8, 2.4))}
    write_c3d(tmp_path / "a.c3d", points=walking_points(), analogs=analogs, units=["N", "N"])
    plates = [{"vertical": ["F1"], "side": "left"}, {"vertical": ["F2"], "side": "right"}]
    mapping = {
        "line_frequency": 50,
        "angles": {"convention": "plug_in_gait"},
        "events": {"from": "plates", "plates": plates},
    }
    trial = lab_samples.read(lab_samples.write(tmp_path, mapping, ["a.c3d"]))
    assert trial.strides["side"].tolist() == ["left", "right"]
    np.testing.assert_allclose(trial.strides["trial_time"], [0.3, 0.8], atol=2e-3)
    np.testing.assert_allclose(trial.strides["foot_off"], 0.6, atol=4e-3)
    assert trial.rejected[["side", "stride_number", "reason"]].values.tolist() == [["left", 1, "not_a_stride"]]
    open_sides = [{"vertical": ["F1"]}, {"vertical": ["F3"]}, {"number": 1}]
    lab_samples.write(tmp_path, mapping | {"events": {"from": "plates", "plates": open_sides}}, ["a.c3d"])
    with pytest.raises(DataFormatError) as caught:
        next(lab.recordings(tmp_path, "P01"))
    assert "events.plates: no analog label 'F3'" in str(caught.value)
    assert "events.plates: no plate 1; the file has 0" in str(caught.value)
    assert "nothing tells which foot steps on F1: describe events.markers, or give each plate its side" in str(
        caught.value
    )
