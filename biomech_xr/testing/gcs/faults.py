"""Seeded faults: which request fails, and how, decided by the request itself and not by the order of arrival.

A draw is a hash of the seed, the method, the kind of request, the object, its range and how often that same request has
come before. So the same requests meet the same faults in every run, however many clients send them at once.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from biomech_xr.errors import ConfigError
from biomech_xr.testing.gcs.answers import KINDS, Operation

ACTIONS: Final = (
    "http_429",
    "http_500",
    "http_503",
    "drop",
    "lost_reply",
    "stall",
    "truncate",
    "corrupt",
    "corrupt_write",
)
"""What can be drawn; a rule may also ask for any other ``http_NNN``, or for ``none`` (which only counts and calls)."""

_HTTP = re.compile(r"http_([45]\d\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A fault for named requests, such as the third write of a ledger.

    Parameters
    ----------
    action
        One of `ACTIONS`, ``http_NNN`` with any status from 400 to 599, or ``none``.
    match
        Pattern of ``bucket/object``, where ``*`` stands for any characters, ``/`` included.
    kind
        Kind of request (`biomech_xr.testing.gcs.KINDS`), empty for all.
    nth
        The first matching request that fails, from 1.
    count
        How many fail from there on; None for all that follow.
    each
        Count for every object on its own, and only requests on which the fault had an effect: with ``corrupt``, the
        first `count` transfers of each object.
    seconds
        How long a stall lasts.
    call
        Called with the request's ``bucket/object`` before the fault, for tests in one process: it may kill a worker.
    """

    action: str
    match: str = "*"
    kind: str = ""
    nth: int = 1
    count: int | None = 1
    each: bool = False
    seconds: float = 30.0
    call: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if self.action not in (*ACTIONS, "none") and not _HTTP.fullmatch(self.action):
            raise ConfigError(
                f"rule: found action {self.action!r}; expected one of {', '.join(ACTIONS)}, http_NNN, none."
            )
        if self.kind and self.kind not in KINDS:
            raise ConfigError(f"rule: found kind {self.kind!r}; expected one of {', '.join(KINDS)}.")
        if self.nth < 1 or (self.count is not None and self.count < 1):
            raise ConfigError(f"rule: found nth={self.nth}, count={self.count}; both count from 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """How often requests fail. Rates are shares of all requests, from 0 to 1; their sum is at most 1.

    Parameters
    ----------
    seed
        Another seed, other faults.
    http_429, http_500, http_503
        Replies with that status; the request has no effect.
    drop
        The connection closes without a reply, and the request has no effect.
    lost_reply
        The connection closes without a reply, and the request has its effect.
    stall
        The reply stops half-way for `stall_seconds`.
    truncate
        The connection closes after a part of the body that the reply announced.
    corrupt
        One byte of an object is changed in the reply that carries it.
    corrupt_write
        One byte of an object is changed on its way in, and so stored, unless the client sent a checksum.
    stall_seconds
        How long a drawn stall lasts.
    jitter
        Latency on top of the emulator's own, uniform from 0 to this many seconds.
    rules
        Faults for named requests. The first rule that applies wins, and comes before any draw.
    """

    seed: int = 0
    http_429: float = 0.0
    http_500: float = 0.0
    http_503: float = 0.0
    drop: float = 0.0
    lost_reply: float = 0.0
    stall: float = 0.0
    truncate: float = 0.0
    corrupt: float = 0.0
    corrupt_write: float = 0.0
    stall_seconds: float = 30.0
    jitter: float = 0.0
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        rates = {action: getattr(self, action) for action in ACTIONS}
        wrong = [f"{name}={rate}" for name, rate in rates.items() if not 0 <= rate <= 1]
        if wrong or sum(rates.values()) > 1 + 1e-9:
            found = ", ".join(wrong) or f"rates that sum to {sum(rates.values()):g}"
            raise ConfigError(f"faults: found {found}; expected rates from 0 to 1 that sum to at most 1.")
        if self.jitter < 0 or self.stall_seconds < 0:
            raise ConfigError(
                f"faults: found jitter={self.jitter}, stall_seconds={self.stall_seconds}; expected 0 or more."
            )

    @property
    def quiet(self) -> bool:
        """Whether nothing ever goes wrong."""
        return not (self.rules or self.jitter or any(getattr(self, action) for action in ACTIONS))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Faults:
        """Return faults from plain values, as a JSON file or a command line holds them.

        Raises
        ------
        ConfigError
            A name is unknown or a value impossible.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(f"faults: found {name!r}; expected one of {', '.join(sorted(known))}.")
        try:
            rules = tuple(Rule(**rule) for rule in values.get("rules", ()))
            numbers = {
                name: (int if name == "seed" else float)(value) for name, value in values.items() if name != "rules"
            }
        except (TypeError, ValueError) as error:
            raise ConfigError(f"faults: {error}. Rates are numbers, rules a list of objects.") from error
        return cls(**numbers, rules=rules)  # type: ignore[arg-type]

    @classmethod
    def parse(cls, words: Iterable[str], *, seed: int | None = None) -> Faults:
        """Return faults from words of a command line: ``name=value`` pairs, and names of JSON files.

        Raises
        ------
        ConfigError
            A file cannot be read, a name is unknown or a value impossible.
        """
        values: dict[str, Any] = {}
        for word in words:
            name, sign, value = word.partition("=")
            if sign:
                values[name] = value
                continue
            try:
                loaded = json.loads(Path(word).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise ConfigError(f"faults: {word}: {error}. Give name=value or a JSON file.") from error
            if not isinstance(loaded, dict):
                raise ConfigError(f"faults: {word}: found {type(loaded).__name__}; expected one JSON object.")
            values |= loaded
        return cls.of(values if seed is None else {**values, "seed": seed})


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What happens to one request. `position`, from 0 to 1, places a cut or a changed byte.

    `counter` is the one of the rule that asked for it, empty where none did.
    """

    action: str = ""
    seconds: float = 0.0
    jitter: float = 0.0
    position: float = 0.0
    counter: str = ""

    @property
    def status(self) -> int:
        """Status of an injected error reply, or 0."""
        found = _HTTP.fullmatch(self.action)
        return int(found[1]) if found else 0


@dataclass(slots=True)
class Injector:
    """Draws the fault of every request and counts what was injected."""

    faults: Faults
    injected: Counter[str] = field(default_factory=Counter)
    _attempts: Counter[str] = field(default_factory=Counter)
    _matched: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, operation: Operation) -> Fault:
        """Return the fault of a request; call it once for each."""
        faults = self.faults
        if faults.quiet:
            return Fault()
        key = f"{method} {operation.kind} {operation.target} {operation.detail}"
        with self._lock:
            self._attempts[key] += 1
            attempt = self._attempts[key]
            rule, counter = self._rule(operation)
        draw, late, position = _uniform(f"{faults.seed} {key} {attempt}")
        action, seconds = self._drawn(draw), faults.stall_seconds
        if rule is not None:
            action, seconds = rule.action, rule.seconds
            if rule.call is not None:
                rule.call(operation.target)
        jitter = faults.jitter * late
        return Fault(action=action, seconds=seconds, jitter=jitter, position=position, counter=counter)

    def count(self, fault: Fault) -> None:
        """Note that a fault had its effect: a drawn one may find nothing to damage."""
        with self._lock:
            self.injected[fault.action] += 1

    def spare(self, fault: Fault) -> None:
        """Note that a fault had no effect, so that a rule that counts for each object still has it to come."""
        if fault.counter:
            with self._lock:
                self._matched[fault.counter] -= 1

    def reset(self) -> None:
        """Forget what was injected; attempts and matches go on."""
        with self._lock:
            self.injected.clear()

    def snapshot(self) -> dict[str, int]:
        """Return how often each fault was injected."""
        with self._lock:
            return dict(sorted(self.injected.items()))

    def _rule(self, operation: Operation) -> tuple[Rule | None, str]:
        """Return the rule that applies, and its counter if it has one for each object; all count what matches them."""
        chosen, counter = None, ""
        for number, rule in enumerate(self.faults.rules):
            if rule.kind not in ("", operation.kind) or not fnmatch.fnmatchcase(operation.target, rule.match):
                continue
            own = f"{number} {operation.target}" if rule.each else f"{number}"
            self._matched[own] += 1
            place = self._matched[own] - rule.nth
            if chosen is None and place >= 0 and (rule.count is None or place < rule.count):
                chosen, counter = rule, own if rule.each else ""
        return chosen, counter

    def _drawn(self, draw: float) -> str:
        for action in ACTIONS:
            draw -= getattr(self.faults, action)
            if draw < 0:
                return action
        return ""


def _uniform(key: str) -> tuple[float, float, float]:
    digest = hashlib.blake2b(key.encode(), digest_size=24).digest()
    first, second, third = (int.from_bytes(digest[at : at + 8], "big") / 2**64 for at in (0, 8, 16))
    return first, second, third
