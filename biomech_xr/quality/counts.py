"""How many strides a store holds of each source, activity and side, how they are sampled, and whether it adds up."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr.errors import NotAStoreError
from biomech_xr.quality.counts_checks import length_flags, rate_flags
from biomech_xr.quality.counts_complete import incomplete_product, incomplete_recordings
from biomech_xr.quality.counts_ledger import account
from biomech_xr.quality.counts_products import Product, keys, read_product
from biomech_xr.quality.counts_rows import count_rows
from biomech_xr.quality.counts_strides import SIGNALS, Candidates, read_candidates
from biomech_xr.quality.reference_counts import beside_reference
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, exists, join, names
from biomech_xr.store.persons import PersonTable, load_table
from biomech_xr.store.recordings import list_patients

_FACTS = ("kind", "rate", "samples", "there", "error")


def count_strides(root: Url, *, chain: str | None = None) -> dict[str, Any]:
    """Return the counts of a store, from ledgers, manifests and tables; no signal is read.

    Parameters
    ----------
    root
        URL of the store.
    chain
        Count the strides of this chain; without it those that the recordings hold, before any processing.

    Returns
    -------
    dict
        ``store``, ``chain`` (None: recordings), ``synthetic`` (sources whose people are made up); ``counts``: one row a
        source, activity and side, and one a source over all of them (see `counts_rows.count_rows`); ``ledger``: one row
        a source and chain (see `counts_ledger.account`); ``rates`` and ``lengths``: flags, a source each (see
        `counts_checks`); ``reference``: ours beside the reference counts, for sources that are not synthetic;
        ``incomplete``: one sentence for each patient or product that is not whole; ``notes``: what could not be looked
        at.

    Raises
    ------
    NotAStoreError
        Nothing of ours is there, no recordings where no chain was named, or no strides of the chain.
    LostDataError
        A ledger, a manifest or a table is damaged.
    """
    patients: dict[str, list[str]] = {}
    for dataset, patient in list_patients(root):
        patients.setdefault(dataset, []).append(patient)
    products = _products(root)
    sources = _chosen(root, patients, products, chain)
    people = load_table(root)
    result: dict[str, Any] = {"store": os.fspath(root), "chain": chain, "synthetic": []}
    result |= {name: [] for name in ("counts", "ledger", "rates", "lengths")}
    for dataset in sources:
        found = read_candidates(root, dataset, patients[dataset]) if dataset in patients else None
        _add_source(result, root, dataset, found, products.get(dataset, {}), people)
    real = [row for row in result["counts"] if row["dataset"] not in result["synthetic"] and row["side"] == "all"]
    result["reference"] = beside_reference(real)
    result["incomplete"] = _incomplete(root, patients, products, chain)
    result["notes"] = _notes(patients, products, chain)
    return result


def _incomplete(
    root: Url, patients: Mapping[str, Sequence[str]], products: Mapping[str, Mapping[str, bool]], chain: str | None
) -> list[str]:
    """Return what is not whole: recordings, the finished products that are asked for, and those never finished."""
    found = incomplete_recordings(root, patients)
    for dataset, chains in products.items():
        for name, done in chains.items():
            if done and chain in (None, name):
                found += incomplete_product(root, name, dataset)
            elif not done and chain == name:
                found.append(
                    f"{dataset}: chain {name}: strides without {layout.MANIFEST}, never finished or lost, so not "
                    "counted. Run process again"
                )
    return found


def _notes(
    patients: Mapping[str, Sequence[str]], products: Mapping[str, Mapping[str, bool]], chain: str | None
) -> list[str]:
    """Return what could not be looked at, one sentence a kind."""
    open_, alone = [], []
    for dataset, chains in products.items():
        open_ += [f"{dataset} ({name})" for name, done in chains.items() if not done and name != chain]
        done_ = [name for name, done in chains.items() if done]
        if chain is None and dataset not in patients and done_:
            alone.append(f"{dataset} ({', '.join(done_)})")
    without = [] if chain is None else sorted(set(products) - set(patients))
    missing = [] if chain is None else [name for name in patients if chain not in products.get(name, {})]
    found = {
        "strides never finished, not counted": open_,
        "finished strides but no recordings, not counted here; name the chain (--chain) to count them": alone,
        f"no finished strides of chain {chain}, not counted": missing,
        "no recordings here, so that rates of angles and lengths of signals are not known": without,
    }
    return [f"{text}: {', '.join(names_)}" for text, names_ in found.items() if names_]


def _products(root: Url) -> dict[str, dict[str, bool]]:
    """Return source -> chain -> whether its strides are finished."""
    found: dict[str, dict[str, bool]] = {}
    folder = join(root, "strides")
    for chain in names(folder):
        for dataset in names(join(folder, chain)):
            done = exists(join(layout.strides_url(root, chain, dataset), layout.MANIFEST))
            found.setdefault(dataset, {})[chain] = done
    return found


def _chosen(
    root: Url, patients: Mapping[str, Sequence[str]], products: Mapping[str, Mapping[str, bool]], chain: str | None
) -> list[str]:
    """Return the sources to count, in order, or raise when there is none."""
    chains = sorted({name for found in products.values() for name in found})
    if not patients and not chains:
        raise NotAStoreError(
            f"{root}: found neither recordings nor strides of biomech-xr. Check the URL, or run parse."
        )
    if chain is None and not patients:
        raise NotAStoreError(f"{root}: no recordings to count; found strides of {', '.join(chains)}. Name the chain.")
    if chain is not None and not any(found.get(chain) for found in products.values()):
        raise NotAStoreError(
            f"{root}: no finished strides of chain {chain!r}; chains found: {', '.join(chains) or 'none'}. Run "
            "process, or count the recordings (without a chain)."
        )
    return sorted({*patients, *products} if chain is not None else patients)


def _add_source(
    result: dict[str, Any],
    root: Url,
    dataset: str,
    found: Candidates | None,
    chains: Mapping[str, bool],
    people: PersonTable,
) -> None:
    """Add one source to the result: its tables are in memory only here."""
    asked = result["chain"]
    specs = list(found.specs) if found is not None else []
    counted: pd.DataFrame | None = found.strides if found is not None and asked is None else None
    rows = []
    for chain in [name for name, done in sorted(chains.items()) if done and asked in (None, name)]:
        product = read_product(root, chain, dataset, masks=chain == asked)
        rows.append(account(found, product, dataset=dataset, chain=chain))
        specs.append(product.spec)
        if chain == asked:
            counted = _with_signals(product, found)
    result["ledger"] += rows or ([account(found, None, dataset=dataset)] if found is not None else [])
    if any(spec.get("synthetic", False) for spec in specs):
        result["synthetic"].append(dataset)
    if found is not None:
        result["rates"] += [{"dataset": dataset, **flag} for flag in rate_flags(found.trials, specs)]
        result["lengths"] += [{"dataset": dataset, **flag} for flag in length_flags(found.strides)]
    if counted is not None and len(counted):
        result["counts"] += [{"dataset": dataset, **row} for row in count_rows(people.apply(counted))]


def _with_signals(product: Product, found: Candidates | None) -> pd.DataFrame:
    """Return the strides of a product with what the recordings tell of their signals."""
    strides = product.strides
    if found is None:
        duration, rate = (strides[name].to_numpy(dtype=np.float64) for name in ("duration", "emg_native_rate"))
        measured = {signal: strides[f"{signal}_measured"].to_numpy() > 0 for signal in SIGNALS}
        facts = {f"{signal}_{name}": value for signal in SIGNALS for name, value in _unknown(len(strides)).items()}
        facts |= {f"{signal}_there": there for signal, there in measured.items()}
        return strides.assign(**facts | {"emg_rate": rate, "emg_samples": np.round(duration * rate)})
    ours, recorded = keys(strides, found.strides)
    order = np.argsort(recorded)
    place = order[np.minimum(np.searchsorted(recorded[order], ours), len(order) - 1)]
    known = recorded[place] == ours
    facts = {}
    for signal in SIGNALS:
        for name in _FACTS:
            column = found.strides[f"{signal}_{name}"].iloc[place].reset_index(drop=True)
            missing: Any = {"kind": "", "there": False}.get(name, np.nan)
            facts[f"{signal}_{name}"] = column if known.all() else column.where(known, missing)
    return strides.assign(**facts)


def _unknown(size: int) -> dict[str, Any]:
    nothing = np.full(size, np.nan)
    return {
        "kind": pd.Categorical([""] * size, categories=[""]),
        "rate": nothing,
        "samples": nothing,
        "there": np.zeros(size, dtype=bool),
        "error": nothing,
    }
