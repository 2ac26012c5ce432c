"""One tree of each source for the whole folder, and the physiology of one written stride."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from biomech_xr import synthetic
from tests.shared import made_once

Tree = tuple[Path, synthetic.Truth]


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tree]:
    """Return a function that gives (root, truth) of a source; two people where there are two; written once."""
    written: dict[str, Tree] = {}

    def of(dataset: str) -> Tree:
        if dataset not in written:
            people = min(2, synthetic.PEOPLE[dataset])
            written[dataset] = made_once(
                tmp_path_factory,
                f"synthetic-{dataset}",
                lambda root: synthetic.write(dataset, root, patients=people, seed=3, minutes=0.1),
            )
        return written[dataset]

    return of
