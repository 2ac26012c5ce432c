"""Whether a store can be written, found out before any work is done for it."""

from __future__ import annotations

import os

from biomech_xr.store import remote
from biomech_xr.store.objects import Url, join, local_path


def require_writable(root: Url) -> None:
    """Write an object beside the store's and remove it again; a folder on this machine is not asked.

    Raises
    ------
    StoreError
        No permission, no such bucket, or no answer; one line says which.
    """
    if local_path(root) is not None:
        return
    place = join(root, f".writable-{os.getpid()}")
    remote.put(place, b"")
    remote.remove(place)
