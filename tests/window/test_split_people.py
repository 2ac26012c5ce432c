"""People who are one human are in one split, whatever came first, and the loader sees what the labels say."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import SplitError
from biomech_xr.load import StrideWindows
from biomech_xr.store import open_strides
from biomech_xr.store.objects import write_sealed
from biomech_xr.store.persons import PersonTable, load_table, save_table
from biomech_xr.window.persons import divided, leave_out
from biomech_xr.window.split import QUARANTINE, SPLITS, load, load_or_create
from tests.load.stores import write_store

PATIENTS = [f"{dataset}-{n}" for dataset in ("hu", "camargo") for n in range(4)]
STEP = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(PATIENTS)),
    st.tuples(st.just("join"), st.tuples(st.sampled_from(PATIENTS), st.sampled_from([*PATIENTS, "X", "Y"]))),
    st.tuples(st.just("split"), st.booleans()),
)


@given(st.lists(STEP, min_size=3, max_size=14))
@settings(max_examples=40, deadline=None)
def test_one_human_is_never_in_two_splits(steps: list[tuple[str, Any]]) -> None:
    """Add people, join them, split them, in any order; a join across splits is refused, or goes to quarantine."""
    here: set[str] = set()
    table = PersonTable()
    places: dict[str, str] = {}
    with TemporaryDirectory() as root:
        for kind, value in steps:
            if kind == "add":
                here.add(value)
            elif kind == "join" and table.group(value[1]) == value[1]:
                table = table.joined([value])
                save_table(root, table)
            elif kind == "split" and here:
                members = {patient: {patient} for patient in here}  # as written: the split joins them itself
                torn = divided(root, table)
                if torn and not value:
                    version = load(root)
                    with pytest.raises(SplitError, match="joins people of different splits"):
                        load_or_create(root, members)
                    assert load(root) == version, "a refusal changes nothing"
                    continue
                if torn:
                    table = table.quarantined(torn["default"])
                    table = PersonTable(version=table.version + 1, groups=table.groups, quarantine=table.quarantine)
                    save_table(root, table)
                manifest = load_or_create(root, members)
                assert not divided(root, table)
                now = {patient: manifest.assignment[table.group(patient)] for patient in here}
                for group, place in manifest.assignment.items():
                    assert {now[p] for p in here if table.group(p) == group} <= {place}
                assert all(now[patient] in (place, QUARANTINE) for patient, place in places.items())
                assert all(now[p] == QUARANTINE for p in here if table.group(p) in table.quarantine)
                assert manifest.knows(table.members(members), table)
                places = now


def test_a_join_of_people_who_are_not_here_now_is_noticed(tmp_path: Path) -> None:
    """The split remembers people of products that are gone; a join with them counts."""
    root = str(tmp_path)
    first = load_or_create(root, {name: {name} for name in PATIENTS})
    train = sorted(first.groups("train"))[0]
    test = sorted(first.groups("test"))[0]
    save_table(root, PersonTable().joined([(train, "X"), (test, "X")]))
    with pytest.raises(SplitError, match=f"{train} in train|{test} in test"):
        load_or_create(root, {train: {train}})
    assert divided(root, load_table(root)) == {"default": {"X": sorted([f"{train} in train", f"{test} in test"])}}


def test_leaving_one_out_takes_every_patient_of_the_person() -> None:
    members = {"hu-a": {"hu-a"}, "camargo-b": {"camargo-b"}, "hu-c": {"hu-c"}, "siat-d": {"siat-d"}}
    table = PersonTable().joined([("hu-a", "X"), ("camargo-b", "X")])
    for name in ("hu-a", "camargo-b", "X"):
        assert leave_out(f"without:{name}", members, table) == frozenset({"hu-c", "siat-d"})
        assert leave_out(f"only:{name}", members, table) == frozenset({"X"})
    assert leave_out("without:camargo", members, table) == frozenset({"hu-c", "siat-d"})
    assert leave_out("without:hu", members, table) == frozenset({"siat-d"})
    assert leave_out("train", members, table) is None
    with pytest.raises(SplitError, match="'hu-z' is not here"):
        leave_out("without:hu-z", members, table)
    held = table.quarantined(["X"])
    assert leave_out("without:hu-c", members, held) == frozenset({"siat-d"})
    with pytest.raises(SplitError, match="'hu-a' is in quarantine"):
        leave_out("only:hu-a", members, held)


@pytest.fixture(scope="module")
def strides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with finished strides of two sources, six people."""
    root = tmp_path_factory.mktemp("strides")
    write_store(root, "hu", dict.fromkeys("abcd", 8), seed=1)
    write_store(root, "camargo", dict.fromkeys("ab", 8), seed=2)
    return root


@pytest.fixture
def copied(strides: Path, tmp_path: Path) -> str:
    root = tmp_path / "copy"
    shutil.copytree(strides, root)
    return str(root)


