"""Whatever works on a store in a bucket does so with two transfers of every object damaged on their way, one by one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from typer.testing import CliRunner

import biomech_xr as bx
from biomech_xr.cli import app
from biomech_xr.load import StrideWindows
from biomech_xr.process import load_chain
from biomech_xr.run import finish_strides, parse_patient, shard_work
from biomech_xr.run.parse import parse_work
from biomech_xr.store import publish
from biomech_xr.store.copying import copy_store
from biomech_xr.store.objects import join, read_bytes, sizes
from biomech_xr.store.repeated import READS
from biomech_xr.synthetic import write
from biomech_xr.testing.gcs import Faults, GcsEmulator, Rule
from biomech_xr.window.split import load_or_create
from tests.buckets import GCS, gcs  # noqa: F401 (a fixture)

CHAIN = load_chain("envelope")
FIRST = [1, 2, 3]
"""The first of the transfers of each object that come damaged: what was written is read back by the writer at once."""


def parse(raw: Path, root: str) -> None:
    for patient in parse_work("hu", raw, root).todo:
        parse_patient("hu", str(raw), root, patient)


def process(root: str) -> None:
    work = shard_work(root, "hu", CHAIN)
    dask.compute(*work.tasks, scheduler="synchronous")
    finish_strides(work)
    publish(root, CHAIN.name, ["hu"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the raw files of a person, the recordings, and a store that is processed too."""
    folder = tmp_path_factory.mktemp("damaged")
    write("hu", folder / "raw", patients=1, minutes=0.1)
    parse(folder / "raw", str(folder / "recordings"))
    process(str(shutil.copytree(folder / "recordings", folder / "store")))
    load_or_create(str(folder / "store"), {name: {name} for name in ("hu-AB156", "hu-AB185")})
    return folder


@pytest.fixture(scope="module")
def stored(made: Path, gcs: GcsEmulator) -> str:  # noqa: F811
    """Return the store in a bucket; it is only read."""
    copy_store(made / "store", f"{GCS}/stored")
    return f"{GCS}/stored"


@pytest.fixture
def damaging(gcs: GcsEmulator) -> Iterator[Callable[..., int]]:  # noqa: F811
    """Return what lets transfers come damaged from now on, and how many did when it is called again."""

    def switch(first: int = 1) -> int:
        count = gcs.injected.get("corrupt", 0)
        gcs.reset()
        rule = Rule(action="corrupt", kind="read", nth=first, count=READS - 1, each=True)
        gcs.faults = Faults() if gcs.faults.rules else Faults(rules=(rule,))
        return count

    yield switch
    gcs.faults = Faults()


def objects(root: str) -> dict[str, bytes]:
    return {key: read_bytes(join(root, key)) for key in sizes(root)}


def test_the_rule_counts_for_each_object_what_came_damaged(gcs: GcsEmulator, damaging: Callable[[], int]) -> None:  # noqa: F811
    damaging()
    for key in ("a", "b"):
        url = f"{GCS}/counted/{key}"
        with pytest.raises(bx.errors.StoreError, match="no such object"):
            read_bytes(url)
        bx.store.objects.put_bytes(url, b"as it is")
        assert [read_bytes(url) == b"as it is" for _ in range(4)] == [False, False, True, True]
    assert damaging() == 4


@pytest.mark.parametrize("first", FIRST)
def test_parse(made: Path, damaging: Callable[..., int], first: int) -> None:
    root = f"{GCS}/parsed-{first}"
    damaging(first)
    parse(made / "raw", root)
    parse(made / "raw", root)
    wanted = objects(str(made / "recordings"))
    assert damaging() > (len(wanted) if first == 1 else 5)
    assert objects(root) == wanted


@pytest.mark.parametrize("first", FIRST)
def test_process(made: Path, damaging: Callable[..., int], first: int) -> None:
    root = f"{GCS}/processed-{first}"
    copy_store(made / "recordings", root)
    damaging(first)
    process(root)
    process(root)
    wanted = {key: data for key, data in objects(str(made / "store")).items() if not key.startswith("splits/")}
    assert damaging() > (len(wanted) if first == 1 else 20)
    assert objects(root) == wanted


def test_every_object_comes_in_damaged_the_first_time(made: Path, gcs: GcsEmulator) -> None:  # noqa: F811
    """What was put is read back and put again, ledgers and pointers too."""
    root = f"{GCS}/came-in-damaged"
    gcs.reset()
    gcs.faults = Faults(rules=(Rule(action="corrupt_write", kind="write", each=True),))
    try:
        parse(made / "raw", root)
        process(root)
        copy_store(root, f"{root}-copy")
        damaged = gcs.injected["corrupt_write"]
    finally:
        gcs.faults = Faults()
    wanted = {key: data for key, data in objects(str(made / "store")).items() if not key.startswith("splits/")}
    assert damaged >= 2 * len(wanted)
    assert objects(root) == objects(f"{root}-copy") == wanted


def test_copy_there_and_back(made: Path, stored: str, tmp_path: Path, damaging: Callable[[], int]) -> None:
    damaging()
    for target in (f"{GCS}/copied", f"{GCS}/copied", str(tmp_path / "back")):
        copy_store(stored, target)
    assert damaging() > 2 * len(wanted := objects(str(made / "store")))
    assert objects(f"{GCS}/copied") == objects(str(tmp_path / "back")) == wanted


def test_open_and_read(made: Path, stored: str, damaging: Callable[[], int]) -> None:
    damaging()
    found = bx.open_strides(stored).load(scheduler="synchronous")
    tree = bx.open_recordings(stored).load()
    assert damaging() > 50
    assert found.identical(bx.open_strides(str(made / "store")).load(scheduler="synchronous"))
    assert tree.identical(bx.open_recordings(str(made / "store")).load())


def test_load(made: Path, stored: str, tmp_path: Path, damaging: Callable[[], int]) -> None:
    def batches(root: str, **options: Any) -> list[dict[str, np.ndarray]]:
        windows = StrideWindows(root, global_batch=8, seed=1, **options)
        return [{name: np.asarray(values) for name, values in batch.items()} for batch in islice(windows, 20)]

    wanted = batches(str(made / "store"))
    for options in ({}, {"cache": str(tmp_path)}):
        damaging()
        found = batches(stored, **options)
        assert damaging() > 10
        assert len(found) == len(wanted) > 5
        for one, other in zip(found, wanted, strict=True):
            for name, values in other.items():
                np.testing.assert_array_equal(one[name], values, err_msg=name)


@pytest.mark.parametrize(
    "command", ["check", "info", "versions", "diff 1 1", "du", "plan", "counts", "people", "cite"], ids=str.split
)
def test_commands(made: Path, stored: str, command: str, damaging: Callable[[], int]) -> None:
    name, *more = command.split()
    damaging()
    found = CliRunner().invoke(app, [name, stored, *more, "--json"])
    assert damaging() > 2
    wanted = CliRunner().invoke(app, [name, str(made / "store"), *more, "--json"])
    assert (found.exit_code, wanted.exit_code) == (0, 0), found.output
    assert json.loads(found.output.replace(stored, "")) == json.loads(wanted.output.replace(str(made / "store"), ""))
