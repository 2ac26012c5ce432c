"""A folder on a fast disk that keeps what was fetched from storage elsewhere, shared by the processes of a machine.

What is kept are ranges of objects as they are stored: a chunk with its checksum, the index of a shard, a whole object.
The name of a file is made of the digest of the part's seal, the key and the range, so a store that was made anew or
copied elsewhere is never mistaken. One process fetches a range while others wait for it. A file appears in one step and
only when its checksums were compared; readers compare them again when they decode.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from biomech_xr.errors import ConfigError
from biomech_xr.store.cache_room import PARTIAL, Room
from biomech_xr.store.objects import local_path
from biomech_xr.store.stored_array import Buffer, CorruptedError

_LOG = logging.getLogger(__name__)

Pieces = Sequence[Future[Buffer]]
Check = Callable[[Buffer], None]

WAIT: Final = 10.0
"""Seconds for which a range is waited for that another process fetches; then it is fetched here too."""

_POLL: Final = 0.005

_UNWRITABLE: set[str] = set()
"""Folders to which this process writes no more: the disk is full, or was taken away."""


@dataclass(frozen=True, slots=True)
class LocalCache:
    """What `folder` keeps, at most `limit` bytes; plain values, so it can be sent to another process."""

    folder: str
    limit: int

    @classmethod
    def of(cls, folder: str | os.PathLike[str], gigabytes: float) -> LocalCache:
        """Return the cache in a folder, which is made where it is not there.

        Parameters
        ----------
        folder
            A folder on this machine. Files of others in it are left alone.
        gigabytes
            The most that it may hold, in units of 10^9 bytes; what was not read for longest is removed first.

        Raises
        ------
        ConfigError
            Not a folder on this machine, not one that can be written, or no room asked for.
        """
        path = os.fspath(folder)
        if "://" in path:
            raise ConfigError(f"cache: found {path!r}, expected a folder on this machine.")
        if not gigabytes > 0:
            raise ConfigError(f"cache_gb: found {gigabytes}, expected a number above 0.")
        cache = cls(os.fspath(Path(path).expanduser().absolute()), int(gigabytes * 1e9))
        try:
            cache.room.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cache: {path} cannot be made ({error}). Choose another folder.") from error
        if not os.access(cache.room.root, os.W_OK):
            raise ConfigError(f"cache: {path} cannot be written. Choose another folder, or change its permissions.")
        return cache

    @property
    def room(self) -> Room:
        """The files and their bound."""
        return Room(self.folder, self.limit)

    def fetched(
        self, name: str, size: int, send: Callable[[], Pieces], join: Callable[[Pieces], Buffer], check: Check
    ) -> Callable[[], Buffer]:
        """Return what waits for a range: from its file, from the requests of this process, or those of another.

        Parameters
        ----------
        name
            What `entry_name` returned.
        size
            Bytes of the range.
        send
            Sends the requests for it.
        join
            Waits for them and returns the bytes, or raises what is to be raised.
        check
            Raises `CorruptedError` when the bytes are not those that were written.
        """
        if (data := self.read(name, size)) is not None:
            return lambda: data
        claim = None if size > self.limit else self._claim(name)
        if claim is not None:
            return self._sent(claim, size, send, join, check)
        if size > self.limit or self.folder in _UNWRITABLE:
            return partial(join, send())
        return lambda: self._waited(name, size, send, join, check)

    def read(self, name: str, size: int) -> Buffer | None:
        """Return the bytes of a file, None where it is not there; one of another size is removed."""
        path = self.room.path(name)
        try:
            found, buffer = read_file(path, 0, size)
            if found == size == len(buffer):
                with suppress(OSError):  # a file of another user can be read and not touched
                    os.utime(path)
                return buffer
        except FileNotFoundError:
            return None
        except OSError as error:
            _LOG.info("cache: %s cannot be read (%s), it is fetched again", path, error)
        self.drop(name)
        return None

    def drop(self, name: str) -> None:
        """Remove a file, because it is damaged."""
        with suppress(OSError):
            self.room.path(name).unlink()

    def _waited(
        self, name: str, size: int, send: Callable[[], Pieces], join: Callable[[Pieces], Buffer], check: Check
    ) -> Buffer:
        """Wait for the process that fetches a range; do it here when that one died or takes long."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end and self.folder not in _UNWRITABLE:
            time.sleep(_POLL)
            if (data := self.read(name, size)) is not None:
                return data
            if (claim := self._claim(name)) is not None:
                return self._sent(claim, size, send, join, check)()
        return join(send())

    def _sent(
        self, claim: _Claim, size: int, send: Callable[[], Pieces], join: Callable[[Pieces], Buffer], check: Check
    ) -> Callable[[], Buffer]:
        """Send the requests for a range, which is kept as soon as the last one is answered."""
        pieces = send()
        left, lock = [len(pieces)], threading.Lock()

        def done(_: Future[Buffer]) -> None:
            with lock:
                left[0] -= 1
                last = not left[0]
            if last:
                self._keep(claim, size, pieces, check)

        for piece in pieces:
            piece.add_done_callback(done)
        return lambda: join(pieces)

    def _keep(self, claim: _Claim, size: int, pieces: Pieces, check: Check) -> None:
        """Write a range that arrived whole, and let others have it; errors are those of whoever reads the pieces."""
        try:
            if any(piece.cancelled() or piece.exception() is not None for piece in pieces):
                return
            data = b"".join(piece.result().data for piece in pieces)
            if len(data) != size:
                return
            check(np.frombuffer(data, dtype=np.uint8))
            claim.write(data)
            with self.room.reserved(size):
                claim.publish()
        except CorruptedError:
            return
        except OSError as error:
            self._go_without(error)
        finally:
            claim.close()

    def _go_without(self, error: OSError) -> None:
        if self.folder not in _UNWRITABLE:
            _UNWRITABLE.add(self.folder)
            _LOG.warning("cache: %s cannot be written (%s); going on without it", self.folder, error)

    def _claim(self, name: str) -> _Claim | None:
        """Return the right to fetch a range; None where another has it or has just finished, or nobody can write."""
        if self.folder in _UNWRITABLE:
            return None
        path = self.room.path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            claim = _Claim(path, path.with_suffix(PARTIAL).open("ab", buffering=0))
        except OSError as error:
            self._go_without(error)
            return None
        if claim.taken() and not path.exists():
            return claim
        claim.close()
        return None


