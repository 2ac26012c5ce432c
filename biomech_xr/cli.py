"""The command line of the library: ``biomech-xr datasets | info | check | report | synth``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from biomech_xr import __version__
from biomech_xr.datasets import DatasetSpec, get_dataset, names
from biomech_xr.errors import BiomechXRError
from biomech_xr.vocabulary import EVIDENCES

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _version(show: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if show:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    del version


@app.command()
def datasets(
    as_json: AsJson = False,
    pages: Annotated[
        Path | None, typer.Option(help="Checkout whose pages and tables of sources to write instead of printing.")
    ] = None,
) -> None:
    """List the sources with their facts: what they hold, their licence, how far the reader is proven."""
    if pages is not None:
        from biomech_xr.quality import write_pages

        for path in write_pages(pages):
            print(path)
        return
    specs = [get_dataset(name).spec for name in names()]
    if as_json:
        print(json.dumps([_facts(spec) for spec in specs], indent=2))
        return
    table = Table(title="Sources", title_justify="left")
    for heading in ("name", "people", "sides", "EMG", "kinetics", "licence", "reader", "DOI"):
        table.add_column(heading, overflow="fold")
    for spec in specs:
        facts = _facts(spec)
        table.add_row(
            *(str(facts[key]) for key in ("name", "people", "sides", "emg", "kinetics", "licence")),
            str(facts["reader"]),
            spec.doi,
        )
    _console().print(table)


def _facts(spec: DatasetSpec) -> dict[str, Any]:
    rate = f" {spec.emg_rate:g} Hz" if spec.emg_rate > 0 else ""
    return {
        "name": spec.name,
        "title": spec.title,
        "people": spec.people or "yours",
        "sides": ", ".join(spec.sides),
        "emg": f"{spec.emg_state}{rate}",
        "kinetics": "yes" if spec.moments or not (spec.emg or spec.angles) else "no",
        "activities": list(spec.activities),
        "licence": spec.licence,
        "reader": EVIDENCES[spec.evidence],
        "doi": spec.doi,
        "data_doi": spec.data_doi,
        "citation": spec.citation,
        "options": {name: option.help for name, option in get_dataset(spec.name).options.items()},
        "assumptions": list(spec.assumptions),
        "known_defects": list(spec.known_defects),
    }


@app.command()
def synth(
    dataset: Annotated[str, typer.Argument(help="Name of a source, see `biomech-xr datasets`; `all` for every one.")],
    out: Annotated[Path, typer.Option(help="Folder to write the raw tree into; must be empty or absent.")],
    patients: Annotated[int, typer.Option(min=1, help="Number of people.")] = 2,
    minutes: Annotated[float, typer.Option(min=0.2, help="Recorded time per person and condition.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the people and their strides.")] = 0,
) -> None:
    """Write a synthetic raw tree in a source's true format; `all` writes one folder a source."""
    from biomech_xr.synthetic import PEOPLE, write

    every = dataset == "all"
    for name in names() if every else [dataset]:
        people = min(patients, PEOPLE[name]) if every else patients
        folder = out / name if every else out
        truth = write(name, folder, patients=people, seed=seed, minutes=minutes)
        print(f"{name}: {people} patient(s), {len(truth.strides)} strides in {folder}")


@app.command()
def info(url: Annotated[str, typer.Argument(help="URL or path of a store")], as_json: AsJson = False) -> None:
    """Say what a store holds: sources, people, activities, strides, rejected candidates."""
    from biomech_xr.store import summarize

    summary = summarize(url)
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    console = _console()
    for kind, rows in summary.items():
        if not rows:
            continue
        table = Table(title=kind, title_justify="left")
        for heading in rows[0]:
            table.add_column(heading, justify="right" if isinstance(rows[0][heading], int) else "left")
        for row in rows:
            table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
        console.print(table)


@app.command()
def check(url: Annotated[str, typer.Argument(help="URL or path of a store")], as_json: AsJson = False) -> None:
    """Read a whole store and list what is not as it was written; exit code 1 when there is anything."""
    from biomech_xr.store import check_store

    units, problems = 0, list[str]()
    objects = size = 0
    for unit in check_store(url):
        units, objects, size = units + 1, objects + unit.objects, size + unit.size
        problems += unit.problems
    if as_json:
        print(json.dumps({"units": units, "objects": objects, "bytes": size, "problems": problems}, indent=2))
    else:
        print(f"{url}: {units} unit(s), {objects:,} objects, {size / 1e6:,.1f} MB read, {len(problems)} problem(s)")
        for problem in problems:
            print(f"  {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


@app.command()
def report(
    url: Annotated[str, typer.Argument(help="URL or path of a store")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    chain: Annotated[str, typer.Option(help="Strides product to show.")] = "envelope",
    scores: Annotated[Path | None, typer.Option(help="JSON of `training.evaluate --json`.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for the figures as SVG files.")] = None,
) -> None:
    """Write a self-contained HTML page: sources, ensemble curves, scores."""
    from biomech_xr.quality import write_report

    print(write_report(url, out, chain=chain, scores=scores, figures=figures))


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)


def main() -> None:
    """Run the command line; an error of ours is one message on stderr and exit code 2."""
    try:
        app()
    except BiomechXRError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
