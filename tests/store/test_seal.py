"""What may be sealed: exactly the objects that the metadata ask for, of one run. What is not listed is no data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError, StoreError
from biomech_xr.store import (
    create_part,
    finish,
    list_patients,
    open_part,
    open_patient,
    open_strides,
    part,
    patient_entry,
    publish,
    read_manifest,
    recording_group,
    recordings,
    require_one_chain,
    shards_done,
    summarize,
    write_patient,
)
from biomech_xr.store.layout import part_name, part_seal_url, patient_ledger_url, shard_ledger_url, strides_url
from biomech_xr.store.objects import (
    exists,
    join,
    local_path,
    read_bytes,
    read_sealed,
    remove_tree,
    sizes,
    write_json,
    write_sealed,
)
from tests.store.samples import CHAIN, Product, make_product, make_spec, make_trials


@pytest.fixture
def small() -> Product:
    return make_product("hu", strides=70, time=300, seed=3, phase=20)


def write(root: str, config_hash: str = "c0ffee") -> dict[str, Any]:
    return write_patient(root, make_spec(), make_trials(), config_hash=config_hash)


def forget(url: str, listed: Callable[[dict[str, Any]], dict[str, int]], key: str) -> None:
    """Take an object from a ledger and seal it again, as a writer did that saw it vanish."""
    entry = read_sealed(url)
    del listed(entry)[next(name for name in listed(entry) if name.startswith(key))]
    write_sealed(url, entry)


def test_a_chunk_that_the_manifest_does_not_list_is_no_data(root: str, small: Product) -> None:
    small.write(root)
    folder = strides_url(root, CHAIN, "hu")
    part = open_part(folder).name
    forget(part_seal_url(folder, part), lambda entry: entry["objects"], "kinetics/c/")
    with pytest.raises(LostDataError, match=r"kinetics/c/0.*not in the list"):
        open_part(folder).read("kinetics", 0, 1)
    remove_tree(join(folder, f"{part}.zarr", "kinetics", "c"))
    with pytest.raises(LostDataError, match="kinetics/c/0"):
        open_part(folder).read("kinetics", 0, 1)
    with pytest.raises(LostDataError, match="written anew"):
        open_strides(root)["kinetics"].compute(scheduler="synchronous")
    assert np.isfinite(open_part(folder).read("kinematics", 0, 1)).all()


def test_a_chunk_that_the_ledger_does_not_list_is_no_data(root: str) -> None:
    write(root)
    forget(patient_ledger_url(root, "hu", "hu-AB01"), lambda entry: entry["objects"], "emg/c/")
    remove_tree(join(root, "recordings", "hu", "hu-AB01.zarr", "emg", "c"))
    with pytest.raises(LostDataError, match="emg/c/0"):
        open_patient(root, "hu", "hu-AB01").signal("t1", "emg")


@pytest.mark.parametrize("lost", ["emg/c/0/0/0", "trials/codes/c/0/0", "strides/zarr.json"])
def test_recordings_that_lost_an_object_are_not_sealed(root: str, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def consolidate_and_lose(group: Any) -> None:
        consolidate(group)
        remove_tree(join(group.store.url, lost))

    consolidate = recording_group.consolidate
    with monkeypatch.context() as patch:
        patch.setattr(recording_group, "consolidate", consolidate_and_lose)
        with pytest.raises(LostDataError, match=f"1 object.* missing: {lost}.*[Nn]othing was sealed"):
            write(root)
    assert list_patients(root) == []
    write(root)
    assert len(open_patient(root, "hu", "hu-AB01").trials) == 3


def test_a_shard_that_lost_an_object_is_not_sealed(root: str, small: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes_after_loss(url: str, keys: Any) -> dict[str, int]:
        remove_tree(join(url, "emg_mask", "c"))
        return real(url, keys)

    real = part.sizes_of
    entry = small.create(root)
    with monkeypatch.context() as patch:
        patch.setattr(part, "sizes_of", sizes_after_loss)
        with pytest.raises(LostDataError, match=r"emg_mask/c/0"):
            small.write_shard(root, 0, entry)
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == set()
    assert not exists(shard_ledger_url(strides_url(root, CHAIN, "hu"), part_name(entry["fingerprint"]), 0))


@pytest.mark.parametrize("damage", ["forgotten", "other part"])
def test_a_shard_entry_that_does_not_fit_the_part_is_done_again(root: str, small: Product, damage: str) -> None:
    entry = small.create(root)
    first = small.write_shard(root, 0, entry)
    url = shard_ledger_url(strides_url(root, CHAIN, "hu"), part_name(entry["fingerprint"]), 0)
    if damage == "forgotten":
        forget(url, lambda shard: shard["objects"], "kinetics/c/")
    else:
        write_sealed(url, {**first, "fingerprint": "0" * 64})
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == set()
    assert small.write_shard(root, 0, entry) == first
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == {0}


def test_a_shard_of_which_another_run_wrote_other_values_meanwhile_is_said_to_be_so(
    root: str, small: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wins, the other stops; the next run does the shard again, whosever values lie there."""
    entry = small.create(root)
    other = dataclasses.replace(small, block={**small.block, "kinetics": np.zeros_like(small.block["kinetics"])})
    real = part.encoded_block

    def theirs_first(*arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(part, "encoded_block", real)
        other.write_shard(root, 0, entry)
        return real(*arguments)

    monkeypatch.setattr(part, "encoded_block", theirs_first)
    with pytest.raises(OccupiedError, match="another run wrote this shard meanwhile"):
        small.write_shard(root, 0, entry)
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == set()
    small.write_shard(root, 0, entry)
    finish(root, CHAIN, "hu", [entry["fingerprint"]])
    read = open_part(strides_url(root, CHAIN, "hu")).read("kinetics", 0, 70)
    np.testing.assert_array_equal(read, small.block["kinetics"])


def test_a_part_is_not_sealed_over_replaced_metadata(tmp_path: Path, small: Product) -> None:
    """Another run wrote over ours; the sizes are the same, and each object is whole."""
    entry = small.create(str(tmp_path))
    small.write_shard(str(tmp_path), 0, entry)
    other = dataclasses.replace(small, labels=small.labels.assign(speed=1.5)).create(str(tmp_path / "other"))
    ours, theirs = (
        Path(strides_url(str(place), CHAIN, "hu"), f"{part_name(one['fingerprint'])}.zarr", "zarr.json")
        for place, one in ((tmp_path, entry), (tmp_path / "other", other))
    )
    assert ours.stat().st_size == theirs.stat().st_size
    ours.write_bytes(theirs.read_bytes())
    with pytest.raises(LostDataError, match="another run replaced them"):
        finish(str(tmp_path), CHAIN, "hu", [entry["fingerprint"]])
    assert not exists(join(strides_url(str(tmp_path), CHAIN, "hu"), "MANIFEST.json"))


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, other_run: Callable[[], object]) -> None:
    """Let another run do its whole work just after ours, which found no entry, called ``module.name``."""
    real = getattr(module, name)

    def both(*arguments: Any) -> Any:
        monkeypatch.setattr(module, name, real)
        made = real(*arguments)
        other_run()
        return made

    monkeypatch.setattr(module, name, both)


