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
from biomech_xr.store.objects import Url
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

    For a published source the catalogue speaks: what is known of it today holds for a store of any age. For own files,
    and for a source that this version does not know, the store speaks.

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
    """
    citations = []
    for name, facts in source_facts(root).items():
        published = _published(name)
        citations.append(_citation(name, [{**one, **published} for one in facts]))
    return citations


def _published(name: str) -> dict[str, Any]:
    """Return what the catalogue says of a published source's publication and licence; nothing of own files."""
    spec = get_dataset(name).spec if name in names() else None
    if spec is None or not spec.reference.authors:
        return {}
    return {fact: value for fact, value in asdict(spec).items() if fact in BIBLIOGRAPHIC}


def require_public(citations: Iterable[Citation]) -> None:
    """Raise `ConfigError` unless everybody may use the data of all sources for everything.

    Raises
    ------
    ConfigError
        Licences that are non-commercial or that nobody verified; each source is named with the reason.
    """
    listed = list(citations)
    closed = [one for one in listed if one.licence_use != "open"]
    if closed:
        lines = "".join(f"\n  {one.comment}" for one in closed)
        raise ConfigError(
            f"not to be made public: {len(closed)} of {len(listed)} source(s) have no open licence:{lines}\nExpected "
            "open licences only. Leave these sources out of the store, or settle it with their authors and cite "
            "without --public."
        )


def bibliography(citations: Sequence[Citation]) -> str:
    """Return BibTeX of the sources and of the software, each entry below a comment line with its licence."""
    parts = [f"% {_comment(one.comment)}\n{one.bibtex}" for one in citations]
    parts.append(f"% biomech-xr: licence: BSD-3-Clause; use: open\n{_entry('misc', SOFTWARE_KEY, SOFTWARE)}")
    return "\n".join(parts)


def _comment(text: str) -> str:
    """Return text for a line between entries, where BibTeX looks for the next ``@``."""
    return " ".join(text.replace("@", "(at)").split())


def _citation(name: str, facts: Sequence[Mapping[str, Any]]) -> Citation:
    """Return the citation of one source from all the facts that a store holds of it; the last ones speak for it."""
    spec = facts[-1]
    reference = spec.get("reference") or {}
    use = licence_use(facts)
    made = {bool(one.get("synthetic", False)) for one in facts}
    year = reference.get("year") or ""
    key = re.sub(r"[^A-Za-z0-9-]", "", name) + str(year)
    licence = stated(facts, "licence")
    fields = _fields(spec, reference)
    notes = [_data(spec), f"L{_licence(licence, use)[1:]}"]
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
