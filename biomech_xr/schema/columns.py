"""Dims of signals, columns of tables and labels of strides, and what is kept around a stride."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

LabelKind = Literal["category", "float", "int", "bool"]

GROUP_DIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "emg": ("sample", "side", "channel"),
    "kinematics": ("sample", "side", "joint", "motion"),
    "kinetics": ("sample", "side", "joint", "motion"),
    "grf": ("sample", "side", "axis"),
    "imu": ("sample", "segment", "channel"),
    "markers": ("sample", "marker", "axis"),
}
"""Dims of each signal group of a recording; `sample` runs over time."""

STRIDE_COLUMNS: Final[Mapping[str, LabelKind]] = {
    "trial": "category",
    "side": "category",
    "stride_number": "int",
    "activity": "category",
    "source_activity": "category",
    "condition": "category",
    "transition": "bool",
    "surface": "category",
    "trial_time": "float",
    "duration": "float",
    "duration_source": "category",
    "foot_off": "float",
    "speed": "float",
    "incline": "float",
    "stair_height": "float",
    "segment": "int",
}
"""Columns of the `strides` table of a recording.

`trial_time` is the contact on the trial's clock (s), NaN where isolated strides have none; `duration` in s, NaN where a
source that cuts its strides does not tell it; `foot_off` is in seconds after contact; `segment` is the index of a cut
stride within its trial, -1 for continuous signals; `speed` m/s, `incline` degrees (positive uphill), `stair_height` m;
all NaN when unknown.
"""

REJECTED_COLUMNS: Final[Mapping[str, LabelKind]] = {
    "trial": "category",
    "side": "category",
    "stride_number": "int",
    "source_activity": "category",
    "trial_time": "float",
    "duration": "float",
    "stage": "category",
    "reason": "category",
    "detail": "category",
}
"""Columns of a `rejected` table: what was a candidate and was not kept, and why."""

LABELS: Final[Mapping[str, LabelKind]] = {
    "dataset": "category",
    "patient": "category",
    "source_patient": "category",
    "person_group": "category",
    "session": "category",
    **{name: kind for name, kind in STRIDE_COLUMNS.items() if name != "segment"},
    "population": "category",
    "affected_side": "category",
    "sex": "category",
    "age": "float",
    "height": "float",
    "body_mass": "float",
    "emg_state": "category",
    "emg_native_rate": "float",
    "emg_lookahead": "float",
    "evidence": "category",
    "edge_filtered": "bool",
    "kinetics_artefact": "bool",
    "channel_ambiguous": "bool",
    "emg_clipped": "bool",
    "emg_history": "int",
    "kinematics_history": "int",
    "kinematics_future": "int",
    "source_file": "category",
    "source_sha256": "category",
    "reader_version": "category",
}
"""Every stride of a strides dataset carries these labels as coordinates on `stride`.

`emg_history` counts the samples (ms) of real EMG before contact (0..250); `kinematics_history` (0..4) and
`kinematics_future` (0..80) count the kinematic samples stored before contact and after the next contact.
"""

LABEL_UNITS: Final[Mapping[str, str]] = {
    "trial_time": "s",
    "duration": "s",
    "foot_off": "s",
    "speed": "m s-1",
    "incline": "degree",
    "stair_height": "m",
    "age": "year",
    "height": "m",
    "body_mass": "kg",
    "emg_native_rate": "Hz",
    "emg_lookahead": "s",
    "emg_history": "ms",
}
"""Units of the labels that have one."""

INDEX_LEVELS: Final = ("dataset", "patient", "activity", "trial", "side", "stride_number")
"""Levels of the unique `stride` index."""

BEFORE: Final = 4
AFTER: Final = 80
HISTORY: Final = 250
"""Kinematic samples kept before contact and after the next contact; EMG samples (ms) kept before contact."""
