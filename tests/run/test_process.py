"""The process stage as a graph: what is in it, that it does no more than is missing, that its order changes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import dask
import dask.threaded
import numpy as np
import pytest

import biomech_xr as bx
from biomech_xr.process import Plan, load_chain, make_plan
from biomech_xr.process.graph import graph_of, priority_of
from biomech_xr.process.packed import assemble, pack
from biomech_xr.process.tasks import groups_of
from biomech_xr.process.trials.trial import TrialStrides
from biomech_xr.run import finish_strides, shard_work
from biomech_xr.run.corpus import Corpus, CorpusPerson, write_person
from biomech_xr.store import layout, publish
from biomech_xr.store.layout import part_name
from tests.benchmarks.processing_dask import synthetic_plan

ENVELOPE = load_chain("envelope")
CORPUS = Corpus(
    dataset="bacek",
    seed=1,
    people=tuple(CorpusPerson(name=f"P{i}", strides=18, population="able_bodied") for i in range(3)),
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a store of three people with 18 strides each, shards of 16 strides."""
    monkeypatch.setattr(layout, "STRIDES_PER_SHARD", 16)
    monkeypatch.setattr(layout, "STRIDES_PER_CHUNK", 16)
    for person in CORPUS.people:
        write_person(str(tmp_path), CORPUS, person)
    return str(tmp_path)


def files(root: str, under: str) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(root, under).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def large() -> Plan:
    return synthetic_plan(51_588, people=50)


def test_the_graph_holds_few_large_tasks(large: Plan) -> None:
    groups = groups_of(large)
    assert [group.start for group in groups[1:]] == [group.stop for group in groups[:-1]]
    assert (groups[0].start, groups[-1].stop) == (0, len(large.labels))
    sizes = np.array([group.stop - group.start for group in groups[:-1]])
    assert sizes.min() >= 512 - 60
    assert sizes.max() <= 512 + 60
    graph, keys = graph_of(large)
    assert len(keys) == layout.shard_count(len(large.labels))
    assert len(graph) == len(groups) + len(keys) + 50
    split, _ = graph_of(large, split=True)
    assert len(split) < 6 * len(keys)


def test_shards_end_early_and_few_groups_are_held(large: Plan) -> None:
    """Walk the graph by priority, as a scheduler with one thread does."""
    graph, _ = graph_of(large, split=True)
    users: dict[object, int] = {}
    for task in graph.values():
        for needed in task.dependencies:
            users[needed] = users.get(needed, 0) + 1
    waiting, done, held, most, shards = set(graph), set(), set(), 0, []
    groups_before_first = None
    while waiting:
        ready = [key for key in waiting if graph[key].dependencies <= done]
        key = max(ready, key=lambda one: (priority_of(one), [-number for number in one[1:]]))
        waiting.discard(key)
        done.add(key)
        held |= {key} if key[0].startswith(("group", "strides")) else set()
        most = max(most, len(held))
        for needed in graph[key].dependencies:
            users[needed] -= 1
            if users[needed] == 0:
                held.discard(needed)
        if key[0].startswith("shard"):
            shards.append(key[1])
            groups_before_first = groups_before_first or sum(one[0].startswith("group") for one in done)
    assert shards == sorted(shards)
    assert groups_before_first <= 3
    assert most <= 12


def test_only_what_is_missing_is_in_the_graph(root: str) -> None:
    work = shard_work(root, "bacek", ENVELOPE)
    assert work.shards == [0, 1, 2, 3]
    entries = dask.get(*work.graph(split=True))
    assert [entry["shard"] for entry in entries] == work.shards
    finish_strides(work)
    before = files(root, ".")
    again = shard_work(root, "bacek", ENVELOPE)
    assert (again.graph(), again.tasks, again.strides) == (({}, []), [], 0)
    lost = f"strides/envelope/bacek/ledger/{part_name(work.fingerprints[0])}.shard-00003.json"
    Path(root, lost).unlink()
    rest = shard_work(root, "bacek", ENVELOPE)
    graph, keys = rest.graph()
    assert rest.shards == [3]
    people = {unit.patient for key, task in graph.items() if key[0].startswith("group") for unit in task.args[1]}
    assert people == {"bacek-P2"}, "the others have no stride in shard 3"
    dask.get(graph, keys)
    finish_strides(rest)
    after = files(root, ".")
    assert {name: after[name] for name in before if name != lost} == {
        name: before[name] for name in before if name != lost
    }


