"""What an earlier merge of the same fourteen sources counted, and why our rules must give other numbers.

The figures are for whoever has the raw data: a reader of ours that finds far fewer or far more strides than this, for
none of the stated reasons, has missed something. They are counts of leg-strides (each leg's cycle counts by itself).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Expected = Literal["more", "not more", "either"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceCount:
    """The reference count of one source.

    `strides` and `people` are what the reference project counted (`more_people`: a second group that it names apart);
    `expected` is where our number should lie beside theirs (``either`` where rules of both directions leave it open);
    `more` and `fewer` are the reasons, each a rule of ours against one of theirs; `people_differ` says why the number
    of people may differ.
    """

    dataset: str
    strides: int
    people: int
    more_people: int = 0
    expected: Expected
    more: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()
    people_differ: str = ""


REFERENCE: Final = (
    ReferenceCount(
        dataset="bacek",
        strides=258_418,
        people=21,
        expected="either",
        more=("raw files, where they are there, are read continuously and cut anew at the force's heel strikes",),
        fewer=(
            "rows whose heel strikes are NaN, run backwards or end before the leg's next strike are rejected",
            "strides outside 0.5 to 3.0 s, in raw files also steps on the wrong belt, are rejected",
            "right rows that were cut at the left foot are cut anew at right heel strikes, which costs the last one",
        ),
    ),
    ReferenceCount(
        dataset="macaluso",
        strides=66_035,
        people=10,
        expected="either",
        more=("where EMG and clock have unequal numbers of strides EMG is left out and all strides of the clock stay",),
        fewer=(
            "columns of zeros at the end of an array are padding and no candidates",
            "strides outside 0.6 to 2.0 s and without evenly ascending times are rejected",
        ),
    ),
    ReferenceCount(
        dataset="camargo",
        strides=53_713,
        people=22,
        expected="more",
        more=("both legs are read, the reference took the right one",),
        fewer=(
            "the first and the last ramp of a gait cycle are no full cycles where they come from markers",
            "standing, cycles between two activities and an accelerating belt are rejected",
            "strides last at most 2.5 s; the reference had a lower limit only",
        ),
    ),
    ReferenceCount(
        dataset="k2muse",
        strides=40_612,
        people=30,
        expected="more",
        more=(
            "all three speeds are read, the reference took 1.0 m/s",
            "both legs are read, the reference took the right one",
            "a leg keeps its strides where another signal or the other leg has fewer",
        ),
        fewer=("curves that no event, duration or continuous signal pairs are rejected as unpaired",),
        people_differ="30 in the first release, 42 in the present one",
    ),
    ReferenceCount(
        dataset="angelidou",
        strides=40_204,
        people=9,
        expected="not more",
        more=("all files of the folder are read, the reference stopped after nine",),
        fewer=(
            "the reference counted every cut once for each leg: only the leg whose contacts cut it has a stride there, "
            "the other leg's is rejected as not_a_stride unless each leg was cut by its own contacts",
        ),
        people_differ="the folder may hold more than nine",
    ),
    ReferenceCount(
        dataset="embry",
        strides=26_846,
        people=10,
        expected="either",
        more=(
            "AB09 s0x8i2x5 is read, the reference left it out",
            "the clock counts the strides of a leg, in the reference the muscle with the fewest",
        ),
        fewer=(
            "strides that the authors list as outliers (stepsout) are excluded",
            "columns of zeros at the end of an array are padding and no candidates",
            "strides outside 0.6 to 2.0 s and without evenly ascending times are rejected",
        ),
    ),
    ReferenceCount(
        dataset="grimmer",
        strides=10_772,
        people=12,
        expected="not more",
        fewer=(
            "strides outside 0.5 to 2.0 s, or with a NaN touchdown, are rejected",
            "a stride that both the ascent's and the descent's list hold is kept once",
        ),
    ),
    ReferenceCount(
        dataset="hu",
        strides=6_365,
        people=10,
        expected="either",
        more=("the last contact of a file ends a stride, the reference dropped it",),
        fewer=(
            "the authors publish 10,587 heel contacts, but leave out disturbed parts: pairs of contacts with a missing "
            "contact, or a stance or swing above 1.5 s, are rejected; the reference had no limit of duration",
            "Mode and the triggers of both contacts must agree, the reference asked for Mode alone",
        ),
    ),
    ReferenceCount(
        dataset="gait120",
        strides=6_310,
        people=110,
        expected="not more",
        more=("all 120 people are read",),
        fewer=(
            "sit-to-stand and stand-to-sit are postures, not strides: 5 gait tasks x 5 trials x 2 steps leave at most "
            "50 strides a person, 6,000 in all (6,882 cycles are published with the two postures)",
            "trials that the authors do not list as available are excluded",
        ),
        people_differ="120 are published",
    ),
    ReferenceCount(
        dataset="moreira",
        strides=2_613,
        people=16,
        expected="not more",
        fewer=(
            "strides without a duration are rejected: the text release gives none (option stride_times)",
            "tables of zeros and empty columns hold no signal",
        ),
    ),
    ReferenceCount(
        dataset="criekinge",
        strides=2_102,
        people=138,
        more_people=50,
        expected="more",
        more=(
            "both legs of all 50 stroke survivors are read, the reference took the non-paretic leg of 49",
            "TVC16 keeps what can be paired, the reference cut it to 10 strides",
        ),
        fewer=("strides without contact frames, or NaN in every variable, are rejected",),
        people_differ="188 are 138 able-bodied people and 50 stroke survivors",
    ),
    ReferenceCount(
        dataset="lencioni",
        strides=1_159,
        people=50,
        expected="more",
        more=(
            "the reference's 1,159 are 844 Walking, 169 StepUp and 146 StepDown; 278 ToeWalking and 178 HeelWalking "
            "are strides too: 1,615 in all",
        ),
        fewer=("strides whose EMG and markers have lengths that do not fit are rejected as unpaired",),
    ),
    ReferenceCount(
        dataset="siat",
        strides=441,
        people=40,
        expected="more",
        more=(
            "all labelled cycles are candidates, the reference took groups 6 to 10",
            "both legs are read, the reference took the left one",
        ),
        fewer=("cycles that start at the other foot's contact, as the knee shows, are rejected as not_a_stride",),
    ),
    ReferenceCount(
        dataset="moghadam",
        strides=290,
        people=17,
        expected="either",
        more=(
            "contacts come from the ankle moment; the reference took peaks of the foot's acceleration on a clock that "
            "it assumed, and found few",
        ),
        fewer=("a contact without a force plate is not found: the stride is rejected as unknown_duration",),
    ),
)
"""The fourteen sources, most strides first. A source of ours that is not here has no reference."""

TOTAL: Final = 515_880
"""Leg-strides of all fourteen, as the reference project states them."""


def reference_rows() -> list[dict[str, Any]]:
    """Return the reference counts as plain rows: dataset, strides, people, more_people, expected, reasons."""
    return [
        {
            "dataset": one.dataset,
            "strides": one.strides,
            "people": one.people,
            "more_people": one.more_people,
            "expected": one.expected,
            "reasons": {"more": list(one.more), "fewer": list(one.fewer), "people": one.people_differ},
        }
        for one in REFERENCE
    ]


def beside_reference(totals: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return our totals beside the reference counts, for the sources that have one.

    Parameters
    ----------
    totals
        One row a source of real data: dataset, strides, patients.

    Returns
    -------
    list of dict
        dataset, strides, reference_strides, ratio (ours / theirs), people, reference_people, expected, `fits`
        (whether ours lies where it is expected; None where either is, or another number of people leaves it open),
        reasons.
    """
    known = {row["dataset"]: row for row in reference_rows()}
    return [
        {
            "dataset": row["dataset"],
            "strides": row["strides"],
            "reference_strides": known[row["dataset"]]["strides"],
            "ratio": row["strides"] / known[row["dataset"]]["strides"],
            "people": row["patients"],
            "reference_people": known[row["dataset"]]["people"] + known[row["dataset"]]["more_people"],
            "expected": known[row["dataset"]]["expected"],
            "fits": _fits(row, known[row["dataset"]]),
            "reasons": known[row["dataset"]]["reasons"],
        }
        for row in totals
        if row["dataset"] in known
    ]


def _fits(row: Mapping[str, Any], reference: Mapping[str, Any]) -> bool | None:
    """Return whether ours lies where it is expected; fewer people may explain fewer strides, more people more."""
    people = row["patients"] - reference["people"] - reference["more_people"]
    more = row["strides"] > reference["strides"]
    if reference["expected"] == "more":
        return True if more else None if people < 0 else False
    if reference["expected"] == "not more":
        return True if not more else None if people > 0 else False
    return None
