"""Sources in memory, one planted error in one of them, and what must be said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from biomech_xr.quality.harmony import Curve, Harmony
from biomech_xr.quality.harmony_curves import COMPONENTS, FloatArray, Quantity
from biomech_xr.synthetic.activation import activation
from biomech_xr.synthetic.gait import Bout, own_curve
from biomech_xr.synthetic.person import make_person
from biomech_xr.vocabulary import MUSCLES

POINTS: Final = 200
PHASE: Final = np.arange(POINTS) / POINTS
PEOPLE: Final = 2

Change = Callable[[Curve], FloatArray]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plant:
    """An error: which curves (`where`), what they become (`change`), the flag and a part of the cause expected."""

    name: str
    where: Callable[[Curve], bool]
    change: Change | None = None
    swap: tuple[str, str] | None = None
    flag: str = ""
    cause: str = ""


def sources(number: int = 6, *, seed: int = 0) -> list[Curve]:
    """Return curves of walking of several sources, two people each, with differences as between laboratories.

    Gains differ by 10 %, offsets by 4 degrees, timing by 1.5 % of the stride (SD); a slow wave of 4 % of the size of
    each curve is on top.
    """
    rng = np.random.default_rng(seed)
    return [curve for place in range(number) for curve in _source(f"source{place}", rng, seed)]


def _source(name: str, rng: np.random.Generator, seed: int) -> Iterator[Curve]:
    people = [make_person(f"{name}-{number}", seed=seed) for number in range(PEOPLE)]
    timing = 0.015 * float(np.clip(rng.standard_normal(), -2, 2))
    phase = (PHASE - timing * np.sin(np.pi * PHASE) ** 2) % 1
    speed = float(rng.uniform(1.0, 1.5))
    mass = float(np.mean([person.body_mass for person in people]))
    for side in ("left", "right"):
        for quantity in COMPONENTS:
            if quantity == "emg":
                rows = np.array([activation(muscle, "walk", phase) for muscle in MUSCLES]) * 0.7
            else:
                own = [
                    own_curve(person, Bout(activity="walk", duration=10, speed=speed), quantity, phase, side)
                    for person in people
                ]
                rows = np.mean(own, axis=0).reshape(POINTS, -1).T
            for component, row in zip(COMPONENTS[quantity], rows, strict=True):
                yield Curve(
                    dataset=name,
                    side=side,
                    quantity=quantity,
                    component=component,
                    values=_varied(row, quantity, rng),
                    people=PEOPLE,
                    strides=20,
                    body_mass=mass,
                )


def _varied(row: FloatArray, quantity: Quantity, rng: np.random.Generator) -> FloatArray:
    draw = np.clip(rng.standard_normal(5), -2, 2)
    wave = sum(np.sin(2 * np.pi * (k * PHASE + draw[k])) * draw[k + 2] for k in (1, 2))
    varied = row * (1 + 0.1 * draw[0]) + 0.04 * np.ptp(row) * wave
    if quantity == "angle":
        return np.asarray(varied + 4 * draw[1])
    return np.asarray(np.maximum(varied, 0.01) if quantity == "emg" else varied)


def plant(curves: Sequence[Curve], error: Plant, victim: str, side: str | None = None) -> list[Curve]:
    """Return the curves with the error in one source, in one leg or in both."""
    own = {(c.side, c.quantity, c.component): c.values for c in curves if c.dataset == victim}
    return [_changed(curve, error, own) if hit(curve, error, victim, side) else curve for curve in curves]


def hit(curve: Curve, error: Plant, victim: str, side: str | None = None) -> bool:
    """Tell whether a curve is one that the error is planted in."""
    return curve.dataset == victim and side in (None, curve.side) and error.where(curve)


def _changed(curve: Curve, error: Plant, own: Mapping[tuple[str, Quantity, str], FloatArray]) -> Curve:
    if error.swap:
        first, second = error.swap
        other = second if curve.component == first else first
        return replace(curve, values=own[curve.side, curve.quantity, other])
    return replace(curve, values=error.change(curve) if error.change else curve.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Planted curves: found with kind and cause, too flat to be judged, missed; and flags that are wrong."""

    planted: int
    found: int
    flat: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]


def score(harmony: Harmony, error: Plant, victim: str, side: str | None = None) -> Score:
    """Return how an error planted in one source was judged."""
    hits = [v for v in harmony.curves if hit(v.curve, error, victim, side)]
    of_leg = f"({side} leg only)" if side else error.cause
    good = [v for v in hits if v.flags == (error.flag,) and error.cause in v.cause and of_leg in v.cause]
    flat = [v for v in hits if v.status == "flat"]
    places = {(v.curve.quantity, v.curve.component) for v in hits if side}
    wrong = [v for v in hits if v not in good and v.flags]
    wrong += [v for v in harmony.curves if v.flags and v not in hits]
    wrong += [
        v
        for v in harmony.legs
        if v.flags and (v.curve.dataset != victim or (v.curve.quantity, v.curve.component) not in places)
    ]
    missed = [v for v in hits if v.status != "flat" and not v.flags]
    return Score(
        planted=len(hits),
        found=len(good),
        flat=len(flat),
        missed=tuple(map(_say, missed)),
        wrong=tuple(map(_say, wrong)),
    )


