"""Progress of a batch of tasks: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_LINE_EVERY = 5.0
"""Seconds between two plain lines."""


class Advance(Protocol):
    """Called once a finished task, with a word on what it made and how much of the whole amount that is."""

    def __call__(self, note: str = "", amount: float = 0) -> None:
        """Count one task as done."""


class Pace:
    """How fast an amount is worked off, and how long the rest will take at that pace."""

    def __init__(self, total: float, word: str) -> None:
        self._total, self._word = total, word
        self._done = 0.0
        self._started = time.monotonic()

    def add(self, amount: float) -> str:
        """Count an amount as done and return a phrase; empty where nothing is known."""
        self._done += amount
        seconds = time.monotonic() - self._started
        if not self._done or not self._total:
            return ""
        left = max(self._total - self._done, 0) * seconds / self._done
        return f"{self._done / seconds:,.0f} {self._word}/s, {clock(left)} left"

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started


def clock(seconds: float) -> str:
    """Return a duration in words: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def progress(title: str, total: int, *, amount: float = 0, word: str = "strides") -> Iterator[Advance]:
    """Yield the function to call after each of ``total`` tasks, which make ``amount`` of something together."""
    pace = Pace(amount, word)
    if sys.stdout.isatty():
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[pace]}"),
            TextColumn("{task.fields[note]}"),
            console=Console(),
        ) as bar:
            task = bar.add_task(title, total=total, note="", pace="")

            def advance_bar(note: str = "", amount: float = 0) -> None:
                bar.update(task, advance=1, note=note, pace=pace.add(amount))

            yield advance_bar
        return
    state = {"done": 0.0, "printed": time.monotonic()}

    def advance_line(note: str = "", amount: float = 0) -> None:
        state["done"] += 1
        said = pace.add(amount)
        now = time.monotonic()
        if state["done"] == total or now - state["printed"] >= _LINE_EVERY:
            state["printed"] = now
            words = ", ".join(part for part in (f"{int(state['done'])}/{total} in {clock(pace.seconds)}", said) if part)
            print(f"{title}: {'; '.join(part for part in (words, note) if part)}", flush=True)

    yield advance_line


def count_lines(lines: Iterable[str], *, indent: str = "  ") -> str:
    """Return lines joined and indented, for messages that list several failures."""
    return "\n".join(f"{indent}{line}" for line in lines)
