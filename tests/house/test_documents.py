"""The documents say what is there: links lead somewhere, named modules, commands and options exist."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from biomech_xr import vocabulary as words
from tests.store.samples import make_product

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"(?:python -m|torchrun [^\n]*?-m) ((?:pipelines|training|tests|biomech_xr)\.[\w.]+)")
CONFIGURATION = re.compile(r"\b((?:pipelines|training)/configs/[\w/.-]+\.yaml)")
TARGET = re.compile(r"\bmake ([a-z]+)\b")
SECTIONS = ("explanation", "how-to", "decisions", "datasets", "changes")


@pytest.fixture(scope="module")
def pages(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Return the text of every Markdown page, by path relative to the root."""
    return {name: text for name, text in texts.items() if name.endswith(".md")}


def _blocks(pages: Mapping[str, str], *languages: str) -> Iterator[tuple[str, str]]:
    for name, text in pages.items():
        for language, body in BLOCK.findall(text):
            if language in languages:
                yield name, body


def test_every_section_has_a_page(pages: Mapping[str, str]) -> None:
    assert [section for section in SECTIONS if not any(name.startswith(f"docs/{section}/") for name in pages)] == []


def test_every_relative_link_leads_somewhere(pages: Mapping[str, str], root: Path) -> None:
    broken = [
        f"{name}: {target}"
        for name, text in pages.items()
        for target in LINK.findall(text)
        if "://" not in target
        and not target.startswith("mailto:")
        and not (root / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_every_page_is_reached_from_the_index(pages: Mapping[str, str], root: Path) -> None:
    reached, pending = set(), ["docs/index.md"]
    while pending:
        name = pending.pop()
        if name in reached or name not in pages:
            continue
        reached.add(name)
        targets = ((root / name).parent.joinpath(target).resolve() for target in LINK.findall(pages[name]))
        pending += [str(target.relative_to(root)) for target in targets if target.is_relative_to(root)]
    assert {name for name in pages if name.startswith("docs/")} - reached == set()


def test_every_command_that_a_page_names_exists(pages: Mapping[str, str]) -> None:
    named = {(page, module.rstrip(".")) for page, text in pages.items() for module in MODULE.findall(text)}
    assert {(page, module) for page, module in named if importlib.util.find_spec(module) is None} == set()


def test_every_configuration_that_a_page_names_exists(pages: Mapping[str, str], root: Path) -> None:
    named = {(page, path) for page, text in pages.items() for path in CONFIGURATION.findall(text)}
    assert {(page, path) for page, path in named if not (root / path).is_file()} == set()


def test_every_target_that_a_page_names_exists(pages: Mapping[str, str], root: Path) -> None:
    known = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(page, target) for page, text in pages.items() for target in TARGET.findall("\n".join(_quoted(text)))}
    assert named
    assert {(page, target) for page, target in named if target not in known} == set()


def _quoted(text: str) -> list[str]:
    return [body for _, body in BLOCK.findall(text)] + re.findall(r"`([^`\n]+)`", text)


def test_python_blocks_parse_and_import_names_that_exist(pages: Mapping[str, str]) -> None:
    missing = []
    for page, body in _blocks(pages, "python"):
        for node in ast.walk(ast.parse(body, filename=page)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("biomech_xr"):
                module = importlib.import_module(str(node.module))
                missing += [
                    f"{page}: {node.module}.{alias.name}" for alias in node.names if not _has(module, alias.name)
                ]
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"bx", "biomech_xr"}:
                missing += [] if _has(importlib.import_module("biomech_xr"), node.attr) else [f"{page}: {node.attr}"]
    assert missing == []


@pytest.fixture(scope="module")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `demo` is a small store with the patient that the pages name."""
    folder = tmp_path_factory.mktemp("pages")
    product = make_product("hu", strides=40, time=1850, seed=1)
    labels = product.labels
    for column in ("patient", "source_patient", "person_group"):
        labels[column] = labels[column].str.replace("AB00", "AB156")
    labels["emg_history"], labels["kinematics_history"], labels["kinematics_future"] = 250, 4, 80
    product.write(str(folder / "demo"))
    return folder


@pytest.mark.parametrize("page", ["docs/how-to/query-strides.md", "docs/how-to/train-with-torchrun.md", "README.md"])
def test_python_blocks_run(
    pages: Mapping[str, str], demo_store: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.chdir(demo_store)
    monkeypatch.setenv("MPLBACKEND", "agg")
    blocks = [body for _, body in _blocks({page: pages[page]}, "python")]
    assert blocks
    for body in blocks:
        exec(compile(body, page, "exec"), {})  # noqa: S102 - the pages are ours


def _has(module: ModuleType, name: str) -> bool:
    if hasattr(module, name):
        return True
    return hasattr(module, "__path__") and importlib.util.find_spec(f"{module.__name__}.{name}") is not None


def test_yaml_blocks_are_valid(pages: Mapping[str, str]) -> None:
    for page, body in _blocks(pages, "yaml"):
        assert isinstance(yaml.safe_load(body), dict), page


def test_every_reason_for_rejection_is_explained(pages: Mapping[str, str]) -> None:
    page = pages["docs/explanation/conventions.md"]
    assert [reason for reason in words.REJECTION_REASONS if f"`{reason}`" not in page] == []


def test_the_muscles_stand_in_their_order(pages: Mapping[str, str]) -> None:
    page = pages["docs/explanation/conventions.md"]
    listed = re.findall(r"^\| \d+ \| `(\w+)`", page, re.MULTILINE)
    assert listed == list(words.MUSCLES)


def test_decisions_say_context_decision_and_consequences(pages: Mapping[str, str]) -> None:
    decisions = {name: text for name, text in pages.items() if re.match(r"docs/decisions/\d{4}-", name)}
    assert decisions
    for name, text in decisions.items():
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], name
