"""The lab's C3D trials have what was measured on real Plug-in Gait files, read back with ezc3d alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import ezc3d
import numpy as np
import pytest
import yaml
from scipy.signal import welch

from .conftest import Tree


@pytest.fixture(scope="module")
def root(tree: Callable[[str], Tree]) -> Path:
    return tree("lab")[0]


@pytest.fixture(scope="module")
def trials(root: Path) -> dict[str, Any]:
    return {path.relative_to(root).as_posix(): ezc3d.c3d(str(path)) for path in sorted(root.rglob("*.c3d"))}


def point(trial: Any, label: str) -> np.ndarray:
    labels = [name.split(":")[-1] for name in trial["parameters"]["POINT"]["LABELS"]["value"]]
    return np.asarray(trial["data"]["points"][:3, labels.index(label)])


def events(trial: Any) -> list[tuple[str, str, float]]:
    group = {name: trial["parameters"]["EVENT"][name]["value"] for name in ("LABELS", "CONTEXTS", "TIMES")}
    seconds = group["TIMES"][0] * 60 + group["TIMES"][1]
    return list(zip((label.lower() for label in group["LABELS"]), group["CONTEXTS"], seconds, strict=True))


def test_the_mapping_names_every_file_and_channel(root: Path, trials: dict[str, Any]) -> None:
    mapping = yaml.safe_load((root / "lab.yaml").read_text())
    assert sorted(name for person in mapping["people"] for name in person["files"]) == sorted(trials)
    labels = {channel["label"] for channel in mapping["emg"]["channels"]}
    assert sum("ambiguous" in channel for channel in mapping["emg"]["channels"]) == 2
    for trial in trials.values():
        assert labels <= set(trial["parameters"]["ANALOG"]["LABELS"]["value"])
    assert mapping["angles"] == {"convention": "plug_in_gait"}
    assert mapping["moments"] == {"convention": "plug_in_gait", "limit": 3.0}
    assert all(45 < person["body_mass"] < 110 for person in mapping["people"])


def test_rates_and_first_frames(trials: dict[str, Any]) -> None:
    rates = set()
    for name, trial in trials.items():
        assert trial["parameters"]["POINT"]["RATE"]["value"][0] == 120
        rates.add(float(trial["parameters"]["ANALOG"]["RATE"]["value"][0]))
        assert (trial["header"]["points"]["first_frame"] > 0) == name.endswith("walk_02.c3d")
    assert rates == {1200.0, 1800.0}


def test_events_differ_in_case_and_order(trials: dict[str, Any]) -> None:
    labels = {label for trial in trials.values() for label in trial["parameters"]["EVENT"]["LABELS"]["value"]}
    assert labels == {"Foot Strike", "Foot Off", "foot strike", "foot off"}
    late = trials["P01/walk_02.c3d"]
    times = [time for _, _, time in events(late)]
    assert times != sorted(times)
    assert min(times) >= late["header"]["points"]["first_frame"] / 120


def test_label_prefixes(trials: dict[str, Any]) -> None:
    for name, trial in trials.items():
        models = [label for label in trial["parameters"]["POINT"]["LABELS"]["value"] if label.endswith("Angles")]
        assert len(models) == 6
        assert all(label.startswith("P02:") == name.startswith("P02") for label in models)


def test_moments_are_extensor_positive_and_powers_agree(trials: dict[str, Any]) -> None:
    for name, trial in trials.items():
        for side in "LR":
            if side == "L" and name.endswith("walk_01.c3d"):
                continue
            ankle = point(trial, f"{side}AnkleMoment")
            assert 1200 < ankle[0].max() < 1800
            assert 300 < point(trial, f"{side}KneeMoment")[0].max() < 800
            rate = np.gradient(np.deg2rad(point(trial, f"{side}AnkleAngles")[0]), 1 / 120)
            power = point(trial, f"{side}AnklePower")[0]
            known = ankle.any(axis=0) & (np.abs(rate) < 20)
            assert np.corrcoef(power[known], -ankle[0, known] * rate[known] / 1000)[0, 1] > 0.98
            assert power.max() > 2
            knee = point(trial, f"{side}KneeAngles")[0]
            assert 57 < knee.max() < 68


def test_uncomputed_frames_are_exactly_zero(trials: dict[str, Any]) -> None:
    for trial in trials.values():
        for side in "LR":
            values = point(trial, f"{side}KneeMoment")
            zero = (values == 0).all(axis=0)
            assert 0.1 < zero.mean() < 0.6
            assert zero[0]
            assert zero[-1]
            assert np.count_nonzero(np.diff(zero)) == 2
            assert not np.isnan(values).any()


def test_plate_artefacts(trials: dict[str, Any]) -> None:
    for name, trial in trials.items():
        frames = {side: (np.abs(point(trial, f"{side}HipMoment")) > 3000).any(axis=0).sum() for side in "LR"}
        assert frames == {"L": 3 if name.endswith("walk_01.c3d") else 0, "R": 0}


def test_emg_is_in_volts_with_bursts_and_hum(trials: dict[str, Any]) -> None:
    trial = trials["P01/walk_01.c3d"]
    analog = trial["parameters"]["ANALOG"]
    rate = float(analog["RATE"]["value"][0])
    labels = list(analog["LABELS"]["value"])
    for label in ("EMG1", "EMG12"):
        k = labels.index(label)
        assert analog["UNITS"]["value"][k] == "V"
        signal = trial["data"]["analogs"][0, k]
        assert 1e-5 < signal.std() < 2e-3
        frequency, power = welch(signal, rate, nperseg=1024)
        assert power[(frequency > 15) & (frequency < 460)].sum() > 0.9 * power[frequency > 5].sum()


def test_truth_follows_from_the_events(tree: Callable[[str], Tree], trials: dict[str, Any]) -> None:
    truth = tree("lab")[1].strides
    found = []
    for name, trial in trials.items():
        person, file = name.split("/")
        for side in ("Left", "Right"):
            times = sorted(t for label, context, t in events(trial) if label == "foot strike" and context == side)
            found += [(person, file[:-4], side.lower(), a, b - a) for a, b in pairwise(times)]
    found.sort()
    keys = ["source_patient", "trial", "side"]
    assert [row[:3] for row in found] == [tuple(row) for row in truth[keys].to_numpy()]
    np.testing.assert_allclose([row[3:] for row in found], truth[["trial_time", "duration"]].to_numpy(), atol=1e-5)
    first = {tuple(row[:2]): row[3] for row in reversed(found)}
    assert first["P01", "walk_02"] > 61 / 120


def test_knee_flexes_in_swing_after_every_contact(tree: Callable[[str], Tree], trials: dict[str, Any]) -> None:
    truth = tree("lab")[1].strides
    for row in truth.itertuples():
        trial = trials[f"{row.source_patient}/{row.trial}.c3d"]
        start = round(float(row.trial_time) * 120) - trial["header"]["points"]["first_frame"]  # type: ignore[arg-type]
        stop = start + round(float(row.duration) * 120)  # type: ignore[arg-type]
        knee = point(trial, f"{str(row.side)[0].upper()}KneeAngles")[0, start:stop]
        assert 0.68 < knee.argmax() / knee.size < 0.77
