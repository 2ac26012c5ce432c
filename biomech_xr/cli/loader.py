"""The command that measures the loader on a store."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, StoreUrl, app, console
from biomech_xr.memory import peak_memory

if TYPE_CHECKING:
    from biomech_xr.load.speed import Pass, Place

_ORDER_STEPS = 50
_WARM = {
    "cached": "the first pass was not cold, the cache held all of it: an empty folder as --cache measures storage",
    "cache in use": "the first pass may not be cold, the cache held data before: an empty folder as --cache tells",
}


@app.command("bench-loader")
def bench_loader(
    url: StoreUrl,
    chain: Annotated[str, typer.Option(help="Strides product.")] = "envelope",
    split: Annotated[str | None, typer.Option(help="train, validation or test; everybody by default.")] = None,
    window: Annotated[int, typer.Option(min=1, help="EMG samples of a window, ms.")] = 200,
    global_batch: Annotated[int, typer.Option(min=1, help="Windows of a step over all ranks.")] = 1024,
    world_size: Annotated[int, typer.Option(min=1, help="Ranks; the first one is measured.")] = 1,
    lanes: Annotated[int, typer.Option(min=1, help="Blocks of 64 strides that are mixed at a time.")] = 32,
    steps: Annotated[int, typer.Option(min=1, help="Steps to time; more until blocks were replaced twice.")] = 200,
    seconds: Annotated[float, typer.Option(min=0, help="Time no step beyond --steps after so many.")] = 60.0,
    cache: Annotated[str | None, typer.Option(help="Folder for what is fetched; a second pass reads it.")] = None,
    cache_gb: Annotated[float, typer.Option(help="The most that it may hold, 10^9 bytes.")] = 50.0,
    as_json: AsJson = False,
) -> None:
    """Measure windows per second of the loader on a store, what it waits for and what to do about it."""
    from biomech_xr.load import StrideWindows, speed
    from biomech_xr.load.quality import measure_order

    filled = speed.is_filled(cache)
    windows = StrideWindows(
        url,
        split=split,
        chain=chain,
        window=window,
        global_batch=global_batch,
        rank=0,
        world_size=world_size,
        lanes=lanes,
        cache=cache,
        cache_gb=cache_gb,
    )
    place = speed.place_of(windows)
    passes = [speed.measure_pass(windows, steps, seconds=seconds)]
    if place.limit is not None:
        passes.append(speed.measure_pass(windows, steps, again=passes[0]))
    quality = measure_order(windows, steps=_ORDER_STEPS)
    advice = speed.advise(passes, quality, place)
    found: dict[str, Any] = {
        "url": url,
        "windows": windows.windows,
        "place": asdict(place),
        "lanes": lanes,
        "first": _first(passes[0], place, filled=filled),
        "passes": [_values(one) for one in passes],
        "peak_memory": peak_memory(),
        "order": quality.lines(),
        "read_amplification": {str(size): factor for size, factor in quality.amplification.items()},
        "advice": advice,
    }
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _show(found)


def _first(one: Pass, place: Place, *, filled: bool) -> str:
    """Return whether the first pass read from storage: what the cache held it did not."""
    if not place.elsewhere:
        return "on this machine"
    if place.limit is None or not filled:
        return "cold"
    return "cache in use" if one.fetched else "cached"


def _values(one: Pass) -> dict[str, float]:
    return {
        "first_step": one.first,
        "steps": one.steps,
        "blocks": one.blocks,
        "blocks_per_step": one.blocks / one.steps,
        "windows_per_s": one.rate,
        "mb_per_s": one.size / one.seconds / 1e6,
        "wait_share": one.waiting,
        "cpu_s_per_million": one.per_million,
        "cores": one.cores,
        "start_s": one.start,
        "requests": one.requests,
        "fetched_mb": one.fetched / 1e6,
    }


def _show(found: dict[str, Any]) -> None:
    """Print the passes side by side, then what was found of the order, and advice."""
    place, passes = found["place"], found["passes"]
    where = "elsewhere" if place["elsewhere"] else "on this machine"
    print(
        f"{found['url']} ({where}): {found['windows']:,} windows, {place['stored'] / 1e6:,.1f} MB stored\n"
        f"steps of {place['global_batch']:,} windows, rank 0 of {place['world_size']}, {place['cores']} core(s)"
    )
    table = Table(title="one process, as fast as it can", title_justify="left")
    table.add_column("")
    warm = found["first"] in _WARM
    first = f"first pass, {found['first']}" if warm else "first pass"
    for title in (first, "again, from the cache")[: len(passes)]:
        table.add_column(title, justify="right")
    rows = (
        ("steps timed", "steps", ",d"),
        ("blocks read for them", "blocks", ",d"),
        ("blocks read per step", "blocks_per_step", ".3f"),
        ("windows/s", "windows_per_s", ",.0f"),
        ("MB/s of batches", "mb_per_s", ",.0f"),
        ("share of the time that it waits for blocks", "wait_share", ".0%"),
        ("CPU s per million windows", "cpu_s_per_million", ".2f"),
        ("cores busy", "cores", ".2f"),
        ("until the first batch, s", "start_s", ".2f"),
        ("requests", "requests", ",d"),
        ("MB fetched", "fetched_mb", ",.1f"),
    )
    for title, name, form in rows:
        table.add_row(title, *(format(one[name], form) for one in passes))
    screen = console()
    screen.print(table)
    if warm:
        print(_WARM[found["first"]])
    print(f"peak memory of the process: {found['peak_memory'] / 2**20:,.0f} MiB")
    for title, lines in (("order", found["order"]), ("advice", found["advice"])):
        screen.print(f"\n{title}", style="bold")
        for line in lines:
            screen.print(f"- {line}", highlight=False, markup=False)