class _Claim:
    """A locked file beside the one to be; the system unlocks it when its process dies, and the next one takes it."""

    def __init__(self, path: Path, file: io.FileIO) -> None:
        self._path, self._file = path, file
        self._ours = False

    def taken(self) -> bool:
        """Lock the file; return whether it is ours and still the one at its place."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._ours = os.path.samestat(os.fstat(self._file.fileno()), self._partial.stat())
        except OSError:
            return False
        return self._ours

    @property
    def _partial(self) -> Path:
        return self._path.with_suffix(PARTIAL)

    def write(self, data: bytes) -> None:
        """Write the bytes."""
        self._file.truncate(0)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def publish(self) -> None:
        """Give the file its name."""
        self._partial.rename(self._path)
        self._ours = False

    def close(self) -> None:
        """Let go; what was not published is removed."""
        if self._ours:
            with suppress(OSError):
                self._partial.unlink()
        self._file.close()


def cache_for(url: str, folder: str | os.PathLike[str] | None, gigabytes: float) -> LocalCache | None:
    """Return the cache to read a store with; none where none is asked for, or where the store is on this machine.

    Raises
    ------
    ConfigError
        As `LocalCache.of`.
    """
    if folder is None:
        return None
    if local_path(url) is not None:
        _LOG.warning("cache: not used, %s is on this machine and a copy of it would be no faster", url)
        return None
    return LocalCache.of(folder, gigabytes)


def entry_name(digest: str, key: str, size: int, start: int, stop: int) -> str:
    """Return the name of the file of a range: of what it is, not of where it came from."""
    text = f"{digest}\n{key}\n{size}\n{start}-{stop}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read_file(path: Path, start: int, stop: int) -> tuple[int, Buffer]:
    """Return the size of a file, and those of its bytes ``start`` to ``stop`` that there are."""
    buffer = np.empty(stop - start, dtype=np.uint8)
    view = memoryview(buffer.data)
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while view and (count := file.readinto(view)):
            view = view[count:]
        return os.fstat(file.fileno()).st_size, buffer[: len(buffer) - len(view)]
