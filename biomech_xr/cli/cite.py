"""The command that says what to cite for a store, or for sources by name."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from biomech_xr.cli._app import AsJson, app
from biomech_xr.datasets import names
from biomech_xr.errors import ConfigError, NotAStoreError

if TYPE_CHECKING:
    from biomech_xr.quality.citations import Citation


@app.command()
def cite(
    what: Annotated[list[str], typer.Argument(metavar="STORE|NAME...", help="URL of a store, or names of sources.")],
    public: Annotated[
        bool, typer.Option("--public", help="Refuse unless every licence is open, and a store holds nothing else.")
    ] = False,
    source: Annotated[bool, typer.Option("--source", help="Take all that is given for names of sources.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print BibTeX of exactly the sources of a store, and of the software, with their licences."""
    from biomech_xr.quality.citations import bibliography, cite_names, require_public
    from biomech_xr.store.summary import unaccounted

    by_name = source or len(what) > 1 or what[0] in names()
    if by_name and not source:
        _refuse_ambiguous(what)
    citations = cite_names(what) if by_name else _of_store(what[0])
    if public:
        require_public(citations, [] if by_name else unaccounted(what[0]))
    text = bibliography(citations)
    if as_json:
        print(json.dumps({"sources": [asdict(one) for one in citations], "bibtex": text}, indent=2))
    else:
        print(text, end="")


def _refuse_ambiguous(given: list[str]) -> None:
    """Refuse names of sources that are stores in this folder too: their licences may differ."""
    from biomech_xr.store.summary import holds_store

    both = [name for name in dict.fromkeys(given) if name in names() and holds_store(name)]
    if both:
        listed = ", ".join(map(repr, both))
        raise ConfigError(
            f"{listed}: found a store of that name in this folder and a source, expected one of them. "
            f"Give ./{both[0]} for the store, or --source for the source."
        )


def _of_store(url: str) -> list[Citation]:
    """Return what to cite for a store; a name that is nearly a source's is told apart from a wrong URL."""
    from biomech_xr.quality.citations import cite_store

    try:
        return cite_store(url)
    except NotAStoreError as error:
        near = difflib.get_close_matches(url, names(), n=1)
        if not near:
            raise
        raise ConfigError(f"{error} No source has that name; did you mean {near[0]!r}?") from error
