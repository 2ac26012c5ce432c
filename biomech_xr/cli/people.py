"""The command on people: who is in a store, who is one human, who may be."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from biomech_xr.cli._app import AsJson, StoreUrl, app, console
from biomech_xr.errors import ConfigError, SplitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from biomech_xr.store.persons import PersonTable, StoredPerson

_SHOWN = 40


@app.command()
def people(
    url: StoreUrl,
    as_json: AsJson = False,
    suspects: Annotated[bool, typer.Option("--suspects", help="List patients who may be one human.")] = False,
    out: Annotated[Path | None, typer.Option(help="With --suspects: a new CSV to edit and then to join.")] = None,
    join: Annotated[Path | None, typer.Option(help="CSV (dataset, source_patient, person_group) of joins.")] = None,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="With --join: people who sit in two splits go into none.")
    ] = False,
) -> None:
    """Say who is in a store and who of them are one human; join people who are."""
    from biomech_xr.quality.people import list_people

    if (quarantine and join is None) or (out and not suspects) or (join and suspects):
        raise ConfigError("people: --quarantine belongs to --join, --out to --suspects, and not both at a time.")
    everybody = list_people(url)
    if join is not None:
        _join(url, join, everybody, quarantine=quarantine, as_json=as_json)
    elif suspects:
        _suspects(url, everybody, out, as_json=as_json)
    else:
        _list(url, everybody, as_json=as_json)


def _list(url: str, everybody: Sequence[StoredPerson], *, as_json: bool) -> None:
    from biomech_xr.quality.people_summary import summarize_people

    summary = summarize_people(url, everybody)
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    screen = console()
    table = Table(title=f"People, by source (table of people: version {summary['table']})", title_justify="left")
    for heading, side in (("dataset", "left"), ("people", "right"), ("shared", "right"), ("strides", "right")):
        table.add_column(heading, justify="right" if side == "right" else "left")
    table.add_column("laboratory")
    for row in summary["sources"]:
        counts = (f"{row[key]:,}" for key in ("people", "shared", "strides"))
        table.add_row(row["dataset"], *counts, row["laboratory"] or "not known")
    screen.print(table)
    joined = [group for group in summary["groups"] if len(group["patients"]) > 1]
    if joined:
        screen.print(_groups(joined))
    for row in summary["sources"]:
        for place in row["published_elsewhere"]:
            screen.print(f"{row['dataset']} is also published in {place}.", highlight=False)
    for row in summary["doubtful"]:
        text = f"{row['person_group']!r} ({', '.join(row['patients'])}): {'; '.join(row['doubts'])}."
        screen.print(f"Look at group {text} If both are one human, join them.", highlight=False, markup=False)


def _groups(joined: list[dict[str, Any]]) -> Table:
    table = Table(title="Joined people", title_justify="left")
    for heading in ("person_group", "patients", "strides", "splits"):
        table.add_column(heading, justify="right" if heading == "strides" else "left", overflow="fold")
    for group in joined:
        place = "none: quarantine" if group["quarantine"] else "one"
        table.add_row(group["person_group"], ", ".join(group["patients"]), f"{group['strides']:,}", place)
    return table


def _suspects(url: str, everybody: Sequence[StoredPerson], out: Path | None, *, as_json: bool) -> None:
    from biomech_xr.quality.people import find_suspects, plain_suspects, write_suspects

    found = find_suspects(url, everybody)
    plain = plain_suspects(found)
    if out is not None:
        write_suspects(out, found)
    if as_json:
        print(json.dumps(plain, indent=2))
        return
    screen = console()
    if plain["pairs"]:
        screen.print(_pairs(plain["pairs"]))
    else:
        screen.print("No two patients of related sources fit in sex, age, height and body mass.")
    if len(plain["pairs"]) > _SHOWN:
        screen.print(f"{len(plain['pairs']) - _SHOWN} more: --json or --out FILE.csv list them all.")
    for row in plain["untold"]:
        names = " and ".join(row["sources"])
        screen.print(f"{names}: {row['pairs']:,} more pair(s) that nothing excludes, of whom too little is known.")
    if out is not None:
        print(f"{out}: give the rows of one human one person_group, then: biomech-xr people {url} --join {out}")


def _pairs(pairs: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{len(pairs)} pair(s) who may be one human", title_justify="left")
    for heading in ("first", "second", "agree", "sex", "age", "height (m)", "body mass (kg)"):
        table.add_column(heading, overflow="fold")
    for pair in pairs[:_SHOWN]:
        forms = {"sex": "", "age": "g", "height": ".2f", "body_mass": ".1f"}
        facts = (
            " / ".join("?" if value is None else f"{value:{form}}" for value in pair[name])
            for name, form in forms.items()
        )
        table.add_row(pair["first"], pair["second"], f"{len(pair['agree'])} of {len(forms)}", *facts)
    return table


def _join(url: str, path: Path, everybody: Sequence[StoredPerson], *, quarantine: bool, as_json: bool) -> None:
    from biomech_xr.quality.people import read_joins
    from biomech_xr.store.persons import load_table, save_table

    table = read_joins(url, path, everybody)
    before = load_table(url).version
    held = _held(url, table, quarantine=quarantine)
    table = table.quarantined(held)
    if table.version > before:
        save_table(url, table)
    groups = Counter(table.group(min(person.written)) for person in everybody)
    joined = sum(count > 1 for count in groups.values())
    strides = {
        group: sum(person.strides for person in everybody if table.group(min(person.written)) == group)
        for group in held
    }
    if as_json:
        print(json.dumps({"table": table.version, "joined_people": joined, "quarantined": strides}, indent=2))
        return
    what = f"table of people, version {table.version}" if table.version > before else "all joined already, nothing new"
    print(f"{url}: {what}: {joined} people with more than one patient")
    for group, count in strides.items():
        print(f"  {group}: in quarantine, {count:,} strides are in no split from now on")


def _held(url: str, table: PersonTable, *, quarantine: bool) -> list[str]:
    """Return the groups to put in quarantine; refuse them all at once when that was not asked for."""
    from biomech_xr.window.persons import divided

    found = divided(url, table)
    if found and not quarantine:
        lines = [
            f"  - split {name!r}: {group}: {', '.join(places)}"
            for name, groups in found.items()
            for group, places in groups.items()
        ]
        raise SplitError(
            "people would be joined who sit in different splits already, so that models have seen their test:\n"
            + "\n".join(lines)
            + "\nJoin them with --quarantine, which puts them into no split, or leave them out of the table."
        )
    return sorted({group for groups in found.values() for group in groups})
