"""People are in one split, always the same, whatever comes later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import SplitError
from biomech_xr.window.split import QUARANTINE, SPLITS, assign, load, load_or_create

NAMES = st.text("abcdefgh0123456789", min_size=1, max_size=6)
DATASETS = st.sets(st.sampled_from(["camargo", "falisse", "hu", "siat"]), min_size=1)
PERSONS = st.dictionaries(NAMES, DATASETS, min_size=1, max_size=40)


def people(count: int, dataset: str = "hu") -> dict[str, set[str]]:
    return {f"{dataset}-{number:03d}": {dataset} for number in range(count)}


def counts(result: dict[str, str]) -> dict[str, int]:
    return {split: sum(found == split for found in result.values()) for split in SPLITS}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, (1, 0, 0)),
        (2, (1, 0, 1)),
        (3, (1, 1, 1)),
        (4, (2, 1, 1)),
        (10, (7, 1, 2)),
        (20, (14, 3, 3)),
        (22, (16, 3, 3)),
        (100, (70, 15, 15)),
    ],
)
def test_shares_of_a_dataset(count: int, expected: tuple[int, int, int]) -> None:
    assert tuple(counts(assign(people(count), salt="s")).values()) == expected


@given(PERSONS, st.text(max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_home_dataset_is_shared_out(persons: dict[str, set[str]], salt: str) -> None:
    result = assign(persons, salt=salt)
    assert set(result) == set(persons)
    for home in {min(datasets) for datasets in persons.values()}:
        here = {group: split for group, split in result.items() if min(persons[group]) == home}
        assert set(here.values()) >= set(("train", "test", "validation")[: min(len(here), 3)])
        for split, share in (("train", 0.70), ("validation", 0.15), ("test", 0.15)):
            assert abs(counts(here)[split] - share * len(here)) < 2


@given(PERSONS, PERSONS)
@settings(max_examples=60, deadline=None)
def test_existing_people_never_move(first: dict[str, set[str]], later: dict[str, set[str]]) -> None:
    before = assign(first, salt="s")
    after = assign({**later, **first}, salt="s", previous=before)
    assert {group: after[group] for group in before} == before
    assert set(after) == set(first) | set(later)


def test_newcomers_fill_the_split_that_lacks_most() -> None:
    before = dict.fromkeys(people(10), "train")
    after = assign(people(14), salt="s", previous=before)
    new = counts({group: split for group, split in after.items() if group not in before})
    assert new == {"train": 0, "validation": 2, "test": 2}


def test_a_person_in_two_datasets_inherits_the_home_split() -> None:
    alone = assign(people(30, "camargo"), salt="s")
    both = people(30, "camargo") | {f"hu-{n}": {"hu"} for n in range(9)}
    shared = {group: datasets | {"hu"} for group, datasets in people(30, "camargo").items()}
    assert {group: split for group, split in assign(both | shared, salt="s").items() if group in alone} == alone


def test_the_salt_decides() -> None:
    assert assign(people(40), salt="a") != assign(people(40), salt="b")


def test_the_split_does_not_depend_on_the_hash_seed() -> None:
    """Other processes with other orders of sets decide the same; they import the decision alone, which is quick."""
    code = """
import json, sys
from biomech_xr.window.assignment import assign
assert "pandas" not in sys.modules
people = {f"hu-{n}": {"hu", "siat", "camargo"} for n in range(25)} | {f"siat-x{n}": {"siat", "hu"} for n in range(9)}
order = list(set(people))
print(json.dumps([order, list(assign({group: people[group] for group in order}, salt="s").items())]))
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE
        )
        for seed in ("1", "2")
    ]
    written = [json.loads(process.communicate()[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert written[0][0] != written[1][0], "the orders must differ, or this shows nothing"
    assert written[0][1] == written[1][1]
    assert {split for _, split in written[0][1]} == set(SPLITS)


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_manifest_does_not_depend_on_the_order_of_people(random: Random) -> None:
    """The same bytes, also for people in two datasets."""
    people = {f"hu-{n}": [f"hu-{n}", f"siat-{n}"] for n in range(25)} | {f"siat-x{n}": [f"siat-x{n}"] for n in range(9)}
    groups = list(people)
    random.shuffle(groups)
    mixed = {group: random.sample(people[group], len(people[group])) for group in groups}
    written = []
    for chosen in (people, mixed):
        with TemporaryDirectory() as folder:
            load_or_create(folder, chosen)
            written.append((Path(folder) / "splits" / "default.json").read_bytes())
    assert written[0] == written[1]


def members(*names: str) -> dict[str, set[str]]:
    return {name: {name} for name in names}


def test_versions_are_added_and_never_changed(tmp_path: Path) -> None:
    first = load_or_create(str(tmp_path), members("hu-a", "hu-b", "hu-c"))
    content = (tmp_path / "splits" / "default.json").read_bytes()
    assert load_or_create(str(tmp_path), members("hu-a", "hu-b", "hu-c"), salt="other") == first
    assert load_or_create(str(tmp_path), members("hu-a")).assignment == first.assignment
    second = load_or_create(str(tmp_path), members("hu-a", "hu-b", "hu-c", "hu-d"))
    assert second.version == 2
    assert {group: second.assignment[group] for group in first.assignment} == first.assignment
    assert (tmp_path / "splits" / "default.json").read_bytes() == content
    assert load(str(tmp_path)) == second


def test_joining_people_of_two_splits_is_refused(tmp_path: Path) -> None:
    first = load_or_create(str(tmp_path), members("hu-a", "hu-b", "hu-c"))
    train = next(iter(first.groups("train")))
    test = next(iter(first.groups("test")))
    one_person = {"person": {train, test}}
    with pytest.raises(SplitError, match="joins people of different splits"):
        load_or_create(str(tmp_path), one_person)
    assert load(str(tmp_path)) == first
    quarantined = load_or_create(str(tmp_path), one_person, quarantine=["person"])
    assert quarantined.assignment["person"] == QUARANTINE
    assert all("person" not in quarantined.groups(split) for split in SPLITS)
    assert load_or_create(str(tmp_path), one_person).assignment["person"] == QUARANTINE


def test_a_newcomer_that_is_a_known_person_gets_that_split(tmp_path: Path) -> None:
    first = load_or_create(str(tmp_path), members(*(f"hu-{n}" for n in range(9))))
    for name in first.assignment:
        joined = load_or_create(str(tmp_path), {name: {name, f"camargo-{name}"}})
        assert joined.assignment[name] == first.assignment[name]


def test_bad_input_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="is in the person groups"):
        load_or_create(str(tmp_path), {"a": {"hu-1"}, "b": {"hu-1"}})
    with pytest.raises(SplitError, match="without a dataset"):
        assign({"a": set()}, salt="s")
    with pytest.raises(SplitError, match="split name"):
        load_or_create(str(tmp_path), members("hu-a"), name="../x")
    with pytest.raises(SplitError, match="not known"):
        load_or_create(str(tmp_path), members("hu-a")).groups("dev")
    (tmp_path / "splits" / "mine.json").write_text('{"a": 1}')
    with pytest.raises(SplitError, match="split manifest"):
        load(str(tmp_path), "mine")
