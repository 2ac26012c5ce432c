"""The open files of one person of Grimmer 2020: touchdown lists, signal groups, joint curves of all strides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.grimmer import files as files_of
from biomech_xr.datasets.grimmer.files import FloatArray
from biomech_xr.datasets.grimmer.signs import PARTS, POINTS, Scales, Strides, resample
from biomech_xr.datasets.grimmer.strides import Part, Standing
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

LEGS: Final[tuple[tuple[str, words.Side], ...]] = (("l", "left"), ("r", "right"))

_EMG_UNITS: Final = {
    "v": 1e3, "volt": 1e3, "volts": 1e3,
    "mv": 1.0, "millivolt": 1.0, "millivolts": 1.0,
    "uv": 1e-3, "\N{MICRO SIGN}v": 1e-3, "\N{GREEK SMALL LETTER MU}v": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3,
}  # fmt: skip
_SHORTER: Final = 0.5
"""Seconds by which two streams of one recording may differ in length."""


class Reader:
    """The open files of one person; `rate` and `emg_rate` in Hz, NaN without EMG."""

    def __init__(self, spec: DatasetSpec, opened: Mapping[str, MatNode], options: Mapping[str, Any]) -> None:
        self._spec = spec
        self._opened = opened
        self._parts: dict[tuple[int, int], list[Part]] = {}
        self.rate = _rate(opened["touchdowns"]["TD_fs"], 50, 1000)
        self.emg_rate, self._emg_factor = math.nan, math.nan
        for kind in ("kinematics", "kinetics"):
            _same_rate(opened.get(kind), self.rate)
        if "emg" in opened:
            self.emg_rate = _rate(opened["emg"]["Emg_fs"], 500, 5000)
            self._emg_factor = _emg_factor(opened["emg"], options)

    def parts(self, config: int, trial: int) -> list[Part]:
        """Return the touchdown lists of one recording."""
        root = self._opened["touchdowns"]
        if (config, trial) not in self._parts:
            self._parts[config, trial] = [
                Part(name=part, side=side, contacts=files_of.touchdowns(node, f"td{leg.upper()}", self.rate))
                for part in PARTS
                for node in (files_of.trial_node(root, f"TD_{part}", config, trial),)
                for leg, side in LEGS
            ]
        return self._parts[config, trial]

    def columns(self, kind: str, config: int, trial: int) -> dict[str, FloatArray]:
        """Return the raw columns of one recording that the platform reads; none where the source has no such trial."""
        node = files_of.trial_node(self._opened.get(kind), files_of.VARIABLES[kind][0], config, trial)
        names = {"emg": self._spec.emg, "kinematics": self._spec.angles, "kinetics": self._spec.moments}[kind]
        return {} if node is None else files_of.columns(node, list(names))

    def curves(self, keys: Sequence[tuple[int, int]]) -> Strides:
        """Return the raw joint curves of all strides, to decide signs and units on."""
        found: dict[str, dict[tuple[str, str], dict[str, list[FloatArray]]]] = {
            kind: {place: {_stem(raw): [] for raw in names} for place in product(PARTS, words.SIDES)}
            for kind, names in (("kinematics", self._spec.angles), ("kinetics", self._spec.moments))
        }
        for key in keys:
            for kind, curves in found.items():
                columns = self.columns(kind, *key)
                for part in self.parts(*key) if columns else ():
                    start, stop = self._whole(part.contacts)
                    own = {_stem(raw): column for raw, column in columns.items() if raw.endswith(f"_{part.side[0]}")}
                    for stem, rows in zip(own, resample(list(own.values()), start, stop, self.rate), strict=True):
                        curves[part.name, part.side][stem].append(rows)
        arrays = {
            kind: {
                place: {raw: np.concatenate([np.empty((0, POINTS)), *rows]) for raw, rows in table.items()}
                for place, table in curves.items()
            }
            for kind, curves in found.items()
        }
        return Strides(angles=arrays["kinematics"], moments=arrays["kinetics"])

    def _whole(self, contacts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return start and stop, (stride,) in s, of the candidates of a possible duration."""
        duration = np.diff(contacts)
        whole = (duration >= self._spec.minimum_duration) & (duration <= self._spec.maximum_duration)
        return contacts[:-1][whole], contacts[1:][whole]

    def signals(self, config: int, trial: int, scales: Scales) -> tuple[dict[str, Signal], str]:
        """Return the signal groups of one recording, and why they do not belong together, if they do not."""
        signals: dict[str, Signal] = {}
        emg = self.columns("emg", config, trial)
        if emg:
            scaled = {name: column * self._emg_factor for name, column in emg.items()}
            signals["emg"] = cycles.emg_signal(
                scaled, self._spec.emg, rate=self.emg_rate, t0=0.0, units=self._spec.emg_unit
            )
        for kind, names in (("kinematics", self._spec.angles), ("kinetics", self._spec.moments)):
            columns = self.columns(kind, config, trial)
            if columns:
                scaled = {name: column * scales.factors[_stem(name)] for name, column in columns.items()}
                units = words.UNITS[kind]
                signals[kind] = cycles.joint_signal(scaled, names, rate=self.rate, t0=0.0, units=units)
        lengths = {group: s.values.sizes["sample"] / s.sampling_frequency for group, s in signals.items()}
        longest = max(lengths.values(), default=0.0)
        different = any(longest - length > _SHORTER for length in lengths.values())
        return signals, ", ".join(f"{g} lasts {length:.2f} s" for g, length in lengths.items()) if different else ""

    def nothing(self) -> Signal:
        """Return angles of NaN, for a recording of which there are touchdowns alone."""
        blank = dict.fromkeys(self._spec.angles, np.full(2, np.nan))
        return cycles.joint_signal(blank, self._spec.angles, rate=self.rate, t0=0.0, units=words.UNITS["kinematics"])

    def standing(self, config: int, trial: int) -> tuple[dict[str, Standing], str]:
        """Return when each foot has a force, and why not if the forces are no use; none where there are no forces."""
        root = self._opened.get("forces")
        found: dict[str, Standing] = {}
        if root is None:
            return found, ""
        try:
            node = files_of.trial_node(root, "Forces", config, trial)
            if node is None:
                return {}, ""
            rate = _rate(root["Forces_fs"], 50, 5000)
            for leg, side in LEGS:
                force = node[f"All_{leg}"]
                values = np.asarray(force.array(), dtype=np.float64)
                if values.size and (values.ndim != 2 or values.shape[1] != 6):
                    raise force.bad(found=force.says(), expected="samples x 6", action="Download the file again")
                loaded = np.asarray(np.isfinite(values).all(axis=-1)).reshape(-1)
                found[side] = Standing(loaded=loaded, rate=rate)
        except DataFormatError as error:
            return {}, files_of.unused(error, root.file)
        return found, ""


