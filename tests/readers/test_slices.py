"""A large v7.3 variable is read slice by slice: what is held is bounded by the slice, whatever the variable's size."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from biomech_xr.readers import _mat_hdf5_worker as worker
from biomech_xr.readers.mat import open_mat
from biomech_xr.synthetic.matfile import save_struct

ROWS = 500
SLICE = 8 * ROWS * 20
PIECE = 1 << 16


def variable(path: Path, columns: int) -> np.ndarray:
    """Write a variable of MATLAB's shape (ROWS, columns) and return it."""
    values = np.arange(ROWS * columns, dtype=float).reshape(ROWS, columns)
    save_struct(path, {"S": {"emg": values}}, version="v7.3")
    return values


@pytest.mark.parametrize("columns", [1000, 4000])
def test_a_slice_costs_its_own_size_whatever_the_variable_has(tmp_path: Path, columns: int) -> None:
    values = variable(tmp_path / "file.mat", columns)
    with open_mat(tmp_path / "file.mat", dataset="d") as root:
        node = root["S"]["emg"]
        node.array(slice(0, 1))  # the child is started, the library imported
        tracemalloc.start()
        try:
            for first in range(0, columns, columns // 7):
                found = node.array(slice(first, first + 20))
                assert np.array_equal(found, values[:, first : first + 20])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert SLICE <= peak < 4 * SLICE
    assert values.nbytes > 40 * SLICE


@pytest.mark.parametrize("chunks", [None, (7, 500), (100, 50)])
@pytest.mark.parametrize("rows", [500, 3000])
def test_no_piece_that_is_read_is_larger_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, chunks: tuple[int, int] | None
) -> None:
    """`_pieces` is all that reads numbers in the child; a piece is its limit at most, or one row of chunks."""
    monkeypatch.setattr(worker, "_PIECE", PIECE)
    values = np.arange(rows * ROWS, dtype=float).reshape(rows, ROWS)
    with h5py.File(tmp_path / "file.h5", "w") as file:
        file.create_dataset("emg", data=values, chunks=chunks)
    one = 8 * ROWS * (chunks[0] if chunks else 1)
    with h5py.File(tmp_path / "file.h5") as file:
        for columns in (None, (rows // 3, rows // 2)):
            pieces = [bytes(piece) for piece in worker._pieces(file["emg"].id, columns)]
            expected = values if columns is None else values[slice(*columns)]
            assert b"".join(pieces) == expected.tobytes()
            assert max(map(len, pieces)) <= max(PIECE, one)
            assert len(pieces) >= expected.nbytes // max(PIECE, one)
