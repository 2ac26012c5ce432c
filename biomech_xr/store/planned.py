"""Whom a source's parse set out to read: written before the first person is, so that a half-finished parse shows.

``recordings/<source>/PLAN.json`` names the people; a ledger entry says that one was parsed, a verdict beside the ledger
that the files of one cannot be. Who is planned and has neither was lost, or never reached.

A plan that changes is a new object, ``PLAN.v2.json`` and so on, created only where nobody else did: of two runs that
change it in the same instant the second reads what the first wrote, and adds to it. The newest one is valid; those
before it are removed when it is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store import layout
from biomech_xr.store.look import Look
from biomech_xr.store.objects import Url, join, names, read_sealed, sealed_or_none, write_sealed
from biomech_xr.store.remote import remove

_PLAN: Final = re.compile(r"PLAN(?:\.v(\d+))?\.json")
FAILED: Final = ".failed"
QUARANTINED: Final = ".quarantined"
VERDICTS: Final = (FAILED, QUARANTINED)
"""Endings, beside the ledger, of the objects that say why the files of a person cannot be parsed."""

_ENTRY: Final = ".json"
_TRIES: Final = 20

Reader = Callable[[str], Mapping[str, Any] | None]
"""Returns a sealed object by its key in a store, None where there is none or a damaged one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far the parse of a source got.

    `plan` is the digest of the plan, empty without one; `parsed` are the people with a ledger entry; `failed` those
    whose files cannot be read, by a verdict; `unparsed` those who are planned and neither.
    """

    plan: str = ""
    parsed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unparsed: tuple[str, ...] = ()


def plan_number(name: str) -> int:
    """Return which plan an object of a source's folder is, the first one 1; 0 for any other object."""
    match = _PLAN.fullmatch(name)
    return int(match[1] or 1) if match else 0


def plan_key(dataset: str, listed: Collection[str] = ()) -> str:
    """Return the key of the newest plan among the names in the folder of a source; without any, that of a first one."""
    number = max(map(plan_number, listed), default=0)
    return f"recordings/{dataset}/{_plan_name(number or 1)}"


def _plan_name(number: int) -> str:
    return "PLAN.json" if number == 1 else f"PLAN.v{number}.json"


def look_plan(look: Look, dataset: str) -> str:
    """Return the key of the newest plan of a source, see `plan_key`."""
    return plan_key(dataset, look.names(f"recordings/{dataset}"))


def plan_content(dataset: str, people: Iterable[str], config_hash: str) -> dict[str, Any]:
    """Return what a plan says, without its digest."""
    return {"format": layout.FORMAT, "dataset": dataset, "config_hash": config_hash, "people": sorted(set(people))}


def write_plan(root: Url, dataset: str, people: Collection[str], here: Collection[str], config_hash: str) -> list[str]:
    """Write down whom a source has, unless it says so already; return who was planned before and left the plan.

    Parameters
    ----------
    root, dataset
        URL of the store; name of the source.
    people
        Platform-wide names of those to parse.
    here
        Of all whose raw files are there. Who was planned before, by another run, stays in the plan while the files are
        there or the recordings are.
    config_hash
        Hash of all that the recordings depend on besides the raw files.

    Raises
    ------
    OccupiedError
        Other runs write the plan all the time.
    """
    folder = layout.recordings_url(root, dataset)
    left: set[str] = set()
    for _ in range(_TRIES):
        newest = max(_numbers(folder), default=0)
        before = sealed_or_none(join(folder, _plan_name(newest))) if newest else None
        known = set(before["people"]) if before else set()
        wanted = {*people, *_parsed(names(join(folder, layout.LEDGER))), *(known & set(here))}
        left = (left | known) - wanted
        content = plan_content(dataset, wanted, config_hash)
        if before is not None and content == {key: before[key] for key in content}:
            return sorted(left)
        try:
            write_sealed(join(folder, _plan_name(newest + 1)), content, create_only=True)
        except OccupiedError:
            continue
        numbers = _numbers(folder)
        if max(numbers) == newest + 1:
            for number in numbers - {newest + 1}:
                remove(join(folder, _plan_name(number)))
            return sorted(left)
    raise OccupiedError(f"{folder}: others write its plan all the time. Let one run at a time parse a source.")


