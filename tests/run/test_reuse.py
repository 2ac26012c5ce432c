"""A rerun makes again what it must and nothing else: newcomers, settings changed and changed back, other code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask
import pytest

import biomech_xr as bx
from biomech_xr.errors import StoreError
from biomech_xr.load.parts.selection import open_parts
from biomech_xr.process import Chain, load_chain
from biomech_xr.run import ShardWork, finish_strides, shard_work
from biomech_xr.run.corpus import Corpus, CorpusPerson, write_person
from biomech_xr.store import check_store, differences, layout, ledger, open_part, publish, read_version, write_patient
from biomech_xr.synthetic.corpus import corpus_trials

ENVELOPE = load_chain("envelope")
PEOPLE = tuple(CorpusPerson(name=f"P{i}", strides=18, population="able_bodied") for i in range(3))
CORPUS = Corpus(dataset="bacek", seed=1, people=PEOPLE)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(layout, "STRIDES_PER_SHARD", 16)
    monkeypatch.setattr(layout, "STRIDES_PER_CHUNK", 16)
    return str(tmp_path)


def arrive(root: str, people: Sequence[CorpusPerson]) -> None:
    for person in people:
        write_person(root, CORPUS, person)


def fill(work: ShardWork, shards: int | None = None) -> None:
    graph, keys = work.graph()
    if keys:
        dask.get(graph, keys[:shards])


def made(root: str, chain: Chain = ENVELOPE, **options: Any) -> ShardWork:
    """Process what there is to do and make a version of it."""
    work = shard_work(root, "bacek", chain, **options)
    fill(work)
    finish_strides(work)
    publish(root, chain.name, ["bacek"])
    return work


def test_people_without_a_usable_stride_are_recorded_and_stop_nobody(root: str) -> None:
    arrive(root, PEOPLE[:1])
    made(root)
    for name, kept in (("long", slice(None)), ("none", slice(0))):
        trials = [
            dataclasses.replace(trial, strides=trial.strides[kept].assign(duration=9.0))
            for trial in corpus_trials(CORPUS.source, name, 4, population="able_bodied")
        ]
        write_patient(root, CORPUS.spec, trials, config_hash="x")
    work = made(root)
    assert work.plan is not None
    assert (len(work.plan.labels), work.shards, work.more) == (0, [], False)
    assert shard_work(root, "bacek", ENVELOPE).plan is None
    opened = bx.open_strides(root, chain="envelope")
    assert (opened.attrs["version"], opened.sizes["stride"]) == (2, 18)
    assert set(opened.indexes["stride"].get_level_values("patient")) == {"bacek-P0"}
    assert opened["emg"][:2].compute(scheduler="synchronous").notnull().any()
    empty = open_part(layout.strides_url(root, "envelope", "bacek"), part=layout.part_name(work.fingerprints[1]))
    assert set(empty.manifest["recordings"]) == {"bacek-long", "bacek-none"}
    assert empty.rejected["reason"].tolist() == ["too_long"] * 4
    assert not any(unit.problems or unit.leftover for unit in check_store(root))
    assert [part.size for part in open_parts(root, chain="envelope", datasets=None)[1]["bacek"]] == [18]
    arrive(root, PEOPLE[1:2])
    made(root)
    assert bx.open_strides(root, chain="envelope").sizes["stride"] == 36


def test_a_part_that_was_begun_is_finished_before_the_newcomers(root: str) -> None:
    arrive(root, PEOPLE[:2])
    first = shard_work(root, "bacek", ENVELOPE)
    fill(first, 2)
    arrive(root, PEOPLE[2:])
    rest = made(root)
    assert (rest.fingerprints, rest.shards, rest.done, rest.more) == (first.fingerprints, [2], 2, True)
    last = made(root)
    assert last.plan is not None
    assert last.fingerprints[:-1] == first.fingerprints
    assert (set(last.plan.labels["patient"]), last.more) == ({"bacek-P2"}, False)


def test_settings_that_are_changed_back_redo_nothing(root: str) -> None:
    other = Chain.of({**ENVELOPE.model_dump(mode="json"), "normalize": {"kind": "first_strides"}})
    arrive(root, PEOPLE[:1])
    made(root)
    arrive(root, PEOPLE[1:2])
    made(root)
    before = read_version(root, "envelope", 2).pointer["sources"]
    assert len(before["bacek"]["parts"]) == 2
    assert made(root, other).plan is not None
    assert made(root).plan is None
    assert read_version(root, "envelope").number == 4
    assert read_version(root, "envelope").pointer["sources"] == before


def test_one_part_is_never_of_two_codes(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(root, PEOPLE[:1])
    begun = shard_work(root, "bacek", ENVELOPE)
    fill(begun, 1)
    own = ledger.software()
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "software", lambda: {**own, "code": "0123456789ab"})
        with pytest.raises(StoreError, match=r"begun with code .*here 0123456789ab"):
            fill(begun)
        theirs = shard_work(root, "bacek", ENVELOPE)
        assert theirs.fingerprints != begun.fingerprints
        assert (theirs.shards, theirs.done) == ([0, 1], 0)
        fill(theirs)
        finish_strides(theirs)
        publish(root, "envelope", ["bacek"])
    kept = shard_work(root, "bacek", ENVELOPE)
    assert (kept.plan, kept.other_code, kept.fingerprints) == (None, 1, theirs.fingerprints)
    again = made(root, same_code=True)
    assert (again.fingerprints, again.shards) == (begun.fingerprints, [1])
    found = differences(read_version(root, "envelope", 1), read_version(root, "envelope", 2))
    assert [facts["code"] for facts in found["software"]] == ["0123456789ab", own["code"]]
    assert "config_hash" not in found
