"""A few mutations of every family, chosen by hypothesis; the full set is `python -m tests.fuzz`."""

from __future__ import annotations

from pathlib import Path
from random import Random

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import DataFormatError
from biomech_xr.readers import _limited
from biomech_xr.readers.mat import open_mat
from biomech_xr.synthetic.matfile import save_struct
from tests.fuzz.__main__ import Tally, count, table
from tests.fuzz.child import judge
from tests.fuzz.damage_hdf5 import HDF5, SECRET, write_decoy
from tests.fuzz.families import COSTLY, FAMILIES
from tests.fuzz.outcomes import Expect, Result

_EXAMPLES = {"C3D": 3, "MATLAB v7.3, tables": 6}
_MOST = 10


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Result]]:
    """Return an undamaged file of every family, and what is read from it."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "target").mkdir()
    write_decoy(folder)
    write_decoy(folder / "target")
    found = {}
    for number, (name, family) in enumerate(FAMILIES.items()):
        path = folder / f"source{number}{family.suffix}"
        family.make(path)
        found[name] = (path, family.read(path))
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_mutations_are_our_errors_or_right_results(sources: dict[str, tuple[Path, Result]], name: str) -> None:
    family, (source, baseline) = FAMILIES[name], sources[name]
    target = source.parent / "target" / f"mutated{family.suffix}"
    names = sorted(set(family.mutators) - set(COSTLY))

    @settings(max_examples=_EXAMPLES.get(name, _MOST), derandomize=True, deadline=None, database=None)
    @given(mutator=st.sampled_from(names), seed=st.integers(0, 1 << 32))
    def check(mutator: str, seed: int) -> None:
        expect = family.mutators[mutator](source, target, Random(seed))  # noqa: S311  damage that can be made again
        outcome, detail = judge(family, target, expect, baseline)
        assert outcome in ("error", "same", "changed"), f"{mutator}, seed {seed}: {outcome} {detail}"

    check()


@pytest.mark.parametrize("mutator", ["external_link", "external_storage", "virtual", "soft_link", "cycle", "laughs"])
def test_what_matlab_never_writes_is_refused(
    sources: dict[str, tuple[Path, Result]], tmp_path: Path, mutator: str
) -> None:
    write_decoy(tmp_path)
    expect = HDF5[mutator](sources["MATLAB v7.3"][0], tmp_path / "t.mat", Random(1))  # noqa: S311
    if mutator != "cycle":
        assert expect is Expect.ERROR
    with pytest.raises(DataFormatError, match=r"fuzz: .*t\.mat; found RefusedError"):
        FAMILIES["MATLAB v7.3"].read(tmp_path / "t.mat")


def test_the_parser_can_open_no_second_file(tmp_path: Path) -> None:
    """The child has given up opening files, whatever its library tries."""
    write_decoy(tmp_path)
    save_struct(tmp_path / "t.mat", {"a": 1.0}, version="v7.3")
    with h5py.File(tmp_path / "t.mat", "r+") as raw:
        raw["out"] = h5py.ExternalLink("decoy.h5", "/secret")
        assert raw["out"][0, 0] == SECRET
    with _limited.opened("_mat_hdf5_worker", tmp_path / "t.mat", memory=1 << 31, seconds=20) as line:
        line.ask(["read", ["/out"], None])
        with pytest.raises(_limited.LimitedError, match="can't open file"):
            line.value(1 << 10)


def test_a_parser_that_passes_its_limit_of_memory_is_an_error(tmp_path: Path) -> None:
    save_struct(tmp_path / "t.mat", {"a": np.zeros((1000, 4000))}, version="v7.3")

    def read(memory: int) -> int:
        with _limited.opened("_mat_hdf5_worker", tmp_path / "t.mat", memory=memory, seconds=20) as line:
            line.ask(["read", ["/a"], None])
            assert line.value(1 << 20) == [[4000, 1000], "<f8"]
            return line.into(memoryview(bytearray(1 << 25)))

    assert read(1 << 31) > 1 << 20
    with pytest.raises(_limited.LimitedError):
        read(1 << 26)


def test_a_parser_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    save_struct(tmp_path / "t.mat", {"a": np.zeros((500, 500))}, version="v7.3")
    with _limited.opened("_mat_hdf5_worker", tmp_path / "t.mat", memory=1 << 31, seconds=1) as line:
        line.ask(["drain", ["/a"] * 100_000])
        with pytest.raises(_limited.LimitedError, match="ended before its time"):
            line.value(1 << 10)


def test_a_lost_server_is_replaced(tmp_path: Path) -> None:
    save_struct(tmp_path / "t.mat", {"a": 2.0}, version="v7.3")
    for _ in range(2):
        with open_mat(tmp_path / "t.mat", dataset="d") as root:
            assert root["a"].number() == 2
        _limited.stop()


def test_findings_are_counted_and_tabulated() -> None:
    tally = Tally()
    for answer in (
        {"outcome": "error", "detail": "", "seconds": 2.0},
        {"outcome": "foreign", "detail": "X", "seconds": 1.0},
        None,
    ):
        count(tally, "flip", 7, answer)
    assert (tally.mutations, tally.errors, tally.foreign, tally.crashes, tally.seconds) == (3, 1, 1, 1, 2.0)
    assert not tally.clean
    assert tally.findings == ["flip 7: foreign X", "flip 7: crash "]
    assert "| CSV | 3 | 1 | 0 | 0 | 0 | 1 | 1 | 0 |" in table({"CSV": tally})
