"""Objects in a folder: they outlive the emulator, whole, whatever ends it."""

from __future__ import annotations

import base64
import os
import threading
from pathlib import Path

import pytest

from biomech_xr.errors import StoreError
from biomech_xr.testing.gcs import BUCKET, GcsEmulator
from biomech_xr.testing.gcs.contents import crc32c

from .conftest import Raw

NAMES = ("a", "a/b", "a/b/", "ä ö/%2F", "n" * 1000)


def test_objects_outlive_the_emulator(tmp_path: Path) -> None:
    with GcsEmulator(root=tmp_path) as gcs:
        raw = Raw(gcs.url)
        for number, name in enumerate(NAMES):
            raw.put(name, os.urandom(number * 1000), ifGenerationMatch=0)
        raw("PUT", f"/{BUCKET}/t", body=b"x", headers={"x-goog-meta-token": "7"})
        raw("POST", "/storage/v1/b", body=b'{"name": "other"}')
        raw.put("gone", b"1")
        raw.delete("gone")
        before = raw.list().json
        bodies = {name: raw.get(name).body for name in NAMES}
        raw.close()
    (tmp_path / ".incoming" / "half").write_bytes(b"half an object")
    with GcsEmulator(root=tmp_path) as gcs:
        raw = Raw(gcs.url)
        assert raw.list().json == before
        assert {name: raw.get(name).body for name in NAMES} == bodies
        assert (raw("GET", "/other").status, raw.put("a", b"", ifGenerationMatch=0).status) == (200, 412)
        newest = max(int(item["generation"]) for item in before["items"])
        assert int(raw.put("a", b"new").json["generation"]) > newest
        raw.close()
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_a_reader_sees_one_generation_while_others_write(tmp_path: Path) -> None:
    with GcsEmulator(root=tmp_path) as gcs:
        first, stop = Raw(gcs.url), threading.Event()
        first.put("a", bytes(10))

        def write() -> None:
            raw = Raw(gcs.url)
            while not stop.is_set():
                raw.put("a", os.urandom(1) * (1 + os.urandom(1)[0] * 9000))
            raw.close()

        writer = threading.Thread(target=write)
        writer.start()
        generations = set()
        for _ in range(60):
            seen = first.get("a")
            generations.add(seen.headers["x-goog-generation"])
            wanted = base64.b64encode(crc32c([seen.body]).to_bytes(4, "big")).decode()
            assert seen.headers["x-goog-hash"].startswith(f"crc32c={wanted}")
        stop.set()
        writer.join()
        first.close()
    assert len(generations) > 1


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(StoreError, match="Name another"):
        GcsEmulator(root=file)
    with pytest.raises(StoreError, match="no bucket"):
        GcsEmulator(root=tmp_path)
    assert file.read_text() == "x"


def test_a_damaged_object_is_named(tmp_path: Path) -> None:
    with GcsEmulator(root=tmp_path) as gcs:
        raw = Raw(gcs.url)
        raw.put("a", b"0123456789")
        raw.close()
    (file,) = tmp_path.glob(f"{BUCKET}/*/*.object")
    file.write_bytes(file.read_bytes()[1:])
    with pytest.raises(StoreError, match=file.name):
        GcsEmulator(root=tmp_path)
