"""What the libraries of object stores raise, told apart: to be tried again, or to be said at once."""

from __future__ import annotations

import errno
import re
import sys
from typing import Final

_FAILURES: Final = (
    ("gcsfs.retry", "HttpError"),
    ("gcsfs.retry", "ChecksumError"),
    ("aiohttp", "ClientError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("obstore.exceptions", "BaseError"),
)


def failures() -> tuple[type[Exception], ...]:
    """Return all errors with which a request can fail: of Python, and of the storage libraries that are loaded."""
    loaded = (getattr(sys.modules[module], name) for module, name in _FAILURES if module in sys.modules)
    return OSError, EOFError, ValueError, *loaded


def first_line(error: BaseException) -> str:
    """Return what an error says, without the reports of the libraries below it."""
    lines = str(error).strip().splitlines()
    return (lines[0].partition(": <")[0] if lines else type(error).__name__)[:300]


def denied(error: BaseException) -> bool:
    """Return whether a request failed for want of permission, in the words of any of the libraries."""
    known = ("PermissionDeniedError", "UnauthenticatedError", "PermissionError", "DefaultCredentialsError")
    refused = type(error).__name__ in (*known, "NoCredentialsError") or getattr(error, "code", None) in (401, 403)
    return refused or bool(re.match(r"Forbidden: |.*\b(AccessDenied|403 Forbidden)\b", first_line(error)))


def refusal(error: BaseException) -> int:
    """Return the status that says the request is wrong, so that it would fail again; 0 where storage is just busy."""
    code = getattr(error, "code", None)
    if getattr(error, "errno", None) == errno.EINVAL:
        code = 400
    if code is None and (match := re.search(r"status code: (\d{3})", first_line(error))):
        code = int(match[1])
    return code if isinstance(code, int) and 400 <= code < 500 and code not in (408, 429) else 0
