"""Two ways to speak to storage that is no disk: fsspec, which knows every kind, and obstore for GCS and S3.

A client does one request and tells what went wrong; `biomech_xr.store.remote` counts it and does it again. Which of the
two serves a URL is decided by `biomech_xr.store.connections`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

from fsspec.implementations.local import LocalFileSystem

from biomech_xr.store.failures import failures, first_line

READ_TIMEOUT: Final = 15.0
WRITE_TIMEOUT: Final = 60.0
"""Seconds after which one request counts as stalled; it is given up and sent again."""

MISSING: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)

PAGE: Final = 1000
"""Objects that one request lists; no storage lists more."""

_BEYOND: Final = re.compile(r"\b416\b|not satisfiable|InvalidRange", re.IGNORECASE)


Body = bytes | memoryview
"""Bytes that came, as they lie in memory."""


class Client(Protocol):
    """Requests to one kind of storage; a place that is not there raises `FileNotFoundError`."""

    @property
    def remote(self) -> bool:
        """Whether requests go elsewhere, so that they can fail and are worth counting."""

    def read(self, path: str, start: int, stop: int | None) -> Body:
        """Return the bytes of an object from ``start`` to ``stop``, to its end for None; fewer where it is shorter."""

    def write(self, path: str, data: bytes, *, create_only: bool) -> None:
        """Write an object; `FileExistsError` where it must not replace one."""

    def size(self, path: str) -> int:
        """Return the size of an object in bytes."""

    def exists(self, path: str) -> bool:
        """Return whether an object, or one below this path, is there."""

    def names(self, path: str) -> list[str]:
        """Return the names directly below a folder."""

    def page(self, path: str, after: str) -> tuple[dict[str, int], bool]:
        """Return the size of objects below a folder, by key relative to it, and whether there may be more.

        The keys are those after ``after``, the last one of the page before; empty at first.
        """

    def remove(self, path: str) -> None:
        """Remove one object."""

    def remove_tree(self, path: str, last: str) -> None:
        """Remove an object, or a folder and all below it, the object named ``last`` at the end."""


class FsspecClient:
    """Storage through fsspec, with a time-out on each request where the file system can have one."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem
        self.remote = not isinstance(filesystem, LocalFileSystem)
        self._timed: Callable[[float], dict[str, float]] = (
            (lambda seconds: {"timeout": seconds}) if getattr(filesystem, "async_impl", False) else (lambda _: {})
        )

    def read(self, path: str, start: int, stop: int | None) -> bytes:
        """See `Client.read`."""
        bounds = {} if start == 0 and stop is None else {"start": start, "end": stop}
        try:
            return bytes(self._filesystem.cat_file(path, **bounds, **self._timed(READ_TIMEOUT)))
        except failures() as error:
            if bounds and _BEYOND.search(str(error)):
                return b""
            raise

    def write(self, path: str, data: bytes, *, create_only: bool) -> None:
        """See `Client.write`."""
        mode = "create" if create_only else "overwrite"
        self._filesystem.pipe_file(path, data, mode=mode, **self._timed(WRITE_TIMEOUT))

    def size(self, path: str) -> int:
        """See `Client.size`."""
        self._filesystem.invalidate_cache()
        found = self._filesystem.info(path, **self._timed(READ_TIMEOUT))
        if found["type"] == "directory":
            raise FileNotFoundError(path)
        return int(found["size"])

    def exists(self, path: str) -> bool:
        """See `Client.exists`."""
        self._filesystem.invalidate_cache()
        with contextlib.suppress(*MISSING):
            self._filesystem.info(path, **self._timed(READ_TIMEOUT))
            return True
        return False

    def names(self, path: str) -> list[str]:
        """See `Client.names`."""
        self._filesystem.invalidate_cache()
        found = self._filesystem.ls(path, detail=False, **self._timed(READ_TIMEOUT))
        folder = path.rstrip("/")
        return [str(item).rstrip("/").rsplit("/", 1)[-1] for item in found if str(item).rstrip("/") != folder]

    def page(self, path: str, after: str) -> tuple[dict[str, int], bool]:
        """See `Client.page`; all is on the first one, because fsspec sends failed pages again by itself."""
        if after:
            return {}, False
        self._filesystem.invalidate_cache()
        found = self._filesystem.find(path, detail=True, **self._timed(WRITE_TIMEOUT))
        prefix = path.rstrip("/") + "/"
        return {str(name).removeprefix(prefix): int(info["size"]) for name, info in found.items()}, False

    def remove(self, path: str) -> None:
        """See `Client.remove`."""
        self._filesystem.rm_file(path, **self._timed(READ_TIMEOUT))

    def remove_tree(self, path: str, last: str) -> None:
        """See `Client.remove_tree`."""
        self._filesystem.invalidate_cache()
        folder = path.rstrip("/")
        for item in self._filesystem.ls(path, detail=False, **self._timed(READ_TIMEOUT)):
            if str(item).rstrip("/") not in (f"{folder}/{last}", folder):
                self._filesystem.rm(item, recursive=True, **self._timed(WRITE_TIMEOUT))
        self._filesystem.rm(path, recursive=True, **self._timed(WRITE_TIMEOUT))


