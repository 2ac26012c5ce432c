"""What the data themselves say about the open questions of a trial: events, signs, units, mains, feet of the plates."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, ParamSpec

import numpy as np

from biomech_xr.datasets.lab.draft.files import FloatArray, Seen
from biomech_xr.datasets.lab.draft.joints import foot_markers, pelvis_markers
from biomech_xr.datasets.lab.draft.trials import DraftTrial, emg_columns, force_columns
from biomech_xr.errors import BiomechXRError, ConfigError
from biomech_xr.evidence import (
    LEAST,
    ankle_sign,
    contacts_from_force,
    contacts_from_heel,
    emg_state,
    hip_sign,
    knee_sign,
    moment_sign,
    moment_unit,
)

Contacts = Mapping[str, FloatArray]

SIDES: Final = ("left", "right")
_POINTS: Final = 100
_STRIKES: Final = ("footstrike", "heelstrike", "initialcontact")
_STRIDE: Final = (0.4, 2.5)
_SAME: Final = 0.15
_LOADED: Final = 100.0
_GRAVITY: Final = 9.80665
_MAINS: Final = (50.0, 60.0)


Asked = ParamSpec("Asked")


def _told(question: Callable[Asked, str]) -> Callable[Asked, str]:
    """Return a question that never stops a draft, which it only aids: where odd data cannot be asked it says so."""

    @functools.wraps(question)
    def ask(*args: Asked.args, **kwargs: Asked.kwargs) -> str:
        try:
            return question(*args, **kwargs)
        except (BiomechXRError, ArithmeticError, ValueError, IndexError) as error:
            return f"no answer ({error})"

    return ask


def marker_source(trial: DraftTrial) -> Seen | None:
    """Return the file of a trial whose markers may tell the events."""
    return trial.files.get("markers") or trial.files.get("c3d")


def label_contacts(trial: DraftTrial) -> Contacts:
    """Return side -> times (s) of the foot strikes that a C3D file names."""
    seen = trial.files.get("c3d")
    events = seen.events if seen else ()
    strikes = [(side, time) for label, side, time in events if re.sub("[^a-z]", "", label) in _STRIKES]
    return {side: np.array([time for foot, time in strikes if foot == side]) for side in SIDES}


def marker_contacts(trial: DraftTrial) -> Contacts:
    """Return side -> times (s) of the contacts that heel and pelvis markers show; empty where they are missing."""
    seen = marker_source(trial)
    nothing = {side: np.empty(0) for side in SIDES}
    if seen is None or not seen.rate:
        return nothing
    feet, pelvis = foot_markers(seen.points), pelvis_markers(seen.points)
    if not pelvis:
        return nothing
    middle = np.mean([seen.points[label] for label in pelvis], axis=0)
    found = dict(nothing)
    for side in SIDES:
        heel = feet.get(("heel", side))
        if heel is not None:
            with contextlib.suppress(ConfigError, ValueError, IndexError):
                found[side] = contacts_from_heel(seen.points[heel], middle, seen.rate)[0] + seen.start
    return found


def best_contacts(trial: DraftTrial) -> Contacts:
    """Return the contacts to cut strides at for the evidence: those of labels, else those of markers."""
    named = label_contacts(trial)
    return named if any(times.size for times in named.values()) else marker_contacts(trial)


def strides(values: FloatArray, *, rate: float, start: float, contacts: FloatArray) -> FloatArray:
    """Return a column cut from contact to contact, shape (stride, 100); strides outside of it are left out."""
    time = start + np.arange(values.size) / rate
    spans = [
        (first, second)
        for first, second in itertools.pairwise(contacts)
        if _STRIDE[0] <= second - first <= _STRIDE[1] and first >= time[0] and second <= time[-1]
    ]
    phases = np.arange(_POINTS) / _POINTS
    rows = [np.interp(first + phases * (second - first), time, values) for first, second in spans]
    return np.array(rows).reshape(len(rows), _POINTS)


@_told
def angle_sign(joint: str, columns: Mapping[str, FloatArray], seen: Seen, contacts: Contacts) -> str:
    """Return what the strides say of the sign of a joint's flexion angle; ``columns`` is side -> values in degrees."""
    curves = _curves(columns, seen, contacts)
    decision = {"knee": knee_sign, "ankle": ankle_sign, "hip": hip_sign}[joint](curves)
    return _answer(str(decision.value), decision.confidence, decision.evidence)


@_told
def moment_sign_of(joint: str, columns: Mapping[str, FloatArray], seen: Seen, contacts: Contacts) -> str:
    """Return what the strides say of the sign of a joint's sagittal moment."""
    decision = moment_sign(joint, _curves(columns, seen, contacts))
    return _answer(str(decision.value), decision.confidence, decision.evidence)


