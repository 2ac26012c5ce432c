"""What of a source's strides need not be made again: finished parts, and parts that an earlier run began."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from biomech_xr.process import Chain
from biomech_xr.process.chains.in_force import in_force_of
from biomech_xr.store import layout, ledger, list_versions, read_version, shards_done
from biomech_xr.store.objects import exists, join, names, sealed_or_none
from biomech_xr.store.reading import read_manifest
from biomech_xr.store.template import ALL_SETTINGS

_ENTRY: Final = re.compile(r"(part-[0-9a-f]{12})\.json")


def finished_parts(
    root: str, dataset: str, chain: Chain, recordings: Mapping[str, str], *, same_code: bool = False
) -> list[dict[str, Any]]:
    """Return the finished parts that a run would make again just as they are, nobody in two of them.

    Those of the source's manifest come first, then others that are still there, because settings were changed and
    changed back, or because a run died between a part and the manifest.

    Parameters
    ----------
    root, dataset, chain
        URL of the store; name of the source; the chain: a part fits whose settings are those of it that are in force
        for the part's people, see `biomech_xr.process.chains.in_force`.
    recordings
        Patient -> digest of the ledger entry of the recordings, as they are now.
    same_code
        Only parts of this process's code and libraries.
    """
    folder = layout.strides_url(root, chain.name, dataset)
    kept: list[dict[str, Any]] = []
    people: set[str] = set()
    for part in _listed(folder, root, dataset, chain):
        made_of = part["recordings"]
        if not made_of or not people.isdisjoint(made_of) or not _same(made_of, recordings):
            continue
        if same_code and part["software"] != ledger.software():
            continue
        done = shards_done(root, chain.name, dataset, fingerprint=part["fingerprint"])
        if len(done) == layout.shard_count(part["size"]):
            kept.append(part)
            people |= made_of.keys()
    return kept


def _same(made_of: Mapping[str, str], recordings: Mapping[str, str]) -> bool:
    return all(recordings.get(name) == digest for name, digest in made_of.items())


def _listed(folder: str, root: str, dataset: str, chain: Chain) -> Iterator[dict[str, Any]]:
    """Yield the parts that fit these settings: of the manifest, then those that were finished and are not in it."""
    known: set[str] = set()
    if exists(join(folder, layout.MANIFEST)):
        manifest = read_manifest(folder)
        known = {part["name"] for part in manifest["parts"]}
        same = manifest["config_hash"] == chain.hash()
        for part in manifest["parts"]:
            if same or _fits(chain, sealed_or_none(layout.part_ledger_url(folder, part["name"]))):
                yield part
    there = set(names(join(folder, layout.LEDGER)))
    finished = [name for name in _begun(there) if f"{name}.finished.json" in there and name not in known]
    order = _order(root, dataset, chain) if finished else {}
    for name in sorted(finished, key=lambda name: (order.get(name, len(order)), name)):
        seal = sealed_or_none(layout.part_seal_url(folder, name))
        if seal is not None and _fits(chain, sealed_or_none(layout.part_ledger_url(folder, name))):
            yield seal


def _fits(chain: Chain, entry: Mapping[str, Any] | None) -> bool:
    """Return whether a part was made with the settings of a chain that are in force for its people.

    A part that does not say in which forms its EMG comes was made with all settings of its chain.
    """
    if entry is None or entry["config_hash"] == chain.hash():
        return entry is not None
    own = in_force_of(chain, entry["attrs"])
    return own is not None and own.hash() == entry["config_hash"]


def _begun(there: set[str]) -> list[str]:
    return sorted(match[1] for name in there if (match := _ENTRY.fullmatch(name)))


def _order(root: str, dataset: str, chain: Chain) -> dict[str, int]:
    """Return part -> place in the newest version that holds the source under these settings."""
    for number in reversed(list_versions(root, chain.name)):
        source = read_version(root, chain.name, number).pointer["sources"].get(dataset)
        if source is not None and source["config_hash"] == chain.hash():
            return {part["name"]: place for place, part in enumerate(source["parts"])}
    return {}


MADE_OF: Final = ("recordings", "recordings_software", "parse_plan", "not_parsed", ALL_SETTINGS)
"""Attributes of a part that say what it was made of, beyond those of the plan of the process stage."""


def started_part(root: str, dataset: str, chain: Chain, recordings: Mapping[str, str]) -> dict[str, Any]:
    """Return what a part is made of that a run of the same code and settings began and did not finish, empty for none.

    What the run knew of the parse stays as it was, so that the part keeps its name although people came since.

    Parameters
    ----------
    root, dataset, chain
        As for `finished_parts`.
    recordings
        Those who are in no finished part.
    """
    folder = layout.strides_url(root, chain.name, dataset)
    there = set(names(join(folder, layout.LEDGER)))
    for name in _begun(there):
        if f"{name}.finished.json" in there or not any(one.startswith(f"{name}.shard-") for one in there):
            continue
        entry = sealed_or_none(layout.part_ledger_url(folder, name))
        if entry is None or entry["software"] != ledger.software() or not _fits(chain, entry):
            continue
        made_of = entry["attrs"].get("recordings", {})
        if made_of and _same(made_of, recordings):
            return {name: entry["attrs"][name] for name in MADE_OF if name in entry["attrs"]}
    return {}
