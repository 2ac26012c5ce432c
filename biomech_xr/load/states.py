"""What a state says: the place in an epoch, and of which windows it is, so that no other windows go on from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from biomech_xr.errors import ConfigError
from biomech_xr.load.checks import whole_numbers
from biomech_xr.load.inputs.options import Inputs
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.index import Horizon

_PLACE: Final = ("epoch", "step", "lanes")
_MEANING: Final = {
    "data": "the parts that are read",
    "index": "which windows of which strides: split, people, filters, datasets",
}


def windows_of(sources: Sequence[Source], *, horizon: Horizon, history: str, inputs: Inputs) -> dict[str, Any]:
    """Return of which windows a state is, as plain values: digests of parts and windows, and options of contents.

    What makes the same windows elsewhere or in other units is left out: rank, lanes, device, kind of EMG, cache.
    """
    index = sources[0].index
    return {
        "data": _digest(source.digest.encode() for source in sources),
        "index": _digest(part for source in sources for part in _places(source)),
        "window": index.window,
        "hop": index.hop,
        "horizon": {"samples": horizon.samples} if horizon.samples else {"ms": horizon.ms},
        "history": history,
        **inputs.recorded(),
    }


def _places(source: Source) -> list[bytes]:
    """Return the first sample and the number of windows of every stride of a part."""
    count = source.index.count
    return [np.where(count > 0, source.index.first, 0).astype("<i8").tobytes(), count.astype("<i8").tobytes()]


def _digest(pieces: Any) -> str:
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()[:16]


def check_step(step: object, steps: int) -> int:
    """Return the global steps consumed of an epoch of some steps, or raise `ConfigError` where it has no such step."""
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= steps:
        raise ConfigError(f"loader state: step: found {step!r}, expected a whole number from 0 to {steps:,}.")
    return step


def check_state(own: Mapping[str, Any], state: Mapping[str, Any], *, steps: int) -> None:
    """Raise `ConfigError` when a state is of other windows, or at no place of an epoch of some steps."""
    if not isinstance(state, Mapping):
        raise ConfigError(f"loader state: found {state!r}, expected what state_dict returned.")
    absent = [name for name in own if name not in state]
    if absent:
        raise ConfigError(
            f"loader state: found no {', '.join(absent)}, expected {', '.join(own)}. It is incomplete, or an older "
            "version of this package saved it, which did not say of which windows it is: begin the run again."
        )
    other = [
        f"{name}{f' ({_MEANING[name]})' if name in _MEANING else ''}: found {state[name]}, expected {own[name]}"
        for name in own
        if name not in _PLACE and state[name] != own[name]
    ]
    if other:
        raise ConfigError(f"loader state: {'; '.join(other)}. Resume with the data and options of the saved run.")
    whole_numbers(**{f"loader state: {name}": state[name] for name in ("lanes", "epoch")})
    check_step(state["step"], steps)
