"""Which windows exist, who may see them, and in which order: arithmetic on labels, no arrays of windows."""

from biomech_xr.window.index import LOST_REASONS, Grid, Horizon, StrideFacts, WindowIndex, index_windows
from biomech_xr.window.order import EpochOrder, Share
from biomech_xr.window.split import SPLITS, SplitManifest, assign, load, load_or_create, members_of

__all__ = [
    "LOST_REASONS",
    "SPLITS",
    "EpochOrder",
    "Grid",
    "Horizon",
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
