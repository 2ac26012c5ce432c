"""What is no valid recording is refused, with every problem named at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from biomech_xr.errors import SchemaError
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table, validate_trial


def valid() -> Trial:
    emg = xr.DataArray(
        np.zeros((3000, 1, 1), np.float32),
        dims=("sample", "side", "channel"),
        coords={"side": ["left"], "channel": ["soleus"]},
        attrs={"units": "V"},
    )
    row = {"trial": "t", "side": "left", "activity": "walk", "source_activity": "w"}
    return Trial(
        patient=Patient(dataset="lab", source_patient="A"),
        trial="t",
        task="walk",
        signals={"emg": Signal(kind="continuous", values=emg, sampling_frequency=1000.0)},
        strides=stride_table([{**row, "stride_number": 0, "trial_time": 0.1, "duration": 1.0, "foot_off": 0.6}]),
        rejected=rejected_table([{"trial": "t", "side": "left", "stride_number": 1, "reason": "too_long"}]),
        sources=(("a.csv", "0" * 64),),
    )


def test_a_valid_trial_passes() -> None:
    validate_trial(valid())


def test_every_problem_is_listed_at_once() -> None:
    trial = valid()
    signal = trial.signals["emg"]
    bad = replace(
        trial,
        signals={"emg": replace(signal, sampling_frequency=0.0, values=signal.values.astype(float).drop_attrs())},
        strides=trial.strides.assign(activity="strolling", foot_off=2.0, side="middle"),
        rejected=trial.rejected.assign(reason="boring"),
        sources=(),
    )
    with pytest.raises(SchemaError) as caught:
        validate_trial(bad)
    text = str(caught.value)
    for part in ("strolling", "foot_off", "middle", "boring", "float64", "units", "sampling_frequency", "sources"):
        assert part in text, part


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration": 0.0}, "duration"),
        ({"foot_off": -0.1}, "foot_off"),
        ({"trial_time": np.nan}, "trial_time"),
        ({"stride_number": 1}, "stride_number occurs twice"),
        ({"trial": "u"}, "column 'trial'"),
    ],
)
def test_a_wrong_stride_is_refused(change: dict[str, object], message: str) -> None:
    trial = valid()
    with pytest.raises(SchemaError, match=message):
        validate_trial(replace(trial, strides=trial.strides.assign(**change)))


def test_signals_must_fit_their_kind() -> None:
    trial = valid()
    signal = trial.signals["emg"]
    for wrong in (
        replace(signal, kind="segmented", points=7),
        replace(signal, kind="ragged", lengths=(1, 2)),
        replace(signal, values=signal.values.transpose("side", "sample", "channel")),
        replace(signal, values=signal.values + np.float32(np.inf)),
    ):
        with pytest.raises(SchemaError):
            validate_trial(replace(trial, signals={"emg": wrong}))


def test_an_unknown_stride_column_is_refused() -> None:
    with pytest.raises(SchemaError, match="velocity"):
        stride_table([{"velocity": 1.0}])
