"""The whole demo, training on two ranks included, on a folder, on Google's storage and on Amazon's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines import demo
from tests.buckets import GCS, emulated_gcs, emulated_s3
from tests.chaos.bench import contents

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(1800)]


def walk(out: Path, store: str | None) -> dict[str, str]:
    small = {"patients": {"hu": 3, "falisse": 1}, "minutes": 0.3, "training": "training/configs/smoke.yaml"}
    config = demo.DemoConfig.of({"out": str(out), "store": store, **small})
    assert demo.run(config) == 0
    assert json.loads((out / "run" / "scores.json").read_text(encoding="utf-8"))["windows"] > 0
    assert (out / "report.html").is_file()
    kinds = ("recordings/", "strides/", "versions/")
    return {key: value for key, value in contents(config.root).items() if key.startswith(kinds)}


def test_the_demo_is_the_same_on_every_storage(tmp_path: Path) -> None:
    with emulated_gcs(), emulated_s3() as s3:
        local = walk(tmp_path / "local", None)
        assert {key.partition("/")[0] for key in local} == {"recordings", "strides", "versions"}
        for name, store in (("gs", f"{GCS}/demo"), ("s3", f"{s3}/demo")):
            assert walk(tmp_path / name, store) == local
            assert not (tmp_path / name / "strides").exists()
