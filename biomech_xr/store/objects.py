"""Objects of a store through URLs: plain paths, ``file://``, ``memory://``, ``gs://`` and whatever fsspec knows.

Everything the store layer does to files passes here; `biomech_xr.store.checked` has what Zarr does.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError, StoreError
from biomech_xr.store import remote
from biomech_xr.store.clients import MISSING
from biomech_xr.store.repeated import TRIES, again

Url = str | os.PathLike[str]

_REDO = (
    "Run `biomech-xr check --repair` on the store; what that cannot make again, remove, and run parse or process again."
)

_UNFINISHED = (".tmp", ".partial")


def join(url: Url, *parts: str) -> str:
    """Return the URL of an object below ``url``."""
    return "/".join([os.fspath(url).rstrip("/") or "/", *(part.strip("/") for part in parts if part)])


def local_path(url: Url) -> Path | None:
    """Return the path of a URL on this machine, or None for any other kind of URL."""
    text = os.fspath(url)
    scheme, sign, rest = text.partition("://")
    if not sign:
        return Path(text)
    return Path(rest) if scheme in ("file", "local") else None


def read_bytes(url: Url) -> bytes:
    """Return the bytes of one object.

    Raises
    ------
    NotAStoreError
        There is no such object.
    """
    try:
        return remote.fetch(os.fspath(url))
    except MISSING as error:
        raise NotAStoreError(f"{os.fspath(url)}: no such object. Check the URL.") from error


def read_json(url: Url, wrong: Callable[[Any], str] = lambda _: "") -> Any:
    """Return the value of a JSON object; one that comes damaged is read again, `repeated.READS` times in all.

    Parameters
    ----------
    url
        The object.
    wrong
        What else is wrong with a value, in words; empty where nothing is.

    Raises
    ------
    NotAStoreError
        There is no such object.
    LostDataError
        The object is not JSON, or something else is wrong with it.
    """

    def find() -> tuple[Any, str]:
        data = read_bytes(url)
        try:
            value = json.loads(data)
        except ValueError as error:
            return None, f"not valid JSON ({error})"
        return value, wrong(value)

    value, problem = again(find, lambda found: found[1])
    if problem:
        raise LostDataError(f"{os.fspath(url)}: damaged, {problem}. {_REDO}")
    return value


def write_json(url: Url, value: Any, *, create_only: bool = False) -> None:
    """Write a JSON object in one step, and read it back: a reader sees the old object or the new one, never a part.

    Parameters
    ----------
    url, value
        Where, and what; NaN is not allowed.
    create_only
        Never replace an object. An object that holds the same bytes already counts as written, because a put whose
        reply was lost looks like a conflict.

    Raises
    ------
    OccupiedError
        `create_only`, and another object is there.
    StoreError
        It came in damaged `repeated.TRIES` times, or storage fails.
    """
    data = (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
    try:
        put_bytes(url, data, create_only=create_only)
    except FileExistsError as error:
        found = b""  # another one that was removed since
        with suppress(NotAStoreError):
            found = again(lambda: read_bytes(url), data.__ne__)
        if found != data:
            raise OccupiedError(f"{os.fspath(url)}: exists already and is never replaced. Use another name.") from error
        return
    for _ in range(TRIES - 1):
        if _arrived(url, data):
            return
        put_bytes(url, data)
    if not _arrived(url, data):
        raise StoreError(f"{os.fspath(url)}: reads back damaged, {TRIES} times. Check the network, then run again.")


def _arrived(url: Url, data: bytes) -> bool:
    """Return whether an object holds these bytes, or what another run wrote in place of it, or removed, since."""
    try:
        found = again(lambda: read_bytes(url), data.__ne__)
        return found == data or is_sealed(json.loads(found))
    except NotAStoreError:
        return True
    except ValueError:
        return False


def put_bytes(url: Url, data: bytes, *, create_only: bool = False, lasting: bool = True) -> None:
    """Write an object in one step: a reader sees the old object or the new one.

    Parameters
    ----------
    url, data
        Where, and the bytes.
    create_only
        Never in place of what is there.
    lasting
        Wait until a disk of this machine has it; a bucket always does.

    Raises
    ------
    StoreError
        No permission, no such bucket, or the storage could not be reached.
    FileExistsError
        `create_only`, and an object is there.
    """
    path = local_path(url)
    if path is None:
        remote.put(os.fspath(url), data, create_only=create_only)
    else:
        _write_local(path, data, create_only=create_only, lasting=lasting)


def _write_local(path: Path, data: bytes, *, create_only: bool, lasting: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        if create_only:
            os.link(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """Return a value as plain JSON: mappings, lists, text, numbers; NaN and infinities become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a plain value, the same in every process."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def write_sealed(url: Url, value: Mapping[str, Any], *, create_only: bool = False) -> dict[str, Any]:
    """Write a ledger or a manifest with a digest of itself, and return what was written.

    Parameters
    ----------
    url, value, create_only
        As for `write_json`.

    Raises
    ------
    OccupiedError
        `create_only`, and another object is there.
    """
    body = plain({key: item for key, item in value.items() if key != "digest"})
    sealed = {**body, "digest": digest(body)}
    write_json(url, sealed, create_only=create_only)
    return sealed


def read_sealed(url: Url) -> dict[str, Any]:
    """Return a ledger or a manifest after checking its digest; what came damaged over a network is read again.

    Raises
    ------
    NotAStoreError
        There is no such object.
    LostDataError
        The object is damaged.
    """
    wrong = "its digest does not match its content"
    sealed: dict[str, Any] = read_json(url, lambda value: "" if is_sealed(value) else wrong)
    return sealed


def sealed_or_none(url: Url) -> dict[str, Any] | None:
    """Return a sealed JSON object; None where there is none, or a damaged one."""
    try:
        return read_sealed(url)
    except (NotAStoreError, LostDataError):
        return None


def is_sealed(value: Any) -> bool:
    """Return whether a value is a mapping with the right digest of itself, as `write_sealed` writes it."""
    if not isinstance(value, dict):
        return False
    return digest({key: item for key, item in value.items() if key != "digest"}) == value.get("digest")


def exists(url: Url) -> bool:
    """Return whether an object or a folder is there."""
    return remote.exists(os.fspath(url))


def names(url: Url) -> list[str]:
    """Return the names directly below a folder, in order; a folder that is not there has none."""
    below = set(remote.names(os.fspath(url)))
    return sorted(name for name in below if not name.endswith(_UNFINISHED))


def sizes(url: Url) -> dict[str, int]:
    """Return the size in bytes of every object below a folder, by key relative to it, in order."""
    found = remote.sizes(os.fspath(url))
    return {key: found[key] for key in sorted(found) if not key.endswith(_UNFINISHED)}


def sizes_of(url: Url, keys: Iterable[str]) -> dict[str, int]:
    """Return the sizes of the named objects below a folder; those that are missing are left out."""
    return remote.sizes_of(os.fspath(url), keys)


def remove_tree(url: Url, *, last: str = "zarr.json") -> None:
    """Remove a folder and all below it, the object named `last` at the end; nothing there is no error.

    The object that marks the folder as ours goes last, so that a removal that died can be done again.
    """
    remote.remove_tree(os.fspath(url), last=last)
