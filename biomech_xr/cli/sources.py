"""Commands on the sources: list them, write synthetic raw trees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from biomech_xr.cli._app import AsJson, app, console
from biomech_xr.datasets import Dataset, DatasetSpec, get_dataset, names
from biomech_xr.datasets.spec import LICENCE_USES
from biomech_xr.vocabulary import EVIDENCES


@app.command()
def datasets(
    name: Annotated[str | None, typer.Argument(help="One source, to see all of it.")] = None,
    as_json: AsJson = False,
    pages: Annotated[
        Path | None, typer.Option(help="Checkout whose pages and tables of sources to write instead of printing.")
    ] = None,
) -> None:
    """List the sources with their facts, or one source in full: what it holds, its licence, its defects."""
    from biomech_xr.quality import catalog

    if pages is not None:
        for path in catalog.write_pages(pages):
            print(path)
        return
    listed = [get_dataset(one) for one in (names() if name is None else [name])]
    if as_json:
        facts = [catalog.facts(dataset) for dataset in listed]
        print(json.dumps(facts if name is None else facts[0], indent=2))
    elif name is None:
        console().print(_table([dataset.spec for dataset in listed]))
    else:
        _show(listed[0])


def _table(specs: list[DatasetSpec]) -> Table:
    """Return the table of all sources, one row each."""
    title = "Sources (one in full: biomech-xr datasets NAME)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("name", "people", "legs", "EMG", "moments", "licence", "use", "reader"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("licence", "use"))
    for spec in specs:
        moments = "yes" if spec.moments or not (spec.emg or spec.angles) else "no"
        use = LICENCE_USES[spec.licence_use]
        licence = spec.licence.partition(" (")[0]
        table.add_row(
            *(
                spec.name,
                str(spec.people or "yours"),
                "both" if len(spec.sides) == 2 else spec.sides[0],
                _short_emg(spec) if "emg" in spec.rates else "as your files",
                moments,
            ),
            *(licence, use, EVIDENCES[spec.evidence]),
        )
    return table


def _short_emg(spec: DatasetSpec) -> str:
    """Return state and rate of the EMG in the files, without the rate of the device."""
    from biomech_xr.quality import catalog

    return catalog.emg_text(spec).partition(", recorded")[0]


def _show(dataset: Dataset) -> None:
    """Print one source: identity, signals, options, known defects, assumptions."""
    from biomech_xr.quality import catalog

    screen = Console(width=min(console().width, 100), highlight=False)
    screen.print(Text(f"{dataset.spec.name}: {dataset.spec.title}\n", style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in [*catalog.identity(dataset.spec), *catalog.signals(dataset.spec)]:
        table.add_row(name, Text(value))
    screen.print(table)
    options = [
        f"{name} ({' | '.join(option.choices) or option.kind}): {option.help}"
        for name, option in dataset.options.items()
    ]
    for title, lines in (
        ("Options (sources.NAME.options.OPTION=VALUE)", options),
        ("Known defects", dataset.spec.known_defects),
        ("What the reader assumes", dataset.spec.assumptions),
    ):
        if lines:
            screen.print(Text(f"\n{title}", style="bold"))
            bullets = Table(box=None, show_header=False, pad_edge=False)
            for line in lines:
                bullets.add_row("-", Text(line))
            screen.print(bullets)


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
