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

KNOWN_MUSCLES: Final = (*words.MUSCLES, *words.OTHER_MUSCLES)


def _answered(value: Any) -> Any:
    """Refuse a question that is still open."""
    if value == OPEN or value is None:
        raise ValueError("left open; answer the question")
    return value


def _muscle(name: str) -> str:
    if name not in KNOWN_MUSCLES:
        near = difflib.get_close_matches(name, KNOWN_MUSCLES, n=1, cutoff=0.0)[0]
        raise ValueError(f"unknown muscle {name!r}; did you mean {near!r}?")
    return name


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
