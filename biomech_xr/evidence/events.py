"""Contacts and foot offs where a source gives none, how good they are, and how they compare with given ones.

Four detectors that share nothing: `contacts_from_force` (vertical force), `contacts_from_heel` (heel against pelvis),
`contacts_from_foot` (vertical velocity of the foot), `contacts_from_gyroscope` (rotation of the shank).
"""

from __future__ import annotations

from biomech_xr.evidence.events_compare import USUAL_BIAS, Comparison, compare_events, pool
from biomech_xr.evidence.events_foot import contacts_from_foot
from biomech_xr.evidence.events_force import contacts_from_force
from biomech_xr.evidence.events_gyroscope import contacts_from_gyroscope, mediolateral, swing_peaks
from biomech_xr.evidence.events_heel import contacts_from_heel
from biomech_xr.evidence.events_quality import EventQuality, event_quality

__all__ = [
    "USUAL_BIAS",
    "Comparison",
    "EventQuality",
    "compare_events",
    "contacts_from_foot",
    "contacts_from_force",
    "contacts_from_gyroscope",
    "contacts_from_heel",
    "event_quality",
    "mediolateral",
    "pool",
    "swing_peaks",
]
