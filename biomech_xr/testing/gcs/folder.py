"""Objects in a folder, so that they outlive the emulator.

An object is one file: its bytes, then a JSON record of what is known of it, then the length of that record. It is
written beside its place and renamed, so a file is there whole or not at all. Files are named by a digest of the name of
the object: a bucket may hold ``a`` beside ``a/b``, and names longer than a file system allows.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from biomech_xr.errors import StoreError
from biomech_xr.testing.gcs.answers import Media
from biomech_xr.testing.gcs.contents import Content, Facts, Staged
from biomech_xr.testing.gcs.objects import BUCKET_NAME

BLOCK: Final = 1 << 20
SUFFIX: Final = ".object"
INCOMING: Final = ".incoming"
MAGIC: Final = b"bxgcs1"


class _FileMedia:
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)

    def blocks(self, start: int, stop: int) -> Iterable[memoryview]:
        """Yield the bytes in blocks of 1 MiB."""
        while start < stop:
            data = os.pread(self._file.fileno(), min(BLOCK, stop - start), start)
            if not data:
                raise StoreError(f"{self._file.name}: shorter than its record says. Remove the file.")
            yield memoryview(data)
            start += len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _FileContent:
    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> Media:
        """Open the file."""
        return _FileMedia(self._path)

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink()


class _StagedFile:
    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path

    def commit(self, bucket: str, facts: Facts) -> Content:
        """Append the record and rename the file to its place."""
        with self._path.open("ab") as file:
            file.write(_record(facts))
        place = _place(self._root / bucket, facts.name)
        place.parent.mkdir(exist_ok=True)
        self._path.replace(place)
        return _FileContent(place)

    def discard(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


class FolderContents:
    """Objects below a folder, one sub-folder a bucket.

    Parameters
    ----------
    root
        The folder; made if it is not there.

    Raises
    ------
    StoreError
        The folder cannot be made, or holds something that is no bucket.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / INCOMING
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{root}: no folder for the buckets of an emulator ({error}). Name another.") from error
        for leftover in self._incoming.iterdir():
            leftover.unlink()

    def buckets(self) -> Iterator[tuple[str, Iterable[tuple[Facts, Content]]]]:
        """Yield the buckets in the folder with their objects."""
        for folder in sorted(self._root.iterdir()):
            if folder.name == INCOMING:
                continue
            if not folder.is_dir() or not BUCKET_NAME.fullmatch(folder.name):
                raise StoreError(f"{folder}: found something that is no bucket. Name a folder of the emulator's own.")
            yield folder.name, _objects(folder)

    def add_bucket(self, bucket: str) -> None:
        """Make the bucket's folder."""
        (self._root / bucket).mkdir()

    def remove_bucket(self, bucket: str) -> None:
        """Remove the bucket's folder and the empty folders in it."""
        for folder in (self._root / bucket).iterdir():
            folder.rmdir()
        (self._root / bucket).rmdir()

    def stage(self, bucket: str, blocks: Iterable[memoryview]) -> Staged:  # noqa: ARG002
        """Write the bytes to a file that is no object yet."""
        path = self._incoming / uuid.uuid4().hex
        try:
            with path.open("xb", buffering=0) as file:
                for block in blocks:
                    _write(file.fileno(), block)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return _StagedFile(self._root, path)


def _write(descriptor: int, block: memoryview) -> None:
    done = 0
    while done < len(block):
        done += os.write(descriptor, block[done:])


def _place(folder: Path, name: str) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return folder / digest[:2] / (digest + SUFFIX)


def _record(facts: Facts) -> bytes:
    value = dataclasses.asdict(facts) | {"md5": base64.b64encode(facts.md5).decode() if facts.md5 else None}
    data = json.dumps(value).encode()
    return data + len(data).to_bytes(8, "big") + MAGIC


def _objects(folder: Path) -> Iterator[tuple[Facts, Content]]:
    for path in folder.glob(f"??/*{SUFFIX}"):
        yield _read_record(path), _FileContent(path)


def _read_record(path: Path) -> Facts:
    with path.open("rb") as file, contextlib.suppress(ValueError, TypeError, OSError):
        size = file.seek(0, os.SEEK_END)
        file.seek(size - 8 - len(MAGIC))
        tail = file.read()
        length = int.from_bytes(tail[:8], "big")
        file.seek(size - 8 - len(MAGIC) - length)
        value = json.loads(file.read(length))
        value["md5"] = base64.b64decode(value["md5"]) if value["md5"] else None
        facts = Facts(**value)
        if tail[8:] == MAGIC and facts.size == size - length - 8 - len(MAGIC):
            return facts
    raise StoreError(f"{path}: not an object of the emulator, or damaged. Remove the file.")
