"""The command that says whether a store is whole, and makes broken objects again."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
import yaml

from biomech_xr.cli._app import AsJson, StoreUrl, app

if TYPE_CHECKING:
    from biomech_xr.run.remaking import RawFolder
    from biomech_xr.run.repair import Repaired
    from biomech_xr.store import Checked

_SHOWN: Final = 200


@app.command()
def check(
    url: StoreUrl,
    repair: Annotated[bool, typer.Option("--repair", help="Make broken objects again, and check again.")] = False,
    raw: Annotated[
        list[str] | None, typer.Option(help="DATASET=FOLDER with raw files, to parse broken recordings again.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="DATASET.OPTION=VALUE that the source was parsed with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a whole store and list what is not as it was written; exit code 1 when anything is left broken."""
    from biomech_xr.store import check_store

    folders = _raw_folders(raw or [], option or [])
    units = list(check_store(url))
    repaired: list[Repaired] = []
    if repair and any(unit.broken for unit in units):
        from biomech_xr.run.repair import repair_store

        repaired = list(repair_store(url, units, raw=folders))
        units = list(check_store(url))
    if as_json:
        print(json.dumps(_as_json(units, repaired), indent=2))
    else:
        _show(url, units, repaired)
    if any(unit.problems for unit in units):
        raise typer.Exit(1)


def _raw_folders(raw: Sequence[str], options: Sequence[str]) -> dict[str, RawFolder]:
    """Return source -> raw folder and options, from ``DATASET=FOLDER`` and ``DATASET.OPTION=VALUE``."""
    from biomech_xr.run.remaking import RawFolder

    folders = dict(_pair(text, "DATASET=FOLDER") for text in raw)
    settings: dict[str, dict[str, Any]] = {}
    for text in options:
        name, value = _pair(text, "DATASET.OPTION=VALUE")
        dataset, _, key = name.partition(".")
        if dataset not in folders:
            raise typer.BadParameter(f"found {text!r} without --raw {dataset}=FOLDER")
        settings.setdefault(dataset, {})[key] = yaml.safe_load(value)
    return {name: RawFolder(folder=folder, options=settings.get(name, {})) for name, folder in folders.items()}


def _pair(text: str, form: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise typer.BadParameter(f"found {text!r}, expected {form}")
    return name, value


def _as_json(units: Sequence[Checked], repaired: Sequence[Repaired]) -> Mapping[str, Any]:
    whole = [unit for unit in units if not unit.leftover]
    return {
        "units": len(whole),
        "objects": sum(unit.objects for unit in whole),
        "bytes": sum(unit.size for unit in whole),
        "no_checksum_recorded": sum(unit.unrecorded for unit in whole),
        "problems": [problem for unit in whole for problem in unit.problems],
        "repaired": [asdict(one) for one in repaired],
        "leftovers": [
            {"name": unit.name, "objects": unit.objects, "bytes": unit.size, "why": unit.leftover}
            for unit in units
            if unit.leftover
        ],
    }


def _show(url: str, units: Sequence[Checked], repaired: Sequence[Repaired]) -> None:
    found = _as_json(units, repaired)
    for one in repaired:
        done = "made again" if one.written else "intact"
        print(f"  {done if one.done else 'NOT repaired'}: {one.key}: {one.how}")
    print(
        f"{url}: {found['units']} unit(s), {found['objects']:,} objects, {found['bytes'] / 1e6:,.1f} MB read, "
        f"{len(found['problems'])} problem(s)"
    )
    for problem in found["problems"][:_SHOWN]:
        print(f"  {problem}", file=sys.stderr)
    if len(found["problems"]) > _SHOWN:
        print(f"  ... and {len(found['problems']) - _SHOWN} more (--json lists all)", file=sys.stderr)
    if count := found["no_checksum_recorded"]:
        print(
            f"  no checksum recorded of {count:,} object(s), written by an earlier release: compared with the one that "
            "each carries"
        )
    for one in found["leftovers"]:
        size = f"{one['objects']:,} object(s), {one['bytes']:,} bytes"
        print(f"  nothing refers to {one['name']} ({size}): {one['why']}")
