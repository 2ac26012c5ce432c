"""Python runs this where its folder is on PYTHONPATH: reading a file of a certain name is the end of the process.

What takes only the hash of its bytes survives: it is the content, parsed, that kills.
"""

import builtins
import io
import os
import signal
import traceback

_NAME = os.environ.get("BIOMECH_XR_POISON", "")
_LOG = os.environ.get("BIOMECH_XR_POISON_LOG", "")
_OPEN = io.open


def _open(file, *arguments, **options):  # type: ignore[no-untyped-def]
    opened = _OPEN(file, *arguments, **options)
    if isinstance(file, str | os.PathLike) and os.fspath(file).endswith(_NAME):
        if any(frame.name == "_sha256" for frame in traceback.extract_stack(limit=4)):
            return opened
        with _OPEN(_LOG, "a", encoding="utf-8") as log:
            log.write(f"{os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGSEGV)
    return opened


if _NAME:
    builtins.open = io.open = _open
