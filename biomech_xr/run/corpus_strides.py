"""The strides product of a corpus without its recordings: the strides of the banks, processed once, in every variation.

For machines whose disk does not hold the recordings, and for benchmarks of the loader. Labels, sizes, layout and values
are those that processing the recordings would give, but for a person's gains, which the amplitude reference would undo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.process import Chain, Plan
from biomech_xr.process.packed import assemble, pack
from biomech_xr.process.plan import LATE_LABELS, plan_recordings
from biomech_xr.process.steps.normalize import amplitude_reference
from biomech_xr.process.tasks import groups_of
from biomech_xr.process.trials.trial import process_strides, trial_data
from biomech_xr.run.corpus import Corpus, CorpusPerson
from biomech_xr.schema import Patient, Signal, Trial
from biomech_xr.store import create_part, shards_done, write_shard
from biomech_xr.store.layout import shard_bounds, shard_count
from biomech_xr.store.trials import trial_table
from biomech_xr.synthetic.corpus import CorpusSource, bank_trials, corpus_trials, place_of, trial_sizes
from biomech_xr.synthetic.corpus_bank import BANK_STRIDES

_SPREAD: Final = 0.1
"""Standard deviation of the factors by which the EMG of two strides from one place of the bank differs."""


@dataclass(frozen=True)
class InMemory:
    """The recordings of one person, as the process stage wants them, from trials in memory."""

    members: tuple[Trial, ...]
    spec: Mapping[str, Any]

    @property
    def patient(self) -> Patient:
        """The person."""
        return self.members[0].patient

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial."""
        return trial_table(self.members)

    @cached_property
    def strides(self) -> pd.DataFrame:
        """Candidate strides."""
        return pd.concat([trial.strides for trial in self.members], ignore_index=True)

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """Candidates rejected at parse: none."""
        return pd.concat([trial.rejected for trial in self.members], ignore_index=True)

    def signal(self, trial: str, group: str) -> Signal | None:
        """Return one signal of one trial, or None."""
        return next(one for one in self.members if one.trial == trial).signals.get(group)


@dataclass(frozen=True, kw_only=True, slots=True)
class VariedWork:
    """What is to be written: per shard that is missing, the strides of the bank to take; see `write_varied`."""

    plan: Plan
    fingerprint: str
    rows: dict[int, npt.NDArray[np.int32]]
    done: int


def people_labels(corpus: Corpus, person: CorpusPerson) -> InMemory:
    """Return the tables of one person of a corpus; the signals are empty."""
    trials = corpus_trials(corpus.source, person.name, person.strides, population=person.population, signals=False)
    return InMemory(tuple(trials), asdict(corpus.spec))


def varied_work(root: str, corpus: Corpus, chain: Chain, people: list[InMemory]) -> VariedWork:
    """Write the metadata of a part and return the shards that are missing.

    Raises
    ------
    ProcessingError
        The chain cannot serve the source.
    OccupiedError
        The output holds other strides.
    """
    plan = plan_recordings(people, root, corpus.dataset, chain)
    up_front = plan.labels.drop(columns=[*LATE_LABELS, "emg_clipped"])
    facts = (up_front, plan.rejected, plan.template, plan.attrs)
    part = create_part(root, chain.name, corpus.dataset, *facts, config_hash=plan.chain.hash())
    done = shards_done(root, chain.name, corpus.dataset, fingerprint=part["fingerprint"])
    rows = _bank_rows(plan, corpus)
    bounds = {shard: shard_bounds(shard, len(plan.labels)) for shard in range(shard_count(len(plan.labels)))}
    missing = {shard: rows[slice(*span)] for shard, span in bounds.items() if shard not in done}
    return VariedWork(plan=plan, fingerprint=part["fingerprint"], rows=missing, done=len(done))


def _bank_rows(plan: Plan, corpus: Corpus) -> npt.NDArray[np.int32]:
    """Return the row of `_bank_block` that every stride of a plan is made of."""
    source = corpus.source
    place = {activity: i * len(words.SIDES) * BANK_STRIDES for i, activity in enumerate(source.activities)}
    sizes = {person.name: trial_sizes(source.form, person.strides) for person in corpus.people}
    rows = np.empty(len(plan.labels), dtype=np.int32)
    for unit in (unit for group in groups_of(plan) for unit in group.units):
        person = unit.patient.removeprefix(f"{corpus.dataset}-")
        number = int(unit.trial.rsplit("_", 1)[1])
        found = place_of(source, person, number, sizes[person][number])
        for side, strides in found.strides.items():
            index = words.SIDES.index(side)
            mine = np.flatnonzero(unit.side == index)
            rows[unit.start + mine] = place[found.activity] + index * BANK_STRIDES + strides[unit.number[mine]]
    return rows


def write_varied(
    root: str,
    corpus: Corpus,
    chain: Chain,
    shard: int,
    rows: npt.NDArray[np.int32],
    *,
    fingerprint: str,
    time_size: int,
    joint_delay: float,
) -> dict[str, Any]:
    """Write one shard of `VariedWork` and return its ledger entry."""
    bank = _bank_block(corpus.source, corpus.dataset, corpus.seed, chain, time_size, joint_delay)
    rng = np.random.default_rng([corpus.seed, shard])
    factors = np.exp(_SPREAD * np.clip(rng.standard_normal(rows.size), -2, 2)).astype(np.float32)
    block = {name: values[rows] for name, values in bank.items()}
    block["emg"] *= factors[:, None, None]
    return write_shard(root, chain.name, corpus.dataset, shard, block, fingerprint=fingerprint)


@lru_cache(maxsize=4)
def _bank_block(
    source: CorpusSource, dataset: str, seed: int, chain: Chain, time_size: int, joint_delay: float
) -> dict[str, npt.NDArray[Any]]:
    """Return the processed strides of all banks of a source: activity, leg, place in the bank."""
    size = len(source.activities) * len(words.SIDES) * BANK_STRIDES
    spec = asdict(Corpus(dataset=dataset, seed=seed, people=()).spec)
    out: dict[str, npt.NDArray[Any]] = {}
    for trial, place in bank_trials(source):
        recordings = InMemory((trial,), spec)
        data = trial_data(recordings, trial.trial)
        every = np.arange(len(trial.strides))
        block = process_strides(data, every, chain, time_size=time_size, joint_delay=joint_delay)
        table = trial.strides[["side", "condition"]].assign(session="1", order=every)
        scale = amplitude_reference(table, block.peaks, chain.normalize)
        tails = {name: values.shape[1:] for name, values in block.values.items()}
        tails |= {"emg": (len(words.MUSCLES), time_size), "emg_scale": scale.shape[1:], "emg_history": ()}
        scaled = assemble([(pack(block, slice(0, every.size), start=0), scale)], tails, first=0, stop=every.size)
        origin = source.activities.index(place.activity) * len(words.SIDES) * BANK_STRIDES
        index = np.array([words.SIDES.index(side) for side in trial.strides["side"]])
        target = origin + index * BANK_STRIDES + trial.strides["stride_number"].to_numpy()
        for name, values in scaled.items():
            out.setdefault(name, np.zeros((size, *values.shape[1:]), dtype=values.dtype))[target] = values
    return out
