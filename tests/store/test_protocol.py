"""The way into a store: what is sealed is what was sent, by one run; what is finished is never removed, and heals."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import LostDataError, OccupiedError, StoreError
from biomech_xr.schema import Trial
from biomech_xr.store import (
    catalogue,
    check_store,
    finish,
    layout,
    open_part,
    open_patient,
    open_strides,
    part,
    publish,
    recording_group,
    recordings,
    write_patient,
    writing,
)
from biomech_xr.store.objects import exists, join, put_bytes, read_bytes, read_sealed, remove_tree, sizes, write_sealed
from biomech_xr.store.recordings import lost_people, patient_entry
from tests.store.samples import CHAIN, Product, make_product, make_spec, make_trials

PERSON = "hu-AB01"
GROUP = f"recordings/hu/{PERSON}.zarr"


@pytest.fixture
def small() -> Product:
    return make_product("hu", strides=70, time=300, seed=3, phase=20)


def write(root: str, code: str = "aaaa", trials: list[Trial] | None = None) -> dict[str, Any]:
    software = {"biomech-xr": "1", "code": code}
    return write_patient(root, make_spec(), trials or make_trials(), config_hash="c0ffee", software=software)


def turned() -> list[Trial]:
    """Return the trials as other code reads them: the same tables, other values."""
    trials = make_trials()
    for trial in trials:
        for signal in trial.signals.values():
            signal.values.values[...] *= -1
    return trials


def objects_of(root: str) -> dict[str, bytes]:
    return {key: read_bytes(join(root, key)) for key in sizes(root)}


def problems(root: str) -> str:
    return "\n".join(text for unit in check_store(root) for text in unit.problems)


def test_data_of_two_codes_are_never_sealed_together(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run stalls amid its writing, another clears the place and writes its own, then the first goes on."""
    blocks, sealed = recording_group.row_blocks, {}

    def stalls(group: str, *arguments: Any) -> Any:
        if group == "kinematics":
            monkeypatch.setattr(recording_group, "row_blocks", blocks)
            write(root, "bbbb", turned())
            sealed.update(objects_of(root))
        return blocks(group, *arguments)

    monkeypatch.setattr(recording_group, "row_blocks", stalls)
    with pytest.raises(OccupiedError, match="another run is writing here"):
        write(root)
    assert objects_of(root) == sealed
    assert problems(root) == ""
    assert open_patient(root, "hu", PERSON).ledger["software"]["code"] == "bbbb"


