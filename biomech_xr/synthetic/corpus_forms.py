"""In which form each source publishes its strides, for corpora that skip the raw files: rates, points, sides, lengths.

What a source's own facts say (state and unit of the EMG, muscles, mains frequency, limits of a stride) is not repeated
here. Strides a trial and speeds are those of the sources' descriptions, rounded; they set how long a trial is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from biomech_xr import vocabulary as words

_RIGHT: Final = (("right",),)
_BOTH: Final = (("left", "right"),)
_ONE_EACH: Final = (("right",), ("left",))


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Rows of a signal group: `points` a stride, or `rate` in Hz (whole trials, or cut strides of unequal length)."""

    kind: words.SignalKind
    points: int = 0
    rate: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What a trial of a source looks like.

    `sides` lists the legs of its trials in turn, `strides` a trial's strides of one leg, `speed` is in m/s, `sessions`
    the days over which a person's trials spread; `timed` says whether strides that the source cut have a contact time.
    """

    emg: Clock
    joints: Clock
    sides: tuple[tuple[words.Side, ...], ...]
    strides: int
    speed: float
    kinetics: bool = True
    contiguity: words.Contiguity = "consecutive"
    condition: str = "none"
    sessions: int = 1
    timed: bool = True


def _points(count: int) -> Clock:
    return Clock(kind="segmented", points=count)


def _rate(hertz: float) -> Clock:
    return Clock(kind="continuous", rate=hertz)


def _cut(hertz: float) -> Clock:
    return Clock(kind="ragged", rate=hertz)


FORMS: Final[dict[str, Form]] = {
    "angelidou": Form(emg=_cut(2000), joints=_cut(100), sides=_ONE_EACH, strides=220, speed=0.8, timed=False),
    "bacek": Form(
        emg=_points(1001), joints=_points(101), sides=_BOTH, strides=475, speed=1.1, kinetics=False, sessions=2
    ),
    "camargo": Form(emg=_rate(1000), joints=_rate(200), sides=_RIGHT, strides=27, speed=1.2),
    "criekinge": Form(emg=_points(1001), joints=_points(1001), sides=_BOTH, strides=3, speed=1.2),
    "embry": Form(emg=_points(150), joints=_points(150), sides=_BOTH, strides=50, speed=1.0),
    "gait120": Form(emg=_rate(2000), joints=_rate(100), sides=_RIGHT, strides=2, speed=1.2, kinetics=False),
    "grimmer": Form(emg=_rate(10_000 / 9), joints=_rate(200), sides=_BOTH, strides=18, speed=1.25),
    "hu": Form(emg=_rate(1000), joints=_rate(1000), sides=_BOTH, strides=14, speed=1.2, kinetics=False),
    "k2muse": Form(emg=_rate(2000), joints=_rate(100), sides=_RIGHT, strides=18, speed=1.0, sessions=2),
    "lencioni": Form(
        emg=_cut(1000), joints=_points(101), sides=_RIGHT, strides=5, speed=1.1, contiguity="isolated", timed=False
    ),
    "macaluso": Form(
        emg=_points(3000), joints=_points(150), sides=_BOTH, strides=550, speed=1.2, condition="perturbation"
    ),
    "moghadam": Form(emg=_rate(100), joints=_rate(100), sides=_BOTH, strides=1, speed=1.2),
    "moreira": Form(emg=_points(1001), joints=_points(1001), sides=_ONE_EACH, strides=8, speed=0.5, timed=False),
    "siat": Form(emg=_rate(1920), joints=_rate(120), sides=_BOTH, strides=4, speed=1.1),
}
"""The form of each source that a corpus may hold."""
