"""Whether a store is complete, by listing its objects against ledgers and manifests; nothing is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from biomech_xr.store import layout
from biomech_xr.store.objects import Url, join, names, read_sealed, sizes
from biomech_xr.store.reading import read_manifest

_ZARR = ".zarr"


def incomplete_recordings(root: Url, patients: Mapping[str, Sequence[str]]) -> list[str]:
    """Return one sentence for each patient of the recordings that is not whole.

    Parameters
    ----------
    root
        URL of the store.
    patients
        Source -> patients that have a ledger entry.

    Returns
    -------
    list of str
        Folders without a ledger entry, and objects that a ledger lists and that are missing or of another size. What
        the objects hold is not looked at.
    """
    problems = []
    for dataset in names(join(root, "recordings")):
        folder = layout.recordings_url(root, dataset)
        known = set(patients.get(dataset, ()))
        problems += [
            f"{dataset}: {name}: a folder without ledger entry, so not counted: an attempt that died, or a lost entry. "
            "Parse again, or restore the entry"
            for name in names(folder)
            if name.endswith(_ZARR) and name.removesuffix(_ZARR) not in known
        ]
        there = sizes(folder)
        for patient in sorted(known):
            listed = read_sealed(layout.patient_ledger_url(root, dataset, patient))["objects"]
            problems += _absent(f"{dataset}: {patient}", f"{patient}{_ZARR}", listed, there)
    return problems


def incomplete_product(root: Url, chain: str, dataset: str) -> list[str]:
    """Return one sentence for each part of finished strides of which objects are missing or of another size."""
    folder = layout.strides_url(root, chain, dataset)
    there = sizes(folder)
    problems = []
    for entry in read_manifest(folder)["parts"]:
        place = f"{dataset}: chain {chain}: {entry['name']}"
        problems += _absent(place, f"{entry['name']}{_ZARR}", entry["objects"], there)
    return problems


def _absent(place: str, folder: str, listed: Mapping[str, int], there: Mapping[str, int]) -> list[str]:
    """Return the objects of one group that are not there as listed, in one sentence, or nothing."""
    wrong = [key for key, size in listed.items() if there.get(f"{folder}/{key}") != size]
    if not wrong:
        return []
    groups = Counter(key.partition("/")[0] for key in wrong)
    return [
        f"{place}: {len(wrong):,} of {len(listed):,} objects missing or of another size "
        f"({', '.join(f'{name} {count:,}' for name, count in groups.items())}). Restore them, or make it again"
    ]
