"""Command that drafts the mapping of a lab's own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from biomech_xr.cli._app import AsJson, app


@app.command()
def new_dataset(
    name: Annotated[str, typer.Argument(help="Word for your data: letters, digits, _ and -.")],
    files: Annotated[list[Path], typer.Argument(help="Your files or folders: .c3d, .mot, .sto, .trc, .csv, .txt.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write into; default: a new folder NAME.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look into your own files; write a mapping with every open question, and a test of it."""
    from biomech_xr.datasets.lab.draft import new_dataset as draft

    made = draft(name, files, out if out is not None else Path(name))
    if as_json:
        facts = {
            "mapping": str(made.mapping),
            "test": str(made.test),
            "questions": made.questions,
            "files": list(made.files),
            "unused": list(made.unused),
        }
        print(json.dumps(facts, indent=2))
        return
    print(f"{len(made.files)} file(s) read:")
    for line in made.files:
        print(f"  {line}")
    if made.unused:
        print("not used:")
        for line in made.unused:
            print(f"  {line}")
    print(f'\n{made.mapping}: {made.questions} question(s) to answer, each a "?"\n{made.test}: checks what is parsed\n')
    print("next:")
    print(f"  edit {made.mapping}")
    print(f"  python -m pytest {made.test}")
    print(f"  python -m pipelines.parse store={name}-store sources.lab.raw={made.mapping.parent}")
