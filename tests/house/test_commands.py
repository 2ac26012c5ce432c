"""The stable commands exist, CI runs them, and a set-up that cannot work says why."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

STABLE = ("setup", "demo", "test", "check", "bench", "chaos", "docs")
MAKE = shutil.which("make") or ""
make = pytest.mark.skipif(not MAKE, reason="make is not installed")


def _make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment.pop("BIOMECH_XR_SAMPLES", None)
    return subprocess.run(
        [MAKE, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def _script(file: Path, body: str) -> Path:
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@make
@pytest.mark.parametrize("target", STABLE)
def test_every_stable_target_implies_the_set_up(root: Path, tmp_path: Path, target: str) -> None:
    plan = _make(root, "-n", target, f"VENV={tmp_path}/env")
    assert plan.returncode == 0, plan.stderr
    assert "--require-hashes -r requirements/lock.txt" in plan.stdout


@make
def test_the_targets_run_what_they_promise(root: Path, tmp_path: Path) -> None:
    plans = {target: _make(root, "-n", target, f"VENV={tmp_path}/env").stdout for target in STABLE}
    assert "-m pipelines.demo" in plans["demo"]
    assert "pytest -n 2 " in plans["test"]
    assert '-m "not slow and not gpu"' in plans["test"]
    for tool in ("ruff check", "ruff format --check", "mypy --strict", "lint-imports"):
        assert tool in plans["check"]


@make
def test_torch_alone_comes_from_the_index_the_user_names(root: Path, tmp_path: Path) -> None:
    plan = _make(root, "-n", "setup", f"VENV={tmp_path}/env", "TORCH_INDEX=https://index.example/cu")
    lines = [line for line in plan.stdout.splitlines() if "--index-url https://index.example/cu" in line]
    assert len(lines) == 1
    assert "torch==" in lines[0]


@make
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "Install Python 3.11 or newer"),
        ("exit 1", "is older than Python 3.11"),
        ('case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac', "apt install python3-venv"),
    ],
    ids=["absent", "old", "without-venv"],
)
def test_a_set_up_that_cannot_work_says_why(root: Path, tmp_path: Path, body: str | None, message: str) -> None:
    python = tmp_path / "python"
    if body is not None:
        _script(python, body)
    done = _make(root, "setup", f"PY={python}", f"VENV={tmp_path}/env")
    assert done.returncode != 0
    assert message in done.stderr
    assert not (tmp_path / "env").exists()


@make
def test_a_set_up_without_a_network_says_so_and_is_not_taken_for_done(root: Path, tmp_path: Path) -> None:
    environment = tmp_path / "env"
    (environment / "bin").mkdir(parents=True)
    _script(environment / "bin" / "python", 'case "$*" in *--version*) exit 0;; *) exit 1;; esac')
    done = _make(root, "setup", f"VENV={environment}")
    assert done.returncode != 0
    assert "Is a package index reachable?" in done.stderr
    assert not (environment / ".stamp").exists()


def test_ci_checks_and_tests(root: Path) -> None:
    run = root / ".ci" / "run"
    assert run.stat().st_mode & stat.S_IXUSR
    lines = run.read_text(encoding="utf-8").splitlines()
    assert "set -euo pipefail" in lines
    assert {"make check", "make test"} <= set(lines)


def test_workflows_are_pinned_and_have_few_rights(root: Path) -> None:
    files = sorted((root / ".github" / "workflows").glob("*.yml"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}, file.name
        uses = re.findall(r"uses: (\S+)", text)
        assert [use for use in uses if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", use)] == []


def test_the_workflow_tests_the_declared_pythons(root: Path) -> None:
    classifiers = re.findall(r"Python :: (3\.\d+)", (root / "pyproject.toml").read_text(encoding="utf-8"))
    workflow = yaml.safe_load((root / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == classifiers
