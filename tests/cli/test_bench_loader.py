"""`biomech-xr bench-loader`: what it measures, the local cache under a loader, and advice that follows from numbers."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import ConfigError
from biomech_xr.load import StrideWindows, speed
from biomech_xr.load.quality import OrderQuality, Spread, measure_order
from biomech_xr.store.reading import Part
from biomech_xr.store.remote import count_requests
from biomech_xr.window.lanes import LANES
from tests.load.stores import write_store

ELSEWHERE: Any = "memory://bench-loader"
SPREAD = Spread(total=4, mean=4.0, full=4.0, ratio=1.0)
PASS = speed.Pass(
    first=900,
    mixed=32,
    steps=1954,
    blocks=64,
    start=0.1,
    seconds=2.0,
    windows=1_000_000,
    size=10**10,
    waited=0.02,
    processor=3.0,
    requests=0,
    fetched=0,
)
PLACE = speed.Place(elsewhere=False, stored=4 * 10**9, limit=None, cores=2, world_size=2, global_batch=512)
QUALITY = OrderQuality(
    steps=9,
    global_batch=512,
    people=SPREAD,
    activities=SPREAD,
    strides=SPREAD,
    blocks=32.0,
    repeated=0.0,
    reading=1.0,
    amplification={1: 1.0, 2: 1.2, 4: 1.9, 5: 2.4, 8: 3.7},
    workers={2: 1.1, 4: 1.2},
)


@pytest.fixture(scope="module", autouse=True)
def stored() -> None:
    for dataset in ("hu", "va"):
        write_store(ELSEWHERE, dataset, {"a": 70, "b": 50}, seed=len(dataset))


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["bench-loader", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_a_second_epoch_from_the_cache_is_the_first_and_asks_for_nothing(tmp_path: Path) -> None:
    plain = list(StrideWindows(ELSEWHERE, global_batch=256, hop=4))
    kept = StrideWindows(ELSEWHERE, global_batch=256, hop=4, cache=tmp_path)
    for _ in range(2):
        with count_requests() as asked:
            found = list(kept)
        assert len(found) == len(plain) > 3
        for ours, theirs in zip(found, plain, strict=True):
            assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert asked.requests == 0
    anew = StrideWindows(ELSEWHERE, global_batch=256, hop=4, cache=tmp_path)
    with count_requests() as asked:
        assert len(list(anew)) == len(plain)
    assert asked.requests == 0


def test_it_measures_what_a_cache_changes(tmp_path: Path) -> None:
    found = json.loads(run(ELSEWHERE, "--global-batch", "64", "--steps", "20", "--cache", str(tmp_path), "--json"))
    first, again = found["passes"]
    assert first["requests"] > again["requests"] == 0
    assert again["fetched_mb"] == 0 < first["fetched_mb"] <= found["place"]["stored"] / 1e6 * 1.1
    for one in (first, again):
        assert one["windows_per_s"] * 13 * 200 * 4 < one["mb_per_s"] * 1e6
        assert 0 <= one["wait_share"] <= 1
        assert one["cpu_s_per_million"] > 0
    assert found["windows"] > 64 * 20
    assert set(found["read_amplification"]) == {"1", "2", "4", "8"}
    assert found["first"] == "cold"
    third = json.loads(run(ELSEWHERE, "--global-batch", "64", "--steps", "20", "--cache", str(tmp_path), "--json"))
    assert (third["first"], third["passes"][0]["fetched_mb"]) == ("cached", 0)
    other = run(ELSEWHERE, "--chain", "envelope", "--global-batch", "64", "--steps", "5", "--cache", str(tmp_path))
    assert "first pass, cached" in other
    assert "was not cold" in other
    assert found["advice"]
    assert found["peak_memory"] > 2**27


def test_an_epoch_that_a_cache_holds_in_part_is_not_called_cold(tmp_path: Path) -> None:
    words = (ELSEWHERE, "--global-batch", "64", "--steps", "5", "--cache", str(tmp_path), "--json")
    assert json.loads(run(*words))["first"] == "cold"
    for file in sorted(path for path in tmp_path.rglob("*") if path.parent.parent.parent == tmp_path)[::2]:
        file.unlink()
    found = json.loads(run(*words))
    assert found["passes"][0]["fetched_mb"] > 0
    assert found["first"] == "cache in use"
    assert json.loads(run(*words[:-3], "--json"))["first"] == "cold"


def test_ranks_and_lanes_that_were_asked_for_are_those_measured() -> None:
    words = (ELSEWHERE, "--global-batch", "192", "--steps", "2", "--json")
    found = json.loads(run(*words, "--world-size", "12", "--lanes", "1"))
    factors = found["read_amplification"]
    assert factors["12"] >= factors["8"] > 1
    assert not any("not computed" in line for line in found["advice"])
    usual = json.loads(run(*words, "--world-size", "96"))
    assert 1 <= float(found["order"][0].split()[-5]) < 2 < float(usual["order"][0].split()[-5]), "blocks in a step"
    assert usual["lanes"] == LANES
    assert "96" not in usual["read_amplification"]
    assert any("96 ranks" in line and "not computed" in line for line in usual["advice"])


def test_workers_that_make_steps_in_turn_read_nearly_every_block_each() -> None:
    """All blocks of this store but the last of a person are of one size, so bytes follow blocks."""
    windows = StrideWindows(ELSEWHERE, global_batch=64)
    order = windows._order()
    found = measure_order(windows, steps=20).workers
    whole = {block for step in range(20) for block in order.share(step).block.tolist()}
    for count, factor in found.items():
        own = [
            {block for step in range(worker, 20, count) for block in order.share(step).block.tolist()}
            for worker in range(count)
        ]
        assert (factor == pytest.approx(count)) == all(blocks == whole for blocks in own)
        assert 1 < factor <= count + 1e-9
    assert measure_order(windows, steps=1).workers == {2: 1.0, 4: 1.0}, "one step is one worker's"


def test_a_store_here_needs_no_cache_and_the_table_fits_100_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_store(tmp_path / "here", "hu", {"a": 30, "b": 30})
    monkeypatch.setenv("COLUMNS", "100")
    with caplog.at_level(logging.WARNING):
        text = run(str(tmp_path / "here"), "--global-batch", "64", "--steps", "5", "--cache", str(tmp_path / "fast"))
    assert "not used" in caplog.text
    assert "from the cache" not in text
    for words in ("windows/s", "waits for blocks", "CPU s per million windows", "peak memory", "order", "advice"):
        assert words in text
    lines = [line for line in text.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 100


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root of ten blocks, each of which lasts for about nine steps of 256 windows."""
    root = tmp_path_factory.mktemp("deep")
    write_store(root, "hu", {f"p{number}": 64 for number in range(10)})
    return root


