"""Read C3D files: points, analog channels, parameters and events, without any meaning attached to their labels.

The format: C3D user guide, https://www.c3d.org/. ezc3d parses in a limited process of its own (`_c3d_worker`).
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import DataFormatError, MissingDependencyError, MissingInputError
from biomech_xr.readers._c3d_worker import NO_LIBRARY
from biomech_xr.readers._limited import UnavailableError

MEMORY_LIMIT: Final = 4 * 2**30
"""Bytes of address space that the parsing process may use."""

_WORKER: Final = Path(__file__).with_name("_c3d_worker.py")
_SIDES: Final = {"left": "left", "right": "right"}


@dataclass(frozen=True, kw_only=True, slots=True)
class C3dTrial:
    """The content of one C3D file.

    Parameters
    ----------
    point_rate, analog_rate
        Hz; `analog_rate` is 0 in a file without analog channels.
    first_frame
        Index of the file's first frame within the capture, counted from 0.
    points
        Label -> float32, shape (frames, 3), in the file's own unit; NaN where the file marks a point as invalid.
    analogs
        Label -> float32, shape (samples,), scaled by the file. The first sample belongs to the first frame.
    analog_units, analog_descriptions
        Label -> text of the file, empty where it has none.
    parameters
        Group -> name -> number, text or (nested) list of them.
    announced_frames
        The number of frames the file says it holds; more than `frames` when it was cut between two frames.
    events
        (label in lower case, side `left`, `right` or empty, time in s from the start of the **capture**), by time.
    """

    point_rate: float
    analog_rate: float
    first_frame: int
    points: Mapping[str, npt.NDArray[np.float32]]
    analogs: Mapping[str, npt.NDArray[np.float32]]
    analog_units: Mapping[str, str]
    analog_descriptions: Mapping[str, str]
    parameters: Mapping[str, Mapping[str, Any]]
    events: tuple[tuple[str, str, float], ...]
    announced_frames: int

    @property
    def frames(self) -> int:
        """The number of point frames."""
        return len(next(iter(self.points.values()))) if self.points else 0


def read_c3d(path: Path, *, dataset: str, timeout: float = 60.0) -> C3dTrial:
    """Return the content of a C3D file; the file is parsed in a process with memory and time limits.

    A label that occurs again gets its position as a suffix (``EMG#12``); so does an empty one (``#12``).

    Parameters
    ----------
    path
        The file.
    dataset
        Name used in error messages.
    timeout
        Wall-clock limit of parsing in s.

    Raises
    ------
    MissingInputError
        No such file.
    MissingDependencyError
        ezc3d is not installed.
    DataFormatError
        Not a C3D file, truncated, inconsistent, or parsing crashed or passed its limits.
    """
    if not path.is_file():
        raise MissingInputError(f"{dataset}: {path}: no such file. Give the path of a C3D file.")
    if importlib.util.find_spec("ezc3d") is None:
        raise MissingDependencyError.of("ezc3d", "readers")
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="biomech-xr-c3d-"))
        except OSError as error:
            raise _unavailable(path, dataset, error) from error
        _parse(path, Path(folder), dataset=dataset, timeout=timeout)
        try:
            meta = json.loads((Path(folder) / "header.json").read_text(encoding="utf-8"))
            with np.load(Path(folder) / "arrays.npz", allow_pickle=False) as arrays:
                points, analogs = arrays["points"], arrays["analogs"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise _unreadable(path, dataset, f"no usable result of the parser ({error})") from error
    return _assemble(path, dataset, meta, points, analogs)


def _parse(path: Path, folder: Path, *, dataset: str, timeout: float) -> None:
    """Run the worker on the file and raise when it fails in any way."""
    limits = [str(MEMORY_LIMIT), str(math.ceil(timeout) + 1)]
    command = [sys.executable, "-P", str(_WORKER), str(path.resolve()), str(folder), *limits]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and script
            command, capture_output=True, timeout=timeout, env=environment, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _unreadable(path, dataset, f"parsing did not end within {timeout:g} s") from error
    except OSError as error:
        raise _unavailable(path, dataset, error) from error
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == NO_LIBRARY:
        again = "pip install --force-reinstall 'biomech-xr[readers]'"
        raise MissingDependencyError(f"ezc3d cannot be loaded ({lines[-1] if lines else 'no reason'}). Run: {again}")
    if done.returncode < 0:
        raise _unreadable(path, dataset, f"parsing crashed (signal {-done.returncode})")
    if done.returncode:
        raise _unreadable(path, dataset, lines[-1] if lines else f"parsing failed (code {done.returncode})")


def _unavailable(path: Path, dataset: str, error: OSError) -> DataFormatError:
    return DataFormatError.of(
        dataset=dataset,
        file=path,
        found=f"no process or no room for the parser ({error})",
        expected="a parser",
        action=UnavailableError.action,
    )


def _unreadable(path: Path, dataset: str, found: str) -> DataFormatError:
    return DataFormatError.of(
        dataset=dataset,
        file=path,
        found=found,
        expected="a complete C3D file",
        action="Export or download the file again",
    )


def _assemble(
    path: Path, dataset: str, meta: Mapping[str, Any], points: npt.NDArray[np.float32], analogs: npt.NDArray[np.float32]
) -> C3dTrial:
    parameters: dict[str, dict[str, Any]] = meta["parameters"]
    point_labels = _labels(_gather(parameters, "POINT", "LABELS"), len(points))
    analog_labels = _labels(_gather(parameters, "ANALOG", "LABELS"), len(analogs))
    rate = float(meta["point_rate"])
    if len(points) and not rate > 0:
        raise _unreadable(path, dataset, f"a point rate of {rate:g} Hz")
    return C3dTrial(
        point_rate=rate,
        analog_rate=float(meta["analog_rate"]) if len(analogs) else 0.0,
        first_frame=_first_frame(parameters, int(meta["first_frame"])),
        points=dict(zip(point_labels, points, strict=True)),
        analogs=dict(zip(analog_labels, analogs, strict=True)),
        analog_units=_texts(parameters, "UNITS", analog_labels),
        analog_descriptions=_texts(parameters, "DESCRIPTIONS", analog_labels),
        parameters=parameters,
        announced_frames=int(meta["announced_frames"]),
        events=_events(path, dataset, parameters),
    )


def _gather(parameters: Mapping[str, Mapping[str, Any]], group: str, name: str) -> list[str]:
    """Return a list of texts that may go on in NAME2, NAME3 ... (a C3D parameter holds 255 entries at most)."""
    entries = parameters.get(group, {})
    texts: list[str] = []
    for key in (name, *(f"{name}{number}" for number in range(2, 100))):
        if key not in entries:
            break
        texts += [str(text).strip() for text in np.ravel(entries[key])]
    return texts


def _labels(texts: Sequence[str], count: int) -> list[str]:
    """Return ``count`` labels without repetition, whatever the file says."""
    labels: list[str] = []
    seen: set[str] = set()
    for index in range(count):
        text = texts[index] if index < len(texts) else ""
        label = text if text and text not in seen else f"{text}#{index + 1}"
        seen.add(label)
        labels.append(label)
    return labels


def _texts(parameters: Mapping[str, Mapping[str, Any]], name: str, labels: Sequence[str]) -> dict[str, str]:
    texts = _gather(parameters, "ANALOG", name)
    return {label: texts[index] if index < len(texts) else "" for index, label in enumerate(labels)}


def _first_frame(parameters: Mapping[str, Mapping[str, Any]], header: int) -> int:
    """Return the 0-based first frame; TRIAL:ACTUAL_START_FIELD (two 16-bit words) goes beyond the header's 65535."""
    words = parameters.get("TRIAL", {}).get("ACTUAL_START_FIELD") or []
    if not words:
        return header
    low, high = int(words[0]) & 0xFFFF, (int(words[1]) & 0xFFFF if len(words) > 1 else 0)
    return max(low + (high << 16) - 1, 0)


def _events(
    path: Path, dataset: str, parameters: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[str, str, float], ...]:
    group = parameters.get("EVENT", {})
    labels, contexts = _gather(parameters, "EVENT", "LABELS"), _gather(parameters, "EVENT", "CONTEXTS")
    raw = np.asarray(group.get("TIMES", []), dtype=np.float64)
    times = raw.reshape(2, -1) if raw.size and raw.size % 2 == 0 else np.empty((2, 0))
    used = int((group.get("USED") or [times.shape[1]])[0])
    if not used:
        return ()
    if times.shape[1] < used or len(labels) < used:
        raise DataFormatError.of(
            dataset=dataset,
            file=path,
            field="EVENT",
            found=f"{len(labels)} labels and {times.shape[1]} times",
            expected=f"{used} of each (EVENT:USED), times as minutes and seconds",
            action="Export the file again",
        )
    contexts += [""] * (used - len(contexts))
    seconds = 60.0 * times[0] + times[1]
    events = [
        (labels[index].lower(), _SIDES.get(contexts[index].lower(), ""), float(seconds[index])) for index in range(used)
    ]
    return tuple(sorted(events, key=lambda event: event[2]))
