"""Progress of a batch of tasks: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINE_EVERY = 5.0
"""Seconds between two plain lines."""


class Advance(Protocol):
    """Called once a finished task, with a word on what it made."""

    def __call__(self, note: str = "") -> None:
        """Count one task as done."""


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Yield the function to call after each of ``total`` tasks."""
    if sys.stdout.isatty():
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(),
        ) as bar:
            task = bar.add_task(title, total=total, note="")

            def advance_bar(note: str = "") -> None:
                bar.update(task, advance=1, note=note)

            yield advance_bar
        return
    started = time.monotonic()
    state = {"done": 0, "printed": started}

    def advance_line(note: str = "") -> None:
        state["done"] += 1
        now = time.monotonic()
        if state["done"] == total or now - state["printed"] >= _LINE_EVERY:
            state["printed"] = now
            done = int(state["done"])
            print(f"{title}: {done}/{total} in {now - started:.0f} s {note}".rstrip(), flush=True)

    yield advance_line


def count_lines(lines: Iterable[str], *, indent: str = "  ") -> str:
    """Return lines joined and indented, for messages that list several failures."""
    return "\n".join(f"{indent}{line}" for line in lines)
