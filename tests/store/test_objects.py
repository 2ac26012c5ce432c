"""Small objects: written whole or not at all, never replaced when told so, sealed against damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store.objects import exists, join, read_json, read_sealed, remove_tree, sizes, write_json, write_sealed


def test_json_is_written_whole_or_not_at_all(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = join(root, "splits", "default.json")
    write_json(url, {"a": 1}, create_only=True)
    write_json(url, {"a": 1}, create_only=True)
    with pytest.raises(OccupiedError, match="never replaced"):
        write_json(url, {"a": 2}, create_only=True)
    assert read_json(url) == {"a": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_json(url, {"a": float("nan")})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        if not root.startswith("memory"):
            with pytest.raises(OSError, match="disk full"):
                write_json(url, {"a": 3})
    assert read_json(url) == {"a": 1}
    assert list(sizes(root)) == ["splits/default.json"]
    assert exists(url)


def test_a_changed_ledger_is_noticed(root: str) -> None:
    url = join(root, "ledger", "a.json")
    write_sealed(url, {"size": 3, "age": float("nan")})
    assert read_sealed(url)["age"] is None
    write_json(url, {**read_json(url), "size": 4})
    with pytest.raises(LostDataError, match="digest"):
        read_sealed(url)


def test_a_missing_object_is_named_and_removing_it_is_no_error(root: str) -> None:
    with pytest.raises(NotAStoreError, match="no such object"):
        read_json(join(root, "nothing.json"))
    remove_tree(join(root, "nothing"))
    assert sizes(join(root, "nothing")) == {}
