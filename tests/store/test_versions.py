"""Versions: what was opened once can be opened again, whatever was added since; nothing is written twice."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.load import StrideWindows
from biomech_xr.store import (
    check_store,
    differences,
    finish,
    list_versions,
    open_strides,
    publish,
    read_version,
    versions,
)
from biomech_xr.store.layout import part_name, strides_url, version_url
from biomech_xr.store.objects import join, remove_tree, sizes
from tests.store.samples import CHAIN, Product, make_product


def people_of(product: Product, *names: str) -> Product:
    """Return the part of a product that holds some of its people."""
    rows = product.labels["patient"].isin(names).to_numpy()
    block = {name: values[rows] for name, values in product.block.items()}
    return dataclasses.replace(product, labels=product.labels[rows].reset_index(drop=True), block=block)


def write(root: str, product: Product) -> str:
    entry = product.create(root)
    product.write_shard(root, 0, entry)
    return str(entry["fingerprint"])


@pytest.fixture(scope="module")
def whole() -> Product:
    return make_product("hu", strides=80, time=300, seed=3, phase=20)


def test_new_people_make_a_version_and_rewrite_nothing(root: str, whole: Product) -> None:
    first = write(root, people_of(whole, "hu-AB00", "hu-AB01"))
    finish(root, CHAIN, "hu", [first])
    assert publish(root, CHAIN, ["hu"]).number == 1
    before = sizes(root)
    old = open_strides(root)
    second = write(root, people_of(whole, "hu-AB02", "hu-AB03"))
    finish(root, CHAIN, "hu", [first, second])
    assert publish(root, CHAIN, ["hu"]).number == 2
    unchanged = {key: size for key, size in sizes(root).items() if key in before and not key.endswith("MANIFEST.json")}
    assert unchanged == {key: size for key, size in before.items() if not key.endswith("MANIFEST.json")}
    new = open_strides(root)
    assert (old.attrs["version"], new.attrs["version"]) == (1, 2)
    assert old.sizes["stride"] == 40
    np.testing.assert_array_equal(new["kinetics"].values, whole.block["kinetics"])
    np.testing.assert_array_equal(old["kinetics"].values, whole.block["kinetics"][:40])
    np.testing.assert_array_equal(open_strides(root, version=1)["emg"].values, new["emg"].values[:40])
    assert new.attrs["lookahead"] == 0.25


def test_a_loader_goes_on_reading_its_version(tmp_path: Any, whole: Product) -> None:
    root = str(tmp_path)
    small = make_product("hu", strides=40, time=1000, seed=3, phase=20)
    first = write(root, people_of(small, "hu-AB00", "hu-AB01"))
    finish(root, CHAIN, "hu", [first])
    publish(root, CHAIN, ["hu"])
    options: dict[str, Any] = {"window": 20, "global_batch": 4, "history": "mask"}
    windows = StrideWindows(root, **options)
    second = write(root, people_of(small, "hu-AB02"))
    finish(root, CHAIN, "hu", [first, second])
    publish(root, CHAIN, ["hu"])
    grown, pinned = StrideWindows(root, **options), StrideWindows(root, version=1, **options)
    assert (windows.version, grown.version, pinned.version) == (1, 2, 1)
    assert grown.windows > windows.windows == pinned.windows
    assert windows.state_dict() == pinned.state_dict()
    assert len(list(windows)) == windows.steps_per_epoch


def test_other_settings_make_other_parts_and_the_old_version_stays(root: str, whole: Product) -> None:
    whole.write(root)
    entry = whole.create(root, config_hash="beef")
    whole.write_shard(root, 0, entry)
    finish(root, CHAIN, "hu", [entry["fingerprint"]])
    assert publish(root, CHAIN, ["hu"]).number == 2
    found = differences(read_version(root, CHAIN, 1), read_version(root, CHAIN, 2))
    assert found["config_hash"] == ("c0ffee", "beef")
    assert found["people"] == {"added": [], "removed": []}
    assert open_strides(root, version=1).attrs["config_hash"] == {"hu": "c0ffee"}
    assert open_strides(root).attrs["config_hash"] == {"hu": "beef"}


def test_two_who_publish_at_once_both_have_a_version(
    root: str, whole: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one takes the number between our look and our write; ours goes on top of it and keeps its source."""
    fingerprint = write(root, whole)
    finish(root, CHAIN, "hu", [fingerprint])
    other = make_product("bacek", strides=5, time=300, seed=1, phase=20)
    finish(root, CHAIN, "bacek", [write(root, other)])
    real = versions.write_catalogue

    def theirs_first(*arguments: Any, **more: Any) -> dict[str, Any]:
        monkeypatch.setattr(versions, "write_catalogue", real)
        done = real(*arguments, **more)
        assert publish(root, CHAIN, ["bacek"]).number == 1
        return done

    monkeypatch.setattr(versions, "write_catalogue", theirs_first)
    ours = publish(root, CHAIN, ["hu"])
    assert (ours.number, ours.datasets) == (2, ["bacek", "hu"])
    assert read_version(root, CHAIN, 1).datasets == ["bacek"]
    assert open_strides(root).sizes["stride"] == 85


