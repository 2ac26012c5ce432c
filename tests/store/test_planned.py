"""The plan of a parse when several runs change it: nobody's name is lost, and one plan is left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from biomech_xr.errors import LostDataError, OccupiedError
from biomech_xr.store import check_store, planned, write_patient
from biomech_xr.store.copying import copy_store
from biomech_xr.store.objects import join, names, put_bytes, read_sealed, sizes
from biomech_xr.store.planned import read_standing, write_plan
from tests.store.samples import make_spec, make_trials

ALL = [f"hu-{number:02d}" for number in range(6)]
FOLDER = "recordings/hu"


def plan(root: str, *people: str, here: list[str] | None = None) -> list[str]:
    return write_plan(root, "hu", people, ALL if here is None else here, "x")


def people_of(root: str) -> list[str]:
    (name,) = names(join(root, FOLDER))
    return list(read_sealed(join(root, FOLDER, name))["people"])


@pytest.mark.parametrize("others", [1, 2, 3], ids=lambda count: f"{count} others")
def test_a_run_whose_plan_comes_late_adds_to_those_of_the_others(
    root: str, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read the plan, then the others changed it, once or more often, then it writes."""
    plan(root, ALL[0])
    real: Callable[..., Any] = planned.write_sealed

    def late(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(planned, "write_sealed", real)
        for number in range(others):
            plan(root, ALL[1 + number])
        return real(*arguments, **options)

    monkeypatch.setattr(planned, "write_sealed", late)
    assert plan(root, ALL[5]) == []
    assert people_of(root) == [ALL[0], *ALL[1 : 1 + others], ALL[5]]
    assert read_standing(root, "hu").unparsed == tuple(people_of(root))


def test_runs_at_the_same_time_lose_nobody(root: str) -> None:
    with ThreadPoolExecutor(len(ALL)) as pool:
        assert list(pool.map(lambda name: plan(root, name), ALL)) == [[]] * len(ALL)
    assert people_of(root) == ALL


def test_a_plan_that_says_so_already_is_left_alone_and_one_that_changes_is_a_new_object(root: str) -> None:
    plan(root, *ALL[:2])
    before = sizes(root)
    assert plan(root, ALL[1]) == []
    assert (sizes(root).keys(), names(join(root, FOLDER))) == (before.keys(), ["PLAN.json"])
    plan(root, ALL[2])
    assert names(join(root, FOLDER)) == ["PLAN.v2.json"]
    assert plan(root, ALL[2], here=ALL[1:]) == [ALL[0]]
    assert people_of(root) == ALL[1:3]


def test_a_damaged_plan_is_replaced_by_a_newer_one(root: str) -> None:
    plan(root, *ALL[:2])
    put_bytes(join(root, FOLDER, "PLAN.json"), b"{}")
    with pytest.raises(LostDataError, match=r"PLAN\.json: damaged. Run parse again"):
        read_standing(root, "hu")
    plan(root, *ALL[:3])
    assert people_of(root) == ALL[:3]


def test_a_plan_that_an_earlier_one_outlived_is_a_leftover_and_is_not_copied(root: str, tmp_path: Any) -> None:
    write_patient(root, make_spec(), make_trials()[:1], config_hash="x")
    plan(root, "hu-AB01")
    old = read_sealed(join(root, FOLDER, "PLAN.json"))
    plan(root, "hu-AB01", ALL[0])
    planned.write_sealed(join(root, FOLDER, "PLAN.json"), old)
    checked = list(check_store(root))
    assert [unit.name for unit in checked if unit.leftover] == [f"{FOLDER}/PLAN.json"]
    assert [text for unit in checked for text in unit.problems if f"PLAN.v2.json: {ALL[0]}: planned" not in text] == []
    copy_store(root, str(tmp_path / "copy"))
    assert "PLAN.v2.json" in names(tmp_path / "copy" / FOLDER)
    assert "PLAN.json" not in names(tmp_path / "copy" / FOLDER)


def test_others_who_never_stop_are_said(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def occupied(*_: Any, **__: Any) -> None:
        raise OccupiedError("there")

    monkeypatch.setattr(planned, "write_sealed", occupied)
    with pytest.raises(OccupiedError, match="one run at a time"):
        plan(root, ALL[0])
