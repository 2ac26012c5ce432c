"""Whom a step of the loader mixes, how much is read for it, and what making the order costs: from labels, no signals.

    python -m tests.benchmarks.order --json bench/order.json [--batch 1024] [--steps 50] [--scale 1]

The corpus has the numbers of strides, people and activities of the fourteen sources (`pipelines.rehearse`); the labels
of one person of a source stand for all its people, one after the other. Every order stands beside a full shuffle.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.load.epochs import Epochs
from biomech_xr.load.quality import measure_order
from biomech_xr.run.corpus import plan_corpus
from biomech_xr.run.corpus_strides import people_labels
from biomech_xr.schema import HISTORY
from biomech_xr.store.layout import STRIDES_PER_CHUNK
from biomech_xr.window import EpochOrder, LaneOrder, Mixing
from tests.benchmarks.common import Case, arguments, report
from tests.window.pools import PoolOrder

LATER = (98, 200)
SPAN = 2000
"""Steps after a step that are compared with it, and in how many it is seen how long blocks are used."""

WINDOWS = 196
"""Windows of a stride on a grid of 200 points, of which the last ones lack a target."""

MIXINGS = {
    "mixing alpha 0.5": Mixing(alpha=0.5),
    "mixing bacek at most 0.05": Mixing(caps={"bacek": 0.05}),
    "mixing alpha 0.5, bacek at most 0.2, activities alike": Mixing(alpha=0.5, caps={"bacek": 0.2}, balance="activity"),
}


def main() -> None:
    """Make the labels, measure every order and report."""
    parser = arguments("Shuffle quality and cost of the order.")
    parser.add_argument("--batch", type=int, default=1024, help="windows of a step")
    parser.add_argument("--steps", type=int, default=50, help="steps that are looked at")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the corpus")
    given = parser.parse_args()
    sources = corpus(given.scale)
    plain = epochs(sources, given.batch, None)
    cases: dict[str, Case] = {}
    options: dict[str, Any] = {"seed": 0, "epoch": 0, "global_batch": given.batch}
    add(cases, "pools of 8 blocks", plain, sources, PoolOrder(plain._counts, **options), given.steps)
    for lanes in (8, 16, 32, 64):
        add(cases, f"{lanes} lanes", plain, sources, LaneOrder(plain._counts, lanes=lanes, **options), given.steps)
    print("\n".join([*lasting(plain.order(0)), *by_workers(given.batch)]))
    for name, mixing in MIXINGS.items():
        mixed = epochs(sources, given.batch, mixing)
        print("\n".join([*mixed.describe(), *blocks_of_capped(mixed, sources, mixing)]))
        add(cases, name, mixed, sources, mixed.order(0), given.steps)
    report(cases, given.json)


def corpus(scale: float) -> list[Any]:
    """Return parts with labels alone."""
    sources: list[Any] = []
    first_row = people = 0
    for number, plan in enumerate(plan_corpus(scale)):
        trials = people_labels(plan, plan.people[0]).members
        activity = pd.concat([trial.strides["activity"] for trial in trials])
        codes = pd.Categorical(activity, categories=list(words.ACTIVITIES)).codes.astype(np.int64)
        strides = [person.strides for person in plan.people]
        total = sum(strides)
        shapes = {"emg": (13, HISTORY + 1300), "kinematics": (9, 284), "kinetics": (9, 280)}
        source = SimpleNamespace(
            digest="", first_row=first_row, chunk=STRIDES_PER_CHUNK, dataset=number, duration=np.zeros(total),
            activity=np.concatenate([np.resize(codes, count) for count in strides]),
            person=np.repeat(np.arange(len(strides)), strides) + people,
            index=index_of(total), name=plan.dataset,
            open=lambda found=shapes: SimpleNamespace(variables={k: ((), (0, *v)) for k, v in found.items()}),
        )  # fmt: skip
        sources.append(source)
        first_row, people = first_row + total, people + len(strides)
    return sources


def index_of(strides: int) -> SimpleNamespace:
    """Return the windows of strides of one second."""
    every = np.ones(strides)
    return SimpleNamespace(
        count=np.full(strides, WINDOWS), window=200, samples=200 * every, numerator=every, denominator=200.0
    )


def epochs(sources: list[Any], batch: int, mixing: Mixing | None) -> Epochs:
    """Return the epochs of a loader over the corpus."""
    names = ([source.name for source in sources], words.ACTIVITIES)
    options = {"seed": 0, "global_batch": batch, "remainder": "drop"}
    return Epochs(sources, names=names, mixing=mixing, options=options, recorded={})


def add(cases: dict[str, Case], name: str, made: Epochs, sources: list[Any], order: EpochOrder, steps: int) -> None:
    """Measure an order: what its steps mix, and processor time for a window beside memory that is copied."""
    facts = {"sources": sources, "global_batch": order.global_batch, "world_size": 1}
    loader: Any = SimpleNamespace(**facts, _epochs=made, _order=lambda: order)
    found = measure_order(loader, steps)
    print("\n".join([f"{name}:", *(f"  {line}" for line in found.lines())]))
    started = time.thread_time()
    for step in range(steps):
        order.share(step)
    spent = (time.thread_time() - started) / (steps * order.global_batch)
    note = f"{found.people.mean:.0f} people ({found.people.full:.0f}), read {found.amplification}"
    cases[f"{name}, ns a window"] = Case(
        value=1e9 * spent, unit="ns", baseline=100.0, ratio=1e9 * spent / 100, note=note
    )


def lasting(order: EpochOrder) -> list[str]:
    """Return for how many steps a block is used, and how many blocks steps share, from the middle of the epoch on."""
    middle, span = order.steps // 2, min(order.steps // 2, SPAN)
    used = [set(order.share(step).block.tolist()) for step in range(middle, middle + span)]
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for step, blocks in enumerate(used):
        for block in blocks:
            first.setdefault(block, step)
            last[block] = step
    whole = [last[block] - first[block] + 1 for block in first if first[block] > 0 and last[block] < span - 1]
    lines = [f"a block is used in {np.mean(whole):.0f} steps, one after the other"] if whole else []
    for later in (distance for distance in LATER if distance < span):
        pairs = zip(used, used[later:], strict=False)
        shared = np.mean([len(one & other) / len(one) for one, other in pairs])
        lines.append(f"a step shares {shared:.0%} of its blocks with the one {later} later")
    return lines


def by_workers(batch: int, blocks: int = 400) -> list[str]:
    """Return how often workers read the blocks of an epoch, each of which makes every so many-th step."""
    windows = STRIDES_PER_CHUNK * WINDOWS
    order = LaneOrder([windows] * blocks, seed=0, epoch=0, global_batch=batch)
    used = [set(order.share(step).block.tolist()) for step in range(order.steps)]
    lines = []
    for workers in (1, 2, 5):
        read = sum(len(set().union(*used[worker::workers])) for worker in range(workers))
        lines.append(f"{workers} workers read each of {blocks} blocks of {windows:,} windows {read / blocks:.2f} times")
    return lines


def blocks_of_capped(made: Epochs, sources: list[Any], mixing: Mixing) -> list[str]:
    """Return how many blocks and people of each source with a cap an epoch has."""
    order = made.order(0)
    drawn, read = made.drawn(order), {order.stored(number) for number in np.flatnonzero(order.counts).tolist()}
    lines = []
    for number, source in enumerate(sources):
        if source.name in mixing.caps:
            own = {block for block, (part, _) in enumerate(made.stored) if part == number}
            rows = slice(source.first_row, source.first_row + len(source.duration))
            people = np.unique(source.person[drawn[rows] > 0]).size
            lines.append(
                f"{source.name}: {len(own & read):,} of {len(own):,} blocks are read, "
                f"of {people} of {np.unique(source.person).size} people"
            )
    return lines


if __name__ == "__main__":
    main()
