"""Options of a loader, looked at before a store is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, Final

from biomech_xr.errors import ConfigError
from biomech_xr.window.index import Horizon

DEFAULT_FILTERS: Final[Mapping[str, Any]] = {"condition": "none"}

_LEAST: Final = {"seed": 0, "rank": 0, "epoch": 0}
_MOST: Final = 2**62
"""What 64 bits hold, sums of two included."""


def whole_numbers(**options: object) -> tuple[int, ...]:
    """Return options as whole numbers, in their order; words before the last one of a name say where it is from.

    Raises
    ------
    ConfigError
        One is no whole number, too large, or too small: seed, rank and epoch are 0 or more, others 1 or more.
    """
    found: list[int] = []
    for name, value in options.items():
        least = _LEAST.get(name.rpartition(" ")[2], 1)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ConfigError(f"{name}: found {value!r}, expected a whole number, {least} or more.")
        if int(value) > _MOST:
            raise ConfigError(f"{name}: found {value}, expected at most 2**62.")
        found.append(int(value))
    return tuple(found)


def find_horizon(value: Mapping[str, float] | None) -> Horizon:
    """Return a horizon, by default one kinematic sample.

    Raises
    ------
    ConfigError
        Not ``{"samples": n}`` or ``{"ms": x}`` with a positive number.
    """
    if value is None:
        return Horizon(samples=1)
    numbers = value.values() if isinstance(value, Mapping) else [None]
    if any(isinstance(one, bool) or not isinstance(one, Real) for one in numbers):
        raise ConfigError(f"horizon: found {value!r}, expected {{'samples': n >= 1}} or {{'ms': x > 0}}.")
    return Horizon.of(value)


def check_names(**options: object) -> None:
    """Raise `ConfigError` where an option is neither text, nor a list of texts, nor None; of a list one is needed."""
    for name, value in options.items():
        values = [] if isinstance(value, str) or value is None else value
        if not isinstance(values, Iterable) or not all(isinstance(one, str) for one in values):
            raise ConfigError(f"{name}: found {value!r}, expected text or a list of texts.")
        if value is not None and not value:
            raise ConfigError(f"{name}: found {value!r}, expected one name or more; leave it out for all of them.")


def find_filters(value: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the filters that were asked for, and those in force.

    `DEFAULT_FILTERS` is in force unless ``condition`` is named, where None stands for all of them; ``{}`` leaves
    nothing out.

    Raises
    ------
    ConfigError
        Not a mapping.
    """
    if value is None:
        return {}, DEFAULT_FILTERS
    if not isinstance(value, Mapping):
        raise ConfigError(f"filters: found {value!r}, expected a mapping such as {{'speed': '> 1.2'}}.")
    asked = {name: one for name, one in value.items() if (name, one) != ("condition", None)}
    return asked, asked if not value or "condition" in value else {**DEFAULT_FILTERS, **asked}
