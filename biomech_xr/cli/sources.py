"""Commands on the sources: list them, write synthetic raw trees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, app, console
from biomech_xr.datasets import DatasetSpec, get_dataset, names
from biomech_xr.vocabulary import EVIDENCES


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
    console().print(table)


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