def open_deep(root: Path, **options: Any) -> StrideWindows:
    return StrideWindows(root, **({"global_batch": 256, "window": 20, "history": "mask", "lanes": 1} | options))


def test_reading_that_is_too_slow_is_found_however_few_steps_are_asked_for(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of the first batch last for steps: what reads no other one says nothing of reading."""
    read = Part.read

    def slowly(part: Part, name: str, *values: Any, **options: Any) -> Any:
        time.sleep(0.3 * (name == "emg"))
        return read(part, name, *values, **options)

    monkeypatch.setattr(Part, "read", slowly)
    windows = open_deep(deep)
    found = speed.measure_pass(windows, 2)
    assert found.first == windows.steps_per_epoch // 2
    assert found.blocks >= 2 * found.mixed > 0
    assert found.steps > 2
    assert found.reads
    assert found.waiting > speed.MUCH_WAITING
    assert not speed.advise([found], QUALITY, PLACE)[0].startswith("reading")
    again = speed.measure_pass(windows, 2, again=found)
    assert (again.first, again.steps, again.blocks) == (found.first, found.steps, found.blocks)


def test_a_pass_ends_in_time_at_its_blocks_or_with_the_epoch(deep: Path) -> None:
    windows = open_deep(deep)
    assert speed.measure_pass(windows, 2, seconds=0).steps == 2
    whole = speed.measure_pass(windows, 10**6)
    assert (whole.first, whole.steps) == (0, windows.steps_per_epoch - 1)
    assert whole.mixed + whole.blocks == 10
    shallow = speed.measure_pass(open_deep(deep, lanes=32), 2)
    assert (shallow.first, shallow.mixed, shallow.steps, shallow.blocks, shallow.reads) == (0, 10, 2, 0, False)


def test_too_few_blocks_are_no_measure_of_reading() -> None:
    said = speed.advise([replace(PASS, blocks=31)], QUALITY, replace(PLACE, cores=16))
    assert "reading: not measured; 1,954 steps needed 31 blocks beyond the 32" in said[0]
    assert "2 workers use" not in said[1]
    assert speed.advise([replace(PASS, blocks=31, waited=1.0)], QUALITY, PLACE)[0].startswith("disk"), (
        "waited all the same"
    )
    found = json.loads(run(ELSEWHERE, "--global-batch", "64", "--steps", "5", "--json"))
    assert "not measured" in found["advice"][0]
    assert (found["passes"][0]["steps"], found["passes"][0]["blocks_per_step"]) == (5, 0)


def test_an_epoch_without_windows_says_where_they_went() -> None:
    with pytest.raises(ConfigError, match=r"found \d+, expected at least global_batch=1,024.*lost: .*emg_history"):
        run(ELSEWHERE, "--window", "815")


def test_an_epoch_of_one_step_cannot_be_measured() -> None:
    with pytest.raises(ConfigError, match="smaller global batch"):
        run(ELSEWHERE, "--global-batch", str(StrideWindows(ELSEWHERE, global_batch=1).windows))


def advice(changes: dict[str, Any], place: dict[str, Any] | None = None, **quality: Any) -> list[str]:
    last = replace(PASS, **changes)
    said = speed.advise([last], replace(QUALITY, **quality), replace(PLACE, **(place or {})))
    return [line.partition(":")[0] for line in said]


@pytest.mark.parametrize(
    ("waited", "place", "word"),
    [
        (0.02, {}, "reading"),
        (0.39, {"elsewhere": True}, "reading"),
        (0.41, {"elsewhere": True}, "cache"),
        (0.41, {"elsewhere": True, "limit": 10**9}, "cache"),
        (0.41, {"elsewhere": True, "limit": 5 * 10**9}, "disk"),
        (0.41, {}, "disk"),
        (0.41, {"cores": 1}, "cores"),
    ],
)
def test_what_is_waited_for_decides(waited: float, place: dict[str, Any], word: str) -> None:
    assert advice({"waited": waited}, place)[0] == word


def test_every_sentence_has_its_number() -> None:
    elsewhere = replace(PLACE, elsewhere=True)
    line = speed.advise([replace(PASS, waited=0.5)], QUALITY, elsewhere)[0]
    assert "25% of the time" in line
    assert "4 GB" in line
    small = speed.advise([replace(PASS, waited=0.5)], QUALITY, replace(elsewhere, limit=10**9))[0]
    assert "1 GB, raise cache_gb to the 4 GB" in small


def test_ranks_that_read_too_much_and_people_that_are_not_mixed_are_said() -> None:
    assert "global batch" not in advice({}, {"world_size": 4})
    for ranks in (5, 8, 16):
        assert "global batch" in advice({}, {"world_size": ranks})
    told = speed.advise([PASS], QUALITY, replace(PLACE, world_size=16))
    assert any("16 ranks" in line and "not computed" in line for line in told), "the figure of 8 is not that of 16"
    assert "lanes" not in advice({})
    assert "lanes" in advice({}, people=replace(SPREAD, ratio=2.5, mean=2.0))
    assert "lanes" not in advice({}, people=replace(SPREAD, ratio=2.5)), "all of them are in every step already"
    assert "lanes" not in advice({}, people=replace(SPREAD, ratio=float("nan")))


def test_workers_are_for_cores_that_are_idle_and_a_busy_machine_is_no_measure() -> None:
    assert advice({})[1] == "workers"
    assert "workers: 0;" in speed.advise([PASS], QUALITY, PLACE)[1]
    many = replace(PLACE, cores=16)
    assert "2 workers use" in speed.advise([PASS], QUALITY, many)[1]
    assert "workers: 0;" in speed.advise([replace(PASS, waited=0.3)], QUALITY, many)[1], "reading has nothing to spare"
    again = speed.advise([PASS], replace(QUALITY, workers={2: 1.98, 4: 3.9}), many)[1]
    assert "workers: 0;" in again
    assert "2 workers would read and decode 2.0 times" in again
    assert advice({"processor": 0.6})[1] == "measure again"
