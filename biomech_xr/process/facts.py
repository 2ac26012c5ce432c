"""The facts of a product, stored with it: its chain, and what its values know of the future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.steps.resample import EMG_RATE
from biomech_xr.process.trials.reasons import EMG_REASONS
from biomech_xr.process.trials.trial import Recordings


def product_attrs(
    recordings: Sequence[Recordings], kept: pd.DataFrame, chain: Chain, *, longest: float
) -> dict[str, Any]:
    """Return the attributes of a product.

    Parameters
    ----------
    recordings
        The patients, all under one set of facts.
    kept
        Their strides as the plan holds them, with its columns ``_...``.
    longest
        Longest stride stored, s.
    """
    spec = recordings[0].spec
    line = float(spec["line_frequency"])
    served = kept[kept["_has_emg"] & (kept["_refusal"] == "")]
    rates = sorted(set(served["_emg_rate"].dropna())) or [1000.0]
    joints = _joint_rates(kept, longest)
    own = max(
        *(chain.lookahead(rate, line_frequency=line) for rate in rates),
        *(chain.kinematics_lookahead(*joint) for joint in joints),
        0.0,
    )
    upstream, known = _upstream(spec, served, kept)
    return {
        "chain": chain.model_dump(mode="json"),
        "chain_hash": chain.hash(),
        "product": chain.product,
        "causal": chain.causal,
        "grid": chain.grid.model_dump(exclude_none=True),
        "normalize": chain.normalize.model_dump(),
        "calibration": chain.calibration,
        "emg_reasons": {str(code): text for code, text in EMG_REASONS.items()},
        "lookahead": own + upstream,
        "lookahead_chain": own,
        "lookahead_upstream": upstream,
        "kinematics_lookahead_known": known,
        "emg_delay": _emg_delay(served, chain, line),
        "kinematics_delay": max((chain.kinematics_delay(*joint) for joint in joints), default=0.0),
        "substitutes": {name: words.SUBSTITUTES[name] for name in sorted(set(kept["_substituted"].explode().dropna()))},
        "spec": dict(spec),
        "counts": {
            "candidates": sum(len(one.strides) + len(one.rejected) for one in recordings),
            "rejected_at_parse": sum(len(one.rejected) for one in recordings),
            "strides": len(kept),
        },
    }


def _emg_delay(served: pd.DataFrame, chain: Chain, line: float) -> float:
    """Return by how much (s) EMG lags at most; cut strides are joined one of their own samples late."""
    rates = served["_emg_rate"].to_numpy(dtype=np.float64)
    own = served["duration"].to_numpy(dtype=np.float64) / np.maximum(served["_emg_points"].to_numpy() - 1, 1)
    cut = (served["_emg_kind"] != "continuous").to_numpy()
    spacing = np.where(cut, np.where(np.isfinite(rates), 1 / rates, own), 0.0)
    rates = np.where(np.isfinite(rates), rates, EMG_RATE)
    delays = [
        chain.delay(float(rate), line_frequency=line, spacing=float(spacing[rates == rate].max()))
        for rate in np.unique(rates)
    ]
    return max(delays, default=chain.delay(EMG_RATE, line_frequency=line))


def _joint_rates(kept: pd.DataFrame, longest: float) -> list[tuple[float, float | None]]:
    """Return (rate in Hz, longest stride in s or None) of all angles and moments; of cut ones the lowest rate only."""
    found: set[tuple[float, float | None]] = set()
    for group in ("kinematics", "kinetics"):
        here = kept[kept[f"_has_{group}"]]
        whole = (here[f"_{group}_kind"] == "continuous").to_numpy()
        rates = here[f"_{group}_rate"].to_numpy(dtype=np.float64)
        found |= {(float(rate), longest) for rate in np.unique(rates[whole]) if np.isfinite(rate)}
        if np.isfinite(rates[~whole]).any():
            found.add((float(np.nanmin(rates[~whole])), None))
    return sorted(found, key=str)


def _upstream(spec: Mapping[str, Any], served: pd.DataFrame, kept: pd.DataFrame) -> tuple[float, bool]:
    """Return how far (s) the source's own processing looks ahead as far as known, and whether it is for kinematics."""
    emg = float(served["emg_lookahead"].max()) if len(served) else 0.0
    stated = spec.get("kinematics_lookahead")
    joints = np.nan if stated is None else float(stated)
    if not kept["_has_kinematics"].any():
        joints = 0.0
    return float(np.nanmax([emg, joints, 0.0])), bool(np.isfinite(joints))
