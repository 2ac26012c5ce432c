"""The command that says what to cite for a store, or for sources by name."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict
from typing import Annotated

import typer

from biomech_xr.cli._app import AsJson, app
from biomech_xr.datasets import names
from biomech_xr.errors import ConfigError, NotAStoreError


@app.command()
def cite(
    what: Annotated[list[str], typer.Argument(metavar="STORE|NAME...", help="URL of a store, or names of sources.")],
    public: Annotated[bool, typer.Option("--public", help="Refuse unless every licence is open.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print BibTeX of exactly the sources of a store, and of the software, with their licences."""
    from biomech_xr.quality.citations import bibliography, cite_names, cite_store, require_public

    if len(what) > 1 or what[0] in names():
        citations = cite_names(what)
    else:
        try:
            citations = cite_store(what[0])
        except NotAStoreError as error:
            near = difflib.get_close_matches(what[0], names(), n=1)
            if not near:
                raise
            raise ConfigError(f"{error} No source has that name; did you mean {near[0]!r}?") from error
    if public:
        require_public(citations)
    text = bibliography(citations)
    if as_json:
        print(json.dumps({"sources": [asdict(one) for one in citations], "bibtex": text}, indent=2))
    else:
        print(text, end="")
