"""The sources as Markdown, from their facts alone: the table of the README and one page each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets import Dataset, DatasetSpec, JointColumn, get_dataset, names
from biomech_xr.datasets.spec import LICENCE_USES
from biomech_xr.errors import MissingInputError
from biomech_xr.store.objects import plain

MARKS: Final = ("<!-- sources: made by `make docs` -->", "<!-- end of sources -->")
"""What surrounds a table of sources in a page."""

_SIGNALS: Final = {"emg": "EMG", "kinematics": "Angles", "kinetics": "Moments", "forces": "Forces"}
"""The signals whose rates the catalogue names, and how a page calls them."""

_NOT_LISTED: Final = ("emg", "angles", "moments", "emg_rate", "settings", "synthetic")
"""Facts of a spec that the catalogue gives in another form (`emg_rate` as `rates`), or that are of a store."""

_COLUMNS: Final = ("source", "people", "legs", "EMG", "angles", "moments", "licence", "use", "reader")


def sources_table(specs: Iterable[DatasetSpec]) -> str:
    """Return a Markdown table with one row a source: people, legs, EMG, angles, moments, licence, reader."""
    rows = [_COLUMNS, *(_row(spec) for spec in specs)]
    first, *others = [f"| {' | '.join(row)} |\n" for row in rows]
    return "".join((first, f"|{'---|' * len(_COLUMNS)}\n", *others))


def _row(spec: DatasetSpec) -> tuple[str, ...]:
    return (
        f"[`{spec.name}`](docs/datasets/{spec.name}.md)",
        str(spec.people or "yours"),
        " and ".join(spec.sides),
        _emg(spec),
        _joints(spec, spec.angles),
        _joints(spec, spec.moments),
        spec.licence,
        LICENCE_USES[spec.licence_use],
        words.EVIDENCES[spec.evidence],
    )


def rate_text(spec: DatasetSpec, signal: str) -> str:
    """Return how often the files of a source sample a signal: ``none`` where they do not hold it.

    Rates are in Hz, and in points a stride where strides were brought to a fixed number; what is not known is not
    filled from elsewhere.
    """
    rate = spec.rates.get(signal)
    if rate is None:
        return "as your files" if _open(spec) else "none"
    parts = [_hertz(rate.hz), f"{rate.points} points a stride" if rate.points else ""]
    text = "; ".join(part for part in parts if part)
    return (text or "rate not stated") + (f", recorded at {_hertz(rate.recorded)}" if rate.recorded else "")


def emg_text(spec: DatasetSpec) -> str:
    """Return what was done to a source's EMG and how often it is sampled; of two forms the usual one comes first."""
    return "; or ".join(f"{state}, {rate}" for state, rate in _emg_forms(spec))


def _emg_forms(spec: DatasetSpec) -> list[tuple[str, str]]:
    rate = spec.rates.get("emg")
    if rate is None or not rate.state:
        return [(spec.emg_state, rate_text(spec, "emg"))]
    return [(rate.state, _hertz(rate.hz)), (spec.emg_state, f"{rate.points} points a stride")]


def _hertz(rates: Sequence[float]) -> str:
    *rest, last = [f"{rate:g}" for rate in rates] or [""]
    return f"{', '.join(rest)} or {last} Hz" if rest else f"{last} Hz" if last else ""


def facts(dataset: Dataset) -> dict[str, Any]:
    """Return all that the catalogue says of a source, as plain JSON; a number that is not known is None."""
    spec = dataset.spec
    known = {name: value for name, value in asdict(spec).items() if name not in _NOT_LISTED}
    emg = list(spec.emg.values())
    return {
        **plain(known),
        "reader": words.EVIDENCES[spec.evidence],
        "muscles": sorted({column.muscle for column in emg}),
        "emg_sides": sorted({column.side for column in emg}),
        "angles": _components(spec.angles),
        "moments": _components(spec.moments),
        "options": {name: option.help for name, option in dataset.options.items()},
    }


def _components(columns: Mapping[str, JointColumn]) -> list[str]:
    return sorted({f"{column.joint} {column.motion}" for column in columns.values()})


