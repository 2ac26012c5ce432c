"""Parse throughput of each source in MB/s of raw input, beside the bare library read of the same files.

    python -m tests.benchmarks.parse --json bench/parse.json [--megabytes 200] [--sources hu embry] [--large] [--memory]

A synthetic tree of each source is written large enough, its v5 files compressed as MATLAB does unless told otherwise;
the files that the reader names as its sources are counted.
The bare read loads the same files whole with the library of their format (pandas, SciPy, mat-io, h5py, ezc3d, calamine)
and throws the result away. Both are run in a child process of their own, twice in turn; the faster time counts. The
note gives the ratio of processor time too, which other work on the machine disturbs less; it holds the time of parsers
in processes of their own. With `--large` one person of a source is written with trials so long that a single file
has the size asked for, in the sources of `LARGE`. With `--memory` a file of 3 GB is made as well (see `memory`).
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biomech_xr.datasets import names
from biomech_xr.memory import peak_memory
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.readers.mat import is_hdf5
from biomech_xr.synthetic import PEOPLE, write
from tests.benchmarks import memory
from tests.benchmarks.common import Case, arguments, report
from tests.contract.rows import row_of

_REPEATS = 2
_MOST_MINUTES = 60.0
_MATRIX, _COMPRESSED = 14, 15
_SETTLED = {"angelidou": {"emg_state": "raw"}}

LARGE = {"criekinge": 5.0, "grimmer": 4.4, "k2muse": 14.0, "siat": 22.0}
"""Minutes of one person whose largest file has about 200 MB: v7.3, v5, v5 and CSV."""


def main() -> None:
    """Measure every source asked for and report."""
    parser = arguments("Parse throughput beside the bare library read of the same files.")
    parser.add_argument("--megabytes", type=float, default=200.0, help="least size of a source's raw files")
    parser.add_argument("--sources", nargs="+", default=names(), choices=names())
    parser.add_argument("--large", action="store_true", help=f"one file of that size, in {', '.join(LARGE)}")
    parser.add_argument("--memory", action="store_true", help="measure a worker's memory on a file of 3 GB too")
    given = parser.parse_args()
    cases = {}
    for name in (name for name in given.sources if name in LARGE or not given.large):
        with tempfile.TemporaryDirectory() as folder:
            write_tree = large_file if given.large else large_tree
            cases[name] = measure(name, write_tree(name, Path(folder), given.megabytes))
    if given.memory:
        with tempfile.TemporaryDirectory() as folder:
            cases["memory v7.3"] = memory.measure(Path(folder), 3.0)
    report(cases, given.json)


def measure(name: str, raw: Path) -> Case:
    """Return parse throughput of one source against the bare read."""
    listing = raw.with_suffix(".json")
    parsed, bare = [], []
    for _ in range(_REPEATS):
        parsed.append(child("parse", name, raw))
        files = parsed[0]["files"]
        listing.write_text(json.dumps(files))
        bare.append(child("bare", str(listing), raw))
    seconds, least = (min(run["seconds"] for run in runs) for runs in (parsed, bare))
    processor = min(run["cpu"] for run in bare) / min(run["cpu"] for run in parsed)
    size = sum(Path(raw, file).stat().st_size for file in files) / 1e6
    kinds = sorted({kind_of(Path(raw, file)) for file in files})
    largest = max(Path(raw, file).stat().st_size for file in files) / 1e6
    note = f"{size:.0f} MB in {len(files)} file(s), largest {largest:.0f} MB, {', '.join(kinds)}"
    spent = "{:.2f} and {:.2f} s of processor".format(*(min(run["cpu"] for run in runs) for runs in (parsed, bare)))
    note += f"; processor ratio {processor:.2f} ({spent}); peak {max(run['peak'] for run in parsed):.2f} GiB"
    return Case(value=size / seconds, unit="MB/s", baseline=size / least, ratio=least / seconds, note=note)


def large_tree(name: str, folder: Path, megabytes: float) -> Path:
    """Write a tree of at least so many megabytes, as far as the writer's limits allow, and return its root."""
    minutes, patients, row = row_of(name).minutes, 1, row_of(name)
    while True:
        raw = folder / f"{minutes:g}-{patients}"
        write(name, raw, patients=patients, seed=1, minutes=minutes)
        size = sum(path.stat().st_size for path in raw.rglob("*") if path.is_file()) / 1e6
        more = megabytes / size
        if (
            more <= 1
            or (minutes >= _MOST_MINUTES and patients >= PEOPLE[name])
            or (size < 1 and patients >= PEOPLE[name])
        ):
            return packed(raw)
        longer = min(_MOST_MINUTES, minutes * min(more * 1.1, 20))
        grown = longer / minutes
        minutes = longer
        if grown < 1.05 or patients < row.patients:
            patients = min(PEOPLE[name], max(patients + 1, round(patients * more)))


