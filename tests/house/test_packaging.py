"""The wheel holds the library alone, and the lock pins every requirement by hash."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

import biomech_xr

UNLOCKED = {"torch", "nvidia", "triton"}


def _project(root: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_wheel_is_configured_to_hold_the_library_alone(root: Path) -> None:
    targets = _project(root)["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"] == {"packages": ["biomech_xr"]}


def test_the_wheel_holds_the_library_alone(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = pytest.importorskip("hatchling.build", reason="hatchling not here: make setup installs it")
    monkeypatch.chdir(root)
    wheel = tmp_path / build.build_wheel(str(tmp_path))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    code = [name for name in names if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in code} == {"biomech_xr"}
    assert {"biomech_xr/schema/__init__.py", "biomech_xr/py.typed"} <= set(code)
    assert [name for name in code if "__pycache__" in name or name.endswith((".pyc", ".nbi", ".nbc"))] == []
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_one_version_everywhere(root: Path) -> None:
    version = _project(root)["project"]["version"]
    assert version == biomech_xr.__version__
    assert re.search(rf"^version: {re.escape(str(version))}$", (root / "CITATION.cff").read_text(), re.MULTILINE)


def test_every_requirement_is_locked_by_hash_and_torch_is_not(root: Path) -> None:
    text = (root / "requirements" / "lock.txt").read_text(encoding="utf-8")
    entries = re.findall(
        r"^([a-z0-9][a-z0-9._-]*)==(?:.*\\\n)((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)*)", text, re.M
    )
    locked = {name for name, _ in entries}
    assert [name for name, hashes in entries if not hashes] == []
    assert len(entries) == len(re.findall(r"^[a-z0-9][a-z0-9._-]*==", text, re.MULTILINE))
    project = _project(root)["project"]
    wanted = [
        *project["dependencies"],
        *(need for extra in ("readers", "report", "dev") for need in _extra(project, extra)),
    ]
    names = {re.split(r"[<>=\[; ]", need)[0].lower().replace("_", "-") for need in wanted}
    assert names - locked == set()
    assert [name for name in locked if name.split("-")[0] in UNLOCKED] == []


def _extra(project: dict[str, object], name: str) -> list[str]:
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    needs: list[str] = extras[name]
    return needs
