"""Damaged MATLAB v5 files: refused with one clear error before a library sees them, which a bad tag would end.

The damage is done in a process of its own, so that a crash fails a test. The long run (20 000 files), by hand:

    python -m tests.readers.test_mat5 FOLDER 0 20000
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from biomech_xr.errors import DataFormatError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.readers.matlab import check_file, load_struct, load_tables
from biomech_xr.synthetic.matfile import FIELDLESS, Structs, cell, save_struct, save_tables

HEADER = 128
VALUES: dict[str, dict[str, Any]] = {
    "struct": {
        "D": {
            "Q": {"data": np.arange(35.0).reshape(5, 7), "name": "hip", "none": np.empty((0, 3)), "empty": FIELDLESS},
            "steps": Structs([{"time": 1.0, "leg": "left"}, {"time": 2.0, "leg": "r"}]),
        },
        "n": np.arange(6, dtype=np.int16).reshape(2, 3),
    },
    "cell": {
        "c": cell([["a", "bc"], [np.eye(2), np.array(["ab", "cd"])]]),
        "umlaut": "text öü",
        "flags": np.array([[True, False]]),
        "z": np.array([[1 + 2j, 3]]),
    },
    "char": {"a": "hello world", "b": np.array(["abc", "def"]), "f": np.array([[1.5, 2]], dtype=np.float32)},
}


def write(folder: Path) -> list[Path]:
    """Write files of small variables, plain and with a table, none compressed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.mat" for name in (*VALUES, "table")]
    for path in paths[:-1]:
        save_struct(path, VALUES[path.stem], compress=False)
    table = pd.DataFrame({"Header": np.arange(5) / 10, "Label": ["walk"] * 5})
    save_tables(paths[-1], {"T": table, "x": 5.0}, compress=False)
    return paths


def starts(content: bytes) -> list[int]:
    """Return where the variables of an uncompressed file start, and where the last ends."""
    found = [HEADER]
    while found[-1] < len(content):
        found.append(found[-1] + 8 + struct.unpack_from("<I", content, found[-1] + 4)[0])
    return found