def signals(spec: DatasetSpec) -> list[tuple[str, str]]:
    """Return what signals a source holds, name by name: muscles, joints, what was done to them upstream."""
    return [
        ("Muscles", _emg(spec)),
        ("Joint angles", _joints(spec, spec.angles)),
        ("Joint moments", _joints(spec, spec.moments)),
        ("Upstream filters", spec.upstream_filters),
        ("Lookahead of the source", _lookahead(spec)),
    ]


def _lookahead(spec: DatasetSpec) -> str:
    joints = spec.kinematics_lookahead
    sees = "not known" if math.isnan(joints) else f"{joints:g} s"
    return f"EMG {spec.emg_lookahead:g} s, angles {sees}"


def _open(spec: DatasetSpec) -> bool:
    """Return whether the user's own mapping says what the files hold."""
    return not (spec.emg or spec.angles or spec.moments)


def _emg(spec: DatasetSpec) -> str:
    if _open(spec):
        return "your mapping"
    muscles = {side: {column.muscle for column in spec.emg.values() if column.side == side} for side in spec.sides}
    counts = {side: len(names) for side, names in muscles.items() if names}
    if not counts:
        return "none"
    most = f"{max(counts.values())} muscles"
    leg = "" if len(counts) == len(spec.sides) else f", {' and '.join(sorted(counts))} only"
    if len(set(counts.values())) > 1:
        most = " and ".join(f"{counts[side]} muscles {side}" for side in sorted(counts, key=counts.__getitem__)[::-1])
    return f"{most}, {emg_text(spec)}{leg}"


def _joints(spec: DatasetSpec, columns: Mapping[str, JointColumn]) -> str:
    """Return ``hip in 3 planes; knee, ankle sagittal`` for the components that a source has."""
    if _open(spec):
        return "hip, knee, ankle in 3 planes"
    planes: dict[str, list[str]] = {}
    for joint in words.JOINTS:
        motions = {column.motion for column in columns.values() if column.joint == joint}
        if motions:
            text = "in 3 planes" if len(motions) == 3 else "sagittal" if motions == {"flexion"} else "in 2 planes"
            planes.setdefault(text, []).append(joint)
    return "; ".join(f"{', '.join(joints)} {text}" for text, joints in planes.items()) or "none"


def source_page(dataset: Dataset) -> str:
    """Return a source's page as Markdown: identity, signals column by column, options, defects, assumptions."""
    spec = dataset.spec
    parts = [
        f"# {spec.name}\n\n{spec.title}.\n",
        _identity(spec),
        _emg_section(spec),
        _joint_section("Angles", "degrees", spec.angles, _settling(dataset, moments=False)),
        _joint_section("Moments", "N m/kg", spec.moments, _settling(dataset, moments=True)),
        _options(dataset),
        _list("Known defects", spec.known_defects),
        _list("What the reader assumes", spec.assumptions),
        f"## Try it\n\n```bash\nbiomech-xr synth {spec.name} --patients {min(2, spec.people or 2)} "
        f"--out raw/{spec.name}          # a synthetic tree in this format\n"
        f"python -m pipelines.parse store=store sources.{spec.name}.raw=raw/{spec.name}\n```\n",
        "*This page is made from the reader's facts by `make docs`.*\n",
    ]
    return "\n".join(part for part in parts if part)


def identity(spec: DatasetSpec) -> list[tuple[str, str]]:
    """Return what a source is, name by name: publication, licence, people, rates, how far the reader is proven."""
    rows = (
        ("Citation", spec.citation),
        ("Paper", f"doi:{spec.doi}" if spec.doi else "not known"),
        ("Data", f"{spec.host}, {spec.data_doi}" if spec.data_doi else spec.host),
        ("Licence", spec.licence),
        ("Use", LICENCE_USES[spec.licence_use]),
        ("Laboratory", spec.laboratory or ("yours" if _open(spec) else "not known")),
        ("People", f"{spec.people or 'yours'}, {spec.population.replace('_', '-')}"),
        ("Activities", ", ".join(word.replace("_", " ") for word in spec.activities)),
        ("Legs", " and ".join(spec.sides)),
        ("Strides", f"{spec.minimum_duration:g} to {spec.maximum_duration:g} s"),
        *((title, rate_text(spec, signal)) for signal, title in _SIGNALS.items()),
        ("Mains", f"{spec.line_frequency:g} Hz"),
        ("Reader", words.EVIDENCES[spec.evidence]),
    )
    return [(name, value) for name, value in rows if value]


