"""What text tables can say wrongly: encodings, cells, rows, columns and names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from tests.fuzz.damage import Mutator
from tests.fuzz.outcomes import Expect

_CELLS = (
    "",
    "abc",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "0x10",
    "1_000",
    "1,5",
    "\u0661\u0662",
    "\u00b2",
    "1" * 5000,
    '"',
    "=1+1",
    "\x00",
    "\u2028",
    "1 2",
    "--1",
)


def encoding(source: Path, target: Path, random: Random) -> Expect:
    text = source.read_text(encoding="utf-8")
    name = random.choice(["utf-16", "utf-32", "utf-16-le", "cp037"])
    target.write_bytes(text.encode(name))
    return Expect.ERROR


def mark(source: Path, target: Path, random: Random) -> Expect:
    """Begin with the mark of UTF-8, as Windows writes it."""
    target.write_bytes(b"\xef\xbb\xbf" + source.read_bytes())
    return Expect.SAME


def line_ends(source: Path, target: Path, random: Random) -> Expect:
    target.write_bytes(source.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    return Expect.SAME


def stray_bytes(source: Path, target: Path, random: Random) -> Expect:
    content = bytearray(source.read_bytes())
    at = random.randrange(len(content))
    content[at:at] = random.choice([b"\xff", b"\x80", b"\xc3(", b"\x00", b"\x1a", b"\xed\xa0\x80"])
    target.write_bytes(content)
    return Expect.ANY


def _rows(change: Callable[[list[list[str]], str, Random], Expect]) -> Mutator:
    """Return a mutator of cells; the delimiter is that of the file."""

    def mutate(source: Path, target: Path, random: Random) -> Expect:
        text = source.read_text(encoding="utf-8")
        delimiter = "\t" if "\t" in text else ","
        rows = [line.split(delimiter) for line in text.splitlines()]
        expect = change(rows, delimiter, random)
        target.write_text("\n".join(delimiter.join(row) for row in rows) + "\n", encoding="utf-8")
        return expect

    return mutate


def _any_row(rows: list[list[str]], random: Random) -> list[str]:
    return rows[random.choice([0, 1, 2, 3, 4, 5, random.randrange(len(rows)), len(rows) - 1]) % len(rows)]


def cell(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    """Write something else into a cell, of the header too."""
    row = _any_row(rows, random)
    row[random.randrange(len(row))] = random.choice(_CELLS)
    return Expect.ANY


def shorter(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    row = _any_row(rows, random)
    del row[random.randrange(len(row))]
    return Expect.ANY


def longer(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    row = _any_row(rows, random)
    row.insert(random.randrange(len(row) + 1), random.choice(["1.0", "name", ""]))
    return Expect.ANY


def row_lost(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    del rows[random.randrange(len(rows))]
    return Expect.ANY


def row_twice(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    at = random.randrange(len(rows))
    rows.insert(at, list(rows[at]))
    return Expect.ANY


def wide(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    """Make one row very long."""
    _any_row(rows, random).extend(["1"] * random.choice([1000, 200_000]))
    return Expect.ANY


def swapped(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    """Exchange two columns with their names; who reads by name gets the same."""
    widest = max(map(len, rows))
    table = [row for row in rows if len(row) == widest]
    first, second = random.sample(range(widest), 2)
    for row in table:
        row[first], row[second] = row[second], row[first]
    return Expect.ANY


def announced(rows: list[list[str]], delimiter: str, random: Random) -> Expect:
    """Change a number of the header, where one announces how many rows and columns follow."""
    head = [row for row in rows[:8] if any(letter.isdigit() for letter in "".join(row))]
    row = random.choice(head)
    number = random.choice(["0", "-1", "99999999999", "\u00b2", "1e3", "nan", "9" * 5000])
    spots = [k for k, text in enumerate(row) if any(letter.isdigit() for letter in text)]
    spot = random.choice(spots)
    kept, mark, _ = row[spot].rpartition("=")
    row[spot] = f"{kept}{mark}{number}"
    return Expect.ANY


TEXT: Mapping[str, Mutator] = {
    **{function.__name__: function for function in (encoding, mark, line_ends, stray_bytes)},
    **{
        change.__name__: _rows(change)
        for change in (cell, shorter, longer, row_lost, row_twice, wide, swapped, announced)
    },
}
"""Name to mutator, for text tables."""
