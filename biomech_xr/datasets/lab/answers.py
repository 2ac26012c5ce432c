"""What the parts of `lab.yaml` share: single answers, how a CSV file is written, and refusals of lists."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from biomech_xr import vocabulary as words
from biomech_xr.config import Config

OPEN: Final = "?"
"""What stands in a mapping where a question has not been answered yet."""

ALIKE: Final = 0.6
"""The similarity (of difflib, 0 to 1) from which on a name may have been meant."""

KNOWN_MUSCLES: Final = (*words.MUSCLES, *words.OTHER_MUSCLES)


def _answered(value: Any) -> Any:
    """Refuse a question that is still open."""
    if value == OPEN or value is None:
        raise ValueError("left open; answer the question")
    return value


def _muscle(name: str) -> str:
    if name not in KNOWN_MUSCLES:
        near = difflib.get_close_matches(name, KNOWN_MUSCLES, n=1, cutoff=ALIKE)
        hint = f"did you mean {near[0]!r}?" if near else "take a word of the vocabulary's muscles"
        raise ValueError(f"unknown muscle {name!r}; {hint}")
    return name


def _condition(name: str) -> str:
    if name not in words.CONDITIONS:
        raise ValueError(f"unknown condition {name!r}; known: {', '.join(words.CONDITIONS)}")
    return name


def _not_open(value: Any) -> Any:
    """Refuse an open question where leaving the answer out is allowed."""
    if value == OPEN:
        raise ValueError("left open; answer the question, or delete the line")
    return value


def _mains(value: float) -> float:
    if value not in (50.0, 60.0):
        raise ValueError("expected 50 or 60 (Hz)")
    return value


def between(low: float, high: float, unit: str) -> AfterValidator:
    """Return the check that a number is possible; ``unit`` is for the message."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"expected {low:g} to {high:g} {unit}")
        return value

    return AfterValidator(check)


def _activity(name: str) -> str:
    if name not in words.ACTIVITIES:
        raise ValueError(f"unknown activity {name!r}; known: {', '.join(words.ACTIVITIES)}")
    return name


Answer = BeforeValidator(_answered)
Label = Annotated[str, Field(min_length=1), Answer]
Side = Annotated[words.Side, Answer]
Sign = Annotated[Literal[1, -1], Answer]
Muscle = Annotated[str, AfterValidator(_muscle), Answer]
Activity = Annotated[str, AfterValidator(_activity), Answer]
Condition = Annotated[str, AfterValidator(_condition), Answer]
NotOpen = BeforeValidator(_not_open)
Mains = Annotated[float, AfterValidator(_mains), Answer]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Surface = Literal["treadmill", "overground", "ramp", "stairs", "unknown"]


def some(values: tuple[object, ...]) -> None:
    """Refuse an empty list; pydantic's own bound would also complain of a list whose entries are wrong."""
    if not values:
        raise ValueError("the list is empty, expected at least one entry")


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once, sorted."""
    return sorted(value for value, count in Counter(values).items() if count > 1)


class Csv(Config):
    """How a CSV file is written: its time column, or the rate and the time of its first row, and its characters.

    `rate` is in Hz and `start` in s on the clock of the trial's other files; without a time column nothing else tells
    where the first row belongs.
    """

    time: str | None = None
    time_unit: Literal["s", "ms"] = "s"
    rate: Positive | None = None
    start: Finite | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."

    @model_validator(mode="after")
    def _one_clock(self) -> Self:
        if self.time is not None and self.rate is not None:
            raise ValueError("both a time column and a rate: give one of them")
        if (self.rate is None) != (self.start is None):
            raise ValueError("rate and start belong together: the rate in Hz, the time of the first row in s")
        if self.decimal == self.delimiter:
            raise ValueError(f"delimiter and decimal are both {self.decimal!r}")
        return self

    @property
    def time_column(self) -> str:
        """The label of the time column: `time` unless stated; empty where a rate stands instead."""
        return "" if self.rate is not None else self.time or "time"
