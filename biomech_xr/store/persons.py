"""Who is who: the table that joins patients who are one human, applied to labels whenever they are read.

Recordings and strides keep the ``person_group`` they were written with. Joins that are found later are objects
``<root>/people/table-00001.json``, ``table-00002.json``, ...: create-only, each the whole table, the newest one valid.
`PersonTable.group` is the one function from a written group to the person; every reader of labels asks it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr.datasets import names as dataset_names
from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError, SchemaError
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, join, names, read_sealed, write_sealed

REPUBLICATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "gait120": ("amathislab/Gait120-EMG on Hugging Face, in folders of the same names (S001, S002, ...)",),
    "lencioni": ("AddBiomechanics, as tiziana2019; its numbering of the subjects is not known",),
}
"""Sources whose people are published elsewhere as well; such files come in through `lab`.

A person of a mapping who is ``S001`` of the first has ``person_group: gait120-S001``, the patient in the source.
"""

_FOLDER: Final = "people"
_NAME: Final = re.compile(r"table-(\d{5})\.json")
_RESTORE: Final = "Restore it from a copy: without it people whom it joins could fall into two splits."


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonTable:
    """One version of a store's table of people; version 0 is the empty table of a store without one.

    `groups` maps a ``person_group`` as written to the group that it belongs to now, always in one step; `quarantine`
    holds groups that are in no split.
    """

    version: int = 0
    groups: Mapping[str, str] = field(default_factory=dict)
    quarantine: frozenset[str] = frozenset()

    def group(self, name: str) -> str:
        """Return the person of a ``person_group`` as written; without an entry it is itself."""
        return self.groups.get(name, name)

    def apply(self, labels: pd.DataFrame) -> pd.DataFrame:
        """Return labels with the column ``person_group`` brought up to date; the same object where nothing changes."""
        column = labels["person_group"]
        if not isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype("category")
        before = [str(name) for name in column.cat.categories]
        after = [self.group(name) for name in before]
        if before == after:
            return labels
        known = sorted(set(after))
        place = np.array([*(known.index(name) for name in after), -1])
        codes = place[column.cat.codes.to_numpy()]
        dtype = pd.CategoricalDtype(pd.Index(known, dtype=object))
        return labels.assign(person_group=pd.Categorical.from_codes(codes, dtype=dtype))

    def members(self, found: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
        """Return group -> patients brought up to date."""
        result: dict[str, set[str]] = {}
        for name, patients in found.items():
            result.setdefault(self.group(name), set()).update(patients)
        return result

    def joined(self, pairs: Iterable[tuple[str, str]]) -> PersonTable:
        """Return the table in which each written group is part of the group named with it, all else as it was.

        Whoever was in one group before is in one group after: a group that is joined takes its people along.
        """
        groups = dict(self.groups)
        quarantine = set(self.quarantine)
        for name, target in pairs:
            old = groups.get(name, name)
            groups |= {key: target for key, value in groups.items() if value == old}
            groups |= {old: target, name: target}
            if old in quarantine:
                quarantine = quarantine - {old} | {target}
            groups.pop(target, None)
        return PersonTable(version=self.version + 1, groups=groups, quarantine=frozenset(quarantine))

    def quarantined(self, groups: Collection[str]) -> PersonTable:
        """Return the same table with more groups in quarantine."""
        return PersonTable(version=self.version, groups=self.groups, quarantine=self.quarantine | set(groups))


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPerson:
    """One patient of a store. Age in years, height in m, mass in kg; NaN, and sex ``unknown``, where nothing is known.

    `written` holds every ``person_group`` that objects of this patient carry, `group` is the person now; `strides`
    counts those of the recordings, else of the largest product.
    """

    dataset: str
    source_patient: str
    written: frozenset[str]
    group: str
    quarantine: bool = False
    sex: str = "unknown"
    age: float = math.nan
    height: float = math.nan
    body_mass: float = math.nan
    strides: int = 0

    @property
    def patient(self) -> str:
        """The platform-wide name."""
        return f"{self.dataset}-{self.source_patient}"


def load_table(root: Url) -> PersonTable:
    """Return the newest table of people of a store, the empty one where there is none.

    Raises
    ------
    LostDataError
        A table is damaged, or a version is missing.
    """
    folder = join(root, _FOLDER)
    versions = sorted(int(match[1]) for name in names(folder) if (match := _NAME.fullmatch(name)))
    if not versions:
        return PersonTable()
    missing = sorted(set(range(1, versions[-1] + 1)) - set(versions))
    if missing:
        raise LostDataError(f"{_url(root, missing[0])}: not there, but version {versions[-1]} is. {_RESTORE}")
    url = _url(root, versions[-1])
    try:
        value = read_sealed(url)
    except (LostDataError, NotAStoreError) as error:
        raise LostDataError(f"{url}: the table of people is damaged. {_RESTORE}") from error
    return _parsed(value, url, versions[-1])


def _parsed(value: Mapping[str, Any], url: str, version: int) -> PersonTable:
    groups, quarantine = value.get("groups"), value.get("quarantine")
    fits = value.get("format") == layout.FORMAT and value.get("version") == version
    if not fits or not isinstance(groups, dict) or not isinstance(quarantine, list):
        raise LostDataError(f"{url}: found no table of people, version {version}, of {layout.FORMAT!r}. {_RESTORE}")
    table = {str(name): str(group) for name, group in groups.items()}
    return PersonTable(version=version, groups=table, quarantine=frozenset(map(str, quarantine)))


def save_table(root: Url, table: PersonTable) -> str:
    """Write a table as its version, which must not exist yet, and return its URL.

    Raises
    ------
    OccupiedError
        Somebody else joined people in the meantime.
    """
    url = _url(root, table.version)
    value = {"format": layout.FORMAT, "version": table.version, "quarantine": sorted(table.quarantine)}
    try:
        write_sealed(url, {**value, "groups": dict(sorted(table.groups.items()))}, create_only=True)
    except OccupiedError as error:
        raise OccupiedError(f"{url}: somebody else joined people at the same time. Look, then join again.") from error
    return url


def _url(root: Url, version: int) -> str:
    return join(root, _FOLDER, f"table-{version:05d}.json")


def join_people(
    table: PersonTable, rows: Iterable[tuple[str, str, str]], people: Sequence[StoredPerson], *, subject: str
) -> PersonTable:
    """Return the table after a user's joins; the same object when it says nothing new.

    Parameters
    ----------
    table
        The newest table of the store.
    rows
        (dataset, source_patient, person_group); patients with the same group are one human. Rows without a group are
        passed over.
    people
        Everybody in the store.
    subject
        Where the rows come from, for the message.

    Raises
    ------
    SchemaError
        Every problem at once: no row names a group, unknown patients, a patient in two groups, a group with one
        patient, a group that is another patient's id, an earlier join that would be divided.
    """
    known = {person.patient: person for person in people}
    wanted: dict[str, str] = {}
    problems: list[str] = []
    filled = [
        (f"{dataset.strip()}-{source.strip()}", name) for dataset, source, group in rows if (name := group.strip())
    ]
    for patient, name in filled:
        if patient not in known:
            near = difflib.get_close_matches(patient, known, n=1)
            problems.append(f"{patient}: not in this store{f'; the nearest is {near[0]}' if near else ''}")
        elif wanted.setdefault(patient, name) != name:
            problems.append(f"{patient}: in two groups, {wanted[patient]!r} and {name!r}")
    if not filled:
        problems.append("no row names a person_group: nobody to join")
    before = {patient: person.group for patient, person in known.items()}
    problems += [problem for name in dict.fromkeys(wanted.values()) for problem in _name_problems(name, table, known)]
    problems += _new_doubts(before, wanted)
    problems += _partners(wanted, before)
    if problems:
        raise SchemaError.of(subject, list(dict.fromkeys(problems)))
    pairs = [(name, group) for patient, group in wanted.items() for name in sorted(known[patient].written)]
    return table if all(table.group(name) == group for name, group in pairs) else table.joined(pairs)


def doubtful_groups(members: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Return group -> why its name may be a slip that leaves one human in two groups; sound groups are left out.

    Parameters
    ----------
    members
        Person group -> patients. A group differs in capitals alone from another group or from a patient of another
        group, or it reads as the id of a patient who is not here.
    """
    patients = {patient: group for group, own in members.items() for patient in own}
    alike: dict[str, set[str]] = defaultdict(set)
    for name in (*members, *patients):
        alike[name.casefold()].add(name)
    sources = {*dataset_names(), *(patient.partition("-")[0] for patient in patients)}
    found: dict[str, list[str]] = {}
    for name in sorted(members):
        near = sorted(other for other in alike[name.casefold()] - {name} if patients.get(other) != name)
        doubts = [f"differs from {other!r} in capitals alone" for other in near if name not in patients]
        dataset, sign, _ = name.partition("-")
        if sign and dataset in sources and name not in patients and not near:
            doubts.append("reads as the id of a patient, who is not in this store")
        if doubts:
            found[name] = doubts
    return found


