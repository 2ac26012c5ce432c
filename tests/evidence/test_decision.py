"""A decision's note, and the error that a low confidence becomes."""

from __future__ import annotations

import pytest

from biomech_xr.errors import DataFormatError
from biomech_xr.evidence import LEAST, Decision, require


def test_a_note_says_value_confidence_and_evidence() -> None:
    assert Decision(-1, 0.984, "knee -62.1 to 3.0 degrees").note() == "-1 (confidence 0.98): knee -62.1 to 3.0 degrees"


def test_a_sure_decision_gives_its_value() -> None:
    decision = Decision("N m", 0.95, "ankle peak 92")
    assert decision.sure
    assert require(decision, dataset="x", file="a.mat", field="moment", option="moment_unit") == "N m"


def test_an_unsure_decision_names_place_figures_and_option() -> None:
    decision = Decision("N m", 0.62, "ankle peak 300")
    with pytest.raises(DataFormatError) as caught:
        require(decision, dataset="embry", file="a.mat", field="s.moment", option="moment_unit")
    message = str(caught.value)
    for part in ("embry", "a.mat", "s.moment", "ankle peak 300", "0.62", f"at least {LEAST:g}", "moment_unit="):
        assert part in message


def test_the_limit_can_be_moved() -> None:
    decision = Decision(1, 0.62, "")
    assert require(decision, dataset="x", file="", field="", option="o", least=0.6) == 1
