"""Whether the files of a trial lie on one clock: nothing is shifted that the mapping does not state."""

from __future__ import annotations

from itertools import combinations
from typing import Final

from biomech_xr.datasets.lab.contents import Content, c3d_span

_SAME_START: Final = 0.05
_LEAST_OVERLAP: Final = 0.5
_ONE_FRAME: Final = 1.5
"""A C3D file that starts at its second frame is not asked about: many number frames from 1."""


def clock_problems(content: Content) -> list[str]:
    """Return files whose times overlap by less than half of the shorter, and a C3D file whose clock is not certain."""
    spans = {content.paths[role].name: table.span for role, table in content.tables.items()}
    if content.c3d is not None:
        spans[content.paths["c3d"].name] = c3d_span(content.c3d)
    found = _question(content)
    for first, second in combinations(spans, 2):
        (begin, end), (start, stop) = spans[first], spans[second]
        common = max(min(end, stop) - max(begin, start), 0.0)
        shorter = min(end - begin, stop - start)
        if common > 0 and common >= _LEAST_OVERLAP * shorter:
            continue
        much = f"only {common:.3f} s in common, less than half of the shorter" if common else "no time in common"
        found.append(
            f"{first} runs from {begin:.3f} to {end:.3f} s and {second} from {start:.3f} to {stop:.3f} s: {much}; put "
            f"both on one clock{_hint(content, first, second)}"
        )
    return found


def _question(content: Content) -> list[str]:
    """Return the question which clock a C3D file shares with a table that starts at 0 s, or with a table of events."""
    c3d = content.c3d
    if c3d is None or content.files.c3d_clock or c3d.first_frame <= _ONE_FRAME or not c3d.point_rate > 0:
        return []
    start, stop = c3d_span(c3d)
    others = [content.paths[role].name for role, table in content.tables.items() if abs(table.t0) <= _SAME_START]
    times = [event.time for event in content.events]
    if times and start <= min(times) and max(times) <= stop - start:
        others.append(content.paths["events"].name)
    if not others or start <= _SAME_START:
        return []
    return [
        f"{content.paths['c3d'].name} starts {start:.3f} s into its capture, and {', '.join(others)} may count from "
        f"either start: do its times begin with the capture or with the C3D file? State c3d_clock: capture (nothing is "
        f"shifted) or c3d_clock: file (the C3D file starts at 0 s) in the trial"
    ]


def _hint(content: Content, *names: str) -> str:
    """Return what may put a C3D file and a table on one clock."""
    c3d = content.c3d
    if c3d is None or content.files.c3d_clock or not c3d.first_frame or content.paths["c3d"].name not in names:
        return ""
    return "; where the table counts from the start of the C3D file, state c3d_clock: file in the trial"
