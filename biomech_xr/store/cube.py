"""The dense cube of strides: a view for small selections, because the whole one is about one percent full."""

from __future__ import annotations

import math
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.errors import ConfigError


def as_cube(dataset: xr.Dataset, *, max_bytes: int = 2**31) -> xr.Dataset:
    """Return strides as a dense Dataset with dims patient, activity, trial, stride (and side when both are present).

    Parameters
    ----------
    dataset
        A strides dataset; dims ``(stride, ...)``. Lazy input stays lazy.
    max_bytes
        Refuse a cube that would take more bytes than this.

    Returns
    -------
    xr.Dataset
        The same variables and units; a place without a stride is NaN (masks: False). ``stride`` counts the strides of
        one patient, activity, trial and side; their `stride_number` is a variable of the cube, -1 where there is none.

    Raises
    ------
    ConfigError
        The cube is larger than `max_bytes`; the message names its size.
    """
    axes = ["patient", "activity", "trial"]
    sides = np.unique(np.asarray(dataset["side"].values).astype(str))
    if len(sides) > 1:
        axes.append("side")
    codes, levels = {}, {}
    for name in axes:
        codes[name], levels[name] = pd.factorize(np.asarray(dataset[name].values), sort=True)
    numbers = np.asarray(dataset["stride_number"].values)
    order = np.lexsort((numbers, *(codes[name] for name in reversed(axes))))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = pd.DataFrame(codes).iloc[order].groupby(axes, sort=False).cumcount().to_numpy()
    shape = (*(len(levels[name]) for name in axes), int(rank.max(initial=-1)) + 1)
    _refuse_large(dataset, axes, shape, max_bytes)
    source = np.full(shape, -1, dtype=np.int64)
    source[(*(codes[name] for name in axes), rank)] = np.arange(len(rank))
    dims = (*axes, "stride")
    plain = dataset.reset_index("stride").reset_coords(drop=True)
    variables = {
        str(name): (_cube_dims(dims, variable.dims), _scatter(variable.data, source), variable.attrs)
        for name, variable in plain.data_vars.items()
    }
    coords: dict[str, Any] = {name: (name, np.asarray(levels[name], dtype=object)) for name in axes}
    coords |= {str(name): coord.variable for name, coord in dataset.coords.items() if "stride" not in coord.dims}
    cube = xr.Dataset(variables, coords=coords, attrs=dataset.attrs)
    cube["stride_number"] = (dims, _scatter(numbers, source, fill=-1))
    return cube.transpose(*_order(cube))


def _order(cube: xr.Dataset) -> list[str]:
    first = [
        name for name in ("patient", "activity", "trial", "side", "stride", "channel", "time") if name in cube.dims
    ]
    return first + [str(name) for name in cube.dims if name not in first]


def _cube_dims(dims: tuple[str, ...], of_variable: tuple[Any, ...]) -> tuple[str, ...]:
    return (*dims, *(str(name) for name in of_variable[1:]))


def _refuse_large(dataset: xr.Dataset, axes: list[str], shape: tuple[int, ...], max_bytes: int) -> None:
    strides = max(1, dataset.sizes["stride"])
    needed = math.prod(shape) * sum(-(-variable.nbytes // strides) for variable in dataset.data_vars.values())
    if needed > max_bytes:
        size = " x ".join(f"{count} {name}" for name, count in zip([*axes, "stride"], shape, strict=True))
        full = 100 * dataset.sizes["stride"] / math.prod(shape)
        raise ConfigError(
            f"cube of {size}: {needed / 2**30:.2f} GiB ({full:.1f} % full), allowed {max_bytes / 2**30:.2f} GiB. "
            "Select fewer strides or variables first, or raise max_bytes."
        )


def _scatter(data: Any, source: npt.NDArray[np.int64], *, fill: Any = None) -> Any:
    """Return rows of ``data`` at the places of ``source``, ``fill`` (NaN or False) where that is negative."""
    empty = source.ravel() < 0
    value = fill if fill is not None else (np.nan if data.dtype.kind == "f" else data.dtype.type(0))
    mask = empty.reshape(-1, *(1,) * (data.ndim - 1))
    lazy = isinstance(data, da.Array)
    if not len(data):
        return np.full((*source.shape, *data.shape[1:]), value, dtype=data.dtype)
    taken = data[np.where(empty, 0, source.ravel())]
    rows = da.where(mask, value, taken) if lazy else np.where(mask, value, taken)
    return rows.astype(data.dtype).reshape((*source.shape, *data.shape[1:]))
