"""Splits and the table of people: everybody but one, and whom a join would find on two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

from biomech_xr.errors import SplitError
from biomech_xr.store import objects
from biomech_xr.store.persons import PersonTable
from biomech_xr.window.split import load

_VIEWS: Final = ("without:", "only:")


def leave_out(split: str, members: Mapping[str, Collection[str]], people: PersonTable) -> frozenset[str] | None:
    """Return the person groups of ``without:NAME`` or ``only:NAME``; None when `split` is neither.

    Parameters
    ----------
    split
        NAME is a patient (``hu-AB156``), which stands for the whole person in every dataset, or a dataset, which
        stands for everybody who has strides in it.
    members
        Person group -> patients.
    people
        The store's table of people; those in quarantine are on neither side.

    Raises
    ------
    SplitError
        Nobody of that name is there, or the person is in quarantine.
    """
    if not _is_view(split):
        return None
    kind, _, name = split.partition(":")
    joined = people.members(members)
    named = {
        group
        for group, patients in joined.items()
        if group == people.group(name) or any(name in (patient, patient.partition("-")[0]) for patient in patients)
    }
    if not named - people.quarantine:
        why = "in quarantine" if named else "not here"
        raise SplitError(
            f"split {split!r}: {name!r} is {why}; expected a patient (hu-AB156) or a dataset of the store."
        )
    return frozenset((named if kind == "only" else joined.keys() - named) - people.quarantine)


def split_and_view(split: str) -> tuple[str, str]:
    """Return the split and the view (see `leave_out`) that ``train``, ``only:NAME`` or ``train without:NAME`` name.

    What is not there is empty.
    """
    place, sign, view = split.partition(" ")
    if sign and _is_view(view) and not _is_view(split):
        return place, view
    return ("", split) if _is_view(split) else (split, "")


def _is_view(text: str) -> bool:
    return text.startswith(_VIEWS)


def divided(root: str, people: PersonTable) -> dict[str, dict[str, list[str]]]:
    """Return group -> the places of its people, one text each, for groups that a table joins across stored splits.

    Groups in quarantine are no problem. The answer is by name of the split.

    Raises
    ------
    SplitError
        A stored split is damaged.
    """
    files = objects.names(objects.join(root, "splits"))
    found = {}
    for name in sorted({file.removesuffix(".json").partition(".")[0] for file in files}):
        stored = load(root, name)
        places: dict[str, dict[str, str]] = defaultdict(dict)
        for group, patients in (stored.members if stored else {}).items():
            if stored and patients:
                places[people.group(group)][group] = stored.assignment[group]
        found[name] = {
            group: [f"{old} in {place}" for old, place in sorted(olds.items())]
            for group, olds in places.items()
            if len(set(olds.values())) > 1 and group not in people.quarantine
        }
    return {name: groups for name, groups in found.items() if groups}
