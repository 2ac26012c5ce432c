"""What the benchmarks share: the machine, the versions, and the one JSON form of a result."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("numpy", "scipy", "pandas", "h5py", "mat-io", "zarr", "xarray", "dask", "torch")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One measurement beside its baseline of the same run; `ratio` is value over baseline."""

    value: float
    unit: str
    baseline: float
    ratio: float
    note: str = ""


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, help="file for the result")
    return parser


def report(cases: Mapping[str, Case], path: Path | None, *, lines: Iterable[str] | None = None) -> None:
    """Print a table of cases, or the lines of another table of them, and write the JSON where a path is given."""
    for line in _lines(cases) if lines is None else lines:
        print(line)
    if path is not None:
        machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
        versions = {library: metadata.version(library) for library in _LIBRARIES}
        result = {
            "machine": machine,
            "versions": versions,
            "cases": {name: asdict(case) for name, case in cases.items()},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _lines(cases: Mapping[str, Case]) -> Iterator[str]:
    width = max(map(len, cases))
    for name, case in cases.items():
        figures = f"{case.value:9.1f} {case.unit:5}  baseline {case.baseline:9.1f}  ratio {case.ratio:5.2f}"
        yield f"{name:{width}}  {figures}  {case.note}"
