"""The candidates of one source as plain columns: what each stride is, and what its signals were sampled at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.quality.counts_tables import Column, Columns, StoredGroup, Text, joined
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, local_path, read_sealed

SIGNALS: Final = ("emg", "kinematics", "kinetics")
KEY: Final = ("patient", "trial", "side", "stride_number")

_STRIDES: Final = ("trial", "side", "stride_number", "activity", "trial_time", "duration", "segment")
_REJECTED: Final = ("trial", "side", "stride_number", "reason")
_TRIAL: Final = ("kind", "row_size", "t0", "sampling_frequency", "points", "endpoint", "lengths", "labels")
_KINDS: Final = ("", *words.KINDS)
_READERS: Final = 8
"""People read at a time: waiting for a bucket is most of the work there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """The candidates of one source in the recordings, and its trials.

    `strides`: one row a stride with `KEY`, person_group, activity, duration (s), and for each of `SIGNALS` its kind,
    rate (Hz), samples, whether it is there, and the error: samples / rate - duration (s; NaN where the samples are not
    counted apart from the rate), as <signal>_kind and so on; `rejected`: `KEY` and reason; `trials`: patient, trial,
    and kind, rate (Hz) and points of each signal; `ledger`: what the ledgers count.
    """

    dataset: str
    specs: Sequence[Mapping[str, Any]]
    people: int
    strides: pd.DataFrame
    rejected: pd.DataFrame
    trials: pd.DataFrame
    ledger: Mapping[str, int]


def read_candidates(root: Url, dataset: str, patients: Sequence[str]) -> Candidates:
    """Return the candidates of a source; only ledgers and tables are read.

    Parameters
    ----------
    root
        URL of the store.
    dataset, patients
        The source, and its committed patients.

    Raises
    ------
    LostDataError
        A ledger or a table is damaged.
    """
    with ThreadPoolExecutor(_READERS if local_path(root) is None else 1) as pool:
        people = list(pool.map(lambda patient: _person(root, dataset, patient), patients))
    specs = {json.dumps(person["spec"], sort_keys=True): person["spec"] for person in people}
    return Candidates(
        dataset=dataset,
        specs=list(specs.values()),
        people=len(people),
        strides=joined([person["strides"] for person in people]),
        rejected=joined([person["rejected"] for person in people]),
        trials=joined([person["trials"] for person in people]),
        ledger={name: sum(person["counts"][name] for person in people) for name in ("strides", "rejected", "trials")},
    )


def _person(root: Url, dataset: str, patient: str) -> dict[str, Any]:
    """Return the tables of one person with the columns of `Candidates`."""
    entry = read_sealed(layout.patient_ledger_url(root, dataset, patient))
    group = StoredGroup(layout.patient_url(root, dataset, patient), entry)
    trials = group.table("trials", ["trial", *(f"{signal}_{name}" for signal in SIGNALS for name in _TRIAL)])
    strides = group.table("strides", _STRIDES)
    rejected = group.table("rejected", _REJECTED)
    person = str(group.attributes["patient"].get("person_group") or patient)
    return {
        "spec": entry["spec"],
        "counts": entry["counts"],
        "strides": {
            "patient": _constant(patient, strides.size),
            "person_group": _constant(person, strides.size),
            **_stride_columns(trials, strides),
        },
        "rejected": {
            "patient": _constant(patient, rejected.size),
            **{name: rejected.column(name) for name in _REJECTED},
        },
        "trials": {"patient": _constant(patient, trials.size), **_trial_columns(trials)},
    }


def _constant(text: str, size: int) -> Text:
    return Text(np.zeros(size, dtype=np.int32), [text])


def _trial_columns(trials: Columns) -> dict[str, Column]:
    columns: dict[str, Column] = {"trial": trials.column("trial")}
    for signal in SIGNALS:
        columns[f"{signal}_kind"] = Text(_kinds(trials, signal), _KINDS)
        columns[f"{signal}_rate"] = trials.numbers(f"{signal}_sampling_frequency")
        columns[f"{signal}_points"] = trials.numbers(f"{signal}_points", 0.0)
    return columns


