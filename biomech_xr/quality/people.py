"""Who is in a store, who of them are one human, and who might be: for a person to decide."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import isnan
from pathlib import Path
from typing import Any, Final

import pandas as pd

from biomech_xr.datasets import get_dataset
from biomech_xr.datasets import names as dataset_names
from biomech_xr.errors import NotAStoreError, OccupiedError
from biomech_xr.readers.tables import read_csv
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, exists, join, names
from biomech_xr.store.persons import REPUBLICATIONS, PersonTable, StoredPerson, join_people, load_table
from biomech_xr.store.reading import open_parts
from biomech_xr.store.recordings import list_patients, open_patient

TOLERANCES: Final[Mapping[str, float]] = {"age": 1.0, "height": 0.01, "body_mass": 3.0}
"""Largest difference of two records of one human: years, m, kg. The sex must be the same."""

JOIN_COLUMNS: Final = ("dataset", "source_patient", "person_group")
"""Columns of a user's table of joins."""

FACTS: Final = ("sex", *TOLERANCES)
"""What is compared of two people."""

_ROUNDING: Final = 1e-6


def list_people(root: Url) -> list[StoredPerson]:
    """Return everybody in a store in alphabetical order, from recordings and from finished strides.

    Raises
    ------
    NotAStoreError
        Neither recordings nor finished strides are there.
    LostDataError
        An object is missing or damaged.
    """
    people = load_table(root)
    found: dict[str, StoredPerson] = {}
    for dataset, patient in list_patients(root):
        opened = open_patient(root, dataset, patient)
        person = opened.patient
        found[patient] = StoredPerson(
            dataset=dataset,
            source_patient=person.source_patient,
            written=frozenset({person.group}),
            group=people.group(person.group),
            sex=person.sex,
            age=person.age,
            height=person.height,
            body_mass=person.body_mass,
            strides=int(opened.ledger["counts"]["strides"]),
        )
    recorded = set(found)
    for walker in _walkers(root, people):
        known = found.setdefault(walker.patient, walker)
        strides = known.strides if walker.patient in recorded else max(known.strides, walker.strides)
        found[walker.patient] = replace(
            known, written=known.written | walker.written, group=walker.group, strides=strides
        )
    if not found:
        raise NotAStoreError(f"{root}: found nobody: neither recordings nor finished strides. Check the URL.")
    listed = (found[patient] for patient in sorted(found))
    return [replace(person, quarantine=person.group in people.quarantine) for person in listed]


def _walkers(root: Url, people: PersonTable) -> Iterator[StoredPerson]:
    """Yield each patient of every finished product, with the group that its strides carry."""
    for chain in names(join(root, "strides")):
        for dataset in names(join(root, "strides", chain)):
            folder = layout.strides_url(root, chain, dataset)
            for part in open_parts(folder) if exists(join(folder, layout.MANIFEST)) else ():
                for _, rows in part.written_labels.groupby("patient", observed=True):
                    yield _walker(rows, people)


def _walker(rows: pd.DataFrame, people: PersonTable) -> StoredPerson:
    first = rows.iloc[0]
    written = frozenset(map(str, rows["person_group"].unique()))
    return StoredPerson(
        dataset=str(first["dataset"]),
        source_patient=str(first["source_patient"]),
        written=written,
        group=people.group(min(written)),
        sex=str(first["sex"]),
        age=float(first["age"]),
        height=float(first["height"]),
        body_mass=float(first["body_mass"]),
        strides=len(rows),
    )


