"""A store that lost a ledger entry or a pointer is not copied as if whole; a copy on its way and damage are named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import LostDataError, NotAStoreError
from biomech_xr.store import check_store, open_recordings, open_strides, write_patient
from biomech_xr.store.copying import copy_store
from biomech_xr.store.persons import PersonTable, save_table
from biomech_xr.store.usage import usage
from tests.store.copies import stopped

from .samples import CHAIN, make_product, make_spec, make_trials


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("from")
    write_patient(str(root), make_spec(), make_trials(), config_hash="x")
    make_product("hu", strides=20, time=300, seed=0, phase=20).write(str(root))
    make_product("bacek", strides=12, time=300, seed=1, phase=20).write(str(root))
    for number in (1, 2):
        save_table(str(root), PersonTable(version=number, groups={"hu-AB01": f"hu-AB0{number}"}))
    return root


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "from"))


@pytest.mark.parametrize(
    "key",
    [
        "recordings/hu/ledger/hu-AB01.json",
        f"versions/{CHAIN}/000001.json",
        f"versions/{CHAIN}/000002.json",
        "people/table-00001.json",
    ],
)
def test_a_copy_refuses_what_a_check_of_the_source_names(source: Path, tmp_path: Path, key: str) -> None:
    (source / key).unlink()
    assert key in {broken for unit in check_store(str(source)) for broken in unit.broken}
    with pytest.raises(LostDataError, match=re.escape(f"{source}/{key}: found nothing, expected")):
        copy_store(str(source), str(tmp_path / "to"))
    assert not (tmp_path / "to").exists()
    assert usage(str(source))["units"]


def test_what_another_source_lost_is_no_matter(source: Path, tmp_path: Path) -> None:
    (source / "recordings/hu/ledger/hu-AB01.json").unlink()
    (source / f"versions/{CHAIN}/000001.json").unlink()
    copy_store(str(source), str(tmp_path / "to"), datasets=["bacek"])
    assert open_strides(str(tmp_path / "to")).sizes["stride"] == 12


@pytest.mark.parametrize("after", [1, 60, 150])
def test_a_copy_on_its_way_says_that_it_is_one(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    target = str(tmp_path / "to")
    stopped(made, tmp_path / "to", after, monkeypatch)
    with pytest.raises(NotAStoreError, match=r"copy to here .* not finished: run `biomech-xr copy` again"):
        open_strides(target)
    run = CliRunner().invoke(app, ["versions", target])
    assert "copy to here" in str(run.exception)
    if not list((tmp_path / "to").glob("recordings/hu/ledger/*")):
        with pytest.raises(NotAStoreError, match="copy to here"):
            open_recordings(target)
    units = list(check_store(target))
    assert [unit.problems for unit in units if unit.name == "copying.json"] != []
    copy_store(str(made), target)
    assert open_strides(target).sizes["stride"] == 32
    assert not any(unit.problems for unit in check_store(target))


def test_nothing_of_ours_is_said_without_a_name(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match=r"^[^;]*: found nothing of ours to copy\. Check the URL\.$"):
        copy_store(str(tmp_path), str(tmp_path / "to"))


def test_a_damaged_version_is_listed_beside_the_others(source: Path) -> None:
    pointer = source / "versions" / CHAIN / "000001.json"
    pointer.write_bytes(pointer.read_bytes()[:-9])
    run = CliRunner().invoke(app, ["versions", str(source), "--json"])
    rows = json.loads(run.stdout)
    assert run.exit_code == 1
    assert [bool(row["damaged"]) for row in rows] == [True, False]
    assert rows[1]["strides"] == 32
    run = CliRunner().invoke(app, ["versions", str(source)])
    assert run.exit_code == 1
    assert re.search(r"1 +│ damaged", run.stdout)
    assert "000001.json: damaged. Run `biomech-xr check --repair`" in run.stderr
