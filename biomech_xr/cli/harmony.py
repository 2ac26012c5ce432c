"""Command on a store: whether its sources fit together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, StoreUrl, app, console


@app.command()
def harmony(
    url: StoreUrl,
    chain: Annotated[str, typer.Option(help="Strides product to compare.")] = "envelope",
    activity: Annotated[str, typer.Option(help="Activity of the strides to compare.")] = "walk",
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of a table.")] = False,
    figures: Annotated[Path | None, typer.Option(help="Folder for the overlaid curves as SVG files.")] = None,
) -> None:
    """Compare the curves of all sources and flag what does not fit the others; exit code 1 when there is anything."""
    from biomech_xr.quality.harmony import gather, harmonize
    from biomech_xr.quality.harmony_findings import as_markdown, findings, remarks, summary
    from biomech_xr.store import open_strides

    curves, left_out = gather(open_strides(url, chain=chain), activity)
    result = harmonize(curves, activity=activity, left_out=left_out)
    if as_json:
        print(json.dumps({"chain": chain, **result.as_json()}, indent=2))
    elif markdown:
        print(as_markdown(result))
    else:
        screen = console()
        table = Table(title=f"{activity}: what does not fit the other sources", title_justify="left")
        for heading in ("source", "curves", "leg", "misfit", "figures", "likely cause"):
            table.add_column(heading, overflow="fold")
        found = findings(result)
        for one in found:
            table.add_row(one.dataset, one.curves, one.legs, one.misfit, one.figures, one.cause)
        if found:
            screen.print(table)
        screen.print(f"{activity}: {summary(result)}", markup=False, highlight=False)
        for remark in remarks(result):
            screen.print(f"* {remark}", markup=False, highlight=False, soft_wrap=False)
    if figures is not None:
        from biomech_xr.quality.harmony_plots import write_figures

        for path in write_figures(result, figures):
            typer.echo(str(path), err=as_json or markdown)
    if result.flagged:
        raise typer.Exit(1)