class ObstoreClient:
    """One bucket of GCS or S3 through obstore; paths are keys in the bucket."""

    remote = True

    def __init__(self, reads: Any, writes: Any) -> None:
        import obstore

        self._store, self._writes, self._do = reads, writes, obstore

    def read(self, path: str, start: int, stop: int | None) -> Body:
        """See `Client.read`."""
        if start == 0 and stop is None:
            found: bytes = self._do.get(self._store, path).bytes().to_bytes()
            return found
        if stop is not None and stop <= start:
            return b""
        try:
            if stop is None:
                return bytes(self._do.get(self._store, path, options={"range": {"offset": start}}).bytes().to_bytes())
            return memoryview(self._do.get_range(self._store, path, start=start, end=stop))
        except self._do.exceptions.GenericError as error:
            if _BEYOND.search(first_line(error)):
                return b""
            raise

    def write(self, path: str, data: bytes, *, create_only: bool) -> None:
        """See `Client.write`."""
        mode: Literal["create", "overwrite"] = "create" if create_only else "overwrite"
        try:
            self._do.put(self._writes, path, data, mode=mode, use_multipart=False)
        except self._do.exceptions.AlreadyExistsError as error:
            raise FileExistsError(path) from error

    def size(self, path: str) -> int:
        """See `Client.size`."""
        return int(self._do.head(self._store, path)["size"])

    def exists(self, path: str) -> bool:
        """See `Client.exists`."""
        with contextlib.suppress(*MISSING):
            self.size(path)
            return True
        return bool(self.names(path))

    def names(self, path: str) -> list[str]:
        """See `Client.names`."""
        found = self._do.list_with_delimiter(self._store, path or None)
        below = [*found["common_prefixes"], *(item["path"] for item in found["objects"])]
        return [str(name).rstrip("/").rsplit("/", 1)[-1] for name in below]

    def page(self, path: str, after: str) -> tuple[dict[str, int], bool]:
        """See `Client.page`."""
        prefix = f"{path}/" if path else ""
        pages = self._do.list(self._store, path or None, offset=f"{prefix}{after}" if after else None, chunk_size=PAGE)
        found: Any = next(iter(pages), [])
        listed = {str(item["path"]).removeprefix(prefix): int(item["size"]) for item in found}
        return listed, len(found) >= PAGE

    def remove(self, path: str) -> None:
        """See `Client.remove`."""
        self._do.delete(self._store, path)

    def remove_tree(self, path: str, last: str) -> None:
        """See `Client.remove_tree`."""
        found = [str(item["path"]) for page in self._do.list(self._store, path or None) for item in page]
        for key in sorted(found, key=lambda key: key == f"{path}/{last}") or [path]:
            with contextlib.suppress(*MISSING):
                self.remove(key)
