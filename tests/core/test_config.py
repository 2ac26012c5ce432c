"""Configurations: strict, all problems at once, overrides, a hash that is the same everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from biomech_xr.config import Config
from biomech_xr.errors import ConfigError, MissingInputError


class Inner(Config):
    cutoff: float = 6.0
    order: int = 2


class Outer(Config):
    inner: Inner = Inner()
    steps: tuple[int, ...] = ()
    workers: int = 2


def write(folder: Path, text: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_values_and_overrides(tmp_path: Path) -> None:
    config = Outer.load(write(tmp_path, "inner: {cutoff: 8}\nsteps: [1, 2]\n"), ["inner.order=4", "workers=7"])
    assert config == Outer(inner=Inner(cutoff=8.0, order=4), steps=(1, 2), workers=7)


def test_a_configuration_needs_no_file() -> None:
    assert Outer.load("workers=7", ["inner.cutoff=8"]) == Outer(inner=Inner(cutoff=8.0), workers=7)
    with pytest.raises(ConfigError, match=r"command line[\s\S]*did you mean 'workers'"):
        Outer.load("wrokers=7")


def test_all_problems_are_listed_with_the_nearest_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Outer.load(write(tmp_path, "inner: {cutof: 8}\nwrokers: 3\nsteps: [x]\n"))
    text = str(caught.value)
    assert "3 problem(s)" in text
    assert "inner.cutof: unknown key; did you mean 'cutoff'?" in text
    assert "wrokers: unknown key; did you mean 'workers'?" in text
    assert "steps.0" in text
    assert str(tmp_path) in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers: true", "workers"),
        ("workers: '3'", "workers"),
        ("workers: 2\nworkers: 3", "the key 'workers' occurs twice"),
        ("- a", "expected `key: value` pairs"),
        ("a: [", "not valid YAML"),
        ("workers: !!python/name:os.system", "not valid YAML"),
    ],
)
def test_what_is_not_exactly_right_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Outer.load(write(tmp_path, text))


@pytest.mark.parametrize("override", ["workers", "=3", "workers.deep=1", "inner=[1"])
def test_a_bad_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError):
        Outer.load(write(tmp_path, "workers: 2"), [override])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nowhere\.yaml"):
        Outer.load(tmp_path / "nowhere.yaml")


def test_the_hash_is_stable_across_processes_and_ignores_what_it_is_told_to() -> None:
    code = "from biomech_xr.config import Config\nclass C(Config):\n  b: dict[str, int] = {'y': 1, 'x': 2}\n"
    code += "print(C().hash())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert Outer(workers=2).hash(exclude=["workers"]) == Outer(workers=9).hash(exclude=["workers"])
    assert Outer(workers=2).hash() != Outer(workers=9).hash()
    assert Outer(inner=Inner(order=3)).hash() != Outer().hash()
