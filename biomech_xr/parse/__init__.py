"""Raw files to recordings: find a source's people, read and check their trials."""

from __future__ import annotations

from biomech_xr.parse.options import check_options
from biomech_xr.parse.trials import find_patients, read_facts, read_patient

__all__ = ["check_options", "find_patients", "read_facts", "read_patient"]