def _identity(spec: DatasetSpec) -> str:
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in identity(spec))


def _emg_section(spec: DatasetSpec) -> str:
    if not spec.emg:
        return ""
    forms = " or ".join(f"`{state}` ({rate})" for state, rate in _emg_forms(spec))
    text = (
        f"## EMG\n\nState {forms}, unit {spec.emg_unit.rstrip('.')}. "
        f"Upstream: {spec.upstream_filters}. Upstream processing looks ahead: {_lookahead(spec)}.\n\n"
        "| raw name | muscle | leg |\n|---|---|---|\n"
    )
    for raw, column in spec.emg.items():
        doubt = " (head not named by the source)" if column.ambiguous else ""
        text += f"| `{raw}` | {column.muscle.replace('_', ' ')}{doubt} | {column.side} |\n"
    return text


def _settling(dataset: Dataset, *, moments: bool) -> list[str]:
    """Return the options that settle axes, signs or units of the moments, or of the angles, where data do not."""
    about = [name for name in dataset.options if "sign" in name or name in ("axes", "columns", "angle_unit")]
    return [name for name in (*about, "moment_unit") if name in dataset.options and ("moment" in name) == moments]


def _joint_section(title: str, unit: str, columns: Mapping[str, JointColumn], settling: list[str]) -> str:
    if not columns:
        return ""
    text = f"## {title}\n\nStored in {unit}, canonical signs; `factor` is from the raw column to that"
    if settling:
        names = ", ".join(f"`{name}`" for name in settling)
        text += f" as expected: the data of each person decide, or the option ({names})"
    text += ".\n\n"
    text += "| raw name | component | leg | factor |\n|---|---|---|---|\n"
    for raw, column in columns.items():
        text += f"| `{raw}` | {column.joint} {column.motion} | {column.side} | {column.factor:g} |\n"
    return text


def _options(dataset: Dataset) -> str:
    if not dataset.options:
        return ""
    text = f"## Options\n\nGiven as `sources.{dataset.spec.name}.options.NAME=VALUE`.\n\n| name | value | meaning |\n"
    text += "|---|---|---|\n"
    for name, option in dataset.options.items():
        takes = " \\| ".join(f"`{choice}`" for choice in option.choices) or option.kind
        text += f"| `{name}` | {takes} | {option.help} |\n"
    return text


def _list(title: str, entries: Iterable[str]) -> str:
    items = "".join(f"* {entry}\n" for entry in entries)
    return f"## {title}\n\n{items}" if items else ""


def write_pages(root: Path) -> list[Path]:
    """Write the page of every source and the tables of sources in a checkout; return the files that changed.

    The table replaces what stands between two marks in `README.md` and `docs/datasets/index.md`.

    Raises
    ------
    MissingInputError
        ``root`` is no checkout: one of the two files, or its marks, are missing.
    """
    folder = root / "docs" / "datasets"
    table = sources_table(get_dataset(name).spec for name in names())
    texts = {folder / f"{name}.md": source_page(get_dataset(name)) for name in names()}
    for path, place in ((root / "README.md", "docs/datasets/"), (folder / "index.md", "")):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if not all(mark in text for mark in MARKS):
            raise MissingInputError(f"{path}: no marks {' ... '.join(MARKS)}. Run this in a checkout of biomech-xr.")
        before, after = text.partition(MARKS[0])[0], text.partition(MARKS[1])[2]
        own = table.replace("](docs/datasets/", f"]({place}")
        texts[path] = f"{before}{MARKS[0]}\n\n{own}\n{MARKS[1]}{after}"
    changed = [path for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed
