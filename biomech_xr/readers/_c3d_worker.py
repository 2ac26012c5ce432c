"""Parse one C3D file with ezc3d in a process of its own; `readers.c3d` runs this file as a script.

The library may abort on damaged files, and it takes a truncated file for a short one; so it runs here, with limits on
memory and time, and the result goes back as arrays (npz, no objects) and JSON. This file imports nothing of biomech-xr.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TextIO

import numpy as np

NO_LIBRARY: Final = 3
"""Exit status where ezc3d cannot be loaded."""


def main(source: str, target: str, memory: str, seconds: str) -> None:
    """Write ``arrays.npz`` and ``header.json`` of the file ``source`` into the folder ``target``."""
    _limit(memory=int(memory), seconds=int(seconds), size=Path(source).stat().st_size)
    try:
        import ezc3d
    except ImportError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise SystemExit(NO_LIBRARY) from error
    with (Path(target) / "arrays.npz").open("wb") as arrays, (Path(target) / "header.json").open("w") as header:
        _seal()
        _convert(ezc3d.c3d(source), source, arrays, header)


def _convert(content: Any, source: str, arrays: BinaryIO, text: TextIO) -> None:
    """Write what ezc3d has read."""
    points = np.asarray(content["data"]["points"])[:3]
    analogs = np.asarray(content["data"]["analogs"])[0]
    parameters = _plain(content["parameters"])
    header = content["header"]
    meta = {
        "point_rate": float(header["points"]["frame_rate"]),
        "analog_rate": float(header["analogs"]["frame_rate"]),
        "first_frame": int(header["points"]["first_frame"]),
        "announced_frames": _announced_frames(source, parameters, points.shape[2]),
        "parameters": parameters,
    }
    points = np.ascontiguousarray(np.transpose(points, (1, 2, 0)), dtype=np.float32)
    np.savez(arrays, points=points, analogs=analogs.astype(np.float32))
    json.dump(meta, text)


def _seal() -> None:
    """Let this process have one more file open than now, the source; it is opened by name, once after the other."""
    try:
        import resource
    except ImportError:
        return
    probe = os.open(os.devnull, os.O_RDONLY)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe + 1, probe + 1))


def _limit(*, memory: int, seconds: int, size: int) -> None:
    """Bound the address space (bytes), the processor time (s) and what is written, by the source's size."""
    try:
        import resource
    except ImportError:
        return
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, min(memory, 16 * size + (1 << 26))),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):
            continue


def _plain(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameter section as group -> name -> number, text or (nested) list of them."""
    return {
        group: {
            name: entry["value"].tolist() if isinstance(entry["value"], np.ndarray) else list(entry["value"])
            for name, entry in entries.items()
            if name != "__METADATA__"
        }
        for group, entries in parameters.items()
    }


def _announced_frames(source: str, parameters: Mapping[str, Mapping[str, Any]], frames: int) -> int:
    """Return how many frames the file says it holds; end with a message when it stops within a frame.

    ezc3d reads a truncated file up to its end and corrects its copy of the counts, so the bytes are asked:
    POINT:FRAMES, else words 4 and 5 of the header; TRIAL has the counts beyond 16 bits.
    """
    with Path(source).open("rb") as file:
        head = file.read(512)
        file.seek((head[0] - 1) * 512)
        section = file.read(512 * 128)
    order: Literal["little", "big"] = "big" if section[3:4] == b"\x56" else "little"
    points, analogs, first, last = (int.from_bytes(head[start : start + 2], order) for start in (2, 4, 6, 8))
    entry = re.search(rb"[\x06\xfa].FRAMES..\x02\x00(..)", section, re.DOTALL)
    announced = int.from_bytes(entry[1], order) if entry else last - first + 1
    trial = parameters.get("TRIAL", {})
    start, end = trial.get("ACTUAL_START_FIELD") or [], trial.get("ACTUAL_END_FIELD") or []
    if announced >= 0xFFFF and len(start) == len(end) == 2:
        first, last = ((low & 0xFFFF) + ((high & 0xFFFF) << 16) for low, high in (start, end))
        announced = last - first + 1
    width = 4 if (parameters["POINT"].get("SCALE") or [-1.0])[0] < 0 else 2
    size = Path(source).stat().st_size - (int.from_bytes(head[16:18], order) - 1) * 512
    if frames < announced and size % max((4 * points + analogs) * width, 1):
        raise SystemExit(f"truncated: {frames} of the {announced} frames that the file announces")
    return announced


if __name__ == "__main__":
    main(*sys.argv[1:])
