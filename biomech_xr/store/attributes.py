"""Attributes of an opened strides dataset: units, and the facts of its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from biomech_xr import vocabulary as words
from biomech_xr.store.reading import Part

_LONG_NAMES: Final = {
    "emg": "surface EMG of the leg of the stride",
    "kinematics": "joint angle",
    "kinetics": "internal joint moment",
    "emg_scale": "amplitude reference of the EMG",
}


def variable_attrs(name: str, parts: Sequence[Part]) -> dict[str, Any]:
    """Return unit and long name of a variable."""
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
    return attrs


def _spec(part: Part) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = part.manifest.get("spec", {})
    return spec


def dataset_attrs(chain: str, parts: Sequence[Part]) -> dict[str, Any]:
    """Return facts that hold for all sources, and under ``by_dataset`` those in which they differ."""
    facts = ("title", "doi", "data_doi", "licence", "citation", "evidence", "emg_unit", "synthetic")
    attrs = {str(part.manifest["dataset"]): dict(part.attrs) for part in parts}
    own = {name: values.pop("chain", None) for name, values in attrs.items()}
    first = next(iter(attrs.values()))
    same = {key for key in first if all(values.get(key) == first[key] for values in attrs.values())} - {"spec"}
    lookahead = {name: values.get("lookahead") for name, values in attrs.items()}
    known = [value for value in lookahead.values() if value is not None]
    return {
        **{key: first[key] for key in first if key in same},
        "chain": chain,
        "chain_definition": next(iter(own.values())),
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
        "software": {str(part.manifest["dataset"]): part.manifest["software"] for part in parts},
    }
