"""Damage at rest: objects of a store deleted, cut, emptied or changed, chosen at random from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path


def keys_of(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def snapshot(root: Path) -> dict[str, bytes]:
    return {key: (root / key).read_bytes() for key in keys_of(root)}


def restore(root: Path, objects: dict[str, bytes]) -> None:
    for key, data in objects.items():
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        if not (root / key).is_file() or (root / key).read_bytes() != data:
            (root / key).write_bytes(data)


def delete(file: Path, _: random.Random) -> None:
    file.unlink()


def cut(file: Path, rng: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: rng.choice([0, len(data) // 2, len(data) - 1])])


def flip(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(bytes(data))


def overwrite(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    place = rng.randrange(len(data))
    data[place] = (data[place] + rng.randrange(1, 256)) % 256
    file.write_bytes(bytes(data))


KINDS: Sequence[Callable[[Path, random.Random], None]] = (delete, cut, flip, overwrite)


def damage(root: Path, keys: Sequence[str], seed: int, *, traceless: Sequence[str] = ()) -> None:
    """Damage these objects, each in one way; those whose absence leaves no trace are not deleted."""
    rng = random.Random(seed)  # noqa: S311
    for key in keys:
        kinds = KINDS[1:] if key in traceless else KINDS
        rng.choice(kinds)(root / key, rng)
