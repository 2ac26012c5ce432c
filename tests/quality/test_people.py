"""Who is in a store, who may be one human, and the command that joins them."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from biomech_xr import cli
from biomech_xr.quality.people import Pair, find_suspects, list_people
from biomech_xr.store import open_strides, write_patient
from biomech_xr.store.persons import REPUBLICATIONS, StoredPerson, load_table
from biomech_xr.window.split import QUARANTINE, load, load_or_create
from tests.store.samples import CHAIN, make_product, make_spec, make_trial

SAME: dict[str, Any] = {"sex": "female", "age": 30.0, "height": 1.70, "body_mass": 60.0}


def person(name: str, **facts: Any) -> StoredPerson:
    dataset, _, source = name.partition("-")
    return StoredPerson(dataset=dataset, source_patient=source, written=frozenset({name}), group=name, **facts)


def suspected(root: Path, *people: StoredPerson) -> list[tuple[str, str, int]]:
    found = find_suspects(str(root), people)
    return [(pair.first.patient, pair.second.patient, len(pair.agree)) for pair in found.pairs]


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({}, True),
        ({"age": 31.0, "height": 1.71, "body_mass": 63.0}, True),
        ({"age": 28.9}, False),
        ({"height": 1.685}, False),
        ({"body_mass": 63.1}, False),
        ({"sex": "male"}, False),
        ({"sex": "unknown"}, True),
        ({"age": math.nan}, True),
        ({"age": math.nan, "sex": "unknown"}, True),
        ({"age": math.nan, "height": math.nan}, False),
        ({"height": math.nan, "sex": "unknown"}, False),
        ({"age": math.nan, "height": 1.60}, False),
    ],
)
def test_two_people_of_one_laboratory_fit_or_do_not(tmp_path: Path, changed: dict[str, Any], fits: bool) -> None:
    pair = person("embry-AB1", **SAME), person("macaluso-AB9", **(SAME | changed))
    assert [names[:2] for names in suspected(tmp_path, *pair)] == ([("embry-AB1", "macaluso-AB9")] if fits else [])


def test_other_laboratories_are_not_compared_but_publications_are(tmp_path: Path) -> None:
    """Hu and Camargo are of different places; files of `lab` may be a second publication of two sources."""
    names = ("embry-1", "camargo-1", "hu-1", "bacek-1", "lencioni-1", "lab-1", "lab-2")
    found = suspected(tmp_path, *(person(name, **SAME) for name in names))
    assert found == [("lab-1", "lencioni-1", 4), ("lab-2", "lencioni-1", 4)]
    assert set(REPUBLICATIONS) == {"gait120", "lencioni"}


def test_the_surest_pairs_come_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    """Of whom too little is known, nothing is listed: ten people each without facts would be a hundred pairs."""
    silent = [person(f"{dataset}-{n}") for dataset in ("embry", "macaluso") for n in range(10)]
    near = person("macaluso-near", **(SAME | {"body_mass": 60.5}))
    far = person("macaluso-far", **(SAME | {"body_mass": 62.9}))
    partly = person("macaluso-partly", **(SAME | {"age": math.nan}))
    found = find_suspects(str(tmp_path), [person("embry-x", **SAME), *silent, partly, far, near])
    assert [pair.second.source_patient for pair in found.pairs] == ["near", "far", "partly"]
    assert found.untold == {("embry", "macaluso"): 10 * 10 + 10 + 3 * 10}
    joined = [replace(one, group="X") for one in (person("embry-x", **SAME), near)]
    assert suspected(tmp_path, *joined) == []


def test_a_distance_counts_what_is_known() -> None:
    pair = Pair(first=person("a-1", **SAME), second=person("b-1", age=31.0), agree=("age",))
    assert pair.distance == pytest.approx(1.0)
    assert not pair.telling


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a store with recordings of two sources of one laboratory, and strides of a third source."""
    root = str(tmp_path_factory.mktemp("people") / "store")
    people: dict[str, dict[str, dict[str, Any]]] = {
        "embry": {"AB1": SAME, "AB2": SAME | {"age": 50.0}},
        "macaluso": {"AB1": SAME | {"age": 29.5}},
    }
    trial = make_trial("t1", channels=("soleus",), sides=("left",), rows=50, seed=1)
    for dataset, members in people.items():
        for source, facts in members.items():
            one = replace(trial.patient, dataset=dataset, source_patient=source, **facts)
            write_patient(root, make_spec(dataset), [replace(trial, patient=one)], config_hash="c0ffee")
    make_product("hu", strides=24, time=260, seed=1, phase=4).write(root)
    return root


@pytest.fixture
def store(made: str, tmp_path: Path) -> str:
    return str(shutil.copytree(made, tmp_path / "store"))


def test_everybody_is_listed_from_recordings_and_from_strides(store: str) -> None:
    listed = {one.patient: one for one in list_people(store)}
    assert list(listed) == ["embry-AB1", "embry-AB2", *(f"hu-AB0{n}" for n in range(4)), "macaluso-AB1"]
    assert (listed["embry-AB1"].sex, listed["embry-AB1"].height, listed["embry-AB1"].strides) == ("female", 1.70, 2)
    assert (listed["hu-AB00"].strides, math.isnan(listed["hu-AB00"].age)) == (6, True)
    assert all(one.group == one.patient and not one.quarantine for one in listed.values())


