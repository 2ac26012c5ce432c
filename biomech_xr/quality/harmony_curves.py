"""One mean curve for each source, leg and component: what the comparison across sources works on."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.errors import ConfigError
from biomech_xr.store import ensemble, select
from biomech_xr.vocabulary import JOINTS, MOTIONS, MUSCLES

FloatArray = npt.NDArray[np.float64]
Quantity = Literal["angle", "moment", "emg"]

VARIABLES: Final[dict[Quantity, str]] = {"angle": "kinematics", "moment": "kinetics", "emg": "emg"}
"""Variable of a strides dataset that holds a quantity."""

COMPONENTS: Final[dict[Quantity, tuple[str, ...]]] = {
    "angle": tuple(f"{joint} {motion}" for joint in JOINTS for motion in MOTIONS),
    "moment": tuple(f"{joint} {motion}" for joint in JOINTS for motion in MOTIONS),
    "emg": tuple(muscle.replace("_", " ") for muscle in MUSCLES),
}
"""What curves of a quantity are called, in the order of the store."""

_LARGEST_GAP: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The mean curve of one source, leg and component: over the strides of each person, then over the people.

    Parameters
    ----------
    dataset, side
        Source, and the leg the signal belongs to.
    quantity
        What it is: an angle in degrees, a moment in N m/kg, or EMG in multiples of its amplitude reference.
    component
        One of `COMPONENTS`: ``hip flexion``, ``soleus``.
    values
        Shape (phase,); value k of P at phase k/P from contact; finite.
    people, strides
        How many stand behind it.
    body_mass
        Mean mass of the people, kg; NaN when not known.
    spread
        SD between the people (root mean square over phase) as a share of the amplitude (SD over phase); 0 for one.
    """

    dataset: str
    side: str
    quantity: Quantity
    component: str
    values: FloatArray
    people: int = 1
    strides: int = 10
    body_mass: float = math.nan
    spread: float = 0.0


def gather(strides: xr.Dataset, activity: str) -> tuple[list[Curve], dict[str, int]]:
    """Return the mean curves of one activity, and how many strides of it were left out by reason.

    Only strides without a condition, of healthy people, count: an orthosis or a stroke is no error of a file.

    Parameters
    ----------
    strides
        A strides dataset, dims ``(stride, ...)``, as `open_strides` returns it; lazy data are computed, once.
    activity
        Activity of the strides to compare.

    Raises
    ------
    ConfigError
        No stride has this activity (the known ones are listed), or all that have it were left out.
    """
    chosen = select(strides, activity=activity)
    healthy = np.asarray(chosen["population"].values) == "able_bodied"
    plain = np.asarray(chosen["condition"].values) == "none"
    left_out = {"another population": int((~healthy).sum()), "a condition": int((healthy & ~plain).sum())}
    if not (healthy & plain).any():
        raise ConfigError(f"harmony: activity {activity!r}: found no stride of healthy people without a condition.")
    chosen = chosen.isel(stride=np.flatnonzero(healthy & plain))
    wanted = chosen[[name for base in VARIABLES.values() for name in (base, f"{base}_mask") if name in chosen]]
    wanted = wanted.assign({name: _whole(wanted, name) for name in VARIABLES.values() if name in wanted})
    means = ensemble(wanted, by=["dataset", "side"]).compute()
    return list(_curves(wanted, means)), {reason: count for reason, count in left_out.items() if count}


def _whole(strides: xr.Dataset, name: str) -> tuple[tuple[Hashable, ...], Any]:
    """Return a variable without the strides in which a component was not measured throughout."""
    values = strides[name].reset_coords(drop=True).where(strides[f"{name}_mask"].reset_coords(drop=True))
    return values.dims, values.data


def _curves(strides: xr.Dataset, means: xr.Dataset) -> Iterator[Curve]:
    groups = pd.MultiIndex.from_arrays([np.asarray(strides[name].values) for name in ("dataset", "side")])
    for quantity, variable in VARIABLES.items():
        if variable not in strides:
            continue
        counts = _counts(strides[f"{variable}_mask"], groups)
        for dataset in np.asarray(means["dataset"].values):
            of_source = np.asarray(strides["dataset"].values) == dataset
            mass = _mean_mass(strides.isel(stride=np.flatnonzero(of_source)))
            for side in np.asarray(means["side"].values):
                if (dataset, side) not in counts.index:
                    continue
                one = means.sel(dataset=dataset, side=side)
                rows = np.asarray(one[f"{variable}_mean"].values, dtype=np.float64).reshape(-1, one.sizes["phase"])
                people, between = (
                    np.asarray(one[f"{variable}_{x}"].values).reshape(rows.shape) for x in ("people", "sd")
                )
                number = counts.loc[(dataset, side)].to_numpy()
                for place, component in enumerate(COMPONENTS[quantity]):
                    values = bridged(rows[place])
                    if values is not None and number[place]:
                        yield Curve(
                            dataset=str(dataset),
                            side=str(side),
                            quantity=quantity,
                            component=component,
                            values=values,
                            people=int(people[place].max()),
                            strides=int(number[place]),
                            body_mass=mass,
                            spread=_spread(between[place], values),
                        )


def _spread(between: Any, values: FloatArray) -> float:
    """Return the SD between people, root mean square over phase, over the amplitude of the mean; 0 for one person."""
    known = np.asarray(between, dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(np.sqrt(np.mean(known**2)) / max(values.std(), 1e-12)) if known.size else 0.0


def _counts(mask: xr.DataArray, groups: pd.MultiIndex) -> pd.DataFrame:
    """Return how many strides have a component, one row for each source and leg."""
    flat = np.asarray(mask.values).reshape(mask.sizes["stride"], -1).astype(np.int64)
    return pd.DataFrame(flat, index=groups).groupby(level=[0, 1]).sum()


def _mean_mass(strides: xr.Dataset) -> float:
    """Return the mean over people of the body mass, kg."""
    frame = pd.DataFrame({name: np.asarray(strides[name].values) for name in ("person_group", "body_mass")})
    return float(frame.groupby("person_group")["body_mass"].first().mean())


def bridged(values: Any) -> FloatArray | None:
    """Return a curve with small gaps bridged linearly around the cycle, or None when over a tenth is missing."""
    row = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(row)
    if finite.mean() < 1 - _LARGEST_GAP:
        return None
    index = np.arange(row.size)
    return row if finite.all() else np.interp(index, index[finite], row[finite], period=row.size)
