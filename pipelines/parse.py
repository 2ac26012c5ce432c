"""Parse raw trees into recordings.

    python -m pipelines.parse store=my-store sources.moreira.raw=raw/moreira sources.moreira.options.stride_time=1.1
    python -m pipelines.parse pipelines/configs/sources.yaml raw_root=raw store=my-store workers=4

Keys come from a YAML file, from `key=value`, or both: `store`; `sources.NAME.raw`, `.patients`, `.options.OPTION`;
`raw_root`, `cluster`, `workers`, `retry_quarantined`, `same_code`. A rerun parses only the people that are not in the
store yet, or lost objects; ``same_code=true`` parses those again whom other code or other libraries parsed.
Exit code 0: all done; 1: some people or sources failed, each is named, the others are done; 2: nothing could be parsed.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from distributed import Client
from pydantic import Field

from biomech_xr.config import Config
from biomech_xr.errors import BiomechXRError
from biomech_xr.parse import check_options
from biomech_xr.run import parse_patient
from biomech_xr.run.parse import ParseWork, parse_work
from biomech_xr.run.parsed import overruled
from biomech_xr.store.writable import require_writable
from pipelines.cluster import ClusterConfig, connect
from pipelines.command import gather, main, report_failures, with_reasons


class SourceConfig(Config):
    """Where a source's raw tree lies, whom to take from it (default: all), and the source's own options."""

    raw: str
    patients: list[str] | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class Unit(NamedTuple):
    """One person to parse."""

    dataset: str
    raw: str
    patient: str
    options: Mapping[str, Any] | None = None
    retry: bool = False
    same_code: bool = False


class ParseConfig(ClusterConfig):
    """Which sources to parse, into which store, on which cluster; relative raw paths start from `raw_root`.

    `retry_quarantined` tries those people again whose files killed the process that read them; `same_code` parses those
    again whom other code or other libraries parsed.
    """

    store: str
    raw_root: str = "."
    sources: dict[str, SourceConfig] = Field(min_length=1)
    retry_quarantined: bool = False
    same_code: bool = False


def run(config: ParseConfig) -> int:
    """Parse all sources of the configuration, return the exit code; one that cannot be walked stops no other."""
    for dataset, source in config.sources.items():
        check_options(dataset, source.options)
    require_writable(config.store)
    work: list[Unit] = []
    failures: list[str] = []
    already = 0
    for dataset, source in config.sources.items():
        raw, options = str(Path(config.raw_root, source.raw)), source.options
        try:
            found = parse_work(
                dataset, raw, config.store, only=source.patients, options=options, same_code=config.same_code
            )
        except BiomechXRError as error:
            failures.append(str(error) if str(error).startswith(f"{dataset}:") else f"{dataset}: {error}")
            continue
        already += len(found.done)
        announce(dataset, found)
        rest = (options, config.retry_quarantined, config.same_code)
        work += [Unit(dataset, raw, patient, *rest) for patient in found.todo]
    code = report_failures("sources", failures, done=len(work) + already)
    if not work:
        return code
    with connect(config) as client:
        return max(code, parse(client, config.store, work, already=already))


def announce(dataset: str, found: ParseWork) -> None:
    """Say what is to be done for a source, and what stays as it is."""
    print(f"{dataset}: {len(found.todo)} patient(s) to parse, {len(found.done)} in the store already")
    if found.other_code:
        print(
            f"{dataset}: {len(found.other_code)} finished patient(s) of other code or libraries stay; same_code=true "
            "parses them again"
        )
    if found.gone:
        print(f"{dataset}: planned before, and no files of theirs are there now: {', '.join(found.gone)}")


def parse(client: Client, root: str, work: Sequence[Unit], *, already: int = 0) -> int:
    """Parse units on a cluster, with others in the store ``already``, and return the exit code."""
    started = time.monotonic()
    futures = {
        f"{unit.dataset}-{unit.patient}": client.submit(
            parse_patient,
            unit.dataset,
            unit.raw,
            root,
            unit.patient,
            unit.options,
            retry_quarantined=unit.retry,
            same_code=unit.same_code,
        )
        for unit in work
    }
    results, failures = gather(client, "parse", futures, lambda entry: f"{entry['patient']}")
    strides = sum(entry["counts"]["strides"] for entry in results)
    rejected = sum(entry["counts"]["rejected"] for entry in results)
    reasons = sum((Counter(entry["reasons"]) for entry in results), Counter[str]())
    print(
        f"parse: {len(results)} patient(s), {strides} strides, {with_reasons(rejected, reasons)}, "
        f"{time.monotonic() - started:.1f} s"
    )
    warn_of_options(root, [entry["patient"] for entry in results], work)
    return report_failures("parse", failures, done=len(results) + already)


def warn_of_options(root: str, parsed: Sequence[str], work: Sequence[Unit]) -> None:
    """Say on stderr where an option was taken although a person's data are sure of something else."""
    for unit in work:
        name = f"{unit.dataset}-{unit.patient}"
        if unit.options and name in parsed:
            for note in overruled(root, unit.dataset, name):
                print(f"warning: {name}: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(ParseConfig, run, __doc__ or ""))
