"""Every source through parse and process: counts, round trip, what a second run does, what masks and labels say."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.datasets import get_dataset, names
from biomech_xr.errors import ProcessingError
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.process import ProcessConfig, strides
from biomech_xr.run import parse as run_parse
from biomech_xr.run import parse_patient, pending_patients
from biomech_xr.schema import Trial
from biomech_xr.store import list_patients, open_patient, patient_entry
from biomech_xr.synthetic import write
from biomech_xr.vocabulary import JOINTS, MOTIONS, MUSCLES, SUBSTITUTES
from pipelines import command, parse
from tests.clusters import cluster_here

from .rows import Row, row_of

ROOT = Path(__file__).parents[2]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class Made:
    """A folder with what `make sources` leaves; each source is written and parsed, as a worker does it, when needed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, str(folder / "store")
        self._stores: dict[str, Store] = {}

    def store(self, name: str) -> Store:
        if name not in self._stores:
            raw, options = self.folder / "raw" / name, row_of(name).options
            write(name, raw, patients=1, seed=0, minutes=0.2)
            (patient,), _ = pending_patients(name, raw, self.root, options=options)
            trials: list[Trial] = []
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(run_parse, "read_patient", lambda *given: kept(read_patient(*given), trials))
                parse_patient(name, str(raw), self.root, patient, options)
            self._stores[name] = Store(name, self.folder, trials)
        return self._stores[name]


def kept(trials: Iterable[Trial], seen: list[Trial]) -> Iterator[Trial]:
    """Yield the trials and keep them in ``seen``."""
    for trial in trials:
        seen.append(trial)
        yield trial


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("sources"))


@pytest.mark.slow
def test_make_sources_writes_parses_and_checks_every_source(tmp_path: Path) -> None:
    """In the environment that runs the tests; the other tests of this file take the same steps in one process."""
    done = run("make", "-o", f"{sys.prefix}/.stamp", "sources", f"VENV={sys.prefix}", f"OUT={tmp_path}", "PEOPLE=1")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "0 problem(s)" in done.stdout
    assert {dataset for dataset, _ in list_patients(str(tmp_path / "store"))} == set(names())


class Store:
    """The recordings of one source, of one person."""

    def __init__(self, name: str, folder: Path, trials: list[Trial]) -> None:
        self.name, self.row, self.trials = name, row_of(name), trials
        self.raw, self.root = folder / "raw" / name, str(folder / "store")
        self.patient = find_patients(name, self.raw)[0]
        entry = patient_entry(self.root, name, f"{name}-{self.patient}")
        assert entry is not None
        self.entry = entry

    @functools.cached_property
    def strides(self) -> xr.Dataset:
        """The strides of the default chain, computed; they are only read."""
        return strides(self.root, ProcessConfig(dataset=self.name)).compute()


@pytest.fixture(scope="module", params=names())
def store(request: pytest.FixtureRequest, made: Made) -> Store:
    return made.store(request.param)


