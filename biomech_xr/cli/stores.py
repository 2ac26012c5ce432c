"""Commands on a store: what it holds, how it looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, StoreUrl, app, console
from biomech_xr.datasets.spec import LICENCE_USES


@app.command()
def info(url: StoreUrl, as_json: AsJson = False) -> None:
    """Say what a store holds: sources, people, strides, licences, and rejected candidates by reason."""
    from biomech_xr.store import summarize

    summary = summarize(url)
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    screen = console()
    for kind, rows in summary.items():
        if not rows:
            continue
        table = Table(title=kind, title_justify="left")
        never = {"licence", *(name for name in ("failed", "unparsed") if not any(row.get(name) for row in rows))}
        shown = {name: value for name, value in rows[0].items() if name not in never}
        for name, value in shown.items():
            heading = "use" if name == "licence_use" else name
            table.add_column(heading, justify="right" if isinstance(value, int) else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(name, row[name]) for name in shown))
        screen.print(table)


def _cell(name: str, value: Any) -> str:
    """Return a value as a table shows it."""
    if name == "licence_use":
        return LICENCE_USES[value]
    return f"{value:,}" if isinstance(value, int) else str(value)


@app.command()
def report(
    url: StoreUrl,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    chain: Annotated[str, typer.Option(help="Strides product to show.")] = "envelope",
    scores: Annotated[Path | None, typer.Option(help="JSON of `training.evaluate --json`.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for the figures as SVG files.")] = None,
) -> None:
    """Write a self-contained HTML page: sources, ensemble curves, scores."""
    from biomech_xr.quality import write_report

    print(write_report(url, out, chain=chain, scores=scores, figures=figures))
