"""Strides: writing in shards, resuming, opening lazily, the index."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError, SchemaError
from biomech_xr.schema import INDEX_LEVELS, LABEL_UNITS, LABELS, validate_strides
from biomech_xr.store import (
    find_datasets,
    finish,
    open_part,
    open_strides,
    publish,
    shards_done,
    write_shard,
)
from biomech_xr.store.layout import part_name, shard_ledger_url, strides_url, version_url
from biomech_xr.store.objects import join, remove_tree, sizes, write_json
from biomech_xr.store.strides import stride_index
from tests.store.samples import CHAIN, Product, make_product


@pytest.fixture
def small() -> Product:
    return make_product("hu", strides=70, time=900, seed=3, phase=20)


def test_a_part_is_read_back_on_every_backend(root: str, small: Product) -> None:
    manifest = small.write(root)
    assert manifest["counts"] == {"strides": 70, "rejected": 1, "patients": 4, "clipped": 0}
    part = pickle.loads(pickle.dumps(open_part(strides_url(root, CHAIN, "hu"))))  # noqa: S301 - our own bytes
    assert (part.size, part.chunk) == (70, 64)
    assert list(part.labels.columns) == list(LABELS)
    assert part.read("emg", 60, 70).dtype == np.int16
    for name, values in small.block.items():
        if name != "emg":
            np.testing.assert_array_equal(part.read(name, 3, 69), values[3:69])
    np.testing.assert_array_equal(part.labels["kinetics_artefact"], small.block["kinetics_artefact"])
    assert len(part.rejected) == 1
    dataset = open_strides(root)
    np.testing.assert_allclose(dataset["emg"].values, small.block["emg"], atol=2.5e-4)


def test_clipped_strides_are_counted_and_flagged(root: str, small: Product) -> None:
    small.block["emg"][[5, 66], 2, 300] = (30.0, -17.0)
    assert small.write(root)["counts"]["clipped"] == 2
    dataset = open_strides(root)
    assert np.flatnonzero(dataset["emg_clipped"].values).tolist() == [5, 66]
    assert dataset["emg"].isel(stride=66, channel=2, time=300).values == np.float32(-32767 / 2048)


def test_the_codec_chain_of_every_array_ends_with_a_checksum(tmp_path: Path, small: Product) -> None:
    small.write(str(tmp_path))
    found = {}
    for file in (tmp_path / "strides").rglob("zarr.json"):
        metadata = json.loads(file.read_text())
        if metadata["node_type"] == "array":
            found[file.parent.name] = metadata
            codecs = metadata["codecs"]
            if codecs[0]["name"] == "sharding_indexed":
                assert codecs[0]["configuration"]["index_location"] == "start"
                codecs = codecs[0]["configuration"]["codecs"]
            assert [codec["name"] for codec in codecs] == ["bytes", "blosc", "crc32c"] or codecs[-1]["name"] == "crc32c"
            assert None not in metadata["dimension_names"]
    assert found["emg"]["codecs"][0]["name"] == "sharding_indexed"
    assert found["emg"]["fill_value"] == -32768
    assert {"codes", "float64", "int64", "bool", "emg_mask"} <= set(found)


def test_an_object_exists_for_every_shard_even_when_all_is_missing(tmp_path: Path) -> None:
    product = make_product("hu", strides=520, time=300, seed=4, phase=4)
    for values in product.block.values():
        values[...] = False if values.dtype == bool else np.nan
    manifest = product.write(str(tmp_path))
    for name in product.block:
        shards = [key for key in manifest["parts"][0]["objects"] if key.startswith(f"{name}/c/")]
        assert len(shards) == 2, name


def test_a_run_that_died_is_resumed_without_touching_what_is_done(root: str) -> None:
    product = make_product("hu", strides=1030, time=300, seed=5, phase=4)
    entry = product.create(root)
    product.write_shard(root, 0, entry)
    before = sizes(root)
    with pytest.raises(NotAStoreError, match=r"2 shard\(s\) missing: 1, 2"):
        open_part(strides_url(root, CHAIN, "hu"))
    with pytest.raises(NotAStoreError, match=r"2 shard\(s\) missing: 1, 2"):
        open_strides(root)
    with pytest.raises(NotAStoreError, match=r"2 shard\(s\) missing: 1, 2"):
        finish(root, CHAIN, "hu", [entry["fingerprint"]])
    assert product.create(root) == entry
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == {0}
    poisoned = {name: values[::-1] for name, values in product.shard(0).items()}
    write_shard(root, CHAIN, "hu", 0, poisoned, fingerprint=entry["fingerprint"])
    assert sizes(root) == before
    for number in (2, 1):
        product.write_shard(root, number, entry)
    first = finish(root, CHAIN, "hu", [entry["fingerprint"]])
    assert finish(root, CHAIN, "hu", [entry["fingerprint"]]) == first
    assert [publish(root, CHAIN, ["hu"]).number for _ in range(2)] == [1, 1]
    np.testing.assert_array_equal(open_strides(root)["kinetics"].values, product.block["kinetics"])


def test_objects_without_a_ledger_entry_are_overwritten(root: str, small: Product) -> None:
    other = make_product("hu", strides=70, time=900, seed=99, phase=20)
    entry = small.create(root)
    other.write_shard(root, 0, entry)
    remove_tree(shard_ledger_url(strides_url(root, CHAIN, "hu"), part_name(entry["fingerprint"]), 0))
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == set()
    small.write(root)
    np.testing.assert_array_equal(open_strides(root)["kinematics"].values, small.block["kinematics"])


def test_a_shard_that_lost_an_object_is_done_again(tmp_path: Path, small: Product) -> None:
    root = str(tmp_path)
    entry = small.create(root)
    small.write_shard(root, 0, entry)
    part = f"{part_name(entry['fingerprint'])}.zarr"
    shutil.rmtree(tmp_path / "strides" / CHAIN / "hu" / part / "kinetics" / "c")
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == set()
    small.write(root)
    np.testing.assert_array_equal(open_strides(root)["kinetics"].values, small.block["kinetics"])


def test_an_occupied_output_is_refused(root: str, small: Product) -> None:
    small.write(root)
    write_json(join(strides_url(root, CHAIN, "hu"), "thesis.json"), 1)
    with pytest.raises(OccupiedError, match=r"thesis\.json"):
        small.create(root)


def test_a_place_that_is_not_a_store_is_named(root: str, small: Product) -> None:
    with pytest.raises(NotAStoreError, match="no strides here"):
        open_strides(root)
    with pytest.raises(NotAStoreError, match="not a strides store"):
        open_part(strides_url(root, CHAIN, "hu"))
    small.write(root)
    with pytest.raises(NotAStoreError, match="no source 'camargo'; it holds hu"):
        open_strides(root, dataset="camargo")
    with pytest.raises(NotAStoreError, match="no version 2; found: 1"):
        open_strides(root, version=2)
    write_json(version_url(root, CHAIN, 1), {"format": "other", "digest": ""})
    with pytest.raises(LostDataError, match=r"versions/envelope/000001\.json"):
        open_strides(root)


def test_wrong_blocks_labels_and_templates_list_every_problem(tmp_path: Path, small: Product) -> None:
    root = str(tmp_path)
    entry = small.create(root)
    block = {**small.shard(0), "unknown": np.zeros(70)}
    block["emg"] = block["emg"][:10]
    del block["kinetics"]
    with pytest.raises(SchemaError, match=r"(?s)3 problem.*'kinetics' is missing.*'unknown'.*emg: shape") as raised:
        write_shard(root, CHAIN, "hu", 0, block, fingerprint=entry["fingerprint"])
    assert "expected (70, 13, 900)" in str(raised.value)
    double = small.labels.assign(stride_number=0, trial="t1", side="left")
    with pytest.raises(SchemaError, match="not unique"):
        Product(**{**_fields(small), "labels": double}).create(str(tmp_path / "b"))
    with pytest.raises(SchemaError, match="'speed' is missing"):
        Product(**{**_fields(small), "labels": small.labels.drop(columns="speed")}).create(str(tmp_path / "b"))
    wrong = {**small.template, "emg": (("stride", "channel"), (13, 900))}
    with pytest.raises(SchemaError, match="emg: dims"):
        Product(**{**_fields(small), "template": wrong}).create(str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


def _fields(product: Product) -> dict[str, object]:
    return {name: getattr(product, name) for name in ("dataset", "labels", "block", "template", "attrs")}


def test_opening_two_sources_reads_no_data_variable(
    two_sources: tuple[str, dict[str, Product]], never_computes: Callable[[], object]
) -> None:
    root, products = two_sources
    assert find_datasets(root) == ["bacek", "hu"]
    with never_computes():
        dataset = open_strides(root)
        validate_strides(dataset)
        picked = dataset.sel(patient="hu-AB01", activity="walk")
        with pytest.raises(AssertionError, match="Dask computed"):
            picked["emg_mask"].compute()
    labels = products["hu"].labels
    rows = ((labels["patient"] == "hu-AB01") & (labels["activity"] == "walk")).to_numpy()
    np.testing.assert_array_equal(picked["kinetics"].values, products["hu"].block["kinetics"][rows])
    assert picked.sizes["stride"] == rows.sum() > 20
    assert {name for name in LABELS if name in dataset.coords} == set(LABELS)
    extra = set(dataset.coords) - set(LABELS) - {"stride", *dataset.dims}
    assert extra == set()
    assert dataset.attrs["lookahead"] == 0.5
    assert dataset.attrs["sources"]["hu"]["data_doi"] == "10.1/data"
    assert dataset.attrs["config_hash"] == {"bacek": "c0ffee", "hu": "c0ffee"}
    assert dataset["emg"].attrs["units"] == "1"
    units = {name: dataset[name].attrs.get("units") for name in LABELS}
    assert {name for name, unit in units.items() if unit} == set(LABEL_UNITS)
    assert (units["duration"], units["speed"], units["body_mass"]) == ("s", "m s-1", "kg")


def test_the_shorter_source_is_padded_with_nan(two_sources: tuple[str, dict[str, Product]]) -> None:
    root, products = two_sources
    dataset = open_strides(root)
    assert dataset.sizes["time"] == 1000
    emg = dataset["emg"].sel(dataset="hu").isel(stride=slice(510, 530))
    np.testing.assert_allclose(emg.values[..., :900], products["hu"].block["emg"][510:530], atol=2.5e-4)
    assert np.isnan(emg.values[..., 900:]).all()
    alone = open_strides(root, dataset="hu")
    assert alone.sizes["time"] == 900
    assert np.isfinite(alone["emg"].sel(time=0.0, channel="soleus")).all()


@pytest.mark.parametrize(
    "key",
    [5, slice(500, 525), slice(1, 530, 7), [3, 515, 2], slice(40, 10, -3)],
    ids=["one", "range", "step", "list", "back"],
)
def test_any_indexing_of_the_lazy_arrays_equals_numpy(two_sources: tuple[str, dict[str, Product]], key: object) -> None:
    root, products = two_sources
    dataset = open_strides(root, dataset="hu")
    found = dataset["kinematics"].isel(stride=key, joint=1, phase=slice(3, 90, 2)).values
    np.testing.assert_array_equal(found, products["hu"].block["kinematics"][key][..., 1, :, 3:90:2])


def test_an_unfinished_source_is_left_out_aloud(
    tmp_path: Path, small: Product, caplog: pytest.LogCaptureFixture
) -> None:
    small.write(str(tmp_path))
    make_product("camargo", strides=10, time=300, seed=1, phase=20).create(str(tmp_path))
    with caplog.at_level(logging.WARNING):
        dataset = open_strides(str(tmp_path))
    assert set(dataset["dataset"].values) == {"hu"}
    assert "camargo: not in version 1" in caplog.text
    with pytest.raises(NotAStoreError, match=r"1 shard\(s\) missing: 0"):
        open_strides(str(tmp_path), dataset="camargo")


def test_a_part_without_strides_opens(root: str) -> None:
    product = make_product("hu", strides=0, time=300, seed=0, phase=4)
    product.write(root)
    dataset = open_strides(root)
    validate_strides(dataset)
    assert dataset.sizes["stride"] == 0


def test_the_index_equals_the_one_built_from_text() -> None:
    labels = make_product("hu", strides=200, time=260, seed=0, phase=2).labels
    coded = labels.astype({name: "category" for name in INDEX_LEVELS if name != "stride_number"})
    index = stride_index(coded)
    assert index.equals(pd.MultiIndex.from_frame(labels[list(INDEX_LEVELS)]))
    assert index.is_unique
    with pytest.raises(SchemaError, match="not unique"):
        stride_index(pd.concat([coded, coded.iloc[[7]]], ignore_index=True))
    empty = coded.copy()
    empty.loc[3, "trial"] = None
    with pytest.raises(SchemaError, match="'trial' is empty"):
        stride_index(empty)


def test_a_grid_in_hz_gets_its_time(tmp_path: Path) -> None:
    product = make_product("hu", strides=8, time=300, seed=0, phase=110)
    rename = {"phase": "time_kinematics"}
    template = {
        name: (tuple(rename.get(dim, dim) for dim in dims), tail) for name, (dims, tail) in product.template.items()
    }
    Product(**{**_fields(product), "template": template, "attrs": {"grid": {"rate": 100}}}).write(str(tmp_path))
    dataset = open_strides(str(tmp_path))
    validate_strides(dataset)
    np.testing.assert_array_equal(dataset["time_kinematics"], np.arange(110) / 100)
    assert dataset.attrs["lookahead"] is None


def test_plain_xarray_opens_a_part(tmp_path: Path, small: Product) -> None:
    small.write(str(tmp_path))
    plain = xr.open_zarr(next((tmp_path / "strides" / CHAIN / "hu").glob("part-*.zarr")), consolidated=False)
    assert plain["kinematics"].dims == ("stride", "joint", "motion", "phase")
    assert plain.attrs["dataset"] == "hu"


def test_a_file_url_is_the_path(tmp_path: Path, small: Product) -> None:
    small.write(f"file://{tmp_path}")
    np.testing.assert_array_equal(open_strides(tmp_path)["kinetics"].values, small.block["kinetics"])
    assert find_datasets(f"file://{tmp_path}") == ["hu"]


def test_shards_of_nothing_but_fill_values_are_written_by_threads_side_by_side(tmp_path: Path) -> None:
    product = make_product("hu", strides=2100, time=260, seed=5, phase=3)
    product.block["kinetics_artefact"][:] = False
    entry = product.create(str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda shard: product.write_shard(str(tmp_path), shard, entry), range(5)))
    assert [one["shard"] for one in done] == list(range(5))
    finish(str(tmp_path), CHAIN, "hu", [entry["fingerprint"]])
