"""A copy that is stopped on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from biomech_xr.errors import StoreError
from biomech_xr.store import copying
from biomech_xr.store.copying import copy_store


def stopped(source: Path, target: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy a store to a target that takes so many objects and then fails."""
    left, put = iter(range(after)), copying.put_verified

    def failing(url: str, data: bytes, **how: bool) -> None:
        if next(left, None) is None:
            raise StoreError(f"{url}: the storage is gone")
        put(url, data, **how)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "put_verified", failing)
        with pytest.raises(StoreError, match="gone"):
            copy_store(str(source), str(target))
