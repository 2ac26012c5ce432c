"""One trial whose EMG a chain cannot serve costs that trial's EMG, not the source."""

from __future__ import annotations

from dataclasses import replace

import dask
import numpy as np
import pytest

from biomech_xr.process import load_chain
from biomech_xr.process.trials.reasons import REFUSED
from biomech_xr.run import finish_strides, shard_work
from biomech_xr.store import open_strides, publish, write_patient
from pipelines.process import announce
from tests.process.patients import SPEC, walking_trial

ENVELOPE = load_chain("envelope")


@pytest.mark.parametrize("joints", [True, False], ids=["with angles", "EMG alone"])
def test_emg_at_a_rate_without_the_band_is_masked_or_rejected_and_said(
    tmp_path: object, capsys: pytest.CaptureFixture[str], joints: bool
) -> None:
    root = str(tmp_path)
    slow = walking_trial(trial="slow", emg_rate=40.0)
    if not joints:
        slow = replace(slow, signals={"emg": slow.signals["emg"]})
    trials = [walking_trial(trial="fast"), slow]
    write_patient(root, SPEC, trials, config_hash="x")
    work = shard_work(root, "made", ENVELOPE)
    announce(work)
    said = capsys.readouterr().out
    assert work.plan is not None
    dask.compute(*work.tasks, scheduler="synchronous")
    finish_strides(work)
    publish(root, "envelope", ["made"])
    strides = open_strides(root)
    of_slow = strides["trial"].values == "slow"
    reason, mask = strides["emg_reason"].values, strides["emg_mask"].values
    assert mask[~of_slow].any()
    if joints:
        assert of_slow.any()
        assert not mask[of_slow].any()
        assert np.any(reason[of_slow] == REFUSED)
        assert strides["kinematics_mask"].values[of_slow].any()
        assert f"EMG of {of_slow.sum()} strides in 1 trial(s), the first made-A/slow, is masked: bandpass" in said
    else:
        assert not of_slow.any()
        rejected = work.plan.rejected[work.plan.rejected["trial"] == "slow"]
        assert set(rejected["reason"]) == {"unservable_emg"}
        assert rejected["detail"].str.contains("40 Hz").all()