def _stride_columns(trials: Columns, strides: Columns) -> dict[str, Column]:
    """Return the columns of strides, those of their signals included."""
    row = {name: place for place, name in enumerate(trials.texts("trial"))}
    places = np.array([row[name] for name in strides.categories["trial"]], dtype=np.int64)
    place = places[strides.values["trial"]] if strides.size else np.empty(0, dtype=np.int64)
    columns = {name: strides.column(name) for name in ("trial", "side", "stride_number", "activity", "duration")}
    for signal in SIGNALS:
        columns |= _signal_columns(signal, trials, strides, place)
    return columns


def _signal_columns(signal: str, trials: Columns, strides: Columns, place: npt.NDArray[np.int64]) -> dict[str, Column]:
    """Return kind, rate, samples, presence and error of one signal in each stride."""
    kinds = _kinds(trials, signal)[place]
    known = trials.numbers(f"{signal}_sampling_frequency")[place]
    points = trials.numbers(f"{signal}_points", 0.0)[place]
    endpoint = trials.numbers(f"{signal}_endpoint", 0.0)[place]
    duration, segment = strides.numbers("duration"), strides.numbers("segment")
    lengths, counted = _lengths(trials.texts(f"{signal}_lengths"), place, segment)
    rows, start = trials.numbers(f"{signal}_row_size", 0.0)[place], trials.numbers(f"{signal}_t0", 0.0)[place]
    continuous, cut = kinds == _KINDS.index("continuous"), kinds == _KINDS.index("segmented")
    with np.errstate(invalid="ignore", divide="ignore"):
        samples = np.where(continuous, np.round(duration * known), np.where(cut, points, lengths))
        rate = np.where(cut & np.isnan(known), (points - endpoint) / duration, known)
        error = np.where(continuous, np.nan, (samples - endpoint * cut) / known - duration)
        time = strides.numbers("trial_time")
        during = (time < start + rows / known) & (time + duration > start)
    within = (segment >= 0) & np.where(cut, segment * points < rows, counted)
    there = (rows > 0) & np.where(continuous, during, within) & _own_side(signal, trials, strides, place)
    return {
        f"{signal}_kind": Text(kinds, _KINDS),
        f"{signal}_rate": np.where(there, rate, np.nan),
        f"{signal}_samples": np.where(there, samples, np.nan),
        f"{signal}_there": there,
        f"{signal}_error": np.where(there, error, np.nan),
    }


def _kinds(trials: Columns, signal: str) -> npt.NDArray[np.int32]:
    """Return the place of each trial's kind of signal in `_KINDS`; 0: it has none."""
    return np.array([_KINDS.index(kind) for kind in trials.texts(f"{signal}_kind")], dtype=np.int32)


def _lengths(
    texts: Sequence[str], place: npt.NDArray[np.int64], segment: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the rows of each stride of ragged signals (NaN elsewhere), and whether it has any."""
    listed = [json.loads(text) if text not in ("", "[]") else [] for text in texts]
    sizes = np.array([len(one) for one in listed], dtype=np.int64)
    flat = np.array([size for one in listed for size in one], dtype=np.float64)
    first = np.concatenate(([0], np.cumsum(sizes)))[:-1]
    inside = (segment >= 0) & (segment < sizes[place])
    found = np.full(len(place), np.nan)
    found[inside] = flat[first[place[inside]] + segment[inside].astype(np.int64)]
    return found, inside & (found > 0)


def _own_side(signal: str, trials: Columns, strides: Columns, place: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return whether the trial's signal has the leg of each stride."""
    sides: dict[str, set[str]] = {text: set(json.loads(text or "{}").get("side", ())) for text in ("", "{}")}
    texts = trials.texts(f"{signal}_labels")
    sides |= {text: set(json.loads(text or "{}").get("side", ())) for text in set(texts)}
    names = strides.categories["side"]
    has = np.array([[name in sides[text] for name in names] for text in texts], dtype=bool).reshape(-1, len(names))
    if not strides.size:
        return np.empty(0, dtype=bool)
    return np.asarray(has[place, strides.values["side"]])
