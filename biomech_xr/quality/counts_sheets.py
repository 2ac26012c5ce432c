"""The counts as tables of text: for a terminal of 100 columns, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from biomech_xr.quality.counts_strides import SIGNALS
from biomech_xr.quality.reference_counts import TOTAL, reference_rows

_MISSING: Final = "-"
_SHARES: Final = ("EMG %", "angles %", "mom. %")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A table of text: `right` are headings of numbers, `long` is that of a column that may wrap; `notes` follow."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[str] = frozenset()
    long: str = ""
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Return the table and its notes as Markdown."""
        rule = ["---:" if heading in self.right else "---" for heading in self.headings]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.headings, rule, *self.rows)]
        notes = "".join(f"* {note}\n" for note in self.notes)
        title = f"**{self.title}**\n\n" if self.title else ""
        return title + "\n".join(lines) + "\n" + (f"\n{notes}" if notes else "")


def sheets(counts: Mapping[str, Any]) -> list[Sheet]:
    """Return the tables of what `count_strides` found; those that would be empty are left out."""
    found = [
        _strides(counts),
        _samples(counts["counts"]),
        _ledger(counts["ledger"]),
        _flags(counts["rates"], counts["lengths"]),
        _beside(counts["reference"]),
    ]
    return [sheet for sheet in found if sheet.rows]


def _strides(counts: Mapping[str, Any]) -> Sheet:
    place = f"chain {counts['chain']}" if counts["chain"] else "recordings, before processing"
    rows = [
        (
            *_names(row),
            f"{row['strides']:,}",
            f"{row['people']:,}",
            _rate(row["rates"]["emg"]),
            _rate(row["rates"]["kinematics"]),
            *(_share(row["coverage"][signal]) for signal in SIGNALS),
        )
        for row in counts["counts"]
    ]
    masks = (
        "EMG, angles, moments %: strides with a measured channel / channels or motions measured, by the masks."
        if counts["chain"]
        else "EMG, angles, moments %: strides in whose time the leg has the signal; masks come with processing."
    )
    return Sheet(
        title=f"Strides ({place})",
        headings=("source", "activity", "side", "strides", "people", "EMG Hz", "angles Hz", *_SHARES),
        rows=rows,
        right=frozenset({"strides", "people", "EMG Hz", "angles Hz", *_SHARES}),
        notes=(masks, "100p: 100 points per stride, whatever its duration."),
    )