def loaded(root: str, split: str) -> dict[str, set[str]]:
    """Return person -> patients of a loader's strides; the person is the loader's, the patient that of the label."""
    windows = StrideWindows(root, split=split, global_batch=8, history="mask", filters={}, remainder="pad")
    labels = open_strides(root)
    patients = labels["patient"].values
    found: dict[str, set[str]] = {}
    for source in windows.sources:
        for row in source.index.count.nonzero()[0]:
            person = windows.persons[source.person[row]]
            assert person == labels["person_group"].values[source.first_row + row]
            found.setdefault(person, set()).add(patients[source.first_row + row])
    return found


def everywhere(root: str) -> dict[str, dict[str, set[str]]]:
    return {split: loaded(root, split) for split in SPLITS}


def test_the_loader_splits_as_the_labels_say(copied: str) -> None:
    save_table(copied, PersonTable().joined([("hu-a", "X"), ("camargo-b", "X")]))
    found = everywhere(copied)
    assert [split for split in SPLITS if "X" in found[split]] == [
        split for split in SPLITS if {"hu-a", "camargo-b"} & {p for group in found[split].values() for p in group}
    ]
    assert sum(people["X"] == {"hu-a", "camargo-b"} for people in found.values() if "X" in people) == 1
    assert sum(map(len, found.values())) == 5
    without, only = loaded(copied, "without:hu-a"), loaded(copied, "only:camargo-b")
    assert only == {"X": {"hu-a", "camargo-b"}}
    assert set(without) == {"hu-b", "hu-c", "hu-d", "camargo-a"}
    for wrong in ("dev", "without:hu-z", "but:hu-a"):
        with pytest.raises(SplitError, match=r"not known|not here"):
            loaded(copied, wrong)


def test_a_late_join_is_refused_by_the_loader_until_it_is_in_quarantine(
    copied: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = everywhere(copied)
    train, test = sorted(before["train"])[0], sorted(before["test"])[0]
    table = PersonTable().joined([(train, "X"), (test, "X")])
    save_table(copied, table)
    for split in SPLITS:
        with pytest.raises(SplitError, match="'X' joins people of different splits"):
            loaded(copied, split)
    save_table(copied, PersonTable(version=2, groups=table.groups, quarantine=frozenset({"X"})))
    with caplog.at_level(logging.WARNING, logger="biomech_xr.load.parts.selection"):
        after = everywhere(copied)
    assert "16 strides of X are in quarantine" in caplog.text
    kept = {
        split: {name: found for name, found in before[split].items() if name not in (train, test)} for split in SPLITS
    }
    assert after == kept
    stored = load(copied)
    assert stored is not None
    assert stored.assignment["X"] == QUARANTINE


def test_a_late_join_within_a_split_moves_nobody(copied: str) -> None:
    before = everywhere(copied)
    assert all(group == {name} for people in before.values() for name, group in people.items()), "no table, no change"
    assert sum(map(len, before.values())) == 6
    one, other = sorted(before["train"])[:2]
    save_table(copied, PersonTable().joined([(one, "X"), (other, "X")]))
    after = everywhere(copied)
    assert after["train"].pop("X") == before["train"].pop(one) | before["train"].pop(other)
    assert after == before


def test_names_that_differ_in_capitals_alone_are_not_split(tmp_path: Path) -> None:
    root = str(tmp_path)
    members = {"hu-AB1": {"hu-AB1"}, "hu-ab1": {"lab-1"}, "hu-c": {"hu-c"}}
    with pytest.raises(SplitError, match=r"'hu-ab1' \(lab-1\): differs from 'hu-AB1' in capitals alone"):
        load_or_create(root, members)
    assert load(root) is None
    save_table(root, PersonTable().joined([("hu-ab1", "hu-AB1")]))
    assert load_or_create(root, members).members["hu-AB1"] == ("hu-AB1", "lab-1")
    with pytest.raises(SplitError, match="in capitals alone"):
        load_or_create(root, {"HU-c": {"siat-1"}})


def test_a_table_that_is_lost_is_noticed_by_the_split(tmp_path: Path) -> None:
    root = str(tmp_path)
    load_or_create(root, {name: {name} for name in PATIENTS})
    save_table(root, PersonTable().joined([("siat-1", "X"), ("grimmer-1", "X")]))
    second = load_or_create(root, {PATIENTS[0]: {PATIENTS[0]}})
    assert (second.version, second.table) == (2, 1), "a split knows the table, also joins of people who are not here"
    assert load_or_create(root, {PATIENTS[0]: {PATIENTS[0]}}) == second
    shutil.rmtree(tmp_path / "people")
    with pytest.raises(
        SplitError, match=r"made with version 1 of the table of people, .* is version 0: joins are lost"
    ):
        load_or_create(root, {PATIENTS[0]: {PATIENTS[0]}})
    with pytest.raises(SplitError, match="joins are lost"):
        divided(root, PersonTable())


def test_a_split_written_before_the_table_was_stored_is_read(tmp_path: Path) -> None:
    root = str(tmp_path)
    first = load_or_create(root, {name: {name} for name in PATIENTS})
    old = {key: value for key, value in first.to_json().items() if key != "table_of_people"}
    write_sealed(str(tmp_path / "splits" / "default.json"), old)
    assert load(root) == first
    assert load_or_create(root, {name: {name} for name in PATIENTS}) == first