def large_file(name: str, folder: Path, megabytes: float) -> Path:
    """Write one person whose largest file has at least so many megabytes, and return the root of the tree."""
    minutes = LARGE[name] * megabytes / 200
    while True:
        raw = folder / f"{minutes:g}"
        write(name, raw, patients=1, seed=1, minutes=min(minutes, _MOST_MINUTES))
        size = max(path.stat().st_size for path in packed(raw).rglob("*") if path.is_file()) / 1e6
        if size >= megabytes:
            return raw
        shutil.rmtree(raw)
        minutes *= 1.1 * megabytes / size


def packed(raw: Path) -> Path:
    """Compress the v5 files of a tree and return it."""
    for path in raw.rglob("*.mat"):
        pack(path)
    return raw


def pack(path: Path) -> None:
    """Compress the variables of a v5 file that are not, as MATLAB does; tables keep their form."""
    content = path.read_bytes()
    if content[124:128] != b"\x00\x01IM" or has_tables(path):
        return
    parts, place = [content[:128]], 128
    while place < len(content):
        kind, size = struct.unpack_from("<II", content, place)
        element = content[place : place + 8 + size]
        if kind == _MATRIX:
            packed = zlib.compress(element)
            element = struct.pack("<II", _COMPRESSED, len(packed)) + packed
        parts.append(element)
        place += 8 + size
    path.write_bytes(b"".join(parts))


def kind_of(path: Path) -> str:
    """Return the format of a file in words."""
    if path.suffix == ".mat":
        return "MATLAB v7.3" if is_hdf5(path) else "MATLAB v5"
    return path.suffix.lstrip(".").upper()


def has_tables(path: Path) -> bool:
    """Return whether a v5 file says that it holds MATLAB objects."""
    with path.open("rb") as stream:
        return stream.read(124)[116:] not in (bytes(8), b" " * 8)


def child(task: str, what: str, raw: Path) -> dict[str, Any]:
    """Run one measurement in a process of its own and return its result."""
    command = [sys.executable, "-m", "tests.benchmarks.parse", "--child", task, what, str(raw)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_child(task: str, what: str, raw: Path) -> None:
    """Parse a source, or read files with their libraries; print time, processor time, peak memory (GiB) and files."""
    files = []
    if task == "parse":
        patients = find_patients(what, raw)
        warm_up(what)
        used, started = processor_time(), time.perf_counter()
        for patient in patients:
            for trial in read_patient(what, raw, patient, {**row_of(what).options, **_SETTLED.get(what, {})}):
                files += [name for name, _ in trial.sources]
    else:
        listed = [Path(raw, name) for name in json.loads(Path(what).read_text())]
        readers = {path: bare_reader(path) for path in listed}
        used, started = processor_time(), time.perf_counter()
        for path, read in readers.items():
            read(path)
    seconds = time.perf_counter() - started
    used = processor_time() - used
    peak = peak_memory() / 2**30
    print(json.dumps({"seconds": seconds, "cpu": used, "peak": peak, "files": sorted(set(files))}))


def processor_time() -> float:
    """Return the processor time (s) of this process and of all below it: of the ended ones, and of running children.

    A parser's server counts its ended children as its own, but nobody waits for the server before the end; so its
    times are read from /proc.
    """
    time.sleep(0.3)  # the last parser ends and is waited for
    used = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                used += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return used


def warm_up(name: str) -> None:
    """Parse a small tree of the source, so that imports and compilation are not counted."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / name
        write(name, raw, patients=1, seed=0, minutes=row_of(name).minutes)
        for patient in find_patients(name, raw):
            for _ in read_patient(name, raw, patient, row_of(name).options):
                pass


def bare_reader(path: Path) -> Callable[[Path], object]:
    """Return what reads a file whole with the library of its format; the library is imported already."""
    import ezc3d
    import h5py
    import pandas as pd
    import python_calamine
    import scipy.io

    from biomech_xr.readers.matlab import import_matio

    matio = import_matio()
    warnings.simplefilter("ignore")

    def read_hdf5(file: Path) -> None:
        with h5py.File(file) as opened:
            datasets: list[h5py.Dataset] = []
            opened.visititems(lambda _name, item: datasets.append(item) if isinstance(item, h5py.Dataset) else None)
            for item in datasets:
                item[()]

    def read_opensim(file: Path) -> object:
        with file.open() as stream:
            header = next((number for number, line in enumerate(stream) if line.strip() == "endheader"), -1)
        return pd.read_csv(file, sep=r"\s+", skiprows=header + 1)

    def read_tables(file: Path) -> object:
        return matio.load_from_mat(str(file))

    read_mat: Callable[[Path], object] = scipy.io.loadmat
    if path.suffix == ".mat":
        read_mat = read_hdf5 if is_hdf5(path) else read_tables if has_tables(path) else scipy.io.loadmat
    kinds: dict[str, Callable[[Path], object]] = {
        ".csv": pd.read_csv,
        ".txt": lambda file: pd.read_csv(file, sep="\t", on_bad_lines="skip", encoding="latin-1"),
        ".mat": read_mat,
        ".c3d": lambda file: ezc3d.c3d(str(file)),
        ".xlsx": lambda file: python_calamine.load_workbook(str(file)).get_sheet_by_index(0).to_python(),
        ".mot": read_opensim,
        ".sto": read_opensim,
    }
    return kinds.get(path.suffix, lambda file: file.read_bytes())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        main()
