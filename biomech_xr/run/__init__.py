"""The units of work that Dask workers execute: parse one patient, write one shard of strides."""

from __future__ import annotations

from biomech_xr.run.parse import parse_patient, pending_patients
from biomech_xr.run.process import ShardWork, finish_strides, shard_work

__all__ = ["ShardWork", "finish_strides", "parse_patient", "pending_patients", "shard_work"]
