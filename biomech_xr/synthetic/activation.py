"""When each muscle works in a stride, as sums of few periodic bursts.

Centre, width (standard deviation) and height of the bursts were set by hand after the profiles of Winter & Yack 1987,
Electroencephalogr Clin Neurophysiol 67:402, and Perry & Burnfield 2010, *Gait Analysis*, 2nd ed.; on stairs of
McFadyen & Winter 1988, J Biomech 21:733; on ramps of Franz & Kram 2012, Gait & Posture 35:165.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

Bursts = tuple[tuple[float, float, float], ...]
"""(centre in per cent, width in per cent, height 0..1)."""

_RESTING: Final = 0.03
_WALK: Final[Mapping[str, Bursts]] = {
    "vastus_lateralis": ((6, 5, 1.0), (96, 4, 0.5)),
    "rectus_femoris": ((6, 5, 0.8), (57, 5, 0.45), (97, 3, 0.4)),
    "vastus_medialis": ((7, 5, 1.0), (96, 4, 0.5)),
    "tibialis_anterior": ((3, 4, 1.0), (68, 7, 0.55), (94, 5, 0.6)),
    "biceps_femoris": ((3, 5, 0.6), (90, 5, 1.0)),
    "semitendinosus": ((2, 4, 0.4), (91, 5, 1.0)),
    "gastrocnemius_medialis": ((40, 7, 1.0), (24, 8, 0.4)),
    "gastrocnemius_lateralis": ((41, 7, 1.0), (26, 8, 0.35)),
    "soleus": ((42, 7, 1.0), (22, 10, 0.5)),
    "peroneus_longus": ((43, 8, 1.0), (15, 8, 0.35)),
    "peroneus_brevis": ((45, 8, 1.0), (12, 7, 0.3)),
    "gluteus_medius": ((7, 6, 1.0), (22, 9, 0.4), (97, 3, 0.4)),
    "gluteus_maximus": ((5, 5, 1.0), (95, 4, 0.6)),
    "gracilis": ((62, 7, 0.7), (93, 6, 1.0)),
    "adductor_longus": ((60, 7, 1.0), (5, 6, 0.5)),
    "tensor_fasciae_latae": ((10, 8, 1.0), (55, 6, 0.5)),
    "external_oblique": ((5, 8, 0.6), (55, 8, 1.0)),
    "semimembranosus": ((3, 4, 0.45), (91, 5, 1.0)),
    "tibialis_anterior_upper": ((3, 4, 1.0), (68, 7, 0.55), (94, 5, 0.6)),
    "tibialis_anterior_lower": ((3, 4, 0.9), (68, 7, 0.6), (94, 5, 0.6)),
    "soleus_medial": ((42, 7, 1.0), (22, 10, 0.5)),
    "soleus_lateral": ((43, 7, 1.0), (24, 10, 0.45)),
    "erector_spinae": ((10, 6, 0.8), (58, 6, 1.0)),
}
_KNEE_EXTENSORS: Final = ("vastus_lateralis", "rectus_femoris", "vastus_medialis")
_HIP_EXTENSORS: Final = ("gluteus_maximus", "biceps_femoris", "semitendinosus")
_CALF: Final = ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus", "peroneus_longus", "peroneus_brevis")
_CHANGES: Final[Mapping[str, tuple[tuple[tuple[str, ...], float, Bursts], ...]]] = {
    "walk": (),
    "ramp_ascent": (
        (_KNEE_EXTENSORS, 1.2, ((14, 7, 0.5),)),
        (_HIP_EXTENSORS, 1.2, ((14, 8, 0.5),)),
        (_CALF, 1.3, ()),
    ),
    "ramp_descent": ((_KNEE_EXTENSORS, 1.3, ((22, 9, 0.6),)), (_CALF, 0.75, ())),
    "stair_ascent": (
        (_KNEE_EXTENSORS, 1.4, ((16, 8, 1.1),)),
        (_HIP_EXTENSORS, 1.2, ((18, 9, 0.7),)),
        (_CALF, 1.2, ((12, 7, 0.3),)),
    ),
    "stair_descent": ((_KNEE_EXTENSORS, 1.1, ((16, 7, 0.5), (48, 8, 0.9))), (_CALF, 0.7, ((2, 6, 0.7),))),
    "heel_walk": ((("tibialis_anterior",), 1.2, ((30, 14, 1.0),)), (_CALF, 0.3, ())),
    "toe_walk": ((_CALF, 1.2, ((8, 9, 0.9),)), (("tibialis_anterior",), 0.5, ())),
    "step_up": ((_KNEE_EXTENSORS, 1.4, ((16, 8, 1.1),)), (_HIP_EXTENSORS, 1.2, ((18, 9, 0.7),))),
    "step_down": ((_KNEE_EXTENSORS, 1.1, ((16, 7, 0.5), (48, 8, 0.9))), (_CALF, 0.7, ((2, 6, 0.7),))),
}
"""Per activity: (muscles, factor on the level-walking bursts, bursts that come on top)."""

KNOWN_MUSCLES: Final = tuple(_WALK)


def activation(muscle: str, activity: str, phase: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the activation of one muscle over the stride.

    Parameters
    ----------
    muscle
        One of `KNOWN_MUSCLES`.
    activity
        An activity of `curves.LOCOMOTION`; `stand` and `sit` give the resting level.
    phase
        Fraction of the stride, any shape; only its fractional part counts.

    Returns
    -------
    numpy.ndarray
        Activation, dimensionless, 1 near the peak of level walking, shape of ``phase``.
    """
    level = np.full(np.shape(phase), _RESTING)
    if activity not in _CHANGES:
        return level if activity == "sit" else level * 2
    for centre, width, height in _bursts(muscle, activity):
        distance = (phase - centre / 100 + 0.5) % 1 - 0.5
        level = level + height * np.exp(-0.5 * (distance * 100 / width) ** 2)
    return level


def _bursts(muscle: str, activity: str) -> Bursts:
    bursts = _WALK[muscle]
    for muscles, factor, extra in _CHANGES[activity]:
        if muscle in muscles:
            bursts = (*((centre, width, factor * height) for centre, width, height in bursts), *extra)
    return bursts
