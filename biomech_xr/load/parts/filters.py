"""Which strides a filter chooses: by labels, and by what is measured."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from numbers import Real
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError
from biomech_xr.schema import LABELS
from biomech_xr.store.reading import Part

Bools = npt.NDArray[np.bool_]
Parts = Mapping[str, Sequence[Part]]

MODALITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "emg": words.MUSCLES,
    "kinematics": words.JOINTS,
    "kinetics": words.JOINTS,
}
"""What a filter can ask for beside labels, and what each consists of."""
_BOUND = re.compile(r"\s*([<>]=?)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_COMPARE: Final = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}


def check_filters(parts: Parts, filters: Mapping[str, Any]) -> None:
    """Raise `ConfigError` when a filter asks for a value that no stride of any part has: a slip of the pen."""
    for name, wanted in filters.items():
        if name not in LABELS or isinstance(wanted, slice) or (isinstance(wanted, str) and _is_number(name)):
            continue
        known = {value for group in parts.values() for part in group for value in part.labels[name].unique()}
        values = _values(name, wanted)
        absent = [value for value in values if value not in known]
        if absent:
            shown = ", ".join(sorted(map(str, known))[:12])
            raise ConfigError(f"filters: {name}: no stride has {', '.join(map(repr, absent))}; known: {shown}.")


def chosen(part: Part, filters: Mapping[str, Any], *, among: Bools | None = None) -> Bools:
    """Return which strides of a part have all that is asked for. What is measured is read where labels leave it open.

    Parameters
    ----------
    part
        The opened part.
    filters
        Of a label: a value, a list of values (one of them), an inclusive slice, or bounds as text, all of which hold
        (``"> 1.2"``, ``">= 0.8, < 1.6"``); NaN is within none. Of a modality (``emg``, ``kinematics``, ``kinetics``):
        True where a sample of it is measured, False where none is, or muscles (joints) that are all measured.
    among
        Strides that matter, dim (stride,); all by default. Of others the answer may be False whatever they have.

    Raises
    ------
    ConfigError
        No such label or muscle, text that is no bound of a number, or a slice with a step, of a text label, or between
        anything but numbers.
    """
    keep = np.ones(part.size, dtype=bool) if among is None else among.copy()
    for name, wanted in sorted(filters.items(), key=lambda one: one[0] in MODALITIES):
        if name in MODALITIES:
            keep &= has_modality(part, name, wanted=wanted, among=keep)
            continue
        if name not in LABELS:
            known = ", ".join([*LABELS, *MODALITIES])
            raise ConfigError(f"filters: found the label {name!r}, expected one of {known}.")
        column = part.labels[name]
        if isinstance(wanted, str) and _is_number(name):
            keep &= _bounded(name, column.to_numpy(np.float64), wanted)
        elif isinstance(wanted, slice):
            numbers = all(bound is None or isinstance(bound, Real) for bound in (wanted.start, wanted.stop))
            if wanted.step is not None or not _is_number(name) or not numbers:
                raise ConfigError(
                    f"filters: {name}: a slice needs a number label, numbers as bounds and no step, found {wanted}."
                )
            low = -np.inf if wanted.start is None else wanted.start
            high = np.inf if wanted.stop is None else wanted.stop
            keep &= column.between(low, high).to_numpy(dtype=bool)
        else:
            keep &= column.isin(_values(name, wanted)).to_numpy(dtype=bool)
    return keep


def _values(name: str, wanted: Any) -> list[Any]:
    """Return a value, or those of a list, as a list of what labels can be compared with."""
    values = [wanted] if isinstance(wanted, str) or not np.iterable(wanted) else list(wanted)
    if not all(isinstance(value, Hashable) for value in values):
        raise ConfigError(f"filters: {name}: found {wanted!r}, expected a value or a list of values.")
    return values


def _is_number(name: str) -> bool:
    return LABELS[name] in ("float", "int")


def _bounded(name: str, values: npt.NDArray[np.float64], text: str) -> Bools:
    """Return which values are within bounds such as ``> 1.2`` or ``>= 0.8, < 1.6``."""
    keep = np.ones(values.size, dtype=bool)
    for bound in text.split(","):
        match = _BOUND.fullmatch(bound)
        if match is None:
            expected = "a number, a list, a slice, or bounds such as '> 1.2' or '>= 0.8, < 1.6'"
            raise ConfigError(f"filters: {name}: found {text!r}, expected {expected}.")
        keep &= _COMPARE[match[1]](values, float(match[2]))
    return keep


def has_modality(part: Part, name: str, *, wanted: Any, among: Bools | None = None) -> Bools:
    """Return which strides of a part have (or have not) a modality, or all muscles or joints that are named.

    Only the shards that hold strides `among` which it is asked are read; of all others the answer is False.
    """
    known = MODALITIES[name]
    names = [] if isinstance(wanted, bool) else _values(name, wanted)
    if not isinstance(wanted, bool) and not (names and set(names) <= set(known)):
        raise ConfigError(f"filters: {name}: found {wanted!r}, expected True, False, or some of {', '.join(known)}.")
    asked = np.flatnonzero(np.ones(part.size, dtype=bool) if among is None else among)
    found = np.zeros(part.size, dtype=bool)
    if asked.size:
        rows = slice(int(asked[0]), int(asked[-1]) + 1)
        measured = _measured(part, name, rows)
        if isinstance(wanted, bool):
            found[rows] = np.any(measured, axis=1) == wanted
        else:
            each = measured.reshape(len(measured), len(known), -1)[:, [known.index(one) for one in names]]
            found[rows] = np.all(np.any(each, axis=2), axis=1)
    return found if among is None else found & among


def _measured(part: Part, name: str, rows: slice) -> Bools:
    """Return which components of some strides have a measured sample, dims (stride, component)."""
    if name not in part.variables:
        return np.zeros((rows.stop - rows.start, len(MODALITIES[name])), dtype=bool)
    stored = f"{name}_coverage" if f"{name}_coverage" in part.variables else f"{name}_mask"
    values = part.read(stored, rows.start, rows.stop)
    return np.asarray(values.reshape(len(values), -1) > 0, dtype=np.bool_)
