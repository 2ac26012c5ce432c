"""Command on a store: whether the given gait events fit what the signals show."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, StoreUrl, app, console

if TYPE_CHECKING:
    from biomech_xr.quality.events import EventRow


@app.command()
def events(
    url: StoreUrl,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Source to look at; again for more. All by default.")
    ] = None,
    activity: Annotated[str, typer.Option(help="Activity of the strides to look at.")] = "walk",
    as_json: AsJson = False,
) -> None:
    """Compare given contacts and foot offs with forces, markers, gyroscopes and angles; exit code 1 on doubts."""
    from biomech_xr.quality.events import compare_store

    report = compare_store(url, dataset or (), activity=activity)
    if as_json:
        rows = [row.as_json() for row in report.rows]
        print(json.dumps({"activity": activity, "rows": rows, "remarks": report.remarks}, indent=2))
    else:
        screen = console()
        if report.rows:
            screen.print(_table(report.rows, activity))
        for row in report.rows:
            for doubt in row.doubts:
                screen.print(f"! {row.dataset}: {doubt}", markup=False, highlight=False)
        for remark in report.remarks:
            screen.print(f"* {remark}", markup=False, highlight=False)
    if any(row.doubts for row in report.rows):
        raise typer.Exit(1)


def _table(rows: list[EventRow], activity: str) -> Table:
    table = Table(title=f"{activity}: given events, and found - given in ms", title_justify="left")
    for heading in ("dataset", "detector", "event"):
        table.add_column(heading, overflow="fold")
    for heading in ("trials", "matched", "missed", "extra", "bias", "SD", "worst", "quality"):
        table.add_column(heading, justify="right")
    for row in rows:
        one = row.comparison
        counts = (f"{value:,}" for value in (row.trials, one.matched, one.missed, one.extra))
        times = (_ms(value, form) for value, form in ((one.bias, "+.0f"), (one.spread, ".0f"), (one.worst, ".0f")))
        quality = "" if math.isnan(row.quality) else f"{row.quality:.2f}"
        table.add_row(row.dataset, row.detector, row.kind, *counts, *times, quality)
    return table


def _ms(value: float, form: str) -> str:
    return "" if math.isnan(value) else f"{1000 * value:{form}}"
