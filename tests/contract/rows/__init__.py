"""What each source is expected to give; a source without a row fails the suite.

Each row is a module of this package, named after the source, with `ROW`. It is written from the published facts, not
from the reader.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ESTIMATED: Final = {
    "moghadam": "the release has no events: contacts are estimated from the ankle moment",
}
"""Sources whose contacts are not known to one sample, and why; the row's `clock` is the upper bound of their error."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Expectations of one source.

    `clock` is how well (s) contact times and durations can agree with what was written; `angles`, `moments` map a side
    to ``joint motion`` texts that must be measured on that side's walking strides, everything else must be masked;
    `muscles` maps a side to the words of its EMG channels; `emg_state` is the state of every trial with EMG, or the
    states when they differ; `activities` are those of the strides a right reader keeps, of all people together;
    `conditions` likewise; `timed` says whether strides have a contact time; `offsets` are neutral positions (degrees,
    by component) that the source's own protocol adds and the reader keeps; `options`, `patients` and `minutes` go to
    reader and writer; `broken` names files (globs) that, truncated, must stop their person with an error that names
    the file.
    """

    clock: float
    angles: Mapping[str, tuple[str, ...]]
    moments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    muscles: Mapping[str, tuple[str, ...]]
    emg_state: tuple[str, ...]
    activities: tuple[str, ...]
    conditions: tuple[str, ...] = ("none",)
    timed: bool = True
    broken: tuple[str, ...]
    offsets: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    patients: int = 2
    minutes: float = 0.3


def row_of(name: str) -> Row:
    """Return the row of a source."""
    row: Row = importlib.import_module(f"{__name__}.{name}").ROW
    return row
