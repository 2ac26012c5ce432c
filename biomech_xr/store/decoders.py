"""Threads of this process that decode chunks; blosc leaves the interpreter to others meanwhile."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

INLINE: Final = 2**19
"""Results of so many bytes are decoded by the thread that asks; larger ones are spread over the processor's cores."""


def decoders_of(size: int) -> ThreadPoolExecutor | None:
    """Return the threads that decode a result of so many bytes, None where the thread that asks does."""
    return None if size <= INLINE else _decoders()


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 2)), thread_name_prefix="biomech-xr-decode")


os.register_at_fork(after_in_child=_decoders.cache_clear)
