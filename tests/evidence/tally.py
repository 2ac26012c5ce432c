"""Count of right, wrong and refused decisions, and the sentence that reports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from biomech_xr.evidence import LEAST, Decision

Record = Callable[[str, object], None]
PROPERTY = "decisions"


@dataclass
class Tally:
    """Decisions of one detector on one kind of data; wrong means sure and wrong."""

    name: str
    cases: int = 0
    refused: int = 0
    groups: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def add(self, decision: Decision[Any], truth: object, case: str, group: str = "") -> None:
        """Count one decision; cases of one `group` (person, mode, leg) share their strides."""
        self.cases += 1
        if decision.confidence < LEAST:
            self.refused += 1
            return
        self.groups.update({group} - {""})
        if decision.value != truth:
            self.wrong.append(f"{case}: truth {truth}, got {decision.note()}")

    def report(self, record: Record, *, most_refused: float, least_cases: int) -> None:
        """Print and record the sentence; fail on a wrong decision, on too many refusals and on too few cases."""
        decided = self.cases - self.refused
        text = f"{self.name}: {decided} decided, {len(self.wrong)} wrong, {self.refused} refused; " + (
            f"3/decided = {3 / decided:.1%}" if decided else "no bound, nothing decided"
        )
        if self.groups:
            text += f"; {len(self.groups)} groups decided (person x mode x leg), 3/groups = {3 / len(self.groups):.1%}"
        print(text)
        record(PROPERTY, text)
        assert not self.wrong, "\n".join([text, *self.wrong[:5]])
        assert self.cases >= least_cases, text
        assert self.refused <= most_refused * self.cases, text
