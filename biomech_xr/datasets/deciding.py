"""How a source settles what its files leave open: the user's option first, else a decision that is sure, and a note.

`Judge` asks; the rest are options, units and detectors that several sources share.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.spec import Option
from biomech_xr.errors import DataFormatError
from biomech_xr.evidence import Decision

Value = TypeVar("Value")
FloatArray = npt.NDArray[np.float64]

ANGLE_SIGNS: Final[Mapping[str, Callable[[FloatArray], Decision[int]]]] = {
    "hip": evidence.hip_sign,
    "knee": evidence.knee_sign,
    "ankle": evidence.ankle_sign,
}
"""By joint: decides from strides (stride, point), contact to contact of the own foot, whether flexion is positive."""

MOMENT_UNIT: Final = Option(
    kind="choice",
    choices=tuple(evidence.FACTORS),
    help="Unit of the joint moments in the files, where the data do not settle it.",
)
EMG_STATE: Final = Option(
    kind="choice", choices=words.EMG_STATES, help="What was done to the EMG, where the data do not settle it."
)

PUBLISHED_POWER: Final = Option(
    kind="choice",
    choices=("use", "ignore"),
    help="Whether the published joint power has a say in signs and units and may refuse a person (use, by default).",
)

AGAINST: Final = "against the data"
"""In a note: an option was taken although the data are sure of something else."""

_STATES: Final[Mapping[str, words.EmgState]] = {"raw": "raw", "bandpassed": "bandpassed", "envelope": "envelope"}


def sign_option(canonical: str, opposite: str, what: str) -> Option:
    """Return the option that says which of two is positive in the files; ``canonical`` is the choice without a flip."""
    return Option(
        kind="choice",
        choices=(canonical, opposite),
        help=f"Which {what} counts positive in the files, where the data do not settle it.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Takes the user's word, else a decision that is sure, and notes which.

    `dataset` and `file` are for messages; `options` are those that the user gave; `notes` is filled with one line a
    question, `evidence.<what>`.
    """

    dataset: str
    file: Path
    options: Mapping[str, Any]
    notes: dict[str, str] = field(default_factory=dict)

    def asked(self, option: str, what: str = "") -> Any | None:
        """Return what the user says, and note it; None where the option is not given."""
        given = self.options.get(option)
        if given is not None:
            self.notes[f"evidence.{what or option}"] = f"{given} (option {option}={given})"
        return given

    def heard(self, what: str, decision: Decision[Value]) -> Decision[Value]:
        """Note a decision, whatever its confidence, and return it."""
        self.notes[f"evidence.{what}"] = decision.note()
        return decision

    def value(self, option: str, field: str, *decisions: Decision[Value], what: str = "") -> Value:
        """Return the value of the option, or of the clearest decision.

        Parameters
        ----------
        option
            The option that settles the question.
        field
            Where in the file the data lie, for the message.
        *decisions
            What the data say, of one part of them or of several.
        what
            The question, for the note; that of the option by default.

        Raises
        ------
        DataFormatError
            No decision is sure, or two sure ones differ, and the option is not given.
        """
        given: Value | None = self.asked(option, what)
        if given is not None:
            self._compare(what or option, given, decisions)
            return given
        decision = self.heard(what or option, clearest(decisions))
        return evidence.require(decision, dataset=self.dataset, file=self.file, field=field, option=option)

    def sign(self, option: str, field: str, *decisions: Decision[int], canonical: str, what: str = "") -> int:
        """Return 1 or -1, the factor to the canonical sign; the choice ``canonical`` of the option means 1.

        Parameters and errors are those of `value`.
        """
        given = self.options.get(option)
        if given is None:
            return self.value(option, field, *decisions, what=what)
        factor = 1 if given == canonical else -1
        self.notes[f"evidence.{what or option}"] = f"{factor} (option {option}={given})"
        self._compare(what or option, factor, decisions)
        return factor

    def _compare(self, what: str, given: Value, decisions: Sequence[Decision[Value]]) -> None:
        """Note beside the user's word what the data say, and whether they are sure of something else."""
        if decisions:
            decision = clearest(decisions)
            said = AGAINST if decision.sure and decision.value != given else "the data"
            self.notes[f"evidence.{what}"] += f"; {said}: {decision.note()}"

    def assume(self, what: str, decision: Decision[Value], otherwise: Value, why: str) -> Value:
        """Return a decision that is sure, else what is assumed ``otherwise``, and note which and why."""
        self.heard(what, decision)
        if decision.sure:
            return decision.value
        self.notes[f"evidence.{what}"] += f"; not sure, assumed {otherwise} ({why})"
        return otherwise

    def sign_or_assumed(self, option: str, field: str, *decisions: Decision[int], canonical: str, why: str) -> int:
        """Return 1 or -1 as `sign` does, but 1 where no decision is sure, noted as assumed and ``why``.

        Raises
        ------
        DataFormatError
            Two sure decisions differ, and the option is not given.
        """
        unsure = not any(decision.sure for decision in decisions)
        if unsure and self.options.get(option) is None:
            return self.assume(option, clearest(decisions), 1, why)
        return self.sign(option, field, *decisions, canonical=canonical)

    def moment_factor(self, unit: str, body_mass: float, *, field: str, expected: str, action: str) -> float:
        """Return the factor from moments in ``unit`` to N m/kg.

        Parameters
        ----------
        unit
            A key of `evidence.FACTORS`.
        body_mass
            kg, NaN where unknown.
        field
            Where in the file the moments lie, for the message.
        expected, action
            Where the body mass should stand, and what to do, for the message.

        Raises
        ------
        DataFormatError
            The unit needs the body mass, which is not known.
        """
        factor = evidence.FACTORS[unit](body_mass)
        if math.isfinite(factor):
            return factor
        raise DataFormatError.of(
            dataset=self.dataset,
            file=self.file,
            field=field,
            found=f"moments in {unit} of a person of unknown mass",
            expected=expected,
            action=action,
        )