@pytest.fixture
def people(store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the command on this store: called with options, it returns exit code, output and errors."""

    def call(*options: str) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "160")
        monkeypatch.setattr("sys.argv", ["biomech-xr", "people", store, *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_from_suspects_to_a_join(people: Any, store: str, tmp_path: Path) -> None:
    """The road of the how-to page: list, edit the table, join, and see the label everywhere."""
    code, out, _ = people("--suspects", "--json")
    assert (code, [(pair["first"], pair["second"]) for pair in json.loads(out)["pairs"]]) == (
        0,
        [("embry-AB1", "macaluso-AB1")],
    )
    table = tmp_path / "table.csv"
    code, out, _ = people("--suspects", "--out", str(table))
    assert code == 0
    assert "30 / 29.5" in out
    assert people("--suspects", "--out", str(table))[0] == 2, "an edited table is never replaced"
    code, _, err = people("--join", str(table))
    assert (code, "no row names a person_group" in err) == (2, True)
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["person_group"] = "dallas-1"
    with table.open("w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    code, out, _ = people("--join", str(table))
    assert (code, "version 1: 1 people with more than one patient" in out) == (0, True)
    assert load_table(store).groups == {"embry-AB1": "dallas-1", "macaluso-AB1": "dallas-1"}
    assert "nothing new" in people("--join", str(table))[1]
    assert load_table(store).version == 1
    listed = json.loads(people("--json")[1])
    assert [group["patients"] for group in listed["groups"] if group["person_group"] == "dallas-1"] == [
        ["embry-AB1", "macaluso-AB1"]
    ]
    assert {row["dataset"]: (row["people"], row["shared"]) for row in listed["sources"]} == {
        "embry": (2, 1),
        "hu": (4, 0),
        "macaluso": (1, 1),
    }
    assert json.loads(people("--suspects", "--json")[1])["pairs"] == []
    assert "dallas-1" in people()[1]


def test_a_join_across_splits_asks_for_quarantine(people: Any, store: str, tmp_path: Path) -> None:
    split = load_or_create(store, {one.group: {one.patient} for one in list_people(store)})
    one, other = sorted(split.groups("train"))[0], sorted(split.groups("test"))[0]
    table = tmp_path / "table.csv"
    pairs = (f"{name.partition('-')[0]},{name.partition('-')[2]},X" for name in (one, other))
    table.write_text("\n".join(["dataset,source_patient,person_group", *pairs, "hu,AB99,X", ""]))
    code, _, err = people("--join", str(table))
    assert (code, "hu-AB99: not in this store" in err) == (2, True)
    table.write_text(table.read_text().replace("hu,AB99,X\n", ""))
    code, _, err = people("--join", str(table))
    assert code == 2
    assert all(text in err for text in ("split 'default': X", f"{one} in train", f"{other} in test", "--quarantine"))
    assert load_table(store).version == 0
    code, out, _ = people("--join", str(table), "--quarantine")
    assert (code, "X: in quarantine" in out, "strides are in no split" in out) == (0, True, True)
    after = load_or_create(store, {name: {name} for name in set(open_strides(store, chain=CHAIN)["patient"].values)})
    assert after.assignment["X"] == QUARANTINE
    assert load(store) == after
    assert [group["quarantine"] for group in json.loads(people("--json")[1])["groups"]].count(True) == 1


def test_names_that_may_be_a_slip_are_listed(people: Any, store: str) -> None:
    trial = make_trial("t1", channels=("soleus",), sides=("left",), rows=50, seed=1)
    groups = {"P1": "embry-ab1", "P2": "gait120-S001"}
    for source, group in groups.items():
        one = replace(trial.patient, dataset="lab", source_patient=source, person_group=group)
        write_patient(store, make_spec("lab"), [replace(trial, patient=one)], config_hash="c0ffee")
    code, out, _ = people()
    text = " ".join(out.split())
    assert code == 0
    assert "Look at group 'embry-ab1' (lab-P1): differs from 'embry-AB1' in capitals alone." in text
    assert "Look at group 'gait120-S001' (lab-P2): reads as the id of a patient, who is not in this store." in text
    assert [row["person_group"] for row in json.loads(people("--json")[1])["doubtful"]] == list(groups.values())


def test_options_that_do_not_fit_are_refused(people: Any, tmp_path: Path) -> None:
    for options in (("--quarantine",), ("--out", "a.csv"), ("--suspects", "--join", "a.csv")):
        assert people(*options)[0] == 2
    assert people("--join", str(tmp_path / "absent.csv"))[0] == 2
    (tmp_path / "bad.csv").write_text("dataset,patient,person_group\nhu,AB00,X\n")
    code, _, err = people("--join", str(tmp_path / "bad.csv"))
    assert (code, "source_patient" in err) == (2, True)
