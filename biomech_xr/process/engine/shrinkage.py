"""Wavelet shrinkage of coefficients: their noise, the threshold by a rule, and what it leaves of them.

The functions are compiled and take codes: the place of a rule in `RULES`, of a kind of shrinkage in `SHRINKS`. They
work on vectors of float32 or float64.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.process.engine.vectors import beyond, larger, load, magnitude, smaller, spread, store

Values = npt.NDArray[Any]

RULES: Final = ("universal", "sure", "bayes")
SHRINKS: Final = ("soft", "hard", "garrote")
UNIVERSAL, _SURE, _ = range(3)
_SOFT, _HARD, _ = range(3)
NORMAL_MAD: Final = 0.6744897501960817
"""Median absolute deviation of the standard normal distribution."""
_HALF_NORMAL: Final = 0.845
"""Median magnitude over mean magnitude of a normal distribution."""
_FIRST_WIDTH: Final = 1.2
_MOST_COUNTS: Final = 6
_FEW: Final = 16
_EACH: Final = 4
"""Coefficients for each bin of a risk estimate."""
_MOST_BINS: Final = 1024
_LEAST_LIMIT: Final = 1e-140
"""Below it, and above its inverse, squares leave the range of numbers: a filter rings ever less, down to 5e-324."""
_ROUNDING: Final = 1e-9
"""By how much sums of a bin's squares may differ from those of its values one by one, for each coefficient."""


@compiled()
def noise_of(magnitudes: Values) -> float:
    """Return the noise of coefficients: their median magnitude / 0.6745.

    Donoho & Johnstone 1994, Biometrika 81:425.
    """
    return float(median(magnitudes)) / NORMAL_MAD


@compiled()
def threshold_of(magnitudes: Values, noise: float, size: int, rule: int) -> float:
    """Return the threshold of coefficients with the given noise.

    Parameters
    ----------
    magnitudes
        Magnitudes of the coefficients of one level or leaf.
    noise
        Their standard deviation without signal, see `noise_of`.
    size
        Length of the signal in samples.
    rule
        `universal` (VisuShrink): noise x sqrt(2 ln size) (Donoho & Johnstone 1994, Biometrika 81:425). `sure`: the
        magnitude, or 0, with the least of Stein's unbiased risk estimate, at most noise x sqrt(2 ln coefficients)
        (Donoho & Johnstone 1995, JASA 90:1200). `bayes`: noise squared over the deviation of the signal, which is
        sqrt(mean square - noise squared); infinite where that is not positive (Chang, Yu & Vetterli 2000, IEEE Trans
        Image Process 9:1532).
    """
    if rule == UNIVERSAL:
        return noise * math.sqrt(2 * math.log(size))
    if rule == _SURE:
        return float(_least_risk(magnitudes, noise))
    power = 0.0
    for value in magnitudes:
        power += float(value) * float(value)
    spread = power / len(magnitudes) - noise * noise
    return noise * noise / math.sqrt(spread) if spread > 0 else np.inf


@compiled()
def shrink_rows(values: Values, begin: int, end: int, thresholds: Values, kind: int) -> None:
    """Shrink rows of coefficients (see `vectors`) in place by the threshold of each lane, as `pywt.threshold` does.

    What is below the threshold in magnitude becomes 0. Of the rest, `soft` takes the threshold off their magnitude,
    `hard` keeps them, and `garrote` takes off threshold squared / value (Gao 1998, J Comput Graph Stat 7:469).
    """
    limit = load(thresholds, 0)
    negative = spread(values.dtype.type(0)) - limit
    square = limit * limit
    for i in range(begin, end):
        x = load(values, i)
        if kind == _SOFT:
            store(values, i, x - smaller(larger(x, negative), limit))
        elif kind == _HARD:
            store(values, i, x - beyond(limit, magnitude(x), x))
        else:
            store(values, i, beyond(magnitude(x), limit, x - square / x))


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
    return float(middle(kept[:inside], half - below, odd))


@compiled()
def middle(values: Values, rank: int, odd: bool) -> float:  # noqa: FBT001 - compiled
    """Return the value of a rank, or its mean with the one before where the count is not ``odd``; sorts."""
    sort(values)
    return float(values[rank]) if odd else 0.5 * (float(values[rank - 1]) + float(values[rank]))


@compiled()
def sort(values: Values) -> None:
    """Sort in place, by ever smaller steps (Shell)."""
    step = 1
    while step < len(values) // 3:
        step = 3 * step + 1
    while step > 0:
        for i in range(step, len(values)):
            value, k = values[i], i
            while k >= step and values[k - step] > value:
                values[k] = values[k - step]
                k -= step
            values[k] = value
        step //= 3


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


@compiled()
def _least_risk(magnitudes: Values, noise: float) -> float:
    """Return the threshold of the least unbiased risk estimate, at most noise x sqrt(2 ln coefficients).

    Only where the least risk can be are magnitudes sorted, see `_promising`.
    """
    count = len(magnitudes)
    limit = noise * math.sqrt(2 * math.log(count))
    if not _LEAST_LIMIT < limit < 1 / _LEAST_LIMIT:  # nothing to shrink by, or no number
        return 0.0
    bins = max(1, min(count // _EACH, _MOST_BINS))
    scale, unit = bins / limit, 1 / noise**2
    number, power = np.zeros(bins, np.int64), np.zeros(bins)
    for i in range(count):
        value = float(magnitudes[i])
        if value <= limit:
            place = min(int(value * scale), bins - 1)
            number[place] += 1
            power[place] += value * value * unit
    starts, kept = _promising(count, number, power, unit / scale**2)
    values, ends = np.empty(kept), starts.copy()
    for i in range(count):
        value = float(magnitudes[i])
        if value <= limit:
            place = min(int(value * scale), bins - 1)
            if starts[place] >= 0:
                values[ends[place]] = value
                ends[place] += 1
    best, least, before, below = 0.0, float(count), 0, 0.0
    for place in range(bins):
        if starts[place] >= 0:
            sort(values[starts[place] : ends[place]])
            part = below
            for i in range(starts[place], ends[place]):
                upto = before + 1 + i - starts[place]
                square = values[i] * values[i] * unit
                part += square
                risk = count - 2 * upto + part + (count - upto) * square
                if risk < least:
                    best, least = values[i], risk
        before += number[place]
        below += power[place]
    return best


@compiled()
def _promising(count: int, number: Values, power: Values, unit: float) -> tuple[Values, int]:
    """Return where the values of each bin that may have the least risk start, -1 of others, and how many they are.

    Number and power of the values in a bin bound the risks there: the least of the upper bounds is one for all.

    Parameters
    ----------
    count
        Coefficients, those beyond all bins included.
    number, power
        Of the values in each bin: their number, and the sum of their squares over the noise squared.
    unit
        Square of a bin's width over the noise squared.
    """
    lowest, bound = np.empty(len(number)), float(count)
    before, below = 0, 0.0
    for place in range(len(number)):
        after = before + number[place]
        lowest[place] = count - 2 * after + below + (count - before) * place**2 * unit
        below += power[place]
        if number[place]:
            bound = min(bound, count - 2 * after + below + (count - after) * (place + 1) ** 2 * unit)
        before = after
    starts, kept = np.full(len(number), -1, np.int64), 0
    for place in range(len(number)):
        if lowest[place] <= bound + _ROUNDING * count:
            starts[place] = kept
            kept += number[place]
    return starts, kept
