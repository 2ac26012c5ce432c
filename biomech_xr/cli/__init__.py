"""The command line of the library; each module of this package adds its commands to one application."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from biomech_xr.cli._app import app
from biomech_xr.errors import BiomechXRError

__all__ = ["app", "main"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def main() -> None:
    """Run the command line; an error of ours is one message on stderr and exit code 2."""
    try:
        app()
    except BiomechXRError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
