"""What sources whose notes leave signs open share: the clearest of several decisions, and the frontal hip moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from biomech_xr.evidence import Decision, require

Value = TypeVar("Value")

_FEWEST: Final = 3
_SIZE: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Takes a decision or the user's word for it, and keeps what to note about it.

    `options` are those that the user gave; `notes` is filled with one line a question.
    """

    dataset: str
    file: Path
    options: Mapping[str, Any]
    notes: dict[str, str]

    def sign(self, option: str, canonical: str, field: str, decisions: Sequence[Decision[int]]) -> int:
        """Return 1 or -1, the factor to the canonical sign; the choice ``canonical`` of the option means 1."""
        if option in self.options:
            factor = 1 if self.options[option] == canonical else -1
            self.notes[f"evidence.{option}"] = f"{factor} (option {option}={self.options[option]})"
            return factor
        return self.value(option, field, decisions)

    def value(self, option: str, field: str, decisions: Sequence[Decision[Value]]) -> Value:
        """Return the value of the clearest decision, or of the option.

        Raises
        ------
        DataFormatError
            No decision is sure, or two sure ones differ, and the option is not given.
        """
        if option in self.options:
            given: Value = self.options[option]
            self.notes[f"evidence.{option}"] = f"{given} (option {option}={given})"
            return given
        decision = clearest(decisions)
        value = require(decision, dataset=self.dataset, file=self.file, field=field, option=option)
        self.notes[f"evidence.{option}"] = decision.note()
        return value


def clearest(decisions: Sequence[Decision[Value]]) -> Decision[Value]:
    """Return the most confident decision; one without confidence where two sure ones differ."""
    best = max(decisions, key=lambda decision: decision.confidence)
    other = next((d for d in decisions if d.sure and d.value != best.value), None)
    if other is None:
        return best
    return Decision(best.value, 0.0, f"contradiction: {best.evidence}; but {other.note()}")


def hip_adduction_sign(moment: npt.NDArray[np.float64]) -> Decision[int]:
    """Decide whether frontal hip moments, shape (stride, point) from contact to contact, are canonical.

    In single support the abductors carry the pelvis: the canonical moment is negative, -0.5 to -0.9 N m/kg, on stairs
    too (Winter 2009). A fifth of the curve's own peak is needed, so that the unit need not be known.
    """
    strides = moment[np.isfinite(moment).all(axis=1)]
    if len(strides) < _FEWEST:
        return Decision(1, 0.0, f"{len(strides)} stride(s) with a moment")
    points = moment.shape[1] - 1
    stance = strides[:, round(0.1 * points) : round(0.5 * points) + 1].mean(axis=1)
    peak = float(np.median(np.abs(strides).max(axis=1)))
    middle = float(np.median(stance)) / peak if peak > 0 else 0.0
    agree = float(np.mean(np.sign(stance) == np.sign(middle)))
    sure = abs(middle) >= _SIZE and agree >= 0.9
    evidence = (
        f"hip adduction moment: {middle:+.2f} of its peak {peak:.3g} from 10 to 50 % of {len(strides)} strides, "
        f"{agree:.0%} of one sign"
    )
    return Decision(-1 if middle > 0 else 1, 0.95 if sure else 0.5, evidence)
