"""Damage that any file can suffer: cuts, flips, blanks, doubled and foreign pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from tests.fuzz.outcomes import Expect

Mutator = Callable[[Path, Path, Random], Expect]
"""Writes a mutated copy of a file (first path) to the second path and says what may come of it."""

_HEAD = 2048


def truncate(source: Path, target: Path, random: Random) -> Expect:
    content = source.read_bytes()
    target.write_bytes(content[: random.randrange(len(content))])
    return Expect.ANY


def nothing(source: Path, target: Path, random: Random) -> Expect:
    target.write_bytes(
        random.choice([b"", b"\x00", b"\n" * 40, bytes(5000), b"\xff" * 300, b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
    )
    return Expect.ERROR


def flip_head(source: Path, target: Path, random: Random) -> Expect:
    content = bytearray(source.read_bytes())
    for _ in range(random.choice([1, 1, 2, 4, 16])):
        content[random.randrange(min(_HEAD, len(content)))] ^= 1 << random.randrange(8)
    target.write_bytes(content)
    return Expect.ANY


def flip_anywhere(source: Path, target: Path, random: Random) -> Expect:
    content = bytearray(source.read_bytes())
    for _ in range(random.choice([1, 2, 8, 64])):
        content[random.randrange(len(content))] = random.randrange(256)
    target.write_bytes(content)
    return Expect.ANY


def large_numbers(source: Path, target: Path, random: Random) -> Expect:
    """Write numbers that are bounds of something where a length may stand."""
    content = bytearray(source.read_bytes())
    for _ in range(random.choice([1, 2, 4])):
        width = random.choice([2, 4, 8])
        value = random.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1])
        at = random.randrange(max(len(content) - width, 1))
        content[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, random.choice(["little", "big"]))
    target.write_bytes(content)
    return Expect.ANY


def blank(source: Path, target: Path, random: Random) -> Expect:
    content = bytearray(source.read_bytes())
    start = random.randrange(len(content))
    length = min(random.choice([8, 64, 512, 4096]), len(content) - start)
    content[start : start + length] = random.choice([b"\x00", b"\xff", b" "]) * length
    target.write_bytes(content)
    return Expect.ANY


def splice(source: Path, target: Path, random: Random) -> Expect:
    """Repeat, drop or move a piece."""
    content = source.read_bytes()
    start, stop = sorted(random.randrange(len(content)) for _ in range(2))
    stop = min(stop, start + (1 << 16))
    piece, at = content[start:stop], random.randrange(len(content))
    made = {
        "repeat": content[:at] + piece + content[at:],
        "drop": content[:start] + content[stop:],
        "over": content[:at] + piece + content[at + len(piece) :],
    }
    target.write_bytes(made[random.choice(sorted(made))])
    return Expect.ANY


def append(source: Path, target: Path, random: Random) -> Expect:
    target.write_bytes(source.read_bytes() + random.randbytes(random.choice([1, 7, 512, 5000])))
    return Expect.ANY


def unchanged(source: Path, target: Path, random: Random) -> Expect:
    """Copy the file: what is right must go on being read."""
    target.write_bytes(source.read_bytes())
    return Expect.SAME


BYTES: Mapping[str, Mutator] = {
    function.__name__: function
    for function in (truncate, nothing, flip_head, flip_anywhere, large_numbers, blank, splice, append, unchanged)
}
"""Name to mutator, for binary files and text."""