def test_a_group_that_other_code_replaced_is_not_sealed(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = recordings.write_group

    def both(*arguments: Any) -> Any:
        monkeypatch.setattr(recordings, "write_group", real)
        group = real(*arguments)
        remove_tree(arguments[0])
        real(arguments[0], {**arguments[1], "software": {"code": "bbbb"}}, *arguments[2:])
        return group

    monkeypatch.setattr(recordings, "write_group", both)
    with pytest.raises(OccupiedError, match="replaced the data of this one"):
        write(root)
    assert patient_entry(root, "hu", PERSON) is None


@pytest.mark.parametrize("what", ["person", "part"])
def test_what_another_run_finished_meanwhile_is_not_removed(
    root: str, small: Product, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We looked for the entry, and then it came."""
    module, make = {"person": (recordings, write), "part": (part, small.create)}[what]
    entry = write(root) if what == "person" else small.write(root) and small.create(root)
    before = objects_of(root)
    monkeypatch.setattr(module, "exists", lambda _: False)
    assert make(root) == entry
    assert objects_of(root) == before


def test_a_version_that_another_run_published_meanwhile_is_not_touched(root: str, small: Product) -> None:
    small.write(root)
    before = objects_of(root)
    pointer = layout.version_url(root, CHAIN, 1)
    url = join(layout.versions_url(root, CHAIN), read_sealed(pointer)["catalogue"]["name"])
    opened = open_part(layout.strides_url(root, CHAIN, "hu"))
    changed = replace(opened, manifest={**opened.manifest, "digest": "0"})
    with pytest.raises(OccupiedError, match="another run is writing here"):
        catalogue.write_catalogue(url, [changed], pointer=pointer)
    assert objects_of(root) == before


def test_a_rerun_heals_a_person(root: str) -> None:
    entry = write(root)
    before = objects_of(root)
    assert lost_people(root, "hu", {PERSON: entry}) == set()
    for lost in (f"{GROUP}/emg/c/0/0/0", f"{GROUP}/zarr.json", GROUP):
        remove_tree(join(root, lost))
        assert lost_people(root, "hu", {PERSON: entry}) == {PERSON}
        assert write(root, "bbbb") == entry
        assert objects_of(root) == before


def test_a_rerun_does_not_heal_with_other_data(root: str) -> None:
    write(root)
    remove_tree(join(root, f"{GROUP}/emg/c/0/0/0"))
    before = objects_of(root)
    with pytest.raises(LostDataError, match=r"1 object.*gone.*come out differently"):
        write(root, trials=turned())
    assert objects_of(root) == before


@pytest.mark.parametrize("lost", ["", "labels", "zarr.json", "emg"])
def test_a_rerun_heals_a_part(root: str, small: Product, lost: str) -> None:
    manifest = small.write(root)
    before = objects_of(root)
    group = join(layout.strides_url(root, CHAIN, "hu"), f"{manifest['parts'][0]['name']}.zarr")
    remove_tree(join(group, lost) if lost else group)
    assert small.write(root) == manifest
    assert objects_of(root) == before


def test_a_rerun_heals_a_version(root: str, small: Product) -> None:
    small.write(root)
    before = objects_of(root)
    for lost in ("labels/codes", "zarr.json", ""):
        name = read_sealed(layout.version_url(root, CHAIN, 1))["catalogue"]["name"]
        remove_tree(join(layout.versions_url(root, CHAIN), name, lost))
        assert publish(root, CHAIN, ["hu"]).number == 1
        assert objects_of(root) == before
    assert open_strides(root).sizes["stride"] == 70


def damaging(pattern: str, times: int) -> Callable[..., None]:
    """Return a put that lets a bit flip on the way in, so many times."""
    left = times

    def put(url: str, data: bytes, **how: Any) -> None:
        nonlocal left
        if left and fnmatch.fnmatch(url, pattern):
            left -= 1
            data = data[:-1] + bytes([data[-1] ^ 1])
        put_bytes(url, data, **how)

    return put


@pytest.mark.parametrize(
    "pattern",
    [
        "*/hu-AB01.zarr/emg/c/0/0/0",
        "*/trials/zarr.json",
        "*/hu-AB01.zarr/zarr.json",
        "*/part-*.zarr/labels/codes/c/*",
        "*/part-*.zarr/labels/zarr.json",
        "*/versions/*/labels/codes/c/*",
        "*/versions/*/labels/zarr.json",
    ],
)
def test_what_came_in_damaged_is_put_again(
    tmp_path: Path, small: Product, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tmp_path)

    def everything(place: str) -> dict[str, bytes]:
        write(place)
        small.write(place)
        return objects_of(place)

    clean = everything(join(root, "clean"))
    with monkeypatch.context() as patch:
        patch.setattr(writing, "put_bytes", damaging(pattern, 2))
        assert everything(join(root, "damaged")) == clean
    with monkeypatch.context() as patch:
        patch.setattr(writing, "put_bytes", damaging(pattern, 100))
        with pytest.raises(StoreError, match="reads back differently than it was written, 3 times"):
            everything(join(root, "broken"))
    assert not exists(layout.version_url(join(root, "broken"), CHAIN, 1))


def test_an_intact_object_that_is_another_one_is_found(root: str, small: Product) -> None:
    """Same size, its own checksum is right: only the list of what was sent can tell."""
    write(root)
    small.write(root)
    wanted = ("/emg/c/0", "trials/codes/c/", "/labels/codes/c/", "/emg_scale/c/", "/rejected/codes/c/")
    keys = [key for key in sizes(root) if any(name in key for name in wanted) and "part-" not in key.split("/emg/c")[0]]
    keys += [key for key in sizes(root) if "part-" in key and "/emg_scale/c/" in key]
    assert len(keys) >= 4
    for key in keys:
        data = read_bytes(join(root, key))
        body = data[:-5] + bytes([data[-5] ^ 1])
        put_bytes(join(root, key), body + int(google_crc32c.value(body)).to_bytes(4, "little"))
    found = problems(root)
    assert [key for key in keys if f"{key}: corrupted, its checksum does not match" not in found] == []


def test_a_store_without_checksums_of_values_opens_and_is_checked(root: str, small: Product) -> None:
    """As an earlier release wrote it: its lists hold the checksums of metadata alone."""
    write(root)
    entry = small.create(root)
    small.write_shard(root, 0, entry)
    folder = layout.strides_url(root, CHAIN, "hu")
    name = layout.part_name(entry["fingerprint"])
    for url in (
        layout.patient_ledger_url(root, "hu", PERSON),
        layout.part_ledger_url(folder, name),
        layout.shard_ledger_url(folder, name, 0),
    ):
        listed = read_sealed(url)
        metadata = {key: value for key, value in listed.pop("checksums").items() if key.endswith("zarr.json")}
        write_sealed(url, {**listed, **({"checksums": metadata} if metadata else {})})
    finish(root, CHAIN, "hu", [entry["fingerprint"]])
    publish(root, CHAIN, ["hu"])
    assert problems(root) == ""
    without = [key for key in sizes(root) if "/c/" in key and not key.startswith("versions/")]
    run = CliRunner()
    assert f"no checksum recorded of {len(without)} object(s)" in run.invoke(app, ["check", root]).output
    assert json.loads(run.invoke(app, ["check", root, "--json"]).output)["no_checksum_recorded"] == len(without)
    assert open_strides(root).sizes["stride"] == 70
    assert len(open_patient(root, "hu", PERSON).read("emg", 0, 10)) == 10
    remove_tree(join(root, f"{GROUP}/emg/c/0/0/0"))
    write(root)
    assert problems(root) == ""
