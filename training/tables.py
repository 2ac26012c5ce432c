"""Print scores for people: one table a quantity, the model beside every baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from training.scoring import MODEL, UNITS

SHOWN: Final = ("angle", "torque", "phase")
"""Quantities of the printed tables; the JSON holds all."""
DIGITS: Final[Mapping[str, int]] = {"angle": 2, "torque": 3, "phase": 1}


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what `training.evaluate.evaluate` returned."""
    least = "" if result["lookahead_known"] else "at least "
    horizon = ", ".join(f"{value:g} {unit}" for unit, value in result["horizon"].items())
    lookahead = f"{least}{result['lookahead']:.3f} s"
    console.print(
        f"{result['run']}, step {result['checkpoint_step']} of {result['steps']} ({result['checkpoint']}): "
        f"{result['windows']} windows of split {result['split']} (hop {result['hop']}), "
        f"horizon +{horizon} = {result['mean_horizon_ms']:.1f} ms on average, "
        f"lookahead of the inputs {lookahead}, phase input: {result['phase_input']}"
    )
    console.print(result["description"], highlight=False)
    if result["persons"]:
        sizes = ", ".join(f"{name} {count}" for name, count in result["persons"].items())
        console.print(f"persons per split: {sizes}")
    for quantity in SHOWN:
        rows = [row for row in result["scores"] if row["quantity"] == quantity and _shown(row)]
        missing = [row for row in result["not_learned"] if row["quantity"] == quantity and row["windows"]]
        if rows or missing:
            console.print(_table(quantity, rows, missing))
    for note in result["notes"]:
        console.print(f"- {note}")


def _shown(row: Mapping[str, Any]) -> bool:
    """Return whether a row is printed: every component over all activities, the main ones of each activity."""
    return row["activity"] == "all" or str(row["component"]).endswith(("flexion", "cycle"))


def _table(quantity: str, rows: list[dict[str, Any]], missing: list[dict[str, Any]]) -> Table:
    """Return the table of one quantity; the best predictor of each row is bold, what is not learned comes last."""
    names = [MODEL, *(name for name in (rows[0]["rmse"] if rows else ()) if name != MODEL)]
    title = f"{quantity}: RMSE in {UNITS[quantity]}, mean ± SD over persons"
    table = Table(
        "activity", "component", "persons", title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        best = min(row["rmse"].values(), key=lambda score: score["mean"])
        cells = [_cell(row["rmse"][name], DIGITS[quantity], best=row["rmse"][name] is best) for name in names]
        table.add_row(row["activity"], row["component"], str(row["persons"]), *cells)
    for row in missing:
        table.add_row("all", row["component"], "-", "not learned")
    return table


def _cell(score: Mapping[str, float | None], digits: int, *, best: bool) -> str:
    deviation = "" if score["sd"] is None else f" ± {score['sd']:.{digits}f}"
    text = f"{score['mean']:.{digits}f}{deviation}"
    return f"[bold]{text}[/bold]" if best else text
