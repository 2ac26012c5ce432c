"""`check_store` looks at every object: an intact store has no problem, and every kind of damage is named."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import NotAStoreError
from biomech_xr.store import check_store, write_patient
from biomech_xr.store.layout import part_ledger_url, patient_ledger_url, strides_url
from biomech_xr.store.objects import read_sealed, write_sealed
from biomech_xr.store.persons import PersonTable, save_table
from biomech_xr.window.split import load_or_create

from .damaged import damage, keys_of, restore, snapshot
from .samples import CHAIN, make_product, make_spec, make_trials

SPLIT = "splits/default.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    write_patient(str(root), make_spec(), make_trials(), config_hash="x")
    make_product("hu", strides=530, time=300, seed=0, phase=20).write(str(root))
    make_product("bacek", strides=20, time=300, seed=1, phase=20).write(str(root))
    people = {f"hu-AB{number:02d}": {f"hu-AB{number:02d}"} for number in range(8)}
    save_table(str(root), PersonTable(version=1, groups={"hu-AB01": "hu-AB00"}))
    load_or_create(str(root), people)
    return root


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "store"))


def broken(store: Path) -> set[str]:
    return {key for unit in check_store(str(store)) for key in unit.broken}


def problems(store: Path) -> list[str]:
    return [problem for unit in check_store(str(store)) for problem in unit.problems]


def leftovers(store: Path) -> dict[str, str]:
    return {unit.name: unit.leftover for unit in check_store(str(store)) if unit.leftover}


def test_an_intact_store_has_no_problem_and_every_object_is_looked_at(made: Path) -> None:
    units = list(check_store(str(made)))
    kinds = {unit.name.partition("/")[0] for unit in units}
    assert kinds == {"recordings", "strides", "versions", "people", "splits"}
    assert sum(unit.objects for unit in units) == len(keys_of(made))
    assert sum(unit.size for unit in units) == sum(len(data) for data in snapshot(made).values())
    assert not any(unit.problems or unit.leftover for unit in units)
    assert CliRunner().invoke(app, ["check", str(made)]).exit_code == 0


def test_a_hundred_damages_are_all_found_and_nothing_else(store: Path) -> None:
    whole = snapshot(store)
    rng = random.Random(6)  # noqa: S311
    groups: dict[str, list[str]] = {}
    for key in whole:
        groups.setdefault("sealed" if ".zarr/" not in key else "group", []).append(key)
    found = 0
    for seed in range(10):
        chosen = rng.sample(groups["group"], 8) + rng.sample(groups["sealed"], 2)
        damage(store, chosen, seed, traceless=[SPLIT])
        changed = {key for key in chosen if not (store / key).is_file() or (store / key).read_bytes() != whole[key]}
        texts = problems(store)
        assert changed == broken(store), seed
        assert all(any(key in text for text in texts) for key in changed)
        found += len(changed)
        restore(store, whole)
    assert found == 100
    assert problems(store) == []


@pytest.mark.parametrize(
    "kind", ["ledger/part", "finished", "shard-00001", "MANIFEST", "000001.json", "people", "hu-AB01"]
)
def test_a_lost_ledger_list_or_pointer_is_named(store: Path, kind: str) -> None:
    key = next(key for key in keys_of(store) if kind in key and ".zarr/" not in key)
    data = (store / key).read_bytes()
    (store / key).unlink()
    assert broken(store) == {key}
    (store / key).write_bytes(data[:-1])
    assert json.loads((store / key).read_bytes()) == json.loads(data)
    assert broken(store) == {key}


def test_everything_of_a_part_but_its_values_lost_is_named(store: Path) -> None:
    lost = {key for key in keys_of(store) if "strides/envelope/hu/ledger/" in key}
    for key in lost:
        (store / key).unlink()
    assert broken(store) == lost


def test_an_entry_of_another_name_or_another_part_is_no_entry(store: Path) -> None:
    entry = read_sealed(patient_ledger_url(str(store), "hu", "hu-AB01"))
    write_sealed(patient_ledger_url(str(store), "hu", "hu-AB01"), {**entry, "patient": "hu-AB02"})
    assert any("renamed" in problem for problem in problems(store))
    folder = strides_url(str(store), CHAIN, "hu")
    part = next(Path(folder).glob("part-*.zarr")).stem
    entry = read_sealed(part_ledger_url(folder, part))
    write_sealed(part_ledger_url(folder, part), {**entry, "fingerprint": "0" * 64})
    assert any("other data than the list" in problem for problem in problems(store))


def test_what_nothing_refers_to_is_no_damage_and_it_is_said_how_to_remove_it(store: Path) -> None:
    group = next(store.glob("strides/envelope/hu/part-*.zarr"))
    stray = group / "emg" / "c" / "99"
    stray.write_bytes(b"stray")
    attempt = store / "recordings" / "hu" / "hu-AB09.zarr"
    attempt.mkdir()
    shutil.copy(attempt.with_name("hu-AB01.zarr") / "zarr.json", attempt / "zarr.json")
    started = make_product("hu", strides=30, time=300, seed=9, phase=20).create(str(store))
    unread = store / "versions" / "envelope" / "000009-0123456789ab.zarr"
    (unread / "labels").mkdir(parents=True)
    (unread / "labels" / "zarr.json").write_text("{}")
    (store / "recordings" / "hu" / "ledger" / "hu-AB08.quarantined").write_text("{}")
    found = leftovers(store)
    assert problems(store) == []
    assert len(found) == 5
    assert "retry_quarantined" in found["recordings/hu/ledger/hu-AB08.quarantined"]
    assert "never read" in found[f"strides/envelope/hu/{group.stem}"]
    assert "died" in found["recordings/hu/hu-AB09.zarr"]
    assert "never finished" in found[f"strides/envelope/hu/part-{started['fingerprint'][:12]}"]
    assert "no version names" in found["versions/envelope/000009-0123456789ab.zarr"]
    result = CliRunner().invoke(app, ["check", str(store)])
    assert result.exit_code == 0
    assert result.output.count("nothing refers to") == 5


def test_the_command_lists_problems_and_fails(store: Path) -> None:
    chunk = max(store.glob("strides/envelope/hu/part-*.zarr/emg/c/*/*/*"), key=lambda path: path.stat().st_size)
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(bytes(data))
    result = CliRunner().invoke(app, ["check", str(store), "--json"])
    assert result.exit_code == 1
    (problem,) = json.loads(result.output)["problems"]
    assert "corrupted" in problem
    assert chunk.relative_to(store).as_posix() in problem


def test_an_empty_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="neither recordings nor strides"):
        list(check_store(str(tmp_path)))
