"""Small recordings and strides that look like gait, on two kinds of storage."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import fsspec
import numpy as np
import pytest

from biomech_xr.store import Part, local_cache
from biomech_xr.store.local_cache import LocalCache
from tests.store.cached import make_stored, make_truth
from tests.store.samples import Product, make_product


@pytest.fixture(params=["path", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the root of an empty store: a plain path, and a URL of storage that is no disk."""
    if request.param != "memory":
        yield str(tmp_path)
        return
    name = f"/store-{uuid.uuid4().hex}"
    yield f"memory:/{name}"
    fsspec.filesystem("memory").rm(name, recursive=True) if fsspec.filesystem("memory").exists(name) else None


@pytest.fixture
def never_computes() -> Callable[[], object]:
    """Return a context in which any Dask computation fails."""

    def scheduler(*_: object, **__: object) -> None:
        raise AssertionError("Dask computed")

    return lambda: dask.config.set(scheduler=scheduler)


@pytest.fixture(scope="session")
def two_sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Product]]:
    """Return a read-only store with two sources of different length, and what was written."""
    root = str(tmp_path_factory.mktemp("two"))
    products = {
        "hu": make_product("hu", strides=530, time=900, seed=1, phase=20),
        "bacek": make_product("bacek", strides=20, time=1000, seed=2, phase=20),
    }
    for product in products.values():
        product.write(root)
    return root, products


@pytest.fixture
def stored() -> Part:
    """Return a part in storage that is no disk, without a cache."""
    return make_stored()


@pytest.fixture
def truth() -> dict[str, np.ndarray]:
    """Return what is stored in that part, by variable."""
    return make_truth()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalCache:
    """Return an empty local cache that may grow to 1 GB."""
    monkeypatch.setattr(local_cache, "_UNWRITABLE", set())
    return LocalCache.of(tmp_path / "fast", 1.0)
