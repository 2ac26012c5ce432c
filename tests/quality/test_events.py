"""Given events beside those that a store's signals show: every detector, planted delays, what cannot be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import ConfigError
from biomech_xr.quality.events import EventReport, EventRow, compare_store
from biomech_xr.schema import GROUP_DIMS, Patient, Signal, Trial, rejected_table, stride_table
from biomech_xr.store import write_patient
from biomech_xr.synthetic.gait import Gait, angles, vertical_forces
from tests.evidence.events_walker import FloatArray, clock, feet, gyroscope, trial
from tests.store.samples import make_spec

SIDES = ("left", "right")
SPEED = 1.3
START = 2.5
"""First sample on the clock of the trial, s."""


def signal(group: str, values: FloatArray, rate: float, labels: Mapping[str, list[str]], units: str) -> Signal:
    array = xr.DataArray(values.astype(np.float32), dims=GROUP_DIMS[group], coords=labels, attrs={"units": units})
    return Signal(kind="continuous", values=array, sampling_frequency=rate, t0=START)


def forces(gait: Gait) -> Signal:
    time = clock(gait, 1000.0)
    noise = 0.02 * np.random.default_rng(1).standard_normal((time.size, 2, 1))
    values = np.stack([np.maximum(vertical_forces(gait, time, side), 0) for side in SIDES], axis=1)[..., None]
    return signal("grf", values + noise, 1000.0, {"side": list(SIDES), "axis": ["vertical"]}, "N kg-1")


def inertial(gait: Gait, segments: Mapping[str, str], *, unit: str = "rad s-1", factor: float = 1.0) -> Signal:
    """Return shank units, name -> side, in any axes."""
    rng = np.random.default_rng(2)
    values = factor * np.stack([gyroscope(gait, side, 148.0, rng) for side in segments.values()], axis=1)
    channels = [f"angular_velocity_{axis}" for axis in "xyz"]
    return signal("imu", values, 148.0, {"segment": list(segments), "channel": channels}, unit)


def markers(gait: Gait) -> Signal:
    rng, time = np.random.default_rng(3), clock(gait, 100.0)
    paths = {"SACR": np.stack([1000 * SPEED * time + 100, np.full(time.size, 90.0), np.full(time.size, 950.0)], axis=1)}
    for side in SIDES:
        paths |= dict(
            zip((f"{side[0].upper()}HEE", f"{side[0].upper()}TOE"), feet(gait, side, 100.0, speed=SPEED), strict=True)
        )
    values = np.stack(list(paths.values()), axis=1)
    labels = {"marker": list(paths), "axis": list("xyz")}
    return signal("markers", values + rng.standard_normal(values.shape), 100.0, labels, "mm")


def kinematics(gait: Gait) -> Signal:
    time = clock(gait, 100.0)
    values = np.stack([angles(gait, time, side) for side in SIDES], axis=1)
    labels = {"side": list(SIDES), "joint": ["hip", "knee", "ankle"], "motion": ["adduction", "rotation", "flexion"]}
    return signal("kinematics", values, 100.0, labels, "degree")


def recorded(gait: Gait, signals: Mapping[str, Signal], *, late: float = 0.0, activity: str = "walk") -> Trial:
    """Return a trial whose given events lie ``late`` s after the true ones."""
    rows = [
        {
            "trial": "t1", "side": side, "stride_number": number, "activity": activity,
            "trial_time": START + late + contact, "duration": stop - contact, "foot_off": off - contact,
        }
        for side in SIDES
        for number, (contact, stop, off) in enumerate(
            zip(gait.contacts[side][1:-2], gait.contacts[side][2:-1], gait.foot_offs[side][1:-1], strict=True)
        )
    ]  # fmt: skip
    return Trial(
        patient=Patient(dataset="hu", source_patient="P1", body_mass=70.0),
        trial="t1",
        task="walk",
        signals=signals,
        strides=stride_table(rows),
        rejected=rejected_table([]),
        sources=(("t1.csv", "ab" * 32),),
    )


@pytest.fixture(scope="module")
def gait() -> Gait:
    return trial(1, SPEED, duration=9.0)


def stored(folder: Path, one: Trial) -> str:
    write_patient(folder, make_spec("hu"), [one], config_hash="c0ffee")
    return str(folder)


def rows(report: EventReport) -> dict[tuple[str, str], EventRow]:
    return {(row.detector, row.kind): row for row in report.rows}


@pytest.fixture(scope="module")
def everything(gait: Gait) -> dict[str, Signal]:
    return {
        "grf": forces(gait),
        "imu": inertial(gait, {"left_shank": "left", "RS": "right"}),
        "markers": markers(gait),
        "kinematics": kinematics(gait),
    }


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory, gait: Gait, everything: dict[str, Signal]) -> EventReport:
    return compare_store(stored(tmp_path_factory.mktemp("right"), recorded(gait, everything)))


def test_five_detectors_agree_with_right_events(gait: Gait, right: EventReport) -> None:
    found = rows(right)
    assert {detector for detector, _ in found} == {"force", "heel", "foot", "gyroscope", "angles"}
    given = sum(gait.contacts[side].size - 2 for side in SIDES)
    for (detector, kind), row in found.items():
        one = row.comparison
        assert one.missed == one.extra == 0, (detector, kind)
        assert one.matched == given - (2 if kind == "foot off" else 0)
        assert row.doubts == (), (detector, kind)
        assert row.quality > 0.9, (detector, kind)
    assert abs(found["force", "contact"].comparison.bias) < 0.01


@pytest.mark.parametrize("late", [0.12, -0.12])
def test_given_events_that_are_late_or_early_are_doubted(
    tmp_path: Path, gait: Gait, right: EventReport, everything: dict[str, Signal], late: float
) -> None:
    some = {name: everything[name] for name in ("grf", "imu")}
    found, straight = rows(compare_store(stored(tmp_path, recorded(gait, some, late=late)))), rows(right)
    for key, row in found.items():
        assert row.comparison.bias == pytest.approx(straight[key].comparison.bias - late, abs=0.005)
    word = "after" if late > 0 else "before"
    assert f"ms {word} those of force" in found["force", "contact"].doubts[0]
    assert found["gyroscope", "contact"].doubts or found["gyroscope", "foot off"].doubts


def test_given_events_of_the_other_foot_are_not_seen(tmp_path: Path, gait: Gait) -> None:
    swapped = recorded(gait, {"grf": forces(gait)})
    swapped.strides["side"] = swapped.strides["side"].map({"left": "right", "right": "left"})
    row = rows(compare_store(stored(tmp_path, swapped)))["force", "contact"]
    assert row.comparison.missed_share > 0.9
    assert "does not see" in row.doubts[-1]


def test_a_shank_without_a_side_is_tried_on_both_feet(tmp_path: Path, gait: Gait) -> None:
    report = compare_store(stored(tmp_path, recorded(gait, {"imu": inertial(gait, {"shank": "right"})})))
    assert rows(report)["gyroscope", "contact"].comparison.missed_share == 0
    assert any("leg of a shank sensor is not stated" in remark for remark in report.remarks)


def test_degrees_of_an_unknown_unit_are_told_by_their_size(tmp_path: Path, gait: Gait) -> None:
    imu = inertial(gait, {"left shank": "left", "right shank": "right"}, unit="unknown", factor=180 / np.pi)
    row = rows(compare_store(stored(tmp_path, recorded(gait, {"imu": imu}))))["gyroscope", "contact"]
    assert row.comparison.missed_share == 0


def test_a_gap_in_the_signal_is_not_held_against_the_events(tmp_path: Path, gait: Gait) -> None:
    force = forces(gait)
    lost = gait.contacts["left"][3]
    force.values[round((lost - 0.2) * 1000) : round((lost + 0.2) * 1000), 0] = np.nan
    row = rows(compare_store(stored(tmp_path, recorded(gait, {"grf": force}))))["force", "contact"]
    assert row.comparison.missed == 0
    assert row.comparison.matched == sum(gait.contacts[side].size - 2 for side in SIDES) - 1


def test_what_cannot_be_compared_is_said(tmp_path: Path, gait: Gait) -> None:
    still = signal("imu", np.zeros((500, 1, 3)), 100.0, {"segment": ["waist"], "channel": list("xyz")}, "unknown")
    url = stored(tmp_path, recorded(gait, {"imu": still}))
    report = compare_store(url)
    assert report.rows == []
    assert report.remarks == [
        "hu: nothing to compare: no continuous signal of grf, markers, imu, kinematics shows events"
    ]
    assert compare_store(url, activity="run").remarks == ["hu: nothing to compare: no stride of run"]
    with pytest.raises(ConfigError, match="no recordings of siat; found: hu"):
        compare_store(url, ["siat"])
    with pytest.raises(ConfigError, match="unknown activity 'hop'"):
        compare_store(url, activity="hop")
    with pytest.raises(ConfigError, match="no recordings of any source"):
        compare_store(str(tmp_path / "nothing"))


def test_the_command_prints_a_table_or_json_and_fails_on_doubts(tmp_path: Path, gait: Gait) -> None:
    force = {"grf": forces(gait)}
    good, bad = (stored(tmp_path / str(late), recorded(gait, force, late=late)) for late in (0.0, 0.1))
    done = CliRunner().invoke(app, ["events", good, "--json"])
    assert done.exit_code == 0, done.output
    content: dict[str, Any] = json.loads(done.output)
    assert {(row["detector"], row["event"]) for row in content["rows"]} == {("force", "contact"), ("force", "foot off")}
    assert content["rows"][0]["missed"] == 0
    text = CliRunner().invoke(app, ["events", bad, "--dataset", "hu"])
    assert text.exit_code == 1, text.output
    assert "given contacts lie" in text.output
    assert re.search(r"(99|100|101) ms after those of force", text.output)
