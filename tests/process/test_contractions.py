"""Recorded maximum voluntary contractions as amplitude reference: of a person, whoever else is in the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from biomech_xr import process
from biomech_xr import vocabulary as words
from biomech_xr.process.trials import reasons
from biomech_xr.schema import HISTORY, Trial
from biomech_xr.store import write_patient
from tests.process.patients import SPEC, raw_emg, walking_trial

SOL = words.MUSCLES.index("soleus")
CONTACTS = {"left": 0.5 + 1.1 * np.arange(4), "right": 1.0 + 1.1 * np.arange(4)}


def person(name: str, push: float, *, walk: float = 1.0) -> list[Trial]:
    """Return a walking trial, and one of contractions of the left leg that are ``push`` times as strong; none for 0."""
    common = {"person": name, "seconds": 6.0}
    trials = [walking_trial(emg=walk * raw_emg(6.0, 1000.0, seed=1), contacts=CONTACTS, **common)]
    if push:
        left, emg = {"left": CONTACTS["left"]}, push * raw_emg(6.0, 1000.0, seed=2)
        mvc = walking_trial(trial="push", emg=emg, contacts=left, source_activity="MVIC soleus", **common)
        trials.append(mvc)
    return trials


def processed(folder: Path, people: Sequence[list[Trial]]) -> xr.Dataset:
    """Return the strides of people, referred to their contractions."""
    for trials in people:
        write_patient(str(folder), SPEC, trials, config_hash="x")
    chain = process.load_chain("envelope", ["normalize={kind: mvc}"])
    return process.strides(str(folder), process.ProcessConfig(dataset="made", chain=chain)).compute()


def test_the_reference_is_the_persons_own_contraction_of_that_side(tmp_path: Path) -> None:
    found = processed(tmp_path / "two", [person("A", 8.0), person("B", 40.0, walk=5.0), person("C", 0.0)])
    label = {name: found[name].values for name in ("patient", "side", "trial")}
    scale, reason = found["emg_scale"].values[:, SOL], found["emg_reason"].values[:, SOL]
    for name in ("made-A", "made-B"):
        own = (label["patient"] == name) & (label["side"] == "left")
        pushed = found["emg"].values[own & (label["trial"] == "push"), SOL, HISTORY:]
        assert np.nanmax(pushed) == pytest.approx(1.0, abs=1e-3), "the strongest contraction is 1"
        assert np.unique(scale[own]).size == 1
        assert 0.05 < np.nanmax(found["emg"].values[own & (label["trial"] != "push"), SOL, HISTORY:]) < 0.4
    a, b = (scale[(label["patient"] == name) & (label["side"] == "left")][0] for name in ("made-A", "made-B"))
    assert b / a == pytest.approx(5.0, rel=1e-3)
    without = (label["patient"] == "made-C") | (label["side"] == "right")
    assert np.isnan(scale[without]).all()
    assert (reason[without] == reasons.NO_REFERENCE).all()
    alone = processed(tmp_path / "one", [person("A", 8.0)])
    mine = label["patient"] == "made-A"
    np.testing.assert_array_equal(found["emg"].values[mine], alone["emg"].values)
    np.testing.assert_array_equal(found["emg_scale"].values[mine], alone["emg_scale"].values)
