"""The sources, a module or package each: facts (`SPEC`), `patients(root)` and `recordings(root, patient)`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from biomech_xr.datasets.spec import Dataset, DatasetSpec, EmgColumn, JointColumn, Option
from biomech_xr.errors import ConfigError
from biomech_xr.schema import Trial

__all__ = ["Dataset", "DatasetSpec", "EmgColumn", "JointColumn", "Option", "get_dataset", "names"]

_NOT_SOURCES = {"spec", "cycles", "deciding", "inertial", "knee", "plug_in_gait", "power", "segments", "utd", "walking"}


def names() -> list[str]:
    """Return the names of all sources, in alphabetical order; modules and packages beside this one are the list."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if module.name not in _NOT_SOURCES and not module.name.startswith("_")
    )


def get_dataset(name: str) -> Dataset:
    """Return a source by name.

    Raises
    ------
    ConfigError
        No source has that name; the nearest one is suggested.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise ConfigError(f"dataset {name!r} is not known; did you mean {near[0]!r}? Known: {', '.join(known)}.")
    module = importlib.import_module(f"{__name__}.{name}")
    spec: DatasetSpec = module.SPEC
    options: Mapping[str, Option] = getattr(module, "OPTIONS", {})

    def recordings(root: Path, patient: str, given: Mapping[str, Any]) -> Iterator[Trial]:
        trials: Iterator[Trial] = module.recordings(root, patient, *((given,) if options else ()))
        return trials

    return Dataset(
        spec=spec,
        options=options,
        facts=getattr(module, "facts", lambda _root: spec),
        patients=module.patients,
        recordings=recordings,
    )
