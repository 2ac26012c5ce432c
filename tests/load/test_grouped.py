"""Batches that are cut together are those that are cut one by one, also where blocks come and go between them."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biomech_xr.load import StrideWindows
from biomech_xr.load.cut import host
from biomech_xr.load.cut.host import HostCutter, Needed


@pytest.mark.parametrize("options", [{}, {"companion": True}, {"emg": "int16", "remainder": "pad", "phase": "oracle"}])
def test_batches_cut_together_are_those_cut_alone(
    store: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    come, sizes, cut = [], [], HostCutter.batches

    def watched(self: HostCutter, shares: Sequence[Needed]) -> list[host.Batch]:
        time.sleep(0.02)  # meanwhile blocks of later shares are read
        come.append(any(blocks.keys() - shares[0][1].keys() for _, blocks in shares))
        sizes.append(len(shares))
        return cut(self, shares)

    monkeypatch.setattr(HostCutter, "batches", watched)

    def run() -> list[host.Batch]:
        come.clear()
        sizes.clear()
        return list(StrideWindows(store, global_batch=48, window=40, lanes=1, filters={}, **options))

    together = run()
    assert any(come), "no block came within a call"
    assert max(sizes) > 8
    monkeypatch.setattr(host, "_WINDOWS", 1)
    alone = run()
    assert max(sizes) == 1
    assert len(together) == len(alone) > 50
    for one, other in zip(together, alone, strict=True):
        assert one.keys() == other.keys()
        for name, values in one.items():
            torch.testing.assert_close(values, other[name], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("companion", [False, True])
def test_a_loader_keeps_no_column_that_it_does_not_need(store: Path, companion: bool) -> None:
    windows = StrideWindows(store, global_batch=48, companion=companion)
    gc.collect()
    seen, stack, arrays = set(), [windows.__dict__], []
    while stack:
        one = stack.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | type):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            arrays.append(one)
        elif type(one).__module__.startswith("biomech_xr") or isinstance(one, dict | list | tuple):
            stack.extend(gc.get_referents(one))
    assert sum(array.size > 50 for array in arrays) > 8
    for array in arrays:
        assert array.base is None or array.base.size <= array.size, "a view keeps more than it shows"
