"""Small recordings and strides that look like gait, on two kinds of storage."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import fsspec
import pytest

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