def _names(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return source, activity and side of a row; the row of a whole source names the source alone."""
    if row["side"] == "all":
        return row["dataset"], "all", ""
    return "", str(row["activity"]).replace("_", " "), row["side"]


def _rate(rate: Mapping[str, Any]) -> str:
    hertz = [f"{one:g}" for one in rate["hz"]]
    if len(hertz) > 2:
        hertz = [f"{hertz[0]}-{hertz[-1]}"]
    if not hertz and not rate["points"] and rate["range"]:
        hertz = [f"{rate['range'][0]:.0f}-{rate['range'][1]:.0f}"]
    return " ".join([*hertz, *(f"{count}p" for count in rate["points"][:2])]) or _MISSING


def _share(coverage: Mapping[str, Any]) -> str:
    if coverage["channels"] is None:
        return _percent(coverage["strides"])
    return f"{_percent(coverage['strides'])}/{_percent(coverage['channels'])}"


def _percent(share: float) -> str:
    """Return a share in per cent; only all is 100 and only none is 0."""
    percent = 100 * share
    if 0 < percent < 0.5:
        return "<1"
    return ">99" if 99.5 <= percent < 100 else f"{percent:.0f}"


def _samples(rows: Iterable[Mapping[str, Any]]) -> Sheet:
    return Sheet(
        title="EMG samples per stride (native rate) and duration in s",
        headings=("source", "activity", "side", "samples", "min-max", "far", "duration", "from-to", "far, s"),
        rows=[(*_names(row), *_spread(row["samples"], 0), *_spread(row["duration"], 2)) for row in rows],
        right=frozenset({"samples", "min-max", "far", "duration", "from-to", "far, s"}),
        notes=(
            "Mean ± SD. Far: more than 5 robust SDs (1.4826 x median absolute deviation, at least 2 % of the median) "
            "from the median of the source and activity.",
        ),
    )


def _spread(found: Mapping[str, Any], digits: int) -> tuple[str, str, str]:
    if found["mean"] is None:
        return _MISSING, _MISSING, _MISSING
    spread = "" if found["sd"] is None else f" ± {found['sd']:.{digits}f}"
    return (
        f"{found['mean']:.{digits}f}{spread}",
        f"{found['min']:.{digits}f}-{found['max']:.{digits}f}",
        f"{found['outliers']:,}",
    )


def _ledger(rows: Iterable[Mapping[str, Any]]) -> Sheet:
    return Sheet(
        title="Candidates = kept + rejected at parse + rejected at process",
        headings=("source", "chain", "candidates", "kept", "parse", "process", "sum", "reasons"),
        rows=[
            (
                row["dataset"],
                row["chain"] or _MISSING,
                f"{row['candidates']:,}",
                f"{row['kept']:,}",
                f"{sum(row['rejected_at_parse'].values()):,}",
                f"{sum(row['rejected_at_process'].values()):,}" if row["chain"] else _MISSING,
                "holds" if row["holds"] else "WRONG",
                _reasons(row),
            )
            for row in rows
        ],
        right=frozenset({"candidates", "kept", "parse", "process"}),
        long="reasons",
    )


def _reasons(row: Mapping[str, Any]) -> str:
    parse = [f"{reason} {count:,}" for reason, count in row["rejected_at_parse"].items()]
    process = [f"{reason} {count:,} (process)" for reason, count in row["rejected_at_process"].items()]
    return ", ".join([*parse, *process]) or _MISSING


def _flags(rates: Iterable[Mapping[str, Any]], lengths: Iterable[Mapping[str, Any]]) -> Sheet:
    rows = [
        (
            flag["dataset"],
            flag["signal"],
            f"{flag['found']:g} {flag['unit']}, {_AGAINST[flag['against']]} {flag['expected']:g}",
            f"{flag['trials']:,} trial(s), {flag['patients']:,} person(s): {flag['examples'][0]}",
        )
        for flag in rates
    ]
    rows += [
        (
            flag["dataset"],
            flag["signal"],
            f"samples / rate is not the duration: up to {flag['worst']:+.3f} s, {flag['samples']:+.0f} samples",
            f"{flag['strides']:,} stride(s), {flag['patients']:,} person(s): {flag['examples'][0]}",
        )
        for flag in lengths
    ]
    headings = ("source", "signal", "what", "where")
    return Sheet(title="Inconsistent sampling", headings=headings, rows=rows, long="where")


_AGAINST: Final = {
    "source": "the source has",
    "person": "the person's other trials have",
    "other people": "others have",
}


def _beside(rows: Iterable[Mapping[str, Any]]) -> Sheet:
    listed = list(rows)
    return Sheet(
        title="Beside the reference counts",
        headings=("source", "strides", "reference", "ratio", "people", "ref. people", "expected", "fits"),
        rows=[
            (
                row["dataset"],
                f"{row['strides']:,}",
                f"{row['reference_strides']:,}",
                f"{row['ratio']:.2f}",
                f"{row['people']:,}",
                f"{row['reference_people']:,}",
                _EXPECTED[row["expected"]],
                _FITS[row["fits"]],
            )
            for row in listed
        ],
        right=frozenset({"strides", "reference", "ratio", "people", "ref. people"}),
        notes=[*_unexpected(listed), *(_why(row) for row in listed)],
    )


def _unexpected(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each source whose number of strides does not lie where it is expected."""
    return [
        f"{row['dataset']} DOES NOT FIT: {row['strides']:,} strides, expected {_EXPECTED[row['expected']]} than "
        f"{row['reference_strides']:,} with {row['people']:,} people. Look for what was left out or counted twice."
        for row in rows
        if row["fits"] is False
    ]


_EXPECTED: Final = {"more": "more", "not more": "not more", "either": "more or fewer"}
_FITS: Final[Mapping[bool | None, str]] = {True: "yes", False: "NO", None: _MISSING}


def _why(row: Mapping[str, Any]) -> str:
    """Return why our number of a source differs from the reference, as one paragraph."""
    reasons = row["reasons"]
    parts = [f"{name.capitalize()}: {'; '.join(reasons[name])}." for name in ("more", "fewer") if reasons[name]]
    parts += [f"People: {reasons['people']}."] if reasons["people"] else []
    return f"{row['dataset']}. {' '.join(parts)}"


def reference_sheet() -> Sheet:
    """Return the reference counts with the reasons why ours must differ."""
    rows = reference_rows()
    people = sum(row["people"] for row in rows)
    more = sum(row["more_people"] for row in rows)
    cells = [
        (
            row["dataset"],
            f"{row['strides']:,}",
            _people(row["people"], row["more_people"]),
            _EXPECTED[row["expected"]],
        )
        for row in rows
    ]
    return Sheet(
        title="",
        headings=("source", "leg-strides", "people", "ours should be"),
        rows=[*cells, ("all", f"{TOTAL:,}", _people(people, more), "")],
        right=frozenset({"leg-strides", "people"}),
        notes=[_why(row) for row in rows],
    )


def _people(people: int, more: int) -> str:
    return f"{people:,} (+{more})" if more else f"{people:,}"
