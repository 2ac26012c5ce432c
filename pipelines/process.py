"""Process recordings into strides.

    python -m pipelines.process pipelines/configs/process.yaml store=my-store chain=envelope workers=4

A rerun writes only the shards that are missing; the manifest comes last, and without it no reader sees the product.
Finished parts stay when the code or a library changed; ``same_code=true`` makes them again. A source whose parse was
interrupted, or that lost somebody, is refused; ``partial=true`` goes on without them.
``--plan`` (or ``plan=true``) says what there is to do and what it will take - tasks, strides, bytes, memory of a
worker, minutes, from the time that one task took here - and does nothing else. Exit code 0: all done; 1: some shards
or sources failed, each is named, the others are done; 2: nothing could be done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

from distributed import Client

from biomech_xr.errors import BiomechXRError, NotAStoreError
from biomech_xr.process import Chain, load_chain
from biomech_xr.process.graph import priority_of
from biomech_xr.run import ShardWork, finish_strides, shard_work
from biomech_xr.run.estimate import estimate
from biomech_xr.store import list_patients, publish, reason_counts
from biomech_xr.store.planned import named
from biomech_xr.store.writable import require_writable
from pipelines.cluster import ClusterConfig, connect, thread_count
from pipelines.command import gather, main, report_failures, with_reasons


class ProcessConfig(ClusterConfig):
    """Which sources of a store to process, with which chain (preset or YAML file), on which cluster.

    `same_code` makes those parts again that other code or other libraries made; `partial` goes on without people who
    are known and whose recordings are not there.
    """

    store: str
    datasets: list[str] | None = None
    chain: str = "envelope"
    plan: bool = False
    same_code: bool = False
    partial: bool = False


def run(config: ProcessConfig) -> int:
    """Process all sources of the configuration and return the exit code."""
    chain = load_chain(config.chain)
    if not config.plan:
        require_writable(config.store)
    names = sources_of(config)
    if config.plan:
        return show_plan(config, names, chain)
    with ExitStack() as stack:
        cluster = cache(lambda: stack.enter_context(connect(config)))
        return process(cluster, config.store, names, chain, same_code=config.same_code, partial=config.partial)


def sources_of(config: ProcessConfig) -> list[str]:
    """Return the sources to process: those named, or all that the store has recordings of."""
    names = config.datasets or sorted({dataset for dataset, _ in list_patients(config.store)})
    if not names:
        raise NotAStoreError(f"{config.store}: found no recordings; expected those of at least one source. Run parse.")
    return names


def process(
    cluster: Callable[[], Client],
    root: str,
    datasets: Sequence[str],
    chain: Chain,
    *,
    same_code: bool = False,
    partial: bool = False,
) -> int:
    """Process sources on a cluster, one after the other, and return the exit code; one that fails stops no other.

    The cluster is asked for when there is something to do. In the end one version is made of all that were finished.
    """
    codes, finished = [], []
    for dataset in datasets:
        try:
            codes.append(process_dataset(cluster, root, dataset, chain, same_code=same_code, partial=partial))
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


def announce(work: ShardWork) -> None:
    """Say who is not among the strides of a source, and what of it stays although other code made it."""
    dataset, parsed = work.dataset, work.parsed
    if parsed.failed:
        print(f"{dataset}: without {named(parsed.failed)}, whose files could not be parsed")
    if parsed.missing:
        print(f"{dataset}: without {named(parsed.missing)}, who are known and have no recordings (partial=true)")
    if len(parsed.codes) > 1:
        print(f"{dataset}: recordings of {len(parsed.codes)} codes: {', '.join(parsed.codes)}; see same_code of parse")
    if work.other_code:
        print(
            f"{dataset}: {work.other_code} finished part(s) of other code or libraries stay; same_code=true makes them "
            "again"
        )
    if work.plan is not None:
        announce_refused(dataset, work.plan.attrs["emg_refused"])


def announce_refused(dataset: str, refused: Mapping[str, Mapping[str, Any]]) -> None:
    """Say which EMG of a source the chain cannot serve, and why."""
    for reason, some in refused.items():
        print(
            f"{dataset}: EMG of {some['strides']} strides in {some['trials']} trial(s), the first {some['first']}, is "
            f"masked: {reason}"
        )


def process_dataset(
    cluster: Callable[[], Client],
    root: str,
    dataset: str,
    chain: Chain,
    *,
    same_code: bool = False,
    partial: bool = False,
) -> int:
    """Process one source and return the exit code."""
    started = time.monotonic()
    work = shard_work(root, dataset, chain, same_code=same_code, partial=partial)
    announce(work)
    if work.plan is None:
        manifest = finish_strides(work)
        print(f"{dataset}: {manifest['counts']['strides']} strides there already, nothing to do")
        return 0
    graph, keys = work.graph(split=True)
    if keys:
        client = cluster()
        futures = dict(zip(work.names, client.get(graph, keys, sync=False, priority=priority_of), strict=True))
        results, failures = gather(client, dataset, futures, _note, amount=_strides_of, total=work.strides)
        code = report_failures(dataset, failures, done=len(results))
        if code:
            return code
    manifest = finish_strides(work)
    seconds = time.monotonic() - started
    known = work.plan.attrs["kinematics_lookahead_known"]
    counts, lookahead = manifest["counts"], work.plan.attrs["lookahead"]
    upstream = work.plan.attrs["lookahead_upstream"]
    kept = counts["strides"] - len(work.plan.labels)
    rejected = with_reasons(len(work.plan.rejected), reason_counts(work.plan.rejected))
    people = work.plan.labels["patient"].nunique()
    print(
        f"{dataset}: {len(work.plan.labels)} strides of {people} patient(s), {rejected}, "
        f"chain {chain.name}, lookahead {'' if known else 'at least '}{lookahead:.3f} s"
        f"{f' ({upstream:g} s of it before publication)' if upstream else ''}, "
        f"{work.done} shard(s){f' and {kept} strides of others' if kept else ''} there already, {seconds:.1f} s"
    )
    again = {"same_code": same_code, "partial": partial}
    return process_dataset(cluster, root, dataset, chain, **again) if work.more else 0


def show_plan(config: ProcessConfig, datasets: Sequence[str], chain: Chain) -> int:
    """Print what is to be done, and what it will take, and return the exit code."""
    threads, each = config.workers * config.threads_per_worker, config.threads_per_worker
    if config.cluster != "local":
        with connect(config) as client:
            threads, each = thread_count(client), max(client.nthreads().values(), default=1)
    codes, found = [], []
    for dataset in datasets:
        try:
            found.append(estimate(config.store, dataset, chain, threads_per_worker=each, partial=config.partial))
            codes.append(0)
        except BiomechXRError as error:
            codes.append(report_failures(dataset, [str(error)], done=0))
    print(f"plan: chain {chain.name}, {threads} thread(s)")
    for one in found:
        announce_refused(one.dataset, one.refused)
    print(
        f"{'source':12}{'tasks':>8}{'strides':>10}{'shards':>8}{'GB in':>8}{'GB out':>8}{'MB/worker':>11}{'minutes':>9}"
    )
    for one in found:
        print(
            f"{one.dataset:12}{one.tasks:8,}{one.strides:10,}{one.shards:8,}{one.bytes_in / 1e9:8.2f}"
            f"{one.bytes_out / 1e9:8.2f}{one.memory / 1e6:11,.0f}{one.minutes(threads):9.1f}"
        )
    if found:
        total = sum(one.minutes(threads) for one in found)
        print(f"{'all':12}{sum(one.tasks for one in found):8,}{sum(one.strides for one in found):10,}{total:>44.1f}")
    tried = [f"{one.dataset} {one.rate:,.0f} strides/s on {one.measured_on}" for one in found if one.strides]
    if tried:
        print("Minutes are from one task of each source, done here and now in a temporary folder:")
        print("  " + "; ".join(tried))
    return 1 if 0 in codes and max(codes) else max(codes)


def _strides_of(entry: dict[str, Any]) -> int:
    return int(entry["stop"] - entry["start"])


def _note(entry: dict[str, Any]) -> str:
    return f"strides {entry['start']}..{entry['stop']}"


if __name__ == "__main__":
    sys.exit(main(ProcessConfig, run, __doc__ or ""))