def test_a_part_is_sealed_once(root: str, whole: Product) -> None:
    fingerprint = write(root, whole)
    finish(root, CHAIN, "hu", [fingerprint])
    seal = join(strides_url(root, CHAIN, "hu"), "ledger", f"{part_name(fingerprint)}.shard-00000.json")
    remove_tree(seal)
    with pytest.raises(NotAStoreError, match=r"1 shard\(s\) missing: 0"):
        finish(root, CHAIN, "hu", [fingerprint])
    assert write(root, whole) == fingerprint
    assert finish(root, CHAIN, "hu", [fingerprint])["counts"]["strides"] == 80


def test_a_damaged_catalogue_is_no_catalogue(tmp_path: Any, whole: Product) -> None:
    root = str(tmp_path)
    whole.write(root)
    catalogue = next((tmp_path / "versions" / CHAIN).glob("*.zarr"))
    chunk = max((path for path in catalogue.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(bytes(content))
    with pytest.raises(LostDataError):
        open_strides(root)


def test_a_store_of_many_parts_opens_without_touching_them(tmp_path: Any, whole: Product) -> None:
    root = str(tmp_path)
    parts = [write(root, people_of(whole, f"hu-AB0{number}")) for number in range(4)]
    finish(root, CHAIN, "hu", parts)
    publish(root, CHAIN, ["hu"])
    expected = open_strides(root)["kinetics"].values
    for name in parts:
        (tmp_path / "strides" / CHAIN / "hu" / f"{part_name(name)}.zarr").rename(tmp_path / name)
    dataset = open_strides(root)
    assert dataset.sizes["stride"] == 80
    assert dataset.sel(patient="hu-AB02").sizes["stride"] == 20
    with pytest.raises(LostDataError):
        dataset["kinetics"].compute(scheduler="synchronous")
    for name in parts:
        (tmp_path / name).rename(tmp_path / "strides" / CHAIN / "hu" / f"{part_name(name)}.zarr")
    np.testing.assert_array_equal(open_strides(root)["kinetics"].values, expected)


def test_the_number_of_a_version_is_never_given_twice(root: str, whole: Product) -> None:
    whole.write(root)
    pointer = read_version(root, CHAIN).pointer
    with pytest.raises(OccupiedError):
        versions._written(root, CHAIN, 1, {**pointer["sources"], "hu": {**pointer["sources"]["hu"], "note": "other"}})
    assert read_version(root, CHAIN).pointer == pointer
    assert list_versions(root, CHAIN) == [1]
    assert version_url(root, CHAIN, 1).endswith("versions/envelope/000001.json")


def test_the_commands_list_and_compare(tmp_path: Any, whole: Product) -> None:
    root = str(tmp_path)
    first = write(root, people_of(whole, "hu-AB00", "hu-AB01"))
    finish(root, CHAIN, "hu", [first])
    publish(root, CHAIN, ["hu"])
    finish(root, CHAIN, "hu", [first, write(root, people_of(whole, "hu-AB02"))])
    publish(root, CHAIN, ["hu"])
    runner = CliRunner()
    rows = json.loads(runner.invoke(app, ["versions", root, "--json"]).output)
    assert [(row["version"], row["strides"], row["patients"]) for row in rows] == [(1, 40, 2), (2, 60, 3)]
    said = runner.invoke(app, ["diff", root, "1", "2"]).output
    assert "people added: 1: hu-AB02" in said
    assert "strides of hu: 40 -> 60" in said
    assert "no difference" in runner.invoke(app, ["diff", root, "2", "2"]).output
    assert runner.invoke(app, ["versions", str(tmp_path / "nowhere")]).exit_code != 0


def test_a_source_can_leave_and_earlier_versions_keep_it(tmp_path: Any, whole: Product) -> None:
    root = str(tmp_path)
    for product in (whole, make_product("bacek", strides=5, time=300, seed=1, phase=20)):
        product.write(root)
    before = sizes(root)
    result = CliRunner().invoke(app, ["withdraw", root, "hu", "--json"])
    assert json.loads(result.output) == {"chain": CHAIN, "version": 3, "sources": ["bacek"], "strides": 5}
    assert set(open_strides(root)["dataset"].values) == {"bacek"}
    assert open_strides(root, version=2).sizes["stride"] == 85
    assert {key: size for key, size in sizes(root).items() if key in before} == before
    assert not any(unit.problems or unit.leftover for unit in check_store(root))
    assert publish(root, CHAIN, ["bacek"]).number == 3, "who publishes other sources does not bring it back"
    for wrong in ("bacek", "nobody"):
        with pytest.raises(NotAStoreError, match=f"cannot leave out {wrong}; expected some, not all, of bacek"):
            publish(root, CHAIN, [], without=[wrong])
    assert publish(root, CHAIN, ["hu"]).datasets == ["bacek", "hu"]


def test_check_tells_of_a_version_without_a_trace(tmp_path: Any, whole: Product) -> None:
    root = str(tmp_path)
    for product in (whole, make_product("bacek", strides=5, time=300, seed=1, phase=20)):
        product.write(root)
    remove_tree(join(root, "versions", CHAIN, read_version(root, CHAIN, 1).pointer["catalogue"]["name"]))
    remove_tree(version_url(root, CHAIN, 1))
    (told,) = [unit for unit in check_store(root) if unit.problems or unit.leftover]
    assert (told.name, told.problems) == (f"versions/{CHAIN}/000001", ())
    assert "removed, lost" in told.leftover
