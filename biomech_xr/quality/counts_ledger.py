"""Whether every candidate is accounted for: candidates = kept + rejected at parse + rejected at process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.quality.counts_products import Product, keys, legs
from biomech_xr.quality.counts_strides import KEY, Candidates

_SHOWN: Final = 3
"""Candidates named in a message."""


def account(found: Candidates | None, product: Product | None, *, dataset: str, chain: str = "") -> dict[str, Any]:
    """Return the sum over the candidates of one source, from the tables of its recordings and of one product.

    Parameters
    ----------
    found
        The candidates in the recordings, or None where the store has no recordings of the source.
    product
        Its strides under one chain, or None where there are none.
    dataset, chain
        Names of the source and of the chain.

    Returns
    -------
    dict
        dataset, chain (empty: parse alone), candidates (by their numbers, which count all of a leg), kept,
        rejected_at_parse and rejected_at_process (each reason -> number), holds, and errors: one sentence for each
        thing that does not add up.
    """
    errors: list[str] = []
    parse, process = dict[str, int](), dict[str, int]()
    candidates = kept = 0
    if found is not None:
        kept, candidates = len(found.strides), _numbered(found)
        errors += _recorded_errors(found, candidates)
        parse = _reasons(found.rejected)
    if product is not None:
        process, kept = _reasons(product.rejected), len(product.strides)
        errors += _product_errors(product)
        errors += _joint_errors(found, product) if found is not None else []
        if found is None:
            candidates = int(product.planned.get("candidates", kept + len(product.rejected)))
            unknown = int(product.planned.get("rejected_at_parse", 0))
            parse = {"not listed here": unknown} if unknown else {}
    total = kept + sum(parse.values()) + sum(process.values())
    if total != candidates and not errors:
        errors.append(
            f"{candidates:,} candidates, but {kept:,} kept + {sum(parse.values()):,} rejected at parse + "
            f"{sum(process.values()):,} rejected at process = {total:,}"
        )
    return {
        "dataset": dataset,
        "chain": chain,
        "candidates": candidates,
        "kept": kept,
        "rejected_at_parse": parse,
        "rejected_at_process": process,
        "holds": not errors,
        "errors": errors,
    }


def _reasons(rejected: pd.DataFrame) -> dict[str, int]:
    counts = rejected["reason"].value_counts()
    return {str(reason): int(count) for reason, count in counts.items() if count}


def _numbered(found: Candidates) -> int:
    """Return the number of candidates by their numbers, which count all of a leg in a trial from 0 on."""
    number = np.concatenate(
        [table["stride_number"].to_numpy(dtype=np.int64) for table in (found.strides, found.rejected)]
    )
    leg, place = np.unique(np.concatenate(legs(found.strides, found.rejected)), return_inverse=True)
    last = np.full(len(leg), -1, dtype=np.int64)
    np.maximum.at(last, place, number)
    return int((last + 1).sum())


def _recorded_errors(found: Candidates, candidates: int) -> list[str]:
    """Return what is wrong with the recordings alone: tables unlike their ledgers, candidates twice or missing."""
    tables = {"strides": found.strides, "rejected": found.rejected, "trials": found.trials}
    errors = [
        f"recordings: {len(table):,} rows of {name}, the ledgers say {found.ledger[name]:,}"
        for name, table in tables.items()
        if len(table) != found.ledger[name]
    ]
    kept, rejected = keys(found.strides, found.rejected)
    both = np.concatenate([kept, rejected])
    order = np.argsort(both, kind="stable")
    again = order[1:][both[order][1:] == both[order][:-1]]
    if again.size:
        named = _named(_together([found.strides, found.rejected]), again)
        errors.append(f"recordings: {again.size:,} candidate(s) twice: {named}")
    missing = candidates - (len(both) - again.size)
    if missing > 0:
        errors.append(f"recordings: {missing:,} number(s) of candidates are neither kept nor rejected")
    return errors


def _together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the keys of tables, one below the other, as plain text."""
    text = dict.fromkeys(("patient", "trial", "side"), object)
    return pd.concat([table[list(KEY)].astype(text) for table in tables], ignore_index=True)


def _product_errors(product: Product) -> list[str]:
    """Return where the tables of a product differ from what its manifest counts."""
    sizes = {"strides": len(product.strides), "rejected": len(product.rejected)}
    return [
        f"chain {product.chain}: {size:,} rows of {name}, the manifest says {product.stated[name]:,}"
        for name, size in sizes.items()
        if size != product.stated.get(name)
    ]


def _joint_errors(found: Candidates, product: Product) -> list[str]:
    """Return which candidates that parse kept are neither kept nor rejected by process, and the reverse."""
    tables = [found.strides, product.strides, product.rejected]
    recorded, kept, rejected = keys(*tables)
    processed = np.concatenate([kept, rejected])
    lost = np.flatnonzero(~np.isin(recorded, processed))
    new = np.flatnonzero(~np.isin(processed, recorded))
    errors = []
    if lost.size:
        errors.append(
            f"chain {product.chain}: {lost.size:,} stride(s) of the recordings neither kept nor rejected: "
            f"{_named(found.strides, lost)}. Process again into a new place, the recordings may have grown"
        )
    if new.size:
        after = _together(tables[1:])
        errors.append(f"chain {product.chain}: {new.size:,} stride(s) that no recording has: {_named(after, new)}")
    twice = int((np.diff(np.sort(processed)) == 0).sum())
    if twice:
        errors.append(f"chain {product.chain}: {twice:,} stride(s) twice")
    return errors


def _named(table: pd.DataFrame, rows: npt.NDArray[np.int64] | Sequence[int]) -> str:
    first = table.iloc[np.asarray(rows)[:_SHOWN]]
    names = [f"{row.patient} {row.trial} {row.side} {row.stride_number}" for row in first.itertuples()]
    return ", ".join(names) + (" ..." if len(rows) > _SHOWN else "")
