"""Look at what a store holds and what the sources give: plots, a self-contained HTML report, Markdown pages."""

from __future__ import annotations

from biomech_xr.quality.catalog import write_pages
from biomech_xr.quality.report import write_report

__all__ = ["write_pages", "write_report"]
