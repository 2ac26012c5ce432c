"""People whose files kill the process that reads them: found out, put aside with a reason, then left alone.

A mark in the store says that somebody is being parsed; it goes when that ends, in whatever way but the death of the
process. Who finds a mark parses that person in a process of its own, and after `TRIES` deaths of it writes the reason
beside the ledger: `recordings/<source>/ledger/<patient>.quarantined`. A worker that was killed for another reason
(taken away, short of memory because of its neighbor) leaves a mark too, and costs that person no more than a new
process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from biomech_xr.errors import DataFormatError, MissingInputError, SchemaError
from biomech_xr.run.alone import parse_alone
from biomech_xr.store import layout, remote
from biomech_xr.store.objects import exists, join, names, sealed_or_none, write_sealed
from biomech_xr.store.planned import FAILED, QUARANTINED

TRIES: Final = 2
"""Deaths in a process of its own, after the one that raised the suspicion."""


_MARK: Final = ".trying"


def forget_done(root: str, dataset: str, patients: Iterable[str]) -> None:
    """Remove the marks of people who are in the store: their process died after the last word on them."""
    folder = layout.patient_ledger_url(root, dataset, "x").rpartition("/")[0]
    marks = {name for name in names(folder) if name.endswith((_MARK, FAILED))}
    for patient in patients if marks else ():
        for mark in {f"{dataset}-{patient}{ending}" for ending in (_MARK, FAILED)} & marks:
            remote.remove(join(folder, mark))


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One person to parse: what there is on them in the store besides the recordings.

    ``same_code`` as for `biomech_xr.run.parse_patient`.
    """

    dataset: str
    raw: str
    root: str
    patient: str
    options: Mapping[str, Any] | None
    config_hash: str
    same_code: bool = False

    @contextmanager
    def marked(self) -> Iterator[None]:
        """Leave a mark in the store for as long as the block runs; write down that the files cannot be parsed.

        Storage that fails, or an error that is none of ours, is no verdict on the files.
        """
        self._write(self._mark)
        try:
            yield
        except (DataFormatError, SchemaError, MissingInputError) as error:
            reason = str(error).replace(self.raw.rstrip(os.sep) + os.sep, "")
            self._write(f"{self._place}{FAILED}", reason=reason, config_hash=self.config_hash)
            raise
        finally:
            self.acquit()
        if exists(f"{self._place}{FAILED}"):
            remote.remove(f"{self._place}{FAILED}")

    def acquit(self) -> None:
        """Remove the mark."""
        remote.remove(self._mark)

    def suspected(self, *, retry: bool) -> bool:
        """Return whether the person has to be parsed in a process of its own.

        Parameters
        ----------
        retry
            Try again whoever is in quarantine.

        Raises
        ------
        DataFormatError
            The person is in quarantine, and nothing changed since.
        """
        entry = sealed_or_none(self._quarantine)
        if entry is None:
            return exists(self._mark)
        if not retry and entry["config_hash"] == self.config_hash and entry["sha256"] == self._sha256(entry["file"]):
            raise self._error(entry)
        self._write(self._mark)
        remote.remove(self._quarantine)
        return True

    def parse_alone(self) -> None:
        """Parse the person in a process of its own, and again when it dies.

        Raises
        ------
        DataFormatError
            It died `TRIES` times; the person is in quarantine from now on.
        """
        for _ in range(TRIES):
            place = self.dataset, self.raw, self.root, self.patient
            outcome = parse_alone(*place, self.options, same_code=self.same_code)
            if not outcome.died:
                return
        file = os.path.relpath(outcome.file, os.path.realpath(self.raw)) if outcome.file else ""
        facts = {"file": file, "sha256": self._sha256(file), "tries": TRIES, "reason": outcome.how}
        entry = self._write(self._quarantine, **facts, config_hash=self.config_hash)
        self.acquit()
        raise self._error(entry)

    @property
    def _mark(self) -> str:
        return f"{self._place}{_MARK}"

    @property
    def _quarantine(self) -> str:
        return f"{self._place}{QUARANTINED}"

    @property
    def _place(self) -> str:
        name = f"{self.dataset}-{self.patient}"
        return layout.patient_ledger_url(self.root, self.dataset, name).removesuffix(".json")

    def _write(self, url: str, **facts: Any) -> dict[str, Any]:
        return write_sealed(url, {"format": layout.FORMAT, "dataset": self.dataset, "patient": self.patient, **facts})

    def _sha256(self, file: str) -> str:
        with suppress(OSError), (Path(self.raw) / file).open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
        return ""

    def _error(self, entry: Mapping[str, Any]) -> DataFormatError:
        return DataFormatError.of(
            dataset=self.dataset,
            file=os.path.join(self.raw, entry["file"]) if entry["file"] else self.raw,  # noqa: PTH118  as it was given
            field=self.patient,
            found=f"a file at which the process that reads it died {entry['tries']} times ({entry['reason']})",
            expected="one that can be read",
            action="In quarantine: replace the file, or try again with retry_quarantined=true.",
        )
