"""What the commands share: the application, its common option, and the console that tables go to."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from biomech_xr import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Sources of gait data, and the stores made of them.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
StoreUrl = Annotated[str, typer.Argument(help="URL or path of a store")]


def console() -> Console:
    """Return a console as wide as COLUMNS or the terminal, or wide enough for every table where there is neither."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated) > 0:
        return Console(width=int(stated))
    return Console(width=None if sys.stdout.isatty() else 160)


def _version(show: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if show:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    del version
