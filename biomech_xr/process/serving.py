"""Which sources a chain serves, and why it does not serve the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets import get_dataset, names
from biomech_xr.datasets.spec import DatasetSpec, Rate
from biomech_xr.process.chains.chain import Chain


def serves(chain: Chain) -> pd.DataFrame:
    """Return one row a source: `dataset`, `emg_state`, `emg_rate` (Hz), `served`, and `reason` where it is not.

    By the facts of the sources (`served`); what a user's own recordings hold is decided by the plan.
    """
    rows = []
    for name in names():
        spec = get_dataset(name).spec
        reason = served(chain, spec)
        rows.append(
            {
                "dataset": name,
                "emg_state": " or ".join(dict.fromkeys(state for state, *_ in _forms(spec))),
                "emg_rate": spec.emg_rate,
                "served": not reason,
                "reason": reason,
            }
        )
    return pd.DataFrame(rows)


def served(chain: Chain, spec: DatasetSpec) -> str:
    """Return why a chain cannot serve the EMG of a source, or an empty text when it can.

    By the source's states, its rates, whether it is time-normalised, and whether its strides are isolated; of a source
    with two forms one that is served suffices.
    """
    isolated = "emg" in spec.rates and spec.rates["emg"].isolated
    reasons: dict[tuple[str, str], list[str]] = {}
    for state, kind, rate in _forms(spec):
        reason = chain.refusal(
            state=state,
            kind="ragged" if isolated and kind == "continuous" else kind,
            contiguity="isolated" if isolated else "consecutive",
            rate=rate,
            line_frequency=spec.line_frequency,
            longest=spec.maximum_duration if isolated else np.inf,
        )
        reasons.setdefault((state, kind), []).append(reason)
    found = [next((reason for reason in some if reason), "") for some in reasons.values()]
    return "" if "" in found else found[0]


def _forms(spec: DatasetSpec) -> Iterator[tuple[words.EmgState, words.SignalKind, float]]:
    """Yield state, kind and rate (Hz) of the forms of a source's EMG, the usual one first."""
    known = spec.rates.get("emg", Rate())
    if known.state:
        yield from ((known.state, "continuous", rate) for rate in known.hz)
    if known.points:
        yield spec.emg_state, "segmented", spec.emg_rate
    else:
        yield from ((spec.emg_state, "continuous", rate) for rate in known.hz or (spec.emg_rate,))