def test_two_runs_on_one_patient(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, recordings, "write_group", lambda: write(root, "beef"))
    with pytest.raises(OccupiedError, match="another run is writing"):
        write(root)
    assert open_patient(root, "hu", "hu-AB01").ledger["config_hash"] == "beef"
    assert len(open_patient(root, "hu", "hu-AB01").read("emg", 0, 10)) == 10


def test_two_runs_on_one_patient_with_the_same_content_both_go_on(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, recordings, "write_group", lambda: write(root))
    assert write(root) == patient_entry(root, "hu", "hu-AB01")


def test_a_patient_who_was_finished_meanwhile_is_left_alone(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run sealed its entry after we looked for one: nothing of it is removed, and we are told."""
    write(root, "beef")
    before = objects_of(root)
    with monkeypatch.context() as patch:
        patch.setattr(recordings, "exists", lambda _: False)
        with pytest.raises(OccupiedError, match=r"written with configuration 'beef', this run has 'c0ffee'"):
            write(root)
    assert objects_of(root) == before


def objects_of(root: str) -> dict[str, bytes]:
    return {key: read_bytes(join(root, key)) for key in sizes(root)}


def test_two_runs_of_other_content_make_two_parts(root: str, small: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(small, labels=small.labels.assign(speed=1.5))
    theirs: list[dict[str, Any]] = []
    meanwhile(monkeypatch, part, "_write_metadata", lambda: theirs.append(other.create(root, config_hash="beef")))
    ours = small.create(root)
    assert theirs[0]["config_hash"] == "beef"
    assert ours["config_hash"] == "c0ffee"
    assert theirs[0]["fingerprint"] != ours["fingerprint"]
    other.write_shard(root, 0, theirs[0])
    small.write_shard(root, 0, ours)
    assert finish(root, CHAIN, "hu", [ours["fingerprint"]])["counts"]["strides"] == 70


def test_two_runs_on_one_part_with_the_same_content_both_go_on(
    root: str, small: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_run() -> None:
        small.write_shard(root, 0, small.create(root))

    meanwhile(monkeypatch, part, "_write_metadata", other_run)
    entry = small.create(root)
    assert shards_done(root, CHAIN, "hu", fingerprint=entry["fingerprint"]) == {0}
    small.write_shard(root, 0, entry)
    finish(root, CHAIN, "hu", [entry["fingerprint"]])
    publish(root, CHAIN, ["hu"])
    np.testing.assert_array_equal(open_strides(root)["kinetics"].values, small.block["kinetics"])


def test_a_shard_of_a_part_that_is_not_there_is_refused(root: str, small: Product) -> None:
    arguments = (root, CHAIN, "hu", small.labels.assign(speed=1.5), small.labels.iloc[:0], small.template, small.attrs)
    theirs = create_part(*arguments, config_hash="beef")
    ours = {"fingerprint": "1" * 64}
    before = sizes(root)
    with pytest.raises(NotAStoreError, match=r"part-111111111111 was not created"):
        small.write_shard(root, 0, ours)
    assert sizes(root) == before
    small.write_shard(root, 0, theirs)


def test_sources_of_two_configurations_are_not_joined(root: str, small: Product) -> None:
    small.write(root)
    other = make_product("bacek", strides=5, time=300, seed=1, phase=20)
    entry = other.create(root, config_hash="beef")
    other.write_shard(root, 0, entry)
    finish(root, CHAIN, "bacek", [entry["fingerprint"]])
    with pytest.raises(
        StoreError, match=r"'envelope'.*bacek beef; hu c0ffee.*Process all of them with one configuration"
    ):
        publish(root, CHAIN, ["bacek"])
    assert open_strides(root).attrs["version"] == 1
    assert open_strides(root, dataset="hu").sizes["stride"] == 70
    manifests = [read_manifest(strides_url(root, CHAIN, name)) for name in ("hu", "bacek")]
    with pytest.raises(StoreError, match="hu c0ffee; bacek beef"):
        require_one_chain(manifests)
    require_one_chain(manifests[:1])


@pytest.mark.parametrize("content", ["[", '{"format": "biomech-xr/1"}', "7"])
def test_a_damaged_patient_ledger_is_not_in_the_store_and_says_what_to_do(root: str, content: str) -> None:
    assert patient_entry(root, "hu", "hu-AB01") is None
    write(root)
    entry = patient_entry(root, "hu", "hu-AB01")
    assert entry is not None
    assert entry["config_hash"] == "c0ffee"
    url = patient_ledger_url(root, "hu", "hu-AB01")
    remove_tree(url)
    write_json(url, json.loads(content) if content != "[" else None)
    if content == "[" and (path := local_path(url)) is not None:
        path.write_text(content)
    assert patient_entry(root, "hu", "hu-AB01") is None
    for attempt in (write, lambda place: open_patient(place, "hu", "hu-AB01"), summarize):
        with pytest.raises(LostDataError, match=rf"{url}: damaged.*check --repair"):
            attempt(root)
    remove_tree(url)
    assert write(root) == entry


def test_a_store_that_does_not_say_whether_it_is_synthetic_is_recorded(root: str) -> None:
    entry = write(root)
    del entry["spec"]["synthetic"]
    write_sealed(patient_ledger_url(root, "hu", "hu-AB01"), entry)
    assert summarize(root)["recordings"][0]["data"] == "recorded"
