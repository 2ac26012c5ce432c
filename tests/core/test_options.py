"""Options of a source: checked, named in errors, part of what a store was parsed under."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from biomech_xr import parse
from biomech_xr.datasets import Option
from biomech_xr.errors import ConfigError
from biomech_xr.parse import check_options, options
from biomech_xr.parse.options import describe_options


class Source:
    options: ClassVar = {
        "stride_time": Option(kind="number", help="Seconds."),
        "level": Option(kind="choice", choices=("raw", "cut"), help="Which form."),
        "times": Option(kind="file", help="A CSV file."),
        "columns": Option(kind="text", help="Order."),
    }


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "get_dataset", lambda _name: Source)


def test_values_are_of_their_kind(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("1\n")
    given = {"stride_time": 1, "level": "cut", "times": str(file), "columns": "xyz"}
    assert check_options("d", given) == {"stride_time": 1.0, "level": "cut", "times": file, "columns": "xyz"}
    assert check_options("d", None) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stride_tim": 1}, "did you mean 'stride_time'"),
        ({"other": 1}, "takes: stride_time, level, times, columns"),
        ({"stride_time": "1"}, "expected a number. Seconds"),
        ({"stride_time": True}, "expected a number"),
        ({"stride_time": float("nan")}, "expected a number"),
        ({"level": "both"}, "one of raw, cut"),
        ({"times": "nowhere.csv"}, "no such file"),
        ({"columns": 3}, "expected text"),
    ],
)
def test_wrong_options_are_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_options("d", given)


def test_the_description_follows_the_content_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("1\n")
    first = describe_options({"times": file})
    file.write_text("2\n")
    assert describe_options({"times": file}) != first
    assert str(tmp_path) not in first
    assert describe_options({}) == ""


def test_facts_hold_the_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="hu: option 'nonsense' is not known"):
        parse.read_facts("hu", tmp_path, {"nonsense": 1})
    assert parse.read_facts("hu", tmp_path).settings == ""
