"""Ensemble curves: every person counts once, however many strides they have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.errors import ConfigError
from biomech_xr.schema import HISTORY

PHASES: Final = 200
_CURVES: Final = ("emg", "kinematics", "kinetics", "grf")

Floats = npt.NDArray[np.floating[Any]]


def ensemble(dataset: xr.Dataset, *, by: Sequence[str] = ("dataset", "activity")) -> xr.Dataset:
    """Return mean curves over the strides of a person, then mean and SD over persons. Lazy input stays lazy.

    Curves are compared at equal phase, k/200 of the stride. `kinematics` and `kinetics` are on that grid already (a
    grid in Hz is interpolated); `emg`, whose strides differ in length on the time axis, is interpolated linearly
    between its samples within 0 <= t < duration. Samples that are NaN count nowhere.

    Parameters
    ----------
    dataset
        A strides dataset; a person is a `person_group`.
    by
        Labels of a stride that set the groups; each becomes a dim of the result.

    Returns
    -------
    xr.Dataset
        For every curve, dims ``(*by, ..., phase)`` and the unit of the input: ``<curve>_mean`` and ``<curve>_sd`` over
        persons (``ddof=1``; NaN for one person), ``<curve>_sd_strides``, the SD over strides within a person averaged
        over persons, and ``<curve>_people``, how many persons have a value there. ``n_people`` and ``n_strides``
        (dims ``by``) count what the group holds.

    Raises
    ------
    ConfigError
        `by` names something that is not a label of a stride, or is empty.
    """
    unknown = [name for name in by if name not in dataset.coords or dataset[name].dims != ("stride",)]
    if unknown or not by:
        raise ConfigError(f"ensemble: by={list(by)}: expected labels of a stride; not such: {unknown}.")
    codes, levels = zip(*(pd.factorize(np.asarray(dataset[name].values), sort=True) for name in by), strict=True)
    shape = tuple(len(level) for level in levels)
    groups = np.ravel_multi_index(codes, shape) if dataset.sizes["stride"] else np.zeros(0, dtype=np.int64)
    people = pd.factorize(np.asarray(dataset["person_group"].values))[0]
    cells, cell_index = np.unique(np.stack([groups, people]), axis=1, return_inverse=True)
    group_of_cell = cells[0].astype(np.int64)
    variables: dict[str, Any] = {}
    for name in _CURVES:
        if name in dataset:
            variables |= _curve(dataset, name, by, shape, group_of_cell, np.asarray(cell_index).ravel())
    variables["n_people"] = (tuple(by), np.bincount(group_of_cell, minlength=int(np.prod(shape))).reshape(shape))
    variables["n_strides"] = (tuple(by), np.bincount(groups, minlength=int(np.prod(shape))).reshape(shape))
    coords: dict[str, Any] = {name: (name, np.asarray(level)) for name, level in zip(by, levels, strict=True)}
    kept = ("channel", "joint", "motion", "axis")
    coords |= {str(name): coord.variable for name, coord in dataset.coords.items() if name in kept}
    result = xr.Dataset(variables, coords=coords, attrs=dataset.attrs)
    phases = result.sizes.get("phase", PHASES)
    return result.assign_coords(phase=("phase", np.arange(phases) / phases, {"units": "1"}))


def _curve(
    dataset: xr.Dataset,
    name: str,
    by: Sequence[str],
    shape: tuple[int, ...],
    group_of_cell: npt.NDArray[np.int64],
    cell_index: npt.NDArray[np.int64],
) -> dict[str, Any]:
    variable = dataset[name]
    curves = on_phase(variable, np.asarray(dataset["duration"].values), dataset.sizes.get("phase", PHASES))
    moments = _cell_moments(curves, cell_index, len(group_of_cell))
    groups = int(np.prod(shape))
    reduce = partial(_group_statistics, group_of_cell=group_of_cell, groups=groups)
    tail = curves.shape[1:]
    if isinstance(moments, da.Array):
        chunks = ((4,), (groups,), *((size,) for size in tail))
        whole = moments.rechunk(dict.fromkeys(range(moments.ndim), -1))
        statistics = whole.map_blocks(reduce, dtype=np.float64, chunks=chunks, meta=np.empty((0,) * whole.ndim))
    else:
        statistics = reduce(moments)
    dims = (*by, *(str(dim) for dim in variable.dims[1:-1]), "phase")
    attrs = {key: value for key, value in variable.attrs.items() if key in ("units", "long_name")}
    full = statistics.reshape((4, *shape, *tail))
    return {
        f"{name}_mean": (dims, full[0], attrs),
        f"{name}_sd": (dims, full[1], attrs),
        f"{name}_sd_strides": (dims, full[2], attrs),
        f"{name}_people": (dims, full[3]),
    }


def on_phase(variable: xr.DataArray, duration: Floats, phases: int) -> Any:
    """Return curves at phase k/phases, dims ``(stride, ..., phase)``; a time axis is interpolated linearly.

    Parameters
    ----------
    variable
        Curves on ``phase``, on ``time`` (ms from 250 samples before contact) or on ``time_kinematics``.
    duration
        Duration of each stride, s.
    phases
        Points of the result.
    """
    dim = variable.dims[-1]
    if dim == "phase":
        return variable.data
    rate, origin = 1000.0, HISTORY
    if dim == "time_kinematics":
        stamps = np.asarray(variable[dim].values)
        rate, origin = (1.0 / (stamps[1] - stamps[0]) if len(stamps) > 1 else 1.0), 0
    data = variable.data
    if not isinstance(data, da.Array):
        return _interpolated(data, duration, rate=rate, origin=origin, phases=phases)
    data = data.rechunk(dict.fromkeys(range(1, data.ndim), -1))
    durations = da.from_array(
        duration.reshape(-1, *(1,) * (data.ndim - 1)), chunks=(data.chunks[0], *(1,) * (data.ndim - 1))
    )
    return da.map_blocks(
        _interpolated,
        data,
        durations,
        rate=rate,
        origin=origin,
        phases=phases,
        dtype=data.dtype,
        chunks=(*data.chunks[:-1], (phases,)),
        meta=np.empty((0,) * data.ndim, dtype=data.dtype),
    )


def _interpolated(values: Floats, duration: Floats, *, rate: float, origin: int, phases: int) -> Floats:
    """Interpolate within the samples that the stride owns; the last of them holds to the end of the stride."""
    lengths = np.asarray(duration, dtype=np.float64).reshape(-1, 1)
    place = np.arange(phases) / phases * lengths * rate
    last = np.ceil(lengths * rate - 1e-6) - 1
    low = np.minimum(np.floor(place), last)
    high = np.minimum(low + 1, last)
    limit = values.shape[-1] - 1
    middle = (1,) * (values.ndim - 2)

    def at(index: Floats) -> Floats:
        clipped = np.clip(index + origin, 0, limit).astype(np.intp)
        return np.take_along_axis(values, clipped.reshape(len(values), *middle, phases), axis=-1)

    weight = (place - low).clip(0, 1).astype(values.dtype).reshape(len(values), *middle, phases)
    first = at(low)
    mixed = first + (at(high) - first) * weight
    return np.where(weight == 0, first, mixed)


def _cell_moments(curves: Any, cell_index: npt.NDArray[np.int64], cells: int) -> Any:
    """Return count, sum and sum of squares per cell (group x person), dims ``(3, cell, ..., phase)``."""
    if not isinstance(curves, da.Array):
        return _block_moments(curves, cell_index, cells=cells)[0]
    curves = curves.rechunk(dict.fromkeys(range(1, curves.ndim), -1))
    index = da.from_array(cell_index, chunks=curves.chunks[0])
    tail = [f"t{axis}" for axis in range(curves.ndim - 1)]
    blocks = da.blockwise(
        partial(_block_moments, cells=cells),
        ("n", "moment", "cell", *tail),
        curves,
        ("n", *tail),
        index,
        ("n",),
        new_axes={"moment": 3, "cell": cells},
        adjust_chunks={"n": lambda _: 1},
        dtype=np.float64,
        concatenate=True,
        meta=np.empty((0,) * (curves.ndim + 2)),
    )
    return blocks.sum(axis=0)


def _block_moments(curves: Floats, cell_index: npt.NDArray[np.int64], *, cells: int) -> Floats:
    out = np.zeros((1, 3, cells, *curves.shape[1:]))
    for cell in np.unique(cell_index):
        rows = curves[cell_index == cell].astype(np.float64)
        valid = np.isfinite(rows)
        rows[~valid] = 0
        out[0, 0, cell], out[0, 1, cell], out[0, 2, cell] = valid.sum(0), rows.sum(0), (rows**2).sum(0)
    return out


def _group_statistics(moments: Floats, *, group_of_cell: npt.NDArray[np.int64], groups: int) -> Floats:
    """Return mean and SD over persons, mean SD over strides, and number of persons; dims ``(4, group, ...)``."""
    count, total, squares = moments
    with np.errstate(invalid="ignore", divide="ignore"):
        person = total / count
        within = np.sqrt(np.maximum(squares - total * person, 0) / (count - 1))
    within[count < 2] = np.nan
    out = np.full((4, groups, *person.shape[1:]), np.nan)
    for group in range(groups):
        of_group = group_of_cell == group
        out[0, group], out[1, group], out[3, group] = _mean_sd(person[of_group])
        out[2, group] = _mean_sd(within[of_group])[0]
    return out


def _mean_sd(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean, SD (ddof 1) and count over the first axis, without NaN."""
    valid = np.isfinite(values)
    count = valid.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(valid, values, 0).sum(axis=0) / count
        deviation = np.where(valid, values - mean, 0)
        sd = np.sqrt((deviation**2).sum(axis=0) / (count - 1))
    return mean, np.where(count > 1, sd, np.nan), count.astype(np.float64)
