"""The facts of a source as data: identity, licence, signals, signs, limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from biomech_xr import vocabulary as words
from biomech_xr.schema import Trial

LicenceUse = Literal["open", "non_commercial", "unknown"]

LICENCE_USES: Final[Mapping[LicenceUse, str]] = {
    "open": "open",
    "non_commercial": "non-commercial",
    "unknown": "not verified",
}
"""What the licence of a source allows, and how to say it; `unknown`: nobody verified it where the files are offered."""

BIBLIOGRAPHIC: Final = frozenset(
    {
        "title",
        "doi",
        "data_doi",
        "licence",
        "licence_use",
        "citation",
        "reference",
        "host",
        "laboratory",
        "rates",
        "people",
    }
)
"""Facts of a source that shape no number: people who were parsed under others belong together all the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmgColumn:
    """One raw EMG column: which muscle, which leg, and the factor to the stored unit."""

    muscle: str
    side: words.Side
    factor: float = 1.0
    ambiguous: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class JointColumn:
    """One raw angle or moment column: which component, which leg, and the factor (sign and unit) to canonical."""

    joint: str
    motion: str
    side: words.Side
    factor: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """A choice that a user may make about a source: what its files leave open, or which of its forms to read."""

    kind: Literal["number", "text", "choice", "file"]
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """How often the files of a source sample a signal; empty: not known.

    `hz` are the rates (Hz) of the files; `points` is the number of points per stride where the files hold strides that
    were brought to a fixed number; `recorded` are the rates (Hz) of the devices where the files hold another grid.
    `state` is of EMG at `hz` where that is the form read by default and the strides are one of another state.
    `isolated` says that the files hold strides alone, none of which starts where another stops.
    """

    hz: tuple[float, ...] = ()
    points: int = 0
    recorded: tuple[float, ...] = ()
    state: words.EmgState | Literal[""] = ""
    isolated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The publication to cite, field by field; what is not known is empty.

    `authors` are names as in ``Van Criekinge T, Samuel OW, et al``; `title` is given where the source's own title is
    another; `publisher` is of a data set without a journal.
    """

    authors: str = ""
    title: str = ""
    journal: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    year: int = 0
    publisher: str = ""

    def text(self, title: str) -> str:
        """Return the citation as one line; `title` is the source's, which a data set without a journal is named by."""
        place = f"{self.journal or self.publisher} {self.year or ''}".strip()
        issue = self.volume + (f"({self.number})" if self.number else "") + (f":{self.pages}" if self.pages else "")
        where = "; ".join(part for part in (place, issue) if part)
        named = "" if self.journal or not self.authors else self.title or title
        return " ".join(f"{part}." for part in (self.authors, named, where) if part)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSpec:
    """What the platform knows of one source.

    `minimum_duration` and `maximum_duration` bound a stride in s; `line_frequency` is the mains frequency in Hz;
    `emg_lookahead` is how far (s) the source's own processing lets EMG see into the future, `kinematics_lookahead` how
    far its angles (NaN: not known), both by the criterion of a chain: less than 1e-4 of the absolute sum of the
    filters' impulse response lies later; `kinetics_limit` is the moment (N m/kg) above which a value is a plate
    artefact; `evidence` says whether the reader was checked on real files or on notes only; `synthetic` is set when the
    raw tree says that its people are made up; `known_defects` and `assumptions` are stored with every recording;
    `settings` are the user's own: the options given, or a hash of the mapping, its people left out (lab).

    `emg_rate` is the rate (Hz) of the axis on which the reader expects the EMG, a nominal one where strides were
    brought to a fixed number of points or the rate is not known: what the files hold is said by `rates` alone.

    For the catalogue alone: `licence_use` is what the licence allows, `reference` the publication (`citation` is made
    of it unless given), `rates` the sampling of `emg`, `kinematics`, `kinetics` and `forces`, those that the source
    has. `laboratory` is the institution, or its group, that recorded the people: stated if the source's documentation
    names it in words, as a whole, in its title or its text; else "". An abbreviation in the name of the data or in the
    number of an ethics approval, an address of an author, a country or a mains frequency states none.
    """

    name: str
    title: str
    doi: str
    data_doi: str
    licence: str
    licence_use: LicenceUse = "unknown"
    citation: str = ""
    reference: Reference = Reference()
    host: str
    laboratory: str = ""
    evidence: words.Evidence
    population: str
    line_frequency: float
    emg_state: words.EmgState
    emg_unit: str
    emg_rate: float
    rates: Mapping[str, Rate] = field(default_factory=dict)
    emg_lookahead: float
    kinematics_lookahead: float = math.nan
    upstream_filters: str
    sides: tuple[words.Side, ...]
    activities: tuple[str, ...]
    minimum_duration: float
    maximum_duration: float
    kinetics_limit: float = 5.0
    people: int = 0
    known_defects: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    emg: Mapping[str, EmgColumn] = field(default_factory=dict)
    angles: Mapping[str, JointColumn] = field(default_factory=dict)
    moments: Mapping[str, JointColumn] = field(default_factory=dict)
    reader_version: str = "1"
    synthetic: bool = False
    settings: str = ""

    def __post_init__(self) -> None:
        if not self.citation:
            object.__setattr__(self, "citation", self.reference.text(self.title))


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A registered source: its facts and the two functions that walk its raw tree.

    `facts(root)` is `spec` unless the user's own files settle some facts (lab). `patients(root)` lists the source ids
    found below `root`; `recordings(root, patient, options)` yields that person's trials one at a time, under options
    checked against `options`. All raise our errors, never those of a file format library.
    """

    spec: DatasetSpec
    options: Mapping[str, Option]
    facts: Callable[[Path], DatasetSpec]
    patients: Callable[[Path], list[str]]
    recordings: Callable[[Path, str, Mapping[str, Any]], Iterator[Trial]]
