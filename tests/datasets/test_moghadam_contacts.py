"""Contacts from the ankle moment against force plates of a real OpenSim trial, filtered or not, and on odd input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from biomech_xr.datasets.moghadam.contacts import CLOCK, find_contacts, on_plates, reaches
from biomech_xr.evidence import contacts_from_force
from biomech_xr.readers.c3d import read_c3d
from biomech_xr.readers.opensim import read_mot

LOW_PASS = (0, 15, 10, 6)
EARLIEST, LATEST = -0.027, 0.021
"""s; the worst of all filters against the plates."""


@pytest.mark.realdata
@pytest.mark.parametrize("low_pass", LOW_PASS)
@pytest.mark.parametrize(("leg", "plate"), [("r", "ground_force_vy"), ("l", "1_ground_force_vy")])
def test_contacts_from_moments_agree_with_force_plates(samples: Path, leg: str, plate: str, low_pass: int) -> None:
    angles = read_mot(samples / "opensim" / "subject01_walk_IK.mot", dataset="test")
    moments = read_mot(samples / "opensim" / "subject01_walk_ID.sto", dataset="test")
    plates = read_mot(samples / "opensim" / "subject01_walk_grf.mot", dataset="test")
    contacts, _ = contacts_from_force(plates.column(plate), 600.0, 72.6)
    ankle = filtered(moments.column(f"ankle_angle_{leg}_moment"), low_pass, 60.0)
    near, _ = reaches(angles.time, angles.column(f"hip_flexion_{leg}"), angles.column(f"knee_angle_{leg}"))
    found = np.array([c.time for c in find_contacts(moments.time, ankle, near, float(np.abs(ankle).max()))])
    known = found[np.isfinite(found)]
    assert known.size == (2 if leg == "r" else 1)  # the last left stance is not whole
    for time in known:
        assert EARLIEST < time - contacts[np.abs(contacts - time).argmin()] < LATEST
    if leg == "r":
        assert np.diff(known)[0] == pytest.approx(np.diff(contacts)[0], abs=0.015)


@pytest.mark.realdata
@pytest.mark.parametrize("low_pass", LOW_PASS)
@pytest.mark.parametrize(
    ("name", "plates"),
    [
        ("Vicon_analysis", {"Left": (3.196,), "Right": (2.668, 3.710)}),
        ("PlugInC3D", {"Left": (1.795,), "Right": (1.102,)}),
    ],
)
def test_contacts_from_plug_in_gait_moments_agree_with_force_plates(
    samples: Path, name: str, plates: dict[str, tuple[float, ...]], low_pass: int
) -> None:
    """``plates``: when the force under the foot crosses 3 % of body weight, s (`contacts_from_force`)."""
    content = read_c3d(samples / "c3d" / f"{name}.c3d", dataset="test")
    for side, contacts in plates.items():
        angles = [content.points[f"{side[0]}{joint}Angles"][:, 0].astype(float) for joint in ("Hip", "Knee")]
        ankle = content.points[f"{side[0]}AnkleMoment"][:, 0].astype(float)
        finite = np.isfinite(ankle)
        ankle[finite] = filtered(ankle[finite], low_pass, content.point_rate)
        time = np.arange(ankle.size) / content.point_rate
        near, _ = reaches(time, *angles)
        found = np.array([c.time for c in find_contacts(time, ankle, near, float(np.nanmax(np.abs(ankle))))])
        for contact in contacts:
            error = found[np.nanargmin(np.abs(found - contact))] - contact
            assert EARLIEST < error < LATEST, (side, contact, error)
            assert abs(error) < CLOCK


def filtered(values: np.ndarray, low_pass: int, rate: float) -> np.ndarray:
    """Return values through a zero-phase Butterworth low-pass (Hz; 0 for none)."""
    sections = butter(2, low_pass, fs=rate, output="sos") if low_pass else None
    return values if sections is None else np.asarray(sosfiltfilt(sections, values))


def leg(offset: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return time (s), hip and knee (degrees) and ankle moment of a simple leg: contacts at 1.0, 2.1, ... + offset."""
    time = np.arange(0.5, 5.5, 0.01)
    phase = (time - 1.0 - offset) / 1.1 % 1
    hip = 20 * np.cos(2 * np.pi * (phase + 0.05))
    knee = -60 * np.exp(-0.5 * ((phase - 0.73) / 0.07) ** 2) - 5
    ankle = np.where(phase < 0.62, -120 * np.sin(np.pi * phase / 0.62) ** 2, 0.0)
    return time, hip, knee, ankle


def test_a_missing_push_off_or_moment_leaves_the_contact_open() -> None:
    time, hip, knee, ankle = leg()
    near, _ = reaches(time, hip, knee)
    assert near.size >= 4
    assert np.diff(near) == pytest.approx(1.1, abs=0.011)
    whole = find_contacts(time, ankle, near, 120)
    beside = find_contacts(time, np.where(time < 2.9, ankle, 0.5), near, 120)
    gap = find_contacts(time, np.where(time < 2.9, ankle, np.nan), near, 120)
    late = find_contacts(time[time < 4.4], ankle[time < 4.4], near, 120)
    assert sum(not contact.fault for contact in whole) > sum(not contact.fault for contact in beside)
    assert "no push-off follows" in {contact.fault.split(" in ")[0] for contact in beside}
    assert "no moments there" in {contact.fault for contact in gap}
    assert "the moments do not cover it" in {contact.fault for contact in late}


def test_noise_in_swing_is_no_quiet_foot() -> None:
    time, hip, knee, ankle = leg()
    near, _ = reaches(time, hip, knee)
    shaken = ankle + np.random.default_rng(0).normal(0, 20, ankle.size)
    assert {contact.fault for contact in find_contacts(time, shaken, near, 120)} <= {
        "the ankle moment is not quiet before it", "the moments do not cover it",
    }  # fmt: skip


def test_either_knee_sign_gives_the_same_reaches() -> None:
    time, hip, knee, _ = leg()
    np.testing.assert_array_equal(reaches(time, hip, knee)[0], reaches(time, hip, -knee)[0])
    assert [found.size for found in reaches(time, np.full_like(hip, np.nan), knee)] == [0, 0]


def test_a_gap_in_hip_or_knee_hides_only_what_lies_in_it() -> None:
    time, hip, knee, _ = leg()
    whole, _ = reaches(time, hip, knee)
    for start, width, gaps in (
        (2.5, 0.015, 0),
        (2.5, 0.095, 0),
        (2.5, 0.2, 1),
        (whole[1] - 0.2, 0.4, 1),
        (0.5, 0.2, 0),
    ):
        broken = np.where((time >= start) & (time < start + width), np.nan, hip)
        found, hidden = reaches(time, broken, knee)
        kept = whole[(whole < start) | (whole > start + width)] if gaps else whole
        np.testing.assert_allclose(found, kept, atol=0.011)
        np.testing.assert_allclose(hidden, [start + width / 2] * gaps, atol=0.011)


def test_moments_are_real_from_the_swing_before_to_the_next_reach() -> None:
    time, hip, knee, ankle = leg()
    found = find_contacts(time, np.where(time < 2.9, ankle, 0.5), reaches(time, hip, knee)[0], 120)
    real = on_plates(time, found)
    good = [contact for contact in found if not contact.fault]
    assert real[(time > good[0].time) & (time < good[-1].time + 0.6)].all()
    assert not real[time > 4.5].any()
