"""Random numbers that belong to a window: pure functions of a key, the same for every rank, worker and device.

A window's key is made of the seed, the epoch, the step, the place of the augmentation in its list, the window's stride
and sample, and its place in the whole step, because a step may hold a window twice. Numbers are those of SplitMix64
(Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195), with its arithmetic modulo 2**64 done on int64.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.compiled import compiled

_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS: Final = 16
"""Bits of a normal number: it is one of 2**16 equally likely ones, the furthest 4.3 standard deviations from 0."""
_EACH: Final = 64 // _BITS


def _signed(value: int) -> int:
    """Return the int64 of the same bits."""
    return (value + 2**63) % 2**64 - 2**63


def _mixed(value: torch.Tensor) -> torch.Tensor:
    """Return the bits of the output function of SplitMix64; torch shifts the sign in, which a mask takes away."""
    value = (value ^ ((value >> 30) & (2**34 - 1))) * _signed(_FIRST)
    value = (value ^ ((value >> 27) & (2**37 - 1))) * _signed(_SECOND)
    return value ^ ((value >> 31) & (2**33 - 1))


def window_keys(seed: tuple[int, ...], stride: torch.Tensor, sample: torch.Tensor, rank: int) -> torch.Tensor:
    """Return the key (B,) of each window of a rank.

    Parameters
    ----------
    seed
        Seed, epoch, step, place of the augmentation: what all windows of the step share.
    stride, sample
        Row of the stride over all parts, and kinematic sample; int64 (B,).
    rank
        Which slice of B windows of the step these are.
    """
    digest = hashlib.sha256("/".join(map(str, seed)).encode()).digest()
    key = _mixed(int.from_bytes(digest[:8], "little", signed=True) + stride * _signed(_GAMMA))
    key = _mixed(key + sample * _signed(_GAMMA))
    place = torch.arange(rank * len(key), (rank + 1) * len(key), device=key.device)
    return _mixed(key + place * _signed(_GAMMA))


def bits(keys: torch.Tensor, count: int) -> torch.Tensor:
    """Return the first so many words of 64 random bits of each key, (..., count)."""
    steps = torch.arange(1, count + 1, device=keys.device) * _signed(_GAMMA)
    return _mixed(keys[..., None] + steps)


def uniform(keys: torch.Tensor, count: int) -> torch.Tensor:
    """Return so many numbers of each key, uniform in [0, 1): float64 (..., count)."""
    return ((bits(keys, count) >> 11) & (2**53 - 1)) * 2.0**-53


@cache
def quantiles() -> npt.NDArray[np.float32]:
    """Return the 2**16 equally likely normal numbers, in rising order."""
    from scipy.special import ndtri  # here, because few runs need it

    return np.asarray(ndtri((np.arange(2**_BITS) + 0.5) / 2**_BITS), dtype=np.float32)


def add_normal(values: torch.Tensor, mask: torch.Tensor, keys: torch.Tensor, deviation: float) -> None:
    """Add normal noise to the rows whose mask is true, in place.

    Parameters
    ----------
    values
        float32 (B, C, W), contiguous.
    mask, keys
        bool (B, C), and the key of each row, int64 (B, C).
    deviation
        Standard deviation in the unit of the values.
    """
    if values.device.type == "cpu":
        flat = [tensor.contiguous().view(-1).numpy() for tensor in (mask, keys)]
        rows = values.view(-1).numpy()
        _add_normal(rows, *flat, values.shape[-1], np.float32(deviation), quantiles())
        return
    values += torch.where(mask[..., None], normal(keys, values.shape[-1]) * deviation, 0.0)


def normal(keys: torch.Tensor, count: int) -> torch.Tensor:
    """Return so many standard normal numbers of each key, float32 (..., count): those of `add_normal`."""
    words = bits(keys, -(-count // _EACH))
    parts = torch.stack([(words >> (_BITS * n)) & (2**_BITS - 1) for n in range(_EACH)], dim=-1)
    return _table(keys.device)[parts.flatten(-2)[..., :count]]


@cache
def _table(device: torch.device) -> torch.Tensor:
    """Return `quantiles` on a device."""
    return torch.from_numpy(quantiles()).to(device)


_G, _F, _S = (np.uint64(value) for value in (_GAMMA, _FIRST, _SECOND))
_WORD, _LOW = np.uint64(_BITS), np.uint64(2**_BITS - 1)
_N, _A, _B, _C = _EACH, np.uint64(30), np.uint64(27), np.uint64(31)


def _rows(values: Any, mask: Any, keys: Any, size: int, deviation: Any, table: Any) -> None:
    """Add normal numbers to rows of ``size`` values; four of them come out of each word."""
    for row in range(mask.size):
        if not mask[row]:
            continue
        key = np.uint64(keys[row])
        for start in range(row * size, (row + 1) * size, _N):
            key += _G
            word = (key ^ (key >> _A)) * _F
            word = (word ^ (word >> _B)) * _S
            word ^= word >> _C
            for place in range(start, min(start + _N, (row + 1) * size)):
                values[place] += deviation * table[word & _LOW]
                word >>= _WORD


_add_normal = compiled()(_rows)