def _new_doubts(before: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return what is doubtful of the names in a table of joins; a name that is in the store already may stay."""
    members: dict[str, set[str]] = defaultdict(set)
    for patient, group in {**before, **wanted}.items():
        members[group].add(patient)
    named, there = set(wanted.values()), set(before.values())
    return [
        f"group {name!r}: {doubt}" + ("" if "capitals" in doubt else "; choose another name")
        for name, doubts in doubtful_groups(members).items()
        for doubt in doubts
        if name in named and ("capitals" in doubt or name not in there)
    ]


def _name_problems(name: str, table: PersonTable, known: Mapping[str, StoredPerson]) -> list[str]:
    """Return what is wrong with the name of a group by itself."""
    problems = []
    if odd := layout.name_problem(name):
        problems.append(f"group {name!a}: {odd}")
    if table.group(name) != name and name not in known:
        problems.append(f"group {name!r}: now part of {table.group(name)!r}; use that name")
    return problems


def _partners(wanted: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Return what is wrong with who would be together (patient -> group): with nobody, or no longer with everybody."""
    now = {**before, **wanted}
    together, after = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for patient in now:
        together[before.get(patient, patient)].add(patient)
        after[now[patient]].add(patient)
    problems = []
    for patient, group in sorted(wanted.items()):
        if now.get(group, group) != group:
            problems.append(f"group {group!r}: the id of a patient who is in {now[group]!r}, not in this group")
        if len(after[group]) < 2:
            problems.append(f"group {group!r}: holds {patient} alone, which joins nobody")
        left = sorted(together[before[patient]] - after[group])
        if left:
            problems.append(
                f"{patient}: joined with {', '.join(left)} in {before[patient]!r} already; name that group, or list "
                f"all of it in {group!r}"
            )
    return problems
