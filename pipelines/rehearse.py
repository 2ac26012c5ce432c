"""A rehearsal of the whole: synthetic people in the real numbers of every source, recordings, strides, a check.

    python -m pipelines.rehearse pipelines/configs/rehearse.yaml scale=0.05
    python -m pipelines.rehearse out=big scale=1 --strides-only

At scale 1 there are 515,880 strides. ``--strides-only`` writes the strides product directly, where the disk lacks room
for the recordings. ``--plan`` says how many bytes it will take and stops. A rerun does only what is missing. Exit code
0: all done; 1: some units failed, each is named; 2: nothing could be done.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from distributed import Client
from pydantic import Field

from biomech_xr.errors import BiomechXRError, ConfigError
from biomech_xr.process import Chain, load_chain
from biomech_xr.run.corpus import Corpus, pending_people, plan_corpus, write_person
from biomech_xr.run.corpus_strides import people_labels, varied_work, write_varied
from biomech_xr.store import check_store, finish, publish, read_manifest
from pipelines.cluster import ClusterConfig, connect
from pipelines.command import claim, gather, main, report_failures
from pipelines.measure import Stage, Watch
from pipelines.process import process_dataset

RECORDED = 0.85
"""Bytes of recordings on disk for a byte of signal (measured: 0.63 for envelopes to 0.96 for raw EMG)."""

PRODUCT = {"envelope": 13_000, "bandpassed": 30_000}
"""Bytes of a stride on disk by the product of the chain (measured: 10 to 21 kB for envelopes, 29 kB band-passed)."""


class RehearseConfig(ClusterConfig):
    """Share of the real numbers of strides, the seed, the sources (default: all), the chain, and where it goes."""

    out: str = "rehearsal"
    scale: float = Field(default=0.01, gt=0, le=1)
    seed: int = Field(default=0, ge=0)
    datasets: list[str] | None = None
    chain: str = "envelope"
    strides_only: bool = False
    plan: bool = False


def run(config: RehearseConfig) -> int:
    """Make the corpus, process it, check it; return the exit code."""
    chain = load_chain(config.chain)
    corpora = plan_corpus(config.scale, seed=config.seed, datasets=config.datasets)
    needed = _bytes_needed(config, corpora, chain)
    free = _bytes_free(config.out)
    strides, people = sum(one.strides for one in corpora), sum(len(one.people) for one in corpora)
    room = "" if free is None else f", {free / 1e9:.1f} GB free"
    print(
        f"rehearsal: {strides:,} strides of {people} people of {len(corpora)} sources, chain {chain.name}, "
        f"about {needed / 1e9:.2f} GB{room}"
    )
    if config.plan:
        return 0
    done = _bytes_there(config.out)
    if free is not None and needed - done > free:
        other = "" if config.strides_only else " Choose --strides-only, or a smaller `scale`."
        raise ConfigError(
            f"out: {config.out}: needs {round(needed - done):,} bytes, {free:,} are free.{other}"
            + (" Choose a smaller `scale`, or another `out`." if config.strides_only else "")
        )
    claim_out(config)
    with connect(config) as client:
        return rehearse(client, config, corpora, chain)


def rehearse(client: Client, config: RehearseConfig, corpora: Sequence[Corpus], chain: Chain) -> int:
    """Run all stages on a cluster, print their figures, return the exit code; a source that fails stops no other."""
    stages: list[Stage] = []
    codes = [_make(client, config, corpus, chain, stages) for corpus in corpora]
    finished = [corpus for corpus, code in zip(corpora, codes, strict=True) if not code]
    failed = max(codes)
    if finished:
        watch = Watch(client)
        version = publish(config.out, chain.name, [corpus.dataset for corpus in finished])
        stages.append(watch.stop("version", strides=version.strides, size=0))
        failed = max(failed, check(client, config.out, sum(one.strides for one in finished), stages))
    print(Stage.HEAD)
    for stage in stages:
        print(stage.row())
    for name in ("record", "process", "strides"):
        some = [stage for stage in stages if stage.name.startswith(f"{name} ")]
        if some:
            print(_total(f"{name}, all", some).row())
    return 1 if 0 in codes and failed else failed


def _make(client: Client, config: RehearseConfig, corpus: Corpus, chain: Chain, stages: list[Stage]) -> int:
    """Make the strides of one source and return the exit code."""
    try:
        if config.strides_only:
            return make_strides(client, config.out, corpus, chain, stages)
        code = make_recordings(client, config.out, corpus, stages)
        return code or process(client, config.out, corpus, chain, stages)
    except BiomechXRError as error:
        return report_failures(corpus.dataset, [str(error)], done=0)


def make_recordings(client: Client, root: str, corpus: Corpus, stages: list[Stage]) -> int:
    """Write the people who are missing and return the exit code."""
    todo, _ = pending_people(root, corpus)
    if not todo:
        return 0
    watch, title = Watch(client), f"record {corpus.dataset}"
    futures = {
        f"{corpus.dataset}-{person.name}": client.submit(write_person, root, corpus, person, pure=False)
        for person in todo
    }
    results, failures = gather(
        client,
        title,
        futures,
        lambda entry: str(entry["patient"]),
        amount=lambda entry: entry["counts"]["strides"],
        total=sum(person.strides for person in todo),
    )
    size = sum(sum(entry["objects"].values()) for entry in results)
    stages.append(watch.stop(title, strides=sum(entry["counts"]["strides"] for entry in results), size=size))
    return report_failures(title, failures, done=len(results))


def process(client: Client, root: str, corpus: Corpus, chain: Chain, stages: list[Stage]) -> int:
    """Process one source as `pipelines.process` does and return the exit code."""
    watch = Watch(client)
    code = process_dataset(lambda: client, root, corpus.dataset, chain)
    if not code:
        stages.append(_product_stage(watch, f"process {corpus.dataset}", root, corpus, chain))
    return code


def make_strides(client: Client, root: str, corpus: Corpus, chain: Chain, stages: list[Stage]) -> int:
    """Write the strides product of a source without recordings and return the exit code."""
    watch, title = Watch(client), f"strides {corpus.dataset}"
    work = varied_work(root, corpus, chain, [people_labels(corpus, person) for person in corpus.people])
    delay = float(work.plan.attrs["kinematics_delay"])
    futures = {
        f"{corpus.dataset} shard {shard}": client.submit(
            write_varied,
            root,
            corpus.alone,
            chain,
            shard,
            rows,
            fingerprint=work.fingerprint,
            time_size=work.plan.time_size,
            joint_delay=delay,
            priority=-shard,
            pure=False,
        )
        for shard, rows in work.rows.items()
    }
    results, failures = gather(
        client,
        title,
        futures,
        lambda entry: f"strides {entry['start']}..{entry['stop']}",
        amount=lambda entry: entry["stop"] - entry["start"],
        total=sum(rows.size for rows in work.rows.values()),
    )
    code = report_failures(title, failures, done=len(results))
    if not code:
        finish(root, chain.name, corpus.dataset, [work.fingerprint])
        stages.append(_product_stage(watch, title, root, corpus, chain))
    return code


def check(client: Client, root: str, strides: int, stages: list[Stage]) -> int:
    """Read the whole store back and return the exit code."""
    watch = Watch(client)
    units = list(check_store(root))
    problems = [f"{unit.name}: {problem}" for unit in units for problem in unit.problems]
    stages.append(watch.stop("check", strides=strides, size=sum(unit.size for unit in units)))
    return report_failures("check", problems, done=len(units))


def _product_stage(watch: Watch, name: str, root: str, corpus: Corpus, chain: Chain) -> Stage:
    manifest = read_manifest(f"{root.rstrip('/')}/strides/{chain.name}/{corpus.dataset}")
    size = sum(sum(part["objects"].values()) for part in manifest["parts"])
    return watch.stop(name, strides=manifest["counts"]["strides"], size=size)


def _total(name: str, stages: Sequence[Stage]) -> Stage:
    seconds = sum(stage.seconds for stage in stages)
    return Stage(
        name=name,
        strides=sum(stage.strides for stage in stages),
        size=sum(stage.size for stage in stages),
        seconds=seconds,
        driver=max(stage.driver for stage in stages),
        worker=max(stage.worker for stage in stages),
        overhead=sum(stage.overhead * stage.seconds for stage in stages) / max(seconds, 1e-9),
    )


def _bytes_needed(config: RehearseConfig, corpora: Sequence[Corpus], chain: Chain) -> float:
    product = PRODUCT[chain.product] * sum(one.strides for one in corpora)
    return product if config.strides_only else product + RECORDED * sum(one.recorded_bytes for one in corpora)


def _bytes_free(out: str) -> int | None:
    """Return the bytes free where a local folder will be; None for a bucket."""
    if "://" in out:
        return None
    place = Path(out).absolute()
    return shutil.disk_usage(next(one for one in (place, *place.parents) if one.is_dir())).free


def _bytes_there(out: str) -> int:
    if "://" in out or not Path(out).is_dir():
        return 0
    return sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())


def claim_out(config: RehearseConfig) -> None:
    """Make a folder on this machine the rehearsal's own; a bucket is left to the store."""
    if "://" not in config.out:
        settings = config.model_dump(mode="json", include={"scale", "seed", "datasets", "strides_only"})
        claim(Path(config.out), settings, title="rehearsal", record="rehearsal.json")


if __name__ == "__main__":
    sys.exit(main(RehearseConfig, run, __doc__ or ""))
