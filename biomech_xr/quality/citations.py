"""What to cite for the sources of a store, as BibTeX, and what their licences allow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from biomech_xr import __version__
from biomech_xr.datasets import get_dataset, names
from biomech_xr.datasets.spec import BIBLIOGRAPHIC, LICENCE_USES, LicenceUse
from biomech_xr.errors import ConfigError
from biomech_xr.store.attributes import licence_use, stated, strictest_use
from biomech_xr.store.objects import Url, digest
from biomech_xr.store.summary import source_facts

Fields = dict[str, str]

SOFTWARE: Final[Fields] = {
    "author": "{The biomech-xr developers}",
    "title": "{biomech-xr: labelled EMG, kinematics and kinetics of human gait on Zarr}",
    "version": __version__,
    "note": "Software. Licence: BSD-3-Clause",
}
"""The fields of the software itself, as `CITATION.cff` has them; values are BibTeX already."""

SOFTWARE_KEY: Final = "biomech_xr"

# BibTeX balances braces without regard for a backslash before them: `\{` would open a group.
_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_FORMAT_ONLY: Final = "people are made up: only their format is the source's"
_INITIALS: Final = re.compile(r"(?P<family>.+?) (?P<initials>[^\W\d_]{1,4})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """What to cite for one source: a BibTeX entry, and what the licence of its data allows."""

    name: str
    key: str
    licence: str
    licence_use: LicenceUse
    synthetic: bool
    recorded: bool
    citation: str
    doi: str
    data_doi: str
    bibtex: str

    @property
    def comment(self) -> str:
        """Return one line on the licence, and on people who are made up."""
        text = f"{self.name}: {_licence(self.licence, self.licence_use)}"
        if not self.synthetic:
            return text
        return f"{text}; {'some' if self.recorded else 'the'} {_FORMAT_ONLY}"


def _licence(text: str, use: LicenceUse) -> str:
    return f"licence: {text or 'not stated'}; use: {LICENCE_USES[use]}"


def cite_names(datasets: Sequence[str]) -> list[Citation]:
    """Return what to cite for sources by name, in alphabetical order.

    Raises
    ------
    ConfigError
        No source has one of the names.
    """
    return [_citation(name, [asdict(get_dataset(name).spec)]) for name in sorted(set(datasets))]


def cite_store(root: Url) -> list[Citation]:
    """Return what to cite for exactly the sources that a store contains, in alphabetical order.

    For a published source the catalogue speaks: what is known of it today holds for a store of any age; of the class of
    its licence, the stricter of catalogue and store counts. For own files, and for a source that this version does not
    know, the store speaks: one citation for every publication that its people name.

    Parameters
    ----------
    root
        URL of the store: recordings, strides, or both.

    Raises
    ------
    NotAStoreError
        Neither recordings nor strides of ours are there.
    LostDataError
        A ledger or a manifest is damaged.
    StoreError
        A folder has another name than the source that was written there.
    """
    citations = []
    for name, facts in source_facts(root).items():
        published = _published(name)
        groups = _publications([_joined(one, published) for one in facts])
        citations += [_citation(name, group, number) for number, group in enumerate(groups, start=1)]
    return citations


def _joined(stored: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a store under those of the catalogue, with the stricter of both licences."""
    if not published:
        return dict(stored)
    use = strictest_use([licence_use([stored]), published["licence_use"]])
    licence = published["licence"]
    if use != published["licence_use"]:
        licence = f"{licence} (the store says: {stored.get('licence') or 'not stated'}; use: {LICENCE_USES[use]})"
    return {**stored, **published, "licence": licence, "licence_use": use}


