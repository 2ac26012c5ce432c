"""Files of Grimmer for its tests, written once: two people, and the first again with the open points the other way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from biomech_xr.synthetic.grimmer import Form, write_grimmer
from biomech_xr.synthetic.truth import Truth

SEED, MINUTES = 3, 0.1
OTHER = Form(knee=1, radians=True, newton_meters=True, external=True)
_MADE: dict[str, tuple[Path, Truth]] = {}


def tree(make_folder: Callable[[], Path], *, other: bool = False) -> tuple[Path, Truth]:
    """Return the files of both people, or those of the first in the ``other`` form, written at the first call."""
    key = "other" if other else "usual"
    if key not in _MADE:
        root, form = make_folder(), OTHER if other else None
        _MADE[key] = root, write_grimmer(root, patients=1 if other else 2, seed=SEED, minutes=MINUTES, form=form)
    return _MADE[key]
