"""The table of the loader's benchmark: every row says what it is beside, and one that was not measured says why."""

from __future__ import annotations

import pytest

from tests.benchmarks import loader_peers, loader_table
from tests.benchmarks.loader_table import Table


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr(loader_table, "_READY", 64)
    return Table(8)


def test_rows_stand_beside_what_they_are_measured_with(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    ours = table.measure("ours", lambda: 1000, per_window=10_400, threads="2 cutting")
    table.note("ours", "as good as it gets")
    table.put_memory("memory", 0.5, 1.0, "bound 1 GiB")
    lines = list(table.lines())
    assert {line.count("|") for line in lines} == {lines[0].count("|")}
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == ["R", "R, two threads", "ours", "memory"]
    assert "| 2 cutting | as good as it gets |" in lines[4]
    assert "0.50 GiB" in lines[5]
    assert table.speed_of("ours") == ours
    cases = table.cases()
    assert cases["ours"].ratio == pytest.approx(cases["ours"].value / cases["ours"].baseline)
    assert cases["memory"].ratio == 0.5
    assert "ours" in capsys.readouterr().err


def test_a_loader_that_is_not_there_is_a_row_with_the_reason(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOMECH_XR_PEERS", "/no/such/place")
    loader_peers.add_loaders(table, "unused", {"windows": "R"})
    assert {title: table.cases()[title].note for title in loader_peers.TITLES} == dict.fromkeys(
        loader_peers.TITLES, "no environment; `make peers` makes it"
    )
    assert sum("| not run |" in line for line in table.lines()) == len(loader_peers.TITLES)
