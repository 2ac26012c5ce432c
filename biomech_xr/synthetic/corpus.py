"""Recordings of many people straight from a bank of strides, without raw files: for rehearsals and benchmarks.

Each source and activity has one *bank*: a walk of some dozen strides that closes to a loop, sampled once in the
source's form. A trial is a stretch of the loop, from its own starting stride, with the gains of its person. So a corpus
of half a million strides costs a few seconds of sampling and then memory bandwidth, and the same arguments give the
same signals in every process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError
from biomech_xr.schema import GROUP_DIMS, STRIDE_COLUMNS, Patient, Signal, Trial, rejected_table
from biomech_xr.synthetic.corpus_bank import BANK_STRIDES, Bank, make_bank
from biomech_xr.synthetic.corpus_forms import FORMS, Form
from biomech_xr.synthetic.curves import FOOT_OFF, LOCOMOTION
from biomech_xr.synthetic.person import generator

Array32 = npt.NDArray[np.float32]

_UNITS: Final = {"kinematics": words.UNITS["kinematics"], "kinetics": words.UNITS["kinetics"]}


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusSource:
    """The facts of a source that its corpus needs; `activities` and `muscles` are those that the human knows."""

    dataset: str
    state: words.EmgState
    unit: str
    line_frequency: float
    emg_lookahead: float
    muscles: tuple[str, ...]
    activities: tuple[str, ...]
    seed: int = 0

    @property
    def form(self) -> Form:
        """How the source publishes its strides.

        Raises
        ------
        ConfigError
            No corpus of this source can be made.
        """
        if self.dataset not in FORMS:
            raise ConfigError(f"corpus {self.dataset!r}: unknown source. Known: {', '.join(sorted(FORMS))}.")
        return FORMS[self.dataset]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where in a bank the strides of a trial come from: leg -> index of the stride in the bank of `activity`."""

    activity: str
    first: int
    strides: Mapping[str, npt.NDArray[np.int64]]


def known_activities(activities: Sequence[str]) -> tuple[str, ...]:
    """Return the activities of a source for which the human has curves."""
    return tuple(name for name in activities if name in LOCOMOTION)


def corpus_trials(
    source: CorpusSource, person: str, strides: int, *, population: str = "able_bodied", signals: bool = True
) -> Iterator[Trial]:
    """Yield the trials of one person.

    Parameters
    ----------
    source
        The facts of the source.
    person
        Name of the person in the source; with the seed it settles everything random.
    strides
        Strides of all trials together, both legs counted.
    population
        A word of `vocabulary.POPULATIONS`.
    signals
        False: the signals have their shape and hold nothing, which costs no memory.
    """
    patient = Patient(dataset=source.dataset, source_patient=person, population=population, height=1.75, body_mass=70.0)
    gains = _Gains(source, person)
    for number, size in enumerate(trial_sizes(source.form, strides)):
        place = place_of(source, person, number, size)
        session = str(1 + number % source.form.sessions)
        yield _trial(source, patient, f"trial_{number:04d}", session, place, gains, signals=signals)


def bank_trials(source: CorpusSource) -> Iterator[tuple[Trial, Place]]:
    """Yield whole banks as trials of one person without gains, and where their strides lie in the bank."""
    patient = Patient(dataset=source.dataset, source_patient="bank", height=1.75, body_mass=70.0)
    for activity in source.activities:
        for i, sides in enumerate(source.form.sides):
            place = Place(activity=activity, first=0, strides=dict.fromkeys(sides, np.arange(BANK_STRIDES)))
            yield _trial(source, patient, f"{activity}_{i}", "1", place, None, signals=True), place


