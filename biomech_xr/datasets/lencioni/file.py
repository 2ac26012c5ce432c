"""The file of one person of Lencioni 2019: header, and one struct a stride, rows looked up by their names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
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

TASKS: Final = {
    "Walking": ("walk", "overground"),
    "HeelWalking": ("heel_walk", "overground"),
    "ToeWalking": ("toe_walk", "overground"),
    "StepUp": ("stair_ascent", "stairs"),
    "StepDown": ("stair_descent", "stairs"),
}
"""Activity and surface of each task; the files' spelling may differ in case and blanks."""

POWERS: Final = {"HipPwr": "hip", "KneePwr": "knee", "AnklePwr": "ankle"}
"""Joint of each row of power that is known."""

FEET: Final[Mapping[str, words.Side]] = {"RX": "right", "LX": "left"}

_CHECK: Final = "Download the file again, or leave this person out"
_FRAMES: Final = 1.5
"""Frames of the cameras by which the lengths and onsets of EMG and markers of one stride may differ."""

_SPELLINGS: Final = {name.casefold(): name for name in TASKS}
_BLOCKS: Final = ("EMG", "Ang", "Mom")


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
    power_rows: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One stride of the file.

    `number` counts the elements of the file from 1. `emg`, `angles`, `moments` and `power` map raw names to samples, as
    the file has them, and are empty where it has none; `odd` says what of it was left out as it is no such array.
    `duration`, `onset` (on the clock of a recording that is not named) and `foot_off` (after contact) in s, `speed` in
    m/s, `length` in the unit of the file, NaN where unknown. A `reason` says why it is no stride to keep.
    """

    number: int
    task: str
    side: words.Side
    duration: float
    onset: float
    foot_off: float
    speed: float
    length: float
    emg: Mapping[str, FloatArray]
    angles: Mapping[str, FloatArray]
    moments: Mapping[str, FloatArray]
    power: Mapping[str, FloatArray]
    odd: tuple[str, ...] = ()
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
        power_rows=_rows(power, ()) if (power := person.get("PwrVarName")) is not None else {},
    )


def read_elements(person: MatNode, header: Header) -> tuple[list[Element], tuple[str, ...]]:
    """Return the strides of `s.Data` in the order of the file, and why some elements are none at all.

    Raises
    ------
    DataFormatError
        All elements lack a member, name no foot, or hold an array of another shape.
    """
    data = person["Data"]
    if not len(data) or data.kind == "empty":
        raise data.bad(found=data.says(), expected="one struct a stride", action=_CHECK)
    nodes = list(data.elements())
    odd = {name: [_oddness(node[name], header, name) for node in nodes] for name in _BLOCKS}
    for name, errors in odd.items():
        if all(errors):
            raise nodes[0][name].bad(found=nodes[0][name].says(), expected=errors[0], action=_CHECK)
    elements, excluded = [], []
    for number, node in enumerate(nodes, 1):
        foot = _text(node["Foot"]).upper()
        if foot in FEET:
            found = tuple(f"{name} is {node[name].says()}" for name in _BLOCKS if odd[name][number - 1])
            elements.append(_element(node, header, number, FEET[foot], found))
        else:
            excluded.append(f"element {number}: Foot is {foot!r}, expected RX or LX")
    if not elements:
        foot = _text(nodes[0]["Foot"]).upper()
        raise nodes[0]["Foot"].bad(found=repr(foot), expected="RX or LX", action=_CHECK)
    return elements, tuple(excluded)


def _element(node: MatNode, header: Header, number: int, side: words.Side, odd: tuple[str, ...]) -> Element:
    emg = _block(node["EMG"], header.emg_rows, points=None)
    onset = _number(node, "TimeStampKin")
    late = _number(node, "TimeStampEmg") - onset
    if emg and abs(late) > _FRAMES / header.kinematics_rate:
        emg, odd = {}, (*odd, f"EMG starts {late:+.3f} s from the markers")
    duration, detail = _duration(emg, node.get("Marker"), header)
    reason = "" if not detail else "unknown_duration" if math.isnan(duration) else "unpaired"
    angles = _block(node["Ang"], header.angle_rows, points=POINTS)
    moments = _block(node["Mom"], header.moment_rows, points=POINTS)
    power = node.get("Pwr")
    if not reason and not any(np.isfinite(row).any() for block in (emg, angles, moments) for row in block.values()):
        reason, detail = "no_signal", "no finite sample of EMG, angles or moments"
    speed = _number(node, "speed")
    return Element(
        number=number,
        task=_task(node["Task"]),
        side=side,
        duration=duration,
        onset=onset,
        foot_off=_foot_off(node, header, onset, duration),
        speed=speed if 0 < speed < 4 else math.nan,
        length=_number(node, "strideLength"),
        emg=emg,
        angles=angles,
        moments=moments,
        power={} if power is None else _block(power, header.power_rows, points=POINTS),
        odd=odd,
        reason=reason,
        detail="; ".join([detail, *odd]) if reason else "",
    )


def _text(node: MatNode) -> str:
    """Return a line of text, empty where there is none."""
    found = node.texts() if node.kind == "text" else []
    return found[0] if len(found) == 1 else ""


def _task(node: MatNode) -> str:
    """Return the task in the spelling of `TASKS` where it is one of them, else as the file has it, without blanks."""
    found = re.sub(r"[^\w-]", "", _text(node)) or "Unnamed"
    return _SPELLINGS.get(found.casefold(), found)


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
    """Return a scalar member, NaN where it is absent or no single number."""
    found = node.get(name)
    return found.number() if found is not None and found.kind == "numeric" and len(found) == 1 else math.nan


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


def _oddness(node: MatNode, header: Header, name: str) -> str:
    """Return what an array should be where it is neither that nor without any finite value, else an empty text."""
    rows = {"EMG": header.emg_rows, "Ang": header.angle_rows, "Mom": header.moment_rows}[name]
    points = None if name == "EMG" else POINTS
    if node.kind == "empty" or _fits(node, len(rows), points):
        return ""
    if node.kind == "numeric" and not np.isfinite(node.array()).any():
        return ""
    return f"{len(rows)} x {'samples' if points is None else points}, one row a name"


def _fits(node: MatNode, rows: int, points: int | None) -> bool:
    shape = node.shape
    return node.kind == "numeric" and len(shape) == 2 and shape[0] == rows and points in (None, shape[1])


def _block(node: MatNode, rows: Mapping[str, int], *, points: int | None) -> dict[str, FloatArray]:
    """Return the rows of an array by name as float64; none where it is no such array or has a single column."""
    if not _fits(node, len(rows), points) or node.shape[1] < 2:
        return {}
    values = np.asarray(node.array(), dtype=np.float64)
    return {name: values[row] for name, row in rows.items()}
