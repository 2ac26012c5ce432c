"""One person parsed in a process of its own, to find out whether their files kill the process that reads them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_END: Final = "end"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of the process: whether it `died`, `how` in words, and the raw `file` that it opened last."""

    died: bool
    how: str
    file: Path | None


def parse_alone(
    dataset: str, raw: str, root: str, patient: str, options: Mapping[str, Any] | None, *, same_code: bool = False
) -> Outcome:
    """Parse one patient into a store in a new process and say whether it lived to the end of it.

    An error of Python is no death: who needs the error parses again. The process ends with this one, however this one
    ends.

    Parameters
    ----------
    dataset, raw, root, patient, options, same_code
        As for `biomech_xr.run.parse_patient`.
    """
    order: dict[str, Any] = {
        "dataset": dataset,
        "raw": raw,
        "root": root,
        "patient": patient,
        "options": dict(options or {}),
    }
    order["same_code"] = same_code
    folders = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    with subprocess.Popen(
        [sys.executable, "-c", "from biomech_xr.run.alone import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        text=True,
    ) as process:
        said, files = "", []
        try:
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(json.dumps(order, default=str) + "\n")
                    process.stdin.flush()
            for line in process.stdout or ():
                said = json.loads(line) if line.endswith("\n") else ""
                files += [Path(said)] if said not in ("", _END) else []
            code = process.wait(None if said != _END else 30)
        except BaseException:
            process.kill()
            raise
    return Outcome(died=said != _END, how=_how(code), file=files[-1] if files else None)


def _how(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _watch(raw: str) -> None:
    """Say the name of each file below the raw folder that is opened from now on."""
    line, folder = os.dup(1), os.path.realpath(raw) + os.sep
    os.dup2(2, 1)  # what libraries print goes elsewhere

    def opened(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | os.PathLike):
            return
        path = os.path.realpath(os.fspath(arguments[0]))
        if isinstance(path, str) and path.startswith(folder):
            os.write(line, (json.dumps(path) + "\n").encode())

    sys.addaudithook(opened)


def main() -> None:
    """Parse as the order on stdin says; a last word on stdout tells that the process lived."""
    order = json.loads(sys.stdin.readline())

    def orphaned() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=orphaned, daemon=True).start()
    from biomech_xr.run.parse import write_recordings

    end = os.dup(1)
    _watch(order["raw"])
    try:
        write_recordings(**order)
    finally:
        os.write(end, (json.dumps(_END) + "\n").encode())
