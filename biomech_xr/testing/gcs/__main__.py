"""Serve a Google Cloud Storage emulator until SIGTERM or SIGINT.

``python -m biomech_xr.testing.gcs --port 9023 --bucket biomech --latency 0.03 --faults http_503=0.02 drop=0.02``
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Sequence

from biomech_xr.errors import BiomechXRError
from biomech_xr.testing.gcs.emulator import BUCKET, GcsEmulator
from biomech_xr.testing.gcs.faults import ACTIONS, Faults


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m biomech_xr.testing.gcs", description=(__doc__ or "").split("\n")[0]
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on; anyone who reaches it may read and write")
    add("--port", type=int, default=9023, help="port to listen on, 0 for a free one (9023)")
    add("--root", metavar="FOLDER", help="keep objects in this folder; without it they live in memory")
    add("--bucket", action="append", metavar="NAME", help=f"a bucket that exists from the start, repeatable ({BUCKET})")
    add("--latency", type=float, default=0.0, metavar="S", help="seconds before each reply")
    add("--bandwidth", type=float, default=0.0, metavar="B", help="bytes a second on each connection, 0 for no limit")
    add("--forbidden", action="append", default=[], metavar="PATTERN", help="answer 403 for bucket/object like this")
    add("--read-only", action="append", default=[], metavar="PATTERN", help="answer 403 to changes of such objects")
    add("--md5", action="store_true", help="compute the MD5 of every object as it arrives")
    add("--seed", type=int, default=None, help="seed of the faults (0)")
    add(
        "--faults",
        nargs="+",
        default=[],
        metavar="FAULT",
        help=f"JSON files and name=value: rates of {', '.join(ACTIONS)}; stall_seconds, jitter in seconds",
    )
    return parser


def _announce(gcs: GcsEmulator) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in gcs.environment().items()]
    return "\n".join([f"# Google Cloud Storage emulator on {gcs.url}, until SIGTERM or Ctrl-C.", *lines, ""])


def main(words: Sequence[str] | None = None) -> int:
    """Serve until a signal comes, and return the exit code: 0, or 2 for a wrong option.

    Parameters
    ----------
    words
        Options; those of the command line by default.
    """
    options = _parser().parse_args(words)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        gcs = GcsEmulator(
            buckets=options.bucket or [BUCKET],
            root=options.root,
            host=options.host,
            port=options.port,
            latency=options.latency,
            bandwidth=options.bandwidth,
            faults=Faults.parse(options.faults, seed=options.seed),
            forbidden=options.forbidden,
            read_only=options.read_only,
            md5=options.md5,
        ).start()
    except BiomechXRError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with gcs:
        sys.stdout.write(_announce(gcs))
        sys.stdout.flush()
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
