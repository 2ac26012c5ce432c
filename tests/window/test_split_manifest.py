"""A stored split that was damaged is refused: a person must not vanish, and not move."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biomech_xr.errors import SplitError
from biomech_xr.store.objects import write_sealed
from biomech_xr.window.split import SPLITS, load, load_or_create


@pytest.fixture
def file(tmp_path: Path) -> Path:
    load_or_create(str(tmp_path), {f"hu-{n}": {f"hu-{n}"} for n in range(8)}, quarantine=["hu-7"])
    return tmp_path / "splits" / "default.json"


def root_of(file: Path) -> str:
    return str(file.parent.parent)


def test_an_intact_split_loads(file: Path) -> None:
    stored = load(root_of(file))
    assert stored is not None
    assert sum(len(stored.groups(split)) for split in SPLITS) == 7


def test_no_changed_byte_goes_unnoticed(file: Path) -> None:
    data = file.read_bytes()
    for position in range(0, len(data), 7):
        file.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        if _json(file) == json.loads(data):
            continue
        with pytest.raises(SplitError, match=r"splits/default\.json"):
            load(root_of(file))
    file.write_bytes(data.replace(b'"test"', b'"tesu"'))
    with pytest.raises(SplitError, match="Restore the file from a copy"):
        load_or_create(root_of(file), {"hu-1": {"hu-1"}})


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except ValueError:
        return None


def misname(value: dict[str, Any]) -> None:
    value["people"]["hu-3"]["split"] = "tesu"


def drop_split(value: dict[str, Any]) -> None:
    del value["people"]["hu-3"]["split"]


def rename(value: dict[str, Any]) -> None:
    value["name"] = "other"


def other_version(value: dict[str, Any]) -> None:
    value["version"] = 2


def no_version(value: dict[str, Any]) -> None:
    value["version"] = "one"


@pytest.mark.parametrize("change", [misname, drop_split, rename, other_version, no_version])
def test_impossible_values_are_refused_even_when_sealed(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(file.read_text())
    change(value)
    write_sealed(file, value)
    with pytest.raises(SplitError, match="Restore the file"):
        load(root_of(file))


def test_a_lost_version_is_noticed(file: Path) -> None:
    load_or_create(root_of(file), {"hu-new": {"hu-new"}})
    assert file.with_name("default.v2.json").exists()
    file.unlink()
    with pytest.raises(SplitError, match=r"default\.json: not there, but version 2"):
        load(root_of(file))
