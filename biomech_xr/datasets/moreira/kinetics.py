"""Body mass from Moreira's two tables of moments, and foot off from its vertical force."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.moreira.legs import MOMENTS, TORQUES, Leg
from biomech_xr.datasets.moreira.people import METADATA
from biomech_xr.datasets.moreira.sheets import POINTS, read_strides
from biomech_xr.schema import Patient

logger = logging.getLogger(__name__)

Arrays = list[npt.NDArray[np.float64]]

JOINTS: Final = ("Hip", "Knee", "Ankle")
COLUMNS: Final = tuple(f"{joint}_{axis}" for joint in JOINTS for axis in "XYZ")

PUSH_OFF: Final = 0.3
"""Smallest largest moment (N m/kg) of an ankle that pushes off: walkers at 1 km/h reach 1.0, a foot in the air 0.05."""

_SMALLEST: Final = 0.01
_SAME: Final = 0.01
_OTHER_PERSON: Final = 0.05
_MASSES: Final = (30.0, 200.0)


def read_moments(leg: Leg, trial: str, mass: float) -> tuple[Arrays, float]:
    """Return the moments in N m/kg of each stride, (1001, column of `COLUMNS`), and the mass they were divided by, kg.

    Parameters
    ----------
    leg, trial
        Where to read; the leg has the trial's `Torques_Norm`.
    mass
        The mass found in other trials of this person, NaN for the first.

    Returns
    -------
    tuple
        The mass is ``mass`` where the trial has no `Torques`.

    Raises
    ------
    DataFormatError
        `Torques` over `Torques_Norm` is not one plausible mass in every column, or not that of the other trials.
    """
    sheet = leg.members[MOMENTS][trial]
    moments = read_strides(sheet, COLUMNS)
    torques = leg.members.get(TORQUES, {}).get(trial)
    if torques is None:
        return moments, mass
    whole = read_strides(torques, COLUMNS)
    if len(whole) != len(moments):
        raise sheet.bad("St2", found=f"{len(moments)} strides", expected=f"{len(whole)} as {TORQUES} has")
    ratios = _ratios(np.concatenate(whole), np.concatenate(moments))
    if not ratios.size:
        return moments, mass
    found = float(np.median(ratios))
    if not np.all(np.abs(ratios - found) <= _SAME * abs(found)) or not _MASSES[0] <= found <= _MASSES[1]:
        what = f"{TORQUES} / {MOMENTS} from {ratios.min():.4g} to {ratios.max():.4g} kg"
        raise sheet.bad(MOMENTS, found=what, expected="one body mass in every column: N m over N m/kg")
    if abs(found - mass) > _SAME * found:
        what = f"moments divided by {found:.1f} kg"
        raise sheet.bad(MOMENTS, found=what, expected=f"{mass:.1f} kg as in the other trials of this person")
    return moments, found


def _ratios(whole: npt.NDArray[np.float64], normed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the factor between two tables for each column that is large enough to tell."""
    both = np.isfinite(whole) & np.isfinite(normed)
    whole, normed = np.where(both, whole, 0), np.where(both, normed, 0)
    clear = np.abs(normed).max(axis=0, initial=0) >= _SMALLEST
    factors: npt.NDArray[np.float64] = (whole * normed).sum(axis=0)[clear] / (normed * normed).sum(axis=0)[clear]
    return factors


def find_mass(legs: Sequence[Leg]) -> float:
    """Return the body mass (kg) that the first trial with both tables of moments gives; NaN where none has both."""
    for leg in legs:
        for trial in sorted(leg.members.get(MOMENTS, {})):
            mass = read_moments(leg, trial, math.nan)[1]
            if math.isfinite(mass):
                return mass
    return math.nan


def settle_mass(person: Patient, mass: float, legs: Sequence[Leg]) -> tuple[Patient, str]:
    """Return the person with a body mass, and where it comes from.

    `Metadata.txt` is believed where it gives a mass; ``mass`` (kg, from the moments, may be NaN) fills it in otherwise.

    Raises
    ------
    DataFormatError
        The two differ by more than 5 %: the moments are another person's.
    """
    if not math.isfinite(person.body_mass):
        known = math.isfinite(mass)
        source = f"{TORQUES} / {MOMENTS}" if known else "unknown"
        return replace(person, body_mass=round(mass, 2) if known else math.nan), source
    difference = abs(mass - person.body_mass) / person.body_mass
    if difference > _OTHER_PERSON:
        sheet = next(sheet for leg in legs for sheet in leg.members.get(MOMENTS, {}).values())
        found = f"moments divided by {mass:.1f} kg"
        raise sheet.bad(MOMENTS, found=found, expected=f"about {person.body_mass:g} kg as {METADATA} says")
    note = METADATA
    if difference > _SAME:
        note += f"; the moments were divided by {mass:.1f} kg"
        logger.warning("moreira: %s: mass %s: %s", person.source_patient, person.body_mass, note)
    return person, note


def foot_off(vertical: npt.NDArray[np.float64]) -> float:
    """Return the fraction of a stride at which the vertical force (1001,) ends for good; NaN where it does not tell.

    The force must be there at 5 % of the stride, end between 40 and 80 %, and stay exactly zero: a table that was cut
    off elsewhere, or a second step on the plate, gives no foot off.
    """
    loaded = np.flatnonzero(vertical > 0)
    if not loaded.size or not np.isfinite(vertical).all():
        return math.nan
    last = int(loaded[-1])
    unbroken = (vertical[POINTS // 20 : last] > 0).all()
    inside = 0.4 * POINTS < last < 0.8 * POINTS
    return (last + 1) / (POINTS - 1) if inside and unbroken and not vertical[last + 1 :].any() else math.nan
