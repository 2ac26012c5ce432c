"""Attributes of what is opened: units, the facts of the sources, and what their licences allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets.spec import LICENCE_USES, LicenceUse
from biomech_xr.store.catalogue import PartFacts

_STRICTEST: Final[tuple[LicenceUse, ...]] = ("non_commercial", "unknown", "open")

_LARGEST: Final = {"lookahead", "lookahead_chain", "lookahead_upstream", "emg_delay", "kinematics_delay"}
"""Facts of a part in s; of several parts of a source the largest holds."""

_LONG_NAMES: Final = {
    "emg": "surface EMG of the leg of the stride",
    "kinematics": "joint angle",
    "kinetics": "internal joint moment",
    "emg_scale": "amplitude reference of the EMG",
}


def variable_attrs(name: str, parts: Sequence[PartFacts]) -> dict[str, Any]:
    """Return unit and long name of a variable, and what the EMG is (``emg_state``, which the steps ask)."""
    attrs: dict[str, Any] = {}
    base = name.partition("_")[0]
    if name.endswith(("_mask", "_coverage")) or name == "emg":
        attrs["units"] = words.UNITS["emg_processed"]
    elif name == "emg_scale":
        units = {str(_spec(part).get("emg_unit", "unknown")) for part in parts}
        attrs["units"] = units.pop() if len(units) == 1 else "the source's unit, see attrs['sources']"
    elif base in words.UNITS:
        attrs["units"] = words.UNITS[base]
    if name in _LONG_NAMES:
        attrs["long_name"] = _LONG_NAMES[name]
    products = {part.attrs.get("product") for part in parts}
    if name == "emg" and len(products) == 1 and None not in products:
        attrs["emg_state"] = products.pop()
    return attrs


def _spec(part: PartFacts) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = part.manifest.get("spec", {})
    return spec


def strictest_use(uses: Iterable[str]) -> LicenceUse:
    """Return what may be done with data of several licences together; what is no class of ours counts as unknown."""
    found = {use if use in LICENCE_USES else "unknown" for use in uses}
    return next((use for use in _STRICTEST if use in found), "unknown")


def licence_use(facts: Iterable[Mapping[str, Any]]) -> LicenceUse:
    """Return what the facts that a store holds of one source allow; facts that do not say count as unknown."""
    return strictest_use(str(one.get("licence_use", "unknown")) for one in facts)


def licence_attrs(sources: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the attributes that say what may be done with data of several sources.

    Parameters
    ----------
    sources
        Name of each source -> the facts that the store holds of it, one a set of people.

    Returns
    -------
    dict
        ``licence_use``: the strictest class of all (see `biomech_xr.datasets.spec.LICENCE_USES`); ``licence_notice``:
        a sentence that names every source with its licence, and those whose people are made up.
    """
    uses = {name: licence_use(facts) for name, facts in sources.items()}
    use = strictest_use(uses.values())
    listed = {
        name: f"{name}: {stated(facts, 'licence') or 'licence not stated'}, use: {LICENCE_USES[uses[name]]}"
        for name, facts in sources.items()
    }
    if use == "open":
        notice = f"All sources have an open licence; {'; '.join(listed.values())}."
    else:
        closed = "; ".join(text for name, text in listed.items() if uses[name] != "open")
        notice = f"Not free for every use; {closed}."
    made = [name for name, facts in sources.items() if any(one.get("synthetic", False) for one in facts)]
    if made:
        notice += f" People made up in the format of: {', '.join(made)}."
    return {"licence_use": use, "licence_notice": notice}


def stated(facts: Iterable[Mapping[str, Any]], name: str) -> str:
    """Return what the facts of one source say under a name, each text once."""
    return "; ".join(dict.fromkeys(str(one[name]) for one in facts if one.get(name)))


def _by_source(parts: Sequence[PartFacts]) -> dict[str, list[PartFacts]]:
    groups: dict[str, list[PartFacts]] = {}
    for part in parts:
        groups.setdefault(str(part.manifest["dataset"]), []).append(part)
    return groups


def _together(parts: Sequence[PartFacts]) -> dict[str, Any]:
    """Return the facts of the parts of one source: numbers are the largest of all, counts are added."""
    attrs = {key: value for key, value in parts[-1].attrs.items() if key != "recordings"}
    for name in _LARGEST & set(attrs):
        attrs[name] = max(float(part.attrs[name]) for part in parts)
    if "counts" in attrs:
        counts: Counter[str] = Counter()
        for part in parts:
            counts.update(part.attrs["counts"])
        attrs["counts"] = dict(counts)
    if "emg_bands" in attrs:
        attrs["emg_bands"] = {rate: edges for part in parts for rate, edges in part.attrs.get("emg_bands", {}).items()}
    if "kinematics_lookahead_known" in attrs:
        attrs["kinematics_lookahead_known"] = all(part.attrs["kinematics_lookahead_known"] for part in parts)
    return attrs


def dataset_attrs(chain: str, parts: Sequence[PartFacts]) -> dict[str, Any]:
    """Return facts that hold for all sources, and under ``by_dataset`` those in which they differ."""
    facts = ("title", "doi", "data_doi", "licence", "licence_use", "citation", "evidence", "emg_unit", "synthetic")
    attrs = {name: _together(group) for name, group in _by_source(parts).items()}
    own = {name: values.pop("chain", None) for name, values in attrs.items()}
    first = next(iter(attrs.values()))
    same = {key for key in first if all(values.get(key) == first[key] for values in attrs.values())} - {"spec"}
    lookahead = {name: values.get("lookahead") for name, values in attrs.items()}
    known = [value for value in lookahead.values() if value is not None]
    return {
        **{key: first[key] for key in first if key in same},
        "chain": chain,
        "chain_definition": own,
        "config_hash": {str(part.manifest["dataset"]): part.manifest["config_hash"] for part in parts},
        "lookahead": max(known) if len(known) == len(lookahead) else None,
        "lookahead_by_dataset": lookahead,
        "by_dataset": {
            name: {key: value for key, value in values.items() if key not in same | {"spec"}}
            for name, values in attrs.items()
        },
        "sources": {
            str(part.manifest["dataset"]): {fact: _spec(part)[fact] for fact in facts if fact in _spec(part)}
            for part in parts
        },
        **licence_attrs({str(part.manifest["dataset"]): [_spec(part)] for part in parts}),
        "software": {str(part.manifest["dataset"]): part.manifest["software"] for part in parts},
    }
