"""Read sheets of a workbook with calamine in a limited process; `_limited_server` loads this file.

A workbook is a zip archive of XML, whose sizes may be lies and whose cells may say that they are anywhere; the library
takes memory for all of them.
"""

from __future__ import annotations

import codecs
import datetime as dt
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_KINDS: Final = (dt.datetime, dt.date, dt.time)


def prepare() -> None:
    """Load what is loaded at first use: a child may open no file then."""
    import python_calamine

    if not hasattr(python_calamine, "load_workbook"):
        raise ImportError("python-calamine without load_workbook")
    for codec in ("ascii", "cp437", "latin-1", "utf-8"):
        codecs.lookup(codec)


def serve(channel: Any, source: str, seal: Callable[[], None]) -> None:
    """Answer ``[most bytes unpacked, sheet or None]`` with the names of the sheets, and the rows of one of them."""
    import python_calamine

    request = channel.receive()
    if request is None:
        return
    most, sheet = request
    try:
        if Path(source).stat().st_size > most:
            raise ValueError(f"a file of more than {most} bytes")
        content = Path(source).read_bytes()
        seal()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > most:
            raise ValueError(f"{size} bytes unpacked, at most {most} are read")
        book = python_calamine.load_workbook(io.BytesIO(content))
        names = [str(name) for name in book.sheet_names]
        chosen = next((name for name in reversed(names) if sheet is not None and name.lower() == sheet.lower()), None)
        rows = None if chosen is None else _plain(book.get_sheet_by_name(chosen).to_python())
        channel.say([names, rows])
    except (*_BROKEN, python_calamine.CalamineError) as error:
        channel.refuse(error)


def _plain(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows of text and numbers; dates and times as ``[kind, text]``, durations as seconds."""
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        return ["timedelta", value.total_seconds()]
    if isinstance(value, _KINDS):
        return [type(value).__name__, value.isoformat()]
    return value