@_told
def moment_unit_of(ankle: Mapping[str, FloatArray], seen: Seen, contacts: Contacts) -> str:
    """Return what the strides say of the unit of the moments, from the ankle's peak."""
    decision = moment_unit(_curves(ankle, seen, contacts), float("nan"))
    return _answer(decision.value, decision.confidence, decision.evidence)


@_told
def emg_state_of(trials: Sequence[DraftTrial]) -> str:
    """Return what the channels say of what was done to the EMG before the files."""
    votes: dict[str, list[float]] = {}
    for seen in _emg_files(trials):
        for label in emg_columns(seen)[:16]:
            decision = emg_state(seen.columns[label], seen.column_rate)
            votes.setdefault(decision.value, []).append(decision.confidence)
    if not votes:
        return "no answer"
    counts = ", ".join(
        f"{len(sure)} look {state} (confidence {np.median(sure):.2f})" for state, sure in sorted(votes.items())
    )
    return f"of {sum(map(len, votes.values()))} channels {counts}"


@_told
def mains_of(trials: Sequence[DraftTrial]) -> str:
    """Return how far the mains lines at 50 and 60 Hz stand out of the EMG's spectrum, median over channels."""
    from scipy.signal import welch

    ratios: dict[float, list[float]] = {mains: [] for mains in _MAINS}
    for seen in _emg_files(trials):
        for label in emg_columns(seen)[:16]:
            values = np.nan_to_num(seen.columns[label])
            if seen.column_rate < 150 or values.size < 2 * seen.column_rate:
                continue
            size = round(2 * seen.column_rate)
            frequency, power = welch(values - values.mean(), fs=seen.column_rate, nperseg=size)
            for mains in _MAINS:
                near, around = np.abs(frequency - mains) <= 1, np.abs(np.abs(frequency - mains) - 6) <= 3
                ratios[mains].append(float(power[near].max() / max(float(np.median(power[around])), 1e-300)))
    if not ratios[50.0]:
        return "no answer (no EMG that is long enough)"
    seen_lines = {mains: float(np.median(values)) for mains, values in ratios.items()}
    figures = " and ".join(f"{value:.1f} times at {mains:g} Hz" for mains, value in seen_lines.items())
    best = max(seen_lines, key=lambda mains: seen_lines[mains])
    other = min(seen_lines.values())
    clear = seen_lines[best] > 5 and seen_lines[best] > 3 * other
    answer = f"{best:g}" if clear else "no clear line"
    return f"{answer} (the EMG's spectrum stands above its surroundings {figures})"


def loaded_side(values: FloatArray, seen: Seen, contacts: Contacts) -> str:
    """Return under which foot a vertical force acts: whose contacts are when it sets in; empty where unclear."""
    if not seen.column_rate:
        return ""
    try:
        onsets = contacts_from_force(values, seen.column_rate)[0] + seen.start
    except (ConfigError, ValueError, IndexError):
        return ""
    near = {
        side: sum(bool(times.size) and np.abs(times - onset).min() <= _SAME for onset in onsets)
        for side, times in contacts.items()
    }
    best = max(near, key=lambda side: near[side], default="")
    return best if best and near[best] and sum(near.values()) == near[best] else ""


def weight_of(trials: Sequence[DraftTrial]) -> str:
    """Return the body mass that loaded plates suggest, in words, or nothing; a rough figure."""
    low, high = [], []
    for trial in trials:
        for seen in (trial.files[role] for role in ("c3d", "forces") if role in trial.files):
            for label in force_columns(seen):
                values = np.abs(seen.columns[label][np.isfinite(seen.columns[label])])
                top = float(np.percentile(values, 99.5)) if values.size else 0.0
                if top > _LOADED:
                    low.append(float(np.median(values[values >= 0.5 * top])) / _GRAVITY)
                    high.append(top / 1.1 / _GRAVITY)
    spread = sorted([float(np.median(low)), float(np.median(high))]) if low else []
    return f"the plates suggest about {spread[0]:.0f} to {spread[1]:.0f} kg" if spread else ""


def _emg_files(trials: Sequence[DraftTrial]) -> list[Seen]:
    found = [trial.files.get("emg") or trial.files.get("c3d") for trial in trials]
    return [seen for seen in found if seen is not None and seen.column_rate][:3]


def _curves(columns: Mapping[str, FloatArray], seen: Seen, contacts: Contacts) -> FloatArray:
    rows = [
        strides(values, rate=seen.column_rate, start=seen.start, contacts=contacts.get(side, np.empty(0)))
        for side, values in columns.items()
        if seen.column_rate
    ]
    return np.concatenate(rows) if rows else np.empty((0, _POINTS))


def _answer(value: str, confidence: float, evidence: str) -> str:
    """Return a decision in words, with what it rests on in brackets; what the caller stated is left out."""
    seen = evidence.partition("; start of the strides")[0]
    if confidence <= 0:
        return f"no answer ({seen})"
    return f"{value if confidence >= LEAST else f'perhaps {value}'}, confidence {confidence:.2f} ({seen})"
