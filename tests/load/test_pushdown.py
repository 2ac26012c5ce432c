"""What no window needs is never fetched: filters and splits reach the objects of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from biomech_xr.load import StrideWindows
from biomech_xr.store.ranges import RangeReader
from biomech_xr.store.reading import forget_parts
from tests.load.stores import write_store
from tests.load.test_order import open_windows

Reads = list[tuple[str, str, int]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of two sources; the second one has shards of 512 and 110 strides, and a person at each end."""
    folder = tmp_path_factory.mktemp("pushdown")
    write_store(folder, "camargo", {"q": 40})
    write_store(folder, "hu", {"a": 60, "b": 500, "z": 62}, seed=1)
    return folder


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    """Yield a list of (source, variable, shard) that grows with every read of an object."""
    reads: Reads = []
    read = RangeReader._read_local

    def spy(self: RangeReader, path: Path, key: str, start: int, stop: int) -> Any:
        name, _, number = key.split("/")[:3]
        reads.append((path.parts[path.parts.index("strides") + 2], name, int(number)))
        return read(self, path, key, start, stop)

    with monkeypatch.context() as patch:
        patch.setattr(RangeReader, "_read_local", spy)
        forget_parts()
        yield reads


def used(windows: StrideWindows) -> set[tuple[str, int]]:
    """Return source and shard of every stride that has windows."""
    places = [(source, row) for source in windows.sources for row in source.index.count.nonzero()[0].tolist()]
    return {(windows.datasets[source.dataset], row // 512) for source, row in places}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"filters": {"patient": "hu-z"}}, {("hu", 1)}),
        ({"filters": {"emg": True, "patient": "hu-a"}}, {("hu", 0)}),
        ({"filters": {"dataset": "camargo"}}, {("camargo", 0)}),
        ({"split": "only:hu-z"}, {("hu", 1)}),
        ({"split": "without:hu"}, {("camargo", 0)}),
        ({}, {("camargo", 0), ("hu", 0), ("hu", 1)}),
    ],
)
def test_only_shards_with_windows_are_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: set[tuple[str, int]]
) -> None:
    with watched(monkeypatch) as reads:
        windows = open_windows(root, **options)
        labels = [read for read in reads if read[1] == "emg_clipped"]
        assert used(windows) == expected
        assert {read[1] for read in reads} == {"emg_clipped", "emg_coverage", "kinematics_coverage"}
        assert {(source, shard) for source, _, shard in set(reads) - set(labels)} == expected
        reads.clear()
        assert sum(int(batch["weight"].sum()) for batch in windows) == windows.windows > 0
        assert {(source, shard) for source, _, shard in reads} == expected


def test_only_blocks_with_windows_are_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One person of 60 strides lies in one of the eight blocks of its shard."""
    with watched(monkeypatch) as reads:
        windows = open_windows(root, filters={"patient": "hu-a"})
        reads.clear()
        list(windows)
    assert reads.count(("hu", "emg", 0)) == 2  # the list of chunks, and one chunk
