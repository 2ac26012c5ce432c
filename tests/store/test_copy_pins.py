"""A copy that goes on after its source changed is of one state of the source, never of two."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import StoreError
from biomech_xr.store import check_store, copying, write_patient
from biomech_xr.store.copying import copy_store
from tests.store.copies import stopped

from .damaged import snapshot
from .samples import make_spec, make_trials

ENTRY = "recordings/hu/ledger/hu-AB01.json"


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two states of one person's recordings that no name and hardly a size tells apart."""
    before, after = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("after")
    for root, seed in ((before, 1), (after, 2)):
        rng, trials = np.random.default_rng(seed), make_trials()[:1]
        for trial in trials:
            values = trial.signals["emg"].values
            bits = rng.integers(2**32, size=values.shape, dtype=np.uint32).view(np.float32)  # cannot be compressed
            values[...] = np.where(np.isfinite(bits), bits, 1)
        write_patient(str(root), make_spec(), trials, config_hash=str(seed))
    one, other = snapshot(before), snapshot(after)
    assert one.keys() == other.keys()
    assert any(one[key] != other[key] and len(one[key]) == len(other[key]) for key in one if "/c/" in key)
    return before, after


def test_a_copy_that_goes_on_from_another_state_starts_over(
    states: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = states
    values = sum(".zarr/" in key for key in snapshot(before))
    stopped(before, tmp_path, values, monkeypatch)
    stopped(after, tmp_path, 1, monkeypatch)  # what is left of the first state is still not believed
    done = copy_store(str(after), str(tmp_path))
    assert snapshot(tmp_path) == snapshot(after)
    assert 0 < done.written < values
    assert not any(unit.problems for unit in check_store(str(tmp_path)))


def test_a_source_that_changes_meanwhile_makes_no_recordings(
    states: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = states
    source, target = Path(shutil.copytree(before, tmp_path / "from")), tmp_path / "to"
    put = copying.put_verified

    def changing(url: str, data: bytes, **how: bool) -> None:
        put(url, data, **how)
        shutil.copytree(after, source, dirs_exist_ok=True)

    monkeypatch.setattr(copying, "IN_FLIGHT", 1)
    with monkeypatch.context() as patch:
        patch.setattr(copying, "put_verified", changing)
        with pytest.raises(StoreError, match=r"changed while it was copied|corrupted|expected"):
            copy_store(str(source), str(target))
    assert not (target / ENTRY).exists()
    copy_store(str(source), str(target))
    assert snapshot(target) == snapshot(after)
