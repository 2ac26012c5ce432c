"""What every pipeline's command line shares: arguments, clear errors, exit codes, running units on a cluster."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from distributed import Client, Future, as_completed

from biomech_xr.config import Config
from biomech_xr.errors import BiomechXRError, OccupiedError
from biomech_xr.store.stopping import stop_retrying, wait_for_requests
from pipelines.progress import count_lines, progress

ConfigT = TypeVar("ConfigT", bound=Config)


def main(config_class: type[ConfigT], run: Callable[[ConfigT], int], usage: str) -> int:
    """Read ``CONFIG.yaml key=value ...`` from the command line, run, and return the exit code.

    ``--key`` stands for ``key=true`` and ``--key=value`` for ``key=value``; a hyphen in a key is an underscore.
    0: all done; 1: some units failed (each is named), the others are done; 2: nothing could be done; 130: interrupted
    from the keyboard; 143: by SIGTERM.
    """
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(usage.strip())
        return 0 if arguments else 2
    plain = [argument for argument in arguments if not argument.startswith("--")]
    given = [*plain, *(_override(argument) for argument in arguments if argument.startswith("--"))]
    try:
        with stopped_by_sigterm():
            return run(config_class.load(given[0], given[1:]))
    except (BiomechXRError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        _leave_unasked()
        print("interrupted: nothing that was finished is lost; the same command goes on", file=sys.stderr, flush=True)
        code = 143 if isinstance(stop, Terminated) else 130
        stop_retrying()
        if not wait_for_requests(_PATIENCE):
            os._exit(code)  # a thread waits for storage that does not answer, and Python for the thread
        return code


_PATIENCE: Final = 5.0
"""Seconds for which a pipeline that was told to stop waits for requests that are under way."""


def _leave_unasked() -> None:
    """Let nobody say what became of requests that nobody waits for any more: they end because the process does."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)


class Terminated(KeyboardInterrupt):
    """SIGTERM came: whoever gave the machine takes it back."""


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Raise `Terminated` in the block when SIGTERM comes, so that workers and children are stopped as for Ctrl-C.

    No request is sent again from then on: storage that is away must not keep the process.
    """

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: stopping is under way
        stop_retrying()
        _leave_unasked()
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    stop_retrying(asked=False)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _override(option: str) -> str:
    key, sign, value = option.removeprefix("--").partition("=")
    return f"{key.replace('-', '_')}={value if sign else 'true'}"


def claim(out: Path, settings: Mapping[str, Any], *, title: str, record: str) -> None:
    """Make a folder a run's own and write down its settings in the file ``record``.

    Raises
    ------
    OccupiedError
        The folder holds something else, or a run of other settings.
    """
    file = out / record
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        other = sorted(name for name in settings if found.get(name) != settings[name])
        if other:
            raise OccupiedError(
                f"{title}: {out}: made with other settings ({', '.join(other)}). Remove the folder, or choose "
                "another `out`."
            )
        return
    if out.is_dir() and any(out.iterdir()):
        raise OccupiedError(f"{title}: {out}: holds files that are not of a {title}. Choose another `out`.")
    out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings, indent=2), encoding="utf-8")


def gather(
    client: Client,
    title: str,
    futures: Mapping[str, Future],
    note: Callable[[Any], str],
    *,
    amount: Callable[[Any], float] | None = None,
    total: float = 0,
) -> tuple[list[Any], list[str]]:
    """Wait for named units of work; return the results and one message for every unit that failed.

    A failed unit does not stop the others: what can be finished is finished.

    Parameters
    ----------
    note
        What to say of a result while others are under way.
    amount, total
        Strides of a result, and of all: progress then shows strides a second and the time left.
    """
    names = {future.key: name for name, future in futures.items()}
    results: list[Any] = []
    failures: list[str] = []
    with progress(title, len(names), amount=total) as advance:
        for future in as_completed(list(futures.values()), loop=client.loop):
            error = future.exception()
            if error is None:
                result = future.result()
                results.append(result)
                advance(note(result), amount(result) if amount is not None else 0)
            else:
                kind = "" if isinstance(error, BiomechXRError) else f"{type(error).__name__}: "
                failures.append(f"{names[future.key]}: {kind}{error}")
                advance("failed")
            future.release()
    return results, failures


def report_failures(title: str, failures: Iterable[str], *, done: int) -> int:
    """Print what failed to stderr; return 0 without failures, 1 when ``done`` other units were finished, else 2.

    Units, named before the first colon, that fail for the same reason are named together.
    """
    messages = list(failures)
    if not messages:
        return 0
    units: dict[str, list[str]] = {}
    for message in messages:
        unit, colon, reason = message.partition(": ")
        units.setdefault(colon + reason, []).append(unit)
    lines = [", ".join(names) + reason for reason, names in units.items()]
    print(f"error: {title}: {len(messages)} unit(s) failed:\n{count_lines(lines)}", file=sys.stderr)
    return 1 if done else 2


def with_reasons(rejected: int, reasons: Mapping[str, int]) -> str:
    """Return ``12 rejected (too_long 8, unpaired 4)``, the most frequent reason first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    why = ", ".join(f"{reason} {count:,}" for reason, count in ordered)
    return f"{rejected:,} rejected" + (f" ({why})" if why else "")
