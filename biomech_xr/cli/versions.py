"""Commands on the versions of a store: which there are, and what changed from one to another."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, StoreUrl, app, console

_SHOWN = 8


_SHORT = 8
"""Letters of a digest in a table; `--json` has all."""


@app.command()
def versions(url: StoreUrl, as_json: AsJson = False) -> None:
    """List the versions of the strides of a store, the newest last."""
    from biomech_xr.errors import NotAStoreError
    from biomech_xr.store import list_chains, list_versions
    from biomech_xr.store.half_copied import what_to_do

    rows = [_row(url, chain, number) for chain in list_chains(url) for number in list_versions(url, chain)]
    if not rows:
        action = what_to_do(url, "Check the URL, or run process.")
        raise NotAStoreError(f"{url}: found no version of any strides. {action}")
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        _show(rows)
    if any(row["damaged"] for row in rows):
        raise typer.Exit(1)


def _row(url: str, chain: str, number: int) -> dict[str, Any]:
    """Return what there is to say of a version; ``damaged`` is why nothing else is known."""
    from biomech_xr.errors import LostDataError
    from biomech_xr.store import read_version
    from biomech_xr.store.planned import read_standing

    row: dict[str, Any] = {"chain": chain, "version": number, "sources": [], "patients": 0, "strides": 0, "parts": 0}
    row |= {"config_hash": "", "release": "", "code": "", "parsed_by": ""}
    row |= {"unparsed": [], "damaged": ""}
    try:
        version = read_version(url, chain, number)
    except LostDataError as error:
        return {**row, "damaged": str(error)}
    return {
        **row,
        "sources": version.datasets,
        "patients": sum(int(source["counts"]["patients"]) for source in version.pointer["sources"].values()),
        "strides": version.strides,
        "parts": len(version.parts),
        "config_hash": version.pointer["config_hash"],
        "release": version.software.get("biomech-xr", ""),
        "code": version.software.get("code", ""),
        "parsed_by": version.recordings_software.get("code", ""),
        "unparsed": [person for name in version.datasets for person in read_standing(url, name).unparsed],
    }


def _show(rows: list[dict[str, Any]]) -> None:
    """Print the versions, then what is wrong with the damaged ones."""
    table = Table(title="versions", title_justify="left")
    for name in ("chain", "version", "sources", "patients", "strides", "made with"):
        table.add_column(name, justify="right" if name in ("version", "patients", "strides") else "left")
    for row in rows:
        if row["damaged"]:
            table.add_row(row["chain"], str(row["version"]), "damaged")
            continue
        digests = {"settings": "config_hash", "code": "code", "parser": "parsed_by"}
        made = [f"{what} {row[name][:_SHORT]}" for what, name in digests.items() if row[name]]
        people, strides = (f"{row[name]:,}" for name in ("patients", "strides"))
        sources = ", ".join(row["sources"])
        table.add_row(row["chain"], str(row["version"]), sources, people, strides, "\n".join(made))
    console().print(table)
    unparsed = sorted({person for row in rows for person in row["unparsed"]})
    if unparsed:
        print(f"planned, and neither parsed nor known to be unreadable: {_names(unparsed)}. Run parse again.")
    for row in rows:
        if row["damaged"]:
            print(row["damaged"], file=sys.stderr)


@app.command()
def diff(
    url: StoreUrl,
    old: Annotated[int, typer.Argument(help="Number of the older version.")],
    new: Annotated[int, typer.Argument(help="Number of the newer version.")],
    chain: Annotated[str, typer.Option(help="Strides product.")] = "envelope",
    as_json: AsJson = False,
) -> None:
    """Say what changed from one version of the strides to another: sources, people, strides, settings, software."""
    from biomech_xr.store import differences, read_version

    found = differences(read_version(url, chain, old), read_version(url, chain, new))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print(f"{url}, chain {chain}: version {old} -> {new}")
    lines = [
        f"{what} {change}: {_names(names)}"
        for what in ("sources", "people")
        for change, names in found[what].items()
        if names
    ]
    lines += [f"strides of {name}: {before:,} -> {after:,}" for name, (before, after) in found["strides"].items()]
    lines += [f"{name}: {before} -> {after}" for name, (before, after) in _facts(found)]
    for line in lines or ["no difference"]:
        print(f"  {line}")


@app.command()
def withdraw(
    url: StoreUrl,
    source: Annotated[list[str], typer.Argument(help="Sources that the new version leaves out.")],
    chain: Annotated[str, typer.Option(help="Strides product.")] = "envelope",
    as_json: AsJson = False,
) -> None:
    """Make a version of the strides without some sources; earlier versions keep them, and no object is removed."""
    from biomech_xr.store import publish

    made = publish(url, chain, [], without=source)
    if as_json:
        print(json.dumps({"chain": chain, "version": made.number, "sources": made.datasets, "strides": made.strides}))
        return
    print(f"{url}, chain {chain}: version {made.number}: {made.strides:,} strides of {', '.join(made.datasets)}")


def _facts(found: dict[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    """Return what differs in settings and software, library by library."""
    facts = [("settings", found["config_hash"])] if "config_hash" in found else []
    for key, whose in (("software", ""), ("recordings_software", " that parsed the recordings")):
        before, after = found.get(key, ({}, {}))
        facts += [
            (f"{name}{whose}", (before.get(name, "none"), after.get(name, "none")))
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
    return facts


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{len(names)}: {shown}" + (", ..." if len(names) > _SHOWN else "")
