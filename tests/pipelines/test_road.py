"""The main job on every source: what comes out is valid, right, found by selection, and left alone by a rerun."""

from __future__ import annotations

import hashlib
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from distributed import Client

import biomech_xr as bx
from biomech_xr import vocabulary as words
from biomech_xr.process import ProcessConfig, load_chain, strides
from biomech_xr.schema import INDEX_LEVELS, validate_strides
from biomech_xr.store import list_patients, summarize
from pipelines import command, parse, process

from .conftest import PEOPLE, units

pytestmark = pytest.mark.cluster


def snapshot(root: str) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(root).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def curves(store: str) -> xr.Dataset:
    return bx.ensemble(bx.open_strides(store), by=["dataset", "activity"]).compute(scheduler="threads")


def test_the_store_is_valid_and_selected_as_usual(store: str) -> None:
    everything = bx.open_strides(store)
    validate_strides(everything)
    assert everything.indexes["stride"].is_unique
    assert tuple(everything.indexes["stride"].names) == INDEX_LEVELS
    assert set(np.unique(everything["dataset"])) == set(PEOPLE)
    some = everything.sel(patient="hu-AB156", activity="ramp_ascent")
    assert some.sizes["stride"] > 0
    assert set(np.unique(some["incline"])) == {10.0}
    fast = bx.select(everything, activity=["walk"], speed=slice(1.0, 1.2))
    assert fast.sizes["stride"] > 0
    assert float(fast["speed"].min()) >= 1.0


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_processed_angles_keep_their_physiology(curves: xr.Dataset, name: str) -> None:
    walk = curves.sel(dataset=name, activity="walk", motion="flexion")
    knee = walk["kinematics_mean"].sel(joint="knee").values
    assert 45 < knee.max() < 75
    assert 130 <= knee.argmax() <= 160
    if name == "hu":
        assert np.isnan(walk["kinetics_mean"]).all()
        return
    ankle = walk["kinetics_mean"].sel(joint="ankle").values
    assert -1.9 < np.nanmin(ankle) < -1.1
    assert 84 <= np.nanargmin(ankle) <= 112


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_calf_and_shin_are_active_in_their_phases(curves: xr.Dataset, name: str) -> None:
    emg = curves.sel(dataset=name, activity="walk")["emg_mean"]
    calf = emg.sel(channel="gastrocnemius_medialis").values
    assert 60 <= calf.argmax() <= 108
    assert calf[130:170].mean() < 0.5 * calf.max()
    shin = emg.sel(channel="tibialis_anterior").values
    if np.isfinite(shin).all():
        assert shin[50:90].mean() < 0.5 * max(shin[:20].max(), shin[120:].max())


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_masks_labels_and_ends_hold_for_every_stride(store: str, name: str) -> None:
    strides = bx.open_strides(store, dataset=name).load(scheduler="synchronous")
    time, duration = strides["time"].values, strides["duration"].values[:, None]
    owned = (time >= 0) & (time < duration - 1e-6)
    emg = np.isfinite(strides["emg"].values)
    assert strides["emg_mask"].values.any()
    for stride in range(strides.sizes["stride"]):
        measured = emg[stride][:, owned[stride]]
        np.testing.assert_array_equal(measured.all(axis=1), strides["emg_mask"].values[stride])
    assert not emg[np.broadcast_to((time >= duration + 1e-6)[:, None], emg.shape)].any()
    for group in ("kinematics", "kinetics"):
        values, mask = strides[group].values, strides[f"{group}_mask"].values
        assert np.isfinite(values[mask]).all()
        assert not (values == 0).all(axis=-1).any()
    for group in ("emg", "kinematics", "kinetics"):
        coverage = strides[f"{group}_coverage"].values
        assert ((coverage >= 0) & (coverage <= 1)).all()
        assert (coverage[strides[f"{group}_mask"].values] == 1).all()
    history = (np.isfinite(strides["emg"].values[:, :, :250]).any(axis=1)).sum(axis=1)
    assert (history >= strides["emg_history"].values).all()
    assert set(np.unique(strides["activity"])) <= set(words.ACTIVITIES)
    assert set(np.unique(strides["surface"])) <= set(words.SURFACES)
    assert set(np.unique(strides["emg_state"])) <= set(words.EMG_STATES)
    assert all(re.fullmatch(r"[0-9a-f]{64}(\W+[0-9a-f]{64})*", text) for text in strides["source_sha256"].values)
    assert (strides["emg_native_rate"] > 0).all()


def test_emg_is_in_multiples_of_its_reference(store: str) -> None:
    walk = bx.select(bx.open_strides(store), activity="walk").compute(scheduler="threads")
    peaks = walk["emg"].where(walk["emg_mask"]).max("time")
    assert 0.3 < float(peaks.median()) < 1.1
    assert not walk["emg_clipped"].any()


def test_the_lazy_dataset_equals_the_store(store: str) -> None:
    lazy = strides(store, ProcessConfig(dataset="lab"))
    stored = bx.select(bx.open_strides(store, dataset="lab"))
    for name in ("kinematics", "kinetics", "emg_mask", "emg_scale", "kinematics_before"):
        np.testing.assert_array_equal(lazy[name].values, stored[name].values)
    np.testing.assert_allclose(lazy["emg"].values, stored["emg"].values, atol=2**-12 + 1e-6)


def test_a_rerun_changes_nothing(store: str, raw: Path, client: Client) -> None:
    before = snapshot(store)
    assert units(raw, store) == []
    assert process.process(lambda: client, store, list(PEOPLE), load_chain("envelope")) == 0
    assert snapshot(store) == before


