"""Whom a source's parse set out to read: written before the first person is, so that a half-finished parse shows.

``recordings/<source>/PLAN.json`` names the people; a ledger entry says that one was parsed, a verdict beside the ledger
that the files of one cannot be. Who is planned and has neither was lost, or never reached.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store import layout
from biomech_xr.store.look import Look
from biomech_xr.store.objects import Url, exists, join, names, read_sealed, write_sealed

PLAN: Final = "PLAN.json"
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


def plan_key(dataset: str) -> str:
    """Return the key of the plan of a source, relative to the root of the store."""
    return f"recordings/{dataset}/{PLAN}"


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
    url = join(root, plan_key(dataset))
    for _ in range(_TRIES):
        before = _read(root, dataset)
        known = set(before["people"]) if before else set()
        parsed = _parsed(names(join(layout.recordings_url(root, dataset), layout.LEDGER)))
        wanted = {*people, *parsed, *(known & set(here))}
        content = plan_content(dataset, wanted, config_hash)
        if before is not None and content == {key: before[key] for key in content}:
            return []
        try:
            write_sealed(url, content, create_only=before is None and not exists(url))
        except OccupiedError:
            continue
        after = _read(root, dataset)
        if after is not None and set(people) <= set(after["people"]):
            return sorted(known - wanted)
    raise OccupiedError(f"{url}: others write it all the time. Let one run at a time parse a source.")


def _read(root: Url, dataset: str) -> dict[str, Any] | None:
    try:
        return read_sealed(join(root, plan_key(dataset)))
    except (NotAStoreError, LostDataError):
        return None


def read_standing(root: Url, dataset: str) -> Standing:
    """Return how far the parse of a source got; a store that holds no plan of it has nobody unparsed.

    Raises
    ------
    LostDataError
        The plan is damaged.
    """
    folder = layout.recordings_url(root, dataset)
    plan = None
    if PLAN in names(folder):
        try:
            plan = read_sealed(join(folder, PLAN))
        except LostDataError as error:
            raise LostDataError(f"{join(folder, PLAN)}: damaged. Run parse again, which writes it anew.") from error

    def read(key: str) -> Mapping[str, Any] | None:
        try:
            return read_sealed(join(root, key))
        except (NotAStoreError, LostDataError):
            return None

    return standing(dataset, plan, names(join(folder, layout.LEDGER)), read)


def look_standing(look: Look, dataset: str) -> Standing:
    """Return how far the parse of a source got, by one look at the store; a damaged plan counts as none."""
    listed = look.names(f"recordings/{dataset}/{layout.LEDGER}")
    return standing(dataset, look.sealed(plan_key(dataset)), listed, look.sealed)


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
    return [
        f"{join(look.root, plan_key(dataset))}: {named(unparsed)}: planned and not parsed, and their files are not "
        "known to be unreadable: the parse was interrupted. Run it again"
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
    return key.startswith("recordings/") and ".zarr/" not in key and key.endswith((f"/{PLAN}", *VERDICTS))


def _parsed(listed: Iterable[str]) -> set[str]:
    return {name.removesuffix(_ENTRY) for name in listed if name.endswith(_ENTRY)}


def named(people: Collection[str], shown: int = 10) -> str:
    """Return people in words: the first few by name, and how many more."""
    first = ", ".join(sorted(people)[:shown])
    return first + (f" and {len(people) - shown} more" if len(people) > shown else "")