def place_of(source: CorpusSource, person: str, trial: int, size: int) -> Place:
    """Return which strides of a bank make the trial of this number with so many strides."""
    rng = generator(source.seed, "corpus", source.dataset, person, trial)
    sides = source.form.sides[trial % len(source.form.sides)]
    first = int(rng.integers(BANK_STRIDES))
    counts = {side: (size + i) // len(sides) for i, side in enumerate(sides)}
    activity = source.activities[trial % len(source.activities)]
    return Place(
        activity=activity,
        first=first,
        strides={side: (first + np.arange(count)) % BANK_STRIDES for side, count in counts.items()},
    )


def bank_of(source: CorpusSource, activity: str) -> Bank:
    """Return the bank of a source and activity, made once in a process."""
    return _bank(source, activity)


@lru_cache(maxsize=8)
def _bank(source: CorpusSource, activity: str) -> Bank:
    return make_bank(
        source.form,
        generator(source.seed, "bank", source.dataset, activity),
        activity=activity,
        muscles=source.muscles,
        state=source.state,
        line_frequency=source.line_frequency,
        seed=source.seed,
    )


def trial_sizes(form: Form, strides: int) -> list[int]:
    """Return the strides of each of a person's trials, both legs counted."""
    most = form.strides * len(form.sides[0])
    count = -(-strides // most)
    return [strides // count + (i < strides % count) for i in range(count)]


class _Gains:
    """How a person's signals differ from the bank: a factor a channel, an offset (degrees) and a factor a joint."""

    def __init__(self, source: CorpusSource, person: str) -> None:
        rng = generator(source.seed, "gains", source.dataset, person)
        shape = (len(words.JOINTS), len(words.MOTIONS))
        clipped = np.clip(rng.standard_normal((3, 2, max(len(source.muscles), 9))), -2, 2)
        self.emg = np.exp(0.3 * clipped[0, :, : len(source.muscles)]).astype(np.float32)
        self.offset = clipped[1, 0, :9].reshape(shape).astype(np.float32)
        self.moment = (1 + 0.03 * clipped[2, 0, :9]).reshape(shape).astype(np.float32)


def _trial(
    source: CorpusSource,
    patient: Patient,
    name: str,
    session: str,
    place: Place,
    gains: _Gains | None,
    *,
    signals: bool,
) -> Trial:
    form = source.form
    bank = bank_of(source, place.activity)
    count = max(indices.size for indices in place.strides.values())
    rows = [words.SIDES.index(side) for side in place.strides]
    made: dict[str, Signal] = {}
    groups = ("emg", "kinematics", "kinetics") if form.kinetics else ("emg", "kinematics")
    for group in groups:
        values = bank.take(group, place.first, count, rows) if signals else _nothing(bank, group, place, count)
        if signals and gains is not None:
            values = _personal(group, values, gains, rows)
        made[group] = _signal(group, values, bank, place, source)
    return Trial(
        patient=patient,
        trial=name,
        task=place.activity,
        session=session,
        signals=made,
        strides=_stride_table(name, place, bank, form),
        rejected=rejected_table([]),
        sources=((f"{patient.patient}/{name}", "0" * 64),),
        emg_state=source.state,
        emg_lookahead=source.emg_lookahead,
    )


def _nothing(bank: Bank, group: str, place: Place, count: int) -> Array32:
    shape = (bank.size(group, place.first, count), len(place.strides), *bank.values[group].shape[2:])
    return np.broadcast_to(np.float32(np.nan), shape)


def _personal(group: str, values: Array32, gains: _Gains, rows: Sequence[int]) -> Array32:
    if group == "emg":
        return values * gains.emg[rows]
    return values + gains.offset if group == "kinematics" else values * gains.moment


def _signal(group: str, values: Array32, bank: Bank, place: Place, source: CorpusSource) -> Signal:
    form = source.form
    clock = form.emg if group == "emg" else form.joints
    count = max(indices.size for indices in place.strides.values())
    coords: dict[str, Any] = {"side": list(place.strides)}
    if group == "emg":
        coords["channel"] = list(source.muscles)
    else:
        coords |= {"joint": list(words.JOINTS), "motion": list(words.MOTIONS)}
    attrs = {"units": source.unit if group == "emg" else _UNITS[group]}
    lengths = bank.lengths(group, place.first, count) if clock.kind == "ragged" else ()
    return Signal(
        kind=clock.kind,
        values=xr.DataArray(values, dims=GROUP_DIMS[group], coords=coords, attrs=attrs),
        sampling_frequency=clock.rate or np.nan,
        points=clock.points,
        lengths=lengths,
        contiguity=form.contiguity,
    )


def _stride_table(name: str, place: Place, bank: Bank, form: Form) -> pd.DataFrame:
    tables = []
    for side, indices in place.strides.items():
        duration = bank.durations(side)[indices]
        timed = form.emg.kind == "continuous" or (form.timed and form.contiguity == "consecutive")
        start = bank.starts(side, place.first, indices.size, lead=form.emg.kind == "continuous")
        columns: dict[str, Any] = {
            "trial": name,
            "side": side,
            "stride_number": np.arange(indices.size),
            "activity": place.activity,
            "source_activity": place.activity,
            "condition": form.condition,
            "transition": False,
            "surface": "treadmill" if place.activity == "walk" else "unknown",
            "trial_time": start if timed else np.nan,
            "duration": duration,
            "duration_source": "events",
            "foot_off": FOOT_OFF[place.activity] * duration,
            "speed": form.speed,
            "incline": np.nan,
            "stair_height": np.nan,
            "segment": -1 if form.emg.kind == "continuous" else np.arange(indices.size),
        }
        tables.append(pd.DataFrame({column: columns[column] for column in STRIDE_COLUMNS}, index=range(indices.size)))
    joined = pd.concat(tables, ignore_index=True)
    text = [column for column, kind in STRIDE_COLUMNS.items() if kind == "category"]
    return joined.astype(dict.fromkeys(text, object))