def clearest(decisions: Sequence[Decision[Value]]) -> Decision[Value]:
    """Return the most confident decision; one without confidence where two sure ones differ."""
    best = max(decisions, key=lambda decision: decision.confidence)
    other = next((d for d in decisions if d.sure and d.value != best.value), None)
    if other is None:
        return best
    return Decision(best.value, 0.0, f"contradiction: {best.evidence}; but {other.note()}")


def emg_state(
    channels: Iterable[npt.ArrayLike], rate: float = math.nan, *, share: float = 1.0
) -> Decision[words.EmgState]:
    """Decide what was done to EMG by the vote of the channels that are sure.

    Parameters
    ----------
    channels
        Each (sample,), or strides (stride, point), in any unit; one without a value has no vote.
    rate
        Hz, NaN where unknown.
    share
        Share of the channels with a vote that must agree.

    Returns
    -------
    Decision[EmgState]
        Without confidence where the channels differ or none has a value.
    """
    found = [evidence.emg_state(channel, rate) for channel in channels if np.isfinite(channel).any()]
    if not found:
        return Decision("raw", 0.0, "no channel with a value")
    sure = [decision for decision in found if decision.sure]
    votes = Counter(decision.value for decision in sure or found).most_common()
    state = votes[0][0]
    if votes[0][1] < share * len(sure):
        return Decision(_STATES[state], 0.0, f"channels differ: {', '.join(sorted(name for name, _ in votes))}")
    if not sure:
        best = clearest(found)
        return Decision(_STATES[best.value], best.confidence, f"none of {len(found)} channels is sure; {best.evidence}")
    best = clearest([decision for decision in sure if decision.value == state])
    if len(found) == 1:
        return Decision(_STATES[state], best.confidence, best.evidence)
    return Decision(_STATES[state], best.confidence, f"{votes[0][1]} of {len(found)} channels agree; {best.evidence}")
