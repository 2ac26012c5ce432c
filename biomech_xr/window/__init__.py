"""Which windows exist, who may see them, and in which order: arithmetic on labels, no arrays of windows."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biomech_xr.window.assignment import SPLITS, assign
    from biomech_xr.window.index import LOST_REASONS, Grid, Horizon, StrideFacts, WindowIndex, index_windows
    from biomech_xr.window.lanes import LaneOrder
    from biomech_xr.window.mixing import Mixing
    from biomech_xr.window.order import EpochOrder, Share
    from biomech_xr.window.split import SplitManifest, load, load_or_create, members_of

_HOME = {
    "assignment": ("SPLITS", "assign"),
    "index": ("LOST_REASONS", "Grid", "Horizon", "StrideFacts", "WindowIndex", "index_windows"),
    "lanes": ("LaneOrder",),
    "mixing": ("Mixing",),
    "order": ("EpochOrder", "Share"),
    "split": ("SplitManifest", "load", "load_or_create", "members_of"),
}

__all__ = [
    "LOST_REASONS",
    "SPLITS",
    "EpochOrder",
    "Grid",
    "Horizon",
    "LaneOrder",
    "Mixing",
    "Share",
    "SplitManifest",
    "StrideFacts",
    "WindowIndex",
    "assign",
    "index_windows",
    "load",
    "load_or_create",
    "members_of",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: the split of people alone needs none of the libraries of stores."""
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"biomech_xr.window.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
