"""Commands on the objects of a store: how much room they take, what they cost, and a copy of them."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, StoreUrl, app, console

if TYPE_CHECKING:
    from biomech_xr.store.copying import Copied


@app.command()
def du(url: StoreUrl, as_json: AsJson = False) -> None:
    """Say how many objects and bytes a store takes: by source, part and version, and by variable."""
    from biomech_xr.store.usage import usage

    found = usage(url)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    units = Table(title="units", title_justify="left")
    for name in ("kind", "name", "patients", "strides", "objects", "MB"):
        units.add_column(name, justify="left" if name in ("kind", "name") else "right", overflow="fold")
    for row in found["units"]:
        counts = (_count(row[name]) for name in ("patients", "strides"))
        units.add_row(row["kind"], row["name"], *counts, f"{row['objects']:,}", _mega(row["bytes"]))
    totals = (sum(row[name] for row in found["units"]) for name in ("objects", "bytes"))
    objects, size = totals
    units.add_section()
    units.add_row("all", "", "", "", f"{objects:,}", _mega(size))
    screen = console()
    screen.print(units)
    if found["variables"]:
        screen.print(_variables(found["variables"]))


def _variables(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="strides by variable", title_justify="left")
    for name in ("chain", "variable", "MB", "bytes a stride", "of its finite samples as float32"):
        table.add_column(name, justify="left" if name in ("chain", "variable") else "right")
    for row in rows:
        share = "" if row["of_float32"] is None else f"{row['of_float32']:.2f}"
        table.add_row(row["chain"], row["variable"], _mega(row["bytes"]), f"{row['per_stride']:,.0f}", share)
    return table


def _count(value: int) -> str:
    return f"{value:,}" if value else ""


def _mega(size: float) -> str:
    return f"{size / 1e6:,.2f}"


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="URL or path of a store")],
    target: Annotated[str, typer.Argument(metavar="TO", help="URL or path of the copy")],
    dataset: Annotated[list[str] | None, typer.Option(help="Copy this source; can be given several times.")] = None,
    version: Annotated[int | None, typer.Option(help="Copy the strides of this version alone.")] = None,
    chain: Annotated[str, typer.Option(help="Strides product that `--version` is of.")] = "envelope",
    as_json: AsJson = False,
) -> None:
    """Copy a store between any two URLs; run again, it copies only what is missing or damaged at TO."""
    from biomech_xr.store.copying import copy_store

    started = time.monotonic()
    shown = _Progress()
    done = copy_store(source, target, datasets=dataset, version=version, chain=chain, progress=shown)
    shown.end()
    if as_json:
        print(json.dumps(asdict(done), indent=2))
        return
    seconds = time.monotonic() - started
    print(
        f"{target}: {done.objects:,} objects: {done.written:,} copied and read back ({_mega(done.written_size)} MB), "
        f"{done.there:,} there already and intact ({_mega(done.there_size)} MB), {seconds:.1f} s"
    )
    for what in done.published:
        print(f"  the copy has a version of its own: {what}")


class _Progress:
    """One line on the screen that is written over; nothing where there is no screen."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, state: Copied) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._last > 0.2:
            self._last = now
            done, size = state.written + state.there, state.written_size + state.there_size
            text = f"{done:,} of {state.objects:,} objects, {_mega(size)} of {_mega(state.size)} MB"
            print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self._last:
            print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)


@app.command()
def plan(
    url: StoreUrl,
    chain: Annotated[str, typer.Option(help="Strides product.")] = "envelope",
    epochs: Annotated[int, typer.Option(min=1, help="Passes of a loader over all strides.")] = 1,
    reference: Annotated[
        bool, typer.Option("--reference", help="Size of the fourteen sources instead of this store's.")
    ] = False,
    times: Annotated[int, typer.Option(min=1, help="With --reference: so many times the people.")] = 1,
    parts: Annotated[int, typer.Option(min=1, help="With --reference: goes in which a source's people came.")] = 1,
    price_a: Annotated[float | None, typer.Option(help="USD for 1,000 requests of class A (put, list).")] = None,
    price_b: Annotated[float | None, typer.Option(help="USD for 1,000 requests of class B (get, head).")] = None,
    price_month: Annotated[float | None, typer.Option(help="USD for a GB and month.")] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate objects, bytes, requests and their price, for this store or one as large as all sources."""
    from biomech_xr.quality import cost_sample, costs

    sample, sources = cost_sample.measure(url, chain)
    if reference:
        sources = cost_sample.reference_sources(times=times, parts=parts)
    own = costs.Prices()
    prices = costs.Prices(
        a=own.a if price_a is None else price_a,
        b=own.b if price_b is None else price_b,
        month=own.month if price_month is None else price_month,
    )
    found = costs.estimate(sample, sources, epochs=epochs, prices=prices)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _show_plan(url, found)


def _show_plan(url: str, found: dict[str, Any]) -> None:
    """Print the two tables of an estimate, its prices and what it warns of."""
    print(
        f"{found['strides']:,} strides of {found['patients']:,} patients, {found['sources']} source(s) in "
        f"{found['parts']:,} part(s), {found['shards']:,} shards\nbytes a stride and a patient as in {url}"
    )
    objects = Table(title="objects", title_justify="left")
    for name in ("kind", "objects", "GB"):
        objects.add_column(name, justify="left" if name == "kind" else "right")
    for row in found["objects"]:
        objects.add_row(row["kind"], f"{row['objects']:,}", _giga(row["bytes"]))
    objects.add_section()
    totals = {name: sum(row[name] for row in found["objects"]) for name in ("objects", "bytes")}
    objects.add_row("all", f"{totals['objects']:,}", _giga(totals["bytes"]))
    requests = Table(title="requests", title_justify="left")
    for name in ("doing", "class A (put, list)", "class B (get, head)", "GB", "USD"):
        requests.add_column(name, justify="left" if name == "doing" else "right")
    for row in found["requests"]:
        requests.add_row(row["doing"], f"{row['a']:,}", f"{row['b']:,}", _giga(row["bytes"]), f"{row['usd']:,.2f}")
    screen = console()
    screen.print(objects)
    screen.print(requests)
    prices = found["prices"]
    print(
        f"kept for a month: {found['month']:,.2f} USD\n"
        f"prices: {prices['a']} USD for 1,000 requests of class A, {prices['b']} of class B, "
        f"{prices['month']} a GB-month\n"
        f"(defaults: list prices of {prices['date']}, standard storage in one region, read from there; see --help)"
    )
    for note in found["notes"]:
        print(f"note: {note}")


def _giga(size: float) -> str:
    return f"{size / 1e9:,.3f}" if size < 1e10 else f"{size / 1e9:,.0f}"
