"""The local cache: nothing is fetched twice, damage is never data, the bound holds, a full disk is no harm."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.errors import ConfigError, LostDataError
from biomech_xr.store import Part, local_cache, open_part, remote
from biomech_xr.store.layout import strides_url
from biomech_xr.store.local_cache import LocalCache, cache_for
from tests.store.cached import NAMES, files, read_blocks, stored_bytes, through
from tests.store.samples import CHAIN, make_product


def test_what_was_fetched_once_is_not_fetched_again(
    stored: Part, truth: dict[str, np.ndarray], cache: LocalCache
) -> None:
    first = read_blocks(through(stored, cache), check=truth)
    assert first == len(files(cache)) > 20
    assert read_blocks(through(stored, cache), check=truth) == 0
    assert not list(cache.room.root.rglob("*.partial"))
    whole = through(stored, cache)
    np.testing.assert_array_equal(whole.read("kinematics", 0, 530), truth["kinematics"])
    with remote.count_requests() as again:
        np.testing.assert_array_equal(whole.read("kinematics", 0, 530), truth["kinematics"])
    assert again.requests == 0


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "zeros"])
def test_damage_on_the_disk_is_fetched_again_and_mended(
    stored: Part, truth: dict[str, np.ndarray], cache: LocalCache, harm: str
) -> None:
    requests = read_blocks(through(stored, cache))
    for path in files(cache):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 16
        path.write_bytes({"flip": data, "cut": data[:-1], "empty": b"", "zeros": bytes(len(data))}[harm])
    read_blocks(through(stored, cache), check=truth)
    read_blocks(through(stored, cache), check=truth)
    assert len(files(cache)) == requests
    assert read_blocks(through(stored, cache), check=truth) == 0


def test_what_came_damaged_is_not_kept(
    stored: Part, truth: dict[str, np.ndarray], cache: LocalCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = remote.fetch_view, set()

    def fetch(url: str, start: int = 0, stop: int | None = None) -> bytes:
        data = real(url, start, stop)
        if (url, start, stop) in seen or "/c/" not in url:
            return data
        seen.add((url, start, stop))
        return data[:9] + bytes([data[9] ^ 1]) + data[10:]

    part = through(stored, cache)
    monkeypatch.setattr(remote, "fetch_view", fetch)
    for name in NAMES:
        np.testing.assert_array_equal(part.read(name, 70, 99), truth[name][70:99])
    assert len(seen) == 7
    assert not files(cache)
    again = through(stored, cache)
    monkeypatch.setattr(remote, "fetch_view", lambda _, start, stop: bytes(stop - start))
    with pytest.raises(LostDataError, match=r"emg/c/0/0/0: bytes 0 to 132: corrupted"):
        again.read("emg", 64, 128)
    assert not files(cache)


def test_the_bound_holds_and_what_was_read_last_stays(
    stored: Part, truth: dict[str, np.ndarray], tmp_path: Path
) -> None:
    limit = stored_bytes(stored) // 3
    cache = LocalCache(str(tmp_path), limit)
    cache.room.root.mkdir()
    (tmp_path / "mine.txt").write_text("not yours")
    part = through(stored, cache)
    sizes = []
    for start in range(0, 530, 64):
        part.read("kinematics", 0, 64)
        part.read("emg", start, start + 64)
        sizes.append(sum(path.stat().st_size for path in files(cache)))
    assert limit / 2 < max(sizes) <= limit
    with remote.count_requests() as counted:
        np.testing.assert_array_equal(part.read("kinematics", 0, 64), truth["kinematics"][:64])
        assert counted.requests == 0
        np.testing.assert_array_equal(part.read("emg", 0, 64), truth["emg"][:64])
    assert counted.requests == 1
    assert (tmp_path / "mine.txt").read_text() == "not yours"


def test_files_that_are_being_read_may_go(stored: Part, truth: dict[str, np.ndarray], tmp_path: Path) -> None:
    cache = LocalCache(str(tmp_path), stored_bytes(stored) // 4)
    cache.room.root.mkdir()
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(read_blocks, through(stored, cache), check=truth) for _ in range(4)]:
            done.result()
    assert cache.limit / 2 < sum(path.stat().st_size for path in files(cache)) <= cache.limit


def test_a_full_disk_is_said_once_and_reading_goes_on(
    stored: Part,
    truth: dict[str, np.ndarray],
    cache: LocalCache,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = read_blocks(through(stored, cache)) and len(files(cache))

    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(local_cache._Claim, "write", full)
    for path in files(cache)[::2]:
        path.unlink()
    with caplog.at_level(logging.WARNING):
        assert 0 < read_blocks(through(stored, cache), check=truth) < kept
        read_blocks(through(stored, cache), check=truth)
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        f"cache: {cache.folder} cannot be written"
    ]
    assert "No space left" in caplog.text
    assert not list(cache.room.root.rglob("*.partial"))


def test_two_stores_with_the_same_names_do_not_mix(
    stored: Part, truth: dict[str, np.ndarray], cache: LocalCache
) -> None:
    make_product("hu", strides=530, time=300, seed=6, phase=20).write("memory://cached-other")
    other = open_part(strides_url("memory://cached-other", CHAIN, "hu"))
    read_blocks(through(stored, cache))
    assert (other.read("emg", 0, 64) != truth["emg"][:64]).any()
    np.testing.assert_array_equal(through(other, cache).read("emg", 0, 64), other.read("emg", 0, 64))
    copy = Part(stored.folder.replace("cached-530", "no-such-place"), stored.name, stored.manifest, cache)
    object.__setattr__(copy, "group", stored.group)
    np.testing.assert_array_equal(copy.read("emg", 0, 64), truth["emg"][:64])


def test_what_cannot_be_a_cache_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert cache_for("memory://x", None, 1.0) is None
    with caplog.at_level(logging.WARNING):
        assert cache_for(str(tmp_path), tmp_path / "fast", 1.0) is None
    assert "not used" in caplog.text
    assert not (tmp_path / "fast").exists()
    (tmp_path / "file").write_text("")
    for folder, size, said in (
        ("gs://a/b", 1, "this machine"),
        (tmp_path, 0, "cache_gb"),
        (tmp_path / "file", 1, "made"),
    ):
        with pytest.raises(ConfigError, match=said):
            cache_for("memory://x", folder, size)
