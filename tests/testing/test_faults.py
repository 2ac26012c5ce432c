"""Injected faults: each is seen as such by a plain client, is counted, and comes whatever the order of requests."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from biomech_xr.errors import ConfigError
from biomech_xr.testing.gcs import ACTIONS, BUCKET, Faults, GcsEmulator, Rule
from biomech_xr.testing.gcs.answers import Operation, Reply
from biomech_xr.testing.gcs.faults import Injector

from .conftest import Raw

DATA = bytes(range(256)) * 400


def act(call: Callable[[], object]) -> str:
    """Return what a client sees of one request."""
    try:
        seen = call()
    except http.client.IncompleteRead:
        return "short"
    except (http.client.RemoteDisconnected, ConnectionError):
        return "dropped"
    return f"{seen.status} {'whole' if seen.body == DATA else 'other'}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("http_429", "429 other"),
        ("http_500", "500 other"),
        ("http_503", "503 other"),
        ("http_418", "418 other"),
        ("drop", "dropped"),
        ("lost_reply", "dropped"),
        ("truncate", "short"),
        ("corrupt", "200 other"),
    ],
)
def test_a_read_meets_every_fault_once(gcs: GcsEmulator, raw: Raw, action: str, expected: str) -> None:
    raw.put("a/b", DATA)
    gcs.faults = Faults(rules=(Rule(action=action, match=f"{BUCKET}/a/*", kind="read", nth=2),))
    assert [act(lambda: raw.get("a/b")) for _ in range(3)] == ["200 whole", expected, "200 whole"]
    assert gcs.injected == {action: 1}


def test_a_corrupted_read_differs_in_one_byte_and_the_object_does_not(gcs: GcsEmulator, raw: Raw) -> None:
    raw.put("a", DATA)
    gcs.faults = Faults(corrupt=1.0)
    bad = raw.get("a").body
    assert (len(bad), sum(old != new for old, new in zip(DATA, bad, strict=True))) == (len(DATA), 1)
    part = raw.get("a", headers={"Range": "bytes=100-199"}).body
    assert sum(old != new for old, new in zip(DATA[100:200], part, strict=True)) == 1
    assert (raw.stat("a").status, gcs.injected) == (200, {"corrupt": 2})
    gcs.faults = Faults()
    assert raw.get("a").body == DATA


@pytest.mark.parametrize("action", ["drop", "http_503", "lost_reply"])
def test_a_write_lands_only_if_just_its_reply_is_lost(gcs: GcsEmulator, raw: Raw, action: str) -> None:
    gcs.faults = Faults(rules=(Rule(action=action, kind="write"),))
    act(lambda: raw.put("a", DATA, ifGenerationMatch=0))
    landed = action == "lost_reply"
    assert raw.get("a").status == (200 if landed else 404)
    assert raw.put("a", DATA, ifGenerationMatch=0).status == (412 if landed else 200)


def test_a_corrupted_write_is_stored_unless_the_client_sent_a_checksum(gcs: GcsEmulator, raw: Raw) -> None:
    gcs.faults = Faults(corrupt_write=1.0)
    good = raw("PUT", f"/{BUCKET}/a", body=DATA, headers={"x-goog-hash": "crc32c=AAAAAA=="})
    assert (good.status, raw.get("a").status) == (400, 404)
    assert raw.put("a", DATA).status == 200
    assert sum(old != new for old, new in zip(DATA, raw.get("a").body, strict=True)) == 1


def test_stalls_latency_and_bandwidth_take_their_time() -> None:
    def seconds(gcs: GcsEmulator, call: Callable[[Raw], object]) -> float:
        raw = Raw(gcs.url)
        started = time.monotonic()
        call(raw)
        raw.close()
        return time.monotonic() - started

    with GcsEmulator(bandwidth=1e6) as gcs:
        assert seconds(gcs, lambda raw: raw.put("a", DATA)) >= len(DATA) / 1e6
        assert seconds(gcs, lambda raw: raw.get("a")) >= len(DATA) / 1e6
        assert seconds(gcs, lambda raw: raw.get("a", headers={"Range": "bytes=-10"})) < len(DATA) / 1e6
    with GcsEmulator(latency=0.1) as gcs:
        assert seconds(gcs, lambda raw: raw.list()) >= 0.1
        gcs.faults = Faults(rules=(Rule(action="stall", seconds=0.2, kind="list"),))
        assert seconds(gcs, lambda raw: raw.list()) >= 0.3
        assert gcs.injected == {"stall": 1}


def test_a_client_that_waits_less_than_a_stall_times_out(gcs: GcsEmulator, raw: Raw) -> None:
    raw.put("a", DATA)
    gcs.faults = Faults(rules=(Rule(action="stall", seconds=60, kind="read"),))
    hasty = Raw(gcs.url, timeout=0.2)
    with pytest.raises(TimeoutError):
        hasty.get("a")
    started = time.monotonic()
    gcs.stop()
    assert time.monotonic() - started < 5


def _outcomes(seed: int, *, clients: int) -> tuple[dict[tuple[str, int], str], dict[str, int]]:
    """Return what each attempt on each object saw, when so many clients share the objects."""
    rates = {action: 0.06 for action in ACTIONS if action != "stall"}
    names = [f"o/{number}" for number in range(24)]
    seen: dict[tuple[str, int], str] = {}
    with GcsEmulator() as gcs:
        first = Raw(gcs.url)
        for name in names:
            first.put(name, DATA[:500])
        first.close()
        gcs.faults = Faults(seed=seed, **rates)

        def work(mine: list[str]) -> None:
            raw = Raw(gcs.url)
            for attempt in range(4):
                for name in random.sample(mine, len(mine)):
                    seen[name, attempt] = act(lambda name=name: raw.get(name, headers={"Range": "bytes=0-499"}))
                    seen[name + " put", attempt] = act(lambda name=name: raw.put(name, DATA[:500]))
            raw.close()

        threads = [threading.Thread(target=work, args=(names[client::clients],)) for client in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seen, gcs.injected


def test_the_same_seed_brings_the_same_faults_however_many_clients() -> None:
    alone, counted = _outcomes(3, clients=1)
    assert _outcomes(3, clients=4) == (alone, counted)
    assert _outcomes(4, clients=4)[0] != alone
    assert {"short", "dropped", "503 other", "429 other"} <= set(alone.values())


def test_rates_are_what_is_asked_for() -> None:
    injector = Injector(faults=Faults(seed=1, http_503=0.05, drop=0.02, truncate=0.2, jitter=0.2))
    faults = [injector.fault("GET", Operation(kind="read", run=Reply, bucket="b", name=str(n))) for n in range(5000)]
    shares = {action: count / len(faults) for action, count in Counter(fault.action for fault in faults).items()}
    assert shares == pytest.approx({"http_503": 0.05, "drop": 0.02, "truncate": 0.2, "": 0.73}, abs=0.015)
    late = sorted(fault.jitter for fault in faults)
    assert (late[0] >= 0, late[-1] <= 0.2, late[2500]) == (True, True, pytest.approx(0.1, abs=0.01))
    assert sorted(fault.position for fault in faults)[2500] == pytest.approx(0.5, abs=0.03)


def test_a_unit_can_be_stopped_at_every_write(gcs: GcsEmulator, raw: Raw) -> None:
    names = [f"unit/{number}" for number in range(5)]
    for k in range(1, 6):
        gcs.faults = Faults(rules=(Rule(action="drop", match=f"{BUCKET}/unit/*", kind="write", nth=k, count=None),))
        seen = [act(lambda name=name: raw.put(name, b"x")) for name in names]
        assert [item["name"] for item in raw.list(prefix="unit/").json.get("items", [])] == names[: k - 1]
        assert seen.count("dropped") == gcs.injected["drop"] == 6 - k
        gcs.faults = Faults()
        for name in names[: k - 1]:
            raw.delete(name)


def test_a_rule_calls_before_it_acts(gcs: GcsEmulator, raw: Raw) -> None:
    called: list[str] = []
    gcs.faults = Faults(rules=(Rule(action="none", kind="write", nth=2, call=called.append),))
    for name in ("a", "b", "c"):
        assert raw.put(name, b"1").status == 200
    assert called == [f"{BUCKET}/b"]


def test_counts(gcs: GcsEmulator, raw: Raw) -> None:
    raw.put("a", DATA)
    raw.get("a", headers={"Range": "bytes=0-99"})
    raw.list()
    raw.delete("gone")
    counts = gcs.requests
    assert counts.by_kind == {"delete": 1, "list": 1, "read": 1, "write": 1}
    assert (counts.total, counts.by_method["GET"], counts.of("read", "list")) == (4, 2, 2)
    assert counts.by_status == {200: 2, 206: 1, 404: 1}
    assert (counts.bytes_received, counts.connections, counts.peak) == (len(DATA), 1, 1)
    listing = len(raw.list().body)
    gcs.reset()
    raw.get("a", headers={"Range": "bytes=0-99"})
    assert (gcs.requests.total, gcs.requests.bytes_sent, listing > 100) == (1, 100, True)


def test_another_process_can_ask_and_set(gcs: GcsEmulator, raw: Raw) -> None:
    rule = {"action": "http_404", "kind": "list", "nth": 1, "count": 1}
    assert raw("PUT", "/_emulator", body=json.dumps({"seed": 5, "rules": [rule]}).encode()).status == 200
    assert (gcs.faults.seed, raw.list().status, raw.list().status) == (5, 404, 200)
    state = raw("GET", "/_emulator").json
    assert (state["requests"]["by_kind"], state["injected"]) == ({"list": 2}, {"http_404": 1})
    assert raw("DELETE", "/_emulator").json["requests"]["total"] == 0
    assert "expected one of" in raw("PUT", "/_emulator", body=b'{"sed": 1}').json["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": 1.5},
        {"drop": 0.6, "corrupt": 0.6},
        {"drops": 0.1},
        {"jitter": -1},
        {"drop": "often"},
        {"rules": [{"action": "explode"}]},
        {"rules": [{"action": "drop", "kind": "puts"}]},
        {"rules": [{"action": "drop", "nth": 0}]},
        {"rules": [{"action": "drop", "when": 0}]},
    ],
)
def test_impossible_faults_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"^(faults|rule): "):
        Faults.of(wrong)


def test_faults_come_from_words_and_files(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('{"drop": 0.1, "rules": [{"action": "stall", "seconds": 3}]}')
    faults = Faults.parse([str(file), "http_503=0.25", "drop=0.2"], seed=9)
    assert faults == Faults(seed=9, drop=0.2, http_503=0.25, rules=(Rule(action="stall", seconds=3),))
    for wrong in ("nowhere.json", "drop=x", "rate=1"):
        with pytest.raises(ConfigError, match=r"^faults: "):
            Faults.parse([wrong])
