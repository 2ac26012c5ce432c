"""Peak memory of one worker that parses one person out of a MATLAB v7.3 file of gigabytes.

    python -m tests.benchmarks.memory [--json bench/memory.json] [--gigabytes 3]

The file is embry's: the synthetic writer makes one person, who is copied inside the file until it is large enough, as
a release of many people is one file. The worker is a process of its own; its limit is 2 GiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from biomech_xr.datasets.embry import FILE
from biomech_xr.memory import peak_memory
from biomech_xr.run import parse_patient
from biomech_xr.synthetic import write
from tests.benchmarks.common import Case, arguments, report

LIMIT = 2.0
"""Most memory of a worker, GiB."""

_MINUTES = 5.0
_GROUPS = ("Gaitcycle", "Continuous")


def main() -> None:
    """Measure and report; exit 1 above the limit."""
    parser = arguments("Peak memory of a worker that parses one person out of a large v7.3 file.")
    parser.add_argument("--gigabytes", type=float, default=3.0, help="least size of the file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        case = measure(Path(folder), given.gigabytes)
    report({"memory v7.3": case}, given.json)
    sys.exit(case.value > LIMIT)


def measure(folder: Path, gigabytes: float) -> Case:
    """Return the peak memory of a worker against its limit."""
    raw = folder / "raw"
    path, patient, people = large_file(raw, gigabytes)
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--child", str(raw), str(folder / "store"), patient]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    size = path.stat().st_size / 1e9
    note = f"{size:.2f} GB of {people} people; {found['strides']} strides of one in {found['seconds']:.0f} s"
    return Case(value=found["peak"], unit="GiB", baseline=LIMIT, ratio=found["peak"] / LIMIT, note=note)


def large_file(raw: Path, gigabytes: float) -> tuple[Path, str, int]:
    """Write a v7.3 file of at least so many gigabytes; return it, one person's name and how many there are."""
    import h5py

    write("embry", raw, patients=1, seed=1, minutes=_MINUTES)
    path = next(raw.rglob(FILE))
    people = 1
    with h5py.File(path, "r+") as file:
        (first,) = file[_GROUPS[0]]
        while path.stat().st_size < gigabytes * 1e9:
            people += 1
            for group in _GROUPS:
                file.copy(f"{group}/{first}", f"{group}/AB{people + 100}")
            file.flush()
    return path, first, people


def run_child(raw: str, store: str, patient: str) -> None:
    """Parse one person as a worker does; print peak memory (GiB), seconds and strides."""
    started = time.perf_counter()
    entry = parse_patient("embry", raw, store, patient)
    peak = peak_memory() / 2**30
    seconds = time.perf_counter() - started
    print(json.dumps({"peak": peak, "seconds": seconds, "strides": entry["counts"]["strides"]}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(*sys.argv[2:5])
    else:
        main()
