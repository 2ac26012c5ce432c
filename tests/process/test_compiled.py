"""Kept machine code: fresh while its sources are, one file for each combination of types, not needed at all."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest

from biomech_xr import compiled

CALLER = """
from biomech_xr.compiled import compiled

@compiled()
def part(x):
    return {factor} * x

@compiled()
def whole(x):
    return part(x)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def module(path: Path, text: str) -> ModuleType:
    """Return a module as a new process would import it."""
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    result = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(result)
    return result


def test_code_of_other_modules_is_part_of_the_stamp(tmp_path: Path) -> None:
    files = {
        "process/lanes.py": "from biomech_xr.compiled import compiled",
        "process/vectors.py": "import numba",
        "vocabulary.py": "MUSCLES = ()",
        "process/plan.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    changes = {}
    for name, text in files.items():
        before = compiled.stamp.__wrapped__(tmp_path)
        (tmp_path / name).write_text(text + "\n")
        changes[name] = compiled.stamp.__wrapped__(tmp_path) != before
    assert changes == {name: name != "process/plan.py" for name in files}


def test_modules_of_constants_are_where_the_stamp_looks_for_them() -> None:
    assert [name for name in compiled._CONSTANTS if not (compiled.PACKAGE / name).is_file()] == []


def test_the_stamp_covers_every_module_that_compiles() -> None:
    for path in compiled.PACKAGE.rglob("*.py"):
        text = path.read_bytes()
        if b"@compiled(" in text or b"intrinsic" in text:
            assert any(word in text for word in compiled._LOOPS), path


def test_a_function_is_compiled_anew_when_the_stamp_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "stamp", lambda: "first")
    assert module(folder / "loops.py", CALLER.format(factor=2)).whole(3) == 6
    again = module(folder / "loops.py", CALLER.format(factor=2))
    assert again.whole(3) == 6
    assert sum(again.whole.stats.cache_hits.values()) == 1
    files = sorted((folder / "cache").rglob("*.nbc"))
    monkeypatch.setattr(compiled, "stamp", lambda: "second")
    changed = module(folder / "loops.py", CALLER.format(factor=5))
    assert changed.whole(3) == 15
    assert not changed.whole.stats.cache_hits
    assert sorted((folder / "cache").rglob("*.nbc")) == files


def test_processes_that_compile_in_another_order_agree_on_the_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    for values in ((3, 1.5), (1.5, 3)):
        monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder / str(values[0])))
        loops = module(folder / "loops.py", CALLER.format(factor=2))
        first: dict[float, set[str]] = {}
        for value in values:
            known = {path.name for path in (folder / str(values[0])).rglob("*whole*.nbc")}
            assert loops.whole(value) == 2 * value
            first[value] = {path.name for path in (folder / str(values[0])).rglob("*whole*.nbc")} - known
        kept.append(first)
    assert kept[0] == kept[1]
    assert kept[0][3].isdisjoint(kept[0][1.5])


def test_nothing_has_to_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> None:
        raise RuntimeError("cannot cache")

    monkeypatch.setattr(compiled, "_Cache", refuse)
    assert module(folder / "loops.py", CALLER.format(factor=2)).whole(4) == 8
    assert not (folder / "cache").exists()


def test_division_by_zero_is_numpys() -> None:
    @compiled.compiled()
    def inverse(x: float) -> float:
        return 1.0 / x

    assert inverse(0.0) == np.inf
