"""Plug-in Gait outputs: which labels hold them, their order, signs and units, and what was not computed.

Measured on four real C3D files by fitting published power against moment x angular velocity (22 of 24 leg-joints in the
sagittal plane, r 0.98-1.00): angles are degrees with x flexion, y adduction, z rotation, already in canonical signs for
both legs; moments are stored in N mm/kg (although POINT:MOMENT_UNITS says Nmm), extensor and plantarflexor positive, so
the canonical moment is -value / 1000 in all three components. A frame that is exactly zero in all three components was
not computed. Powers are W/kg: plane by plane in newer files, the sum of the planes in z in those of Workstation 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words

Output = Literal["Angles", "Moment", "Power"]

ANGLES: Final = "Angles"
MOMENTS: Final = "Moment"
POWERS: Final = "Power"
"""What the labels of the outputs end in."""

MOMENT_FACTOR: Final = -1e-3
"""From the stored moment (N mm/kg, extensor positive) to the canonical one (N m/kg)."""

COMPONENTS: Final = ("flexion", "adduction", "rotation")
"""Motions of the components x, y, z."""

_ORDER: Final = [COMPONENTS.index(motion) for motion in words.MOTIONS]
_SIDES: Final[tuple[tuple[str, words.Side], ...]] = (("L", "left"), ("R", "right"))
_FORCE: Final = "GroundReactionForce"
_LOADED_SHARE: Final = 0.9


def find(
    labels: Iterable[str], output: Output, *, prefix: str | None = None, suffix: str | None = None
) -> tuple[dict[tuple[words.Side, str], str], list[str]]:
    """Return (side, joint) -> label of one kind of output, and the problems met.

    Parameters
    ----------
    labels
        Point labels of the file: ``[prefix:]{L,R}{Hip,Knee,Ankle}{Angles,Moment,Power}[suffix]``.
    output
        What to look for.
    prefix, suffix
        Take only labels with this subject prefix or model suffix; None takes any.
    """
    found: dict[tuple[words.Side, str], str] = {}
    problems = []
    names = {f"{letter}{joint.capitalize()}": (side, joint) for letter, side in _SIDES for joint in words.JOINTS}
    for label in labels:
        key = names.get(_core(label, output, prefix, suffix))
        if key is None:
            continue
        if key in found:
            problems.append(f"{' '.join(key)} {output.lower()}: found {found[key]!r} and {label!r}, expected one label")
        found.setdefault(key, label)
    return found, problems


def find_forces(
    labels: Iterable[str], *, prefix: str | None = None, suffix: str | None = None
) -> dict[words.Side, str]:
    """Return side -> label of the ground reaction force under that foot."""
    sides = dict(_SIDES)
    cores = {label: _core(label, _FORCE, prefix, suffix) for label in labels}
    return {sides[core]: label for label, core in cores.items() if core in sides}


def _core(label: str, output: str, prefix: str | None, suffix: str | None) -> str:
    """Return what stands before the output's name (`LHip`), or nothing when the label is another one."""
    match = re.fullmatch(rf"(?:(?P<prefix>[^:]*):)?(?P<core>[LR](?:[A-Z][a-z]+)?){output}(?P<suffix>_.*)?", label)
    if match is None:
        return ""
    unwanted = (prefix is not None and (match["prefix"] or "") != prefix) or (
        suffix is not None and (match["suffix"] or "") != suffix
    )
    return "" if unwanted else match["core"]


def joint_values(
    points: Mapping[str, npt.NDArray[np.float32]],
    labels: Mapping[tuple[words.Side, str], str],
    *,
    sides: Sequence[words.Side],
    factor: float,
) -> npt.NDArray[np.float32]:
    """Return one kind of output in canonical order and signs, float32, shape (frame, side, joint, motion).

    Parameters
    ----------
    points
        Label -> shape (frame, 3) as stored.
    labels
        What `find` returned.
    sides
        Order of the side dim.
    factor
        1 for angles (degrees), `MOMENT_FACTOR` for moments. Frames that were not computed are NaN.
    """
    frames = len(next(iter(points.values())))
    shape = (frames, len(sides), len(words.JOINTS), len(words.MOTIONS))
    values = np.full(shape, np.nan, dtype=np.float32)
    for (side, joint), label in labels.items():
        stored = points[label]
        computed = np.where(uncomputed(stored)[:, None], np.nan, stored[:, _ORDER]) * factor
        values[:, sides.index(side), words.JOINTS.index(joint)] = computed
    return values


def uncomputed(stored: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which frames of an output (frame, 3) were not computed: exactly zero in all components, or NaN in one."""
    return np.asarray((stored == 0).all(axis=1) | ~np.isfinite(stored).all(axis=1))


def unloaded_stances(
    force: npt.NDArray[np.float32], contacts: npt.NDArray[np.int64], offs: npt.NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Return the frames (start, stop) of stances in which no force was recorded under the foot.

    Plug-in Gait computes moments there from the limb's inertia alone, as if the foot were in the air: finite, and wrong
    by the whole stance moment. A stance counts as recorded when the force is present in at least nine tenths of it; one
    whose start or end has no event, when there is any force. Its frames start after that of the contact, which the last
    stride needs: its end lies between the frame before the contact and this one.

    Parameters
    ----------
    force
        Ground reaction force under one foot, shape (frame, 3), zero or NaN where no plate saw it.
    contacts, offs
        Frame at or after each initial contact, and frame of each foot off, of that foot, sorted.
    """
    loaded = ~uncomputed(force)
    edges = sorted([(int(frame), True) for frame in contacts] + [(int(frame), False) for frame in offs])
    stances = [(0, edges[0][0], False)] if edges and not edges[0][1] else []
    for (start, is_contact), (stop, open_end) in zip(edges, [*edges[1:], (len(force), True)], strict=False):
        if is_contact:
            stances.append((start, stop, not open_end))
    return [
        (start + 1 if (start, True) in edges else start, stop)
        for start, stop, complete in stances
        if stop > start + 1
        and (not loaded[start:stop].any() or (complete and loaded[start:stop].mean() < _LOADED_SHARE))
    ]
