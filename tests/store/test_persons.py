"""Who is one human is said by one table, wherever labels are read."""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import LostDataError, OccupiedError, SchemaError
from biomech_xr.process import load_chain
from biomech_xr.process.strides import lazy_dataset
from biomech_xr.run.process import shard_work
from biomech_xr.store import ensemble, open_part, open_recordings, open_strides, write_patient
from biomech_xr.store.layout import strides_url
from biomech_xr.store.objects import write_sealed
from biomech_xr.store.persons import PersonTable, StoredPerson, doubtful_groups, join_people, load_table, save_table
from tests.process.patients import SPEC, walking_trial
from tests.store.samples import CHAIN, make_product

PEOPLE = ("hu-a", "hu-b", "camargo-a", "lab-1")


def known(*patients: str, table: PersonTable | None = None, **written: str) -> list[StoredPerson]:
    """Return people of a store whose objects carry their own ids, or the group named for them (`hu_a="G"`)."""
    table = table or PersonTable()
    found = []
    for patient in patients:
        dataset, _, source = patient.partition("-")
        group = written.get(patient.replace("-", "_"), patient)
        carried, now = frozenset({group}), table.group(group)
        found.append(StoredPerson(dataset=dataset, source_patient=source, written=carried, group=now))
    return found


def rows(**groups: str) -> list[tuple[str, str, str]]:
    """Return the rows of a user's table: ``group="hu-a camargo-a"``."""
    return [(*patient.partition("-")[::2], group) for group, patients in groups.items() for patient in patients.split()]


def joined(table: PersonTable, **groups: str) -> PersonTable:
    return join_people(table, rows(**groups), known(*PEOPLE, table=table), subject="table.csv")


def test_without_a_table_nothing_changes() -> None:
    labels = pd.DataFrame({"person_group": pd.Categorical(["a", "b"])})
    assert PersonTable().apply(labels) is labels
    assert load_table("memory://nobody-was-ever-here") == PersonTable()


def test_labels_of_either_kind_are_brought_up_to_date() -> None:
    table = joined(PersonTable(), X="hu-a camargo-a")
    names = ["hu-a", "hu-b", "camargo-a", None]
    for column in (pd.Categorical(names), names):
        labels = table.apply(pd.DataFrame({"person_group": column, "speed": [1.0, 2.0, 3.0, 4.0]}))
        assert labels["person_group"].astype(object).fillna("-").tolist() == ["X", "hu-b", "X", "-"]
        assert labels["speed"].tolist() == [1.0, 2.0, 3.0, 4.0]
        assert labels["person_group"].cat.categories.tolist() == ["X", "hu-b"]


def test_a_written_group_takes_its_people_along() -> None:
    """Two patients whom their mapping joins already stay together when the table names one of them."""
    people = known(*PEOPLE, hu_a="G", hu_b="G")
    with pytest.raises(SchemaError, match="hu-a: joined with hu-b in 'G' already"):
        join_people(PersonTable(), rows(X="hu-a camargo-a"), people, subject="t")
    table = join_people(PersonTable(), rows(X="hu-a hu-b camargo-a"), people, subject="t")
    assert table.groups == {"G": "X", "camargo-a": "X"}
    into = join_people(PersonTable(), rows(G="lab-1"), people, subject="t")
    assert into.groups == {"lab-1": "G"}


def test_tables_follow_one_another() -> None:
    first = joined(PersonTable(), X="hu-a camargo-a")
    assert joined(first, X="hu-a camargo-a") is first, "what is joined already is nothing new"
    second = joined(first, X="lab-1")
    assert {second.group(name) for name in ("hu-a", "camargo-a", "lab-1")} == {"X"}
    third = joined(second, Y="hu-a camargo-a lab-1 hu-b")
    assert {third.group(name) for name in (*PEOPLE, "X")} == {"Y"}
    assert [table.version for table in (first, second, third)] == [1, 2, 3]
    assert third.quarantined(["Y"]).joined([("new", "Z"), ("Y", "Z")]).quarantine == {"Z"}


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from([*PEOPLE, "X", "Y"])), max_size=12))
@settings(max_examples=100, deadline=None)
def test_who_was_together_stays_together(steps: list[tuple[str, str]]) -> None:
    """Whatever is joined in whatever order, a table is settled in one step and never divides anybody."""
    table = PersonTable()
    for name, target in steps:
        after = table.joined([(name, target)])
        assert after.group(name) == target
        assert all(after.group(group) == group for group in after.groups.values())
        for one in (*PEOPLE, "X", "Y"):
            for other in (*PEOPLE, "X", "Y"):
                if target not in (one, other) and table.group(one) == table.group(other):
                    assert after.group(one) == after.group(other)
        table = after


