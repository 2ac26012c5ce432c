"""Leave one out: nothing of whom a run leaves out reaches it, and its scores are of nobody else."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biomech_xr.errors import ConfigError, OccupiedError
from biomech_xr.load import StrideWindows
from biomech_xr.schema import HISTORY
from biomech_xr.store.persons import PersonTable, load_table, save_table
from biomech_xr.window import assign, load, load_or_create
from tests.load.stores import make_block, make_labels, write_block
from tests.training.test_loop import ALONE, configure
from training import checkpoint, evaluate, left_out, loop
from training.config import TrainConfig
from training.run import claim, with_version
from training.tasks import emg
from training.tasks.emg import EmgTask
from training.train import main

SMOKE = str(Path(__file__).parents[2] / "training" / "configs" / "smoke.yaml")
GRID: dict[str, float] = {"phase": 40}


def write_stores(root: Path, *, factor: float) -> None:
    """Write two datasets; person X is hu-a and camargo-b, whose signals alone are multiplied."""
    for dataset, patients, other in (("hu", "abcde", "a"), ("camargo", "ab", "b")):
        rng = np.random.default_rng(len(patients))
        labels = make_labels(dataset, dict.fromkeys(patients, 4), rng)
        block = make_block(labels, grid=GRID, time=HISTORY + 600, rng=rng)
        own = (labels["source_patient"] == other).to_numpy()
        for name in ("emg", "kinematics", "kinetics"):
            block[name][own] *= factor
        write_block(root, dataset, labels, block, grid=GRID)
    save_table(root, PersonTable().joined([("hu-a", "X"), ("camargo-b", "X")]))
    everybody = ("hu-a", "hu-b", "hu-c", "hu-d", "hu-e", "camargo-a", "camargo-b")
    datasets = {name: {name.partition("-")[0]} for name in everybody[1:-1]} | {"X": {"hu", "camargo"}}
    salt = next(salt for salt in map(str, range(100)) if assign(datasets, salt=salt)["X"] == "train")
    load_or_create(str(root), {name: {name} for name in everybody}, salt=salt)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("left-out")
    for name, factor in (("one", 1.0), ("other", 0.5)):
        write_stores(folder / name, factor=factor)
    return folder


def settings(out: Path, store: Path, name: str | None) -> TrainConfig:
    options = {"store": str(store), "leave_out": name, "global_batch": 32, "steps": 3, "window": 64}
    return configure(out, **options, validation_batches=3, statistics_batches=50, checkpoint_every=1)


def trained(config: TrainConfig) -> tuple[dict[str, Any], list[float | None]]:
    """Train, and return what was learned: the model and the statistics, and the validation losses."""
    loop.train(config, EmgTask(config), ALONE)
    folder = Path(config.out) / "checkpoints"
    state, _ = checkpoint.load(folder, config_hash=config.identity())
    return {**state["model"], **state["statistics"]}, [entry.validation for entry in checkpoint.entries(folder)]


@pytest.mark.parametrize("name", ["hu-a", "camargo"])
def test_what_the_one_left_out_did_changes_nothing(stores: Path, tmp_path: Path, name: str) -> None:
    (first, losses), (second, same) = (
        trained(settings(tmp_path / store, stores / store, name)) for store in ("one", "other")
    )
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
    assert None not in losses
    assert losses == same


def test_without_leaving_out_it_would(stores: Path, tmp_path: Path) -> None:
    found = [trained(settings(tmp_path / store, stores / store, None))[0] for store in ("one", "other")]
    assert any(not torch.equal(value, found[1][key]) for key, value in found[0].items())


class Watched(StrideWindows):
    """Windows that note of which people they are."""

    opened: list[tuple[str, tuple[str, ...], set[str]]]

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        codes = {int(code) for source in self.sources for code in source.person[source.index.count > 0]}
        type(self).opened.append((str(self.split), self.datasets, {self.persons[code] for code in codes}))


@pytest.mark.parametrize(
    ("name", "out", "read"),
    [
        ("hu-a", {"X"}, ("camargo", "hu")),
        ("X", {"X"}, ("camargo", "hu")),
        ("hu-c", {"hu-c"}, ("camargo", "hu")),
        ("camargo", {"X", "camargo-a"}, ("camargo",)),
    ],
)
def test_the_others_keep_their_split_and_the_scores_are_of_the_one_left_out(
    stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, out: set[str], read: tuple[str, ...]
) -> None:
    monkeypatch.setattr(emg, "_loader", lambda *_, **__: Watched)
    Watched.opened = []
    config = left_out.with_left_out(with_version(settings(tmp_path / "run", stores / "one", name)))
    loop.train(config, EmgTask(config), ALONE)
    manifest = load(str(stores / "one"))
    assert manifest is not None
    used: dict[str, set[str]] = {}
    for split, _, people in Watched.opened:
        used.setdefault(split.split()[0], set()).update(people)
    assert used == {split: set(manifest.groups(split)) - out for split in ("train", "validation")}
    Watched.opened = []
    result = evaluate.evaluate(tmp_path / "run", hop=20)
    assert Watched.opened == [(f"only:{name}", read, out)]
    assert (result["split"], result["leave_out"]) == (f"only:{name}", name)
    counts = {split: len(manifest.groups(split) - out) for split in ("train", "validation", "test")}
    assert result["persons"] == {**counts, "left_out": len(out)}
    Watched.opened = []
    assert evaluate.evaluate(tmp_path / "run", split="test", hop=20)["split"] == "test"
    assert Watched.opened == [(f"test without:{name}", ("camargo", "hu"), set(manifest.groups("test")) - out)]


def test_the_command_line_says_whom_it_scores_and_refuses_another(
    stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    given = [SMOKE, f"store={stores / 'one'}", f"out={run}", "device=cpu"]
    assert main([*given, "leave_out=hu-a"]) == 0
    config = TrainConfig.load(run / "config.yaml")
    assert (config.leave_out, config.left_out_patients) == ("hu-a", ("camargo-b", "hu-a"))
    capsys.readouterr()
    assert evaluate.main([str(run), "--json", str(run / "scores.json"), "--hop", "20"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "split only:hu-a" in printed
    assert "hu-a was left out of training, statistics and validation, and is scored here." in printed
    assert json.loads((run / "scores.json").read_text())["leave_out"] == "hu-a"
    for other in ("leave_out=hu-b", "leave_out=null"):
        assert main([*given, other]) == 2
        assert "leave_out: 'hu-a', now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hu-z", r"leave_out.*'hu-z', who is not here.*a dataset \(camargo, hu\).*hu-a, hu-b.*Did you mean"),
        ("siat", r"'siat', who is not here.*a dataset \(camargo, hu\)"),
        ("hu-e", "'hu-e', who is in quarantine"),
    ],
)
def test_nobody_of_that_name_is_one_error_before_anything_is_written(
    stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    store = tmp_path / "store"
    shutil.copytree(stores / "one", store)
    save_table(store, load_table(store).joined([]).quarantined(["hu-e"]))
    before = sorted(tmp_path.rglob("*"))
    assert main([SMOKE, f"store={store}", f"out={tmp_path / 'run'}", f"leave_out={name}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(message, said), said
    assert sorted(tmp_path.rglob("*")) == before


def test_everybody_cannot_be_left_out(stores: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(stores / "one", store)
    pairs = [("camargo-a", "Y"), ("hu-b", "Y"), ("hu-c", "Y"), ("hu-d", "Y"), ("hu-e", "Y")]
    save_table(store, load_table(store).joined(pairs))
    with pytest.raises(ConfigError, match="'hu', which is everybody"):
        left_out.with_left_out(settings(tmp_path / "run", store, "hu"))


def test_people_who_are_joined_later_make_the_run_refuse(stores: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(stores / "one", store)
    given = settings(tmp_path / "run", store, "hu-b")
    config = left_out.with_left_out(with_version(given))
    claim(config, ALONE)
    assert left_out.with_left_out(given).left_out_patients == config.left_out_patients == ("hu-b",)
    save_table(store, load_table(store).joined([("hu-b", "Y"), ("hu-c", "Y")]))
    for again in (given, config):
        with pytest.raises(ConfigError, match=r"was 1 patients .* is 2 now \(hu-c\)"):
            left_out.with_left_out(again)


def test_another_one_left_out_is_another_run(stores: Path, tmp_path: Path) -> None:
    claim(settings(tmp_path / "run", stores / "one", "hu-b"), ALONE)
    with pytest.raises(OccupiedError, match="leave_out: 'hu-b', now 'hu-c'"):
        claim(settings(tmp_path / "run", stores / "one", "hu-c"), ALONE)
