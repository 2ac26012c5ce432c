"""The table of planted errors: what was planted, what was found, what was flagged wrongly.

    python -m tests.quality.harmony_table

Plants every error of `tests.quality.harmony_cases` in two of six sources in turn, in both legs and in one.
Quantities are judged apart from one another, so only those that an error touches are compared.
"""

from __future__ import annotations

import sys
from collections import defaultdict

from biomech_xr.quality.harmony import harmonize
from tests.quality.harmony_cases import PLANTS, Score, plant, score, sources

SEEDS = (0,)
SOURCES = 6
VICTIMS = ("source0", "source3")


def main(*, details: bool = False) -> None:
    """Print the table as Markdown."""
    rows: dict[tuple[str, str], list[Score]] = defaultdict(list)
    clean = 0
    for seed in SEEDS:
        curves = sources(SOURCES, seed=seed)
        clean += len(harmonize(curves).flagged)
        for victim in VICTIMS:
            for error in PLANTS:
                touched = {curve.quantity for curve in curves if error.where(curve)}
                some = [curve for curve in curves if curve.quantity in touched]
                for side in (None, "left"):
                    planted = plant(some, error, victim, side)
                    one = score(harmonize(planted), error, victim, side)
                    rows[error.name, "one leg" if side else "both legs"].append(one)
    print(f"Nothing planted, {len(SEEDS)} x {SOURCES} sources: {clean} flags.\n")
    print("| planted | legs | curves | found | too flat | missed | wrong flags |\n|---|---|---|---|---|---|---|")
    for (name, legs), scores in rows.items():
        totals = (sum(s.planted for s in scores), sum(s.found for s in scores), sum(s.flat for s in scores))
        missed, wrong = sum(len(s.missed) for s in scores), sum(len(s.wrong) for s in scores)
        print(f"| {name} | {legs} | {' | '.join(map(str, (*totals, missed, wrong)))} |")
    if details:
        for (name, legs), scores in rows.items():
            for line in [line for s in scores for line in (*s.missed, *s.wrong)][:4]:
                print(name, legs, line)


if __name__ == "__main__":
    main(details="--details" in sys.argv)
