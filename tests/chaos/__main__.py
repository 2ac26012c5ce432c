"""Run the faults and print what became of the store, as a table.

    python -m tests.chaos                       every fault, about 40 minutes on two idle cores
    python -m tests.chaos kill_workers poison   some of them
    python -m tests.chaos --markdown docs/explanation/faults.md --json faults.json

Both files are written after each fault: of the Markdown file what stands between the two marks; lines of faults that
were not run now come from the JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.buckets import emulated_gcs, emulated_s3
from tests.chaos import faults, rest, training, units
from tests.chaos.bench import PEOPLE, Bench, Row

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"

FAULTS: dict[str, Callable[[Bench], Row]] = {
    "storages": faults.storages,
    "kill_workers": faults.kill_workers,
    "kill_driver": faults.kill_driver,
    "kill_at_puts_of_shard": partial(units.kill_at_puts, unit=units.process_unit),
    "kill_at_puts_of_person": partial(units.kill_at_puts, unit=units.parse_unit),
    "bad_network": faults.bad_network,
    "damaging_network": faults.damaging_network,
    "stalls": faults.stalls,
    "refusals": faults.refusals,
    "disk_full": faults.disk_full,
    "sigterm": faults.sigterm,
    "sigterm_away": partial(faults.sigterm, away=True),
    "sigterm_training_away": training.sigterm_training_away,
    "poison": faults.poison,
    "at_rest": rest.at_rest,
}


def table(rows: list[Row]) -> str:
    """Return rows as a Markdown table."""
    head = ("fault", "runs", "injected", "strides lost", "twice", "objects different", "half-written", "s", "")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        counts = (row.lost, row.twice, row.different, row.torn)
        said = row.said if row.survived else f"**not survived**: {' '.join('; '.join(row.wrong).split())[:200]}"
        cells = [row.fault, row.runs, row.injected, *counts, f"{row.seconds:.0f}", said]
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines)


def sizes(bench: Bench) -> str:
    """Return a sentence on what the faults were run on."""
    people = ", ".join(f"{count} of {name}" for name, count in PEOPLE.items())
    return (
        f"Each run: synthetic people ({people}; 0.2 minutes each), {len(bench.index)} strides, {len(bench.reference)} "
        f"objects, 2 Dask workers; {os.cpu_count()} cores, Python {platform.python_version()}, seed {bench.seed}."
    )


def save(rows: dict[str, Row], bench: Bench, options: argparse.Namespace) -> None:
    """Write the files that were asked for."""
    kept = json.loads(options.json.read_text(encoding="utf-8")) if options.json and options.json.is_file() else {}
    lines = {name: Row(**values) for name, values in kept.get("faults", {}).items()} | rows
    lines = {name: lines[name] for name in FAULTS if name in lines}
    if options.json:
        content = {"size": sizes(bench), "faults": {name: asdict(row) for name, row in lines.items()}}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        text = options.markdown.read_text(encoding="utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        block = f"{BEGIN}\n{table(list(lines.values()))}\n\n{sizes(bench)}\n{END}"
        options.markdown.write_text(f"{before}{block}{after}", encoding="utf-8")


def main() -> int:
    """Run the faults named on the command line; 1 where one was not survived."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"some of {', '.join(FAULTS)} (default: all)")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    parser.add_argument("--markdown", type=Path, help="file whose table is to be replaced")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.faults) - set(FAULTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected some of {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory() as folder, emulated_gcs() as gcs, emulated_s3() as s3:
        bench = Bench(Path(folder), gcs, s3, seed=options.seed)
        rows: dict[str, Row] = {}
        for name in options.faults or FAULTS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows[name] = FAULTS[name](bench)
            save(rows, bench, options)
        print(table(list(rows.values())), f"\n{sizes(bench)}", sep="\n")
    return 0 if all(row.survived for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
