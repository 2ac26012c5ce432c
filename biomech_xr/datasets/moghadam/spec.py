"""What is known of the release before a file is read: its facts, its columns and the options of its reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets.moghadam.contacts import BRIDGED, CLOCK
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.datasets.walking import ASSUMPTIONS, FRONTAL
from biomech_xr.datasets.walking import OPTIONS as WALK_OPTIONS

OPTIONS: Final[Mapping[str, Option]] = {
    **WALK_OPTIONS,
    **FRONTAL,
    "contacts": Option(
        kind="file",
        help="CSV with the columns patient, trial (trial_12), side and time (s on the trial's clock): every contact of "
        "each foot. Replaces the contacts that the reader finds from the ankle moment.",
    ),
}

_SIDES: Final[tuple[tuple[str, words.Side], ...]] = (("R", "right"), ("L", "left"))
_MUSCLES: Final = {
    "TibialisAnterior": "tibialis_anterior",
    "Soleus": "soleus",
    "GastrocnemiusMedialis": "gastrocnemius_medialis",
    "BicepsFemoris": "biceps_femoris",
    "Semitendinosus": "semitendinosus",
    "RectusFemoris": "rectus_femoris",
    "VastusLateralis": "vastus_lateralis",
    "GluteusMaximus": "gluteus_maximus",
}
"""In the order of the channels of a file without names, after the time: all of the right leg, then all of the left."""

_COORDINATES: Final = {
    "hip_flexion": ("hip", "flexion"),
    "hip_adduction": ("hip", "adduction"),
    "hip_rotation": ("hip", "rotation"),
    "knee_angle": ("knee", "flexion"),
    "ankle_angle": ("ankle", "flexion"),
}


def _joints(ending: str) -> dict[str, JointColumn]:
    return {
        f"{name}_{side[0]}{ending}": JointColumn(joint=joint, motion=motion, side=side)
        for _, side in _SIDES
        for name, (joint, motion) in _COORDINATES.items()
    }


SPEC: Final = DatasetSpec(
    name="moghadam",
    title="A comparison of machine learning models' accuracy in predicting lower-limb joints' kinematics, kinetics, "
    "and muscle forces from wearable sensors",
    doi="10.1038/s41598-023-31906-z",
    data_doi="",
    licence="not known",
    reference=Reference(
        authors="Mohammadi Moghadam S, Yeung T, Choisne J",
        journal="Scientific Reports",
        volume="13",
        pages="5046",
        year=2023,
    ),
    host="GitHub, Surrogate_modelling_to_predict_gait_time_series (owner not known)",
    laboratory="Auckland Bioengineering Institute",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="envelope",
    emg_unit="unknown",
    emg_rate=100.0,
    rates={"emg": Rate(), "kinematics": Rate(), "kinetics": Rate()},
    emg_lookahead=1.13,
    upstream_filters="not stated; EMG is decided per person to be raw, band-passed or an envelope",
    sides=("left", "right"),
    activities=("walk",),
    minimum_duration=0.6,
    maximum_duration=2.0,
    people=17,
    known_defects=(
        "The release holds no gait events.",
        "P4: the inertial units of trials 12 to 16 are unusable and not read.",
        "Moments are real only while the foot is on one of three force plates: those of a stance without push-off are "
        "not measured (NaN).",
        "The subtalar axis is oblique: subtalar_angle is not mapped; nor is mtp_angle.",
        "Some EMG files have no names: they are read in the stated order, and the trial's notes say so.",
    ),
    assumptions=(
        f"A contact is the onset of the ankle moment after a quiet swing and before a push-off, right to {CLOCK:g} s: "
        "0.02 s late to 0.026 s early beside force plates in three laboratories (the low-pass is not stated and moves "
        "it), up to 0.014 s early on synthetic people; durations are right to 0.015 s. One sample of 100 Hz is not "
        "reached. Where it is not found, the candidate is rejected as unknown_duration.",
        "Hip flexion is positive, as in OpenSim, unless the option hip_sign says otherwise: the search for contacts "
        "needs it; the strides found must confirm it.",
        f"Gaps of hip or knee angles up to {BRIDGED:g} s are bridged in the search for contacts; the strides around a "
        "longer one are rejected as unknown_duration.",
        "Rates are those of the time columns; 100 Hz for EMG is what one reader assumed.",
        "EMG is taken for an envelope of a zero-phase low-pass at 3 Hz or above, of at most 4th order in each pass: "
        "less than 1e-4 of the absolute sum of its impulse response lies after emg_lookahead (1.13 s), which "
        "band-passed EMG is given too; that of raw EMG is 0.",
        "The smoothing of angles is not stated: kinematics_lookahead is unknown.",
        "The unit of EMG and of the inertial units is not known.",
        *ASSUMPTIONS,
    ),
    emg={
        f"{prefix}{raw}": EmgColumn(muscle=muscle, side=side)
        for prefix, side in _SIDES
        for raw, muscle in _MUSCLES.items()
    },
    angles=_joints(""),
    moments=_joints("_moment"),
    reader_version="2",
)
"""The factors of angles and moments are those of files in canonical signs; every person's own are decided."""
