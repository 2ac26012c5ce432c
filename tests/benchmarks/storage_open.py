"""Opening a store of all sources: its catalogue is as large as the real one, its parts are listed and never read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr.datasets import names
from biomech_xr.schema import LABELS
from biomech_xr.store import layout, open_part
from biomech_xr.store.catalogue import catalogue_url, write_catalogue
from biomech_xr.store.objects import write_sealed
from tests.store.samples import CHAIN, make_product

STRIDES = 515_880
PEOPLE = 400


def make_catalogue(root: str, strides: int = STRIDES) -> None:
    """Make version 1 of a store with labels of so many strides of all sources, a part for each."""
    make_product("hu", strides=5, time=260, seed=1).write(root)
    real = open_part(layout.strides_url(root, CHAIN, "hu"))
    counts = np.diff(np.linspace(0, strides, len(names()) + 1).astype(int))
    parts, sources = [], {}
    for name, count in zip(names(), counts.tolist(), strict=True):
        manifest = {**real.manifest, "dataset": name, "size": count, "name": f"part-{count:012d}"}
        head = {**real.head, "dataset": name, "size": count}
        written = labels(name, count, real.labels)
        parts.append(SimpleNamespace(name=manifest["name"], manifest=manifest, head=head, written_labels=written))
        listed = {key: manifest[key] for key in ("name", "size", "digest")}
        facts = {key: manifest[key] for key in ("config_hash", "software")}
        sources[name] = {**facts, "counts": {"strides": count}, "parts": [listed]}
    url = catalogue_url(layout.versions_url(root, CHAIN), 2, "0" * 12)
    objects = write_catalogue(url, parts)  # type: ignore[arg-type]
    pointer = {"format": layout.FORMAT, "chain": CHAIN, "version": 2, "config_hash": real.manifest["config_hash"]}
    catalogue = {"name": url.rsplit("/", 1)[-1], **objects}
    write_sealed(layout.version_url(root, CHAIN, 2), {**pointer, "sources": sources, "catalogue": catalogue})


def labels(dataset: str, count: int, like: pd.DataFrame) -> pd.DataFrame:
    """Return labels of a source: people in blocks, four trials each, numbers that differ from stride to stride."""
    rng = np.random.default_rng(count)
    place = np.arange(count)
    person = place * (PEOPLE // len(names())) // count
    columns: dict[str, Any] = {}
    for name, kind in LABELS.items():
        if kind == "category":
            columns[name] = pd.Categorical.from_codes(np.zeros(count, dtype=int), [str(like[name].iloc[0])])
        elif kind == "float":
            columns[name] = rng.normal(size=count).round(3)
        else:
            columns[name] = (
                place if name == "stride_number" else np.zeros(count, dtype="int64" if kind == "int" else bool)
            )
    for name in ("patient", "person_group"):
        columns[name] = pd.Categorical.from_codes(person, [f"{dataset}-AB{number:03d}" for number in np.unique(person)])
    columns["source_patient"] = columns["patient"].rename_categories(lambda name: name.partition("-")[2])
    columns["dataset"] = pd.Categorical.from_codes(np.zeros(count, dtype=int), [dataset])
    columns["activity"] = pd.Categorical.from_codes(place % 4, ["ramp_ascent", "ramp_descent", "stand", "walk"])
    columns["trial"] = pd.Categorical.from_codes(place % 40, [f"trial-{number:02d}" for number in range(40)])
    columns["side"] = pd.Categorical.from_codes(place % 2, ["left", "right"])
    return pd.DataFrame(columns)
