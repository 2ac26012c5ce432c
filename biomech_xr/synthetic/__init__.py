"""A walking human, and writers that lay it out in each source's true raw format.

``write("hu", Path("raw"), patients=3)`` writes a tree that the reader of the source takes for the real one, and returns
the `Truth` about it. The writers follow the published descriptions of the formats, never the readers.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from biomech_xr.errors import ConfigError, OccupiedError
from biomech_xr.synthetic import (
    angelidou,
    bacek,
    camargo,
    criekinge,
    embry,
    falisse,
    gait120,
    grimmer,
    hu,
    k2muse,
    lab,
    lencioni,
    macaluso,
    moghadam,
    moreira,
    siat,
)
from biomech_xr.synthetic.truth import Truth
from biomech_xr.vocabulary import SYNTHETIC_MARKER

_NOTICE: Final = (
    "Made by biomech-xr synth {dataset} with seed {seed}. These people do not exist; only the format is real.\n"
)

__all__ = ["PEOPLE", "WRITERS", "Truth", "write"]

WRITERS: Final[Mapping[str, Callable[..., Truth]]] = {
    "angelidou": angelidou.write_angelidou,
    "bacek": bacek.write_bacek,
    "camargo": camargo.write_camargo,
    "criekinge": criekinge.write_criekinge,
    "embry": embry.write_embry,
    "falisse": falisse.write_falisse,
    "gait120": gait120.write_gait120,
    "grimmer": grimmer.write_grimmer,
    "hu": hu.write_hu,
    "k2muse": k2muse.write_k2muse,
    "lab": lab.write_lab,
    "lencioni": lencioni.write_lencioni,
    "macaluso": macaluso.write_macaluso,
    "moghadam": moghadam.write_moghadam,
    "moreira": moreira.write_moreira,
    "siat": siat.write_siat,
}
"""The writer of each source: ``writer(out, *, patients, seed, minutes)``."""

PEOPLE: Final[Mapping[str, int]] = {
    "angelidou": len(angelidou.IDS),
    "bacek": len(bacek.IDS),
    "camargo": len(camargo.SUBJECTS),
    "criekinge": len(criekinge.IDS),
    "embry": len(embry.IDS),
    "falisse": 1,
    "gait120": len(gait120.IDS),
    "grimmer": grimmer.PEOPLE,
    "hu": len(hu.IDS),
    "k2muse": len(k2muse.IDS),
    "lab": lab.MOST_PEOPLE,
    "lencioni": len(lencioni.IDS),
    "macaluso": len(macaluso.IDS),
    "moghadam": len(moghadam.IDS),
    "moreira": len(moreira.IDS),
    "siat": len(siat.IDS),
}
"""How many people each source has."""


def write(dataset: str, out: Path, *, patients: int, seed: int = 0, minutes: float = 1.0) -> Truth:
    """Write the raw tree of a source with synthetic people; the same arguments give the same signals.

    Parameters
    ----------
    dataset
        A key of `WRITERS`.
    out
        The root of the tree; it does not exist yet or is empty. It appears whole or not at all.
    patients
        People to write, with the source's own ids; at most `PEOPLE`.
    seed
        Seed of everything random.
    minutes
        Recorded time in minutes per person and condition, roughly; a trial has a least useful length.

    Returns
    -------
    Truth
        The strides that a right reader keeps, and what was planted.

    Raises
    ------
    ConfigError
        Unknown dataset, or an impossible number of people or minutes.
    OccupiedError
        ``out`` is not empty.
    MissingDependencyError
        The source's file format needs a library that is not installed.
    """
    if dataset not in WRITERS:
        near = difflib.get_close_matches(dataset, WRITERS, n=1, cutoff=0.0)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ConfigError(f"synthetic {dataset!r}: no writer{hint} Known: {', '.join(sorted(WRITERS))}.")
    if not 1 <= patients <= PEOPLE[dataset]:
        raise ConfigError(f"synthetic {dataset}: found patients {patients}, expected 1 to {PEOPLE[dataset]}.")
    if not 0 < minutes <= 60:
        raise ConfigError(f"synthetic {dataset}: found minutes {minutes}, expected more than 0 and at most 60.")
    if seed < 0:
        raise ConfigError(f"synthetic {dataset}: found seed {seed}, expected 0 or more.")
    final = out.resolve()
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise OccupiedError(f"{out}: holds something already. Choose an empty or new folder.")
    attempt = final.with_name(f"{final.name}.partial")
    if attempt.exists():
        shutil.rmtree(attempt)
    attempt.mkdir(parents=True)
    try:
        truth = WRITERS[dataset](attempt, patients=patients, seed=seed, minutes=minutes)
        (attempt / SYNTHETIC_MARKER).write_text(_NOTICE.format(dataset=dataset, seed=seed), encoding="utf-8")
    except BaseException:
        shutil.rmtree(attempt)
        raise
    attempt.replace(final)
    return truth
