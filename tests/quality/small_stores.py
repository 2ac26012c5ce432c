"""Stores of one small person or product a source, under facts that a test chooses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from biomech_xr.store import write_patient
from tests.store.samples import Product, make_product, make_spec, make_trial


def write_person(root: str, name: str, **facts: Any) -> None:
    """Write one small person of a source into a store."""
    trial = make_trial("t1", channels=("soleus",), sides=("left",), rows=50, seed=1)
    person = replace(trial.patient, dataset=name, source_patient=facts.pop("person", "P1"))
    write_patient(root, make_spec(name, **facts), [replace(trial, patient=person)], config_hash="c0ffee")


def strides_of(name: str, **facts: Any) -> Product:
    """Return a small product of a source under other facts."""
    product = make_product(name, strides=8, time=300, seed=1, phase=8)
    return replace(product, attrs={**product.attrs, "spec": {**product.attrs["spec"], **facts}})
