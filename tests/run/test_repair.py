"""What is broken is made again to the same bytes, nothing intact is written, and what cannot be is named."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import dask
import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.parse import find_patients
from biomech_xr.process import load_chain
from biomech_xr.run import finish_strides, parse_patient, remaking, shard_work
from biomech_xr.run.remaking import RawFolder
from biomech_xr.run.repair import Repaired, repair_store
from biomech_xr.store import check_store, ledger, publish
from biomech_xr.synthetic import write
from biomech_xr.window.split import load_or_create
from tests.store.damaged import damage, keys_of, snapshot

DATASET = "embry"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write(DATASET, folder, patients=1, seed=0, minutes=0.2)
    return folder


@pytest.fixture(scope="module")
def made(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    for patient in find_patients(DATASET, raw):
        parse_patient(DATASET, str(raw), str(root), patient)
    work = shard_work(str(root), DATASET, load_chain("envelope"))
    dask.compute(*work.tasks, scheduler="synchronous")
    finish_strides(work)
    publish(str(root), "envelope", [DATASET])
    load_or_create(str(root), {"embry-AB01": {"embry-AB01"}})
    return root


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "store"))


def repair(store: Path, raw: Path | None = None) -> list[Repaired]:
    folders = {DATASET: RawFolder(folder=str(raw))} if raw else {}
    return list(repair_store(str(store), list(check_store(str(store))), raw=folders))


def problems(store: Path) -> list[str]:
    return [problem for unit in check_store(str(store)) for problem in unit.problems]


def find(store: Path, *words: str) -> str:
    return next(key for key in keys_of(store) if all(word in key for word in words))


def lose(store: Path, *keys: str) -> None:
    for key in keys:
        (store / key).unlink()


def repairable(store: Path) -> list[str]:
    return [key for key in keys_of(store) if not key.startswith("splits/")]


@pytest.mark.parametrize("seed", [1, 2])
def test_damage_everywhere_is_repaired_to_the_same_bytes(store: Path, made: Path, raw: Path, seed: int) -> None:
    whole, keys = snapshot(made), repairable(store)
    values = [key for key in keys if ".zarr/" in key]
    sealed = [key for key in keys if ".zarr/" not in key]
    rng = random.Random(seed)  # noqa: S311
    chosen = rng.sample(values, 20) + rng.sample(sealed, 2)
    damage(store, chosen, seed)
    before = {key: (store / key).stat().st_mtime_ns for key in keys_of(store) if key not in chosen}
    results = repair(store, raw)
    assert [one for one in results if not (one.done and one.how)] == []
    assert {one.key for one in results} == set(chosen)
    assert snapshot(store) == whole
    assert problems(store) == []
    assert {key: (store / key).stat().st_mtime_ns for key in before} == before


@pytest.mark.parametrize(
    "words",
    [
        (".finished.json",),
        ("ledger/part-", ".shard-"),
        ("strides/", "MANIFEST"),
        ("versions/", "000001.json"),
        ("versions/", ".zarr/zarr.json"),
        ("recordings/", "ledger/"),
        ("recordings/", "trials/zarr.json"),
    ],
    ids=lambda words: words[-1],
)
def test_what_intact_objects_prove_needs_no_raw_files(store: Path, made: Path, words: Sequence[str]) -> None:
    key = find(store, *words)
    lose(store, key)
    assert [(one.key, one.done) for one in repair(store)] == [(key, True)]
    assert snapshot(store) == snapshot(made)


def test_the_whole_ledger_of_a_part_is_made_again(store: Path, made: Path) -> None:
    lose(store, *(key for key in keys_of(store) if f"strides/envelope/{DATASET}/ledger/" in key))
    assert all(one.done for one in repair(store))
    assert snapshot(store) == snapshot(made)


def test_recordings_without_raw_files_are_named_with_the_command(store: Path) -> None:
    chunk, manifest = find(store, "recordings/", "emg/c/"), find(store, "strides/", "MANIFEST")
    lose(store, chunk, manifest)
    result = CliRunner().invoke(app, ["check", str(store), "--repair"])
    assert result.exit_code == 1
    assert f"NOT repaired: {chunk}" in result.output
    assert f"--raw {DATASET}=FOLDER" in result.output
    assert f"made again: {manifest}" in result.output
    assert [problem for problem in problems(store) if chunk not in problem] == []


def test_the_command_repairs_with_raw_files(store: Path, made: Path, raw: Path) -> None:
    lose(store, find(store, "recordings/", "emg/c/"))
    result = CliRunner().invoke(app, ["check", str(store), "--repair", "--raw", f"{DATASET}={raw}", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["problems"] == []
    assert [one["done"] for one in found["repaired"]] == [True]
    assert snapshot(store) == snapshot(made)
    for wrong in (["--raw", "nowhere"], ["--option", "embry.depth=1"]):
        assert CliRunner().invoke(app, ["check", str(store), *wrong]).exit_code == 2


def test_other_raw_files_repair_nothing(store: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = json.loads((store / find(store, "recordings/", "ledger/")).read_bytes())
    monkeypatch.setattr(remaking, "parse_patient", lambda *_, **__: {**entry, "fingerprint": "0" * 64})
    key = find(store, "recordings/", "emg/c/")
    lose(store, key)
    left = snapshot(store)
    (result,) = repair(store, raw)
    assert not result.done
    assert "another fingerprint" in result.how
    assert snapshot(store) == left


def test_a_pointer_is_not_made_again_without_its_catalogue(store: Path) -> None:
    pointer = find(store, "versions/", "000001.json")
    lose(store, pointer)
    catalogue = next(store.glob("versions/envelope/*.zarr"))
    catalogue.rename(catalogue.with_name("000001-0123456789ab.zarr"))
    (result,) = repair(store)
    assert (result.key, result.done) == (pointer, False)
    assert "no catalogue that matches" in result.how
    assert problems(store)


def test_a_split_is_not_made_again(store: Path) -> None:
    (store / "splits" / "default.json").write_text("{}")
    (result,) = repair(store)
    assert not result.done
    assert "copy" in result.how


def test_other_software_puts_back_what_comes_out_the_same(
    store: Path, made: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strides = [find(store, "strides/", "part-", ".zarr/zarr.json"), find(store, "strides/", "kinetics/c/")]
    recordings = [find(store, "recordings/", "ledger/"), find(store, "recordings/", "emg/c/")]
    lose(store, *strides, *recordings)
    monkeypatch.setattr(ledger, "software", lambda: {"biomech-xr": "9.9"})
    assert {one.key: one.done for one in repair(store, raw)} == dict.fromkeys([*strides, *recordings], True)
    assert snapshot(store) == snapshot(made)


def test_changed_processing_repairs_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = find(store, "strides/", "kinetics/c/")
    lose(store, chunk)

    def doubled(plan: object) -> list[object]:
        def twice(block: dict[str, object]) -> dict[str, object]:
            return {**block, "kinematics": 2 * block["kinematics"]}  # type: ignore[operator]

        return [dask.delayed(twice)(block) for block in real(plan)]

    real = remaking.shard_blocks
    monkeypatch.setattr(remaking, "shard_blocks", doubled)
    (result,) = repair(store)
    assert not result.done
    assert "come out differently" in result.how
    assert not (store / chunk).exists()
