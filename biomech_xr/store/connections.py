"""Which client serves a URL, opened once in a process: one setting, the environment variable ``BIOMECH_XR_READER``.

An environment variable reaches every process there is, Dask workers and ranks of torchrun too.
"""

from __future__ import annotations

import importlib.util
import json
import os
from functools import cache, lru_cache
from typing import Any, Final, Literal

import fsspec

from biomech_xr.errors import ConfigError, MissingDependencyError
from biomech_xr.store import clients

SETTING: Final = "BIOMECH_XR_READER"
"""Environment variable that names the client of ``gs://`` and ``s3://``: ``obstore`` or ``fsspec``."""

_EMULATOR: Final = "STORAGE_EMULATOR_HOST"
_GOOGLE: Final = ("gs", "gcs")
_AMAZON: Final = ("s3", "s3a")


def client_of(url: str) -> tuple[clients.Client, str]:
    """Return the client of a URL, and the path by which it knows the object.

    Raises
    ------
    ConfigError
        ``BIOMECH_XR_READER`` is neither ``obstore`` nor ``fsspec``, or nobody knows the scheme of the URL.
    MissingDependencyError
        It asks for obstore, which is not installed; or a library of the URL's kind is not installed.
    """
    scheme, _, rest = url.partition("://")
    if scheme in (*_GOOGLE, *_AMAZON) and reader() == "obstore":
        bucket, _, path = rest.partition("/")
        return _obstore(scheme, bucket, os.environ.get(_EMULATOR, "")), path.strip("/")
    if scheme in _GOOGLE and os.environ.get(_EMULATOR):
        return clients.FsspecClient(_emulated(emulator_url(os.environ[_EMULATOR]))), rest.rstrip("/")
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise MissingDependencyError.of(f"the library for {scheme}://", "cloud") from error
    except ValueError as error:  # fsspec knows no such scheme
        raise ConfigError(
            f"{url}: found the scheme {scheme}://, expected a path on this machine or file://, gs://, s3:// or another "
            "of fsspec. Correct the URL."
        ) from error
    return clients.FsspecClient(filesystem), str(path)


def reader() -> Literal["obstore", "fsspec"]:
    """Return the client of ``gs://`` and ``s3://``: what the setting says, else obstore where it is installed.

    A process that was forked after its parent used obstore gets fsspec: obstore would wait for ever there.
    """
    asked = os.environ.get(SETTING, "")
    if asked not in ("", "obstore", "fsspec"):
        raise ConfigError(f"{SETTING}: found {asked!r}, expected 'obstore' or 'fsspec'.")
    there = _installed()
    if asked == "obstore" and not there:
        raise MissingDependencyError.of("obstore", "cloud")
    return "obstore" if there and asked != "fsspec" and not _FORKED else "fsspec"


@cache
def _installed() -> bool:
    return importlib.util.find_spec("obstore") is not None


@lru_cache(maxsize=16)
def _obstore(scheme: str, bucket: str, emulator: str) -> clients.ObstoreClient:
    """Return the client of a bucket, opened once in a process; credentials come from the environment as usual."""
    import obstore.store

    _USED.append(bucket)
    kinds = {"gs": obstore.store.GCSStore, "gcs": obstore.store.GCSStore}
    make: Any = kinds.get(scheme, obstore.store.S3Store)
    endpoint = emulator_url(emulator) if scheme in _GOOGLE else os.environ.get("AWS_ENDPOINT_URL", "")
    plain_text = endpoint.startswith("http://")
    options = {"timeout": f"{clients.WRITE_TIMEOUT:g}s", "connect_timeout": "5s", "allow_http": plain_text}
    config = {"service_account_key": emulator_account(emulator)} if emulator and scheme in _GOOGLE else {}
    reads, writes = (
        make(bucket, config=config, client_options={**options, **more}, retry_config={"max_retries": 0})
        for more in ({"read_timeout": f"{clients.READ_TIMEOUT:g}s"}, {})
    )
    return clients.ObstoreClient(reads, writes)


def _emulated(endpoint: str) -> Any:
    """Return gcsfs for an emulator: its plain class, because the other one asks for what no emulator has."""
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    from gcsfs.core import GCSFileSystem

    return GCSFileSystem(
        token="anon",  # noqa: S106
        project=os.environ.get("GCSFS_DEFAULT_PROJECT", "emulated"),
        endpoint_url=endpoint,
    )


def emulator_account(host: str) -> str:
    """Return the service account (JSON) that sends obstore to an emulator of Google Cloud Storage, without a token."""
    empty = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
    return json.dumps({"gcs_base_url": emulator_url(host), "disable_oauth": True, **empty})


def emulator_url(host: str) -> str:
    """Return the address of an emulator, which may be named without a scheme."""
    return host if "://" in host or not host else f"http://{host}"


def forget() -> None:
    """Open connections anew from now on, with the settings of now."""
    _obstore.cache_clear()


_USED: list[str] = []
_FORKED: list[int] = []


def _after_fork() -> None:
    forget()
    if _USED:
        _FORKED.append(os.getpid())


os.register_at_fork(after_in_child=_after_fork)
