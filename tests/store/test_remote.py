"""Requests that fail: sent again, or said at once; never believed when they are short. Both clients, real sockets."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from biomech_xr.errors import (
    ConfigError,
    LostDataError,
    MissingDependencyError,
    NotAStoreError,
    OccupiedError,
    StoreError,
)
from biomech_xr.store import clients, connections, open_part, open_strides, remote
from biomech_xr.store.layout import strides_url
from biomech_xr.store.objects import exists, join, names, read_json, remove_tree, sizes, sizes_of, write_json
from biomech_xr.testing.gcs import Faults, GcsEmulator, Rule
from tests.store.samples import CHAIN, make_product

INSTALLED = importlib.util.find_spec("obstore") is not None
READERS = ["fsspec", pytest.param("obstore", marks=pytest.mark.skipif(not INSTALLED, reason="obstore not installed"))]


@pytest.fixture(scope="module")
def emulator() -> Iterator[GcsEmulator]:
    with GcsEmulator(forbidden=["biomech/secret/*"]) as gcs:
        yield gcs


@pytest.fixture(params=READERS)
def gcs(
    emulator: GcsEmulator, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GcsEmulator]:
    """Return an emulator without faults that a client of this name speaks to."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
    monkeypatch.setenv(connections.SETTING, request.param)
    monkeypatch.setattr(remote, "_FIRST_WAIT", 0.01)
    if request.param == "fsspec":
        monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        impatient = SimpleNamespace(sleep=lambda _: asyncio.sleep(0.01))
        monkeypatch.setattr("gcsfs.retry.asyncio", impatient)
    emulator.faults = Faults()
    emulator.reset()
    yield emulator
    emulator.faults = Faults()


@pytest.fixture
def root(gcs: GcsEmulator, request: pytest.FixtureRequest) -> str:
    return f"gs://biomech/{request.node.name.replace('[', '-').rstrip(']')}"


def test_objects_are_written_listed_and_removed(root: str) -> None:
    url = join(root, "a folder", "é ü.json")
    assert (names(root), sizes(root), exists(root), exists(url)) == ([], {}, False, False)
    write_json(url, {"a": 1}, create_only=True)
    write_json(url, {"a": 1}, create_only=True)
    with pytest.raises(OccupiedError, match="never replaced"):
        write_json(url, {"a": 2}, create_only=True)
    assert read_json(url) == {"a": 1}
    write_json(url, {"a": 22})
    assert read_json(url) == {"a": 22}
    assert names(root) == ["a folder"]
    assert exists(root)
    assert exists(url)
    assert sizes(root) == sizes_of(root, ["a folder/é ü.json", "none"]) == {"a folder/é ü.json": 13}
    assert remote.fetch(url, 2, 5) == b' "a'
    assert remote.fetch(url, 10, 99) == b"\n}\n"
    assert remote.fetch(url, 99, 199) == b""
    with pytest.raises(NotAStoreError, match="no such object"):
        read_json(join(root, "none.json"))
    write_json(join(root, "zarr.json"), 1)
    remove_tree(join(root, "none"))
    remove_tree(root)
    assert sizes(root) == {}


def test_a_lost_reply_to_a_create_only_put_is_recognized(gcs: GcsEmulator, root: str) -> None:
    for number in (1, 2):
        gcs.faults = Faults(rules=(Rule(action="lost_reply", kind="write"),))
        write_json(join(root, f"{number}.json"), number, create_only=True)
        assert gcs.injected["lost_reply"] == 1
    with pytest.raises(OccupiedError):
        write_json(join(root, "1.json"), 2, create_only=True)


@pytest.mark.parametrize("action", ["http_429", "http_503", "drop", "truncate"])
def test_a_request_that_fails_is_sent_again(gcs: GcsEmulator, root: str, action: str) -> None:
    url = join(root, "a.json")
    write_json(url, list(range(500)))
    gcs.faults = Faults(rules=(Rule(action=action, match="*a.json", count=2),))
    assert read_json(url) == list(range(500))


def test_a_stalled_request_is_given_up_and_sent_again(
    gcs: GcsEmulator, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "READ_TIMEOUT", 0.4)
    connections.forget()
    url = join(root, "a.json")
    write_json(url, list(range(500)))
    gcs.faults = Faults(rules=(Rule(action="stall", kind="read", seconds=20),))
    started = time.monotonic()
    assert read_json(url) == list(range(500))
    assert 0.3 < time.monotonic() - started < 10
    connections.forget()


def test_a_refusal_is_said_at_once_in_one_line(gcs: GcsEmulator) -> None:
    started = time.monotonic()
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("gs://biomech/secret/a.json: no permission", lambda: read_json("gs://biomech/secret/a.json")),
        ("gs://biomech/secret/a.json: no permission", lambda: write_json("gs://biomech/secret/a.json", 1)),
        ("gs://no-bucket/a.json: .*no such bucket", lambda: write_json("gs://no-bucket/a.json", 1)),
        ("gs://no-bucket/a.json: no such object", lambda: read_json("gs://no-bucket/a.json")),
        ("gs://no-bucket/", lambda: open_strides("gs://no-bucket/store")),
    ]
    for message, attempt in attempts:
        before = gcs.requests.total
        with pytest.raises(StoreError, match=f"^{message}") as raised:
            attempt()
        assert "\n" not in str(raised.value)
        assert gcs.requests.total - before <= 4
    assert time.monotonic() - started < 5


