"""Lab: the mappings on the how-to page are those that the tests read real files with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from biomech_xr.datasets.lab.mapping import LabMapping
from tests.datasets import lab_samples

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "bring-your-own-data.md"


@pytest.mark.parametrize(
    ("first", "mapping", "files"),
    [("BTS.c3d", lab_samples.BTS, ["BTS.c3d"]), ("_IK.mot", lab_samples.OPENSIM, [lab_samples.OPENSIM_FILES])],
)
def test_whole_mappings_of_the_page_are_the_tested_ones(first: str, mapping: dict[str, Any], files: list[Any]) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (text,) = [block for block in blocks if "line_frequency" in block and first in block]
    shown = LabMapping.of(yaml.safe_load(text))
    tested = LabMapping.of({"people": [shown.people[0].model_dump(exclude={"files"}) | {"files": files}]} | mapping)
    assert shown == tested
