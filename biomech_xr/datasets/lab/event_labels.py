"""Whether a trial holds the markers, plates and columns that the mapping names for its events; gaps of markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from biomech_xr.datasets.lab.contents import Content, Samples, known_labels, marker_names, marker_paths, stream
from biomech_xr.datasets.lab.mapping import LabMapping
from biomech_xr.datasets.lab.plates import plate_forces
from biomech_xr.datasets.lab.wording import nearest

_MOST: Final = 3
_BRIDGED: Final = 0.1
"""Gaps up to this, in s, are bridged and not told."""


def missing_labels(content: Content, mapping: LabMapping) -> list[str]:
    """Return every marker, plate and column that the mapping names under events and the trial has not.

    A trial without markers, without a C3D file or without a file of forces is not asked for theirs.
    """
    events, found = mapping.events, []
    names = marker_names(content)
    if events.markers is not None and names:
        labels = [*events.markers.left.labels, *events.markers.right.labels, *events.markers.pelvis]
        there = marker_paths(content, labels)[0]
        found += [f"events.markers: no marker {x!r}{nearest(x, names)}" for x in labels if x not in there]
    if events.plates and content.c3d is not None:
        found += plate_forces(content.c3d, events.plates)[1]
    table = content.tables.get("forces")
    if events.forces is not None and table is not None:
        known = known_labels(content, "forces")
        labels = [column.label for column in events.forces.columns]
        found += [f"events.forces: no column {x!r}{nearest(x, known)}" for x in labels if x not in table.values]
    described = events.gyroscopes
    turns = None if described is None else stream(content, "gyroscopes", [x.label for x in described.columns])
    if described is not None and turns is not None:
        known = known_labels(content, "gyroscopes")
        labels = [column.label for column in described.columns]
        found += [f"events.gyroscopes: no column {x!r}{nearest(x, known)}" for x in labels if x not in turns.values]
    return found


def gaps(paths: Mapping[str, Samples], labels: Sequence[str], rate: float, t0: float) -> str:
    """Return when (s) which marker is not seen for more than 0.1 s, in words; nothing where all are seen."""
    parts = []
    for label in labels:
        hidden = ~np.isfinite(paths[label]).all(axis=1)
        step = np.diff(np.concatenate([[0], hidden.astype(np.int8), [0]]))
        starts, stops = np.flatnonzero(step == 1), np.flatnonzero(step == -1)
        long = stops - starts > _BRIDGED * rate
        starts, stops = starts[long], stops[long]
        texts = [
            f"{t0 + start / rate:.3f} to {t0 + (stop - 1) / rate:.3f} s"
            for start, stop in zip(starts[:_MOST], stops[:_MOST], strict=True)
        ]
        texts += [f"{starts.size - _MOST} more"] if starts.size > _MOST else []
        parts += [f"{label} {' and '.join(texts)}"] if texts else []
    return f"gaps: {', '.join(parts)}" if parts else ""
