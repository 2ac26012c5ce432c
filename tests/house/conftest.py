"""Fixtures of the tests that read the tree itself: its code, its documents, its commands."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

PACKAGES = ("biomech_xr", "pipelines", "training", "docs", "tests")
TEXT_FOLDERS = (*PACKAGES, "deploy", "requirements", ".github", ".ci")
TEXT_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".cff", ".txt", ".in", ".cfg", ".sh", ""}


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the repository."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def code(root: Path) -> Mapping[str, ast.Module]:
    """Return the syntax tree of every Python file, by path relative to the root."""
    files = sorted(file for package in PACKAGES for file in (root / package).rglob("*.py"))
    return {str(file.relative_to(root)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


@pytest.fixture(scope="session")
def texts(root: Path) -> Mapping[str, str]:
    """Return the text of every code, configuration and documentation file, by path relative to the root."""
    inside = [file for folder in TEXT_FOLDERS for file in (root / folder).rglob("*")]
    files = [file for file in (*root.iterdir(), *inside) if file.is_file() and file.suffix in TEXT_SUFFIXES]
    return {str(file.relative_to(root)): file.read_text(encoding="utf-8") for file in sorted(files)}
