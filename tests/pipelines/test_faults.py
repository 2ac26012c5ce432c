"""The faults in small: one person and one shard, no cluster; the full set is ``make chaos``."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from biomech_xr.errors import DataFormatError, StoreError
from biomech_xr.store import clients, list_patients, remote
from biomech_xr.store.objects import names
from biomech_xr.store.remote import count_requests
from biomech_xr.store.stopping import stop_retrying
from biomech_xr.testing.gcs import Faults, Rule
from pipelines import command, parse
from tests.buckets import GCS, SECOND, emulated_gcs, emulated_s3
from tests.chaos import faults
from tests.chaos.bench import Bench, contents
from tests.chaos.units import SOURCE, kill_at_puts, parse_unit, process_unit, run_forked


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with emulated_gcs() as gcs, emulated_s3() as s3:
        yield Bench(tmp_path_factory.mktemp("faults"), gcs, s3)


@pytest.fixture(scope="module")
def whole(bench: Bench) -> dict[str, str]:
    """Return the objects of an undisturbed store, on a local disk."""
    return made(bench, str(bench.folder / "whole"))


def made(bench: Bench, root: str) -> dict[str, str]:
    for unit in (parse_unit, process_unit):
        unit(str(bench.raw / SOURCE), root)
    return contents(root)


@pytest.mark.parametrize("kind", ["gs", "s3"])
def test_every_storage_holds_the_same_bytes(bench: Bench, whole: dict[str, str], kind: str) -> None:
    assert {key.partition("/")[0] for key in whole} == {"recordings", "strides", "versions"}
    assert made(bench, f"{GCS if kind == 'gs' else bench.s3}/same") == whole


@pytest.mark.parametrize("reader", ["obstore", pytest.param("fsspec", marks=pytest.mark.slow)])
def test_a_bad_network_changes_nothing(
    bench: Bench, whole: dict[str, str], reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOMECH_XR_READER", reader)
    rates = {"http_429": 0.02, "http_500": 0.01, "http_503": 0.02, "drop": 0.02, "truncate": 0.02, "lost_reply": 0.03}
    bench.gcs.faults = Faults(**rates, seed=3)
    with count_requests() as counted:
        for unit in (parse_unit, process_unit):
            unit(str(bench.raw / SOURCE), f"{GCS}/network-{reader}")
    injected, bench.gcs.faults = bench.gcs.injected, Faults()
    assert contents(f"{GCS}/network-{reader}") == whole
    assert {"drop", "lost_reply", "truncate"} <= injected.keys()
    assert counted.retries > 0 or reader == "fsspec"  # gcsfs sends again by itself


def test_a_request_that_stands_still_is_sent_again(
    bench: Bench, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "READ_TIMEOUT", 0.5)
    monkeypatch.setattr(clients, "WRITE_TIMEOUT", 0.5)
    stalls = [Rule(action="stall", kind=kind, nth=9, seconds=10.0) for kind in ("read", "write", "list", "stat")]
    bench.gcs.faults = Faults(rules=tuple(stalls))
    started = time.monotonic()
    for unit in (parse_unit, process_unit):
        unit(str(bench.raw / SOURCE), f"gs://{SECOND}/stalls")
    seconds = time.monotonic() - started
    stalled, bench.gcs.faults = bench.gcs.injected.get("stall", 0), Faults()
    assert contents(f"gs://{SECOND}/stalls") == whole
    assert stalled >= 3
    assert seconds < 10 * stalled


def test_a_kill_at_a_put_costs_that_unit_only(bench: Bench) -> None:
    row = kill_at_puts(bench, process_unit, every=20)
    assert row.survived, row
    assert row.runs >= 6


def test_what_is_not_allowed_or_not_there_is_one_line_at_once(bench: Bench) -> None:
    row = faults.refusals(bench, readers=("obstore",))
    assert row.survived, row


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root alone")
def test_a_full_disk_leaves_nothing_half_written(bench: Bench, whole: dict[str, str]) -> None:
    place = bench.folder / "disk"
    place.mkdir()
    faults.small_disk(place, "size=200k,mode=755")
    try:
        with pytest.raises(OSError, match="No space left on device"):
            made(bench, str(place / "store"))
        assert list_patients(str(place / "store")) == []
        faults.small_disk(place, "remount,size=40m")
        assert made(bench, str(place / "store")) == whole
    finally:
        faults.no_disk(place)


def test_sigterm_ends_a_pipeline_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stopped = []

    def run(_: parse.ParseConfig) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            stopped.append(True)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("sys.argv", ["parse", f"store={tmp_path}", "sources.hu.raw=raw"])
    assert command.main(parse.ParseConfig, run, "") == 143
    assert stopped == [True]
    assert capsys.readouterr().err == "interrupted: nothing that was finished is lost; the same command goes on\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_ends_a_pipeline_although_the_storage_is_away(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Future[bytes]] = []

    def run(_: parse.ParseConfig) -> int:
        with ThreadPoolExecutor(2) as pool:
            waiting.extend(pool.submit(remote.fetch, f"{GCS}/away/{number}") for number in range(4))
            time.sleep(1.5)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        return 0

    bench.gcs.faults = Faults(rules=(Rule(action="http_503", match="*/away/*", count=None),))
    monkeypatch.setattr("sys.argv", ["parse", f"store={tmp_path}", "sources.hu.raw=raw"])
    started = time.monotonic()
    try:
        assert command.main(parse.ParseConfig, run, "") == 143
    finally:
        stop_retrying(asked=False)
        bench.gcs.faults = Faults()
    assert time.monotonic() - started < 15
    for future in waiting:
        with pytest.raises(StoreError, match="given up, because this process is being stopped"):
            future.result()


def test_a_file_that_kills_its_reader_is_put_into_quarantine_until_it_changes(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, root, log = tmp_path / "raw", str(tmp_path / "store"), tmp_path / "deaths"
    shutil.copytree(bench.raw / SOURCE, raw)
    file = next(raw.glob("**/*.mat"))
    log.touch()
    kills = {"PYTHONPATH": str(faults.POISON), "BIOMECH_XR_POISON": file.name, "BIOMECH_XR_POISON_LOG": str(log)}
    first = str(faults.POISON / "sitecustomize.py")
    assert run_forked(parse_unit, str(raw), root, kills, first=first) == -signal.SIGSEGV
    assert list_patients(root) == []
    for name, value in kills.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        with pytest.raises(DataFormatError, match=rf"{SOURCE}: .*{file.name}.*died 2 times \(SIGSEGV\).*quarantine"):
            parse_unit(str(raw), root)
        assert len(log.read_text().splitlines()) == 3
    ledger = f"{root}/recordings/{SOURCE}/ledger"
    patient = names(ledger)[0].removesuffix(".quarantined")
    assert names(ledger) == [f"{patient}.quarantined"]
    assert list_patients(root) == []
    monkeypatch.delenv("BIOMECH_XR_POISON")
    file.write_bytes(b"corrected".ljust(20) + file.read_bytes()[20:])  # the free text at the start
    parse_unit(str(raw), root)
    assert names(ledger) == [f"{patient}.json"]
    assert list_patients(root) == [(SOURCE, patient)]


def test_a_mark_of_somebody_who_is_in_the_store_is_removed(bench: Bench, tmp_path: Path) -> None:
    raw, root = str(bench.raw / SOURCE), str(tmp_path)
    parse_unit(raw, root)
    entry = next((tmp_path / "recordings" / SOURCE / "ledger").iterdir())
    entry.with_suffix(".trying").write_bytes(entry.read_bytes())
    parse_unit(raw, root)
    assert names(str(entry.parent)) == [entry.name]