def pack(content: bytes, places: list[int]) -> bytes:
    """Return a file with its variables compressed; the place of the store of objects moves with it."""
    store = struct.unpack_from("<Q", content, 116)[0]
    result = bytearray(content[:HEADER])
    for k in range(len(places) - 1):
        if places[k] == store:
            result[116:124] = struct.pack("<Q", len(result))
        packed = zlib.compress(content[places[k] : places[k + 1]])
        result += struct.pack("<II", 15, len(packed)) + packed
    return bytes(result)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with 1 to 16 other bytes, mostly few, tags among them."""
    changed = bytearray(content)
    count = int(rng.integers(1, 17)) if rng.random() < 0.3 else int(rng.integers(1, 4))
    for place in rng.integers(HEADER if rng.random() < 0.95 else 112, len(content), size=count):
        bit, byte, small = 1 << int(rng.integers(8)), int(rng.integers(256)), int(rng.integers(20))
        changed[place] = (changed[place] ^ bit, byte, small, 0, 128, 255)[int(rng.integers(6))]
    return bytes(changed)


def visit(node: MatNode) -> None:
    """Read everything below a node."""
    for name in node.fields():
        visit(node[name])
    if node.kind in ("cell", "structs"):
        for element in node.elements():
            visit(element)
    elif node.kind == "text":
        node.texts()
    elif node.kind == "table":
        node.table()
    elif node.kind == "numeric":
        node.says()


def outcomes(folder: Path, start: int, count: int) -> dict[str, int]:
    """Return how often damaged files were read or refused; anything else is raised, or ends the process."""
    paths = write(folder)
    contents = [path.read_bytes() for path in paths]
    found: Counter[str] = Counter()
    for seed in range(start, start + count):
        rng = np.random.default_rng(seed)
        which = seed % len(paths)
        places = starts(contents[which])
        changed = damage(contents[which], rng)
        path = folder / "damaged.mat"
        path.write_bytes(pack(changed, places) if rng.random() < 0.4 else changed)
        for name, load in (("open", None), ("struct", load_struct), ("tables", load_tables)):
            try:
                if load is None:
                    with open_mat(path, dataset="toy") as root:
                        visit(root)
                else:
                    load(path, dataset="toy")
                found[f"{name} read"] += 1
            except DataFormatError:
                found[f"{name} refused"] += 1
    return dict(found)


def test_random_damage_is_read_or_refused_and_never_ends_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.readers.test_mat5", str(tmp_path), "0", "50"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert sum(found.values()) == 150
    assert found["open read"] > 2
    assert found["open refused"] > 15


def test_a_storage_type_that_ends_scipy_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    save_struct(path, {"a": np.arange(3.0)}, compress=False)
    content = bytearray(path.read_bytes())
    place = content.index(struct.pack("<II", 9, 24))
    for kind in (0, 8, 10, 11, 20, 200, 0xFFFF):
        struct.pack_into("<I", content, place, kind)
        for packed in (False, True):
            path.write_bytes(pack(bytes(content), starts(bytes(content))) if packed else content)
            with pytest.raises(
                DataFormatError, match=rf"toy: .*a\.mat; found damaged content .*type {kind} for 3 numbers"
            ):
                load_struct(path, dataset="toy")


def _variable(kind: int, dims: list[int], rest: bytes, name: bytes = b"v", flags: int = 0) -> bytes:
    shape = struct.pack(f"<II{len(dims)}i", 5, 4 * len(dims), *dims)
    label = struct.pack("<II", 1, len(name)) + name
    parts = [struct.pack("<IIII", 6, 8, kind | flags, 0), shape, label, rest]
    body = b"".join(part + bytes(-len(part) % 8) for part in parts)
    return struct.pack("<II", 14, len(body)) + body


def _file(path: Path, *variables: bytes) -> Path:
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + b"\x00\x01IM" + b"".join(variables))
    return path


NUMBER = struct.pack("<IId", 9, 8, 1.0)
NESTED = _variable(6, [1, 1], NUMBER, b"")
for _ in range(80):
    NESTED = _variable(1, [1, 1], NESTED, b"")


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        (_variable(6, [1, 2], NUMBER), "8 bytes of type 9 for 2 numbers"),
        (_variable(6, [-1, 1], NUMBER), "dims"),
        (_variable(6, [1] * 40, NUMBER), "dims"),
        (_variable(6, [1, 1], NUMBER, flags=0x800), "without all of its parts"),
        (_variable(6, [1, 1], NUMBER + NUMBER), "parts end at byte"),
        (_variable(1, [1 << 20, 1 << 10], b""), "arrays in 0 bytes"),
        (_variable(1, [1 << 30, 0], b""), "an empty array"),
        (_variable(1, [1, 1], NESTED), "levels"),
        (_variable(2, [1, 1], struct.pack("<HHi", 5, 4, 0) + struct.pack("<II8s", 1, 8, b"field")), "field names"),
        (_variable(2, [1 << 20, 1], struct.pack("<HHi", 5, 4, 8) + struct.pack("<II", 1, 0)), "structs without fields"),
        (_variable(4, [1, 1 << 28], struct.pack("<II", 16, 0)), "text without content"),
        (_variable(4, [1, 9], struct.pack("<II8s", 4, 8, b"abcdefgh")), "bytes of type 4 for text"),
        (_variable(7, [1, 1], struct.pack("<IId", 9, 16, 1.0)), "does not end inside"),
        (_variable(18, [1, 1], NUMBER), "array class 18"),
        (_variable(16, [1, 1], b""), "without all of its parts"),
    ],
)
def test_each_lie_about_the_structure_is_named(tmp_path: Path, variable: bytes, says: str) -> None:
    path = _file(tmp_path / "lie.mat", variable)
    for load in (load_struct, load_tables):
        with pytest.raises(DataFormatError, match=rf"toy: .*lie\.mat; found .*({says}).*Download the file again"):
            load(path, dataset="toy")


def test_sparse_indices_outside_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sparse.mat"
    savemat(path, {"s": csc_array(np.diag([1.0, 2.0, 3.0]))})
    content = path.read_bytes()
    assert "s" in load_struct(path, dataset="toy")
    for sound, bad in (((0, 1, 2), (0, 1, 9)), ((0, 1, 2, 3), (0, 900, 2, 3)), ((0, 1, 2, 3), (0, 1, 2, 99))):
        changed = content.replace(struct.pack(f"<{len(sound)}i", *sound), struct.pack(f"<{len(bad)}i", *bad), 1)
        assert changed != content
        path.write_bytes(changed)
        with pytest.raises(DataFormatError, match="a sparse matrix whose indices lie outside"):
            load_struct(path, dataset="toy")


def test_a_store_of_objects_where_none_is_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)[-1]
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, 116, HEADER)
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match="announces MATLAB objects where none are"):
        load_tables(path, dataset="toy")


def test_a_zero_at_the_start_is_no_older_version(tmp_path: Path) -> None:
    path = write(tmp_path)[0]
    path.write_bytes(b"M\x00TL" + path.read_bytes()[4:])
    with pytest.raises(DataFormatError, match="no MATLAB v5 header"):
        load_struct(path, dataset="toy")


def test_an_object_that_cannot_be_decoded_is_no_endless_cell(tmp_path: Path) -> None:
    path = write(tmp_path)[-1]
    content = path.read_bytes()
    assert content.count(b"VariableNamesOriginal") > 0 or content.count(b"varnames") > 0
    path.write_bytes(content.replace(b"table\x00", b"tabla\x00"))
    with open_mat(path, dataset="toy") as root, pytest.raises(DataFormatError, match="cannot be decoded"):
        root["T"].table()


@pytest.mark.parametrize("compress", [True, False])
def test_sound_files_are_read_as_scipy_reads_them(tmp_path: Path, compress: bool) -> None:
    path = tmp_path / "sound.mat"
    for name, values in VALUES.items():
        save_struct(path, {**values, "large": np.random.default_rng(0).normal(size=(300, 1000))}, compress=compress)
        expected = loadmat(path, simplify_cells=True)
        found = load_struct(path, dataset="toy")
        assert set(found) == {key for key in expected if not key.startswith("__")}, name
        np.testing.assert_array_equal(found.pop("large"), expected.pop("large"))
        assert repr(found) == repr({key: expected[key] for key in found})
        assert check_file(path, dataset="toy") > 2_400_000


def test_only_the_variables_asked_for_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "two.mat"
    save_struct(path, {"wanted": 1.0, "other": np.random.default_rng(0).normal(size=400_000)})
    content = bytearray(path.read_bytes())
    content[-20] ^= 0xFF
    path.write_bytes(content)
    with open_mat(path, dataset="toy", variables=("wanted",)) as root:
        assert root.fields() == ("wanted",)
        assert root["wanted"].number() == 1.0
    with pytest.raises(DataFormatError, match="damaged content"), open_mat(path, dataset="toy"):
        pass


if __name__ == "__main__":
    print(json.dumps(outcomes(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
