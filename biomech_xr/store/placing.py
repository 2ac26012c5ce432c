"""Putting the bytes of one object in place, whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from biomech_xr.store import remote
from biomech_xr.store.objects import Url, local_path


def put_bytes(url: Url, data: bytes) -> None:
    """Write an object in one step, in place of what is there: a reader sees the old object or the new one.

    Raises
    ------
    StoreError
        No permission, no such bucket, or the storage could not be reached.
    """
    path = local_path(url)
    if path is None:
        remote.put(os.fspath(url), data)
    else:
        _put_local(path, data)


def _put_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
