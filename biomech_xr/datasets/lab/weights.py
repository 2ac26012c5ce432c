"""The stated body mass against the forces of stances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.lab.contents import Content, stream
from biomech_xr.datasets.lab.mapping import LabMapping, Person
from biomech_xr.datasets.lab.plates import plate_forces

_GRAVITY: Final = 9.80665
_SHARE: Final = 0.81
"""Mean vertical force of a stance over the body weight: half a stride's weight on 62 % of it."""
_LOADED: Final = 20.0
_LEAST_TOP: Final = 100.0
_STANCE: Final = (0.4, 1.5)
_FEWEST: Final = 3
_LARGEST: Final = 1.5


def stance_means(content: Content, mapping: LabMapping) -> list[float]:
    """Return the mean vertical force (N) of every stance that begins and ends on a plate or in a column of force.

    A stance is 0.4 to 1.5 s above 20 N; forces in another unit than N are left out.
    """
    forces: list[tuple[npt.ArrayLike, float]] = []
    described = mapping.events.forces
    if described is not None and "forces" in content.tables:
        table = stream(content, "forces", [column.label for column in described.columns])
        if table is not None:
            forces += [(table.values[x.label], table.rate) for x in described.columns if x.label in table.values]
    elif content.c3d is not None:
        plates, _ = plate_forces(content.c3d, mapping.events.plates)
        forces += [(plate.force, content.c3d.analog_rate) for plate in plates if plate.newton]
    return [mean for force, rate in forces if rate > 0 for mean in _stances(force, rate)]


def _stances(force: npt.ArrayLike, rate: float) -> list[float]:
    values = np.abs(np.nan_to_num(np.asarray(force, dtype=np.float64)))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (values > _LOADED).astype(int), [0]])))
    return [
        float(values[start:stop].mean())
        for start, stop in edges.reshape(-1, 2)
        if start > 0
        and stop < values.size
        and _STANCE[0] <= (stop - start) / rate <= _STANCE[1]
        and values[start:stop].max() > _LEAST_TOP
    ]


def mass_against_forces(loads: Sequence[float], person: Person) -> tuple[str, str]:
    """Return how the body mass surely contradicts the mean forces (N) of stances, or a note of what they suggest."""
    if not loads or person.body_mass is None:
        return "", ""
    mass = float(np.median(loads)) / _SHARE / _GRAVITY
    text = f"{len(loads)} stances with a mean force of {np.median(loads):.0f} N suggest about {mass:.0f} kg"
    ratio = mass / person.body_mass
    if len(loads) >= _FEWEST and not 1 / _LARGEST <= ratio <= _LARGEST:
        return (
            f"people.{person.id}.body_mass: found {person.body_mass:g} kg, {text}; correct it or the unit of the "
            "forces, or state trust: true of the person"
        ), ""
    return "", f"{text}, stated {person.body_mass:g} kg"
