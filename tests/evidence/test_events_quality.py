"""Comparison of found with given events, and what the quality of events is worth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.evidence.events import compare_events, event_quality, pool
from biomech_xr.synthetic.gait import Gait
from tests.evidence.events_walker import FloatArray, trial
from tests.evidence.tally import PROPERTY, Record

SIZES = {"missed": (0.0, 0.05, 0.15, 0.3, 0.5), "extra": (0.0, 0.05, 0.15, 0.3, 0.5), "jitter": (0.0, 0.05, 0.1, 0.15)}


@pytest.fixture(scope="module")
def walks() -> list[Gait]:
    return [trial(number, speed, duration=30.0) for number in range(3) for speed in (0.7, 1.2)]


def spoiled(times: FloatArray, kind: str, size: float, rng: np.random.Generator) -> FloatArray:
    """Return events of which a share is lost, to which a share is added, or which are moved (s)."""
    if kind == "missed":
        return times[rng.random(times.size) >= size]
    if kind == "extra":
        more = rng.uniform(times[0], times[-1], rng.binomial(times.size, size))
        return np.sort(np.concatenate([times, more]))
    return np.sort(times + size * rng.standard_normal(times.size))


def share_right(given: FloatArray, found: FloatArray) -> float:
    one = compare_events(given, found, 0.1)
    return one.matched / (one.matched + one.missed + one.extra)


def scored(gait: Gait, kind: str, size: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the score of spoiled events of the left foot and the share of them that is right."""
    contacts, offs, other = (
        spoiled(times, kind, size, rng)
        for times in (gait.contacts["left"], gait.foot_offs["left"], gait.contacts["right"])
    )
    right = (share_right(gait.contacts["left"], contacts) + share_right(gait.foot_offs["left"], offs)) / 2
    return event_quality(contacts, offs, other_contacts=other).score, right


@pytest.mark.parametrize("kind", SIZES)
def test_quality_falls_with_planted_errors(walks: list[Gait], kind: str, record_property: Record) -> None:
    rng = np.random.default_rng(1)
    results = {
        size: np.mean([scored(gait, kind, size, rng) for gait in walks for _ in range(3)], axis=0)
        for size in SIZES[kind]
    }
    text = f"event_quality, {kind}: " + ", ".join(
        f"{size:g}: {s:.2f} ({r:.2f} right)" for size, (s, r) in results.items()
    )
    print(text)
    record_property(PROPERTY, text)
    scores = [score for score, _ in results.values()]
    assert scores[0] > 0.99
    assert all(first - second > 0.03 for first, second in pairwise(scores)), text


def test_a_high_score_means_right_events(walks: list[Gait], record_property: Record) -> None:
    rng = np.random.default_rng(2)
    pairs = np.array(
        [scored(gait, kind, size, rng) for kind, sizes in SIZES.items() for size in sizes for gait in walks]
    )
    bands = {
        low: pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high), 1] for low, high in ((0.95, 1.1), (0.8, 0.95), (0, 0.5))
    }
    text = "event_quality: " + ", ".join(
        f"from {low:g}: {right.mean():.2f} right ({right.size})" for low, right in bands.items()
    )
    print(text)
    record_property(PROPERTY, text)
    assert all(right.size >= 10 for right in bands.values())
    assert bands[0.95].mean() > 0.95
    assert 0.8 < bands[0.8].mean() < 0.97
    assert bands[0].mean() < 0.75


def test_a_delay_that_all_events_share_is_not_seen_but_compared(walks: list[Gait]) -> None:
    contacts, offs = walks[1].contacts["left"], walks[1].foot_offs["left"]
    late = event_quality(contacts + 0.08, offs + 0.08, other_contacts=walks[1].contacts["right"])
    assert late.score > 0.99
    assert compare_events(contacts, contacts + 0.08).bias == pytest.approx(0.08)


def test_a_second_detector_and_the_noise_count(walks: list[Gait]) -> None:
    contacts = walks[1].contacts["left"]
    alone = event_quality(contacts).score
    agreed = event_quality(contacts, second=contacts + 0.02)
    half = event_quality(contacts, second=contacts[::2])
    assert (alone, agreed.score) == (1.0, 1.0)
    assert half.parts["agreement"] == pytest.approx(0.5, abs=0.05)
    assert half.score == pytest.approx(half.parts["agreement"])
    ratios = [event_quality(contacts, peak_to_noise=ratio).score for ratio in (1.0, 4.0, 8.0, 20.0)]
    assert ratios == [0.0, 0.25, 0.75, 1.0]


@pytest.mark.parametrize("contacts", [[], [1.0], [1.0, np.nan], [1.0, 1.1, 1.2], [0.0, 9.0, 18.0]])
def test_no_possible_stride_is_worth_nothing(contacts: list[float]) -> None:
    assert event_quality(contacts).score == 0.0


def test_swapped_feet_and_events_of_the_other_kind_are_worth_little(walks: list[Gait]) -> None:
    left, right, offs = walks[1].contacts["left"], walks[1].contacts["right"], walks[1].foot_offs["left"]
    assert event_quality(left, offs, other_contacts=left + 0.02).score < 0.1
    assert event_quality(offs, left, other_contacts=right).score < 0.1


def test_pairs_are_one_to_one_the_nearest_first() -> None:
    one = compare_events([1.0, 2.0, 3.0, np.nan], [0.95, 1.02, 2.1, 5.0], 0.2)
    assert one.differences == pytest.approx([0.02, 0.1])
    assert (one.matched, one.missed, one.extra) == (2, 1, 2)
    assert one.bias == pytest.approx(0.06)
    assert one.worst == pytest.approx(0.1)
    assert one.spread == pytest.approx(np.std([0.02, 0.1], ddof=1))
    assert one.missed_share == pytest.approx(1 / 3)
    both = pool([one, one])
    assert (both.matched, both.missed, both.extra) == (4, 2, 4)


def test_nothing_found_and_nothing_given() -> None:
    assert compare_events([1.0], []).missed_share == 1.0
    assert compare_events([], [1.0]).extra == 1
    empty = pool([])
    assert np.isnan([empty.bias, empty.spread, empty.worst, empty.missed_share]).all()
    for call in (lambda: compare_events([[1.0]], [1.0]), lambda: event_quality([[1.0]])):
        with pytest.raises(ConfigError, match=r"\(1, 1\)"):
            call()
    with pytest.raises(ConfigError, match="tolerance of 0"):
        compare_events([1.0], [1.0], 0)
