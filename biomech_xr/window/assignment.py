"""Which split a person belongs to: a pure function of the people, the salt and earlier decisions."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Final

from biomech_xr.errors import SplitError

SPLITS: Final = ("train", "validation", "test")
SHARES: Final[Mapping[str, int]] = {"train": 70, "validation": 15, "test": 15}
"""Percent of the people of a home dataset."""

QUARANTINE: Final = "quarantine"
"""The place of people who belong to no split, because they were found in two."""

_PRIORITY: Final = ("train", "test", "validation")


def assign(
    persons: Mapping[str, Collection[str]],
    *,
    salt: str,
    previous: Mapping[str, str] | None = None,
    joined: Mapping[str, Collection[str]] | None = None,
    quarantine: Collection[str] = (),
) -> dict[str, str]:
    """Return the split of every person group, the same on every machine.

    Within a home dataset (the first of a person's datasets in alphabetical order) groups are ordered by
    SHA-256(salt, group) and cut by largest remainder of 70/15/15 percent, at least one each; with fewer than three
    groups train comes first, then test. People in ``previous`` never move; newcomers go, in the same order, to the
    split of their home dataset that is furthest below its quota.

    Parameters
    ----------
    persons
        Person group -> names of the datasets that hold strides of this person.
    salt
        Text that fixes the order; another salt gives another split.
    previous
        Person group -> split, of the version before.
    joined
        Person group -> groups of ``previous`` that turned out to be this person.
    quarantine
        Person groups to keep out of every split.

    Raises
    ------
    SplitError
        A group without a dataset, or groups joined that are in different splits and not quarantined.
    """
    empty = sorted(group for group, datasets in persons.items() if not datasets)
    if empty:
        raise SplitError(f"person groups without a dataset: {', '.join(empty)}. Give each at least one dataset.")
    result = dict(previous or {})
    _join(result, joined or {}, quarantine)
    result.update(dict.fromkeys(quarantine, QUARANTINE))
    homes: dict[str, list[str]] = defaultdict(list)
    for group, datasets in persons.items():
        homes[min(datasets)].append(group)
    for home in sorted(homes):
        groups = sorted((group for group in homes[home] if result.get(group) != QUARANTINE), key=_order(salt))
        counts = {split: sum(result.get(group) == split for group in groups) for split in SPLITS}
        newcomers = [group for group in groups if group not in result]
        result.update(_place(newcomers, counts, _quotas(len(groups))))
    return {group: result[group] for group in sorted(result)}


def _join(result: dict[str, str], joined: Mapping[str, Collection[str]], quarantine: Collection[str]) -> None:
    """Give each joined group the one split of the groups that it joins."""
    for group, old in sorted(joined.items()):
        places = {result[name] for name in {group, *old} if name in result}
        if len(places) > 1 and group not in quarantine:
            found = ", ".join(f"{name} in {result[name]}" for name in sorted({group, *old}) if name in result)
            raise SplitError(
                f"person group {group!r} joins people of different splits: found {found}. "
                f"Quarantine {group!r}, or keep them apart."
            )
        if places:
            result[group] = QUARANTINE if QUARANTINE in places or group in quarantine else places.pop()


def _place(newcomers: list[str], counts: Mapping[str, int], quotas: Mapping[str, int]) -> dict[str, str]:
    """Return the split of each newcomer; with nobody there before, cut the order into runs."""
    if not any(counts.values()):
        places = [split for split in SPLITS for _ in range(quotas[split])]
        return dict(zip(newcomers, places, strict=True))
    missing = {split: quotas[split] - counts[split] for split in SPLITS}
    result = {}
    for group in newcomers:
        split = max(_PRIORITY, key=missing.__getitem__)
        missing[split] -= 1
        result[group] = split
    return result


def _quotas(people: int) -> dict[str, int]:
    """Return how many of ``people`` each split gets: largest remainder in whole percent, at least one each."""
    if people < len(SPLITS):
        return {split: int(_PRIORITY.index(split) < people) for split in SPLITS}
    quotas = {split: SHARES[split] * people // 100 for split in SPLITS}
    by_remainder = sorted(_PRIORITY, key=lambda split: -(SHARES[split] * people % 100))
    for split in by_remainder[: people - sum(quotas.values())]:
        quotas[split] += 1
    for split in SPLITS:
        if quotas[split] == 0:
            quotas[max(SPLITS, key=quotas.__getitem__)] -= 1
            quotas[split] = 1
    return quotas


def _order(salt: str) -> Callable[[str], tuple[str, str]]:
    def key(group: str) -> tuple[str, str]:
        return hashlib.sha256(f"{salt}\0{group}".encode()).hexdigest(), group

    return key
