"""The command that counts: strides by source, activity and side, their sampling, and whether the candidates add up."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from biomech_xr.cli._app import AsJson, app, console

if TYPE_CHECKING:
    from biomech_xr.quality.counts_sheets import Sheet


@app.command()
def counts(
    url: Annotated[str | None, typer.Argument(metavar="STORE", help="URL or path of a store")] = None,
    chain: Annotated[
        str | None, typer.Option(help="Count the strides of this chain; without it those of the recordings.")
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print the reference counts alone; takes no store.")
    ] = False,
) -> None:
    """Count strides, rates, samples, durations and rejected candidates; exit code 1 where something is missing."""
    if (url is None) != reference or (as_json and markdown):
        raise typer.BadParameter("give a STORE or --reference, and at most one of --json and --markdown")
    if url is None:
        _reference(as_json=as_json, markdown=markdown)
        return
    from biomech_xr.quality.counts import count_strides
    from biomech_xr.quality.counts_sheets import sheets

    found = count_strides(url, chain=chain)
    errors = [f"{row['dataset']}: {error}" for row in found["ledger"] for error in row["errors"]]
    errors += found["incomplete"]
    if as_json:
        print(json.dumps(found, indent=2, allow_nan=False))
    else:
        _print(sheets(found), markdown=markdown)
        made = found["synthetic"]
        notes = [f"Synthetic, compared with nothing: {', '.join(made)}."] if made else []
        for note in [*notes, *(f"Note: {note}." for note in found["notes"])]:
            console().print(note, highlight=False, markup=False)
    for error in dict.fromkeys(errors):
        print(f"error: {error}", file=sys.stderr)
    if errors:
        raise typer.Exit(1)


def _reference(*, as_json: bool, markdown: bool) -> None:
    from biomech_xr.quality.counts_sheets import reference_sheet
    from biomech_xr.quality.reference_counts import TOTAL, reference_rows

    if as_json:
        print(json.dumps({"strides": TOTAL, "sources": reference_rows()}, indent=2))
    else:
        _print([reference_sheet()], markdown=markdown)


def _print(tables: Iterable[Sheet], *, markdown: bool) -> None:
    screen = console()
    for sheet in tables:
        if markdown:
            print(sheet.markdown())
            continue
        table = Table(
            title=sheet.title or None, title_justify="left", box=box.SIMPLE, pad_edge=False, collapse_padding=True
        )
        for heading in sheet.headings:
            number = heading in sheet.right
            table.add_column(heading, justify="right" if number else "left", no_wrap=heading != sheet.long)
        for cells in sheet.rows:
            table.add_row(*cells)
        screen.print(table)
        for note in sheet.notes:
            screen.print(note, highlight=False, markup=False)
        if sheet.notes:
            screen.print()
