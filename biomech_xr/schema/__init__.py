"""What a valid recording and a valid strides dataset are.

A **recording** is one trial of one patient as the source holds it, in canonical words, signs and units: a `Trial` with
one `Signal` per signal group and a table of strides. A **strides dataset** is the processed product. `validate_trial`
and `validate_strides` list every problem at once.
"""

from biomech_xr.schema.checks import kinematic_dim, validate_strides, validate_trial
from biomech_xr.schema.columns import (
    AFTER,
    BEFORE,
    GROUP_DIMS,
    HISTORY,
    INDEX_LEVELS,
    LABEL_UNITS,
    LABELS,
    REJECTED_COLUMNS,
    STRIDE_COLUMNS,
    LabelKind,
)
from biomech_xr.schema.recording import Patient, Signal, Trial
from biomech_xr.schema.tables import rejected_table, stride_table

__all__ = [
    "AFTER",
    "BEFORE",
    "GROUP_DIMS",
    "HISTORY",
    "INDEX_LEVELS",
    "LABELS",
    "LABEL_UNITS",
    "REJECTED_COLUMNS",
    "STRIDE_COLUMNS",
    "LabelKind",
    "Patient",
    "Signal",
    "Trial",
    "kinematic_dim",
    "rejected_table",
    "stride_table",
    "validate_strides",
    "validate_trial",
]