def _stem(raw: str) -> str:
    """Return the name of a field without its side."""
    return raw.rpartition("_")[0]


def _rate(node: MatNode, low: float, high: float) -> float:
    value = node.number()
    if not low <= value <= high:
        raise node.bad(found=f"{value:g} Hz", expected=f"{low:g} to {high:g} Hz", action="Download the file again")
    return value


def _same_rate(root: MatNode | None, rate: float) -> None:
    """Refuse a file of joints that states another rate than that of the touchdowns."""
    for name in root.fields() if root is not None else ():
        if root is not None and name.lower().endswith("_fs") and abs(root[name].number() - rate) > 1e-3 * rate:
            found = f"{root[name].number():g} Hz"
            raise root[name].bad(found=found, expected=f"TD_fs, {rate:g} Hz", action="Check both files")


def _emg_factor(root: MatNode, options: Mapping[str, Any]) -> float:
    """Return the factor to mV: of the option, else of the unit that the file states."""
    if given := options.get("emg_unit"):
        return _EMG_UNITS[given.lower()]
    node = root.get("Emg_unit")
    texts: list[str] = []
    if node is not None and node.kind in ("text", "cell"):
        entries = [node] if node.kind == "text" else list(node.elements())
        texts = [text for entry in entries if entry.kind == "text" for text in entry.texts()]
    factors = {_EMG_UNITS.get(text.strip("[]() ").lower(), math.nan) for text in texts}
    if len(factors) != 1 or math.isnan(factor := factors.pop()):
        found = "no field Emg_unit" if node is None else ", ".join(map(repr, texts)) or node.says()
        action = "State it with the source option emg_unit="
        raise (node or root).bad(found=found, expected="V, mV or uV", action=action)
    return factor
