"""What C3D files can say wrongly: the words of the header and the records of the parameter section."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from tests.fuzz.damage import Mutator
from tests.fuzz.outcomes import Expect

_BLOCK = 512
_WORDS = (0, 1, 0x7F, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF)


def _bytes(change: Callable[[bytearray, Random], Expect]) -> Mutator:
    def mutate(source: Path, target: Path, random: Random) -> Expect:
        content = bytearray(source.read_bytes())
        expect = change(content, random)
        target.write_bytes(content)
        return expect

    return mutate


def _records(content: bytes) -> list[tuple[int, int, int]]:
    """Return where each record of the parameter section starts, its name's length, and where its content starts."""
    at, found = (content[0] - 1) * _BLOCK + 4, []
    while at + 4 < len(content):
        length = abs(struct.unpack_from("<b", content, at)[0])
        if not length:
            break
        body = at + 2 + length
        found.append((at, length, body))
        step = struct.unpack_from("<h", content, body)[0]
        if step <= 0:
            break
        at = body + step
    return found


def header_word(content: bytearray, random: Random) -> Expect:
    """Change a count, a block number or the scale of the header."""
    at = random.choice([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20])
    struct.pack_into("<H", content, at, random.choice([*_WORDS, random.getrandbits(16)]))
    return Expect.ANY


def header_float(content: bytearray, random: Random) -> Expect:
    value = random.choice([0.0, -1.0, float("nan"), float("inf"), 1e38, 1e-40])
    struct.pack_into("<f", content, random.choice([12, 20]), value)
    return Expect.ANY


def record_word(content: bytearray, random: Random) -> Expect:
    """Change the step to the next record, a type, the number of dims or a dim."""
    _, _, body = random.choice(_records(content))
    at = body + random.choice([0, 1, 2, 3, 4, 5, 6])
    content[at] = random.choice([0, 1, 2, 4, 7, 0x7F, 0x80, 0xFF, random.randrange(256)])
    return Expect.ANY


def record_value(content: bytearray, random: Random) -> Expect:
    _, _, body = random.choice(_records(content))
    step = max(struct.unpack_from("<h", content, body)[0], 12)
    at = min(body + random.randrange(4, step), len(content) - 4)
    content[at : at + 4] = random.choice(
        [b"\xff\xff\xff\xff", bytes(4), struct.pack("<f", float("nan")), random.randbytes(4)]
    )
    return Expect.ANY


def odd_name(content: bytearray, random: Random) -> Expect:
    """Rename a group or parameter, among others to the name of another."""
    records = _records(content)
    at, length, _ = random.choice(records)
    other, size, _ = random.choice(records)
    name = random.choice([b"\xff", b"../..", b"\x00", b"DATA", bytes(content[other + 2 : other + 2 + size])])
    content[at + 2 : at + 2 + length] = name[:length].ljust(length, b"X")
    return Expect.ANY


def long_name(content: bytearray, random: Random) -> Expect:
    at, _, _ = random.choice(_records(content))
    content[at] = random.choice([0x7F, 0x80, 0xFF, 1, 0])
    return Expect.ANY


def group_number(content: bytearray, random: Random) -> Expect:
    at, _, _ = random.choice(_records(content))
    content[at + 1] = random.choice([0, 1, 0x7F, 0x80, 0xFF])
    return Expect.ANY


def processor(content: bytearray, random: Random) -> Expect:
    """Say that the numbers are those of another processor."""
    at = (content[0] - 1) * _BLOCK
    content[at + 3] = random.choice([0, 83, 85, 86, 255])
    return Expect.ANY


def cut_frame(source: Path, target: Path, random: Random) -> Expect:
    """Cut the data within a frame."""
    content = source.read_bytes()
    start = (struct.unpack_from("<H", content, 16)[0] - 1) * _BLOCK
    target.write_bytes(content[: random.randrange(start, len(content))])
    return Expect.ANY


C3D: Mapping[str, Mutator] = {
    **{
        change.__name__: _bytes(change)
        for change in (
            header_word, header_float, record_word, record_value, odd_name, long_name, group_number, processor,
        )
    },
    "cut_frame": cut_frame,
}  # fmt: skip
"""Name to mutator, for C3D."""
