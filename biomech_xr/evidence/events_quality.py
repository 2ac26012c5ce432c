"""How far the events of a trial are to be believed, from the events alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import FloatArray
from biomech_xr.evidence.events_compare import compare_events

_STRIDE: Final = (0.4, 3.0)
"""Bounds of a stride, s: from running to the slowest walk after a stroke."""
_REGULAR: Final = 0.2
"""Share of the median stride by which a stride may differ."""
_VARIED: Final = (0.06, 0.15)
"""Robust coefficient of variation of the strides that is worth everything, and nothing: 0.02 to 0.04 in healthy people,
up to 0.06 after a stroke."""
_STANCE: Final = (0.45, 0.85)
"""Bounds of the share of stance: level walking 0.58 to 0.66, stairs to 0.68, after stroke to 0.8."""
_BETWEEN: Final = (0.2, 0.8)
"""Bounds of the place of the other foot's contact in the stride."""
_AGREE: Final = 0.1
"""Seconds within which two detectors agree."""
_CLEAR: Final = (2.0, 10.0)
"""Ratio of peak to noise that is worth nothing, and everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventQuality:
    """`score` in [0, 1], an estimate of the share of right events, and its parts; what was not measured is absent."""

    score: float
    parts: Mapping[str, float]

    def describe(self) -> str:
        """Return score and parts in words."""
        return f"{self.score:.2f} ({', '.join(f'{name} {value:.2f}' for name, value in self.parts.items())})"


def event_quality(
    contacts: npt.ArrayLike,
    foot_offs: npt.ArrayLike = (),
    *,
    other_contacts: npt.ArrayLike = (),
    second: npt.ArrayLike = (),
    peak_to_noise: float | None = None,
) -> EventQuality:
    """Return how far the events of one foot in one trial of steady gait are to be believed.

    The score is an estimate of the share of events that are right, found by planting errors in the events of the
    synthetic human: the geometric mean of what the events say among themselves, times what is known besides.

    * ``regularity``: strides within 0.4 to 3 s and within a fifth of the median stride, less where strides vary by more
      than 6 per cent (nothing is left at 15);
    * ``stance``: strides with one foot off inside, at 45 to 85 per cent;
    * ``alternation``: strides with one contact of the other foot inside, at 20 to 80 per cent;
    * ``agreement`` (a factor): contacts that both detectors see within 0.1 s, of all that either sees;
    * ``clearness`` (a factor): the ratio of peak to noise, from 0 at 2 to 1 at 10.

    It says nothing about an error that all events share: a constant delay of 50 ms leaves it at 1, and only a
    comparison with given events (`compare_events`) tells.

    Parameters
    ----------
    contacts, foot_offs
        s, of the foot.
    other_contacts
        Contacts of the other foot, s.
    second
        Contacts of the same foot from a second detector, s.
    peak_to_noise
        Height of the peaks over the noise of the signal, as `swing_peaks` gives it.

    Returns
    -------
    EventQuality
        0 where there is no stride. What is not given is no part of it.

    Raises
    ------
    ConfigError
        An array is not one-dimensional.
    """
    own, offs, other, another = (_times(x) for x in (contacts, foot_offs, other_contacts, second))
    if own.size < 2:
        return EventQuality(score=0.0, parts={})
    parts = _among_themselves(own, offs, other)
    factors: dict[str, float] = {}
    if another.size:
        pairs = compare_events(another, own, _AGREE)
        factors["agreement"] = pairs.matched / (pairs.matched + pairs.missed + pairs.extra)
    if peak_to_noise is not None:
        low, high = _CLEAR
        factors["clearness"] = float(np.clip((peak_to_noise - low) / (high - low), 0.0, 1.0))
    score = math.prod(parts.values()) ** (1 / len(parts)) * math.prod(factors.values())
    return EventQuality(score=score, parts=parts | factors)


def _among_themselves(own: FloatArray, offs: FloatArray, other: FloatArray) -> dict[str, float]:
    """Return what contacts, foot offs and the other foot's contacts say of each other."""
    strides = np.diff(own)
    parts = {"regularity": _regularity(strides)}
    if offs.size:
        parts["stance"] = _inside(own, strides, offs, _STANCE)
    if other.size:
        parts["alternation"] = _inside(own, strides, other, _BETWEEN, within=(float(other[0]), float(other[-1])))
    return parts


def _times(values: npt.ArrayLike) -> FloatArray:
    times = np.asarray(values, dtype=np.float64)
    if times.ndim != 1:
        raise ConfigError(f"evidence: events of shape {times.shape}; expected (event,).")
    return np.sort(times[np.isfinite(times)])


def _regularity(strides: FloatArray) -> float:
    possible = (strides >= _STRIDE[0]) & (strides <= _STRIDE[1])
    usual = float(np.median(strides[possible])) if possible.any() else math.nan
    if not usual > 0:
        return 0.0
    away = np.abs(strides - usual)
    good, bad = _VARIED
    steady = np.clip((bad - 1.4826 * float(np.median(away)) / usual) / (bad - good), 0.0, 1.0)
    return float(np.mean(possible & (away <= _REGULAR * usual)) * steady)


def _inside(
    contacts: FloatArray,
    strides: FloatArray,
    times: FloatArray,
    bounds: tuple[float, float],
    within: tuple[float, float] | None = None,
) -> float:
    """Return the share of strides with one time inside, within bounds of phase; strides beyond ``within`` left out."""
    counts = np.searchsorted(times, contacts[1:]) - np.searchsorted(times, contacts[:-1])
    place = np.minimum(np.searchsorted(times, contacts[:-1]), times.size - 1)
    phase = (times[place] - contacts[:-1]) / strides
    good = (counts == 1) & (phase >= bounds[0]) & (phase <= bounds[1])
    if within is None:
        return float(good.mean())
    known = (contacts[1:] > within[0]) & (contacts[:-1] < within[1])
    return float(good[known].mean()) if known.any() else 0.0
