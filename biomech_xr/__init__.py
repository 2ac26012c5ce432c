"""Labelled EMG, kinematics and kinetics of human gait: parsed, processed on Dask, streamed into PyTorch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biomech_xr.store.query import as_cube, ensemble, select, to_physical
    from biomech_xr.store.strides import open_strides
    from biomech_xr.store.tree import open_recordings

__version__ = "0.1.0"

__all__ = ["as_cube", "ensemble", "open_recordings", "open_strides", "select", "to_physical"]


def __getattr__(name: str) -> Any:
    """Import the public functions when they are first used, so that `import biomech_xr` stays cheap."""
    if name in __all__:
        return getattr(import_module("biomech_xr.store"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
