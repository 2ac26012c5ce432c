"""Recordings: what goes in comes out, an attempt that died is invisible, nothing foreign is touched."""

from __future__ import annotations

import dataclasses
import pickle
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from biomech_xr.errors import NotAStoreError, OccupiedError, SchemaError
from biomech_xr.schema import Trial
from biomech_xr.store import list_patients, open_patient, open_recordings, recording_group, write_patient
from biomech_xr.store.objects import exists, join, sizes, write_json
from tests.store.samples import make_spec, make_trials


def write(root: str, trials: list[Trial] | None = None, config_hash: str = "c0ffee") -> dict[str, object]:
    return write_patient(root, make_spec(), trials or make_trials(), config_hash=config_hash)


def test_every_signal_and_table_comes_back(root: str) -> None:
    trials = make_trials()
    write(root, trials)
    assert list_patients(root) == [("hu", "hu-AB01")]
    patient = pickle.loads(pickle.dumps(open_patient(root, "hu", "hu-AB01")))  # noqa: S301 - our own bytes
    assert patient.patient.body_mass == 70.0
    assert np.isnan(patient.patient.height)
    assert patient.spec["licence"] == "CC-BY-4.0"
    assert patient.groups == ("emg", "kinematics")
    for trial in trials:
        for group, signal in trial.signals.items():
            back = patient.signal(trial.trial, group)
            xr.testing.assert_identical(back.values, signal.values)
            assert dataclasses.replace(back, values=signal.values) == signal or np.isnan(signal.sampling_frequency)
    for name in ("strides", "rejected"):
        expected = pd.concat([getattr(trial, name) for trial in trials], ignore_index=True)
        found = getattr(patient, name).astype(expected.dtypes)
        pd.testing.assert_frame_equal(found, expected)
    row = patient.row("t2")
    assert (row["task"], row["source_file"], row["emg_row_start"]) == ("level/ground", "t2.csv", 700)
    assert row["emg_t0"] == 0.25


def test_a_trial_without_a_group_has_no_signal(root: str) -> None:
    trials = make_trials()
    trials[1] = dataclasses.replace(trials[1], signals={"emg": trials[1].signals["emg"]})
    write(root, trials)
    patient = open_patient(root, "hu", "hu-AB01")
    assert patient.signal("t2", "kinematics") is None
    assert patient.signal("t1", "grf") is None
    xr.testing.assert_identical(patient.signal("t3", "kinematics").values, trials[2].signals["kinematics"].values)


def test_a_muscle_that_a_trial_lacks_is_nan_in_the_array(root: str) -> None:
    write(root)
    patient = open_patient(root, "hu", "hu-AB01")
    channel = patient.labels("emg")["channel"].index("gluteus_medius")
    values = patient.read("emg", 0, 1500)
    assert np.isnan(values[:700, :, channel]).all()
    assert np.isfinite(values[700:1000, patient.labels("emg")["side"].index("right"), channel]).all()


def test_writing_again_changes_nothing(root: str) -> None:
    first = write(root)
    before = sizes(root)
    assert write(root) == first
    assert sizes(root) == before


def test_an_attempt_that_died_is_invisible_and_replaced(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recording_group, "write_table", die)
        with pytest.raises(KeyboardInterrupt):
            write(root, make_trials()[:1])
    url = join(root, "recordings", "hu", "hu-AB01.zarr")
    assert exists(url)
    assert list_patients(root) == []
    with pytest.raises(NotAStoreError, match="no committed recordings"):
        open_patient(root, "hu", "hu-AB01")
    write_json(join(url, "stale", "c", "0"), 1)
    write(root)
    assert not exists(join(url, "stale"))
    assert len(open_patient(root, "hu", "hu-AB01").trials) == 3


def test_another_configuration_is_refused_and_nothing_changes(root: str) -> None:
    write(root)
    before = sizes(root)
    with pytest.raises(OccupiedError, match=r"'c0ffee'.*'beef'.*another output"):
        write(root, config_hash="beef")
    assert sizes(root) == before


@pytest.mark.parametrize("place", ["recordings/hu/thesis.json", "recordings/hu/hu-AB01.zarr/thesis.json"])
def test_foreign_files_are_never_touched(root: str, place: str) -> None:
    write_json(join(root, place), "mine")
    with pytest.raises(OccupiedError, match=r"thesis.json"):
        write(root)
    assert list(sizes(root)) == [place]


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([], "no trial"),
        ([*make_trials(), make_trials()[0]], "'t1' occurs 2 times"),
    ],
)
def test_wrong_lists_of_trials_are_refused(tmp_path: Path, trials: list[Trial], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        write_patient(str(tmp_path), make_spec(), trials, config_hash="x")
    assert list(tmp_path.iterdir()) == []


def test_units_that_differ_between_trials_are_refused(tmp_path: Path) -> None:
    trials = make_trials()
    trials[1].signals["emg"].values.attrs["units"] = "mV"
    with pytest.raises(SchemaError, match="different units: V, mV"):
        write(str(tmp_path), trials)
    assert list_patients(str(tmp_path)) == []


def test_the_tree_is_lazy_and_equals_the_signals(root: str, never_computes: Callable[[], object]) -> None:
    trials = make_trials()
    write(root, trials)
    with never_computes():
        tree = open_recordings(root)
        node = tree["hu-AB01/level|ground/t1"]
        assert set(node.children) == {"emg", "kinematics"}
        with pytest.raises(AssertionError, match="Dask computed"):
            node["emg/values"].compute()
    for trial in trials:
        for group, signal in trial.signals.items():
            values = tree[f"hu-AB01/level|ground/{trial.trial}/{group}/values"]
            np.testing.assert_array_equal(values.values, signal.values.values)
            assert values.attrs["units"] == signal.values.attrs["units"]
            assert values.attrs.get("emg_state") == (trial.emg_state if group == "emg" else None)
    emg = tree["hu-AB01/level|ground/t1/emg/values"]
    np.testing.assert_array_equal(emg["time"], 0.25 + np.arange(700) / 1000)
    assert float(emg.sel(side="left", channel="soleus").sel(time=0.5, method="nearest")) == pytest.approx(
        float(trials[0].signals["emg"].values[250, 0, 0])
    )
    assert tree["hu-AB01/level|ground/t1/kinematics/values"]["segment"].values.tolist() == [0] * 51 + [1] * 51


def test_a_place_without_recordings_is_named(root: str) -> None:
    with pytest.raises(NotAStoreError, match="no committed recordings"):
        open_recordings(root)
    write(root)
    with pytest.raises(NotAStoreError, match="no patient hu-AB99"):
        open_recordings(root, patients=["hu-AB99"])
    with pytest.raises(NotAStoreError, match="no trial 't9'"):
        open_patient(root, "hu", "hu-AB01").signal("t9", "emg")


def test_many_trials_need_few_open_files(tmp_path: Path) -> None:
    """A person with more trials than a process may open files (the usual limit is 1024) can be written."""
    few = make_trials()[0]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    trials = (dataclasses.replace(few, trial=f"t{i}", strides=few.strides.assign(trial=f"t{i}")) for i in range(150))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, limits[1]))
    try:
        entry = write_patient(str(tmp_path), make_spec(), trials, config_hash="x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert entry["counts"]["trials"] == 150
    opened = open_patient(str(tmp_path), "hu", entry["patient"])
    for name in ("t0", "t149"):
        for group, signal in few.signals.items():
            back = opened.signal(name, group)
            assert back is not None
            np.testing.assert_array_equal(back.values.values, signal.values.values)
