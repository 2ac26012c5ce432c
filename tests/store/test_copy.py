"""A copy is the same byte for byte, goes on where it stopped, and is never half of a version for a reader."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store import check_store, copying, list_versions, open_strides, write_patient
from biomech_xr.store.copying import copy_store
from biomech_xr.store.objects import read_bytes, sizes
from biomech_xr.store.persons import PersonTable, save_table
from tests.store.copies import stopped

from .damaged import keys_of, snapshot
from .samples import CHAIN, make_product, make_spec, make_trials


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("from")
    write_patient(str(root), make_spec(), make_trials(), config_hash="x")
    make_product("hu", strides=20, time=300, seed=0, phase=20).write(str(root))
    make_product("bacek", strides=12, time=300, seed=1, phase=20).write(str(root))
    save_table(str(root), PersonTable(version=1, groups={"hu-AB01": "hu-AB00"}))
    return root


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "from"))


@pytest.fixture
def memory() -> Iterator[str]:
    name = f"/copy-{uuid.uuid4().hex}"
    yield f"memory:/{name}"
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


def problems(root: object) -> list[str]:
    return [problem for unit in check_store(str(root)) for problem in (*unit.problems, unit.leftover) if problem]


def test_there_and_back_is_the_same_and_a_rerun_copies_nothing(made: Path, memory: str, tmp_path: Path) -> None:
    whole = snapshot(made)
    there = copy_store(str(made), memory)
    assert {key: read_bytes(f"{memory}/{key}") for key in sizes(memory)} == whole
    assert (there.written, there.written_size) == (len(whole), sum(map(len, whole.values())))
    assert problems(memory) == []
    back = tmp_path / "back"
    copy_store(memory, str(back))
    assert snapshot(back) == whole
    again = copy_store(str(made), memory)
    assert (again.written, again.there, again.there_size) == (0, len(whole), there.written_size)


def test_what_nothing_refers_to_stays_behind(source: Path, made: Path, tmp_path: Path) -> None:
    next(source.glob("strides/envelope/hu/part-*.zarr/emg/c")).joinpath("99").write_bytes(b"stray")
    copy_store(str(source), str(tmp_path / "to"))
    assert snapshot(tmp_path / "to") == snapshot(made)


def test_a_rerun_copies_what_is_missing_or_damaged_alone(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "to"
    copy_store(str(made), str(target))
    chunks = [key for key in keys_of(target) if "/kinetics/c/" in key]
    (target / chunks[0]).unlink()
    (target / chunks[1]).write_bytes((target / chunks[1]).read_bytes()[:-1])
    pointer = target / "versions" / CHAIN / "000001.json"
    pointer.write_text("{")
    before = {key: (target / key).stat().st_mtime_ns for key in keys_of(target)}
    done = copy_store(str(made), str(target))
    assert done.written == 3
    assert snapshot(target) == snapshot(made)
    after = {key: (target / key).stat().st_mtime_ns for key in keys_of(target)}
    changed = {key for key in after if before.get(key) != after[key]}
    assert changed == {chunks[0], chunks[1], f"versions/{CHAIN}/000001.json"}


def test_a_reader_never_sees_a_version_whose_parts_are_not_there(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, whole = tmp_path / "to", keys_of(made)
    pointers = [key for key in whole if key.startswith("versions/") and ".zarr/" not in key]
    put = copying.put_verified

    def watched(url: str, data: bytes, **how: bool) -> None:
        if url.rsplit("/", 1)[-1] in ("000001.json", "000002.json"):
            assert set(keys_of(target)) >= set(whole) - set(pointers)
        if url.endswith(".finished.json"):
            part = url.rsplit("/", 1)[-1].removesuffix(".finished.json")
            assert {key for key in whole if f"{part}.zarr/" in key} <= set(keys_of(target))
        put(url, data, **how)

    monkeypatch.setattr(copying, "put_verified", watched)
    copy_store(str(made), str(target))
    assert snapshot(target) == snapshot(made)


@pytest.mark.parametrize("stop", [0, 1, 40, 150])
def test_a_copy_that_was_stopped_goes_on(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    target = tmp_path / "to"
    stopped(made, target, stop, monkeypatch)
    assert list_versions(str(target), CHAIN) == []
    done = copy_store(str(made), str(target))
    assert done.there == stop
    assert done.written == len(keys_of(made)) - stop
    assert snapshot(target) == snapshot(made)


def test_another_store_at_the_target_is_named_and_left_alone(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "to"
    make_product("hu", strides=15, time=300, seed=7, phase=20).write(str(target))
    before = snapshot(target)
    with pytest.raises(OccupiedError, match=r"hu/MANIFEST\.json"):
        copy_store(str(made), str(target))
    assert snapshot(target) == before


def test_another_object_under_a_name_of_ours_is_refused(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "to"
    part = next(made.glob("strides/envelope/hu/part-*.zarr"))
    key = next(part.glob("emg_scale/c/*/*")).relative_to(made)
    (target / key).parent.mkdir(parents=True)
    other = next(part.glob("kinetics_coverage/c/*/*/*"))
    shutil.copy(other, target / key)
    with pytest.raises(OccupiedError, match=f"{key}: another object"):
        copy_store(str(made), str(target))
    assert (target / key).read_bytes() == other.read_bytes()
    assert list_versions(str(target), CHAIN) == []


def test_a_damaged_source_makes_no_version(source: Path, tmp_path: Path) -> None:
    chunk = next(source.glob("strides/envelope/hu/part-*.zarr/kinetics/c/*/*/*/*"))
    data = bytearray(chunk.read_bytes())
    data[-9] ^= 4
    chunk.write_bytes(bytes(data))
    with pytest.raises(LostDataError, match=r"kinetics/c/.*corrupted.*--repair"):
        copy_store(str(source), str(tmp_path / "to"))
    assert list_versions(str(tmp_path / "to"), CHAIN) == []
    assert not list((tmp_path / "to").glob("strides/*/*/ledger/*.finished.json"))
    next(source.glob("strides/envelope/hu/MANIFEST.json")).unlink()
    with pytest.raises(LostDataError, match="MANIFEST"):
        copy_store(str(source), str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_what_grew_since_is_added(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "to"
    copy_store(str(source), str(target))
    make_product("camargo", strides=9, time=300, seed=4, phase=20).write(str(source))
    done = copy_store(str(source), str(target))
    assert 0 < done.written < done.there
    assert snapshot(target) == snapshot(source)
    assert list_versions(str(target), CHAIN) == [1, 2, 3]


def test_one_source_and_one_version_open_and_are_whole(made: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    done = copy_store(str(made), str(one), datasets=["bacek"])
    assert done.published == [f"version 1 of chain {CHAIN}"]
    assert problems(one) == []
    assert open_strides(str(one)).sizes["stride"] == 12
    version = tmp_path / "version"
    copy_store(str(made), str(version), version=1)
    assert problems(version) == []
    assert open_strides(str(version)).sizes["stride"] == 20
    assert not (version / "recordings").exists()
    whole = snapshot(made)
    assert all(whole.get(key) == data for key, data in snapshot(version).items() if "MANIFEST" not in key)


def test_what_is_not_there_is_refused(made: Path, tmp_path: Path) -> None:
    for wrong, message in (({"datasets": ["nobody"]}, "nobody.*found bacek, hu"), ({"version": 7}, "found: 1, 2")):
        with pytest.raises(NotAStoreError, match=message):
            copy_store(str(made), str(tmp_path / "to"), **wrong)
    with pytest.raises(NotAStoreError, match="nothing of ours"):
        copy_store(str(tmp_path), str(tmp_path / "to"))


def test_the_command_says_what_it_did(made: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["copy", str(made), str(tmp_path / "to"), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["written"] == len(keys_of(made))
    result = CliRunner().invoke(app, ["copy", str(made), str(tmp_path / "to")])
    assert f"{len(keys_of(made))} there already" in result.output
