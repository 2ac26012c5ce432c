"""The detectors on real strides, EMG, force plates and markers, whose truth is known from published power or papers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr import evidence
from biomech_xr.datasets import falisse
from biomech_xr.readers.opensim import read_mot, read_trc
from tests.evidence.cases import FloatArray

JOINTS = ("hip", "knee", "ankle")
SIGNS: Mapping[str, Callable[[FloatArray], evidence.Decision[int]]] = {
    "hip": evidence.hip_sign,
    "knee": evidence.knee_sign,
    "ankle": evidence.ankle_sign,
}
MASS = {"falisse": 62.0, "moreira": 66.2}
ACTIONS = ("angles", "torques", "torques_norm")


def sure(decision: evidence.Decision[Any], value: object) -> None:
    """Fail unless a decision is sure and right."""
    assert (decision.value, decision.confidence >= evidence.LEAST) == (value, True), decision.note()


@pytest.fixture(scope="module")
def strides(samples: Path) -> dict[str, FloatArray]:
    """Return the eleven strides: kinematics and kinetics (stride, point, joint, motion), grf (stride, point, axis)."""
    trial = next(iter(falisse.recordings(samples / "falisse", "subject1")))
    arrays = {name: np.asarray(trial.signals[name].values.values, dtype=float) for name in trial.signals}
    return {name: values.reshape(-1, 100, *values.shape[2:]) for name, values in arrays.items()}


@pytest.fixture(scope="module")
def torques(samples: Path) -> dict[tuple[str, str], FloatArray]:
    """Return (signal, joint) -> (stride, axis, point) of the two trials of two strides at 1 km/h."""
    tables = {
        (trial, name): pd.read_csv(samples / "moreira" / trial / f"{name}.csv")
        for trial in ("P1_V1_T2", "P1_V1_T3")
        for name in ACTIONS
    }
    return {
        (name, joint): np.stack(
            [
                np.stack([tables[trial, name][f"{stride}_{joint.title()}_{axis}"].to_numpy() for axis in "XYZ"])
                for trial in ("P1_V1_T2", "P1_V1_T3")
                for stride in ("St1", "St2")
            ]
        )
        for name in ACTIONS
        for joint in JOINTS
    }


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("sign", [1, -1])
def test_signs_of_eleven_real_strides(strides: dict[str, FloatArray], joint: str, sign: int) -> None:
    place = JOINTS.index(joint)
    sure(SIGNS[joint](sign * strides["kinematics"][:, :, place, 2]), sign)
    sure(evidence.moment_sign(joint, sign * strides["kinetics"][:, :, place, 2]), sign)


@pytest.mark.parametrize("unit", evidence.FACTORS)
def test_unit_of_eleven_real_strides(strides: dict[str, FloatArray], unit: str) -> None:
    ankle = strides["kinetics"][:, :, 2, 2] / evidence.FACTORS[unit](MASS["falisse"])
    sure(evidence.moment_unit(ankle, MASS["falisse"], 1.33), unit)


def test_start_of_eleven_real_strides(strides: dict[str, FloatArray]) -> None:
    force, knee = strides["grf"][:, :, 1], strides["kinematics"][:, :, 1, 2]
    sure(evidence.start_from_force(force), "own")
    sure(evidence.start_from_knee(knee), "own")
    sure(evidence.start_from_force(np.roll(force, 50, axis=1)), "other")
    sure(evidence.start_from_knee(np.roll(knee, 50, axis=1)), "other")


def test_real_envelopes_are_envelopes(samples: Path, strides: dict[str, FloatArray]) -> None:
    for muscle in range(strides["emg"].shape[-1]):
        sure(evidence.emg_state(strides["emg"][..., muscle]), "envelope")
    table = pd.read_csv(samples / "moreira" / "P1_V1_T2" / "emg_envelope.csv")
    for name in ("VL", "BF", "TA", "GAL"):
        sure(evidence.emg_state(table[[f"St1_{name}", f"St2_{name}"]].to_numpy().T), "envelope")


def test_four_real_strides_at_one_kilometer_an_hour(torques: dict[tuple[str, str], FloatArray]) -> None:
    for joint in JOINTS:
        for sign in (1, -1):
            sure(SIGNS[joint](sign * torques["angles", joint][:, 0]), sign)
    ankle = torques["torques", "ankle"][:, 0]
    sure(evidence.moment_sign("ankle", ankle), 1 if np.median(ankle[:, 450]) < 0 else -1)
    sure(evidence.moment_unit(ankle, MASS["moreira"], 0.28), "N m")
    sure(evidence.moment_unit(torques["torques_norm", "ankle"][:, 0], MASS["moreira"], 0.28), "N m/kg")
    sure(evidence.flexion_column(torques["angles", "knee"]), 0)


def test_columns_of_four_real_strides_are_right_or_refused(torques: dict[tuple[str, str], FloatArray]) -> None:
    knee, hip, ankle = (torques["angles", joint] for joint in ("knee", "hip", "ankle"))
    decision = evidence.axis_order(knee, hip, ankle)
    assert decision.value == ("flexion", "adduction", "rotation")
    turned = evidence.axis_order(knee[:, ::-1], -hip[:, ::-1], ankle[:, ::-1])
    assert turned.value == ("rotation", "adduction", "flexion")
    assert turned.confidence == pytest.approx(decision.confidence)


@pytest.mark.parametrize("joint", ["hip", "knee"])
def test_hip_and_knee_moments_of_four_real_strides_are_right_or_refused(
    torques: dict[tuple[str, str], FloatArray], joint: str
) -> None:
    decision = evidence.moment_sign(joint, torques["torques", joint][:, 0])
    ankle = evidence.moment_sign("ankle", torques["torques", "ankle"][:, 0])
    assert decision.value == ankle.value or decision.confidence < evidence.LEAST


def test_real_raw_emg_with_an_offset_is_raw(samples: Path) -> None:
    table = pd.read_csv(samples / "siat" / "demo_Sub10_session.csv.gz")
    columns = [name for name in table if name != "Time"]
    decisions = [evidence.emg_state(table[name].to_numpy(), 1920.0) for name in columns]
    assert len(decisions) == 9
    for decision in decisions:
        sure(decision, "raw")


def test_the_rate_of_real_emg_follows_from_its_clock(samples: Path) -> None:
    time = pd.read_csv(samples / "siat" / "demo_Sub10_session.csv.gz", usecols=["Time"])["Time"].to_numpy()
    lengths = np.array([1500, 2100, 2600, 3300, 4100])
    sure(evidence.emg_rate(lengths, time[lengths] - time[0]), 1920.0)


@pytest.mark.parametrize(("side", "plate"), [("R", "ground_force_vy"), ("L", "1_ground_force_vy")])
def test_contacts_of_a_real_trial_from_force_and_from_markers(samples: Path, side: str, plate: str) -> None:
    """Two methods that share nothing agree within two frames of 1/60 s, foot offs within three."""
    table = read_mot(samples / "opensim" / "subject01_walk_grf.mot", dataset="opensim")
    force = evidence.contacts_from_force(table.column(plate), 600.0, 72.6)
    path = read_trc(samples / "opensim" / "subject01_walk.trc", dataset="opensim")
    heel, sacrum, toe = (
        path.values[:, path.markers.index(name)] for name in (f"{side}.Heel", "V.Sacral", f"{side}.Toe.Tip")
    )
    marker = evidence.contacts_from_heel(heel, sacrum, path.rate, toe=toe)
    assert [events.size for events in marker] == ([2, 1] if side == "R" else [1, 2])
    for kind, (by_force, by_marker) in enumerate(zip(force, marker, strict=True)):
        for time in by_marker:
            assert np.abs(by_force - time).min() < (2 + kind) / path.rate