def read_joins(root: Url, path: Path, people: Sequence[StoredPerson]) -> PersonTable:
    """Return the table of people that follows when a user's joins are added; nothing is written.

    Parameters
    ----------
    root
        URL of the store.
    path
        CSV with the columns `JOIN_COLUMNS`; others are passed over, and so are rows without a group.
    people
        What `list_people` returned.

    Raises
    ------
    MissingInputError, DataFormatError
        No such file, or no table with these columns.
    SchemaError
        Every problem of the rows, see `biomech_xr.store.persons.join_people`.
    """
    table = read_csv(path, dataset="people", columns=JOIN_COLUMNS, text=JOIN_COLUMNS).fillna("").astype(str)
    rows = [(row[0], row[1], row[2]) for row in table.to_numpy().tolist()]
    return join_people(load_table(root), rows, people, subject=str(path))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two patients that may be one human; `agree` lists the facts that are known of both, all in agreement."""

    first: StoredPerson
    second: StoredPerson
    agree: tuple[str, ...]

    @property
    def telling(self) -> bool:
        """Whether so much agrees that somebody should look: three facts, or height and body mass."""
        return len(self.agree) >= 3 or {"height", "body_mass"} <= set(self.agree)

    @property
    def distance(self) -> float:
        """Sum of the differences in units of `TOLERANCES`."""
        return sum(_gap(self.first, self.second, name) / TOLERANCES[name] for name in self.agree if name in TOLERANCES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspects:
    """Pairs that may be one human, the surest first; `untold` counts by two sources those too little known to tell."""

    pairs: tuple[Pair, ...]
    untold: Mapping[tuple[str, str], int]


def find_suspects(root: Url, people: Sequence[StoredPerson]) -> Suspects:
    """Return who may be one human: people of two sources of one laboratory, or of a source that is published twice.

    Sex must be the same, age, height and body mass within `TOLERANCES`. A fact that is not known of both neither
    confirms nor excludes. A pair is listed when nothing excludes it and three facts agree, or height and body mass do;
    fewer say too little, and such pairs are only counted. Pairs that are joined already are passed over.

    Parameters
    ----------
    root
        URL of the store.
    people
        What `list_people` returned.
    """
    sources: dict[str, list[StoredPerson]] = defaultdict(list)
    for person in people:
        sources[person.dataset].append(person)
    place = {dataset: laboratory(root, dataset) for dataset in sources}
    possible = [
        Pair(first=first, second=second, agree=agree)
        for one, other in combinations(sorted(sources), 2)
        if _related(one, other, place)
        for first, second in product(sources[one], sources[other])
        if first.group != second.group and (agree := _agreement(first, second)) is not None
    ]
    telling = [pair for pair in possible if pair.telling]
    telling.sort(key=lambda pair: (-len(pair.agree), pair.distance, pair.first.patient, pair.second.patient))
    untold: dict[tuple[str, str], int] = defaultdict(int)
    for pair in possible:
        if not pair.telling:
            untold[pair.first.dataset, pair.second.dataset] += 1
    return Suspects(pairs=tuple(telling), untold=dict(untold))


def laboratory(root: Url, dataset: str) -> str:
    """Return where a source was recorded: as its recordings say, else as the reader's facts say; empty: not known."""
    for _, patient in list_patients(root, dataset)[:1]:
        stored = open_patient(root, dataset, patient).ledger["spec"].get("laboratory", "")
        if stored:
            return str(stored)
    return get_dataset(dataset).spec.laboratory if dataset in dataset_names() else ""


def _related(one: str, other: str, place: Mapping[str, str]) -> bool:
    republished = "lab" in (one, other) and not REPUBLICATIONS.keys().isdisjoint((one, other))
    return republished or (place[one] != "" and place[one].casefold() == place[other].casefold())


def _agreement(first: StoredPerson, second: StoredPerson) -> tuple[str, ...] | None:
    """Return the facts that are known of both and agree; None when one excludes that they are one human."""
    agree = []
    if "unknown" not in (first.sex, second.sex):
        if first.sex != second.sex:
            return None
        agree.append("sex")
    for name, tolerance in TOLERANCES.items():
        gap = _gap(first, second, name)
        if gap > tolerance + _ROUNDING:
            return None
        if not isnan(gap):
            agree.append(name)
    return tuple(agree)


def _gap(first: StoredPerson, second: StoredPerson, name: str) -> float:
    return abs(float(getattr(first, name)) - float(getattr(second, name)))


def write_suspects(path: Path, suspects: Suspects) -> Path:
    """Write the pairs as a CSV to edit: two rows a pair, the group left empty until somebody decides; never replaced.

    Whoever is sure of a pair gives both rows the same ``person_group`` and joins with the table; other rows may stay.

    Raises
    ------
    OccupiedError
        The file is there already.
    """
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["pair", *JOIN_COLUMNS, *FACTS])
            for number, pair in enumerate(suspects.pairs, start=1):
                for person in (pair.first, pair.second):
                    facts = [_plain(getattr(person, name)) for name in FACTS]
                    writer.writerow([number, person.dataset, person.source_patient, "", *facts])
    except FileExistsError as error:
        raise OccupiedError(f"{path}: is there already, perhaps edited; expected a new name. Choose one.") from error
    return path


def plain_suspects(suspects: Suspects) -> dict[str, Any]:
    """Return plain values: ``pairs`` with what agrees and the facts (None: not known), ``untold`` by two sources."""
    pairs = [
        {
            "first": pair.first.patient,
            "second": pair.second.patient,
            "agree": list(pair.agree),
            **{name: [_plain(getattr(person, name)) for person in (pair.first, pair.second)] for name in FACTS},
        }
        for pair in suspects.pairs
    ]
    return {"pairs": pairs, "untold": [{"sources": list(key), "pairs": n} for key, n in suspects.untold.items()]}


def _plain(value: Any) -> Any:
    return None if value == "unknown" or (isinstance(value, float) and isnan(value)) else value
