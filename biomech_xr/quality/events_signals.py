"""Events of both feet that the continuous signals of a recorded trial show, by detector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.evidence.events import (
    contacts_from_foot,
    contacts_from_force,
    contacts_from_gyroscope,
    contacts_from_heel,
    swing_peaks,
)
from biomech_xr.evidence.events_signal import runs
from biomech_xr.schema import Signal
from biomech_xr.store import PatientRecordings

FloatArray = npt.NDArray[np.float64]

SIDES: Final[tuple[words.Side, ...]] = ("left", "right")
DETECTORS: Final[Mapping[str, str]] = {
    "force": "grf",
    "heel": "markers",
    "foot": "markers",
    "gyroscope": "imu",
    "angles": "kinematics",
}
"""The signal group that each detector reads; `angles` takes the shank's rotation from hip and knee."""

_DEGREES: Final = 20.0
"""An angular velocity (of 99 in 100 samples) above this is in degrees/s: no shank turns at 20 rad/s."""
_SLOWEST: Final = 30.0
_SHANK: Final = re.compile(r"(?P<side>left|right|l|r)?[ _.-]*(?:shank|shin|tibia|s)", re.IGNORECASE)
_TURN: Final = re.compile(r"(?:angular_velocity|gyro|gyr|omega)[ _.]?(?P<axis>[xyz])", re.IGNORECASE)
_HEEL: Final = re.compile(r"(?P<side>left|right|l|r)[ _.-]*(?:heel|hee|calcaneus|calc|cal)", re.IGNORECASE)
_TOE: Final = re.compile(r"(?P<side>left|right|l|r)[ _.-]*(?:toe|met|mt2|mth2)", re.IGNORECASE)
_PELVIS: Final = re.compile(r"sacr(?:um|al)?|v[ _.]?sacr?(?:al)?|[lr](?:asi|psi)s?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one detector sees of one foot: contacts and foot offs, s on the trial's clock.

    `pieces` holds start and stop (s) of every piece of signal without a gap, shape (piece, 2).
    `clear` is the ratio of peak to noise where the detector has one. `sides` are the feet that the sensor may belong
    to: two where the source does not say.
    """

    contacts: FloatArray
    offs: FloatArray
    sides: tuple[words.Side, ...]
    pieces: FloatArray
    clear: float | None = None


def see(recordings: PatientRecordings, trial: str) -> tuple[dict[str, list[Seen]], list[str]]:
    """Return detector -> what it sees of each foot, and the groups that are cut at contacts and show none.

    Raises
    ------
    LostDataError
        The signals are damaged.
    """
    found: dict[str, list[Seen]] = {}
    cut: list[str] = []
    for group in dict.fromkeys(DETECTORS.values()):
        signal = recordings.signal(trial, group)
        if signal is None:
            continue
        if signal.kind != "continuous" or not signal.sampling_frequency >= _SLOWEST:
            cut.append(group)
            continue
        found |= {name: seen for name, seen in _SEERS[group](signal).items() if seen}
    return found, cut


def _from_forces(signal: Signal) -> dict[str, list[Seen]]:
    array = signal.values
    if "vertical" not in array["axis"].values:
        return {}
    sides = [side for side in SIDES if side in array["side"].values]
    rate = signal.sampling_frequency
    seen = [
        _seen(contacts_from_force(force, rate, 1.0), signal, (side,), force)
        for side in sides
        if np.isfinite(force := array.sel(side=side, axis="vertical").values).any()
    ]
    return {"force": seen}


def _from_inertial(signal: Signal) -> dict[str, list[Seen]]:
    channels = {str(name): match for name in signal.values["channel"].values if (match := _TURN.fullmatch(str(name)))}
    names = sorted(channels, key=lambda name: channels[name]["axis"].lower())
    if len(names) not in (1, 3):
        return {}
    known = "rad" in str(signal.values.attrs.get("units", ""))
    seen = []
    for segment in signal.values["segment"].values:
        match = _SHANK.fullmatch(str(segment))
        if match is None:
            continue
        turn = signal.values.sel(segment=segment, channel=names).values.astype(np.float64)
        finite = np.abs(turn[np.isfinite(turn)])
        if not known and finite.size and float(np.percentile(finite, 99)) > _DEGREES:
            turn = np.deg2rad(turn)
        turn = turn[:, 0] if len(names) == 1 else turn
        seen.append(_from_turn(turn, signal, SIDES if match["side"] is None else (_side(match["side"]),)))
    return {"gyroscope": seen}


def _from_angles(signal: Signal) -> dict[str, list[Seen]]:
    """Return the events that the shank shows, whose rotation is that of the hip less that of the knee."""
    array = signal.values
    if not {"hip", "knee"} <= set(array["joint"].values.tolist()) or "flexion" not in array["motion"].values:
        return {}
    seen = []
    for side in SIDES:
        if side in array["side"].values:
            flexion = array.sel(side=side, motion="flexion")
            tilt = np.deg2rad((flexion.sel(joint="hip") - flexion.sel(joint="knee")).values.astype(np.float64))
            if np.isfinite(tilt).sum() > signal.sampling_frequency:
                seen.append(_from_turn(np.gradient(tilt, 1 / signal.sampling_frequency), signal, (side,)))
    return {"angles": seen}


def _from_turn(turn: FloatArray, signal: Signal, sides: tuple[words.Side, ...]) -> Seen:
    rate = signal.sampling_frequency
    return _seen(contacts_from_gyroscope(turn, rate), signal, sides, turn, clear=swing_peaks(turn, rate)[1])


def _from_markers(signal: Signal) -> dict[str, list[Seen]]:
    labels = [str(name) for name in signal.values["marker"].values]
    pelvis = [label for label in labels if _PELVIS.fullmatch(label)]
    middle = signal.values.sel(marker=pelvis).values.astype(np.float64).mean(axis=1) if pelvis else None
    found: dict[str, list[Seen]] = {"heel": [], "foot": []}
    for side in SIDES:
        heel, toe = (_marker(signal, labels, pattern, side) for pattern in (_HEEL, _TOE))
        if heel is not None and middle is not None:
            times = contacts_from_heel(heel, middle, signal.sampling_frequency, toe=toe)
            found["heel"].append(_seen(times, signal, (side,), heel))
        if heel is not None and toe is not None:
            times = contacts_from_foot(heel, toe, signal.sampling_frequency)
            found["foot"].append(_seen(times, signal, (side,), heel + toe))
    return found


def _marker(signal: Signal, labels: list[str], pattern: re.Pattern[str], side: words.Side) -> FloatArray | None:
    fits = [label for label in labels if (match := pattern.fullmatch(label)) and _side(match["side"]) == side]
    return signal.values.sel(marker=fits[0]).values.astype(np.float64) if fits else None


def _side(text: str) -> words.Side:
    return "left" if text.lower().startswith("l") else "right"


def _seen(
    times: tuple[FloatArray, FloatArray],
    signal: Signal,
    sides: tuple[words.Side, ...],
    source: npt.NDArray[np.floating],
    clear: float | None = None,
) -> Seen:
    """Return events on the trial's clock, with the pieces in which their source (sample, ...) is measured."""
    known = runs(np.isfinite(source.reshape(len(source), -1)).all(axis=1))
    return Seen(
        contacts=times[0] + signal.t0,
        offs=times[1] + signal.t0,
        sides=sides,
        pieces=signal.t0 + np.array(known, dtype=np.float64).reshape(-1, 2) / signal.sampling_frequency,
        clear=clear,
    )


_SEERS: Final = {"grf": _from_forces, "markers": _from_markers, "imu": _from_inertial, "kinematics": _from_angles}
