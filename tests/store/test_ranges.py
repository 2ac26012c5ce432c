"""Reading by byte ranges: the values that zarr gives, nothing that was damaged, few requests."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import google_crc32c
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import GzipCodec

from biomech_xr.errors import LostDataError, NotAStoreError, StoreError
from biomech_xr.store import Part, open_part, open_strides, ranges, remote
from biomech_xr.store.layout import strides_url
from biomech_xr.store.stored_array import StoredArray, decode
from tests.store.samples import CHAIN, Product, make_product

VARIABLES = ("emg", "kinematics", "emg_mask", "kinetics_artefact", "kinematics_after")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Part]:
    """Return the same part of 530 strides (two shards) on disk and in storage that is no disk."""
    product = make_product("hu", strides=530, time=320, seed=5, phase=20)
    roots = {"disk": str(tmp_path_factory.mktemp("ranges")), "remote": "memory://ranges-of-530"}
    parts = {}
    for kind, root in roots.items():
        product.write(root)
        parts[kind] = open_part(strides_url(root, CHAIN, "hu"))
    return parts


def reopened(part: Part) -> Part:
    """Return a part that knows no index yet."""
    return Part(part.folder, part.name, part.manifest)


def by_zarr(part: Part, name: str) -> np.ndarray:
    array: Any = part.group[name]
    return np.asarray(array[...])


@pytest.fixture(scope="module")
def truth(both: dict[str, Part]) -> dict[str, np.ndarray]:
    return {name: by_zarr(both["disk"], name) for name in VARIABLES}


@pytest.mark.parametrize("kind", ["disk", "remote"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_range_has_the_values_that_zarr_reads(
    both: dict[str, Part], truth: dict[str, np.ndarray], kind: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(VARIABLES))
    start = data.draw(st.integers(0, 530))
    stop = data.draw(st.integers(0, 600))
    part = both[kind] if data.draw(st.booleans()) else reopened(both[kind])
    found = part.read(name, start, stop)
    assert found.dtype == truth[name].dtype
    np.testing.assert_array_equal(found, truth[name][start : max(start, stop)])
    rows = data.draw(st.lists(st.integers(0, 529), max_size=9))
    np.testing.assert_array_equal(part.take(name, rows), truth[name][np.array(rows, dtype=int)])


@pytest.mark.parametrize("kind", ["disk", "remote"])
def test_strides_of_one_chunk_cost_one_range_and_are_decoded_once(
    both: dict[str, Part], truth: dict[str, np.ndarray], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    def counting(buffer: np.ndarray, *arguments: Any, **options: Any) -> None:
        decoded.append(len(buffer))
        decode(buffer, *arguments, **options)

    monkeypatch.setattr(ranges, "decode", counting)
    rows = [70, 3, 529, 64, 3, 0, 100]
    both[kind].take("emg", [0])  # the index is known
    decoded.clear()
    with remote.count_requests() as counted:
        np.testing.assert_array_equal(both[kind].take("emg", rows), truth["emg"][rows])
    assert len(decoded) == 3
    assert counted.requests == (3 if kind == "remote" else 0)


def test_emg_is_decoded_as_the_encoding_says(both: dict[str, Part], truth: dict[str, np.ndarray]) -> None:
    found = both["remote"].decoded("emg", 60, 200)
    stored = truth["emg"][60:200]
    np.testing.assert_array_equal(np.isnan(found), stored == -32768)
    np.testing.assert_array_equal(found, np.where(stored == -32768, np.nan, stored / 2048).astype(np.float32))


def test_pieces_of_objects_are_joined(
    both: dict[str, Part], truth: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "PIECE", 1000)
    monkeypatch.setattr(ranges, "OBJECTS_AHEAD", 1)
    part = reopened(both["remote"])
    with remote.count_requests() as counted:
        np.testing.assert_array_equal(part.read("emg", 0, 530), truth["emg"])
    size = sum(size for key, size in part.manifest["objects"].items() if key.startswith("emg/c/"))
    assert size / 1000 <= counted.requests <= size / 1000 + 4


def test_an_index_is_fetched_once_and_only_the_chunks_that_are_asked_for(both: dict[str, Part]) -> None:
    part = reopened(both["remote"])
    assert "emg" in part.variables
    with remote.count_requests() as first:
        part.read("emg", 64, 128)
    with remote.count_requests() as second:
        part.read("emg", 128, 192)
    assert (first.requests, second.requests) == (2, 1)
    shard = part.manifest["objects"]["emg/c/0/0/0"]
    assert second.read < shard / 7
    with remote.count_requests() as same_chunk:
        part.take("emg", [200, 201, 255])
    assert same_chunk.requests == 1


def test_what_is_not_there_is_said(both: dict[str, Part]) -> None:
    with pytest.raises(NotAStoreError, match=r"no variable 'eng'; found: .*emg"):
        both["disk"].read("eng", 0, 1)
    with pytest.raises(IndexError, match="530"):
        both["disk"].take("emg", [530])


def damaged_fetch(monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes], times: int) -> None:
    """Let the first replies about chunks of EMG be changed on their way."""
    real, left = remote.fetch_view, [times]

    def fetch(url: str, start: int = 0, stop: int | None = None) -> bytes:
        data = real(url, start, stop)
        if "/emg/c/" in url and left[0]:
            left[0] -= 1
            return change(data)
        return data

    monkeypatch.setattr(remote, "fetch_view", fetch)


def flipped(data: bytes) -> bytes:
    return data[:60] + bytes([data[60] ^ 4]) + data[61:]


def test_what_came_damaged_is_fetched_again(
    both: dict[str, Part], truth: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = reopened(both["remote"])
    assert "emg" in part.variables
    damaged_fetch(monkeypatch, flipped, times=2)
    np.testing.assert_array_equal(part.read("emg", 70, 75), truth["emg"][70:75])
    damaged_fetch(monkeypatch, flipped, times=10**9)
    with pytest.raises(LostDataError, match=r"memory://ranges.*emg/c/0/0/0: bytes \d+ to \d+: corrupted.*CRC-32C"):
        part.read("emg", 130, 135)
    with pytest.raises(LostDataError, match=r"emg/c/1/0/0: bytes 0 to 132: corrupted"):
        part.read("emg", 512, 530)


def test_a_short_reply_is_no_data(both: dict[str, Part], monkeypatch: pytest.MonkeyPatch) -> None:
    part = reopened(both["remote"])
    assert "emg" in part.variables
    damaged_fetch(monkeypatch, lambda data: data[:-9], times=10**9)
    with pytest.raises(LostDataError, match=r"emg/c/0/0/0: bytes 0 to \d+: found \d+ bytes, expected"):
        part.read("emg", 0, 512)


def test_threads_read_at_the_same_time(both: dict[str, Part], truth: dict[str, np.ndarray]) -> None:
    for part in map(reopened, both.values()):
        starts = [7 * number % 500 for number in range(24)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda start, part=part: part.read("emg", start, start + 30), starts))
        for start, values in zip(starts, found, strict=True):
            np.testing.assert_array_equal(values, truth["emg"][start : start + 30])


def sum_in_child(part: Part, expected: int, answer: Any) -> None:
    answer.send(int(part.read("emg", 0, 530).sum(dtype=np.int64)) == expected)


def test_a_forked_process_reads_after_its_parent_did(both: dict[str, Part], truth: dict[str, np.ndarray]) -> None:
    context = multiprocessing.get_context("fork")
    expected = int(truth["emg"].sum(dtype=np.int64))
    for part in both.values():
        assert int(part.read("emg", 0, 530).sum(dtype=np.int64)) == expected
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=sum_in_child, args=(part, expected, send))
        child.start()
        try:
            assert receive.poll(30)
            assert receive.recv() is True
        finally:
            child.kill()
            child.join()


def test_an_array_of_other_codecs_is_refused() -> None:
    group = zarr.create_group(store={})
    array = group.create_array("emg", shape=(4, 3), chunks=(2, 3), dtype="int16", compressors=[GzipCodec()])
    with pytest.raises(StoreError, match="emg: stored with codecs"):
        StoredArray.of("emg", array)
    cut = group.create_array("cut", shape=(4, 3), chunks=(2, 2), dtype="int16")
    with pytest.raises(StoreError, match="cut: stored with"):
        StoredArray.of("cut", cut)


def test_a_lost_chunk_inside_a_shard_is_named(tmp_path: Path) -> None:
    product: Product = make_product("hu", strides=130, time=320, seed=5, phase=20)
    product.write(str(tmp_path))
    part = open_part(strides_url(str(tmp_path), CHAIN, "hu"))
    file = Path(part.url, "emg/c/0/0/0")
    data = file.read_bytes()
    crc = google_crc32c.value
    index = bytearray(data[:128])
    index[16:32] = b"\xff" * 16
    file.write_bytes(bytes(index) + crc(bytes(index)).to_bytes(4, "little") + data[132:])
    assert part.read("emg", 0, 64).shape == (64, 13, 320)
    with pytest.raises(LostDataError, match=r"emg/c/0/0/0: chunks of strides 64 to 128 of this object are missing"):
        part.read("emg", 64, 128)
    with pytest.raises(LostDataError, match="missing"):
        open_strides(str(tmp_path))["emg"].compute(scheduler="synchronous")


@pytest.fixture(scope="module", autouse=True)
def _clean() -> Any:
    yield
    memory = fsspec.filesystem("memory")
    if memory.exists("/ranges-of-530"):
        memory.rm("/ranges-of-530", recursive=True)
