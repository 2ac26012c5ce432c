"""Looking for what makes a group exist and removing the rest of a dead run are two requests; others come in between."""

from __future__ import annotations

from typing import Any

import pytest

from biomech_xr.errors import LostDataError, OccupiedError
from biomech_xr.store import layout, ledger
from biomech_xr.store.objects import join, remove_tree, write_sealed
from tests.store.test_protocol import GROUP, PERSON, objects_of, problems, turned, write


@pytest.mark.parametrize("same", [True, False], ids=["same", "other data"])
def test_what_another_run_finished_while_it_was_being_removed_is_made_again(
    root: str, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We looked for the entry, then it came, then we removed what we took for the rest of a dead run."""
    entry, url = write(root), layout.patient_ledger_url(root, "hu", PERSON)
    before = objects_of(root)
    remove_tree(url)

    def after_their_entry(group: str) -> None:
        write_sealed(url, entry)
        remove_tree(group)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "remove_tree", after_their_entry)
        if same:
            assert write(root) == entry
        else:
            with pytest.raises(LostDataError, match=r"are gone .*made again the data come out differently"):
                write(root, trials=turned())
            assert list(objects_of(root)) == [f"recordings/hu/ledger/{PERSON}.json"]
    assert write(root) == entry
    assert objects_of(root) == before


def test_a_run_whose_objects_were_removed_just_before_its_entry_withdraws_it(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run looked for the entry, then we counted our objects, then they were removed, then the entry came."""
    real = ledger.write_sealed

    def late(*arguments: Any, **options: Any) -> Any:
        remove_tree(join(root, GROUP))
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "write_sealed", late)
        with pytest.raises(OccupiedError, match="another run is writing here"):
            write(root)
    assert objects_of(root) == {}
    write(root)
    assert problems(root) == ""
