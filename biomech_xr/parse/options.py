"""The options of a source: what a user may settle about files that leave something open."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biomech_xr.datasets import Option, get_dataset
from biomech_xr.errors import ConfigError


def check_options(dataset: str, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options given to a source, checked: numbers as float, files as `Path`.

    Raises
    ------
    ConfigError
        The source has no such option, or a value is not of its kind; the message says what it takes.
    """
    known = get_dataset(dataset).options
    checked = {}
    for name, value in (options or {}).items():
        if name not in known:
            takes = ", ".join(known) or "none"
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ConfigError(f"{dataset}: option {name!r} is not known{hint} This source takes: {takes}.")
        checked[name] = _value(dataset, name, value, known[name])
    return checked


def describe_options(options: Mapping[str, Any]) -> str:
    """Return options as one text that changes with them and with the content of the files they name; empty for none."""
    plain = {
        name: f"sha256:{hashlib.sha256(value.read_bytes()).hexdigest()}" if isinstance(value, Path) else value
        for name, value in options.items()
    }
    return json.dumps(plain, sort_keys=True) if plain else ""


def _value(dataset: str, name: str, value: Any, option: Option) -> Any:
    where = f"{dataset}: option {name}={value!r}"
    if option.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{where}: expected a number. {option.help}")
        return float(value)
    if not isinstance(value, str):
        raise ConfigError(f"{where}: expected text. {option.help}")
    if option.kind == "choice" and value not in option.choices:
        raise ConfigError(f"{where}: expected one of {', '.join(option.choices)}. {option.help}")
    if option.kind == "file":
        path = Path(value)
        if not path.is_file():
            raise ConfigError(f"{where}: no such file. {option.help}")
        return path
    return value