def test_what_was_read_is_what_is_stored(store: Store) -> None:
    opened = open_patient(store.root, store.name, f"{store.name}-{store.patient}")
    trials = store.trials
    assert list(opened.trials["trial"]) == [trial.trial for trial in trials]
    assert store.entry["counts"]["strides"] == sum(len(trial.strides) for trial in trials)
    assert store.entry["counts"]["rejected"] == sum(len(trial.rejected) for trial in trials)
    for trial in trials[:: max(1, len(trials) // 4)]:
        for group, signal in trial.signals.items():
            back = opened.signal(trial.trial, group)
            assert back is not None
            np.testing.assert_array_equal(back.values.values, signal.values.values)
            assert back.values.attrs["units"] == signal.values.attrs["units"]
            assert (back.kind, back.points, back.lengths) == (signal.kind, signal.points, signal.lengths)


def test_provenance_is_stored(store: Store) -> None:
    opened = open_patient(store.root, store.name, f"{store.name}-{store.patient}")
    spec = get_dataset(store.name).spec
    for name in ("title", "licence", "doi", "evidence", "reader_version", "upstream_filters"):
        assert opened.spec[name] == getattr(spec, name)
    assert opened.spec["synthetic"] is True
    assert opened.trials["source_sha256"].str.len().min() >= 64
    assert opened.patient.source_patient == store.patient


def test_a_second_run_has_nothing_to_do_and_writes_nothing(store: Store) -> None:
    options = store.row.options
    todo, done = pending_patients(store.name, store.raw, store.root, options=options)
    assert (todo, done) == ([], [store.patient])
    before = {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()}
    assert parse_patient(store.name, str(store.raw), store.root, store.patient, options) == store.entry
    assert {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()} == before


def muscles_expected(row: Row, side: str) -> set[str]:
    """Return the channels of a product that the muscles of one leg fill."""
    given = set(row.muscles.get(side, ()))
    return {muscle for muscle in MUSCLES if muscle in given or SUBSTITUTES.get(muscle) in given}


def test_strides_hold_what_the_source_has_and_nothing_else(store: Store) -> None:
    made = store.strides
    assert made.sizes["stride"] > 2
    sides = made["side"].values
    for side in np.unique(sides):
        own = made.isel(stride=sides == side)
        mask = own["emg_mask"].values.any(axis=0)
        assert {str(name) for name in own["channel"].values[mask]} == muscles_expected(store.row, str(side)), side
        for group, given in (("kinematics", store.row.angles), ("kinetics", store.row.moments)):
            finite = own[f"{group}_mask"].values.any(axis=0)
            found = {f"{JOINTS[j]} {MOTIONS[m]}" for j, m in zip(*np.nonzero(finite), strict=True)}
            assert found == set(given.get(str(side), ())), (group, side)


def test_a_mask_is_true_where_every_sample_of_the_stride_is_measured(store: Store) -> None:
    made = store.strides
    time, duration = made["time"].values, made["duration"].values
    inside = (time >= 0) & (time < duration[:, None] - 1e-9)
    whole = (np.isfinite(made["emg"].values) | ~inside[:, None]).all(axis=-1)
    np.testing.assert_array_equal(made["emg_mask"].values, whole)
    for group in ("kinematics", "kinetics"):
        mask, coverage = made[f"{group}_mask"].values, made[f"{group}_coverage"].values
        values = made[group].values
        assert np.isfinite(values[mask]).all(), group
        assert not (values[mask] == 0).all(axis=-1).any(), group
        np.testing.assert_array_equal(mask, coverage == 1, group)
        assert (coverage[~np.isfinite(values).any(axis=-1)] == 0).all(), group


def test_only_sources_with_signed_emg_serve_the_bandpassed_chain(store: Store) -> None:
    opened = open_patient(store.root, store.name, f"{store.name}-{store.patient}")
    states = set(opened.trials["emg_state"][opened.trials["emg_kind"] != ""])
    config = ProcessConfig(dataset=store.name, chain="bandpassed")
    if states == {"envelope"}:
        with pytest.raises(ProcessingError, match="Use the chain 'envelope'"):
            strides(store.root, config)
    else:
        made = strides(store.root, config)
        assert made.sizes["stride"] > 0


def test_every_source_passes_in_one_store(made: Made) -> None:
    for name in names():
        made.store(name)
    assert {dataset for dataset, _ in list_patients(made.root)} == set(names())
    done = CliRunner().invoke(app, ["check", made.root])
    assert (done.exit_code, "0 problem(s)" in done.output) == (0, True), done.output[-2000:]


def test_make_sources_runs_the_commands_that_its_long_test_runs(tmp_path: Path) -> None:
    """What `make sources` would run; `-m slow` runs it."""
    shown = run("make", "-n", "-o", f"{sys.prefix}/.stamp", "sources", f"VENV={sys.prefix}", f"OUT={tmp_path}").stdout
    assert f"synth all --out {tmp_path}/raw" in shown
    assert "-m pipelines.parse pipelines/configs/sources.yaml" in shown
    assert f"check {tmp_path}/store" in shown


def test_the_configuration_names_every_source() -> None:
    config = yaml.safe_load((ROOT / "pipelines/configs/sources.yaml").read_text(encoding="utf-8"))
    assert sorted(config["sources"]) == names()


def test_what_is_broken_is_named_and_the_rest_is_done(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file is cut and one folder is empty: both fail by name, the other source is parsed, the exit code is 1."""
    raw = tmp_path / "lencioni"
    raw.mkdir()
    (tmp_path / "empty").mkdir()
    for path in made.store("lencioni").raw.iterdir():
        if path.is_file():
            (raw / path.name).write_bytes(path.read_bytes())
    broken = next(raw.glob("Subject*.mat"))
    broken.write_bytes(broken.read_bytes()[:2000])
    where = {"hu": tmp_path / "empty", "lencioni": raw, "falisse": made.store("falisse").raw}
    with cluster_here() as address:
        sources = [f"sources.{name}.raw={folder}" for name, folder in where.items()]
        monkeypatch.setattr("sys.argv", ["parse", f"store={tmp_path / 'store'}", f"cluster={address}", *sources])
        code = command.main(parse.ParseConfig, parse.run, parse.__doc__ or "")
    error = capsys.readouterr().err
    assert code == 1, error
    assert "1 unit(s) failed" in error
    assert broken.name in error
    assert f"hu: {tmp_path / 'empty'}" in error
    assert [dataset for dataset, _ in list_patients(str(tmp_path / "store"))] == ["falisse"]
