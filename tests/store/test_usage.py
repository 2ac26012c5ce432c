"""What a store takes: every byte is counted once, and EMG beside float32 of what is finite."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import NotAStoreError
from biomech_xr.store import open_part, write_patient
from biomech_xr.store.encoding import MISSING
from biomech_xr.store.layout import strides_url
from biomech_xr.store.planned import write_plan
from biomech_xr.store.usage import usage

from .damaged import snapshot
from .samples import CHAIN, make_product, make_spec, make_trials


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("usage")
    write_plan(str(root), "hu", ["hu-AB01"], ["hu-AB01"], "x")
    write_patient(str(root), make_spec(), make_trials(), config_hash="x")
    make_product("hu", strides=130, time=400, seed=0, phase=20).write(str(root))
    next(root.glob("strides/envelope/hu/part-*.zarr/emg/c")).joinpath("99").write_bytes(b"stray")
    return root


def test_every_byte_is_counted_once(store: Path) -> None:
    found, whole = usage(str(store)), snapshot(store)
    assert sum(row["bytes"] for row in found["units"]) == sum(map(len, whole.values()))
    assert sum(row["objects"] for row in found["units"]) == len(whole)
    rows = {row["kind"]: row for row in found["units"]}
    assert (rows["recordings"]["patients"], rows["recordings"]["strides"]) == (1, 6)
    assert (rows["versions"]["patients"], rows["versions"]["strides"]) == (4, 130)
    assert (rows["leftovers"]["objects"], rows["leftovers"]["bytes"]) == (1, 5)


def test_variables_add_up_to_the_parts(store: Path) -> None:
    found, whole = usage(str(store)), snapshot(store)
    parts = {key: len(data) for key, data in whole.items() if "/part-" in key and ".zarr/" in key}
    rows = {row["variable"]: row for row in found["variables"]}
    assert sum(row["bytes"] for row in rows.values()) == sum(parts.values()) - len(b"stray")
    assert rows["kinetics"]["bytes"] == sum(size for key, size in parts.items() if "/kinetics/" in key)
    assert rows["kinetics"]["per_stride"] == rows["kinetics"]["bytes"] / 130


def test_emg_is_compared_with_float32_of_its_finite_samples(store: Path) -> None:
    (row,) = [row for row in usage(str(store))["variables"] if row["variable"] == "emg"]
    part = open_part(strides_url(str(store), CHAIN, "hu"))
    finite = int(np.sum(part.read("emg", 0, 130) != MISSING))
    assert row["of_float32"] == pytest.approx(row["bytes"] / (4 * finite))


def test_the_command_prints_both_tables(store: Path) -> None:
    text = CliRunner().invoke(app, ["du", str(store)]).output
    assert "envelope/hu/part-" in text
    assert "kinematics_after" in text
    assert json.loads(CliRunner().invoke(app, ["du", str(store), "--json"]).output) == usage(str(store))


def test_an_empty_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="neither recordings nor strides"):
        usage(str(tmp_path))