BAD = [
    (rows(X="hu-a hu-z"), r"hu-z: not in this store; the nearest is hu-[ab]"),
    (rows(X="hu-a hu-b", Y="hu-a lab-1"), "hu-a: in two groups, 'X' and 'Y'"),
    (rows(**{"lab-1": "hu-a camargo-a", "X": "lab-1 hu-b"}), "'lab-1': the id of a patient who is in 'X'"),
    (rows(X="hu-a"), "'X': holds hu-a alone"),
    (rows(**{"gait120-S001": "hu-a camargo-a"}), "'gait120-S001': reads as the id of a patient"),
    (rows(**{"../x": "hu-a camargo-a"}), r"group '\.\./x': holds '/'"),
    ([("hu", "a", " ")], "no row names a person_group"),
    ([], "nobody to join"),
]


@pytest.mark.parametrize(("table", "message"), BAD)
def test_a_wrong_table_is_refused(table: list[tuple[str, str, str]], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        join_people(PersonTable(), table, known(*PEOPLE), subject="t")


def test_a_group_may_have_the_name_of_one_of_its_patients() -> None:
    everybody = known(*PEOPLE)
    table = join_people(PersonTable(), rows(**{"hu-b": "hu-a"}), everybody, subject="t")
    assert {table.group(name) for name in ("hu-a", "hu-b")} == {"hu-b"}
    later = joined(table, X="hu-a hu-b")
    back = join_people(later, rows(**{"hu-a": "hu-a hu-b"}), known(*PEOPLE, table=later), subject="t")
    assert {back.group(name) for name in ("hu-a", "hu-b", "X")} == {"hu-a"}


def test_all_problems_come_at_once() -> None:
    wrong = rows(X="hu-a hu-z", Y="hu-a", **{"a/b": "hu-b lab-1"})
    with pytest.raises(SchemaError) as caught:
        join_people(PersonTable(), wrong, known(*PEOPLE), subject="table.csv")
    assert str(caught.value).startswith("table.csv: 4 problem(s)")
    first = joined(PersonTable(), X="hu-a camargo-a")
    with pytest.raises(SchemaError, match="differs from 'X' in capitals alone"):
        joined(first, x="hu-b lab-1")
    with pytest.raises(SchemaError, match="joined with camargo-a in 'X' already; name that group, or list all"):
        joined(first, Y="hu-a lab-1")
    renamed = joined(first, Y="hu-a camargo-a")
    with pytest.raises(SchemaError, match="'X': now part of 'Y'"):
        joined(renamed, X="hu-b lab-1")


def test_a_version_is_written_once_and_a_damaged_one_refused(root: str) -> None:
    first = joined(PersonTable(), X="hu-a camargo-a")
    url = save_table(root, first)
    assert save_table(root, first) == url, "the same bytes count as written"
    with pytest.raises(OccupiedError, match="somebody else joined"):
        save_table(root, joined(PersonTable(), X="hu-b camargo-a"))
    second = joined(first, X="lab-1").quarantined(["X"])
    save_table(root, second)
    assert load_table(root) == second
    save_table(root, dataclasses.replace(second, version=4))
    with pytest.raises(LostDataError, match=r"table-00003\.json: not there, but version 4"):
        load_table(root)


@pytest.mark.parametrize("value", [{"version": 2}, {"groups": []}, {"quarantine": "X"}, {"format": "other"}])
def test_impossible_tables_are_refused(tmp_path: Path, value: dict[str, object]) -> None:
    save_table(str(tmp_path), joined(PersonTable(), X="hu-a camargo-a"))
    file = tmp_path / "people" / "table-00001.json"
    data = json.loads(file.read_text())
    file.write_text(file.read_text().replace('"X"', '"Z"'))
    with pytest.raises(LostDataError, match="the table of people is damaged"):
        load_table(str(tmp_path))
    write_sealed(file, data | value)
    with pytest.raises(LostDataError, match="found no table of people"):
        load_table(str(tmp_path))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a store with recordings of one source and finished strides of another, all written before any join."""
    root = str(tmp_path_factory.mktemp("written"))
    for person in ("A", "B"):
        write_patient(root, SPEC, [walking_trial(person=person, seconds=3.0)], config_hash="c")
    make_product("hu", strides=24, time=260, seed=1, phase=4).write(root)
    return root


def _bytes(root: str) -> dict[str, int]:
    files = (file for file in Path(root).rglob("*") if file.is_file() and "people" not in file.parts)
    return {str(file): zlib.crc32(file.read_bytes()) for file in files}


def test_a_store_that_was_written_before_is_joined_wherever_it_is_read(written: str) -> None:
    people = ("hu-AB00", "hu-AB01", "hu-AB02", "hu-AB03")
    alone = open_strides(written, chain=CHAIN)
    assert set(alone["person_group"].values) == set(people)
    assert ensemble(alone, by=["dataset"])["n_people"].item() == 4
    started = shard_work(written, "made", load_chain("envelope"))
    before = _bytes(written)
    table = rows(X="hu-AB00 hu-AB02 made-A")
    save_table(written, join_people(PersonTable(), table, known(*people, "made-A", "made-B"), subject="t"))
    strides = open_strides(written, chain=CHAIN)
    assert dict(zip(strides["patient"].values, strides["person_group"].values, strict=True)) == {
        name: "X" if name in ("hu-AB00", "hu-AB02") else name for name in people
    }
    assert ensemble(strides, by=["dataset"])["n_people"].item() == 3
    tree = open_recordings(written)
    assert [tree[f"made-{person}"].attrs["person_group"] for person in "AB"] == ["X", "made-B"]
    part = open_part(strides_url(written, CHAIN, "hu"))
    assert set(part.labels["person_group"]) == {"X", "hu-AB01", "hu-AB03"}
    assert set(part.written_labels["person_group"]) == set(people)
    lazy = lazy_dataset(started.plan)
    assert set(lazy["person_group"].values) == {"X", "made-B"}
    again = shard_work(written, "made", load_chain("envelope"))
    assert set(again.plan.labels["person_group"]) == {"made-A", "made-B"}, "what is written does not know of the table"
    assert _bytes(written) == before, "nothing that was written is written again"


def test_a_name_that_is_nearly_another_is_doubtful_until_it_is_joined() -> None:
    assert doubtful_groups({"hu-AB1": {"hu-AB1"}, "hu-ab1": {"lab-1"}}) == {
        "hu-ab1": ["differs from 'hu-AB1' in capitals alone"]
    }
    assert doubtful_groups({"X": {"hu-AB1"}, "hu-ab1": {"lab-1"}}).keys() == {"hu-ab1"}, "the patient is in X"
    assert doubtful_groups({"Ann": {"hu-1"}, "ann": {"lab-1"}}).keys() == {"Ann", "ann"}
    assert doubtful_groups({"gait120-S001": {"lab-1"}, "lab-2": {"lab-2"}, "ann": {"lab-3"}}) == {
        "gait120-S001": ["reads as the id of a patient, who is not in this store"]
    }
    people = known("hu-AB1", "lab-1", lab_1="hu-ab1")
    table = join_people(PersonTable(), rows(**{"hu-AB1": "hu-AB1 lab-1"}), people, subject="t")
    assert {table.group(name) for name in ("hu-AB1", "hu-ab1")} == {"hu-AB1"}
