"""A decision that data made: the value, how sure it is, and the figures it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from biomech_xr.errors import DataFormatError

Value = TypeVar("Value")

LEAST: Final = 0.9
"""The confidence from which on a decision may be used without a human's word."""


@dataclass(frozen=True, slots=True)
class Decision(Generic[Value]):
    """What a detector found.

    `confidence` lies in 0..1; 0.9 means that every landmark was seen at the size that the weakest gait still shows, in
    strides that repeat. Below that the value is a guess. `evidence` is one sentence with the measured figures.
    """

    value: Value
    confidence: float
    evidence: str

    @property
    def sure(self) -> bool:
        """Whether the confidence reaches `LEAST`."""
        return self.confidence >= LEAST

    def note(self) -> str:
        """Return value, confidence and evidence as one line for the attributes of a store."""
        return f"{self.value} (confidence {self.confidence:.2f}): {self.evidence}"


def require(
    decision: Decision[Value], *, dataset: str, file: object, field: str, option: str, least: float = LEAST
) -> Value:
    """Return the value of a decision that is sure enough.

    Parameters
    ----------
    decision
        What a detector found.
    dataset, file, field
        Where the data came from, for the message.
    option
        Name of the source option that settles the question by hand.
    least
        Smallest confidence that is accepted.

    Raises
    ------
    DataFormatError
        The confidence is below ``least``; the message holds the evidence and names the option.
    """
    if decision.confidence >= least:
        return decision.value
    raise DataFormatError.of(
        dataset=dataset,
        file=file,
        field=field,
        found=f"no clear answer from the data, best guess {decision.note()}",
        expected=f"a confidence of at least {least:g}",
        action=f"State it with the source option {option}=",
    )
