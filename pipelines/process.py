"""Process recordings into strides.

    python -m pipelines.process pipelines/configs/process.yaml store=my-store chain=envelope workers=4

A rerun writes only the shards that are missing; the manifest comes last, and without it no reader sees the product.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from distributed import Client

from biomech_xr.errors import BiomechXRError, NotAStoreError
from biomech_xr.process import Chain, load_chain
from biomech_xr.run import finish_strides, shard_work
from biomech_xr.store import list_patients, publish, reason_counts
from pipelines.cluster import ClusterConfig, connect
from pipelines.command import gather, main, report_failures, with_reasons


class ProcessConfig(ClusterConfig):
    """Which sources of a store to process, with which chain (preset or YAML file), on which cluster."""

    store: str
    datasets: list[str] | None = None
    chain: str = "envelope"


def run(config: ProcessConfig) -> int:
    """Process all sources of the configuration and return the exit code."""
    chain, names = load_chain(config.chain), sources_of(config)
    with connect(config) as client:
        return process(client, config.store, names, chain)


def sources_of(config: ProcessConfig) -> list[str]:
    """Return the sources to process: those named, or all that the store has recordings of."""
    names = config.datasets or sorted({dataset for dataset, _ in list_patients(config.store)})
    if not names:
        raise NotAStoreError(f"{config.store}: found no recordings; expected those of at least one source. Run parse.")
    return names


def process(client: Client, root: str, datasets: Sequence[str], chain: Chain) -> int:
    """Process sources on a cluster, one after the other, and return the exit code; one that fails stops no other.

    In the end one version is made of all that were finished.
    """
    codes, finished = [], []
    for dataset in datasets:
        try:
            codes.append(process_dataset(client, root, dataset, chain))
        except BiomechXRError as error:
            codes.append(report_failures(dataset, [str(error)], done=0))
        if codes[-1] == 0:
            finished.append(dataset)
    if finished:
        try:
            version = publish(root, chain.name, finished)
        except BiomechXRError as error:
            return max(report_failures("version", [str(error)], done=len(finished)), *codes)
        print(
            f"version {version.number} of chain {chain.name}: {version.strides} strides of {len(version.datasets)} "
            "source(s)"
        )
    return 1 if 0 in codes and max(codes) else max(codes)


def process_dataset(client: Client, root: str, dataset: str, chain: Chain) -> int:
    """Process one source and return the exit code."""
    started = time.monotonic()
    work = shard_work(root, dataset, chain)
    if work.plan is None:
        manifest = finish_strides(work)
        print(f"{dataset}: {manifest['counts']['strides']} strides there already, nothing to do")
        return 0
    futures = dict(zip(work.names, client.compute(work.tasks), strict=True))
    results, failures = gather(client, dataset, futures, _note)
    code = report_failures(dataset, failures, done=len(results))
    if code:
        return code
    manifest = finish_strides(work)
    seconds = time.monotonic() - started
    known = work.plan.attrs["kinematics_lookahead_known"]
    counts, lookahead = manifest["counts"], work.plan.attrs["lookahead"]
    kept = counts["strides"] - len(work.plan.labels)
    rejected = with_reasons(len(work.plan.rejected), reason_counts(work.plan.rejected))
    people = work.plan.labels["patient"].nunique()
    print(
        f"{dataset}: {len(work.plan.labels)} strides of {people} patient(s), {rejected}, "
        f"chain {chain.name}, lookahead {'' if known else 'at least '}{lookahead:.3f} s, "
        f"{work.done} shard(s){f' and {kept} strides of others' if kept else ''} there already, {seconds:.1f} s"
    )
    return 0


def _note(entry: dict[str, Any]) -> str:
    return f"strides {entry['start']}..{entry['stop']}"


if __name__ == "__main__":
    sys.exit(main(ProcessConfig, run, __doc__ or ""))
