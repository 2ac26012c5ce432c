"""Contacts of a foot from the angles and the ankle moment of its leg, where a source delivers no events.

In swing inverse dynamics leaves the ankle only the weight and inertia of the foot, next to nothing; at contact the
moment sets in. So a contact is the time at which the tangent to that onset leaves the level of late swing, searched
near the largest forward reach of the leg, which precedes contact by some hundredths of a second. An onset counts only
where a push-off follows: without one the foot stood beside the plates, and the moments of that stance are not real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.signal import find_peaks

FloatArray = npt.NDArray[np.float64]

CLOCK: Final = 0.03
"""Largest error (s) of a contact found here. Against the force plates of eight recorded contacts (five legs, three
laboratories, 60 and 120 Hz): 20 ms late to 5 ms early as recorded, 16 ms late to 26 ms early through a zero-phase
low-pass at 15, 10 or 6 Hz, which spreads the onset; on synthetic people at most 14 ms early."""

BRIDGED: Final = 0.1
"""Longest gap (s) of hip or knee angles that the search for the forward reach bridges."""

HIDDEN: Final = "hip or knee angles are missing there"
"""Fault of a gap that is wider: a contact may be in it or not."""

_THIGH, _SHANK = 0.245, 0.246  # of body height, Winter 2009
_APART: Final = 0.7
_PROMINENCE: Final = 0.08
_STEP: Final = 0.001
_SWING: Final = (-0.12, -0.02)
_SEARCH: Final = (-0.04, 0.13)
_STANCE: Final = (0.25, 0.65)
_RISE: Final = (-0.02, 0.02)
_ONSET: Final = 0.03
_QUIET: Final = 0.03
_PUSH_OFF: Final = 0.4
"""Of the person's largest ankle moment: what counts as onset, what as quiet swing, and what as push-off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """One contact, s: `reach` is the largest forward reach, `time` the contact itself, NaN where it has a `fault`."""

    reach: float
    time: float
    fault: str = ""


def forward_reach(hip: FloatArray, knee: FloatArray) -> FloatArray:
    """Return how far the ankle lies before the hip, as a fraction of body height, shape of the arguments.

    ``hip`` in degrees, flexion positive; ``knee`` in degrees with either sign: its larger extreme is flexion.
    """
    low, high = np.nanpercentile(knee, [2, 98])
    thigh = np.deg2rad(hip)
    shank = thigh - np.deg2rad(knee if low + high >= 0 else -knee)
    return np.asarray(_THIGH * np.sin(thigh) + _SHANK * np.sin(shank))


def reaches(time: FloatArray, hip: FloatArray, knee: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the times (s) of the largest forward reach of one leg in every stride, and of gaps between them.

    Arrays of shape (row,), uniform; hip flexion positive. Gaps of the angles of at most `BRIDGED` are bridged by a
    straight line; a longer one hides the reaches in it: its middle is in the second array, unless it is at an end.
    """
    finite = np.isfinite(hip) & np.isfinite(knee)
    if time.size < 3 or not finite.any():
        return np.empty(0), np.empty(0)
    step = float(np.median(np.diff(time)))
    rows = np.flatnonzero(finite)
    forward = np.interp(time, time[rows], forward_reach(hip[rows], knee[rows]))
    peaks, _ = find_peaks(forward, distance=max(round(_APART / step), 1), prominence=_PROMINENCE)
    wide = np.flatnonzero(np.diff(rows) - 1 > round(BRIDGED / step))
    first, last = rows[wide], rows[wide + 1]
    hidden = ((peaks[:, None] >= first) & (peaks[:, None] <= last)).any(axis=1)
    return np.asarray(time[peaks[~hidden]]), np.asarray((time[first] + time[last]) / 2)


def find_contacts(time: FloatArray, moment: FloatArray, near: FloatArray, peak: float) -> list[Contact]:
    """Return the contact near each of the times ``near`` (s).

    Parameters
    ----------
    time, moment
        Clock (s) and sagittal ankle moment of one leg in any unit and sign, shape (row,), uniform.
    near
        Times of the largest forward reach, s.
    peak
        The person's largest ankle moment at push-off, in the unit of ``moment``.
    """
    return [_contact(time, moment, float(reach), peak) for reach in near]


def _contact(time: FloatArray, moment: FloatArray, reach: float, peak: float) -> Contact:
    begin, end = reach + _SWING[0] - 0.02, reach + _STANCE[1]
    rows = (time >= begin - 1e-9) & (time <= end + 1e-9)
    if time[0] > begin or time[-1] < reach + _STANCE[0] + 0.1:
        return Contact(reach=reach, time=np.nan, fault="the moments do not cover it")
    if not np.isfinite(moment[rows]).all() or np.count_nonzero(rows) < 8:
        return Contact(reach=reach, time=np.nan, fault="no moments there")
    fine = np.arange(max(begin, time[0]), min(end, time[-1]), _STEP)
    value = CubicSpline(time[rows], moment[rows])(fine)
    level = float(np.median(value[_inside(fine, reach, _SWING)]))
    size = np.abs(value - level) / peak
    if np.abs(value[_inside(fine, reach, _STANCE)]).max(initial=0) < _PUSH_OFF * peak:
        return Contact(reach=reach, time=np.nan, fault="no push-off follows in the ankle moment: not on a plate")
    if size[_inside(fine, reach, _SWING)].max() > _QUIET:
        return Contact(reach=reach, time=np.nan, fault="the ankle moment is not quiet before it")
    window = np.flatnonzero(_inside(fine, reach, _SEARCH))
    above = window[size[window] > _ONSET]
    if not above.size or above[0] == window[0]:
        return Contact(reach=reach, time=np.nan, fault="no onset of the ankle moment near it")
    slope = np.gradient(size, _STEP)
    rise = np.flatnonzero(_inside(fine, float(fine[above[0]]), _RISE))
    steepest = rise[int(np.argmax(slope[rise]))]
    return Contact(reach=reach, time=float(fine[steepest] - size[steepest] / slope[steepest]))


def _inside(fine: FloatArray, around: float, span: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return (fine >= around + span[0]) & (fine <= around + span[1])


def on_plates(time: FloatArray, contacts: list[Contact]) -> npt.NDArray[np.bool_]:
    """Return at which times (s) the moments of a leg are real, shape (row,).

    That is from the swing before a contact that was found to the forward reach before the next contact.
    """
    real = np.zeros(time.size, dtype=bool)
    for index, contact in enumerate(contacts):
        if contact.fault:
            continue
        before = contacts[index - 1].reach + 0.7 * (contact.reach - contacts[index - 1].reach) if index else -np.inf
        after = contacts[index + 1].reach if index + 1 < len(contacts) else np.inf
        real |= (time >= before) & (time < after)
    return real
