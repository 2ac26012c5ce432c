"""The file of one person of Lencioni 2019: header, and one struct a stride, rows looked up by their names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.readers.mat import MatNode

FloatArray = npt.NDArray[np.float64]

POINTS: Final = 101
ROWS: Final = {
    f"{joint.title()}{short}": (joint, motion)
    for joint in words.JOINTS
    for short, motion in (("Flx", "flexion"), ("Add", "adduction"), ("Rot", "rotation"))
}
"""Raw names of the angles; those of the moments end in Mom."""

FEET: Final[Mapping[str, words.Side]] = {"RX": "right", "LX": "left"}

_CHECK: Final = "Download the file again, or leave this person out"
_FRAMES: Final = 1.5
"""Frames of the cameras by which the lengths of EMG and markers of one stride may differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What a file says once: rates in Hz, the leg with electrodes (None: not stated), row numbers by raw name."""

    emg_rate: float
    kinematics_rate: float
    force_rate: float
    emg_side: words.Side | None
    emg_rows: Mapping[str, int]
    angle_rows: Mapping[str, int]
    moment_rows: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One stride of the file.

    `emg`, `angles` and `moments` map raw names to samples, as the file has them, and are empty where it has none;
    `duration`, `onset` (on the clock of a recording that is not named) and `foot_off` (after contact) in s, `speed` in
    m/s, NaN where unknown. A `reason` says why it is no stride to keep.
    """

    task: str
    side: words.Side
    duration: float
    onset: float
    foot_off: float
    speed: float
    emg: Mapping[str, FloatArray]
    angles: Mapping[str, FloatArray]
    moments: Mapping[str, FloatArray]
    reason: str = ""
    detail: str = ""


def read_header(person: MatNode, *, emg: Sequence[str], angles: Sequence[str], moments: Sequence[str]) -> Header:
    """Return the header of the struct `s`; ``emg``, ``angles`` and ``moments`` are the raw names that it must have.

    Raises
    ------
    DataFormatError
        A member or a row name is missing, or a rate is impossible.
    """
    side = person["EMGSide"]
    word = side.text().upper()
    if word not in (*FEET, "NO"):
        raise side.bad(found=repr(word), expected="RX, LX or NO", action=_CHECK)
    return Header(
        emg_rate=_rate(person.first("EMGFreq", "EMGFeq"), 500, 4000),
        kinematics_rate=_rate(person["KinFreq"], 25, 500),
        force_rate=_rate(person["GrfFreq"], 100, 4000),
        emg_side=FEET.get(word),
        emg_rows=_rows(person["EmgVarName"], emg),
        angle_rows=_rows(person["AngVarName"], angles),
        moment_rows=_rows(person["MomVarName"], moments),
    )


def read_elements(person: MatNode, header: Header) -> Iterator[Element]:
    """Yield the strides of `s.Data` in the order of the file.

    Raises
    ------
    DataFormatError
        An element lacks a member, names no foot, or holds an array of another shape.
    """
    data = person["Data"]
    if not len(data) or data.kind == "empty":
        raise data.bad(found=data.says(), expected="one struct a stride", action=_CHECK)
    for element in data.elements():
        yield _element(element, header)


def _element(node: MatNode, header: Header) -> Element:
    foot = node["Foot"]
    word = foot.text().upper()
    if word not in FEET:
        raise foot.bad(found=repr(word), expected="RX or LX", action=_CHECK)
    emg = _block(node["EMG"], header.emg_rows, points=None)
    onset = _number(node, "TimeStampKin")
    duration, detail = _duration(emg, node.get("Marker"), header)
    reason = "" if not detail else "unknown_duration" if math.isnan(duration) else "unpaired"
    angles = _block(node["Ang"], header.angle_rows, points=POINTS)
    moments = _block(node["Mom"], header.moment_rows, points=POINTS)
    if not reason and not any(np.isfinite(row).any() for block in (emg, angles, moments) for row in block.values()):
        reason, detail = "no_signal", "no finite sample of EMG, angles or moments"
    speed = _number(node, "speed")
    return Element(
        task=re.sub(r"[^\w-]", "", node["Task"].text()) or "Unnamed",
        side=FEET[word],
        duration=duration,
        onset=onset,
        foot_off=_foot_off(node, header, onset, duration),
        speed=speed if 0 < speed < 4 else math.nan,
        emg=emg,
        angles=angles,
        moments=moments,
        reason=reason,
        detail=detail,
    )


def _duration(emg: Mapping[str, FloatArray], marker: MatNode | None, header: Header) -> tuple[float, str]:
    """Return the duration (s) from contact to contact, both included, and what is wrong with it."""
    samples = len(next(iter(emg.values()))) if emg else 0
    frames = marker.shape[1] if marker is not None and marker.kind == "numeric" else 0
    by_emg = (samples - 1) / header.emg_rate if samples else math.nan
    by_marker = (frames - 1) / header.kinematics_rate if frames else math.nan
    if abs(by_emg - by_marker) > _FRAMES / header.kinematics_rate:
        return by_emg, f"EMG lasts {by_emg:.3f} s, the markers {by_marker:.3f} s"
    duration = by_emg if samples else by_marker
    return duration, "neither EMG nor markers, from which the duration follows" if math.isnan(duration) else ""


def _foot_off(node: MatNode, header: Header, onset: float, duration: float) -> float:
    """Return the end of the force record in s after contact, NaN where there is none within the stride."""
    force = node.get("Grf")
    if force is None or force.kind != "numeric":
        return math.nan
    off = _number(node, "TimeStampGrf") + force.shape[1] / header.force_rate - onset
    return off if 0 < off < duration else math.nan


def _number(node: MatNode, name: str) -> float:
    """Return a scalar member, NaN where it is absent or empty."""
    found = node.get(name)
    return math.nan if found is None or found.kind == "empty" else found.number()


def _rate(node: MatNode, low: float, high: float) -> float:
    value = node.number()
    if not low <= value <= high:
        raise node.bad(found=f"{value:g} Hz", expected=f"{low:g} to {high:g} Hz", action=_CHECK)
    return value


def _rows(node: MatNode, wanted: Sequence[str]) -> dict[str, int]:
    """Return the row number of each name of a padded list, all names of the file included."""
    found = node.texts()
    missing = [name for name in wanted if name not in found]
    if missing:
        raise node.bad(found=", ".join(found) or "no names", expected=f"the row {missing[0]!r}", action=_CHECK)
    return {name: row for row, name in enumerate(found)}


def _block(node: MatNode, rows: Mapping[str, int], *, points: int | None) -> dict[str, FloatArray]:
    """Return the rows of an array by name as float64; none where it is empty or has a single column."""
    if node.kind == "empty":
        return {}
    values = np.asarray(node.array(), dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != len(rows) or (points is not None and values.shape[1] != points):
        expected = f"{len(rows)} x {'samples' if points is None else points}, one row a name"
        raise node.bad(found=node.says(), expected=expected, action=_CHECK)
    return {name: values[row] for name, row in rows.items()} if values.shape[1] > 1 else {}
