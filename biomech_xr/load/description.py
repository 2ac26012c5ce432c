"""What a loader says of itself before anybody believes a score: what it lost, and what it knows of the future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from biomech_xr.load.inputs.options import Inputs
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.index import LOST_REASONS, Horizon, WindowIndex
from biomech_xr.window.order import EpochOrder

UNKNOWN_UPSTREAM: Final = "how far the source's own processing of the kinematics looks ahead is unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The facts of one loader; both lookaheads in s, `signal_lookahead` that of EMG and kinematics alone.

    They are lower bounds unless `lookahead_known`; `calibration` is what the amplitude of EMG knows beside them;
    `inputs` are further lines.
    """

    title: str
    indexes: Sequence[WindowIndex]
    people: int
    steps: int
    global_batch: int
    dropped: int
    padded: int
    horizon: Horizon
    lookahead: float
    signal_lookahead: float
    lookahead_known: bool
    calibration: str
    knows_contact: bool
    inputs: Sequence[str] = ()


def collect(
    sources: Sequence[Source], inputs: Inputs, order: EpochOrder, *, title: str, horizon: Horizon, mixed: Sequence[str]
) -> Facts:
    """Return the facts of a loader; `mixed` are lines on how sources are mixed."""
    used = [source for source in sources if source.index.total]
    return Facts(
        title=title,
        indexes=[source.index for source in sources],
        people=len(np.unique(np.concatenate([source.person[source.index.count > 0] for source in sources]))),
        steps=order.steps,
        global_batch=order.global_batch,
        dropped=order.dropped,
        padded=order.padded,
        horizon=horizon,
        lookahead=max((inputs.lookahead(source) for source in used), default=0.0),
        signal_lookahead=max((source.lookahead for source in used), default=0.0),
        lookahead_known=all(source.lookahead_known for source in used),
        calibration="; ".join(sorted({source.calibration for source in used})),
        knows_contact=inputs.phase == "oracle" or any(not source.grid.rate for source in sources),
        inputs=(*mixed, *inputs.describe(sources)),
    )


def lost(indexes: Sequence[WindowIndex]) -> dict[str, int]:
    """Return the lost windows of several parts, by reason."""
    return {reason: sum(index.lost[reason] for index in indexes) for reason in LOST_REASONS}


def mean_horizon(indexes: Sequence[WindowIndex]) -> float:
    """Return the mean distance of the targets over all windows, s; NaN without a window."""
    total = sum(index.total for index in indexes)
    return sum(float(index.horizon @ index.count) for index in indexes) / total if total else np.nan


def describe(facts: Facts) -> str:
    """Return the facts as a few lines of text."""
    windows = sum(index.total for index in facts.indexes)
    candidates = sum(index.candidates for index in facts.indexes)
    strides = sum(int((index.count > 0).sum()) for index in facts.indexes)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in lost(facts.indexes).items() if count) or "none"
    ahead = f"{facts.horizon.samples} sample(s)" if facts.horizon.samples else f"{facts.horizon.ms:g} ms"
    contact = "; the phase grid knows the next contact" if facts.knows_contact else ""
    least = "" if facts.lookahead_known else "at least "
    unknown = "" if facts.lookahead_known else f"; {UNKNOWN_UPSTREAM}"
    return "\n".join(
        [
            f"windows of {facts.title}",
            f"  {windows:,} of {candidates:,} windows from {strides:,} strides of {facts.people:,} people; "
            f"lost: {reasons}",
            f"  {facts.steps:,} steps of {facts.global_batch:,} an epoch; dropped {facts.dropped:,}, "
            f"padded {facts.padded:,}",
            f"  horizon: +{ahead}, mean {1000 * mean_horizon(facts.indexes):.1f} ms",
            f"  lookahead: {least}{facts.lookahead:.3f} s (signals {facts.signal_lookahead:.3f} s{contact}{unknown})",
            f"  calibration: {facts.calibration}",
            *(f"  {line}" for line in facts.inputs),
        ]
    )
