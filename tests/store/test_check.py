"""`check_store` reads everything: an intact store has no problem, and every kind of damage is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from biomech_xr.cli import app
from biomech_xr.errors import NotAStoreError
from biomech_xr.store import check_store, write_patient

from .samples import make_product, make_spec, make_trials


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_patient(str(tmp_path), make_spec(), make_trials(), config_hash="x")
    make_product("hu", strides=20, time=1850, seed=0).write(str(tmp_path))
    return tmp_path


def problems(store: Path) -> list[str]:
    return [problem for unit in check_store(str(store)) for problem in unit.problems]


def chunks(store: Path) -> list[Path]:
    return [path for path in sorted(store.rglob("*")) if path.is_file() and "/c/" in path.as_posix()]


def test_an_intact_store_has_no_problem(store: Path) -> None:
    units = list(check_store(str(store)))
    assert [unit.name.partition("/")[0] for unit in units] == ["recordings", "strides", "versions"]
    assert all(unit.objects > 5 and unit.size > 1000 for unit in units)
    assert problems(store) == []
    assert CliRunner().invoke(app, ["check", str(store)]).exit_code == 0


@pytest.mark.parametrize("place", ["recordings", "strides", "versions"])
def test_every_lost_or_cut_chunk_is_named(store: Path, place: str) -> None:
    for path in chunks(store / place)[::4]:
        whole = path.read_bytes()
        path.unlink()
        assert any("found nothing" in problem for problem in problems(store)), path
        path.write_bytes(whole[:-1])
        assert any(f"{len(whole)} bytes" in problem for problem in problems(store)), path
        path.write_bytes(whole)
    assert problems(store) == []


@pytest.mark.parametrize("place", ["recordings", "strides"])
def test_a_flipped_bit_is_found(store: Path, place: str) -> None:
    path = max(chunks(store / place), key=lambda chunk: chunk.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert any("corrupted" in problem for problem in problems(store))
    result = CliRunner().invoke(app, ["check", str(store), "--json"])
    assert result.exit_code == 1
    assert "corrupted" in result.output


def test_an_object_that_nobody_wrote_is_named(store: Path) -> None:
    extra = chunks(store)[0].with_name("99")
    extra.write_bytes(b"stray")
    assert any("not in the list" in problem for problem in problems(store))


def test_an_empty_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="neither recordings nor strides"):
        list(check_store(str(tmp_path)))
