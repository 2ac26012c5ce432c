"""Verdicts put together for a reader: one line for all curves of a source that err in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from biomech_xr.quality.harmony import LEAST_SOURCES, Harmony, Verdict
from biomech_xr.quality.harmony_curves import COMPONENTS

UNSEEN: Final = (
    "Not seen: legs swapped as a whole (left and right of healthy gait look alike); the sign of a movement that is too "
    "small, wrong in both legs, as most often of rotations and of knee and ankle adduction; errors most sources share."
)
"""What no comparison of curves can find."""

_NAMES: Final = {"angle": "angles", "moment": "moments", "emg": "EMG"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Curves of one source that do not fit in the same way, in words: what, which legs, how, by how much, why."""

    dataset: str
    curves: str
    legs: str
    misfit: str
    figures: str
    cause: str


def findings(harmony: Harmony) -> list[Finding]:
    """Return what was flagged; legs that differ are listed where the pool flags neither of them."""
    seen = {(v.curve.dataset, v.curve.quantity, v.curve.component) for v in harmony.curves if v.flags}
    legs = [v for v in harmony.legs if (v.curve.dataset, v.curve.quantity, v.curve.component) not in seen]
    flagged = sorted((v for v in (*harmony.curves, *legs) if v.flags), key=_group)
    return [_finding(list(members), harmony) for _, members in groupby(flagged, key=_group)]


def _group(verdict: Verdict) -> tuple[str, int, str, tuple[str, ...], str]:
    place = list(COMPONENTS).index(verdict.curve.quantity)
    return verdict.curve.dataset, place, verdict.against, verdict.flags, verdict.cause


def _finding(members: Sequence[Verdict], harmony: Harmony) -> Finding:
    first = members[0]
    names = list(dict.fromkeys(v.curve.component for v in members))
    judged = {
        v.curve.component
        for v in harmony.curves
        if (v.curve.dataset, v.curve.quantity) == (first.curve.dataset, first.curve.quantity) and v.status == "compared"
    }
    whole = len(names) > 2 and set(names) == judged
    kind = _NAMES[first.curve.quantity]
    sides = sorted({v.curve.side for v in members})
    return Finding(
        dataset=first.curve.dataset,
        curves=f"{kind}: {'all ' + str(len(names)) + ' judged' if whole else ', '.join(names)}",
        legs="right to left" if first.against == "left" else " and ".join(sides),
        misfit=", ".join(first.flags),
        figures=_figures(members),
        cause=first.cause,
    )


def _figures(members: Sequence[Verdict]) -> str:
    fits = [v.fit for v in members if v.fit]
    flags = set(members[0].flags)
    parts = [f"r {_range((fit.r for fit in fits), '{:.2f}')}"]
    if "scaled" in flags:
        parts.append(f"ratio {_range((fit.ratio for fit in fits), '{:.3g}')}")
    if "shifted" in flags:
        parts.append(f"lag {_range((100 * fit.lag for fit in fits), '{:+.0f}')} %")
    if "offset" in flags:
        parts.append(f"offset {_range((fit.offset for fit in fits), '{:+.0f}')}°")
    return ", ".join(parts)


def _range(values: Iterable[float], style: str) -> str:
    ordered = sorted(values)
    low, high = style.format(ordered[0]), style.format(ordered[-1])
    return low if low == high else f"{low} to {high}"


def remarks(harmony: Harmony) -> list[str]:
    """Return what was not judged and why, by joint motion and muscle, one sentence each."""
    lines = []
    wide = sum(v.status == "compared" and v.fit is not None and v.fit.wide for v in harmony.curves)
    if wide:
        lines.append(f"{wide} curves of one person, or of people who differ much: amplitudes judged by wider limits.")
    reasons = {
        "flat": "too small for their shape to say anything, sign not judged (but of one leg against the other)",
        "too_few_sources": f"fewer than {LEAST_SOURCES} other sources, not compared",
        "others_disagree": "of which the other sources do not agree with one another, not compared",
    }
    for status, reason in reasons.items():
        some = [v for v in harmony.curves if v.status == status]
        if some:
            lines.append(f"{len(some)} curves {reason}: {_list(some)}.")
    lines += [f"{count} strides left out: {reason}." for reason, count in harmony.left_out.items()]
    return [*lines, UNSEEN]


def summary(harmony: Harmony) -> str:
    """Return in one sentence how much was judged and how much was flagged; never more than the judged curves say."""
    total = len(harmony.curves)
    judged = [v for v in harmony.curves if v.status == "compared"]
    flagged = sum(bool(v.flags) for v in judged)
    legs = sum(bool(v.flags) for v in harmony.legs)
    text = f"{len(harmony.sources)} source(s), {total} curves: {len(judged)} judged, {flagged} of them flagged"
    return f"{text}; {total - len(judged)} NOT judged; {legs} flagged right against left."


def _list(verdicts: Sequence[Verdict]) -> str:
    parts = []
    for quantity, every in COMPONENTS.items():
        there = {verdict.curve.component for verdict in verdicts if verdict.curve.quantity == quantity}
        if there:
            names = "all" if len(there) == len(every) else ", ".join(name for name in every if name in there)
            parts.append(f"{_NAMES[quantity]} of {names}")
    return "; ".join(parts)


def as_markdown(harmony: Harmony) -> str:
    """Return the findings as a Markdown table, and the remarks as a list."""
    rows = [
        f"| {one.dataset} | {one.curves} | {one.legs} | {one.misfit} | {one.figures} | {one.cause} |"
        for one in findings(harmony)
    ]
    table = ["| source | curves | leg | misfit | figures | likely cause |", "|---|---|---|---|---|---|", *rows]
    lines = [summary(harmony), *(["", *table] if rows else [])]
    return "\n".join([*lines, "", *(f"* {remark}" for remark in remarks(harmony))])