def test_a_killed_parse_leaves_no_patient_and_a_rerun_ends_the_same(
    store: str, raw: Path, client: Client, tmp_path: Path
) -> None:
    root = tmp_path / "store"
    code = "import sys; from biomech_xr.run import parse_patient; parse_patient(*sys.argv[1:])"
    worker = subprocess.Popen([sys.executable, "-c", code, "hu", str(raw / "hu"), str(root), "AB156"])
    group = root / "recordings" / "hu" / "hu-AB156.zarr" / "emg"
    deadline = time.monotonic() + 60
    while not group.exists() and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    assert list_patients(str(root)) == []
    assert parse.parse(client, str(root), [parse.Unit("hu", str(raw / "hu"), "AB156")]) == 0
    fresh, whole = (snapshot(f"{place}/recordings/hu/hu-AB156.zarr") for place in (root, store))
    assert fresh == whole


def test_a_broken_file_fails_alone_and_says_which(raw: Path, client: Client, tmp_path: Path, capsys) -> None:
    tree = tmp_path / "hu"
    tree.mkdir()
    for patient in ("AB156", "AB185"):
        (tree / patient).symlink_to(raw / "hu" / patient)
    broken = tree / "AB999" / "Processed"
    broken.mkdir(parents=True)
    (broken / "AB999_Circuit_001_post.csv").write_text("Mode,Right_Knee\n1,2\n", encoding="utf-8")
    root = str(tmp_path / "store")
    work = [parse.Unit("hu", str(tree), patient) for patient in ("AB156", "AB999", "AB185")]
    assert parse.parse(client, root, work) == 1
    error = capsys.readouterr().err
    assert "hu" in error
    assert "AB999_Circuit_001_post.csv" in error
    assert "expected" in error
    assert [patient for _, patient in list_patients(root)] == ["hu-AB156", "hu-AB185"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["parse", "pipelines/configs/parse.yaml", "wrokers=3"], "did you mean 'workers'"),
        (["parse", "pipelines/configs/nowhere.yaml"], "no such configuration file"),
        (["parse", "pipelines/configs/parse.yaml", "sources.hu.raw=nowhere"], "hu: nowhere: found no such folder"),
        (["process", "pipelines/configs/process.yaml", "store=nowhere"], "nowhere: found no recordings"),
        (["process", "pipelines/configs/process.yaml", "cluster=mars"], "cluster: expected local, tcp://"),
    ],
)
def test_bad_commands_are_one_clear_error(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    name, file, *rest = arguments
    module = {"parse": parse, "process": process}[name]
    config = {"parse": parse.ParseConfig, "process": process.ProcessConfig}[name]
    monkeypatch.setattr("sys.argv", [name, str(Path(__file__).parents[2] / file), *rest])
    monkeypatch.chdir(tmp_path)
    assert command.main(config, module.run, module.__doc__) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_a_pipeline_tells_how_to_run_it(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["parse", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(parse.__file__, run_name="__main__")
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert "python -m pipelines.parse pipelines/configs/sources.yaml" in shown
    assert "Exit code 0: all done" in shown


def test_another_chain_configuration_does_not_overwrite(store: str, client: Client, tmp_path: Path, capsys) -> None:
    changed = tmp_path / "envelope.yaml"
    preset = Path(process.__file__).parents[1] / "biomech_xr" / "process" / "chains" / "presets" / "envelope.yaml"
    changed.write_text(preset.read_text(encoding="utf-8").replace("cutoff: 6", "cutoff: 8"), encoding="utf-8")
    assert changed.read_text(encoding="utf-8") != preset.read_text(encoding="utf-8")
    before = snapshot(store)
    assert process.process(lambda: client, store, ["falisse"], load_chain(changed)) == 1
    error = capsys.readouterr().err
    assert "falisse" in error
    assert "configurations" in error
    after = snapshot(store)
    assert {name: after[name] for name in before if "MANIFEST" not in name} == {
        name: content for name, content in before.items() if "MANIFEST" not in name
    }
    assert process.process(lambda: client, store, ["falisse"], load_chain("envelope")) == 0
    assert {name: found for name, found in snapshot(store).items() if name in before} == before


def test_info_counts_what_was_kept_and_rejected(store: str) -> None:
    summary = summarize(store)
    rows = {row["dataset"]: row for row in summary["recordings"]}
    assert {name: row["patients"] for name, row in rows.items()} == PEOPLE
    for row in summary["strides"]:
        assert row["state"] == "finished"
        assert row["strides"] + row["rejected"] == rows[row["dataset"]]["strides"]


def test_a_source_that_fails_stops_no_other_and_is_named(store: str, client: Client, capsys) -> None:
    assert process.process(lambda: client, store, ["nobody", "falisse"], load_chain("envelope")) == 1
    out, error = capsys.readouterr()
    assert "nobody" in error
    assert "falisse: 11 strides" in out


def test_a_unit_that_fails_in_a_strange_way_is_named(client: Client) -> None:
    results, failures = command.gather(client, "work", {"hu-AB156": client.submit(int, "x")}, str)
    assert results == []
    assert len(failures) == 1
    assert failures[0].startswith("hu-AB156: ValueError: ")


def test_an_interrupt_is_one_quiet_line(monkeypatch, capsys) -> None:
    def interrupted(_config: process.ProcessConfig) -> int:
        raise KeyboardInterrupt

    file = Path(__file__).parents[2] / "pipelines" / "configs" / "process.yaml"
    monkeypatch.setattr("sys.argv", ["process", str(file)])
    assert command.main(process.ProcessConfig, interrupted, "") == 130
    assert capsys.readouterr().err == "interrupted: nothing that was finished is lost; the same command goes on\n"