def test_neither_order_nor_scheduler_nor_split_changes_a_value(root: str) -> None:
    plan = make_plan(root, "bacek", ENVELOPE)
    expected = dask.get(*graph_of(plan))
    for blocks in (dask.get(*graph_of(plan, split=True)), dask.threaded.get(*graph_of(plan), num_workers=2)):
        for block, other in zip(blocks, expected, strict=True):
            for name, values in other.items():
                np.testing.assert_array_equal(block[name], values, err_msg=name)


def test_a_changed_parameter_redoes_what_depends_on_it_and_nothing_else(root: str) -> None:
    """Another low-pass of the envelope: recordings and the first product stay; angles come out the same."""
    steps = [{"step": "bandpass", "low": 20, "high": 450, "order": 4}, {"step": "rectify"}]
    steps.append({"step": "lowpass", "cutoff": 3, "order": 2})
    other = type(ENVELOPE).of({**ENVELOPE.model_dump(mode="json"), "name": "slow", "emg": steps})
    for chain in (ENVELOPE, other):
        work = shard_work(root, "bacek", chain)
        dask.get(*work.graph())
        finish_strides(work)
        publish(root, chain.name, ["bacek"])
        kept = files(root, "recordings") | files(root, "strides/envelope")
        if chain is ENVELOPE:
            before = kept
    assert kept == before
    assert shard_work(root, "bacek", ENVELOPE).shards == []
    one, two = (bx.open_strides(root, chain=name).load(scheduler="synchronous") for name in ("envelope", "slow"))
    for name in ("kinematics", "kinematics_mask", "kinematics_after", "emg_mask", "duration"):
        np.testing.assert_array_equal(one[name].values, two[name].values, err_msg=name)
    assert not two["emg"].equals(one["emg"]) or CORPUS.spec.emg_state == "envelope"


def test_packing_loses_nothing() -> None:
    rng = np.random.default_rng(0)
    ends = np.array([300, 410, 777])
    flat = rng.standard_normal((12, ends.sum())).astype(np.float32)
    flat[7] = np.nan
    flat[4, 350:390] = np.nan
    channels = np.delete(np.arange(13), 2)
    past = rng.integers(0, 251, (3, 13))
    mask = np.ones((3, 13), dtype=bool)
    mask[:, [2, 8]] = mask[1, 4] = False
    values = {
        "emg_mask": mask,
        "emg_coverage": np.ones((3, 13), np.float32),
        "emg_reason": np.zeros((3, 13), np.float32),
        "kinetics": np.full((3, 3, 3, 200), np.nan, np.float32),
    }
    strides = TrialStrides(
        flat=flat, channels=channels, ends=ends, peaks=np.ones((3, 13), np.float32), past=past, values=values
    )
    packed = pack(strides, slice(1, 3), start=11)
    assert packed.emg.shape == (11, 410 + 777)
    assert "kinetics" not in packed.values
    tails = {name: array.shape[1:] for name, array in values.items()}
    scale = np.full((2, 13), 2, np.float32)
    scale[1, 0] = np.nan
    whole = {**tails, "emg": (13, 900), "emg_scale": (13,), "emg_history": ()}
    out = assemble([(packed, scale)], whole, first=11, stop=13)
    expected = np.full((2, 13, 900), np.nan, np.float32)
    expected[0, channels, :410], expected[1, channels, :777] = flat[:, 300:710], flat[:, 710:]
    expected[1, 0] = np.nan
    np.testing.assert_array_equal(out["emg"] * 2, expected)
    np.testing.assert_array_equal(out["kinetics"], values["kinetics"][1:])
    np.testing.assert_array_equal(out["emg_scale"], scale)
    mask[2, 0] = False
    least = np.where(mask, past, 999).min(axis=1)
    np.testing.assert_array_equal(out["emg_history"], least[1:])
