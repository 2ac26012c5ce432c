"""The rehearsal in small: the corpus has the real numbers and is marked as made up, and its store is valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

import biomech_xr as bx
from biomech_xr.errors import BiomechXRError, ConfigError, OccupiedError, ProcessingError
from biomech_xr.process import bandpass, load_chain
from biomech_xr.quality.reference_counts import REFERENCE, TOTAL
from biomech_xr.run.corpus import plan_corpus, write_person
from biomech_xr.schema import validate_strides, validate_trial
from biomech_xr.store import open_patient
from biomech_xr.synthetic.corpus import corpus_trials
from biomech_xr.synthetic.corpus_forms import FORMS
from pipelines import command, process, rehearse
from tests.clusters import cluster_here

SMALL = {"datasets": ["bacek", "lencioni"], "scale": 0.001}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Return a client of a cluster in this process: what it does in processes of its own is tested by the road."""
    with cluster_here() as address, Client(address, set_as_default=False) as started:
        yield started


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def config(out: Path, **changes: object) -> rehearse.RehearseConfig:
    return rehearse.RehearseConfig.of({"out": str(out), **SMALL, **changes})


def run(client: Client, settings: rehearse.RehearseConfig) -> int:
    corpora = plan_corpus(settings.scale, seed=settings.seed, datasets=settings.datasets)
    return rehearse.rehearse(client, settings, corpora, load_chain(settings.chain))


def test_at_full_scale_the_corpus_has_the_real_numbers() -> None:
    corpora = plan_corpus(1.0)
    assert sum(corpus.strides for corpus in corpora) == TOTAL
    people = {one.dataset: one.people + one.more_people for one in REFERENCE}
    assert {corpus.dataset: len(corpus.people) for corpus in corpora} == people
    small = plan_corpus(0.001)
    assert all(corpus.strides >= 2 for corpus in small)
    assert set(FORMS) == set(people)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_person_of_every_source_is_valid_and_like_the_source(name: str) -> None:
    (corpus,) = plan_corpus(1.0, datasets=[name])
    trials = list(corpus_trials(corpus.source, "P001", 5, signals=False))
    assert sum(len(trial.strides) for trial in trials) == 5
    for trial in trials:
        validate_trial(trial)
        assert trial.emg_state == corpus.spec.emg_state
        assert set(trial.strides["activity"]) <= set(corpus.spec.activities)
        assert trial.strides["duration"].between(corpus.spec.minimum_duration, corpus.spec.maximum_duration).all()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    (corpus,) = plan_corpus(0.001, datasets=["bacek"])
    person = corpus.people[0]
    for name in ("one", "two"):
        write_person(str(tmp_path / name), corpus, person)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    (other,) = plan_corpus(0.001, seed=5, datasets=["bacek"])
    with pytest.raises(OccupiedError):
        write_person(str(tmp_path / "one"), other, person)
    assert open_patient(str(tmp_path / "one"), "bacek", "bacek-P001").spec["synthetic"] is True


@pytest.mark.cluster
def test_the_rehearsal_leaves_a_valid_store_and_a_rerun_changes_nothing(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(client, config(tmp_path)) == 0
    printed = capsys.readouterr().out
    for word in ("record bacek", "process lencioni", "check", "strides/s", "worker MB", "Dask"):
        assert word in printed
    strides = bx.open_strides(tmp_path)
    validate_strides(strides)
    assert strides.sizes["stride"] == 258 + 2
    assert all(facts["synthetic"] for facts in strides.attrs["sources"].values())
    knee = strides["kinematics"].sel(joint="knee", motion="flexion", dataset="bacek").mean("stride").values
    assert 45 < knee.max() < 75
    assert strides["emg"].attrs["emg_state"] == "envelope"
    with pytest.raises(ProcessingError, match="expected signed EMG"):
        bandpass(strides["emg"], low=20, high=400, order=4)
    before = contents(tmp_path)
    assert run(client, config(tmp_path)) == 0
    assert contents(tmp_path) == before
    arguments = ["process", f"store={tmp_path}", "datasets=[lencioni]", "chain=envelope", "--plan"]
    monkeypatch.setattr("sys.argv", arguments)
    assert command.main(process.ProcessConfig, process.run, "") == 0
    planned = capsys.readouterr().out
    assert "lencioni" in planned
    assert "MB/worker" in planned
    assert "masked" not in planned
    monkeypatch.setattr("sys.argv", [*arguments, "chain=realtime"])
    assert command.main(process.ProcessConfig, process.run, "") == 0
    assert "lencioni: EMG of 2 strides in" in capsys.readouterr().out
    assert contents(tmp_path) == before


@pytest.mark.cluster
def test_strides_alone_have_the_labels_of_the_whole_road(client: Client, tmp_path: Path) -> None:
    only = {"datasets": ["lencioni", "moreira"], "scale": 0.004}
    assert run(client, config(tmp_path / "whole", **only)) == 0
    assert run(client, config(tmp_path / "strides", strides_only=True, **only)) == 0
    assert not (tmp_path / "strides" / "recordings").exists()
    whole, alone = (bx.open_strides(tmp_path / name).load(scheduler="synchronous") for name in ("whole", "strides"))
    validate_strides(alone)
    assert alone.indexes["stride"].equals(whole.indexes["stride"])
    for name in ("duration", "emg_mask", "kinematics_mask", "emg_history", "kinematics_history"):
        if "history" in name:
            continue
        np.testing.assert_array_equal(alone[name].values, whole[name].values, err_msg=name)
    owned = (alone["time"] >= 0) & (alone["time"] < alone["duration"] - 1e-6)
    measured = np.isfinite(alone["emg"]).where(owned, True).all("time")
    assert (measured == alone["emg_mask"]).all()


@pytest.mark.cluster
@pytest.mark.parametrize("strides_only", [False, True])
def test_a_source_that_the_chain_cannot_serve_stops_no_other(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], strides_only: bool
) -> None:
    small = {"datasets": ["bacek", "lencioni"], "scale": 0.0002, "chain": "bandpassed"}
    assert run(client, config(tmp_path, strides_only=strides_only, **small)) == 1
    assert "bacek: chain 'bandpassed': the source publishes envelopes" in capsys.readouterr().err
    strides = bx.open_strides(tmp_path, chain="bandpassed")
    assert set(strides["dataset"].values) == {"lencioni"}


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "_bytes_free", lambda _out: 1000)
    with pytest.raises(ConfigError, match=r"needs [\d,]+ bytes, 1,000 are free.*--strides-only"):
        rehearse.run(config(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_rehearsal_is_left_alone(tmp_path: Path) -> None:
    rehearse.claim_out(config(tmp_path))
    rehearse.claim_out(config(tmp_path))
    with pytest.raises(OccupiedError, match="other settings"):
        rehearse.claim_out(config(tmp_path, scale=0.002))
    (tmp_path / "rehearsal.json").rename(tmp_path / "mine.txt")
    with pytest.raises(OccupiedError, match="not of a rehearsal"):
        rehearse.claim_out(config(tmp_path))


@pytest.mark.parametrize("changes", [{"scale": 0}, {"scale": 1.5}, {"datasets": ["nowhere"]}, {"seed": -1}])
def test_impossible_settings_are_refused(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(BiomechXRError):
        rehearse.run(config(tmp_path / "out", **changes))
    assert list(tmp_path.iterdir()) == []
