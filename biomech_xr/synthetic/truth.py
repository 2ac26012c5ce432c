"""What a writer knows of the files it wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

COLUMNS: Final = ("source_patient", "trial", "side", "activity", "trial_time", "duration")


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """The strides that a right reader keeps, and the facts that were planted.

    `strides` has the columns `COLUMNS`, in the order patient, trial, side, time; `trial_time` and `duration` in s on
    the trial's own clock (NaN time where the source has none). `sign_convention` says for the raw columns how they
    differ from the canonical signs and units. `planted` names each deliberate trap and where it is.
    """

    dataset: str
    strides: pd.DataFrame
    sign_convention: Mapping[str, str]
    planted: Mapping[str, str] = field(default_factory=dict)


def stride_truth(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the `strides` table of a `Truth`, sorted."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    keys = ["source_patient", "trial", "side", "trial_time"]
    return table.sort_values(keys, kind="stable", ignore_index=True)
