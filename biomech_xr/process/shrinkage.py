"""Wavelet shrinkage of coefficients: their noise, the threshold by a rule, and what it leaves of them.

The functions are compiled and take codes: the place of a rule in `RULES`, of a kind of shrinkage in `SHRINKS`. They
work on vectors of float32 or float64.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.process.compiled import compiled

Values = npt.NDArray[Any]

RULES: Final = ("universal", "sure", "bayes")
SHRINKS: Final = ("soft", "hard", "garrote")
_UNIVERSAL, _SURE, _BAYES = range(3)
_SOFT, _HARD, _GARROTE = range(3)
_NORMAL_MAD: Final = 0.6744897501960817
"""Median absolute deviation of the standard normal distribution."""
_HALF_NORMAL: Final = 0.845
"""Median magnitude over mean magnitude of a normal distribution."""
_FIRST_WIDTH: Final = 1.2
_MOST_COUNTS: Final = 6
_FEW: Final = 16


@compiled()
def noise_of(magnitudes: Values) -> float:
    """Return the noise of coefficients: their median magnitude / 0.6745.

    Donoho & Johnstone 1994, Biometrika 81:425.
    """
    return float(median(magnitudes)) / _NORMAL_MAD


@compiled()
def threshold_of(magnitudes: Values, noise: float, size: int, rule: int) -> float:
    """Return the threshold of coefficients with the given noise.

    Parameters
    ----------
    magnitudes
        Magnitudes of the coefficients of one level or leaf.
    noise
        Their standard deviation without signal, see `noise_of`; for `bayes` of a DWT, that of the finest level.
    size
        Length of the signal in samples.
    rule
        `universal` (VisuShrink): noise x sqrt(2 ln size) (Donoho & Johnstone 1994, Biometrika 81:425). `sure`: the
        magnitude, or 0, with the least of Stein's unbiased risk estimate, at most noise x sqrt(2 ln coefficients)
        (Donoho & Johnstone 1995, JASA 90:1200). `bayes`: noise squared over the deviation of the signal, which is
        sqrt(mean square - noise squared); infinite where that is not positive (Chang, Yu & Vetterli 2000, IEEE Trans
        Image Process 9:1532).
    """
    if rule == _UNIVERSAL:
        return noise * math.sqrt(2 * math.log(size))
    if rule == _SURE:
        return float(_least_risk(magnitudes, noise))
    power = 0.0
    for value in magnitudes:
        power += float(value) * float(value)
    spread = power / len(magnitudes) - noise * noise
    return noise * noise / math.sqrt(spread) if spread > 0 else np.inf


@compiled()
def shrink_values(values: Values, threshold: float, kind: int) -> None:
    """Shrink coefficients in place.

    What is not above the threshold in magnitude becomes 0. Of the rest, `soft` takes the threshold off their magnitude,
    `hard` keeps them, and `garrote` takes off threshold squared / value (Gao 1998, J Comput Graph Stat 7:469).
    """
    for i in range(len(values)):
        values[i] = _shrunk(values[i], threshold, kind)


@compiled()
def median(values: Values) -> float:
    """Return the median of finite values that are not negative.

    Counts of what lies below two guesses bracket it until few values are left inside. The first guesses are those of
    a normal distribution, the next ones interpolate.
    """
    size = len(values)
    half, odd = size // 2, size % 2 == 1
    lowest = half if odd else half - 1
    low, high, below, upto = 0.0, np.inf, 0, size
    center, width = _HALF_NORMAL * _mean(values), _FIRST_WIDTH / math.sqrt(size)
    first, second = center * (1 - width), center * (1 + width)
    for _ in range(_MOST_COUNTS):
        if upto - below <= _FEW:
            break
        for guess, count in zip((first, second), _count(values, first, second)):  # noqa: B905 - not compiled
            if below <= count <= lowest:
                low, below = guess, count
            elif half < count <= upto:
                high, upto = guess, count
        slope = (high - low) / (upto - below)
        margin = math.sqrt(upto - below)
        first, second = low + slope * (half - below - margin), low + slope * (half - below + margin)
        if high == np.inf:
            first, second = 1.1 * low, 2 * low
    kept, inside = np.empty(size, values.dtype), 0
    for value in values:
        kept[inside] = value
        inside += (value >= low) & (value < high)
    if odd:
        return float(_ranked(kept[:inside], half - below))
    return 0.5 * float(_ranked(kept[:inside], half - below) + _ranked(kept[:inside], half - 1 - below))


@compiled(fastmath={"reassoc"})
def _mean(values: Values) -> float:
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total / len(values)


@compiled()
def _count(values: Values, first: float, second: float) -> tuple[int, int]:
    """Return how many values are less than the first and the second guess."""
    one, two = 0, 0
    for i in range(len(values)):
        one += values[i] < first
        two += values[i] < second
    return one, two


@compiled(inline="always")
def _shrunk(value: float, threshold: float, kind: int) -> float:
    """Return a coefficient after shrinkage."""
    left = abs(value) - threshold
    if left <= 0:
        return 0.0
    if kind == _SOFT:
        return math.copysign(left, value)
    return value if kind == _HARD else value - threshold * threshold / value


@compiled()
def _ranked(values: Values, rank: int) -> float:
    """Return the value of a rank: by counting where there are few values, else by Hoare's selection, in place."""
    if len(values) <= _FEW:
        found = 0.0
        for candidate in values:
            less, upto = 0, 0
            for value in values:
                less += value < candidate
                upto += value <= candidate
            if less <= rank < upto:
                found = float(candidate)
        return found
    left, right = 0, len(values) - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            right = j
        elif rank >= i:
            left = i
        else:
            break
    return float(values[rank])


@compiled()
def _least_risk(magnitudes: Values, noise: float) -> float:
    """Return the threshold of the least unbiased risk estimate, at most noise x sqrt(2 ln coefficients)."""
    if noise == 0:
        return 0.0
    count = len(magnitudes)
    magnitudes.sort()
    limit = noise * math.sqrt(2 * math.log(count))
    best, least, below = 0.0, float(count), 0.0
    for i in range(count):
        value = float(magnitudes[i])
        if value > limit:
            break
        power = (value / noise) ** 2
        below += power
        risk = count - 2 * (i + 1) + below + (count - i - 1) * power
        if risk < least:
            best, least = value, risk
    return best
