"""One tree of each source for the whole folder, and the physiology of one written stride."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from biomech_xr import synthetic
from tests.shared import made_once

Tree = tuple[Path, synthetic.Truth]


def plain(truth: synthetic.Truth) -> dict[str, Any]:
    """Return a truth as JSON has it."""
    return {
        "strides": truth.strides.to_dict("list"),
        "dtypes": {name: str(dtype) for name, dtype in truth.strides.dtypes.items()},
        "sign_convention": dict(truth.sign_convention),
        "planted": dict(truth.planted),
    }


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tree]:
    """Return a function that gives (root, truth) of a source; two people where there are two; written once."""
    written: dict[str, Tree] = {}

    def of(dataset: str) -> Tree:
        if dataset not in written:
            people = min(2, synthetic.PEOPLE[dataset])
            root, facts = made_once(
                tmp_path_factory,
                f"synthetic-{dataset}",
                lambda root: plain(synthetic.write(dataset, root, patients=people, seed=3, minutes=0.1)),
            )
            strides = pd.DataFrame(facts["strides"]).astype(facts["dtypes"])
            truth = synthetic.Truth(
                dataset=dataset,
                strides=strides,
                sign_convention=facts["sign_convention"],
                planted=facts["planted"],
            )
            written[dataset] = root, truth
        return written[dataset]

    return of
