"""Write YAML line by line with comments: safe scalars, open questions, wrapped comments."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from biomech_xr.datasets.lab.mapping import OPEN

_WIDTH: Final = 118
_COLUMN: Final = 30
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")

ASK: Final = f'"{OPEN}"'
"""How an open question stands in the file."""


def scalar(value: Any) -> str:
    """Return a value as YAML on one line, whatever characters a text holds; it reads back as it was."""
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and yaml.safe_load(value) == value
    style = '"' if isinstance(value, str) and not plain else None
    text = yaml.safe_dump(value, default_style=style, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def flow(**values: Any) -> str:
    """Return a flow mapping on one line; a value of `ASK` stays an open question, lists hold texts."""
    return "{" + ", ".join(f"{key}: {inline(value)}" for key, value in values.items()) + "}"


def inline(value: Any) -> str:
    """Return a value as YAML on one line: a text, a number, a list, a mapping or an open question."""
    if isinstance(value, Question):
        return ASK
    if isinstance(value, dict):
        return flow(**value)
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return scalar(value)


class Question:
    """Stands for a value that the user has to give."""


QUESTION: Final = Question()


@dataclass(slots=True)
class Page:
    """The lines of the file so far, and how many questions stand in them."""

    lines: list[str] = field(default_factory=list)
    questions: int = 0

    def gap(self) -> None:
        """Add an empty line."""
        self.lines.append("")

    def say(self, text: str, indent: int = 0) -> None:
        """Add a comment, wrapped; what files say in it stands on one line and is harmless."""
        space = " " * indent
        rows = textwrap.wrap(_printable(text), width=_WIDTH - indent - 2, break_long_words=False)
        self.lines += [f"{space}# {row}" for row in rows]

    def put(self, line: str, comment: str = "", indent: int = 0) -> None:
        """Add a line of YAML, with a comment behind it, or above where it would be too long."""
        text = " " * indent + line
        self.questions += line.count(f": {ASK}")
        clean = _printable(comment)
        if clean and max(len(text), _COLUMN) + 3 + len(clean) > _WIDTH:
            self.say(clean, indent)
            clean = ""
        self.lines.append(f"{text:<{_COLUMN}}  # {clean}" if clean else text)

    def text(self) -> str:
        """Return the whole file."""
        return "\n".join(self.lines) + "\n"


def _printable(text: str) -> str:
    """Return a text on one line without characters that could end it."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