def _numbers(folder: str) -> set[int]:
    return {number for name in names(folder) if (number := plan_number(name))}


def read_standing(root: Url, dataset: str) -> Standing:
    """Return how far the parse of a source got; a store that holds no plan of it has nobody unparsed.

    Raises
    ------
    LostDataError
        The plan is damaged.
    """
    folder = layout.recordings_url(root, dataset)
    plan = None
    for _ in range(_TRIES):
        if not (numbers := _numbers(folder)):
            break
        url = join(folder, _plan_name(max(numbers)))
        with suppress(NotAStoreError):  # a newer one took its place since
            plan = _read_plan(url)
            break
    return standing(dataset, plan, names(join(folder, layout.LEDGER)), lambda key: sealed_or_none(join(root, key)))


def _read_plan(url: str) -> dict[str, Any]:
    try:
        return read_sealed(url)
    except LostDataError as error:
        raise LostDataError(f"{url}: damaged. Run parse again, which writes it anew.") from error


def look_standing(look: Look, dataset: str) -> Standing:
    """Return how far the parse of a source got, by one look at the store; a damaged plan counts as none."""
    listed = look.names(f"recordings/{dataset}/{layout.LEDGER}")
    return standing(dataset, look.sealed(look_plan(look, dataset)), listed, look.sealed)


def plan_digests(look: Look, dataset: str) -> set[str]:
    """Return the digests by which the parts of a source know the plan of its parse."""
    found: set[str] = set()
    for chain, source, part in look.parts:
        if source == dataset:
            folder = f"strides/{chain}/{dataset}"
            head = look.sealed(layout.part_ledger_url(folder, part))
            head = head or look.root_metadata(f"{folder}/{part}.zarr", None).get("attributes", {})
            found |= {one for one in [head.get("attrs", {}).get("parse_plan")] if one}
    return found


def interrupted(look: Look, dataset: str, known: Collection[str]) -> list[str]:
    """Return a sentence on whoever is planned and not parsed, besides those who are ``known`` to be lost; or none."""
    unparsed = [name for name in look_standing(look, dataset).unparsed if name not in known]
    if not unparsed:
        return []
    place = join(look.root, look_plan(look, dataset))
    return [
        f"{place}: {named(unparsed)}: planned and not parsed, and their files are not known to be unreadable: "
        "the parse was interrupted. Run it again"
    ]


def standing(dataset: str, plan: Mapping[str, Any] | None, listed: Collection[str], read: Reader) -> Standing:
    """Return how far a parse got, from the plan, the names in the folder of the ledger, and what reads a verdict.

    A verdict counts while the reader, its options and the mapping are those that the plan was made with.
    """
    parsed = _parsed(listed)
    planned = set(plan["people"]) if plan else set()
    failed: list[str] = []
    unparsed: list[str] = []
    for patient in sorted(planned - parsed):
        found = [read(key) for key in verdict_keys(dataset, patient, listed)]
        known = any(one is not None and plan and one.get("config_hash") == plan["config_hash"] for one in found)
        (failed if known else unparsed).append(patient)
    return Standing(
        plan=str(plan["digest"]) if plan else "",
        parsed=tuple(sorted(parsed)),
        failed=tuple(failed),
        unparsed=tuple(unparsed),
    )


def verdict_keys(dataset: str, patient: str, listed: Collection[str]) -> list[str]:
    """Return the keys of the verdicts on a person that are among the names in the folder of the ledger."""
    folder = f"recordings/{dataset}/{layout.LEDGER}"
    return [f"{folder}/{patient}{ending}" for ending in VERDICTS if f"{patient}{ending}" in listed]


def is_passing(key: str) -> bool:
    """Return whether an object says how a parse stands: later runs write it anew, or remove it."""
    if not key.startswith("recordings/") or ".zarr/" in key:
        return False
    return key.endswith(VERDICTS) or plan_number(key.rpartition("/")[2]) > 0


def _parsed(listed: Iterable[str]) -> set[str]:
    return {name.removesuffix(_ENTRY) for name in listed if name.endswith(_ENTRY)}


def named(people: Collection[str], shown: int = 10) -> str:
    """Return people in words: the first few by name, and how many more."""
    first = ", ".join(sorted(people)[:shown])
    return first + (f" and {len(people) - shown} more" if len(people) > shown else "")
