"""Real clients on the emulator: gcsfs, fsspec, zarr, xarray and obstore."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

from biomech_xr.testing.gcs import BUCKET, Faults, GcsEmulator, Rule


def _options(gcs: GcsEmulator) -> dict[str, str]:
    return {"token": "anon", "endpoint_url": gcs.url}


@pytest.fixture
def fs(gcs: GcsEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield gcsfs on the emulator; its class is named, so that it does not matter who imported gcsfs first, and how."""
    for name, value in gcs.environment().items():
        monkeypatch.setenv(name, value)
    from gcsfs.core import GCSFileSystem

    yield GCSFileSystem(skip_instance_cache=True, use_listings_cache=False, **_options(gcs))
    GCSFileSystem.clear_instance_cache()


def test_gcsfs_writes_reads_and_removes(fs: Any) -> None:
    fs.pipe_file(f"{BUCKET}/a/b", b"0123456789")
    assert (fs.cat_file(f"{BUCKET}/a/b"), fs.cat_file(f"{BUCKET}/a/b", -3, None)) == (b"0123456789", b"789")
    assert fs.cat_ranges([f"{BUCKET}/a/b"] * 2, [0, 4], [2, 6]) == [b"01", b"45"]
    with pytest.raises(FileExistsError):
        fs.pipe_file(f"{BUCKET}/a/b", b"other", mode="create")
    fs.mv(f"{BUCKET}/a/b", f"{BUCKET}/a/c")
    fs.cp_file(f"{BUCKET}/a/c", f"{BUCKET}/d")
    assert fs.find(BUCKET) == [f"{BUCKET}/a/c", f"{BUCKET}/d"]
    assert (fs.ls(f"{BUCKET}/a"), fs.exists(f"{BUCKET}/a/b"), fs.size(f"{BUCKET}/d")) == ([f"{BUCKET}/a/c"], False, 10)
    fs.rm(f"{BUCKET}/a", recursive=True)
    assert fs.find(BUCKET) == [f"{BUCKET}/d"]
    with pytest.raises(FileNotFoundError):
        fs.cat_file("nowhere/a")


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_gcsfs_uploads_in_chunks(gcs: GcsEmulator, fs: Any) -> None:
    data = os.urandom(6_000_001)
    with fs.open(f"{BUCKET}/big", "wb", block_size=1 << 20) as file:
        file.write(data)
    assert gcs.requests.of("upload") > 2
    assert fs.cat_file(f"{BUCKET}/big") == data
    with fs.open(f"{BUCKET}/big", "rb") as file:
        file.seek(5_000_000)
        assert file.read(10) == data[5_000_000:5_000_010]
    with pytest.raises(FileExistsError), fs.open(f"{BUCKET}/big", "xb") as file:
        file.write(data)


def test_gcsfs_lists_over_pages(gcs: GcsEmulator, fs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("biomech_xr.testing.gcs.json_api.PAGE", 40)
    names = [f"{BUCKET}/many/{number:03d}" for number in range(121)]
    fs.pipe(dict.fromkeys(names, b"x"))
    before = gcs.requests.of("list")
    assert fs.find(f"{BUCKET}/many") == names
    assert gcs.requests.of("list") - before >= 4


def test_gcsfs_lives_with_a_fault_and_reports_a_refusal(gcs: GcsEmulator, fs: Any) -> None:
    fs.pipe_file(f"{BUCKET}/a", b"0123456789")
    gcs.faults = Faults(rules=(Rule(action="truncate", kind="read"),))
    assert (fs.cat_file(f"{BUCKET}/a"), gcs.injected) == (b"0123456789", {"truncate": 1})
    gcs.faults = Faults(rules=(Rule(action="http_403", count=None),))
    with pytest.raises(OSError, match="Forbidden"):
        fs.cat_file(f"{BUCKET}/a")


def test_a_sharded_array_and_a_region(gcs: GcsEmulator, fs: Any) -> None:
    import zarr
    from gcsfs.core import GCSFileSystem
    from zarr.storage import FsspecStore

    remote = GCSFileSystem(asynchronous=True, skip_instance_cache=True, **_options(gcs))
    values = np.random.default_rng(0).normal(size=(64, 3, 50)).astype("f4")
    store = FsspecStore(remote, path=f"{BUCKET}/array")
    array = zarr.create_array(store, shape=values.shape, chunks=(4, 3, 50), shards=(16, 3, 50), dtype="f4")
    array[:] = values
    found = zarr.open_array(store, mode="r")
    np.testing.assert_array_equal(found[:], values)
    np.testing.assert_array_equal(found[17], values[17])
    assert sum("/c/" in name for name in fs.find(f"{BUCKET}/array")) == 4

    dataset = xr.Dataset({"emg": (("stride", "channel", "time"), values)})
    place = FsspecStore(remote, path=f"{BUCKET}/set")
    template = dataset.chunk(stride=16)
    template.to_zarr(place, compute=False, consolidated=False)
    for start in (32, 0, 48, 16):
        part = slice(start, start + 16)
        dataset.isel(stride=part).to_zarr(place, region={"stride": part}, consolidated=False)
    xr.testing.assert_identical(xr.open_zarr(place, consolidated=False, chunks=None).load(), dataset)


def test_obstore_reads_and_writes(gcs: GcsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    obstore = pytest.importorskip("obstore", reason="obstore is not installed")
    from obstore.store import GCSStore

    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", gcs.environment()["GOOGLE_SERVICE_ACCOUNT_KEY"])
    store = GCSStore(BUCKET, client_options={"allow_http": True})
    obstore.put(store, "a/b", b"0123456789")
    assert bytes(obstore.get(store, "a/b").bytes()) == b"0123456789"
    assert bytes(obstore.get_range(store, "a/b", start=2, end=4)) == b"23"
    assert [bytes(part) for part in obstore.get_ranges(store, "a/b", starts=[0, 7], ends=[2, 10])] == [b"01", b"789"]
    assert bytes(obstore.get(store, "a/b", options={"range": {"suffix": 3}}).bytes()) == b"789"
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "a/b", b"other", mode="create")
    big = os.urandom(11_000_000)
    obstore.put(store, "big", big)
    assert (bytes(obstore.get(store, "big").bytes()) == big, gcs.requests.of("upload") > 2) == (True, True)
    obstore.copy(store, "a/b", "c")
    obstore.rename(store, "c", "d")
    assert sorted(item["path"] for page in obstore.list(store) for item in page) == ["a/b", "big", "d"]
    assert list(obstore.list_with_delimiter(store)["common_prefixes"]) == ["a"]
    obstore.delete(store, ["a/b", "big", "d"])
    with pytest.raises(FileNotFoundError):
        obstore.head(store, "a/b")


_SCRIPT = """
import fsspec
fs, path = fsspec.core.url_to_fs("gs://{bucket}/a/b")
fs.pipe_file(path, b"0123456789", mode="create")
print(type(fs).__module__, path, fsspec.open("gs://{bucket}/a/b").open().read())
"""


def test_the_environment_is_all_that_a_process_needs(gcs: GcsEmulator) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(bucket=BUCKET)],
        env={**os.environ, **gcs.environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == f"gcsfs.core {BUCKET}/a/b b'0123456789'\n"
    assert gcs.requests.of("write") == 1
