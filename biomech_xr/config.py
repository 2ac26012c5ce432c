"""Strict YAML configurations: frozen models, ``key=value`` overrides, a stable hash.

A configuration is a pydantic model that derives from `Config`. An unknown key is an error that names the nearest
known key; nothing in a YAML file is ever imported or executed.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from biomech_xr.errors import ConfigError, MissingInputError


class Config(BaseModel):
    """Base of all run configurations: frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def hash(self, *, exclude: Sequence[str] = ()) -> str:
        """Return 12 hex digits of the SHA-256 of the values, the same in every process.

        Parameters
        ----------
        exclude
            Top-level fields that do not change the result (cluster, workers, progress).
        """
        text = json.dumps(self.model_dump(mode="json", exclude=set(exclude)), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> Self:
        """Return the configuration of a YAML file with ``key=value`` overrides applied.

        Nested keys are written with dots (``train.steps=50``); values are parsed as YAML. Without a file, ``path`` may
        be the first override.

        Raises
        ------
        MissingInputError
            The file does not exist.
        ConfigError
            Unknown key, wrong type or impossible value; all problems at once.
        """
        file = Path(path)
        if "=" in str(path) and not file.is_file():
            values: dict[str, Any] = {}
            for override in (str(path), *overrides):
                _apply(values, override)
            return cls.of(values, origin="command line")
        if not file.is_file():
            raise MissingInputError(f"{file}: no such configuration file. Give the path of a YAML file.")
        try:
            raw = _StrictLoader(file.read_text(encoding="utf-8")).get_single_data()
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: not valid YAML ({error}). Correct the file.") from error
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            raise ConfigError(f"{file}: found {type(raw).__name__}, expected `key: value` pairs. Correct the file.")
        for override in overrides:
            _apply(raw, override)
        return cls.of(raw, origin=str(file))

    @classmethod
    def of(cls, values: Mapping[str, Any], *, origin: str = "configuration") -> Self:
        """Return the configuration of a plain mapping; every problem is listed at once.

        Types are strict: ``"3"`` is no number and ``true`` is no 1; a whole number may stand for a float.
        """
        try:
            return cls.model_validate_json(json.dumps(values, default=str), strict=True)
        except ValidationError as error:
            lines = "\n".join(f"  - {_explain(cls, detail)}" for detail in error.errors())
            raise ConfigError(f"{origin}: {error.error_count()} problem(s):\n{lines}") from error


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML in which a key stands once; the plain loader silently takes the last of two."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Return the mapping of a node, or raise when a key occurs twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} occurs twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _apply(raw: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign or not key:
        raise ConfigError(f"override {override!r}: expected key=value, for example workers=2.")
    *path, last = key.split(".")
    node = raw
    for part in path:
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise ConfigError(f"override {override!r}: {part!r} holds a value, not a group of keys.")
        node = child
    try:
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {override!r}: the value is not valid YAML ({error}).") from error


def _explain(model: type[BaseModel], detail: ErrorDetails) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "union_tag_invalid":
        name, tag = (str(detail["ctx"][key]).strip("'") for key in ("discriminator", "tag"))
        known = [one.strip(" '") for one in detail["ctx"]["expected_tags"].split(",")]
        return f"{place}: {name}: found {tag!r}{_hint(tag, known)} Known: {', '.join(known)}"
    if detail["type"] != "extra_forbidden":
        where = f"{place}: " if place else ""
        found = "" if isinstance(detail["input"], dict | list) else f" (found {detail['input']!r})"
        return f"{where}{detail['msg'].removeprefix('Value error, ')}{found}"
    known = _known_keys(model, detail["loc"][:-1])
    return f"{place}: unknown key{_hint(str(detail['loc'][-1]), known)} Known keys: {', '.join(known)}"


def _hint(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return f"; did you mean {near[0]!r}?" if near else "."


def _known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the field names of the model that ``path`` leads to (through optionals, lists and mappings)."""
    current: list[type[BaseModel]] = [model]
    for part in path:
        nested: list[type[BaseModel]] = []
        for candidate in current:
            field = candidate.model_fields.get(str(part))
            nested += _models_in(field.annotation) if field is not None else []
        tagged = [
            one for one in current if any(part in get_args(field.annotation) for field in one.model_fields.values())
        ]
        current = nested or tagged or current
    return sorted({field.alias or name for candidate in current for name, field in candidate.model_fields.items()})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]