def _publications(facts: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return the facts of one source, those of one publication together, in their order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in facts:
        reference = {name: value for name, value in (one.get("reference") or {}).items() if value}
        what = [str(one.get(name) or "") for name in ("title", "doi", "data_doi", "citation", "host")]
        groups.setdefault(digest([reference, what]), []).append(one)
    return list(groups.values())


def _published(name: str) -> dict[str, Any]:
    """Return what the catalogue says of a published source's publication and licence; nothing of own files."""
    spec = get_dataset(name).spec if name in names() else None
    if spec is None or not spec.reference.authors:
        return {}
    return {fact: value for fact, value in asdict(spec).items() if fact in BIBLIOGRAPHIC}


def require_public(citations: Iterable[Citation], unaccounted: Sequence[str] = ()) -> None:
    """Raise `ConfigError` unless everybody may use the data of all sources for everything.

    Parameters
    ----------
    citations
        What `cite_store` or `cite_names` returned.
    unaccounted
        What `biomech_xr.store.summary.unaccounted` found in the store.

    Raises
    ------
    ConfigError
        Licences that are non-commercial or that nobody verified, or data of which nothing says whose they are; each is
        named with the reason.
    """
    listed = list(citations)
    closed = [one for one in listed if one.licence_use != "open"]
    problems = []
    if closed:
        sources, unfit = len({one.name for one in listed}), len({one.name for one in closed})
        lines = "".join(f"\n  {one.comment}" for one in closed)
        problems.append(
            f"not to be made public: {unfit} of {sources} source(s) have no open licence:{lines}\nExpected open "
            "licences only. Leave these sources out of the store, or settle it with their authors "
            "and cite without --public."
        )
    if unaccounted:
        lines = "".join(f"\n  {line}" for line in unaccounted)
        problems.append(
            f"not to be made public: nothing says whose data these are:{lines}\nExpected what ledgers and manifests "
            "list and nothing besides. Finish it (parse or process again), or move it out of the store."
        )
    if problems:
        raise ConfigError("\n".join(problems))


def bibliography(citations: Sequence[Citation]) -> str:
    """Return BibTeX of the sources and of the software, each entry below a comment line with its licence."""
    parts = [f"% {_comment(one.comment)}\n{one.bibtex}" for one in citations]
    parts.append(f"% biomech-xr: licence: BSD-3-Clause; use: open\n{_entry('misc', SOFTWARE_KEY, SOFTWARE)}")
    return "\n".join(parts)


def _comment(text: str) -> str:
    """Return text for a line between entries, where BibTeX looks for the next ``@``."""
    return " ".join(text.replace("@", "(at)").split())


def _citation(name: str, facts: Sequence[Mapping[str, Any]], number: int = 1) -> Citation:
    """Return the citation of one publication of a source from all the facts of it; `number` makes the key unique."""
    spec = facts[-1]
    reference = spec.get("reference") or {}
    use = licence_use(facts)
    made = {bool(one.get("synthetic", False)) for one in facts}
    year = reference.get("year") or ""
    key = re.sub(r"[^A-Za-z0-9-]", "", name) + str(year) + (f"-{number}" if number > 1 else "")
    licence = stated(facts, "licence")
    fields = _fields(spec, reference)
    cited = "" if reference.get("authors") else str(spec.get("citation") or "").rstrip(". ")
    notes = [f"Cite as: {cited}" if cited else "", _data(spec), f"L{_licence(licence, use)[1:]}"]
    if True in made:
        notes.append(f"{'Some' if False in made else 'The'} {_FORMAT_ONLY}")
    fields["note"] = ". ".join(escape(note) for note in notes if note)
    return Citation(
        name=name,
        key=key,
        licence=licence,
        licence_use=strictest_use([use]),
        synthetic=True in made,
        recorded=False in made,
        citation=str(spec.get("citation", "")),
        doi=str(spec.get("doi", "")),
        data_doi=str(spec.get("data_doi", "")),
        bibtex=_entry("article" if reference.get("journal") else "misc", key, fields),
    )


def _fields(spec: Mapping[str, Any], reference: Mapping[str, Any]) -> Fields:
    """Return the fields of an entry, those that are known, in a fixed order."""
    title = reference.get("title") or spec.get("title", "")
    found = {
        "author": " and ".join(_author(name) for name in str(reference.get("authors", "")).split(", ") if name),
        "title": f"{{{escape(str(title))}}}" if title else "",
        **{name: escape(str(reference.get(name, ""))) for name in ("journal", "volume", "number")},
        "pages": escape(str(reference.get("pages", ""))).replace("-", "--"),
        "howpublished": escape(str(reference.get("publisher", ""))),
        "year": str(reference.get("year") or ""),
        "doi": verbatim(str(spec.get("doi", ""))),
    }
    return {name: value for name, value in found.items() if value}


def _author(name: str) -> str:
    """Return ``Vilas-Boas, J. P.`` for ``Vilas-Boas JP``; a name of another form is one word to BibTeX."""
    if name.rstrip(".") == "et al":
        return "others"
    found = _INITIALS.fullmatch(name)
    if found is None or not found["initials"].isupper() or " and " in name:
        return f"{{{escape(name)}}}"
    return f"{escape(found['family'])}, {' '.join(f'{letter}.' for letter in found['initials'])}"


def _data(spec: Mapping[str, Any]) -> str:
    """Return where the data are, if that is not what the entry's own DOI says."""
    host, doi, data = (str(spec.get(name, "")) for name in ("host", "doi", "data_doi"))
    if not host or host == "not known":
        return ""
    return f"Data: {host}, doi:{data}" if data and data != doi else f"Data: {host}"


def escape(text: str) -> str:
    r"""Return text as the value of a BibTeX field: the characters that TeX takes for commands escaped, one line."""
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(text.split()))


def verbatim(text: str) -> str:
    """Return a DOI for a field that styles print as it is: only what would unbalance the braces is percent-encoded."""
    coded = {letter: f"%{ord(letter):02X}" for letter in "{}\\ "}
    return "".join(coded.get(letter, letter) for letter in text.strip())


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{body}}}\n"
