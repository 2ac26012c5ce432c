"""The person split of the whole platform: who trains, who validates, who tests.

People (``person_group``), never strides, are split. The split of a person is decided once, in the person's home
dataset, and every other dataset inherits it. `assign` is a pure function of its arguments; `load_or_create` keeps its
result in create-only files ``<root>/splits/<name>.json``, ``<name>.v2.json``, ... Who is one person is said by the
store's table of people (`biomech_xr.store.persons`), also for people who were joined after they were split. A split
knows the version of that table, so that a table that is lost is noticed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from biomech_xr.errors import LostDataError, OccupiedError, SplitError
from biomech_xr.store import objects
from biomech_xr.store.persons import PersonTable, doubtful_groups, load_table
from biomech_xr.store.repeated import again
from biomech_xr.window.assignment import QUARANTINE, SHARES, SPLITS, assign

__all__ = [
    "DEFAULT_SALT",
    "QUARANTINE",
    "SHARES",
    "SPLITS",
    "SplitManifest",
    "assign",
    "check_name",
    "load",
    "load_or_create",
    "members_of",
]

DEFAULT_SALT: Final = "biomech-xr"
_FORMAT: Final = "biomech-xr person split"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_RESTORE: Final = (
    "Restore the file from a copy; without one, choose another split name: people may move between splits."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitManifest:
    """One version of a stored split.

    `assignment` maps a person group to `train`, `validation`, `test` or `quarantine`; `members` maps it to the
    patients that are this person; `table` is the version of the table of people that it was made with (0: none).
    """

    name: str
    version: int
    salt: str
    assignment: Mapping[str, str]
    members: Mapping[str, tuple[str, ...]]
    table: int = 0

    def groups(self, split: str) -> frozenset[str]:
        """Return the person groups of one split.

        Raises
        ------
        SplitError
            There is no split of that name.
        """
        check_name(split)
        return frozenset(group for group, place in self.assignment.items() if place == split)

    def knows(self, members: Mapping[str, Collection[str]], people: PersonTable) -> bool:
        """Return whether these people (group -> patients) and the newest table are in this version already."""
        return (
            people.version <= self.table
            and all(set(patients) <= set(self.members.get(group, ())) for group, patients in members.items())
            and all(people.group(group) == group for group in self.assignment)
            and all(self.assignment.get(group, QUARANTINE) == QUARANTINE for group in people.quarantine)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain values in a fixed order."""
        people = {
            group: {"split": self.assignment[group], "patients": list(self.members.get(group, ()))}
            for group in sorted(self.assignment)
        }
        return {
            "format": _FORMAT,
            "name": self.name,
            "version": self.version,
            "salt": self.salt,
            "shares": dict(SHARES),
            "table_of_people": self.table,
            "people": people,
        }

    @classmethod
    def from_json(cls, value: Any, *, origin: str) -> SplitManifest:
        """Return the manifest that `to_json` wrote.

        Raises
        ------
        SplitError
            The value is not a split manifest, or it is damaged: the digest does not match, or a value is impossible.
        """
        if not isinstance(value, dict) or value.get("format") != _FORMAT:
            raise SplitError(f"{origin}: found no {_FORMAT!r}, expected a split manifest. Choose another split name.")
        if not objects.is_sealed(value):
            raise SplitError(f"{origin}: the split manifest is damaged (its digest does not match). {_RESTORE}")
        try:
            people = value["people"]
            manifest = cls(
                name=str(value["name"]),
                version=int(value["version"]),
                salt=str(value["salt"]),
                assignment={group: str(person["split"]) for group, person in people.items()},
                members={group: tuple(map(str, person["patients"])) for group, person in people.items()},
                table=int(value.get("table_of_people", 0)),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SplitError(f"{origin}: the split manifest is damaged ({error!r}). {_RESTORE}") from error
        for group, place in manifest.assignment.items():
            if place not in (*SPLITS, QUARANTINE):
                expected = ", ".join((*SPLITS, QUARANTINE))
                raise SplitError(
                    f"{origin}: {group}: found the split {place!r}, expected one of {expected}. {_RESTORE}"
                )
        return manifest


def check_name(split: str) -> None:
    """Raise `SplitError` when there is no split of that name."""
    if split not in SPLITS:
        raise SplitError(f"split {split!r} is not known; expected one of {', '.join(SPLITS)}.")


def load_or_create(
    root: str,
    members: Mapping[str, Collection[str]],
    *,
    name: str = "default",
    salt: str = DEFAULT_SALT,
    quarantine: Collection[str] = (),
) -> SplitManifest:
    """Return the stored split of a platform, extended by a new version when it does not know everybody yet.

    The newest table of people of the store is applied: to `members`, and to the people whom the stored split knows.

    Parameters
    ----------
    root
        The platform's root URL.
    members
        Person group -> patients (``<dataset>-<source id>``), as `members_of` returns them.
    name
        Name of the split.
    salt
        Used when the split is created; a stored split keeps its own.
    quarantine
        Person groups to keep out of every split from now on.

    Raises
    ------
    SplitError
        A person would be in two splits, or two groups differ in capitals alone; or the stored file is not a split
        manifest, or was made with a table of people that is lost.
    """
    if not _NAME.fullmatch(name):
        raise SplitError(f"split name {name!r}: expected lower-case letters, digits, '-' and '_'.")
    for _attempt in range(5):
        people, stored = load_table(root), load(root, name)
        wanted = _next(stored, members, people, name=name, salt=salt, quarantine=quarantine)
        if stored is not None and wanted == replace(stored, version=wanted.version):
            return stored
        try:
            objects.write_sealed(_url(root, name, wanted.version), wanted.to_json(), create_only=True)
        except OccupiedError:  # another process wrote this version first: read what it wrote
            continue
        return wanted
    raise SplitError(f"{root}: split {name!r} is being changed by several processes. Try again.")


def load(root: str, name: str = "default") -> SplitManifest | None:
    """Return the newest version of a stored split, or None when it was never created.

    Raises
    ------
    SplitError
        The stored file is not a split manifest, or it is damaged, or it was made with a newer table of people than the
        store has now.
    """
    pattern = re.compile(rf"{re.escape(name)}\.v(\d+)\.json")
    numbered = [
        int(match[1]) for file in objects.names(objects.join(root, "splits")) if (match := pattern.fullmatch(file))
    ]
    version = 0
    while objects.exists(_url(root, name, version + 1)):
        version += 1
    if max(numbered, default=0) > version:
        url = _url(root, name, version + 1)
        raise SplitError(f"{url}: not there, but version {max(numbered)} of the split is. {_RESTORE}")
    if version == 0:
        return None
    url = _url(root, name, version)
    try:
        value = again(lambda: objects.read_json(url), lambda value: not objects.is_sealed(value))
    except LostDataError as error:
        raise SplitError(f"{url}: the split manifest is damaged (not valid JSON). {_RESTORE}") from error
    manifest = SplitManifest.from_json(value, origin=url)
    if (manifest.name, manifest.version) != (name, version):
        found = f"version {manifest.version} of {manifest.name!r}"
        raise SplitError(f"{url}: found {found}, expected version {version} of {name!r}. {_RESTORE}")
    newest = load_table(root).version
    if newest < manifest.table:
        raise SplitError(
            f"{url}: made with version {manifest.table} of the table of people, but the newest in the store is version "
            f"{newest}: joins are lost, and people could fall into two splits. Restore people/ from a copy."
        )
    return manifest


def members_of(labels: Iterable[pd.DataFrame]) -> dict[str, set[str]]:
    """Return person group -> patients from tables with the columns ``person_group`` and ``patient``."""
    members: dict[str, set[str]] = defaultdict(set)
    for table in labels:
        pairs = table[["person_group", "patient"]].astype(str).drop_duplicates()
        for group, patient in zip(pairs["person_group"], pairs["patient"], strict=True):
            members[group].add(patient)
    return dict(members)


def _next(
    stored: SplitManifest | None,
    members: Mapping[str, Collection[str]],
    people: PersonTable,
    *,
    name: str,
    salt: str,
    quarantine: Collection[str],
) -> SplitManifest:
    """Return the manifest that follows ``stored`` for these members; a group that nobody is in any more is left out."""
    merged = people.members(members)
    _check_members(merged)
    now = {patient: group for group, patients in merged.items() for patient in patients}
    joined: dict[str, set[str]] = defaultdict(set)
    for before, patients in (stored.members if stored else {}).items():
        for patient in patients:
            group = now.get(patient, people.group(before))
            merged.setdefault(group, set()).add(patient)
            joined[group].add(before)
    _check_names(merged)
    datasets = {group: {patient.partition("-")[0] for patient in patients} for group, patients in merged.items()}
    salt = stored.salt if stored else salt
    result = assign(
        datasets,
        salt=salt,
        previous=stored.assignment if stored else None,
        joined={group: before for group, before in joined.items() if before != {group}},
        quarantine=people.quarantine.union(map(people.group, quarantine)),
    )
    kept = {group: place for group, place in result.items() if merged.get(group) or place == QUARANTINE}
    return SplitManifest(
        name=name,
        version=stored.version + 1 if stored else 1,
        salt=salt,
        assignment=kept,
        members={group: tuple(sorted(merged.get(group, ()))) for group in kept},
        table=people.version,
    )


def _check_members(members: Mapping[str, Collection[str]]) -> None:
    seen: dict[str, str] = {}
    for group, patients in members.items():
        for patient in patients:
            if seen.setdefault(patient, group) != group:
                raise SplitError(f"patient {patient!r} is in the person groups {seen[patient]!r} and {group!r}.")


def _check_names(members: Mapping[str, Collection[str]]) -> None:
    """Refuse names that differ in capitals alone: most often one human, who would be on two sides."""
    doubts = {
        group: [doubt for doubt in doubts if "capitals" in doubt] for group, doubts in doubtful_groups(members).items()
    }
    lines = [
        f"  - {group!r} ({', '.join(sorted(members[group]))}): {doubt}" for group in doubts for doubt in doubts[group]
    ]
    if lines:
        raise SplitError(
            "names of person groups are too much alike to split their people:\n"
            + "\n".join(lines)
            + "\nJoin them where they are one human (biomech-xr people STORE --join FILE.csv); else name"
            " one of them otherwise in its mapping and parse it again."
        )


def _url(root: str, name: str, version: int) -> str:
    file = f"{name}.json" if version == 1 else f"{name}.v{version}.json"
    return str(objects.join(root, "splits", file))
