"""One damaged transfer of an intact store is neither reported as damage nor acted on; a stall and a bad page pass."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import StoreError
from biomech_xr.run.repair import repair_store
from biomech_xr.store import Checked, clients, connections, finish, remote, write_patient
from biomech_xr.store.copying import copy_store
from biomech_xr.store.look import Look
from biomech_xr.store.objects import join, names, read_bytes, remove_tree, sizes
from biomech_xr.store.repeated import READS
from biomech_xr.store.rereading import is_same, read_intact, read_settled
from biomech_xr.testing.gcs import Faults, GcsEmulator, Rule

from .samples import CHAIN, make_product, make_spec, make_trials
from .test_remote import emulator, gcs, root  # noqa: F401 (fixtures)

ENTRY = "recordings/hu/ledger/hu-AB01.json"


@pytest.fixture
def store(gcs: GcsEmulator, root: str) -> Iterator[str]:  # noqa: F811
    """Return a small intact store in a bucket whose emulator has no faults yet."""
    write_patient(root, make_spec(), make_trials()[:1], config_hash="x")
    make_product("hu", strides=5, time=260, seed=1, phase=3).write(root)
    gcs.reset()
    yield root
    gcs.faults = Faults()


def damaged_twice(keys: Iterable[str]) -> Faults:
    """Return faults that damage the first two transfers of every object, of which readers make three."""
    return Faults(rules=tuple(Rule(action="corrupt", kind="read", match=f"*/{key}", count=READS - 1) for key in keys))


def test_a_check_believes_damage_that_comes_again_alone(gcs: GcsEmulator, store: str) -> None:  # noqa: F811
    keys = list(sizes(store))
    gcs.faults = damaged_twice(keys)
    run = CliRunner().invoke(app, ["check", store, "--repair"])
    assert gcs.injected["corrupt"] >= len(keys)
    assert (run.exit_code, gcs.requests.by_kind.get("write", 0)) == (0, 0), run.output


def test_a_copy_survives_damage_on_the_way(gcs: GcsEmulator, store: str) -> None:  # noqa: F811
    whole = {key: read_bytes(join(store, key)) for key in sizes(store)}
    for _ in range(2):  # a first copy, and one that compares what is there already
        gcs.reset()
        gcs.faults = damaged_twice(whole)
        copy_store(store, f"{store}-copy")
        assert gcs.injected["corrupt"] >= len(whole)
    gcs.faults = Faults()
    assert {key: read_bytes(join(f"{store}-copy", key)) for key in sizes(f"{store}-copy")} == whole


def test_a_repair_reads_once_more_before_it_writes(gcs: GcsEmulator, store: str) -> None:  # noqa: F811
    unit = "strides/" + "/".join((CHAIN, "hu"))
    key = f"{unit}/MANIFEST.json"
    before = read_bytes(join(store, key))
    gcs.reset()
    done = list(repair_store(store, [Checked(name=unit, objects=1, size=1, broken=(key,))]))
    assert [(one.key, one.done, one.written) for one in done] == [(key, True, False)]
    assert gcs.requests.by_kind.get("write", 0) == 0
    assert not Look(store).replace(ENTRY, b"made of something else")
    remote.put(join(store, key), before[:-5])
    assert Look(store).replace(key, before)
    assert read_bytes(join(store, key)) == before


def test_damage_is_believed_after_three_transfers(gcs: GcsEmulator, store: str) -> None:  # noqa: F811
    url = join(store, ENTRY)
    whole = read_bytes(url)
    for times in (1, 2, 3):
        gcs.reset()
        gcs.faults = Faults(seed=times, rules=(Rule(action="corrupt", kind="read", match=f"*{ENTRY}", count=times),))
        assert is_same(url, whole) == (times < 3)
    gcs.faults = Faults(rules=(Rule(action="corrupt", kind="read", match=f"*{ENTRY}"),))
    assert read_settled(url) == whole
    gcs.reset()
    gcs.faults = Faults()
    assert read_intact(url, lambda _: "always") == whole
    assert gcs.requests.by_kind["read"] == 3


def test_a_page_that_fails_is_asked_for_again_alone(
    gcs: GcsEmulator,  # noqa: F811
    root: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "PAGE", 10)
    keys = [f"f/é {number:03d}.json" for number in range(95)]
    for key in keys:
        remote.put(join(root, key), b"x")
    gcs.reset()
    gcs.faults = Faults(seed=2, http_503=0.1, http_429=0.1, drop=0.1, truncate=0.1)
    assert list(sizes(root)) == keys
    assert gcs.requests.by_kind["list"] <= 40


def test_a_storage_that_lists_from_the_start_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        remote = True

        def page(self, *_: str) -> tuple[dict[str, int], bool]:
            return {"a": 1}, True

    monkeypatch.setattr(remote, "client_of", lambda url: (Stuck(), url))
    with pytest.raises(StoreError, match="does not go on after 'a'"):
        sizes("gs://b/x")


@pytest.mark.parametrize("kind", ["list", "delete"])
def test_a_removal_that_stalls_is_given_up_and_done_again(
    gcs: GcsEmulator,  # noqa: F811
    root: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setattr(clients, "READ_TIMEOUT", 0.4)
    monkeypatch.setattr(clients, "WRITE_TIMEOUT", 0.4)
    connections.forget()
    for key in ("a/x", "b/x", "zarr.json"):
        remote.put(join(root, key), b"x")
    gcs.reset()
    gcs.faults = Faults(rules=(Rule(action="stall", kind=kind, seconds=20),))
    started = time.monotonic()
    remove_tree(root)
    assert gcs.injected["stall"] == 1
    assert time.monotonic() - started < 10
    assert names(root) == []
    connections.forget()


def test_a_part_is_finished_though_its_metadata_come_damaged_once(gcs: GcsEmulator, root: str) -> None:  # noqa: F811
    product = make_product("hu", strides=5, time=260, seed=1, phase=3)
    entry = product.create(root)
    product.write_shard(root, 0, entry)
    gcs.reset()
    gcs.faults = Faults(rules=(Rule(action="corrupt", kind="read", match="*/emg/zarr.json"),))
    finish(root, CHAIN, "hu", [entry["fingerprint"]])
    assert gcs.injected["corrupt"] == 1
