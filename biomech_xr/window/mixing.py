"""How often each source and each activity is drawn in an epoch: shares, never lists of windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from biomech_xr.config import Config
from biomech_xr.errors import ConfigError
from biomech_xr.window.order import Ints

MAX_REPEATS: Final = 10.0
_ROUNDING: Final = 1e-6

Floats = npt.NDArray[np.float64]


class Mixing(Config):
    """How sources are mixed; an epoch is then a drawn multiset of as many windows as there are.

    Source i with N windows gets a share P ~ N^`alpha`: 1 leaves sizes as they are, 0 makes all sources equal. `caps`
    bounds shares of an epoch by name of the source, as in ``{"hu": 0.2}``; the excess goes to the others by the same
    rule. ``balance="activity"`` gives each activity of a source the same share of that source. In no source and no
    activity are windows drawn more than `max_repeats` times an epoch on average: what is rarer gets less, the rest
    goes to the others.
    """

    alpha: float = Field(default=1.0, ge=0, le=1)
    caps: Mapping[str, float] = Field(default_factory=dict)
    balance: Literal["none", "activity"] = "none"
    max_repeats: float = Field(default=MAX_REPEATS, ge=1)

    @model_validator(mode="after")
    def _caps_are_shares(self) -> Self:
        wrong = {name: cap for name, cap in self.caps.items() if not 0 < cap <= 1}
        if wrong:
            raise ValueError(f"caps: found {wrong}, expected shares above 0 and at most 1")
        return self

    @classmethod
    def parse(cls, value: Mixing | Mapping[str, Any] | None) -> Mixing | None:
        """Return a mixing as it is, or made of a mapping.

        Raises
        ------
        ConfigError
            An unknown key or impossible value.
        """
        return value if value is None or isinstance(value, Mixing) else cls.of(value, origin="mixing")

    def key(self) -> str:
        """Return a hash of the values: states of another mixing are refused."""
        return self.hash()

    def targets(self, windows: Ints, names: Sequence[str]) -> Ints:
        """Return how many windows an epoch draws, dims (source, group).

        Parameters
        ----------
        windows
            How many there are, dims (source, group). Groups are activities; without balance they keep their sizes.
        names
            Names of the sources.

        Raises
        ------
        ConfigError
            A cap of an unknown source, or caps that leave a part of an epoch to nobody.
        """
        unknown = sorted(set(self.caps) - set(names))
        if unknown:
            raise ConfigError(
                f"mixing: caps: found {', '.join(unknown)}, expected sources that are read: {', '.join(names)}."
            )
        sizes = windows.sum(axis=1)
        total = int(sizes.sum())
        capped = np.array([self.caps.get(name, 1.0) for name in names])
        limits = np.minimum(capped * total, self.max_repeats * sizes)
        if limits.sum() < total * (1 - _ROUNDING):
            raise ConfigError(
                f"mixing: found caps {dict(self.caps)} and max_repeats {self.max_repeats:g}, with which "
                f"{', '.join(names)} fill {limits.sum() / total:.0%} of an epoch, expected 100%. Raise a cap or "
                "max_repeats."
            )
        weights = np.where(sizes > 0, np.maximum(sizes, 1) ** self.alpha, 0.0)
        drawn = apportion(total, weights, limits)
        even = self.balance == "activity"
        weight = windows > 0 if even else windows
        most = self.max_repeats * windows if even else np.full(windows.shape, np.inf)
        return np.stack([apportion(*rows) for rows in zip(drawn.tolist(), weight, most, strict=True)])


def apportion(total: int, weights: npt.ArrayLike, limits: npt.ArrayLike) -> Ints:
    """Return whole numbers that sum to ``total``, in proportion to weights and within limits.

    What exceeds a limit goes to the others in proportion to their weights, fractions to the largest remainders. Where
    limits leave no room for a fraction, one is exceeded by less than 1.
    """
    weight, limit = np.asarray(weights, np.float64), np.asarray(limits, np.float64)
    exact = np.zeros(weight.size)
    free = weight > 0
    while free.any():
        rest = total - exact[~free].sum()
        exact[free] = rest * weight[free] / weight[free].sum()
        over = free & (exact > limit)
        if not over.any():
            break
        exact[over] = limit[over]
        free &= ~over
    found: Ints = np.floor(exact + _ROUNDING).astype(np.int64)
    missing = total - int(found.sum())
    room = (weight > 0) & (found + 1 <= limit + _ROUNDING)
    order = np.lexsort((-(exact - found), ~room, weight <= 0))
    found[order[:missing]] += 1
    return found
