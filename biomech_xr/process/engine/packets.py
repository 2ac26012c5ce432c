"""Denoising by shrinkage of a full wavelet packet tree.

The tree is that of `pywt.WaveletPacket` with half-sample symmetric extension (``mode="symmetric"``), to rounding. It is
walked depth first: a leaf is shrunk as soon as it exists, and two siblings are joined as soon as both are done, so only
the nodes on one path of the tree, each with its sibling, are ever held, and all but the first few of them in the cache.

Splitting and joining are the same loop. A node is taken apart into its even and odd samples; each of its halves is then
a sum of shifted copies of these, and each of the even and odd samples of a joined node is one of shifted copies of the
halves. That loop runs along time on contiguous values, for both outputs at once, two shifts in one pass.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.errors import ProcessingError, describe
from biomech_xr.process.engine.kernels import Array
from biomech_xr.process.engine.shrinkage import RULES, SHRINKS, noise_of, shrink_rows, threshold_of
from biomech_xr.process.engine.stages import Rule, Shrink
from biomech_xr.process.engine.vectors import lanes_of

_TILE: Final = 512
_ROW: Final = lanes_of(np.float64)
_FAST: Final = {"contract", "nsz"}


class _Bank(NamedTuple):
    """Factors of the two inputs in the two outputs of `_mix`, (shifts, 4), of splitting and joining; half the taps."""

    split: Array
    join: Array
    half: int


def denoise_packets(values: npt.NDArray[Any], *, wavelet: str, level: int, rule: Rule, shrink: Shrink) -> Array:
    """Return signals after shrinkage of every leaf but the lowest of their full wavelet packet tree.

    Each leaf is thresholded by its own noise, its median magnitude / 0.6745, so noise of any spectrum is met where it
    is; the leaf of low-pass filters only is kept as it is.

    Parameters
    ----------
    values
        Finite signals, shape (m, n), any unit.
    wavelet
        Discrete wavelet by its PyWavelets name, such as `db7`.
    level
        Depth of the tree, from 1 to `pywt.dwt_max_level`: the 2^level leaves are bands of equal width.
    rule
        `universal`, `sure` or `bayes`, see `shrinkage.threshold_of`; `bayes` takes the leaf's own noise.
    shrink
        `soft`, `hard` or `garrote`, see `shrinkage.shrink_rows`.

    Returns
    -------
    Array
        Signals of shape (m, n) in the unit of ``values``, float64.

    Raises
    ------
    ProcessingError
        The signals are too short for the level or not finite, or there is no such discrete wavelet.
    """
    signals = np.ascontiguousarray(values, dtype=np.float64)
    size = signals.shape[1]
    bank = _bank(wavelet)
    _check_level(wavelet, level, size)
    if not np.isfinite(signals).all():
        found = f"{np.count_nonzero(~np.isfinite(signals))} values that are NaN or infinite"
        action = "Split the signals at their gaps first"
        raise ProcessingError(describe(field="signals for wavelet packets", found=found, action=action))
    lengths = np.array([_length(size, depth, bank.half) for depth in range(level + 1)])
    rows = _ROW * ((lengths + len(bank.split) + _ROW - 1) // _ROW)
    starts = np.cumsum([0, rows[0], *np.repeat(rows[1:], 2)])
    nodes, scratch = np.zeros(starts[-1]), np.empty((2, max(_TILE, lengths[-1]) + len(bank.split)))
    out = np.empty(signals.shape)
    kinds = RULES.index(rule), SHRINKS.index(shrink)
    for signal, result in zip(signals, out, strict=True):
        nodes[:size] = signal
        _walk(nodes, starts, lengths, *bank, *kinds, scratch)
        result[:] = nodes[:size]
    return out


def _check_level(wavelet: str, level: int, size: int) -> None:
    """Check that signals are long enough for the level."""
    import pywt

    taps = pywt.Wavelet(wavelet).dec_len
    most = pywt.dwt_max_level(size, taps) if size >= taps else 0
    if 1 <= level <= most:
        return
    found = f"level {level} of wavelet {wavelet} on {size} samples"
    if level < 1:
        raise ProcessingError(describe(found=found, expected="level 1 or more", action="Choose a level of 1 or more"))
    action = f"A signal needs {(taps - 1) << level} samples for level {level}; "
    action += f"choose a level up to {most}" if most else "these are too short for any level of this wavelet"
    raise ProcessingError(describe(found=found, expected=f"level {most} or less", action=action))


def _bank(wavelet: str) -> _Bank:
    """Return the factors of a wavelet, with shifts of zero factors up to an even number.

    Row k of a half is the sum over taps j of the filter and sample 2 k + 1 - j, so odd taps meet even samples; sample
    2 k + p of a joined node is that over shifts i of synthesis tap ``taps`` - 2 - 2 i + p and row k + i of the halves.
    """
    import pywt

    try:
        low, high, rebuilt_low, rebuilt_high = np.asarray(pywt.Wavelet(wavelet).filter_bank, dtype=np.float64)
    except (TypeError, ValueError) as error:
        expected = "a discrete wavelet of PyWavelets, such as db7"
        raise ProcessingError(describe(field="wavelet", found=repr(wavelet), expected=expected)) from error
    half = len(low) // 2
    split, join = np.zeros((2, half + half % 2, 4))
    split[-half:] = np.stack([low[1::2], low[::2], high[1::2], high[::2]], axis=1)[::-1]
    even, odd = slice(0, None, 2), slice(1, None, 2)
    parts = rebuilt_low[even], rebuilt_high[even], rebuilt_low[odd], rebuilt_high[odd]
    join[:half] = np.stack(parts, axis=1)[::-1]
    return _Bank(split, join, half)


def _length(size: int, depth: int, half: int) -> int:
    """Return the number of coefficients of a node at a depth."""
    for _ in range(depth):
        size = (size + 2 * half - 1) // 2
    return size


@compiled()
def _walk(
    nodes: Array,
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    split: Array,
    join: Array,
    half: int,
    rule: int,
    kind: int,
    scratch: Array,
) -> None:
    """Denoise the signal that the first node holds; nodes 2 d - 1 and 2 d are the two alive at depth d.

    The bits of a leaf's number are the way to it from the root, 1 for a high-pass; so it is new from the depth of its
    last 1 on, and completes a pair for each 1 at its end.
    """
    level = len(lengths) - 1
    for leaf in range(1 << level):
        depth = level
        while depth > 0 and not (leaf >> (level - depth)) & 1:
            depth -= 1
        while depth < level:
            node = _place(starts, leaf, depth, level)
            _split(nodes, node, lengths[depth], starts[2 * depth + 1 :], lengths[depth + 1], split, scratch)
            depth += 1
        if leaf > 0:
            start = _place(starts, leaf, level, level)
            _shrink_leaf(nodes, start, lengths[level], lengths[0], rule, kind, scratch)
        while depth > 0 and (leaf >> (level - depth)) & 1:
            depth -= 1
            node = _place(starts, leaf, depth, level)
            _join(nodes, node, starts[2 * depth + 1 :], lengths[depth + 1] - half + 1, join, scratch)


@compiled()
def _place(starts: npt.NDArray[np.int64], leaf: int, depth: int, level: int) -> int:
    """Return where the node on the way to a leaf starts at a depth."""
    return int(starts[2 * depth - 1 + ((leaf >> (level - depth)) & 1)] if depth else starts[0])


@compiled()
def _shrink_leaf(nodes: Array, start: int, count: int, size: int, rule: int, kind: int, scratch: Array) -> None:
    """Shrink the ``count`` values from ``start`` on; what fills up the last row behind them is never read."""
    magnitudes, thresholds = scratch[0, :count], scratch[1, :_ROW]
    for i in range(count):
        magnitudes[i] = abs(nodes[start + i])
    thresholds[:] = threshold_of(magnitudes, noise_of(magnitudes), size, rule)
    shrink_rows(nodes[start:], 0, (count + _ROW - 1) // _ROW, thresholds, kind)


@compiled()
def _split(
    nodes: Array,
    node: int,
    size: int,
    halves: npt.NDArray[np.int64],
    count: int,
    factors: Array,
    scratch: Array,
) -> None:
    """Write the two halves of the node of ``size`` values that starts at ``node``, ``count`` values each."""
    lead = len(factors) - 1
    even, odd, source = scratch[0], scratch[1], nodes[node : node + size]
    for start in range(0, count, _TILE):
        rows = min(_TILE, count - start)
        first, last = start - lead, start + rows
        begin = min(max(first, 0), last)
        end = max(min(size // 2, last), begin)
        _extend(source, first, begin, even, odd, first)
        inner, one, two = source[2 * begin :], even[begin - first :], odd[begin - first :]
        for i in range(end - begin):
            one[i] = inner[2 * i]
            two[i] = inner[2 * i + 1]
        _extend(source, end, last, even, odd, first)
        _mix(even, odd, factors, nodes[halves[0] + start :], nodes[halves[1] + start :], rows)


@compiled()
def _extend(source: Array, begin: int, end: int, even: Array, odd: Array, first: int) -> None:
    """Take pairs of samples, some of them outside the node, from its half-sample symmetric extension."""
    period = 2 * len(source)
    for k in range(begin, end):
        for part, out in enumerate((even, odd)):
            place = (2 * k + part) % period
            out[k - first] = source[min(place, period - 1 - place)]


@compiled()
def _join(
    nodes: Array,
    node: int,
    halves: npt.NDArray[np.int64],
    count: int,
    factors: Array,
    scratch: Array,
) -> None:
    """Write the ``count`` pairs of samples of a node that starts at ``node`` from its halves."""
    even, odd = scratch[0], scratch[1]
    for start in range(0, count, _TILE):
        rows = min(_TILE, count - start)
        _mix(nodes[halves[0] + start :], nodes[halves[1] + start :], factors, even, odd, rows)
        out = nodes[node + 2 * start :]
        for i in range(rows):
            out[2 * i] = even[i]
            out[2 * i + 1] = odd[i]


@compiled(fastmath=_FAST)
def _mix(one: Array, two: Array, factors: Array, first: Array, second: Array, rows: int) -> None:
    """Write two sums over shifts m of factors and rows k + m of two inputs, to rows k of two outputs."""
    for i in range(rows):
        first[i] = 0.0
        second[i] = 0.0
    for m in range(0, len(factors), 2):
        a, b, c, d = factors[m]
        e, f, g, h = factors[m + 1]
        one_next, two_next = one[m + 1 :], two[m + 1 :]
        one_here, two_here = one[m:], two[m:]
        for i in range(rows):
            first[i] = first[i] + a * one_here[i] + b * two_here[i] + e * one_next[i] + f * two_next[i]
            second[i] = second[i] + c * one_here[i] + d * two_here[i] + g * one_next[i] + h * two_next[i]
