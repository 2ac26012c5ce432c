"""The pages and tables of sources are those that the readers' facts make."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from biomech_xr import vocabulary as words
from biomech_xr.datasets import get_dataset, names
from biomech_xr.errors import MissingInputError
from biomech_xr.quality import write_pages
from biomech_xr.quality.catalog import source_page, sources_table


def test_pages_and_tables_are_up_to_date(root: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(root / "README.md", tmp_path)
    shutil.copytree(root / "docs" / "datasets", tmp_path / "docs" / "datasets")
    changed = [path.relative_to(tmp_path).as_posix() for path in write_pages(tmp_path)]
    assert changed == [], "run: make docs"


def test_no_page_is_left_of_a_source_that_is_gone(root: Path) -> None:
    assert sorted(path.stem for path in (root / "docs" / "datasets").glob("*.md")) == sorted([*names(), "index"])


@pytest.mark.parametrize("name", names())
def test_a_page_says_what_there_is_and_what_is_assumed(name: str) -> None:
    dataset = get_dataset(name)
    page = source_page(dataset)
    for raw in (*dataset.spec.emg, *dataset.spec.angles, *dataset.spec.moments):
        assert f"`{raw}`" in page
    for text in (*dataset.spec.assumptions, *dataset.spec.known_defects, *dataset.options):
        assert text in page
    assert words.EVIDENCES[dataset.spec.evidence] in page


def test_the_table_has_a_row_for_every_source() -> None:
    rows = sources_table(get_dataset(name).spec for name in names()).splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == names()


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"README\.md: no marks"):
        write_pages(tmp_path)
    assert list(tmp_path.iterdir()) == []
