"""The estimate of what a store costs: exact for the store it was measured on, near the requests that were sent."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import fsspec
import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.process import load_chain
from biomech_xr.quality.cost_sample import Sample, Source, measure, reference_sources
from biomech_xr.quality.costs import LISTS, LOADED, Prices, estimate
from biomech_xr.run import finish_strides, parse_patient, pending_patients, shard_work
from biomech_xr.store import finish, open_part, publish, remote, write_patient
from biomech_xr.store.connections import SETTING
from biomech_xr.store.layout import shard_count, strides_url
from biomech_xr.store.objects import sizes
from biomech_xr.synthetic import write
from tests.buckets import GCS, emulated_gcs
from tests.store.samples import CHAIN, make_product, make_spec, make_trials

CLASS_A = ("writing", "listing")
STRIDES = 530


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A store in memory, and the requests that each stage of making it sent, by price class."""

    root: str
    counts: dict[str, Counter[str]]


@pytest.fixture(scope="module")
def made() -> Iterator[Measured]:
    name = f"/costs-{uuid.uuid4().hex}"
    root = f"memory:/{name}"
    counts: dict[str, Counter[str]] = {}
    real = remote.request
    with pytest.MonkeyPatch.context() as patch:

        def stage(stage_name: str) -> None:
            counts[stage_name] = Counter()

            def counted(url: str, doing: str, send: Callable[..., Any]) -> Any:
                counts[stage_name]["a" if doing in CLASS_A else "b"] += 1
                return real(url, doing, send)

            patch.setattr(remote, "request", counted)

        stage("parse")
        write_patient(root, make_spec(), make_trials(), config_hash="x")
        product = make_product("hu", strides=STRIDES, time=900, seed=0, phase=20)
        stage("process")
        entry = product.create(root)
        for shard in range(shard_count(STRIDES)):
            product.write_shard(root, shard, entry)
        finish(root, CHAIN, "hu", [entry["fingerprint"]])
        stage("publish")
        publish(root, CHAIN, ["hu"])
        stage("1 epoch(s)")
        part = open_part(strides_url(root, CHAIN, "hu"))
        for start in range(0, STRIDES, part.chunk):
            for variable in LOADED:
                part.read(variable, start, min(start + part.chunk, STRIDES))
    yield Measured(root=root, counts=counts)
    fsspec.filesystem("memory").rm(name, recursive=True)


@pytest.fixture(scope="module")
def sample(made: Measured) -> Sample:
    return measure(made.root, CHAIN)[0]


def test_the_store_itself_is_estimated_to_the_object(made: Measured) -> None:
    sample, sources = measure(made.root, CHAIN)
    assert sources == [Source(name="hu", strides=STRIDES, patients=4)]
    found = estimate(sample, sources)
    there = sizes(made.root)
    rows = {row["kind"]: row for row in found["objects"]}
    strides = {key: size for key, size in there.items() if key.startswith("strides/")}
    assert sum(row["objects"] for kind, row in rows.items() if kind.startswith("strides")) == len(strides)
    stored = sum(row["bytes"] for kind, row in rows.items() if kind.startswith("strides"))
    assert stored == pytest.approx(sum(strides.values()), rel=0.02)
    assert rows["version"]["objects"] == len([key for key in there if key.startswith("versions/")])


@pytest.mark.parametrize("stage", ["process", "publish", "1 epoch(s)"])
def test_requests_are_near_those_that_were_sent(made: Measured, stage: str) -> None:
    sample, sources = measure(made.root, CHAIN)
    row = next(row for row in estimate(sample, sources)["requests"] if row["doing"] == stage)
    recordings = estimate(sample, sources)["objects"][0]["objects"] if stage == "process" else 0
    unplanned = LISTS["plan"] if stage == "process" else 0
    assert row["a"] - unplanned == pytest.approx(made.counts[stage]["a"], rel=0.15)
    assert row["b"] - recordings == pytest.approx(made.counts[stage]["b"], rel=0.25)


def test_listings_of_each_source_and_go_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    write("falisse", tmp_path, patients=1, minutes=0.1)
    found = {}
    with emulated_gcs() as gcs:
        root = f"{GCS}/costs"
        for patient in pending_patients("falisse", tmp_path, root)[0]:
            parse_patient("falisse", str(tmp_path), root, patient)
        found["parse"] = gcs.requests.by_kind
        gcs.reset()
        work = shard_work(root, "falisse", load_chain(CHAIN))
        dask.compute(*work.tasks, scheduler="synchronous")
        finish_strides(work)
        found["process"] = gcs.requests.by_kind
        publish(root, CHAIN, ["falisse"])
        planned = {row["doing"]: row["a"] for row in estimate(*measure(root, CHAIN))["requests"]}
    for stage, kinds in found.items():
        assert planned[stage] == pytest.approx(kinds["list"] + kinds["write"], rel=0.08)


def test_a_hundred_times_as_much_costs_a_hundred_times_as_much(sample: Sample) -> None:
    once, often = (estimate(sample, reference_sources(times=times)) for times in (1, 100))
    assert (once["strides"], once["sources"]) == (515_880, 14)
    assert often["strides"] == 100 * once["strides"]
    assert often["month"] == pytest.approx(100 * once["month"], rel=0.01)
    costs = [sum(row["usd"] for row in found["requests"]) for found in (once, often)]
    assert costs[1] == pytest.approx(100 * costs[0], rel=0.05)
    assert once["notes"] == []
    assert any("at most" in note for note in often["notes"])
    opening = [next(row for row in found["requests"] if row["doing"] == "open") for found in (once, often)]
    assert opening[0]["b"] == opening[1]["b"]


def test_more_parts_mean_more_small_objects_and_no_more_values(sample: Sample) -> None:
    one, ten = (estimate(sample, reference_sources(parts=parts)) for parts in (1, 10))
    rows = [{row["kind"]: row for row in found["objects"]} for found in (one, ten)]
    assert rows[1]["strides: parts"]["objects"] > 5 * rows[0]["strides: parts"]["objects"]
    assert rows[1]["strides: shards"]["bytes"] == rows[0]["strides: shards"]["bytes"]


def test_epochs_and_prices_are_proportional(sample: Sample) -> None:
    sources = reference_sources()
    one, three = (estimate(sample, sources, epochs=epochs)["requests"][-1] for epochs in (1, 3))
    assert three["bytes"] == pytest.approx(3 * one["bytes"], abs=2)
    dear = estimate(sample, sources, prices=Prices(a=0.0, b=1.0, month=2.0))
    assert dear["requests"][-1]["usd"] == pytest.approx(one["b"] / 1000)
    assert dear["month"] == pytest.approx(2e-9 * sum(row["bytes"] for row in dear["objects"]))


def test_the_command_prints_tables_and_its_prices(made: Measured) -> None:
    run = CliRunner().invoke(app, ["plan", made.root, "--reference", "--times", "100", "--price-a", "0.007"])
    assert run.exit_code == 0, run.output
    assert "51,588,000 strides" in run.output
    assert "0.007 USD" in run.output
    assert "note: " in run.output
    found = json.loads(CliRunner().invoke(app, ["plan", made.root, "--json"]).output)
    assert found["strides"] == STRIDES
