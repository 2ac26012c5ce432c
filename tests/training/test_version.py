"""A run reads one version of the strides, however often it is resumed and whatever is published meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from biomech_xr.errors import ConfigError, NotAStoreError
from biomech_xr.store import finish, publish
from tests.store.samples import CHAIN, make_product
from training.config import TrainConfig
from training.distributed import Ranks
from training.run import claim, with_version


def test_a_run_keeps_its_version(tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    make_product("hu", strides=20, time=300, seed=1, phase=20).write(root)
    given = TrainConfig(store=root, chain=CHAIN, out=str(tmp_path / "run"))
    first = with_version(given)
    assert first.version == 1
    claim(first, Ranks(rank=0, world_size=1, device=torch.device("cpu")))
    more = make_product("bacek", strides=5, time=300, seed=2, phase=20)
    entry = more.create(root)
    more.write_shard(root, 0, entry)
    finish(root, CHAIN, "bacek", [entry["fingerprint"]])
    assert publish(root, CHAIN, ["bacek"]).number == 2
    assert with_version(given) == first, "the same command goes on with the same strides"
    other = given.model_copy(update={"out": str(tmp_path / "other")})
    assert with_version(other).version == 2
    assert with_version(other.model_copy(update={"version": 1})).version == 1
    assert first.identity() != with_version(other).identity()


def test_another_version_under_the_same_number_is_refused(tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    make_product("hu", strides=20, time=300, seed=1, phase=20).write(root)
    first = with_version(TrainConfig(store=root, chain=CHAIN, out=str(tmp_path / "run")))
    claim(first, Ranks(rank=0, world_size=1, device=torch.device("cpu")))
    shutil.rmtree(tmp_path / "store" / "versions")
    make_product("bacek", strides=5, time=300, seed=2, phase=20).write(root)
    for again in (first, first.model_copy(update={"version": None, "version_digest": ""})):
        with pytest.raises(ConfigError, match=r"version 1 .* is not the one"):
            with_version(again)


def test_a_store_without_strides_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="has no version"):
        with_version(TrainConfig(store=str(tmp_path), chain=CHAIN, out=str(tmp_path / "run")))
