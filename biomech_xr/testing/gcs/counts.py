"""What an emulator has served: requests by method and by kind, bytes, connections."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestCounts:
    """Requests served so far.

    `bytes_received` and `bytes_sent` count bodies alone; `connections` were accepted; `peak` is the largest number of
    requests in flight at one time.
    """

    total: int = 0
    by_method: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)
    by_status: dict[int, int] = field(default_factory=dict)
    bytes_received: int = 0
    bytes_sent: int = 0
    connections: int = 0
    peak: int = 0

    def of(self, *kinds: str) -> int:
        """Return the number of requests of some kinds."""
        return sum(self.by_kind.get(kind, 0) for kind in kinds)

    def plain(self) -> dict[str, Any]:
        """Return the counts as plain JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Counting:
    """The counters behind `RequestCounts`, shared by all connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying = 0
        self._clear()

    def _clear(self) -> None:
        self._methods: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._received = self._sent = self._connections = self._peak = 0

    def connected(self) -> None:
        """Count a connection."""
        with self._lock:
            self._connections += 1

    def begun(self, method: str, kind: str, received: int) -> None:
        """Count a request that has arrived whole."""
        with self._lock:
            self._methods[method] += 1
            self._kinds[kind] += 1
            self._received += received
            self._flying += 1
            self._peak = max(self._peak, self._flying)

    def replied(self, status: int, sent: int) -> None:
        """Count a reply before it goes out, so that its reader finds it counted; status 0 is none at all."""
        with self._lock:
            self._statuses[status] += 1
            self._sent += sent

    def ended(self) -> None:
        """Count a request as no longer in flight."""
        with self._lock:
            self._flying -= 1

    def reset(self) -> None:
        """Start again from zero; what is in flight is counted when it ends."""
        with self._lock:
            self._clear()

    def snapshot(self) -> RequestCounts:
        """Return the counts of this moment."""
        with self._lock:
            return RequestCounts(
                total=self._methods.total(),
                by_method=dict(sorted(self._methods.items())),
                by_kind=dict(sorted(self._kinds.items())),
                by_status=dict(sorted(self._statuses.items())),
                bytes_received=self._received,
                bytes_sent=self._sent,
                connections=self._connections,
                peak=self._peak,
            )
