"""What MATLAB v5 files can say wrongly: the elements of a variable, changed before it is compressed again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from tests.fuzz.damage import Mutator
from tests.fuzz.outcomes import Expect

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15


def _split(source: Path) -> tuple[bytes, list[bytes]]:
    """Return header and unpacked variables, tag first."""
    content, found, at = source.read_bytes(), [], _HEADER
    while at < len(content):
        kind, length = struct.unpack_from("<II", content, at)
        piece = content[at + 8 : at + 8 + length]
        found.append(zlib.decompress(piece) if kind == _COMPRESSED else content[at : at + 8 + length])
        at += 8 + length
    return content[:_HEADER], found


def _pack(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return struct.pack("<II", _COMPRESSED, len(packed)) + packed


def _inside(change: Callable[[bytearray, Random], Expect]) -> Mutator:
    """Return a mutator that changes one unpacked variable; the file is compressed as before."""

    def mutate(source: Path, target: Path, random: Random) -> Expect:
        header, parts = _split(source)
        number = random.randrange(len(parts))
        content = bytearray(parts[number])
        expect = change(content, random)
        parts[number] = bytes(content)
        packed = random.random() < 0.5
        position = header[116:124]
        target.write_bytes(header[:116] + position + header[124:] + b"".join(_pack(p) if packed else p for p in parts))
        return expect

    return mutate


def word(content: bytearray, random: Random) -> Expect:
    """Change a word: tags, flags, dims and lengths are words."""
    at = 4 * random.randrange(len(content) // 4)
    value = random.choice([0, 1, 7, 8, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, random.getrandbits(32)])
    struct.pack_into("<I", content, at, value)
    return Expect.ANY


def kind(content: bytearray, random: Random) -> Expect:
    """Give an element another type."""
    tags = [at for at in range(8, len(content) - 8, 8) if 1 <= struct.unpack_from("<I", content, at)[0] <= 18]
    if tags:
        struct.pack_into("<I", content, random.choice(tags), random.randrange(1, 20))
    return Expect.ANY


def dims(content: bytearray, random: Random) -> Expect:
    """Declare huge dims: the element of type 5 behind the flags."""
    marks = [at for at in range(0, len(content) - 24, 8) if struct.unpack_from("<II", content, at) == (6, 8)]
    at = random.choice(marks) + 16 if marks else 0
    if at and struct.unpack_from("<I", content, at)[0] == 5:
        for k in range(2):
            struct.pack_into("<i", content, at + 8 + 4 * k, random.choice([1 << 20, 1 << 30, (1 << 31) - 1, -1]))
    return Expect.ANY


def flip(content: bytearray, random: Random) -> Expect:
    for _ in range(random.choice([1, 4, 16])):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return Expect.ANY


def names(content: bytearray, random: Random) -> Expect:
    """Put odd letters where names are."""
    at = random.randrange(48, min(len(content), 400)) if len(content) > 60 else 0
    content[at : at + 4] = random.choice([b"\xff\xfe\xfd\xfc", b"../\x00", b"\x00\x00\x00\x00", b"%s\n/"])[
        : len(content) - at
    ]
    return Expect.ANY


def bomb(source: Path, target: Path, random: Random) -> Expect:
    """Append a variable of a few megabytes that unpacks to gigabytes."""
    count = random.choice([1 << 22, 1 << 22, 3 << 28])
    size = 8 * count
    head = struct.pack("<IIIIIIiiI4sII", 6, 8, 6, 0, 5, 8, 1, count, 1 | 4 << 16, b"bomb", 9, size & 0xFFFFFFFF)
    packer = zlib.compressobj(1)
    parts = [packer.compress(struct.pack("<II", _MATRIX, (len(head) + size) & 0xFFFFFFFF) + head)]
    blank = bytes(1 << 24)
    parts += [packer.compress(blank) for _ in range(random.choice([1, size >> 24 if count == 1 << 22 else 20]))]
    packed = b"".join(parts) + packer.flush()
    target.write_bytes(source.read_bytes() + struct.pack("<II", _COMPRESSED, len(packed)) + packed)
    return Expect.ANY


def version(source: Path, target: Path, random: Random) -> Expect:
    content = bytearray(source.read_bytes())
    content[124:128] = random.choice([b"\x00\x02IM", b"\x00\x01MI", b"\x01\x00MI", b"\x00\x00IM", b"\x00\x01XX"])
    target.write_bytes(content)
    return Expect.ERROR


def store_position(source: Path, target: Path, random: Random) -> Expect:
    """Say that the store of MATLAB objects is somewhere else."""
    content = bytearray(source.read_bytes())
    struct.pack_into("<Q", content, 116, random.choice([0, 128, 136, len(content), 1 << 40, (1 << 64) - 1]))
    target.write_bytes(content)
    return Expect.ANY


MAT5: Mapping[str, Mutator] = {
    **{change.__name__: _inside(change) for change in (word, kind, dims, flip, names)},
    "bomb": bomb,
    "version": version,
    "store_position": store_position,
}
"""Name to mutator, for MATLAB v5."""
