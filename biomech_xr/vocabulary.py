"""The words of the platform: muscles, joints, motions, activities, conditions, signs and reasons.

Raw labels live only in a dataset's own file; everything that crosses between stages uses these words.
Conventions that the words imply (one for both legs):

* angles in degrees; hip flexion +, knee flexion +, ankle dorsiflexion +, adduction +, internal rotation +;
  ankle adduction is inversion, ankle rotation is toe-in;
* moments in N m/kg, internal, as the generalised force of the canonical angle: power = moment x angular velocity.
"""

from __future__ import annotations

from typing import Final, Literal

Side = Literal["left", "right"]
EmgState = Literal["raw", "bandpassed", "envelope"]
SignalKind = Literal["continuous", "segmented", "ragged"]
Contiguity = Literal["consecutive", "isolated"]
Evidence = Literal["real_file", "notes"]

MUSCLES: Final = (
    "vastus_lateralis",
    "rectus_femoris",
    "vastus_medialis",
    "tibialis_anterior",
    "biceps_femoris",
    "semitendinosus",
    "gastrocnemius_medialis",
    "gastrocnemius_lateralis",
    "soleus",
    "peroneus_longus",
    "peroneus_brevis",
    "gluteus_medius",
    "gluteus_maximus",
)
"""The 13 channels of the strides product, in order."""

OTHER_MUSCLES: Final = (
    "adductor_longus",
    "adductor_magnus",
    "erector_spinae",
    "external_oblique",
    "gracilis",
    "hamstrings_medial",
    "iliopsoas",
    "rectus_abdominis",
    "sartorius",
    "semimembranosus",
    "soleus_lateral",
    "soleus_medial",
    "tensor_fasciae_latae",
    "tibialis_anterior_lower",
    "tibialis_anterior_upper",
    "vastus_intermedius",
)
"""Further muscles that recordings keep. The vocabulary is open: a reader may add words of its own."""

SUBSTITUTES: Final = {
    "semitendinosus": "semimembranosus",
    "tibialis_anterior": "tibialis_anterior_upper",
    "soleus": "soleus_medial",
}
"""A strides channel that a recording lacks may be filled from this muscle; the part's attributes note it."""

JOINTS: Final = ("hip", "knee", "ankle")
MOTIONS: Final = ("adduction", "rotation", "flexion")
AXES: Final = ("anterior", "vertical", "lateral")
SIDES: Final = ("left", "right")
GROUPS: Final = ("emg", "kinematics", "kinetics", "grf", "imu", "markers")
KINDS: Final = ("continuous", "segmented", "ragged")
CONTIGUITIES: Final = ("consecutive", "isolated")

ACTIVITIES: Final = (
    "walk",
    "walk_backward",
    "turn",
    "ramp_ascent",
    "ramp_descent",
    "stair_ascent",
    "stair_descent",
    "step_up",
    "step_down",
    "heel_walk",
    "toe_walk",
    "run",
    "other",
)
"""Activities of a stride."""

POSTURES: Final = ("stand", "sit", "sit_to_stand", "stand_to_sit")
"""Activities that recordings hold besides; a stride never has one of them."""

CONDITIONS: Final = (
    "none",
    "orthosis",
    "fatigue",
    "electrode_shift",
    "perturbation",
    "stiffness",
    "compliant_surface",
    "load",
    "other",
)
SURFACES: Final = ("treadmill", "overground", "ramp", "stairs", "unknown")
POPULATIONS: Final = ("able_bodied", "stroke")
AFFECTED_SIDES: Final = ("none", "left", "right", "both", "unknown")
SEXES: Final = ("female", "male", "unknown")
EMG_STATES: Final = ("raw", "bandpassed", "envelope")
EVIDENCES: Final = {"real_file": "checked on real file", "notes": "on notes only"}
"""How far a reader is proven, and how to say it."""
DURATION_SOURCES: Final = ("events", "samples", "published", "assumed")
STAGES: Final = ("parse", "process")

UNITS: Final = {
    "kinematics": "degree",
    "kinetics": "N m kg-1",
    "grf": "N kg-1",
    "emg_processed": "1",
    "time": "s",
}

SYNTHETIC_MARKER: Final = "SYNTHETIC.txt"
"""A file of this name at the root of a raw tree says that its people do not exist; stores carry it on."""

REJECTION_REASONS: Final = {
    "not_a_stride": "the cycle is not contact to contact of one foot (turns of the clock, standing, partial cycles)",
    "too_short": "the stride is shorter than the dataset's lower bound",
    "too_long": "the stride is longer than the dataset's upper bound",
    "unknown_duration": "the source gives no duration and none can be derived",
    "unpaired": "the streams of the trial cannot be paired by events, names or durations",
    "activity_change": "the two contacts lie in different activities",
    "posture": "the activity is sitting, standing or a transfer",
    "changing_speed": "the belt accelerates within the stride",
    "outside_trial": "an event lies outside the recorded samples",
    "no_signal": "no modality has a measured sample in the stride",
    "excluded": "the source's authors, or this project, exclude the trial; the detail says why",
    "unservable_emg": "the chain cannot serve the EMG of this stride and it has no other modality",
}
"""The closed list of reasons for which a candidate stride is not kept."""
