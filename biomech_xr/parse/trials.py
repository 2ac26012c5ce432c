"""Walk a source's raw tree: who is there, and one valid trial after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from biomech_xr.datasets import DatasetSpec, get_dataset
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.parse.options import check_options, describe_options
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.store.layout import check_names
from biomech_xr.vocabulary import SYNTHETIC_MARKER


def read_facts(dataset: str, raw: str | Path, options: Mapping[str, Any] | None = None) -> DatasetSpec:
    """Return the facts of a source as they hold for this raw tree: its own settings, and whether it is synthetic."""
    facts = get_dataset(dataset).facts(Path(raw))
    settings = describe_options(check_options(dataset, options)) or facts.settings
    return replace(facts, settings=settings, synthetic=(Path(raw) / SYNTHETIC_MARKER).is_file())


def find_patients(dataset: str, raw: str | Path, *, only: Sequence[str] | None = None) -> list[str]:
    """Return the source ids of the people below the raw folder, sorted.

    Parameters
    ----------
    dataset
        Name of the source.
    raw
        Root of the raw tree, as unpacked from the source's archive.
    only
        Keep these source ids; each must be there.

    Raises
    ------
    MissingInputError
        The folder does not exist, or one of `only` is not in it.
    DataFormatError
        The folder holds nobody of this source, or names of people must not become paths.
    """
    root = Path(raw)
    if not root.is_dir():
        raise MissingInputError(
            f"{dataset}: {root}: found no such folder; expected the root of the raw {dataset} files. "
            f"Correct `raw`, or make a synthetic tree with: biomech-xr synth {dataset} --out FOLDER"
        )
    found = sorted(get_dataset(dataset).patients(root))
    if not found:
        raise DataFormatError.of(
            dataset=dataset,
            file=root,
            found="no person's files",
            expected="the folders of at least one person, laid out as the source publishes them",
            action="Point `raw` at the folder that directly holds them.",
        )
    absent = sorted(set(only or ()) - set(found))
    if absent:
        raise MissingInputError(
            f"{dataset}: {root}: found no files of {', '.join(absent)}; expected them among {', '.join(found)}. "
            "Correct `patients`."
        )
    chosen = [patient for patient in found if only is None or patient in only]
    check_names(chosen, kind="patient", dataset=dataset, file=root)
    return chosen


def read_patient(
    dataset: str, raw: str | Path, patient: str, options: Mapping[str, Any] | None = None
) -> Iterator[Trial]:
    """Yield the valid trials of one person, one at a time.

    ``options`` are those of the source, see `check_options`.

    Raises
    ------
    ConfigError
        An option is not known or not of its kind.
    DataFormatError
        A raw file is not what the format says, two trials bear one name, a name must not become a path, or there is no
        candidate stride at all.
    SchemaError
        The reader made something that is no valid recording (a defect of the reader).
    """
    seen: set[str] = set()
    strides = 0
    for trial in get_dataset(dataset).recordings(Path(raw), patient, check_options(dataset, options)):
        validate_trial(trial)
        if trial.trial in seen:
            raise DataFormatError.of(
                dataset=dataset,
                file=trial.sources[0][0],
                field=f"trial {trial.trial!r}",
                found="a second trial of that name",
                expected="one name a trial",
                action="Remove or rename the copy.",
            )
        check_names([trial.trial], kind="trial", dataset=dataset, file=trial.sources[0][0])
        seen.add(trial.trial)
        strides += len(trial.strides)
        yield trial
    if not strides:
        raise DataFormatError.of(
            dataset=dataset,
            file=Path(raw) / patient,
            field="strides",
            found=f"none in {len(seen)} trial(s)",
            expected="at least one stride that can be kept",
            action=f"Check that the files of {patient} are complete, or leave the person out with `patients`.",
        )
