"""The strides of one source under one chain as plain columns, with what their masks say is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.quality.counts_strides import KEY, SIGNALS
from biomech_xr.quality.counts_tables import Column, StoredGroup, joined
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, join
from biomech_xr.store.reading import read_manifest

_LABELS: Final = (*KEY, "person_group", "activity", "duration", "emg_native_rate")
_REJECTED: Final = (*KEY, "reason")


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """The strides of one source under one chain.

    `strides`: one row a stride with `KEY`, person_group, activity, duration (s), emg_native_rate (Hz) and, where masks
    were read, the share of measured channels or components of each of `SIGNALS` as <signal>_measured (0..1);
    `rejected`: `KEY` and reason; `stated`: what the manifest counts; `planned`: what process counted of the recordings.
    """

    chain: str
    dataset: str
    spec: Mapping[str, Any]
    strides: pd.DataFrame
    rejected: pd.DataFrame
    stated: Mapping[str, int]
    planned: Mapping[str, int]


def read_product(root: Url, chain: str, dataset: str, *, masks: bool) -> Product:
    """Return the strides of a source under a chain; labels, the table of rejected candidates and, if asked, masks.

    Raises
    ------
    NotAStoreError
        The strides were never finished.
    LostDataError
        The manifest or a table is damaged.
    """
    folder = layout.strides_url(root, chain, dataset)
    manifest = read_manifest(folder)
    parts = [StoredGroup(join(folder, f"{entry['name']}.zarr"), entry) for entry in manifest["parts"]]
    planned: Counter[str] = Counter()
    for part in parts:
        planned.update(part.attributes.get("attrs", {}).get("counts", {}))
    return Product(
        chain=chain,
        dataset=dataset,
        spec=manifest.get("spec", {}),
        strides=joined([_strides(part, masks=masks) for part in parts]),
        rejected=_rejected(parts),
        stated=manifest["counts"],
        planned=planned,
    )


def _strides(part: StoredGroup, *, masks: bool) -> dict[str, Column]:
    labels = part.table("labels", _LABELS)
    columns = {name: labels.column(name) for name in _LABELS}
    if masks:
        columns |= {f"{signal}_measured": _measured(part, f"{signal}_mask") for signal in SIGNALS}
    return columns


def _measured(part: StoredGroup, mask: str) -> npt.NDArray[np.float64]:
    """Return the share of channels, or of joint motions, that are measured in each stride."""
    values = part.array(mask)
    share: npt.NDArray[np.float64] = values.reshape(len(values), -1).mean(axis=1)
    return share


def _rejected(parts: Sequence[StoredGroup]) -> pd.DataFrame:
    """Return the candidates that process did not keep; a part that rejected none may have a table of fewer columns."""
    tables = [part.table("rejected", _REJECTED) for part in parts]
    filled = [{name: table.column(name) for name in _REJECTED} for table in tables if table.size]
    return joined(filled) if filled else pd.DataFrame({name: [] for name in _REJECTED})


def keys(*frames: pd.DataFrame) -> list[npt.NDArray[np.int64]]:
    """Return one number a row that is equal, in any of the tables, where patient, trial, side and number are."""
    numbers = [frame["stride_number"].to_numpy(dtype=np.int64) + 1 for frame in frames]
    size = 1 + max((int(one.max()) for one in numbers if one.size), default=0)
    return [key * size + number for key, number in zip(legs(*frames), numbers, strict=True)]


def legs(*frames: pd.DataFrame) -> list[npt.NDArray[np.int64]]:
    """Return one number a row that is equal, in any of the tables, where patient, trial and side are."""
    found = [np.zeros(len(frame), dtype=np.int64) for frame in frames]
    for name in ("patient", "trial", "side"):
        codes, size = _codes([frame[name] for frame in frames])
        found = [key * size + code for key, code in zip(found, codes, strict=True)]
    return found


def _codes(columns: Sequence[pd.Series[Any]]) -> tuple[list[npt.NDArray[np.int64]], int]:
    """Return codes of text that several columns share, and their number."""
    known: dict[str, int] = {}
    codes = []
    for column in (column.astype("category") for column in columns):
        places = [known.setdefault(str(name), len(known)) for name in column.cat.categories]
        codes.append(np.array([*places, -1], dtype=np.int64)[column.cat.codes.to_numpy()])
    return codes, len(known) + 1
