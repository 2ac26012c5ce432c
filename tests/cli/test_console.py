"""The console that tables go to."""

from __future__ import annotations

import pytest

from biomech_xr.cli._app import console


@pytest.mark.parametrize(("columns", "width"), [("100", 100), ("", 160), ("0", 160), ("wide", 160)])
def test_a_piped_console_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert console().width == width
    monkeypatch.delenv("COLUMNS")
    assert console().width == 160
