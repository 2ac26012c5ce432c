"""`make sources`: every source written, parsed and checked in one go; a broken file stops only its person."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from biomech_xr.datasets import names
from biomech_xr.store import list_patients

ROOT = Path(__file__).parents[2]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Return the folder that the target made, and what it printed; the environment is taken as it is."""
    out = tmp_path_factory.mktemp("sources")
    arguments = (f"VENV={sys.prefix}", f"OUT={out}", "PEOPLE=1")
    return out, run("make", "-o", f"{sys.prefix}/.stamp", "sources", *arguments)


def test_every_source_passes_in_one_go(made: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, done = made
    assert done.returncode == 0, done.stderr[-2000:]
    assert {dataset for dataset, _ in list_patients(str(out / "store"))} == set(names())
    assert "0 problem(s)" in done.stdout


def test_a_second_run_parses_nothing(made: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = made
    before = {path: path.stat().st_mtime_ns for path in (out / "store").rglob("*") if path.is_file()}
    done = run("make", "-o", f"{sys.prefix}/.stamp", "sources", f"VENV={sys.prefix}", f"OUT={out}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "parse:" not in done.stdout
    assert {path: path.stat().st_mtime_ns for path in (out / "store").rglob("*") if path.is_file()} == before


def test_the_configuration_names_every_source() -> None:
    config = yaml.safe_load((ROOT / "pipelines/configs/sources.yaml").read_text(encoding="utf-8"))
    assert sorted(config["sources"]) == names()


def test_a_broken_person_is_named_and_the_rest_is_done(
    made: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """One file is cut: its person fails by name, the other source is parsed, the exit code says partial."""
    out, _ = made
    raw = tmp_path / "lencioni"
    raw.mkdir()
    for path in (out / "raw" / "lencioni").iterdir():
        if path.is_file():
            (raw / path.name).write_bytes(path.read_bytes())
    broken = next(raw.glob("Subject*.mat"))
    broken.write_bytes(broken.read_bytes()[:2000])
    config = {
        "store": str(tmp_path / "store"),
        "workers": 1,
        "sources": {"lencioni": {"raw": str(raw)}, "falisse": {"raw": str(out / "raw" / "falisse")}},
    }
    (tmp_path / "parse.yaml").write_text(json.dumps(config), encoding="utf-8")
    done = run(sys.executable, "-m", "pipelines.parse", str(tmp_path / "parse.yaml"))
    assert done.returncode == 1, done.stderr
    assert "1 unit(s) failed" in done.stderr
    assert broken.name in done.stderr
    assert [dataset for dataset, _ in list_patients(str(tmp_path / "store"))] == ["falisse"]


def test_a_source_that_is_not_there_stops_no_other(
    made: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    out, _ = made
    (tmp_path / "empty").mkdir()
    config = {
        "store": str(tmp_path / "store"),
        "workers": 1,
        "sources": {"hu": {"raw": str(tmp_path / "empty")}, "falisse": {"raw": str(out / "raw" / "falisse")}},
    }
    (tmp_path / "parse.yaml").write_text(json.dumps(config), encoding="utf-8")
    done = run(sys.executable, "-m", "pipelines.parse", str(tmp_path / "parse.yaml"))
    assert done.returncode == 1, done.stderr
    assert "hu" in done.stderr
    assert [dataset for dataset, _ in list_patients(str(tmp_path / "store"))] == ["falisse"]
