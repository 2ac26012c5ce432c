"""The demo in small: every stage of the road in one command, its page, and what it refuses to touch."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from biomech_xr.errors import OccupiedError
from pipelines import demo

pytestmark = pytest.mark.cluster


def config(out: Path, **changes: object) -> demo.DemoConfig:
    small = {"patients": {"hu": 3, "falisse": 1}, "minutes": 0.2, "training": "training/configs/smoke.yaml"}
    return demo.DemoConfig.of({"out": str(out), "workers": 1, **small, **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "demo"
    assert demo.run(config(out)) == 0
    return out


def test_two_ranks_train_on_the_store_and_the_run_is_scored(made: Path) -> None:
    steps = [json.loads(line) for line in (made / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in steps if "learning_rate" in line] == [1, 2, 3, 4]
    assert demo.DemoConfig(out="x").ranks == 2
    result = json.loads((made / "run" / "scores.json").read_text(encoding="utf-8"))
    assert result["persons"] == {"train": 2, "validation": 1, "test": 1}
    assert result["windows"] > 0
    assert {row["persons"] for row in result["scores"]} == {1}


def test_it_leaves_stores_run_scores_and_page(made: Path) -> None:
    assert {"recordings", "strides", "run", "report.html"} <= {path.name for path in made.iterdir()}
    scores = json.loads((made / "run" / "scores.json").read_text(encoding="utf-8"))
    knee = [row for row in scores["scores"] if row["quantity"] == "angle" and row["component"] == "knee flexion"]
    assert {"model", "no_change", "linear_extrapolation", "constant_acceleration"} <= set(knee[0]["rmse"])


def test_the_page_is_self_contained_and_says_what_is_synthetic(made: Path) -> None:
    page = (made / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert not re.search(r"<(script|link|img)\b", page)
    assert page.count("<td>synthetic</td>") == 2
    assert "knee flexion" in page
    assert "on notes only" in page


@pytest.mark.slow
def test_a_second_run_does_only_what_is_missing(made: Path) -> None:
    manifest = made / "strides" / "envelope" / "hu" / "MANIFEST.json"
    before = manifest.stat().st_mtime_ns
    (made / "report.html").unlink()
    assert demo.run(config(made)) == 0
    assert manifest.stat().st_mtime_ns == before
    assert (made / "report.html").is_file()


def test_it_touches_no_folder_that_is_not_its_own(made: Path, tmp_path: Path) -> None:
    mine = tmp_path / "raw" / "hu" / "AB156" / "mine.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious", encoding="utf-8")
    with pytest.raises(OccupiedError, match=r"not of a demo"):
        demo.run(config(tmp_path))
    assert mine.read_text(encoding="utf-8") == "precious"
    assert not (tmp_path / "recordings").exists()
    with pytest.raises(OccupiedError, match=r"other settings .*minutes"):
        demo.run(config(made, minutes=0.4))
