"""Detectors that settle from the data what the notes of a source leave open.

Pure functions on plain arrays. Each looks for a landmark of human gait, names it, and returns a `Decision` with a
confidence: unclear input (flat, noise, standing, too few strides, all NaN) gives a low confidence, never a guess that
looks sure. `require` turns a low confidence into an error that names the option by which the user decides.
"""

from biomech_xr.evidence.axes import axis_order, flexion_column
from biomech_xr.evidence.decision import LEAST, Decision, require
from biomech_xr.evidence.emg import emg_state
from biomech_xr.evidence.events import (
    USUAL_BIAS,
    Comparison,
    EventQuality,
    compare_events,
    contacts_from_foot,
    contacts_from_force,
    contacts_from_gyroscope,
    contacts_from_heel,
    event_quality,
)
from biomech_xr.evidence.frontal import hip_adduction_moment_sign, hip_adduction_sign
from biomech_xr.evidence.ground import step_contacts, steps_down
from biomech_xr.evidence.hum import rate_from_hum
from biomech_xr.evidence.moments import STATED, moment_sign
from biomech_xr.evidence.rates import DEVICE_RATES, emg_rate
from biomech_xr.evidence.signs import ankle_sign, hip_sign, knee_sign
from biomech_xr.evidence.start import start_from_force, start_from_knee
from biomech_xr.evidence.units import FACTORS, FORCE_FACTORS, angle_unit, force_unit, moment_unit

__all__ = [
    "DEVICE_RATES",
    "FACTORS",
    "FORCE_FACTORS",
    "LEAST",
    "STATED",
    "USUAL_BIAS",
    "Comparison",
    "Decision",
    "EventQuality",
    "angle_unit",
    "ankle_sign",
    "axis_order",
    "compare_events",
    "contacts_from_foot",
    "contacts_from_force",
    "contacts_from_gyroscope",
    "contacts_from_heel",
    "emg_rate",
    "emg_state",
    "event_quality",
    "flexion_column",
    "force_unit",
    "hip_adduction_moment_sign",
    "hip_adduction_sign",
    "hip_sign",
    "knee_sign",
    "moment_sign",
    "moment_unit",
    "rate_from_hum",
    "require",
    "start_from_force",
    "start_from_knee",
    "step_contacts",
    "steps_down",
]