def test_a_store_opens_in_few_requests_and_survives_faults(gcs: GcsEmulator, root: str) -> None:
    product = make_product("hu", strides=70, time=300, seed=3, phase=20)
    gcs.faults = Faults(seed=3, http_503=0.04, http_429=0.01, drop=0.02, truncate=0.02, lost_reply=0.01)
    product.write(root)
    assert sum(gcs.injected.values()) > 5
    gcs.faults = Faults()
    gcs.reset()
    with remote.count_requests() as counted:
        opened = open_strides(root)
    assert counted.requests <= gcs.requests.total <= 15
    twice = Rule(action="corrupt", kind="read", each=True, count=2)  # the first two transfers of every object
    gcs.faults = Faults(seed=4, http_503=0.1, drop=0.1, truncate=0.1, rules=(twice,))
    np.testing.assert_array_equal(opened["kinetics"].values, product.block["kinetics"])
    part = open_part(strides_url(root, CHAIN, "hu"))
    assert len(part.rejected) == 1
    for name in part.variables:
        part.read(name, 0, 70)
    assert gcs.injected["corrupt"] > len(part.variables)


def test_damage_at_rest_is_found_in_a_bucket_too(gcs: GcsEmulator, root: str) -> None:
    product = make_product("hu", strides=5, time=260, seed=3, phase=3)
    product.write(root)
    part = open_part(strides_url(root, CHAIN, "hu"))
    for name, change, problem in (
        ("kinetics", lambda data: data[:-3], "found .* bytes, expected"),
        ("kinematics", lambda data: data[:90] + bytes([data[90] ^ 1]) + data[91:], "corrupted"),
    ):
        url = join(part.url, next(key for key in part.manifest["objects"] if key.startswith(f"{name}/c/")))
        remote.put(url, change(remote.fetch(url)))
        with pytest.raises(LostDataError, match=f"{name}/c/0/0/0/0: .*{problem}"):
            part.read(name, 0, 5)


class Scripted:
    """A client whose requests fail as told, one after the other, then succeed."""

    remote = True

    def __init__(self, *answers: Exception | bytes) -> None:
        self.answers = list(answers)
        self.asked = 0

    def read(self, *_: object) -> bytes:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scripted]:
    def use(*answers: Exception | bytes) -> Scripted:
        client = Scripted(*answers)
        monkeypatch.setattr(remote, "client_of", lambda url: (client, url))
        monkeypatch.setattr(remote, "_FIRST_WAIT", 0.001)
        return client

    return use


@pytest.mark.parametrize("text", [b"{", b"\xff"])
def test_a_reply_of_the_storage_itself_that_comes_damaged_is_asked_for_again(
    scripted: Callable[..., Scripted], text: bytes
) -> None:
    """A client that cannot read a listing says that it is no JSON: that is no refusal."""
    with pytest.raises(ValueError) as damaged:  # noqa: PT011
        json.loads(text)
    client = scripted(damaged.value, b"12345")
    assert remote.fetch("gs://b/a", 0, 5) == b"12345"
    assert client.asked == 2


def test_requests_retries_and_bytes_are_counted(scripted: Callable[..., Scripted]) -> None:
    scripted(TimeoutError(), ConnectionResetError("gone"), b"12345")
    with remote.count_requests() as outer:
        with remote.count_requests() as inner:
            assert remote.fetch("gs://b/a", 0, 5) == b"12345"
        remote.fetch("gs://b/a", 0, 5)
    assert (inner.requests, inner.retries, inner.read) == (3, 2, 5)
    assert (outer.requests, outer.retries, outer.read) == (4, 2, 10)
    remote.fetch("gs://b/a", 0, 5)
    assert outer.requests == 4


def test_a_short_body_is_fetched_again_before_it_is_believed(scripted: Callable[..., Scripted]) -> None:
    client = scripted(b"123", b"12345")
    assert remote.fetch("gs://b/a", 0, 5) == b"12345"
    client = scripted(b"123")
    assert remote.fetch("gs://b/a", 0, 5) == b"123"
    assert client.asked == 3


def test_the_end_of_patience_says_what_was_tried(
    scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LONGEST", 0.1)
    client = scripted(ConnectionResetError("connection reset"))
    with pytest.raises(StoreError, match=r"^gs://b/a: reading it failed \d+ times in 0 s.*connection reset.*run again"):
        remote.fetch("gs://b/a")
    assert client.asked > 3


@pytest.mark.parametrize(
    "error", [PermissionError("no"), OSError("Forbidden: x"), OSError(errno.EINVAL, "bad"), ValueError("bad")]
)
def test_what_will_not_get_better_is_asked_once(scripted: Callable[..., Scripted], error: Exception) -> None:
    client = scripted(error)
    with pytest.raises(StoreError, match=r"gs://b/a: "):
        remote.fetch("gs://b/a")
    assert client.asked == 1


def test_the_setting_names_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(connections.SETTING, "curl")
    with pytest.raises(ConfigError, match="'curl', expected 'obstore' or 'fsspec'"):
        read_json("gs://biomech/a.json")
    monkeypatch.setenv(connections.SETTING, "obstore")
    monkeypatch.setattr(connections, "_installed", lambda: False)
    with pytest.raises(MissingDependencyError, match="cloud"):
        read_json("s3://biomech/a.json")
    monkeypatch.delenv(connections.SETTING)
    assert connections.reader() == "fsspec"


def read_in_child(url: str, answer: Any) -> None:
    answer.send((connections.reader(), read_json(url)))


def test_a_forked_process_reads_with_a_client_that_can(gcs: GcsEmulator, root: str) -> None:
    """Obstore waits for ever in a process that was forked after its parent used it."""
    write_json(join(root, "a.json"), 5)
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=read_in_child, args=(join(root, "a.json"), send))
    child.start()
    try:
        assert receive.poll(60)
        assert receive.recv() == ("fsspec", 5)
    finally:
        child.kill()
        child.join()
    assert connections.reader() == os.environ[connections.SETTING]
