"""A Google Cloud Storage emulator with seeded faults, in Python's standard library.

``python -m biomech_xr.testing.gcs`` serves it from a process of its own; ``with GcsEmulator() as gcs`` from a thread of
this one. It speaks the JSON interface (gcsfs) and the XML interface (obstore), keeps objects in memory or in a folder,
and is strongly consistent. The CRC-32C of objects comes from `google_crc32c`, which zarr brings along.
"""

from biomech_xr.testing.gcs.answers import KINDS
from biomech_xr.testing.gcs.counts import RequestCounts
from biomech_xr.testing.gcs.emulator import BUCKET, GcsEmulator
from biomech_xr.testing.gcs.faults import ACTIONS, Fault, Faults, Rule

__all__ = ["ACTIONS", "BUCKET", "KINDS", "Fault", "Faults", "GcsEmulator", "RequestCounts", "Rule"]
