"""What a part must look like: its labels, its variables, and one block of strides ready to be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.errors import SchemaError
from biomech_xr.schema import INDEX_LEVELS, LABELS, LabelKind
from biomech_xr.store import layout
from biomech_xr.store.encoding import encode_emg
from biomech_xr.store.table import as_categorical

Template = Mapping[str, tuple[Sequence[str], Sequence[int]]]
"""Name of a variable -> (dims, shape without the strides)."""

CLIPPED: Final = "emg_clipped"
"""The label that is found when EMG is encoded."""

ALL_SETTINGS: Final = "chain_hash"
"""Attribute of a part: hash of all settings of the chain under which it was made. Only those that reach its data are
among what it is made of (``config_hash``), so that another chain that does the same to it makes the same part."""


def checked_labels(labels: pd.DataFrame, template: Template) -> pd.DataFrame:
    """Return the labels that are known up front, in the order and kinds of the schema; list every problem."""
    late = {name for name in template if name in LABELS} | {CLIPPED}
    expected = [name for name in LABELS if name not in late]
    problems = [f"label {name!r} is missing" for name in expected if name not in labels]
    problems += [f"label {name!r} is not in the schema" for name in labels if name not in LABELS]
    if not problems and labels.duplicated(list(INDEX_LEVELS)).any():
        problems.append(f"the index ({', '.join(INDEX_LEVELS)}) is not unique")
    if not problems:
        problems += [f"label {name!r} is empty in a stride" for name in INDEX_LEVELS if labels[name].isna().any()]
    if problems:
        raise SchemaError.of("labels of a part", problems)
    return pd.DataFrame({name: _conformed(labels[name], LABELS[name]) for name in expected})


def _conformed(column: pd.Series[Any], kind: LabelKind) -> Any:
    """Return a label in the kind that the schema gives it, whatever dtype a table of few rows ended up with."""
    if kind == "category":
        return as_categorical(column.reset_index(drop=True))
    try:
        return column.to_numpy(dtype={"float": "float64", "int": "int64", "bool": "bool"}[kind])
    except (TypeError, ValueError) as error:
        raise SchemaError.of("labels of a part", [f"label {column.name!r} is not of kind {kind} ({error})"]) from error


def checked_template(template: Template) -> dict[str, dict[str, Any]]:
    """Return the template as plain JSON, with the label that encoding adds."""
    problems = [
        f"{name}: dims {tuple(dims)} do not fit the shape {tuple(tail)}; expected 'stride' and one name a number"
        for name, (dims, tail) in template.items()
        if not dims or dims[0] != "stride" or len(dims) != 1 + len(tail)
    ]
    if problems:
        raise SchemaError.of("template of a part", problems)
    full = {CLIPPED: (("stride",), ()), **template}
    return {name: {"dims": list(dims), "tail": [int(n) for n in tail]} for name, (dims, tail) in full.items()}


def encoded_block(
    part: Mapping[str, Any], block: Mapping[str, npt.NDArray[Any]], strides: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the variables of one shard in their stored types; list every problem."""
    variables = {name: variable for name, variable in part["variables"].items() if name != CLIPPED}
    problems = [f"variable {name!r} is missing" for name in variables if name not in block]
    problems += [f"variable {name!r} is not in the template" for name in block if name not in variables]
    for name, variable in variables.items():
        expected = (strides, *variable["tail"])
        if name in block and block[name].shape != expected:
            problems.append(f"{name}: shape {block[name].shape}, expected {expected}")
    if strides <= 0:
        problems.append(f"no such shard; the part has {layout.shard_count(part['size'])}")
    if problems:
        raise SchemaError.of(f"block of {part['dataset']}", problems)
    out = {
        name: np.ascontiguousarray(block[name], dtype=layout.stored_dtype(name)) for name in variables if name != "emg"
    }
    clipped = np.zeros(strides, dtype=bool)
    if "emg" in variables:
        out["emg"], clipped = encode_emg(block["emg"])
    return {**out, CLIPPED: clipped}
