"""Gait cycles stored as a sawtooth: 0 at a contact, rising linearly to 100 just before the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.spec import DatasetSpec

StrideJudge: TypeAlias = Callable[[float, float], cycles.Verdict]
"""Called with start and stop (s on the trial's clock) of a candidate."""

_DROP = 50.0
_ZERO = 1e-6
_LINEARITY = 5.0
_PLATEAU = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Sawtooth:
    """Contacts of a sawtooth as row numbers, and its cut cycles.

    `contacts` has shape (contact,). `cut_first` and `cut_last` say that the samples before the first and after the
    last contact are a ramp: markers were at hand before a foot had touched, so the ramp runs over part of a cycle.
    """

    contacts: npt.NDArray[np.int64]
    cut_first: bool
    cut_last: bool


def read_sawtooth(values: npt.NDArray[np.float64]) -> Sawtooth:
    """Return the contacts of a sawtooth, shape (sample,), percent.

    A contact is where the value drops by more than 50, or the last sample of a plateau of zeros. Made from force
    plates, such a plateau (five samples or more) stands outside the first and last contact; made from markers, a ramp
    stands there instead, which is no full cycle.
    """
    level = np.nan_to_num(values)
    drops = np.flatnonzero(np.diff(level) < -_DROP) + 1
    zero = np.concatenate(([False], np.abs(level) <= _ZERO, [False]))
    edges = np.flatnonzero(np.diff(zero.astype(np.int8)))
    first, stop = edges[::2], edges[1::2]
    starts = stop[(stop - first >= _PLATEAU) & (stop < level.size)] - 1
    contacts = np.union1d(drops, starts).astype(np.int64)
    before = level[: contacts[0]] if contacts.size else level
    after = level[contacts[-1] :] if contacts.size else level[:0]
    return Sawtooth(contacts=contacts, cut_first=_rises(before), cut_last=_rises(after))


def is_linear(values: npt.NDArray[np.float64]) -> bool:
    """Return whether the samples of one cycle, shape (sample,), rise from 0 to 100 within five percent of a line."""
    line = 100.0 * np.arange(values.size) / max(values.size, 1)
    return bool(values.size and (np.abs(values - line) <= _LINEARITY).all())


def _rises(values: npt.NDArray[np.float64]) -> bool:
    return bool((np.abs(values) > _ZERO).any())


def _known(values: npt.NDArray[np.float64], first: int, last: int) -> bool:
    """Return whether there is a number in the rows ``first`` to ``last`` and in the one before, where there is one."""
    return bool(np.isfinite(values[max(first - 1, 0) : last + 1]).all())


def sawtooth_rows(
    contact: npt.NDArray[np.float64],
    off: npt.NDArray[np.float64],
    times: npt.NDArray[np.float64],
    *,
    spec: DatasetSpec,
    trial: str,
    side: words.Side,
    span: tuple[float, float],
    gap: npt.NDArray[np.bool_],
    judge: StrideJudge,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and of `rejected` that two sawtooths of one leg describe.

    Parameters
    ----------
    contact, off
        Percent from contact to contact and from foot off to foot off, shape (sample,); ``off`` may be empty.
    times
        Time of their samples, s on the trial's clock, shape (sample,).
    spec, trial, side, span
        As for `cycles.sort_candidates`.
    gap
        Whether rows are missing before each sample, shape (sample,): a cycle with a gap in it, or right at one of its
        contacts, is `unpaired`, and so is one with NaN there.
    judge
        Says what the source knows of a candidate. A cycle that does not rise in a line is `not_a_stride` before that,
        as are the ramps before the first and after the last contact.
    """
    saw = read_sawtooth(contact)
    contacts = times[saw.contacts]
    offs = times[[row for row in read_sawtooth(off).contacts if _known(off, row, row)]]

    def verdict(index: int) -> cycles.Verdict:
        start, stop = float(contacts[index]), float(contacts[index + 1])
        first, last = saw.contacts[index : index + 2]
        judged = judge(start, stop)
        labels = {**judged.labels, "foot_off": cycles.foot_off(offs, start, stop)[0]}
        if not judged.reason and (gap[first : last + 1].any() or not _known(contact, first, last)):
            return cycles.Verdict(labels=labels, reason="unpaired", detail="rows of the gait cycle are missing")
        if not is_linear(contact[first:last]):
            detail = "the cycle does not rise in a line from 0 to 100 between the contacts"
            return cycles.Verdict(labels=labels, reason="not_a_stride", detail=detail)
        return cycles.Verdict(labels=labels, reason=judged.reason, detail=judged.detail)

    kept, rejected = cycles.sort_candidates(
        spec=spec,
        trial=trial,
        side=side,
        contacts=contacts,
        span=span,
        judge=verdict,
        first_number=int(saw.cut_first),
    )
    begin, end = (contacts[0], contacts[-1]) if contacts.size else (times[-1], times[-1])
    edges = [(0, times[0], begin, "before the first")] if saw.cut_first else []
    if saw.cut_last:
        edges.append((max(contacts.size - 1, 0) + int(saw.cut_first), end, times[-1], "after the last"))
    rejected += [
        {
            "trial": trial,
            "side": side,
            "stride_number": number,
            "trial_time": float(start),
            "duration": float(stop - start),
            "reason": "not_a_stride",
            "detail": f"the ramp {where} contact is no full cycle",
        }
        for number, start, stop, where in edges
    ]
    return kept, rejected
