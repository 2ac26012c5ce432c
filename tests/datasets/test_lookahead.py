"""How far upstream processing sees ahead: the numbers of each source follow from the filters that it states."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import butter, sosfilt

from biomech_xr.datasets import get_dataset
from tests.datasets.lab_trials import PIG, steps, write_mapping, write_trial

Sos = npt.NDArray[np.float64]
STOPS = ((57, 63), (177, 183), (297, 303))


def future(*filters: Sos, rate: float = 1000.0, share: float = 1e-4) -> float:
    """Return the least time (s) after which a zero-phase cascade has less than a share of its absolute sum."""
    half = int(4 * rate)
    response = np.zeros(2 * half + 1)
    response[half] = 1
    for sections in filters:
        response = sosfilt(sections, sosfilt(sections, response)[::-1])[::-1]
    size = np.abs(response)
    later = [size[half + shift :].sum() for shift in range(1, half + 1)]
    return float(np.argmax(np.array(later) < share * size.sum())) / rate


def edges(order: int) -> list[Sos]:
    """Return Hu's EMG filters: high-pass 20, low-pass 350, stops around 60, 180 and 300 Hz."""
    stops = [butter(order, stop, "bandstop", fs=1000, output="sos") for stop in STOPS]
    return [butter(order, 20, "highpass", fs=1000, output="sos"), butter(order, 350, fs=1000, output="sos"), *stops]


def low(order: int, cutoff: float) -> Sos:
    return np.asarray(butter(order, cutoff, fs=1000, output="sos"))


@pytest.mark.parametrize(
    ("name", "label", "filters"),
    [
        ("hu", "emg_lookahead", edges(6)),
        ("hu", "kinematics_lookahead", [low(6, 10)]),
        ("camargo", "emg_lookahead", [butter(4, (20, 400), "bandpass", fs=1000, output="sos")]),
        ("falisse", "emg_lookahead", [low(4, 6)]),
    ],
)
def test_lookahead_follows_from_the_stated_filters(name: str, label: str, filters: list[Sos]) -> None:
    needed, stated = future(*filters), getattr(get_dataset(name).spec, label)
    assert needed <= stated < needed + 0.015


def test_what_the_assumptions_say_of_other_orders() -> None:
    assert future(*edges(3)) == pytest.approx(0.82, abs=0.006)
    assert future(low(3, 10)) == pytest.approx(0.26, abs=0.006)
    assert future(low(2, 6)) == pytest.approx(0.299, abs=0.002)


@pytest.mark.parametrize("name", ["camargo", "falisse", "lab"])
def test_smoothing_of_markers_that_is_not_stated_is_unknown(name: str) -> None:
    assert math.isnan(get_dataset(name).spec.kinematics_lookahead)


def test_the_mapping_of_a_lab_may_state_it(tmp_path: Path) -> None:
    write_trial(tmp_path / "a.c3d", events=steps(0.5))
    root = write_mapping(tmp_path, "a.c3d", angles=PIG | {"lookahead": 0.2})
    assert get_dataset("lab").facts(root).kinematics_lookahead == 0.2
    write_mapping(tmp_path, "a.c3d")
    assert math.isnan(get_dataset("lab").facts(root).kinematics_lookahead)
