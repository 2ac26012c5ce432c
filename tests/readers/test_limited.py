"""The line to a parser's process: in step or closed, whatever happens between a question and its answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import DataFormatError, MissingDependencyError
from biomech_xr.readers import _limited, _mat_hdf5_file, tables
from biomech_xr.readers.mat import open_mat
from biomech_xr.synthetic.matfile import save_struct

A, B = np.arange(12.0).reshape(3, 4), -np.arange(12.0).reshape(3, 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_struct(tmp_path / "t.mat", {"a": A, "b": B}, version="v7.3")
    return tmp_path / "t.mat"


@pytest.fixture
def fresh() -> Iterator[None]:
    _limited.stop()
    yield
    _limited.stop()


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError])
@pytest.mark.parametrize(
    "where",
    [
        (_limited.Line, "ask", "after"),
        (_limited.Line, "value", "before"),
        (_limited.Line, "value", "after"),
        (_limited.Line, "into", "before"),
        (_limited.Line, "_fill", "before"),
        (_mat_hdf5_file, "_receive", "before"),
    ],
    ids=lambda where: f"{where[1]}-{where[2]}",
)
def test_an_interrupted_answer_is_never_taken_for_the_next(
    file: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], where: tuple[object, str, str]
) -> None:
    owner, name, when = where
    original: Callable[..., object] = getattr(owner, name)

    def broken(*given: object) -> object:
        if when == "after":
            original(*given)
        raise error

    with open_mat(file, dataset="d") as root:
        root["a"].array()
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            with pytest.raises(error):
                root["a"].array()
        np.testing.assert_array_equal(root["b"].array(), B)
        np.testing.assert_array_equal(root["a"].array(), A)


def test_an_answer_to_another_question_is_refused(file: Path) -> None:
    with _limited.opened("_mat_hdf5_worker", file, memory=1 << 31, seconds=20) as line:
        line.ask(["read", ["/a"], None])
        line.ask(["read", ["/b"], None])
        with pytest.raises(_limited.LimitedError, match="an answer to question 2 where 3 was asked"):
            line.value(1 << 10)
        assert not line.usable


def in_a_fork(task: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if task() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_a_line_of_its_own(file: Path) -> None:
    with open_mat(file, dataset="d") as root:
        root["a"].array()
        assert in_a_fork(lambda: bool((root["b"].array() == B).all())) == 0
        np.testing.assert_array_equal(root["a"].array(), A)
    with _limited.opened("_mat_hdf5_worker", file, memory=1 << 31, seconds=20) as line:

        def refused() -> bool:
            with pytest.raises(_limited.UnavailableError, match="another process opened"):
                line.ask(["walk"])
            line.close()
            return True

        assert in_a_fork(refused) == 0
        line.ask(["read", ["/a"], None])
        assert line.value(1 << 10) == [[4, 3], "<f8"]


def children(of: int) -> list[str]:
    """Return the states of a process's children (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found += [fields[0]] if int(fields[1]) == of else []
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_no_child_stays_behind(file: Path) -> None:
    for _ in range(3):
        with open_mat(file, dataset="d") as root:
            root["a"].array()
    server = _limited._server._process
    assert server is not None
    end = time.monotonic() + 5
    while children(server.pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert children(server.pid) == []


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("owner", "name"), [(socket, "socketpair"), (subprocess, "Popen")])
def test_no_process_is_no_fault_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    before = len([*Path("/dev/fd").iterdir()])
    monkeypatch.setattr(owner, name, refuse)
    with (
        pytest.raises(DataFormatError, match=r"Too many open files.*the file was not opened"),
        open_mat(file, dataset="d") as root,
    ):
        root["a"].array()
    (file.parent / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(DataFormatError, match=r"Too many open files.*the file was not opened"):
        tables.sheet_names(file.parent / "t.xlsx", dataset="d")
    assert len([*Path("/dev/fd").iterdir()]) == before


@pytest.mark.usefixtures("fresh")
def test_a_library_that_cannot_be_loaded_is_named(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken" / "h5py").mkdir(parents=True)
    (tmp_path / "broken" / "h5py" / "__init__.py").write_text("raise ImportError('libhdf5.so: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    with pytest.raises(MissingDependencyError, match="libhdf5"), open_mat(file, dataset="d") as root:
        root["a"].array()


@pytest.mark.usefixtures("fresh")
def test_a_server_that_does_not_start_is_no_fault_of_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DataFormatError, match="the file was not opened"), open_mat(file, dataset="d"):
        pass


def test_a_parser_that_is_killed_is_an_error_and_the_next_answer_is_right(file: Path) -> None:
    with _limited.opened("_mat_hdf5_worker", file, memory=1 << 31, seconds=20) as line:
        server = _limited._server._process
        assert server is not None
        os.kill(server.pid, signal.SIGKILL)
        line.ask(["read", ["/a"], None])
        assert line.value(1 << 10) == [[4, 3], "<f8"]
    with open_mat(file, dataset="d") as root:
        np.testing.assert_array_equal(root["b"].array(), B)