def _say(verdict: object) -> str:
    from biomech_xr.quality.harmony import Verdict

    assert isinstance(verdict, Verdict)
    one = verdict.as_json()
    return " ".join(
        f"{key}={one[key]}"
        for key in ("dataset", "side", "quantity", "component", "against", "r", "ratio", "lag", "r_at_lag", "offset",
                    "flags", "cause")
    )  # fmt: skip


def _of(quantity: str, *components: str) -> Callable[[Curve], bool]:
    return lambda curve: curve.quantity == quantity and (not components or curve.component in components)


def _everything(curve: Curve) -> bool:
    return True


def _late(share: float) -> Change:
    return lambda curve: np.roll(curve.values, round(share * len(curve.values)))


def _upside_down(curve: Curve) -> FloatArray:
    return -curve.values


def _times(factor: float) -> Change:
    return lambda curve: curve.values * factor


def _not_divided(curve: Curve) -> FloatArray:
    return curve.values * (curve.body_mass if curve.body_mass > 0 else 70.0)


def _not_rectified(curve: Curve) -> FloatArray:
    noise = np.random.default_rng(len(curve.component)).standard_normal(len(curve.values))
    return np.asarray(noise * 0.1)


def _swap(name: str, quantity: str, first: str, second: str, cause: str) -> Plant:
    return Plant(name=name, where=_of(quantity, first, second), swap=(first, second), flag="unlike", cause=cause)


PLANTS: Final[tuple[Plant, ...]] = (
    *(
        Plant(name="angle inverted", where=_of("angle", name), change=_upside_down, flag="inverted", cause="sign conv")
        for name in COMPONENTS["angle"]
    ),
    *(
        Plant(name="moment inverted", where=_of("moment", name), change=_upside_down, flag="inverted", cause="sign c")
        for name in COMPONENTS["moment"]
    ),
    Plant(name="all moments inverted", where=_of("moment"), change=_upside_down, flag="inverted", cause="external"),
    Plant(name="moments x 1000", where=_of("moment"), change=_times(1000), flag="scaled", cause="N mm/kg"),
    Plant(name="moments x body mass", where=_of("moment"), change=_not_divided, flag="scaled", cause="not divided by"),
    Plant(name="angles in radians", where=_of("angle"), change=_times(np.pi / 180), flag="scaled", cause="radians"),
    Plant(name="all late by 50 %", where=_everything, change=_late(0.5), flag="shifted", cause="other foot"),
    Plant(name="EMG late by 50 %", where=_of("emg"), change=_late(0.5), flag="shifted", cause="other foot"),
    Plant(name="all late by 15 %", where=_everything, change=_late(0.15), flag="shifted", cause="another event"),
    Plant(name="angles late by 15 %", where=_of("angle"), change=_late(0.15), flag="shifted", cause="another clock"),
    Plant(name="moments late by 15 %", where=_of("moment"), change=_late(0.15), flag="shifted", cause="another clock"),
    Plant(name="EMG late by 15 %", where=_of("emg"), change=_late(0.15), flag="shifted", cause="another clock"),
    *(
        Plant(name="one angle late by 15 %", where=_of("angle", f"{joint} flexion"), change=_late(0.15),
              flag="shifted", cause="than its neighbors")
        for joint in ("hip", "knee", "ankle")
    ),
    *(
        _swap("planes swapped", quantity, f"{joint} flexion", f"{joint} adduction", "swapped planes")
        for quantity, joint in (("angle", "hip"), ("moment", "hip"), ("moment", "knee"))
    ),
    *(
        _swap("joints swapped", quantity, f"{one} flexion", f"{other} flexion", "wrong joint")
        for quantity in ("angle", "moment")
        for one, other in (("hip", "knee"), ("knee", "ankle"), ("hip", "ankle"))
    ),
    *(
        _swap("EMG channels swapped", "emg", one, other, "channels swapped")
        for one, other in (("tibialis anterior", "soleus"), ("vastus lateralis", "gastrocnemius medialis"),
                           ("biceps femoris", "soleus"))
    ),
    Plant(name="EMG not rectified", where=_of("emg"), change=_not_rectified, flag="unlike", cause="not rectified"),
    Plant(name="ankle neutral at 90", where=_of("angle", "ankle flexion"), change=lambda c: c.values + 90,
          flag="offset", cause="90 degrees"),
)  # fmt: skip
"""Every kind of error, planted in turn."""
