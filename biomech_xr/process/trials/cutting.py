"""Compiled loops over the strides of a trial: channels out of a recording, strides out of a signal, what is in them.

Strides lie end to end: stride i of a channel is ``flat[channel, starts[i] : starts[i] + ends[i]]``, `schema.HISTORY`
samples before its contact and then those up to its end. Nothing is held for the time after it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled

Values = npt.NDArray[Any]

_ROWS: Final = 256


@compiled()
def first_recorded(values: Values) -> Values:
    """Return the first row with a finite sample of each column of a recording (n, m); n where there is none."""
    found = np.full(values.shape[1], len(values))
    for column in range(values.shape[1]):
        for i in range(len(values)):
            if np.isfinite(values[i, column]):
                found[column] = i
                break
    return found


@compiled()
def pick_columns(values: Values, columns: Values, out: Values) -> Values:
    """Copy columns of a recording (n, m) to the rows of ``out``, and return which of them were measured.

    What comes before a channel's first finite sample that is not 0 was not measured, and becomes NaN; a channel that
    never changes from there on was not measured at all. See `blank_still` for what may not look ahead.
    """
    size, changes = len(values), np.zeros(len(columns), dtype=np.bool_)
    begins, level = np.full(len(columns), -1), np.zeros(len(columns), dtype=values.dtype)
    for first in range(0, size, _ROWS):
        last = min(first + _ROWS, size)
        for row in range(len(columns)):
            column, begin = columns[row], begins[row]
            for i in range(first, last):
                value = values[i, column]
                if begin < 0:
                    if not np.isfinite(value) or value == 0:
                        out[row, i] = np.nan
                        continue
                    begins[row] = begin = i
                    level[row] = value
                out[row, i] = value
                if value != level[row] and np.isfinite(value):
                    changes[row] = True
    return changes


@compiled()
def blank_still(values: Values, samples: int) -> None:
    """Blank signals (m, n) that have not changed for so many samples from their first on, until they change."""
    for row in range(len(values)):
        own, count = values[row], 0
        level = values.dtype.type(np.nan)
        for i in range(len(own)):
            if not np.isfinite(own[i]):
                continue
            level = own[i] if count == 0 else level
            if own[i] != level:
                break
            count += 1
            if count >= samples:
                own[i] = np.nan


@compiled()
def blank_dropouts(values: Values, samples: int, share: float) -> None:
    """Blank runs of at least so many zeros in signals (m, n) whose steps are finer than a share of their deviation.

    The step of a signal is the smallest difference of neighbors, its deviation that of its other samples.
    """
    for row in range(len(values)):
        own = values[row]
        longest, run = 0, 0
        for i in range(len(own)):
            run = run + 1 if own[i] == 0 else 0
            longest = max(longest, run)
        if longest < samples:
            continue
        step, count, first, second, level = np.inf, 0, 0.0, 0.0, 0.0
        for i in range(len(own)):
            if np.isfinite(own[i]) and own[i] != 0:
                level = own[i] if count == 0 else level
                count, first, second = count + 1, first + (own[i] - level), second + (own[i] - level) ** 2
                if i and np.isfinite(own[i - 1]) and own[i - 1] != 0 and own[i] != own[i - 1]:
                    step = min(step, abs(np.float64(own[i]) - own[i - 1]))
        if count == 0 or step > share * np.sqrt(max(second / count - (first / count) ** 2, 0.0)):
            continue
        begin = 0
        for i in range(len(own) + 1):
            if i == len(own) or own[i] != 0:
                if i - begin >= samples:
                    own[begin:i] = np.nan
                begin = i + 1


@compiled()
def cut_strides(
    values: Values, zero: Values, starts: Values, ends: Values, history: int, rows: Values, out: Values
) -> None:
    """Write strides of signals (m, n) to ``rows`` of the flat ``out``; NaN outside the signals.

    ``zero`` is the sample that becomes the contact of each stride.
    """
    for row in range(len(values)):
        source, target = values[row], out[rows[row]]
        for stride in range(len(zero)):
            offset, place = zero[stride] - history, starts[stride]
            begin = min(max(-offset, 0), ends[stride])
            end = max(min(len(source) - offset, ends[stride]), begin)
            for i in range(begin):
                target[place + i] = np.nan
            for i in range(begin, end):
                target[place + i] = source[offset + i]
            for i in range(end, ends[stride]):
                target[place + i] = np.nan


@compiled()
def highest_of(values: Values, zero: Values, sizes: Values, out: Values) -> None:
    """Write the maximum of ``sizes`` samples from each contact on, of signals (m, n), to ``out`` (stride, m).

    NaN where one of these samples is missing, or there are none; values count as float32.
    """
    for row in range(len(values)):
        source = values[row]
        for stride in range(len(zero)):
            begin, end = zero[stride], zero[stride] + sizes[stride]
            highest = np.float32(-np.inf)
            whole = begin >= 0 and end <= len(source) and end > begin
            if whole:
                for i in range(begin, end):
                    value = np.float32(source[i])
                    whole &= np.isfinite(value)
                    highest = max(highest, value)
            out[stride, row] = highest if whole else np.float32(np.nan)


@compiled()
def look_over(
    flat: Values, starts: Values, ends: Values, history: int, count: Values, past: Values, highest: Values
) -> None:
    """Blank history that lies before a gap, and look at the finite samples of each stride and channel.

    History before a gap belongs to another piece of signal. ``count`` (stride, channel) is of the samples from the
    contact on, ``past`` of those before it that are left; ``highest`` is the largest from the contact on, NaN unless
    all are there.
    """
    for channel in range(len(flat)):
        for stride in range(len(starts)):
            own = flat[channel, starts[stride] : starts[stride] + ends[stride]]
            finite, largest = 0, np.float32(-np.inf)
            for i in range(history, len(own)):
                finite += np.isfinite(own[i])
                largest = max(largest, own[i])
            whole = finite == len(own) - history and finite > 0
            highest[stride, channel] = largest if whole else np.float32(np.nan)
            count[stride, channel] = finite
            begin = history
            if len(own) > history and np.isfinite(own[history]):
                while begin > 0 and np.isfinite(own[begin - 1]):
                    begin -= 1
            past[stride, channel] = history - begin
            own[:begin] = np.nan


@compiled()
def unpack(flat: Values, ends: Values, rows: Values, scale: Values, out: Values) -> None:
    """Write flat strides, divided by ``scale`` (stride, row), to ``out`` (stride, channel, time); NaN elsewhere."""
    place = 0
    for stride in range(len(ends)):
        for channel in range(out.shape[1]):
            out[stride, channel, : ends[stride]] = np.nan
        for row in range(len(rows)):
            target, factor = out[stride, rows[row]], scale[stride, row]
            for i in range(ends[stride]):
                target[i] = flat[row, place + i] / factor
        for channel in range(out.shape[1]):
            out[stride, channel, ends[stride] :] = np.nan
        place += ends[stride]
