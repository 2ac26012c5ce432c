"""What the parse pipeline says and returns where the files of one person are bad and those of another are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from biomech_xr.errors import BiomechXRError
from biomech_xr.store import ledger, list_patients, open_patient
from biomech_xr.synthetic import write
from pipelines import parse
from pipelines.command import report_failures


class Here:
    """A client that keeps what it is to run until it is asked for the result."""

    def submit(self, function: Callable[..., Any], *given: Any, **named: Any) -> Callable[[], Any]:
        return lambda: function(*given, **named)


def gather(_: Here, __: str, units: Mapping[str, Callable[[], Any]], *___: Any) -> tuple[list[Any], list[str]]:
    results, failures = [], []
    for name, unit in units.items():
        try:
            results.append(unit())
        except BiomechXRError as error:
            failures.append(f"{name}: {error}")
    return results, failures


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> parse.ParseConfig:
    monkeypatch.setattr(parse, "connect", lambda _: nullcontext(Here()))
    monkeypatch.setattr(parse, "gather", gather)
    write("hu", tmp_path / "raw", patients=2, minutes=0.1)
    return parse.ParseConfig.of({"store": str(tmp_path / "store"), "sources": {"hu": {"raw": str(tmp_path / "raw")}}})


def test_bad_files_give_the_same_exit_code_again(config: parse.ParseConfig, tmp_path: Path) -> None:
    for file in sorted((tmp_path / "raw").glob("AB*"))[1].glob("**/*.csv"):
        file.write_bytes(b"nothing\n")
    assert [parse.run(config) for _ in range(2)] == [1, 1]
    assert len(list_patients(config.store)) == 1


def test_people_of_other_code_are_counted_and_parsed_again_when_asked(
    config: parse.ParseConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ledger.software()
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "software", lambda: {**own, "code": "0123456789ab"})
        assert parse.run(config) == 0
    assert parse.run(config) == 0
    assert "2 finished patient(s) of other code or libraries stay; same_code=true" in capsys.readouterr().out
    again = config.model_copy(update={"same_code": True})
    assert [parse.run(again) for _ in range(2)] == [0, 0]
    assert "0 patient(s) to parse, 2 in the store already" in capsys.readouterr().out


def test_people_who_fail_for_one_reason_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    failures = ["hu-AB1: a.mat: cut off", "hu-AB2: b.mat: cut off", "hu-AB3: a.mat: cut off", "stopped"]
    assert [report_failures("parse", failures, done=done) for done in (0, 1)] == [2, 1]
    expected = (
        "error: parse: 4 unit(s) failed:\n  hu-AB1, hu-AB3: a.mat: cut off\n  hu-AB2: b.mat: cut off\n  stopped\n"
    )
    assert capsys.readouterr().err == 2 * expected


@pytest.mark.parametrize(("sign", "warnings"), [("extension", 2), ("flexion", 0)])
def test_an_option_against_the_data_is_taken_and_said(
    sign: str, warnings: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(parse, "connect", lambda _: nullcontext(Here()))
    monkeypatch.setattr(parse, "gather", gather)
    write("embry", tmp_path / "raw", patients=2, minutes=0.1)
    source = {"raw": str(tmp_path / "raw"), "options": {"knee_sign": sign}}
    config = parse.ParseConfig.of({"store": str(tmp_path / "store"), "sources": {"embry": source}})
    assert parse.run(config) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: embry-")]
    assert len(said) == warnings
    for line in said:
        assert "knee_sign: -1 (option knee_sign=extension); against the data: 1 (confidence 0.9" in line
    person = list_patients(config.store)[0][1]
    notes = json.loads(str(open_patient(config.store, "embry", person).trials["notes"][0]))
    assert f"(option knee_sign={sign}); " in notes["evidence.knee_sign"]
