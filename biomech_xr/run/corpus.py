"""A corpus of synthetic people with the real numbers of strides and people by source, straight into recordings."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Final

from biomech_xr.datasets import DatasetSpec, get_dataset
from biomech_xr.errors import ConfigError, OccupiedError
from biomech_xr.quality.reference_counts import REFERENCE
from biomech_xr.store import patient_entry, write_patient
from biomech_xr.synthetic.corpus import CorpusSource, corpus_trials, known_activities
from biomech_xr.synthetic.corpus_bank import BANK_STRIDES

_LEAST: Final = 2
"""Strides that every source has at least, however small the scale."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusPerson:
    """One person of a corpus: name in the source, strides of both legs, population."""

    name: str
    strides: int
    population: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """The part of a corpus that one source has."""

    dataset: str
    seed: int
    people: tuple[CorpusPerson, ...]

    @property
    def strides(self) -> int:
        """Strides of all people."""
        return sum(person.strides for person in self.people)

    @property
    def alone(self) -> Corpus:
        """The same without its people, which is all that a worker needs."""
        return replace(self, people=())

    @property
    def spec(self) -> DatasetSpec:
        """The facts of the source, marked as synthetic."""
        spec = get_dataset(self.dataset).spec
        return replace(spec, synthetic=True, settings=f"corpus without raw files, seed {self.seed}")

    @property
    def source(self) -> CorpusSource:
        """The facts that the signals depend on."""
        return _source(self.dataset, self.seed)

    @property
    def recorded_bytes(self) -> int:
        """Bytes of all signals before compression, estimated from a stride of the bank."""
        return self.strides * _stride_bytes(self.dataset, self.seed)


@lru_cache(maxsize=64)
def _source(dataset: str, seed: int) -> CorpusSource:
    spec = get_dataset(dataset).spec
    return CorpusSource(
        dataset=dataset,
        state=spec.emg_state,
        unit=spec.emg_unit,
        line_frequency=spec.line_frequency,
        emg_lookahead=spec.emg_lookahead,
        muscles=tuple(dict.fromkeys(column.muscle for column in spec.emg.values())),
        activities=known_activities(spec.activities),
        seed=seed,
    )


@lru_cache(maxsize=64)
def _stride_bytes(dataset: str, seed: int) -> int:
    trials = list(corpus_trials(_source(dataset, seed), "size", BANK_STRIDES, signals=False))
    size = sum(signal.values.size * 4 for trial in trials for signal in trial.signals.values())
    return size // BANK_STRIDES


def plan_corpus(scale: float, *, seed: int = 0, datasets: Sequence[str] | None = None) -> list[Corpus]:
    """Return the corpus of every source, most strides first.

    Parameters
    ----------
    scale
        Share of the 515,880 strides of `quality.reference_counts`; people are reduced alike, to at least one a source,
        so that a person keeps about as many strides as in the source.
    seed
        Seed of everything random.
    datasets
        Sources to take; all fourteen by default.

    Raises
    ------
    ConfigError
        An unknown source, or a scale that is not above 0 and at most 1.
    """
    if not 0 < scale <= 1:
        raise ConfigError(f"scale: found {scale}, expected more than 0 and at most 1.")
    known = {one.dataset: one for one in REFERENCE}
    unknown = sorted(set(datasets or ()) - set(known))
    if unknown:
        raise ConfigError(f"datasets: unknown {', '.join(unknown)}. Known: {', '.join(known)}.")
    found = []
    for name, one in known.items():
        if datasets is not None and name not in datasets:
            continue
        strides = max(_LEAST, round(one.strides * scale))
        people = min(max(1, math.ceil((one.people + one.more_people) * scale)), strides // _LEAST)
        healthy = math.ceil(people * one.people / (one.people + one.more_people))
        listed = tuple(
            CorpusPerson(
                name=f"P{i + 1:03d}",
                strides=strides // people + (i < strides % people),
                population="able_bodied" if i < healthy or name != "criekinge" else "stroke",
            )
            for i in range(people)
        )
        found.append(Corpus(dataset=name, seed=seed, people=listed))
    return found


def pending_people(root: str, corpus: Corpus) -> tuple[list[CorpusPerson], int]:
    """Return the people who are still to be written, and how many the store holds already.

    Raises
    ------
    OccupiedError
        The store holds a person of this name who was made otherwise.
    """
    todo = []
    for person in corpus.people:
        entry = patient_entry(root, corpus.dataset, f"{corpus.dataset}-{person.name}")
        if entry is None:
            todo.append(person)
        elif entry["config_hash"] != _hash(corpus, person):
            raise OccupiedError(
                f"{root}: {corpus.dataset}-{person.name} was made with another scale or seed, or is no part of a "
                "corpus. Choose another output."
            )
    return todo, len(corpus.people) - len(todo)


def write_person(root: str, corpus: Corpus, person: CorpusPerson) -> dict[str, Any]:
    """Write the recordings of one person and return the ledger entry; one who is there is left alone."""
    trials = corpus_trials(corpus.source, person.name, person.strides, population=person.population)
    return write_patient(root, corpus.spec, trials, config_hash=_hash(corpus, person))


def _hash(corpus: Corpus, person: CorpusPerson) -> str:
    facts: Mapping[str, Any] = {"seed": corpus.seed, **asdict(person), "spec": corpus.spec.reader_version}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
