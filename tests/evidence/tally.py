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
    wrong: list[str] = field(default_factory=list)

    def add(self, decision: Decision[Any], truth: object, case: str) -> None:
        """Count one decision."""
        self.cases += 1
        if decision.confidence < LEAST:
            self.refused += 1
        elif decision.value != truth:
            self.wrong.append(f"{case}: truth {truth}, got {decision.note()}")

    def report(self, record: Record, *, most_refused: float, least_cases: int) -> None:
        """Print and record the sentence; fail on a wrong decision, on too many refusals and on too few cases."""
        bound, share = 3 / max(self.cases, 1), self.refused / max(self.cases, 1)
        text = (
            f"{self.name}: {len(self.wrong)} wrong decisions in {self.cases} cases, "
            f"95 % upper bound 3/N = {bound:.2%}; {share:.1%} refused"
        )
        print(text)
        record(PROPERTY, text)
        assert not self.wrong, "\n".join([text, *self.wrong[:5]])
        assert self.cases >= least_cases, text
        assert self.refused <= most_refused * self.cases, text
