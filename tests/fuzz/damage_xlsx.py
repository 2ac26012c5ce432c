"""What workbooks can say wrongly: the archive, its sizes, its parts, and cells that are anywhere."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from tests.fuzz.damage import Mutator
from tests.fuzz.outcomes import Expect

Parts = dict[str, bytes]
_SHEET = "xl/worksheets/sheet1.xml"


def _parts(change: Callable[[Parts, Random], Expect]) -> Mutator:
    def mutate(source: Path, target: Path, random: Random) -> Expect:
        with zipfile.ZipFile(source) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        expect = change(parts, random)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return expect

    return mutate


def _sheet(parts: Parts) -> str:
    return next(name for name in parts if "worksheets/" in name)


def far_cell(parts: Parts, random: Random) -> Expect:
    """Put a cell at the far corner, which makes a dense sheet of billions."""
    name = _sheet(parts)
    place = random.choice(["XFD1048576", "A1048576", "XFD1", "ZZZZZZ99999999"])
    cell = f'<row r="{place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}"><c r="{place}"><v>1</v></c></row></sheetData>'
    parts[name] = parts[name].replace(b"</sheetData>", cell.encode())
    return Expect.ANY


def dimension(parts: Parts, random: Random) -> Expect:
    name = _sheet(parts)
    said = random.choice([b"A1:XFD1048576", b"A1:A1", b"XFD1:A1", b"rubbish", b"A0:B0"])
    parts[name] = parts[name].replace(b"<sheetData>", b'<dimension ref="' + said + b'"/><sheetData>')
    return Expect.ANY


def lost_part(parts: Parts, random: Random) -> Expect:
    del parts[random.choice(sorted(parts))]
    return Expect.ANY


def entities(parts: Parts, random: Random) -> Expect:
    """Expand entities of entities, or one of a file."""
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10 if k else "ha"}">' for k in range(12))
    outside = '<!ENTITY l11 SYSTEM "file:///etc/passwd">'
    head = f"<?xml version='1.0'?><!DOCTYPE x [{random.choice([laughs, outside])}]>".encode()
    name = random.choice([_sheet(parts), "xl/workbook.xml"])
    parts[name] = head + re.sub(rb"^<\?xml[^>]*\?>", b"", parts[name]).replace(b"<v>", b"<v>&l11;", 1)
    return Expect.ANY


def bomb(parts: Parts, random: Random) -> Expect:
    blanks = b" " * random.choice([*[1 << 22] * 7, 257 << 20])
    name = random.choice([_sheet(parts), "xl/other.bin"])
    parts[name] = parts.get(name, b"").replace(b"<sheetData>", b"<sheetData>" + blanks, 1) or blanks
    return Expect.ERROR if len(blanks) > 256 << 20 else Expect.ANY


def lying_bomb(source: Path, target: Path, random: Random) -> Expect:
    """Say that a part of hundreds of megabytes has a few bytes."""
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = _sheet(parts)
    filled = random.choice([b" ", b"<row></row>"])
    parts[name] = parts[name].replace(
        b"<sheetData>", b"<sheetData>" + filled * (random.choice([*[4 << 20] * 7, 200 << 20]) // len(filled)), 1
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    content = bytearray(target.read_bytes())
    size = struct.pack("<I", len(parts[name]))
    while (at := content.find(size)) >= 0:
        content[at : at + 4] = struct.pack("<I", 900)
    target.write_bytes(content)
    return Expect.ANY


def cell(parts: Parts, random: Random) -> Expect:
    """Change one cell's value, type or place."""
    name = _sheet(parts)
    old, new = random.choice([
        (rb"<v>[^<]*</v>", b"<v>" + random.choice([b"1e999", b"nan", b"abc", b"", b"9" * 400, b"-1"]) + b"</v>"),
        (rb't="[a-zA-Z]+"', random.choice([b't="s"', b't="b"', b't="e"', b't="d"', b't="zz"', b't="str"'])),
        (rb'<c r="[A-Z]+\d+"', random.choice([b'<c r="A1"', b'<c r=""', b'<c r="1A"', b'<c r="A0"', b"<c"])),
        (rb"</c>", b"</d>"),
    ])  # fmt: skip
    found = list(re.finditer(old, parts[name]))
    if found:
        spot = random.choice(found)
        parts[name] = parts[name][: spot.start()] + new + parts[name][spot.end() :]
    return Expect.ANY


def part_bytes(parts: Parts, random: Random) -> Expect:
    """Damage a part; the archive and its checksums agree with it."""
    name = random.choice(sorted(parts))
    content = bytearray(parts[name])
    for _ in range(random.choice([1, 4, 32])):
        content[random.randrange(len(content))] = random.choice([0, 0x3C, 0x3E, 0x22, 0xFF, random.randrange(256)])
    parts[name] = bytes(content)
    return Expect.ANY


def odd_part(parts: Parts, random: Random) -> Expect:
    """Add parts whose names lead out of the archive."""
    parts[random.choice(["../../out.txt", "/out.txt", "xl/../../../out", "C:\\out", "x" * 5000])] = b"out"
    return Expect.SAME


def sheet_name(parts: Parts, random: Random) -> Expect:
    old = rb'<sheet name="[^"]*"'
    new = random.choice(
        [b'<sheet name="../x"', b'<sheet name=""', b'<sheet name="\xff"', b'<sheet name="&amp;"', b"<sheet"]
    )
    parts["xl/workbook.xml"] = re.sub(old, new, parts["xl/workbook.xml"])
    return Expect.ANY


XLSX: Mapping[str, Mutator] = {
    **{
        change.__name__: _parts(change)
        for change in (far_cell, dimension, lost_part, entities, bomb, cell, part_bytes, odd_part, sheet_name)
    },
    "lying_bomb": lying_bomb,
}
"""Name to mutator, for workbooks."""
