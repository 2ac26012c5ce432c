"""Mutate files of every reader family and count what comes of it.

    python -m tests.fuzz --json fuzz.json [--mutations 500] [--families "MATLAB v7.3" xlsx] [--markdown]

The same seed gives the same mutations. The reading process dies where a library crashes; it is started again and the
crash is counted. Exits 1 where anything but errors of ours and right results came out.
"""

from __future__ import annotations

import argparse
import json
import select
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.damage_hdf5 import write_decoy
from tests.fuzz.families import APART, FAMILIES, Family

_PATIENCE = 180.0
"""Longest time for one file, s; beyond it the reading process is stopped and counted as crashed."""


@dataclass
class Tally:
    """What came of a family's mutations: counts, peaks of memory in GiB, the longest time in s, what to mend."""

    mutations: int = 0
    errors: int = 0
    same: int = 0
    changed: int = 0
    wrong: int = 0
    foreign: int = 0
    crashes: int = 0
    strays: int = 0
    peak: float = 0.0
    parsers: float = 0.0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)
    mutators: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing is to be mended."""
        return not (self.wrong or self.foreign or self.crashes or self.strays)


class Reader:
    """The reading process of one family."""

    def __init__(self, name: str, source: Path) -> None:
        self._command = [sys.executable, "-m", "tests.fuzz.child", name, str(source)]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._process = process
        if self._line() is None:
            raise SystemExit(f"{self._command[-2]}: the undamaged file cannot be read")
        return process

    def ask(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to an order; None where the process died, another is there then."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._line()
        if answer is None:
            self._process.kill()
            self._process.wait()
            self._start()
        return answer

    def end(self) -> dict[str, Any]:
        """Return the peaks of memory and end the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._line() or {}

    def _line(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
        line = self._process.stdout.readline() if ready else ""
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer


def fuzz(name: str, family: Family, folder: Path, mutations: int, seed: int) -> Tally:
    """Return what came of so many mutations; every mutator has its turn."""
    inner = folder / "target"
    inner.mkdir(parents=True)
    source = folder / f"source{family.suffix}"
    family.make(source)
    write_decoy(folder)
    write_decoy(inner)
    tally, reader, names = Tally(), Reader(name, source), sorted(family.mutators)
    before = _listing(folder)
    for number in range(mutations):
        mutator = names[number % len(names)]
        target = inner / f"{number}{family.suffix}"
        random = Random(f"{seed} {name} {number}")  # noqa: S311  damage that can be made again
        expect = family.mutators[mutator](source, target, random)
        answer = reader.ask({"path": str(target), "expect": expect.value})
        count(tally, mutator, number, answer)
        target.unlink()
        if _listing(folder) != before:
            tally.strays += 1
            tally.findings.append(f"{mutator} {number}: files changed beside the target")
            before = _listing(folder)
    peaks = reader.end()
    tally.peak, tally.parsers = peaks.get("peak", 0.0), peaks.get("parsers", 0.0)
    return tally


def count(tally: Tally, mutator: str, number: int, answer: dict[str, Any] | None) -> None:
    """Add the answer about one mutation; None is a crash."""
    tally.mutations += 1
    outcome = "crash" if answer is None else answer["outcome"]
    counter = Counter(tally.mutators.get(mutator, {}))
    counter[outcome] += 1
    tally.mutators[mutator] = dict(counter)
    if answer is not None:
        tally.seconds = max(tally.seconds, answer["seconds"])
    names = {"error": "errors", "crash": "crashes"}
    setattr(tally, names.get(outcome, outcome), getattr(tally, names.get(outcome, outcome)) + 1)
    if outcome in ("wrong", "foreign", "crash"):
        tally.findings.append(f"{mutator} {number}: {outcome} {'' if answer is None else answer['detail']}")


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """Return the files below a folder with their sizes and times of change."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def table(tallies: dict[str, Tally]) -> str:
    """Return the result as a Markdown table."""
    head = (
        "| family | mutations | errors of ours | undamaged result | changed result | wrong results | foreign "
        "exceptions | crashes | stray files | peak memory, reader / parser (GiB) | longest (s) |"
    )
    rows = [
        f"| {name} | {t.mutations} | {t.errors} | {t.same} | {t.changed} | {t.wrong} | {t.foreign} | {t.crashes} "
        f"| {t.strays} | {t.peak:.2f} / {f'{t.parsers:.2f}' if name in APART else '-'} | {t.seconds:.1f} |"
        for name, t in tallies.items()
    ]
    return "\n".join([head, "|---" + "|---:" * 10 + "|", *rows])


def main() -> None:
    """Run the families asked for and report."""
    parser = argparse.ArgumentParser(description="Damaged files of every reader family.")
    parser.add_argument("--json", type=Path, help="file for the result")
    parser.add_argument("--mutations", type=int, default=500, help="of every family")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true", help="print the table alone, for the documentation")
    given = parser.parse_args()
    tallies: dict[str, Tally] = {}
    for name in given.families:
        with tempfile.TemporaryDirectory() as folder:
            tallies[name] = fuzz(name, FAMILIES[name], Path(folder) / "run", given.mutations, given.seed)
        if not given.markdown:
            print(
                f"{name}: {json.dumps({k: v for k, v in asdict(tallies[name]).items() if k != 'mutators'})}", flush=True
            )
    print(table(tallies))
    if given.json is not None:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({name: asdict(t) for name, t in tallies.items()}, indent=2) + "\n")
    sys.exit(not all(t.clean for t in tallies.values()))


if __name__ == "__main__":
    main()
