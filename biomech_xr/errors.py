"""Exceptions of biomech-xr. Each derives from `BiomechXRError` and from the matching built-in error."""

from __future__ import annotations

from collections.abc import Sequence


def describe(
    *,
    dataset: str = "",
    file: object = "",
    field: str = "",
    found: object = "",
    expected: object = "",
    action: str = "",
) -> str:
    """Return one sentence that says where, what was found, what was expected and what to do.

    Empty parts are left out, so every message of the library has the same order of parts.
    """
    where = ": ".join(str(part) for part in (dataset, file, field) if str(part))
    parts = [where] if where else []
    if str(found):
        parts.append(f"found {found}")
    if str(expected):
        parts.append(f"expected {expected}")
    text = "; ".join(parts)
    return f"{text}. {action}" if action else f"{text}."


class BiomechXRError(Exception):
    """Base of all errors that biomech-xr raises on purpose."""


class DataFormatError(BiomechXRError, ValueError):
    """A raw file is not what its dataset's format says."""

    @classmethod
    def of(
        cls, *, dataset: str, file: object, field: str = "", found: object, expected: object, action: str
    ) -> DataFormatError:
        """Return the error with the message that `describe` makes of the parts."""
        return cls(describe(dataset=dataset, file=file, field=field, found=found, expected=expected, action=action))


class MissingInputError(BiomechXRError, FileNotFoundError):
    """A file or folder that the user named does not exist."""


class ConfigError(BiomechXRError, ValueError):
    """A configuration has an unknown key, a wrong type or an impossible value."""


class ProcessingError(BiomechXRError, ValueError):
    """A processing chain cannot serve this signal (its state, its rate, its length)."""


class SchemaError(BiomechXRError, ValueError):
    """A dataset breaks the schema; lists every problem at once."""

    @classmethod
    def of(cls, subject: str, problems: Sequence[str]) -> SchemaError:
        """Return the error for ``subject`` with one line a problem."""
        lines = "\n".join(f"  - {problem}" for problem in problems)
        return cls(f"{subject}: {len(problems)} problem(s):\n{lines}")


class StoreError(BiomechXRError, OSError):
    """A store cannot be read or written."""


class NotAStoreError(StoreError, FileNotFoundError):
    """The place named is not a store of biomech-xr, or one that was never finished."""


class LostDataError(StoreError):
    """An object that the manifest lists is missing, short or corrupted."""


class OccupiedError(StoreError, FileExistsError):
    """The output holds something else already."""


class StoppedError(StoreError):
    """Reading or writing was given up, because this process is being ended (`biomech_xr.store.stopping`)."""


class SplitError(BiomechXRError, ValueError):
    """The person split is inconsistent, or a change to it would separate one person."""


class MissingDependencyError(BiomechXRError, ImportError):
    """An optional library is not installed."""

    @classmethod
    def of(cls, library: str, extra: str) -> MissingDependencyError:
        """Return the error that names the library and the extra that brings it."""
        return cls(f"{library} is needed for this. Install it with: pip install 'biomech-xr[{extra}]'")
