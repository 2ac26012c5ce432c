"""A strict reader of the BibTeX that we write, and the way back from TeX to text."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD = re.compile(r"@(?P<kind>[a-z]+)\{(?P<key>[A-Za-z0-9_-]+),\n")
FIELD = re.compile(r"  (?P<name>[a-z]+) = \{")
COMMANDS = {
    r"\textbackslash{}": "\\",
    r"\textbraceleft{}": "{",
    r"\textbraceright{}": "}",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    **{f"\\{letter}": letter for letter in "&%$#_"},
}
COMMAND = re.compile("|".join(re.escape(command) for command in COMMANDS))


@dataclass(frozen=True)
class Entry:
    """One entry: the values without their outer braces, still TeX; and the comment line above."""

    kind: str
    key: str
    fields: dict[str, str]
    comment: str


def parse(text: str) -> list[Entry]:
    """Return the entries; anything but a comment line, an entry or an empty line between is an error."""
    entries, at, comment = [], 0, ""
    while at < len(text):
        if text[at] == "\n":
            at += 1
        elif text[at] == "%":
            end = text.index("\n", at)
            comment, at = text[at + 1 : end].strip(), end + 1
            assert "@" not in comment, "BibTeX would take it for an entry"
        else:
            entry, at = _entry(text, at, comment)
            entries.append(entry)
            comment = ""
    assert len({entry.key for entry in entries}) == len(entries), "keys are unique"
    return entries


def _entry(text: str, at: int, comment: str) -> tuple[Entry, int]:
    head = HEAD.match(text, at)
    assert head, f"no entry at {text[at : at + 40]!r}"
    at, fields = head.end(), {}
    while text[at] != "}":
        field = FIELD.match(text, at)
        assert field, f"no field at {text[at : at + 40]!r}"
        end = closing(text, field.end())
        assert field["name"] not in fields
        fields[field["name"]] = text[field.end() : end]
        assert text[end : end + 3] == "},\n", f"no end of a field at {text[end : end + 40]!r}"
        at = end + 3
    assert text[at : at + 2] == "}\n"
    return Entry(head["kind"], head["key"], fields, comment), at + 2


def closing(text: str, at: int) -> int:
    """Return where the group ends that was opened before ``at``; as in BibTeX, a backslash hides no brace."""
    depth = 1
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise AssertionError("a brace is not closed")


def plain(value: str) -> str:
    """Return the text that TeX would set for a value; a special character that is left unescaped is an error."""
    rest = COMMAND.sub("", value)
    assert not re.search(r"[\\&%$#_~^]", rest), f"not escaped: {rest!r}"
    commands = COMMAND.split(value)
    found = [COMMANDS[command] for command in COMMAND.findall(value)] + [""]
    bare = [re.sub(r"[{}]", "", piece) for piece in commands]
    return "".join(piece + letter for piece, letter in zip(bare, found, strict=True))


def authors(value: str) -> list[str]:
    """Return the names of an author field."""
    return [plain(name) for name in value.split(" and ")]
