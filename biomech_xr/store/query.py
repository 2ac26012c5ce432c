"""Questions to a strides dataset: pick strides by any label, undo the amplitude scale; dense cube and ensemble."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.errors import ConfigError
from biomech_xr.store.cube import as_cube
from biomech_xr.store.ensemble import ensemble

__all__ = ["as_cube", "ensemble", "select", "to_physical"]

_SELECTABLE_DIMS: Final = ("channel", "joint", "motion", "axis")
_SHOWN = 12
_VOLTS: Final = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "µV": 1e-6}


def select(dataset: xr.Dataset, /, **labels: Any) -> xr.Dataset:
    """Return the strides whose labels fit, in their order; lazy data stay lazy.

    Parameters
    ----------
    dataset
        A strides dataset; dims ``(stride, ...)``.
    **labels
        Label -> what it may be: one value, a list of values, or for numbers a slice with both ends included (in the
        label's unit, ``speed=slice(0.8, 1.4)`` in m/s; an end may be None). Any label of a stride will do, and the
        dims channel, joint, motion and axis. NaN is in no slice.

    Raises
    ------
    ConfigError
        There is no such label (the nearest is named), or no stride has that value (the known ones are listed).
    """
    strides = np.ones(dataset.sizes["stride"], dtype=bool)
    picked: dict[str, Any] = {}
    known = [str(name) for name, coord in dataset.coords.items() if coord.dims == ("stride",) and name != "stride"]
    dims = [name for name in _SELECTABLE_DIMS if name in dataset.coords and name in dataset.dims]
    for name, wanted in labels.items():
        if name in dims:
            picked[name] = np.flatnonzero(_matches(name, np.asarray(dataset[name].values), wanted))
        elif name in known:
            strides &= _stride_matches(dataset, name, wanted)
        else:
            near = difflib.get_close_matches(name, known + dims, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ConfigError(f"label {name!r}: not a label of these strides{hint} Known: {', '.join(known + dims)}.")
    return dataset.isel(stride=_as_slice(np.flatnonzero(strides)), **picked)


def _stride_matches(dataset: xr.Dataset, name: str, wanted: Any) -> npt.NDArray[np.bool_]:
    """Match an index level on its few values and codes, any other label on its values."""
    index = dataset.indexes.get("stride")
    if not isinstance(index, pd.MultiIndex) or name not in index.names:
        return _matches(name, np.asarray(dataset[name].values), wanted)
    level = index.names.index(name)
    codes = np.asarray(index.codes[level])
    used = np.zeros(len(index.levels[level]), dtype=bool)
    used[codes] = True
    values = np.asarray(index.levels[level])
    fits = np.zeros(len(used), dtype=bool)
    fits[used] = _matches(name, values[used], wanted)
    return fits[codes]


def _matches(name: str, values: npt.NDArray[Any], wanted: Any) -> npt.NDArray[np.bool_]:
    if isinstance(wanted, slice):
        return _in_slice(name, values, wanted)
    scalar = isinstance(wanted, str) or not np.iterable(wanted)
    items: Sequence[Any] = [wanted] if scalar else list(wanted)
    found = np.zeros(len(values), dtype=bool)
    absent = []
    for item in items:
        fits = np.asarray(values == item, dtype=bool) & np.full(len(values), fill_value=True)
        if not fits.any():
            absent.append(item)
        found |= fits
    if absent:
        known = sorted({str(value) for value in pd.unique(values)}) if len(values) else []
        shown = ", ".join(known[:_SHOWN]) + (f" ... ({len(known)} in all)" if len(known) > _SHOWN else "")
        raise ConfigError(
            f"label {name!r}: no stride has {', '.join(map(repr, absent))}; known: {shown or 'none'}. "
            "Ask for one of them."
        )
    return found


def _in_slice(name: str, values: npt.NDArray[Any], wanted: slice) -> npt.NDArray[np.bool_]:
    ends = [end for end in (wanted.start, wanted.stop) if end is not None]
    if wanted.step is not None or values.dtype.kind not in "iuf" or any(isinstance(end, str) for end in ends):
        raise ConfigError(
            f"label {name!r}: found {wanted!r}, expected a value or a list of values; slices without a step work on "
            "labels that are numbers."
        )
    fits: npt.NDArray[np.bool_] = ~np.isnan(values.astype(np.float64))
    if wanted.start is not None:
        fits &= values >= wanted.start
    if wanted.stop is not None:
        fits &= values <= wanted.stop
    return fits


def _as_slice(positions: npt.NDArray[np.intp]) -> slice | npt.NDArray[np.intp]:
    """Return neighbours as a slice, which keeps whole chunks whole."""
    if len(positions) and positions[-1] - positions[0] + 1 == len(positions):
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def to_physical(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset with EMG in the source's unit instead of multiples of its amplitude reference.

    Parameters
    ----------
    dataset
        A strides dataset with `emg` (stride, channel, time), unit 1, and `emg_scale` (stride, channel).

    Returns
    -------
    xr.Dataset
        `emg` times `emg_scale`, attribute ``units`` set: the source's unit, or V where sources have different ones.

    Raises
    ------
    ConfigError
        `emg` is in a physical unit already, or the sources' units cannot be brought to one.
    """
    if dataset["emg"].attrs.get("units") != "1":
        raise ConfigError(f"emg: units {dataset['emg'].attrs.get('units')!r}, expected '1'. It is in a unit already.")
    sources = dataset.attrs.get("sources", {})
    names = np.asarray(dataset["dataset"].values)
    units = {str(name): str(sources.get(name, {}).get("emg_unit", "unknown")) for name in pd.unique(names)}
    emg, scale = dataset["emg"].variable, dataset["emg_scale"].variable
    found = set(units.values())
    unit = found.pop() if len(found) == 1 else "V"
    if found:
        strange = sorted(f"{name}: {value}" for name, value in units.items() if value not in _VOLTS)
        if strange:
            raise ConfigError(
                f"emg: units differ between sources and are not all volts ({', '.join(strange)}). Select sources whose "
                f"units agree first, such as select(strides, dataset={str(names[0])!r})."
            )
        factors = pd.Series(names).map({name: _VOLTS[value] for name, value in units.items()})
        scale = scale * xr.Variable("stride", factors.to_numpy(dtype=np.float32))
    physical = (emg * scale).transpose(*emg.dims)
    physical.attrs = {**emg.attrs, "units": unit}
    return dataset.assign(emg=physical)
