"""The files of a local cache and their bound, the same for all processes that share it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial"
"""Ending of a file that is being fetched; it is locked as long as its process lives."""

_FOLDER: Final = "biomech-xr-cache-1"
_USED: Final = "used"
_DIGITS: Final = 20

KEPT: Final = 0.9
"""Share of the bound that is left when files are removed, so that it is done seldom."""


@dataclass(frozen=True, slots=True)
class Room:
    """At most `limit` bytes of files in a subfolder of `folder` that is ours alone.

    How much there is stands in a file; it is counted anew when the bound is reached, so a count that a killed process
    left too high does no harm.
    """

    folder: str
    limit: int

    @property
    def root(self) -> Path:
        """The subfolder."""
        return Path(self.folder, _FOLDER)

    def path(self, name: str) -> Path:
        """Return the place of a file."""
        return self.root / name[:2] / name

    @contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """Hold room for a file of so many bytes while it gets its name: what was not read for longest goes.

        An open file can be read to its end after it was removed.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        count = os.open(self.root / _USED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(count, fcntl.LOCK_EX)
            text = os.pread(count, _DIGITS, 0)
            used = int(text) if text.isdigit() else None
            if used is None or used + size > self.limit:
                used = self._removed(size)
            os.pwrite(count, f"{used + size:0{_DIGITS}d}".encode(), 0)
            yield
        finally:
            os.close(count)

    def _removed(self, size: int) -> int:
        """Remove the oldest files where a new one would not fit; return the bytes of those that stay."""
        files = sorted(self._files())
        used = sum(length for _, length, _ in files)
        if used + size <= self.limit:
            return used
        target = min(self.limit * KEPT, self.limit - size)
        for _, length, path in files:
            if used <= target:
                break
            with suppress(OSError):
                path.unlink()
                used -= length
        return used

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        """Yield the time of the last reading (ns), bytes and path of every file; what dead processes left goes."""
        for below in os.scandir(self.root):
            if not below.is_dir():
                continue
            for entry in os.scandir(below.path):
                with suppress(FileNotFoundError):
                    if entry.name.endswith(PARTIAL):
                        _remove_dead(Path(entry.path))
                    else:
                        found = entry.stat()
                        yield found.st_mtime_ns, found.st_size, Path(entry.path)


def _remove_dead(path: Path) -> None:
    """Remove a file that a process began to fetch and did not live to finish."""
    with suppress(OSError), path.open("rb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
