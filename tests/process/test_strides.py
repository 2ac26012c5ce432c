"""The plan from tables alone, and the lazy dataset: same numbers whatever the scheduler."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from biomech_xr import process
from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError, NotAStoreError, ProcessingError
from biomech_xr.process.plan import plan_recordings
from biomech_xr.process.trials.trial import process_recording, process_trial
from biomech_xr.schema import LABELS, validate_strides
from biomech_xr.store import layout, write_patient
from tests.process.patients import SPEC, FakePatient, cut_trial, planned, processed, walking_trial

ENVELOPE, BANDPASSED, REALTIME = (process.load_chain(name) for name in ("envelope", "bandpassed", "realtime"))
FACTS_BEFORE = {name: value for name, value in asdict(SPEC).items() if name != "kinematics_lookahead"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("store")
    for person, seed in (("A", 1), ("B", 2)):
        trials = [
            walking_trial(person=person, trial=f"walk_{i}", session=str(1 + i // 2), seed=10 * seed + i)
            for i in range(3)
        ]
        write_patient(str(place), SPEC, trials, config_hash="x")
    return place


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("computed something")


@pytest.fixture(scope="module")
def lazy(root: Path) -> xr.Dataset:
    with dask.config.set(scheduler=refuse):
        return process.strides(str(root), process.ProcessConfig(dataset="made"))


@pytest.fixture(scope="module")
def eager(lazy: xr.Dataset) -> xr.Dataset:
    return lazy.compute(scheduler="synchronous")


def test_the_dataset_is_lazy_and_valid(lazy: xr.Dataset) -> None:
    validate_strides(lazy)
    assert lazy.sizes["stride"] == 2 * 3 * 18
    for name in ("emg", "kinematics", "emg_mask", "emg_scale", "emg_history", "kinetics_artefact"):
        assert dask.is_dask_collection(lazy[name].data), name
    assert all(max(lazy[name].chunks[0]) <= 512 for name in lazy.data_vars)
    one = lazy.sel(patient="made-B", activity="walk")
    assert one.sizes["stride"] == 54
    key = list(zip(*(lazy[name].values for name in ("patient", "trial", "side", "stride_number")), strict=True))
    assert key == sorted(key)


def test_few_tasks(lazy: xr.Dataset) -> None:
    names = len(lazy.data_vars) + 4
    assert len(dict(lazy.__dask_graph__())) < 6 * 2 + 2 * 2 + 4 * names, "no array graph per stride"


def test_values_do_not_depend_on_scheduler_or_chunks(
    root: Path, lazy: xr.Dataset, eager: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    xr.testing.assert_identical(lazy.compute(scheduler="threads", num_workers=2), eager)
    monkeypatch.setattr(layout, "STRIDES_PER_SHARD", 25)
    small = process.strides(str(root), process.ProcessConfig(dataset="made"))
    assert small["emg"].chunks[0][:2] == (25, 25)
    xr.testing.assert_identical(small.compute(scheduler="synchronous"), eager)


def test_shards_are_the_same_numbers(root: Path, eager: xr.Dataset) -> None:
    plan = process.make_plan(str(root), "made", ENVELOPE)
    (block,) = dask.compute(*process.shard_blocks(plan), scheduler="synchronous")
    assert set(block) == set(plan.template)
    for name, (dims, tail) in plan.template.items():
        assert block[name].shape == (len(plan.labels), *tail)
        np.testing.assert_array_equal(block[name], eager[name].transpose(*dims).values)


def test_the_scale_is_reversible_and_per_session_and_side(root: Path, eager: xr.Dataset) -> None:
    plan = process.make_plan(str(root), "made", ENVELOPE)
    start, stop = plan.units["made-A", "walk_2"]
    raw = process_trial(
        str(root), "made", "made-A", "walk_2", plan.labels.iloc[start:stop], ENVELOPE, time_size=plan.time_size
    )
    part = eager.isel(stride=slice(start, stop))
    np.testing.assert_allclose(part["emg"] * part["emg_scale"], raw["emg"], rtol=1e-5, atol=1e-7)
    person = eager.sel(patient="made-A")
    for session, trials in (("1", 2), ("2", 1)):
        for side in words.SIDES:
            mine = person.isel(stride=((person["session"] == session) & (person["side"] == side)).values)
            assert mine.sizes["stride"] == 9 * trials
            scale = mine["emg_scale"].sel(channel="soleus").values
            assert len(np.unique(scale)) == 1
            highest = mine["emg"].sel(channel="soleus", time=slice(0, None)).max("time")
            assert np.percentile(highest, 95) == pytest.approx(1.0, rel=1e-5)


def test_labels_are_complete(lazy: xr.Dataset, root: Path) -> None:
    plan = process.make_plan(str(root), "made", ENVELOPE)
    assert list(plan.labels) == list(LABELS)
    row = plan.labels.iloc[0]
    assert (row["patient"], row["source_patient"], row["person_group"]) == ("made-A", "A", "made-A")
    assert (row["emg_native_rate"], row["emg_state"], row["body_mass"]) == (1000.0, "raw", 70.0)
    assert (row["source_sha256"], row["source_file"], row["evidence"]) == ("0" * 64, "made.csv", "notes")
    assert not row["edge_filtered"]
    assert plan.attrs["counts"] == {"candidates": 108, "rejected_at_parse": 0, "strides": 108}
    assert plan.attrs["grid"] == {"phase": 200}
    assert plan.attrs["substitutes"] == {"semitendinosus": "semimembranosus"}
    assert plan.attrs["lookahead"] == pytest.approx(ENVELOPE.lookahead(1000.0))
    assert lazy.attrs["chain_hash"] == ENVELOPE.hash()


def test_realtime_dataset(root: Path) -> None:
    chosen = process.ProcessConfig(dataset="made", chain="realtime", patients=("made-B",))
    found = process.strides(str(root), chosen)
    validate_strides(found)
    assert found.sizes["time_kinematics"] == 160
    assert found.attrs["lookahead"] == 0.0
    assert found.attrs["kinematics_delay"] == 0.01
    assert found.attrs["emg_delay"] == pytest.approx(0.045, abs=0.005)
    assert found.sizes["stride"] == 54
    usable = found["emg_mask"].any("channel").compute()
    assert not usable[:5].any(), "they calibrate"
    assert usable.any()
    assert (found["emg_history"].compute().where(~usable, 0) == 0).all()
    assert (found["emg_history"].compute().where(usable, 250) == 250).all()
    assert "first 5 strides" in found.attrs["calibration"]


def test_strides_dropped_here_are_listed_with_the_reason() -> None:
    trial = walking_trial(seconds=8.0, contacts={"left": np.array([0.5, 1.6, 3.5, 4.6, 20.0, 21.0])})
    plan = planned([trial], ENVELOPE)
    assert plan.labels["stride_number"].tolist() == [0, 2]
    assert plan.rejected["reason"].tolist() == ["too_long", "too_long", "no_signal"]
    assert plan.rejected["stage"].unique().tolist() == ["process"]
    assert set(plan.rejected["reason"]) <= set(words.REJECTION_REASONS)
    assert plan.rejected["detail"][0] == "1.900 s, at most 1.6 s"
    assert plan.time_size == 1850


def test_emg_that_a_chain_cannot_serve() -> None:
    isolated = cut_trial(contiguity="isolated")
    with pytest.raises(ProcessingError, match=r"made: chain 'bandpassed'.*envelopes.*Use the chain 'envelope'"):
        planned([isolated], BANDPASSED)
    alone = planned([isolated], REALTIME)
    assert len(alone.labels) == 4
    assert alone.attrs["kinematics_delay"] == pytest.approx(1.1 / 100)
    emg_only = replace(isolated, trial="cut", signals={"emg": isolated.signals["emg"]})
    both = replace(walking_trial(person="C"), trial="walk_1")
    plan = planned([emg_only, both], REALTIME)
    assert plan.rejected["reason"].tolist() == ["unservable_emg"] * 4
    assert "isolated" in plan.rejected["detail"][0]
    assert len(plan.labels) == 18


def test_edge_filtered_marks_raw_isolated_strides_only() -> None:
    for state, contiguity, expected in (
        ("raw", "isolated", True),
        ("raw", "consecutive", False),
        ("envelope", "isolated", False),
    ):
        plan = planned([cut_trial(contiguity=contiguity, state=state, emg_points=1001)], ENVELOPE)
        assert plan.labels["edge_filtered"].unique().tolist() == [expected]


def test_a_stride_that_no_neighbor_meets_is_filtered_alone() -> None:
    trial = cut_trial(contiguity="consecutive", state="raw", emg_points=1001)
    late = trial.strides.assign(trial_time=[0.0, 1.0, 2.1, 13.05])
    plan = planned([replace(trial, strides=late)], ENVELOPE)
    assert plan.labels["edge_filtered"].tolist() == [False, False, False, True]
    causal = processed(replace(trial, strides=late), REALTIME)
    assert np.isfinite(causal["emg"][:3]).any()
    assert np.isnan(causal["emg"][3]).all()


@pytest.mark.parametrize("unknown", [0, 1, 3])
def test_a_stride_without_a_duration_spoils_no_neighbor(unknown: int) -> None:
    trial = cut_trial(contiguity="consecutive", state="envelope")
    strides = trial.strides.copy()
    strides.loc[unknown, "duration"] = np.nan
    plan = planned([replace(trial, strides=strides)], ENVELOPE)
    assert plan.rejected["reason"].tolist() == ["unknown_duration"]
    whole = processed(trial, ENVELOPE)
    rows = strides.drop(index=unknown)[["side", "stride_number"]]
    made = process_recording(FakePatient([replace(trial, strides=strides)]), "cut", rows, ENVELOPE, time_size=1850)
    others = [i for i in range(4) if i != unknown]
    np.testing.assert_allclose(made["kinematics"], whole["kinematics"][others], atol=1e-3)
    assert made["emg_mask"].any(axis=1).all()


def test_upstream_lookahead_is_added() -> None:
    trial = replace(walking_trial(), emg_lookahead=0.2)
    plan = planned([trial], ENVELOPE)
    assert plan.attrs["lookahead"] == pytest.approx(ENVELOPE.lookahead(1000.0) + 0.2)


@pytest.mark.parametrize(("stated", "upstream", "known"), [(0.4, 0.4, True), (0.1, 0.2, True), (None, 0.2, False)])
def test_upstream_lookahead_of_kinematics(stated: float | None, upstream: float, known: bool) -> None:
    trial = replace(walking_trial(), emg_lookahead=0.2)
    attrs = planned([trial], REALTIME, kinematics_lookahead=stated).attrs
    assert attrs["lookahead"] == attrs["lookahead_upstream"] == upstream
    assert attrs["kinematics_lookahead_known"] is known


def test_stores_that_state_no_upstream_lookahead_of_kinematics_count_as_unknown() -> None:
    trial = walking_trial()
    plan = plan_recordings([FakePatient([trial], FACTS_BEFORE)], "memory", "made", REALTIME)
    assert not plan.attrs["kinematics_lookahead_known"]
    emg_only = replace(trial, signals={"emg": trial.signals["emg"]})
    plan = plan_recordings([FakePatient([emg_only], FACTS_BEFORE)], "memory", "made", REALTIME)
    assert plan.attrs["kinematics_lookahead_known"], "there are none, so nothing is unknown of them"
    assert "test strides included" in planned([trial], ENVELOPE).attrs["calibration"]


def test_people_of_one_product_have_the_same_facts_and_an_unknown_one_is_no_difference() -> None:
    trial = walking_trial()
    other = walking_trial(person="B")

    def plan(**facts: Any) -> process.Plan:
        people = [FakePatient([trial], asdict(SPEC)), FakePatient([other], asdict(SPEC) | facts)]
        return plan_recordings(people, "memory", "made", ENVELOPE)

    assert math.isnan(SPEC.kinematics_lookahead)
    both = {one.patient.patient for one in (trial, other)}
    assert set(plan(kinematics_lookahead=float("nan")).labels["patient"]) == both
    with pytest.raises(ProcessingError, match=r"made-B was parsed under other facts .*\(kinematics_lookahead\)"):
        plan(kinematics_lookahead=0.1)


def test_ambiguous_channels_are_labelled_per_side() -> None:
    trial = walking_trial()
    emg = trial.signals["emg"]
    marked = replace(emg, values=emg.values.assign_attrs(ambiguous=["left:soleus", "right:deltoid"]))
    plan = planned([replace(trial, signals={**trial.signals, "emg": marked})], ENVELOPE)
    sides = plan.labels.loc[plan.labels["channel_ambiguous"], "side"]
    assert sides.unique().tolist() == ["left"]


def test_bad_requests(root: Path) -> None:
    with pytest.raises(NotAStoreError, match="Run parse first"):
        process.make_plan(str(root), "nobody", ENVELOPE)
    with pytest.raises(ConfigError, match="made-Z"):
        process.make_plan(str(root), "made", ENVELOPE, patients=["made-Z"])
    nothing = walking_trial(contacts={"left": np.array([0.5, 5.5])})
    with pytest.raises(ProcessingError, match="none can be processed"):
        planned([nothing], ENVELOPE)
