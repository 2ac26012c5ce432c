"""Checkpoints: written whole or not at all, verified before they are believed, read without executing anything.

``step-00000200.pt`` holds the state; ``step-00000200.json`` beside it is written last and holds size and SHA-256. A
checkpoint whose .json is missing or does not match is not one, and the one before it is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError  # what torch raises when it refuses; nothing is unpickled
from typing import Any, Final, Literal

import torch

from biomech_xr.errors import BiomechXRError, ConfigError, NotAStoreError, describe

FORMAT: Final = 4
"""What is written.

1 and 2, whose .json does not say it, drew other numbers for augmentation and validation; the loader's state in 3 does
not say of which windows it is, so a run could go on with others.
"""
KEEP = 2
"""How many of the newest checkpoints stay, besides the best."""
log = logging.getLogger(__name__)


class CheckpointError(BiomechXRError, OSError):
    """No checkpoint of a run can be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """The .json of one checkpoint; `validation` is the validation loss, None where there was none."""

    step: int
    config_hash: str
    validation: float | None
    size: int
    sha256: str
    format: int = FORMAT


def save(folder: Path, state: dict[str, Any], *, step: int, config_hash: str, validation: float | None) -> Path:
    """Write a checkpoint and remove those no longer kept; return its path.

    Parameters
    ----------
    state
        Tensors, numbers, strings, and dicts and lists of them; nothing else can be read back.
    step
        Optimizer steps done.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"step-{step:08d}.pt"
    entry = Entry(
        step=step,
        config_hash=config_hash,
        validation=validation,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    write_atomically(file, data)
    write_atomically(file.with_suffix(".json"), json.dumps(asdict(entry)).encode())
    _forget(folder)
    return file


def load(folder: Path, *, config_hash: str, which: Literal["last", "best"] = "last") -> tuple[dict[str, Any], Entry]:
    """Return the state and entry of the newest (or best) checkpoint that is whole.

    Raises
    ------
    NotAStoreError
        The folder holds no checkpoint.
    ConfigError
        The checkpoint belongs to another configuration.
    CheckpointError
        There are checkpoints and none can be read; all are named. Or see `check_format`.
    """
    check_format(folder)
    found = entries(folder)
    if not found:
        raise NotAStoreError(describe(file=folder, found="no checkpoint", expected="step-*.pt", action="Train first."))
    order = sorted(found, key=lambda entry: entry.step, reverse=True)
    if which == "best":
        order.sort(key=_badness)
    problems = []
    for entry in order:
        file = folder / f"step-{entry.step:08d}.pt"
        if entry.config_hash != config_hash:
            raise ConfigError(
                describe(
                    file=file,
                    field="config hash",
                    found=entry.config_hash,
                    expected=config_hash,
                    action="The run was trained with another configuration. Use that one, or another `out`.",
                )
            )
        problem, data = _verified(file, entry)
        if not problem:
            return _read(data, file), entry
        log.warning("%s: %s; the checkpoint is ignored", file, problem)
        problems.append(f"{file.name}: {problem}")
    raise CheckpointError(f"{folder}: no checkpoint can be read ({'; '.join(problems)}). Start again in another `out`.")


def check_format(folder: Path) -> None:
    """Raise `CheckpointError` when another version of this package wrote a checkpoint in ``folder``."""
    for file in sorted(folder.glob("step-*.json")):
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            continue
        found = values.get("format", "1 or 2") if isinstance(values, dict) else FORMAT
        if found != FORMAT:
            action = "Another version of this package wrote it. Train again in another `out`, or remove the run."
            raise CheckpointError(
                describe(file=file, field="format of the checkpoint", found=found, expected=FORMAT, action=action)
            )


def entries(folder: Path) -> list[Entry]:
    """Return the entries of all checkpoints in ``folder`` whose .json can be read, oldest first."""
    found = []
    for file in sorted(folder.glob("step-*.json")):
        try:
            found.append(Entry(**json.loads(file.read_text(encoding="utf-8"))))
        except (json.JSONDecodeError, UnicodeDecodeError, TypeError):
            log.warning("%s: not a checkpoint entry; it is ignored", file)
    return found


def write_atomically(file: Path, data: bytes) -> None:
    """Write ``data`` so that ``file`` is either the old or the new content, also after a power cut."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(data: bytes, file: Path) -> dict[str, Any]:
    """Return the state in ``data``; anything but plain values and tensors is refused, never executed."""
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except UnpicklingError as error:
        raise CheckpointError(f"{file}: found more than tensors and plain values. Do not use this file.") from error
    return state


def _verified(file: Path, entry: Entry) -> tuple[str, bytes]:
    """Return what is wrong with a checkpoint file ("" when nothing is) and its bytes."""
    try:
        data = file.read_bytes()
    except OSError as error:
        return f"cannot be read ({error})", b""
    if len(data) != entry.size:
        return f"found {len(data)} bytes, expected {entry.size}", b""
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        return "the SHA-256 differs from the one stored when it was written", b""
    return "", data


def _badness(entry: Entry) -> float:
    return float("inf") if entry.validation is None else entry.validation


def _forget(folder: Path) -> None:
    """Remove all but the newest `KEEP` checkpoints and the best; the .json goes first, so no entry dangles."""
    found = entries(folder)
    stay = {entry.step for entry in found[-KEEP:]}
    judged = [entry for entry in found if entry.validation is not None]
    if judged:
        stay.add(min(judged, key=_badness).step)
    for entry in found:
        if entry.step not in stay:
            file = folder / f"step-{entry.step:08d}.pt"
            file.with_suffix(".json").unlink(missing_ok=True)
            file.unlink(missing_ok=True)
    for leftover in folder.glob(".step-*.tmp"):
        leftover.unlink(missing_ok=True)
