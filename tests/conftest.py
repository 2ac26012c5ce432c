"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of real sample files, or skip: they are never part of the project."""
    folder = os.environ.get("BIOMECH_XR_SAMPLES", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real sample files not here: set BIOMECH_XR_SAMPLES to their folder")
    return Path(folder)
