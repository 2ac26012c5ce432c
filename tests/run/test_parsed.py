"""Nobody leaves a store's strides without a word: interrupted parses, lost ledger entries, bad files, other code."""

from __future__ import annotations

import shutil
from pathlib import Path

import dask
import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import DataFormatError, LostDataError
from biomech_xr.process import load_chain
from biomech_xr.run import ShardWork, finish_strides, parse_patient, shard_work
from biomech_xr.run.parse import parse_work
from biomech_xr.run.repair import repair_store
from biomech_xr.store import check_store, ledger, open_part, publish, read_version, summarize
from biomech_xr.store.copying import copy_store
from biomech_xr.store.layout import part_name, strides_url
from biomech_xr.store.objects import read_sealed
from biomech_xr.synthetic import write

CHAIN = load_chain("envelope")
OTHER = {**ledger.software(), "code": "0123456789ab"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the raw files of two people and a store of both, processed and published."""
    folder = tmp_path_factory.mktemp("two")
    write("hu", folder / "raw", patients=2, minutes=0.1)
    for patient in parse_work("hu", folder / "raw", str(folder / "store")).todo:
        parse_patient("hu", str(folder / "raw"), str(folder / "store"), patient)
    processed(str(folder / "store"))
    return folder


@pytest.fixture
def raw(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "raw", tmp_path / "raw"))


@pytest.fixture
def whole(made: Path, tmp_path: Path) -> str:
    return str(shutil.copytree(made / "store", tmp_path / "whole"))


def processed(root: str, **options: bool) -> ShardWork:
    work = shard_work(root, "hu", CHAIN, **options)
    dask.compute(*work.tasks, scheduler="synchronous")
    finish_strides(work)
    publish(root, "envelope", ["hu"])
    return work


def problems(root: str) -> list[str]:
    return [problem for unit in check_store(root) for problem in unit.problems]


def run(*command: str) -> str:
    return " ".join(CliRunner().invoke(app, list(command)).output.split())


def test_an_interrupted_parse_is_no_whole_source(raw: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    first, second = parse_work("hu", raw, root).todo
    parse_patient("hu", str(raw), root, first)
    with pytest.raises(LostDataError, match=rf"hu-{second} are in the plan of the parse and were not parsed.*partial"):
        shard_work(root, "hu", CHAIN)
    assert any(f"hu-{second}: planned and not parsed" in problem for problem in problems(root))
    work = processed(root, partial=True)
    assert work.parsed.missing == (f"hu-{second}",)
    part = open_part(strides_url(root, "envelope", "hu"), part=part_name(work.fingerprints[0]))
    assert part.head["attrs"]["not_parsed"] == {"failed": [], "missing": [f"hu-{second}"]}
    assert f"1: hu-{second}. Run parse again" in run("versions", root)
    assert [summarize(root)["recordings"][0][name] for name in ("patients", "failed", "unparsed")] == [1, 0, 1]
    assert summarize(root)["strides"][0]["state"] == "finished"
    assert parse_work("hu", raw, root, only=[first]).todo == []
    with pytest.raises(LostDataError, match=f"hu-{second}"):
        shard_work(root, "hu", CHAIN)


def test_a_lost_ledger_entry_makes_no_version_without_the_person(whole: str) -> None:
    lost = sorted(Path(whole).glob("recordings/hu/ledger/*.json"))[0]
    lost.unlink()
    for plan in (True, False):
        with pytest.raises(LostDataError, match=rf"{lost.stem} were processed before.*check --repair.*partial=true"):
            shard_work(whole, "hu", CHAIN)
        if plan:
            Path(whole, "recordings/hu/PLAN.json").unlink()
    assert processed(whole, partial=True).parsed.missing == (lost.stem,)


def test_bad_files_are_said_and_stop_nobody_else(raw: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    first, second = parse_work("hu", raw, root).todo
    good = {file: file.read_bytes() for file in raw.glob(f"{second}/**/*.csv")}
    for file in good:
        file.write_bytes(b"nothing\n")
    parse_patient("hu", str(raw), root, first)
    for _ in range(2):
        with pytest.raises(DataFormatError):
            parse_patient("hu", str(raw), root, second)
        verdict = read_sealed(Path(root, f"recordings/hu/ledger/hu-{second}.failed"))
        assert str(tmp_path) not in str(verdict)
    assert problems(root) == []
    assert any("cannot be parsed" in unit.leftover for unit in check_store(root))
    work = processed(root)
    assert (work.parsed.failed, work.parsed.missing) == ((f"hu-{second}",), ())
    assert summarize(root)["recordings"][0]["failed"] == 1
    copy_store(root, str(tmp_path / "copy"))
    assert problems(str(tmp_path / "copy")) == []
    for file, content in good.items():
        file.write_bytes(content)
    parse_patient("hu", str(raw), root, second)
    assert not list(Path(root).glob("recordings/hu/ledger/*.failed"))
    assert shard_work(root, "hu", CHAIN).parsed.failed == ()
    assert summarize(root)["strides"][0]["state"] == "finished, without 1 parsed since: run process"


def test_recordings_of_two_codes_are_said_and_made_of_one(raw: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    first, second = parse_work("hu", raw, root).todo
    parse_patient("hu", str(raw), root, first, software=OTHER)
    parse_patient("hu", str(raw), root, second)
    assert parse_work("hu", raw, root).other_code == [first]
    assert processed(root).parsed.codes == sorted([OTHER["code"], ledger.software()["code"]])
    assert OTHER["code"] in read_version(root, "envelope").recordings_software["code"]
    work = parse_work("hu", raw, root, same_code=True)
    assert (work.todo, work.done, work.other_code) == ([first], [second], [])
    assert parse_patient("hu", str(raw), root, first, same_code=True)["software"] == ledger.software()
    assert parse_work("hu", raw, root).other_code == []
    processed(root)
    assert read_version(root, "envelope").recordings_software == ledger.software()
    assert "code that parsed the recordings: 0123456789ab, " in run("diff", root, "1", "2")


@pytest.mark.parametrize("damage", ["deleted", "cut"])
def test_a_broken_plan_is_found_and_made_again_to_the_byte(whole: str, damage: str) -> None:
    plan = Path(whole, "recordings/hu/PLAN.json")
    content = plan.read_bytes()
    plan.unlink()
    if damage == "cut":
        plan.write_bytes(content[:-9])
        with pytest.raises(LostDataError, match=r"PLAN\.json: damaged"):
            shard_work(whole, "hu", CHAIN)
    checked = list(check_store(whole))
    assert [key for unit in checked for key in unit.broken] == ["recordings/hu/PLAN.json"]
    assert [one.done for one in repair_store(whole, checked)] == [True]
    assert plan.read_bytes() == content
    assert problems(whole) == []


def test_people_who_come_later_join_the_plan_and_those_who_leave_are_named(raw: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    first, second = sorted(path.name for path in raw.glob("AB*"))
    assert parse_work("hu", raw, root, only=[first]).todo == [first]
    assert read_sealed(Path(root, "recordings/hu/PLAN.json"))["people"] == [f"hu-{first}"]
    parse_work("hu", raw, root, only=[second])
    assert read_sealed(Path(root, "recordings/hu/PLAN.v2.json"))["people"] == [f"hu-{first}", f"hu-{second}"]
    shutil.rmtree(raw / second)
    assert parse_work("hu", raw, root).gone == [second]
    assert parse_work("hu", raw, root).gone == []
