"""Which sources a chain serves, and why it does not serve the others."""

from __future__ import annotations

import pandas as pd

from biomech_xr.datasets import get_dataset, names
from biomech_xr.process.chains.chain import Chain


def serves(chain: Chain) -> pd.DataFrame:
    """Return one row a source: `dataset`, `emg_state`, `emg_rate` (Hz), `served`, and `reason` where it is not.

    By the facts of the sources (`Chain.served`); what a user's own recordings hold is decided by the plan.
    """
    rows = []
    for name in names():
        spec = get_dataset(name).spec
        reason = chain.served(spec)
        rows.append(
            {
                "dataset": name,
                "emg_state": spec.emg_state,
                "emg_rate": spec.emg_rate,
                "served": not reason,
                "reason": reason,
            }
        )
    return pd.DataFrame(rows)
