"""Look at what a store holds: ensemble plots and a self-contained HTML report."""

from __future__ import annotations

from biomech_xr.quality.report import write_report

__all__ = ["write_report"]
