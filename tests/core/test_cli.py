"""The command line, called as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from biomech_xr import cli
from biomech_xr.datasets import names


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["biomech-xr", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_datasets_lists_every_source_with_its_proof(capsys, monkeypatch) -> None:
    code, out, _ = call(capsys, monkeypatch, "datasets", "--json")
    listed = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert sorted(listed) == names()
    assert listed["falisse"]["reader"] == "checked on real file"
    assert listed["hu"]["reader"] == "on notes only"
    assert all(row["licence"] for row in listed.values())
    code, out, _ = call(capsys, monkeypatch, "datasets")
    assert all(name in out for name in names())


def test_synth_writes_a_tree_once(capsys, monkeypatch, tmp_path: Path) -> None:
    tree = tmp_path / "falisse"
    code, out, _ = call(capsys, monkeypatch, "synth", "falisse", "--patients", "1", "--out", str(tree))
    assert code == 0
    assert "11 strides" in out
    assert (tree / "SYNTHETIC.txt").is_file()
    code, _, err = call(capsys, monkeypatch, "synth", "falisse", "--patients", "1", "--out", str(tree))
    assert code == 2
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["synth", "huu", "--out", "{tmp}/x"], "did you mean 'hu'"),
        (["synth", "hu", "--patients", "99", "--out", "{tmp}/x"], "expected 1 to 10"),
        (["synth", "hu", "--out", "{tmp}/file"], "file"),
        (["info", "{tmp}/nowhere"], "neither recordings nor strides"),
        (["report", "{tmp}", "--out", "{tmp}/r.html"], "{tmp}"),
    ],
)
def test_a_mistake_is_one_clear_error(capsys, monkeypatch, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    filled = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    code, _, err = call(capsys, monkeypatch, *filled)
    assert code == 2
    assert err.startswith("error: ")
    assert message.replace("{tmp}", str(tmp_path)) in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
