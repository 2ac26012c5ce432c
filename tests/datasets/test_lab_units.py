"""Lab: a unit that a C3D file states wins over the mapping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biomech_xr.datasets.lab.contents import Content, stream
from biomech_xr.datasets.lab.mapping import AngleChannel, TrialFiles
from biomech_xr.datasets.lab.stated import column_units, convention_unit
from biomech_xr.readers.c3d import C3dTrial


def c3d(**parameters: str | list[str]) -> C3dTrial:
    return C3dTrial(
        point_rate=100.0,
        analog_rate=1000.0,
        first_frame=0,
        points={"LKneeAngle": np.zeros((9, 3), np.float32)},
        analogs={"gonio": np.zeros(90, np.float32)},
        analog_units={"gonio": "V"},
        analog_descriptions={},
        parameters={"POINT": parameters},
        events=(),
        announced_frames=9,
    )


@pytest.mark.parametrize("unit", ["", "Nmm", "N.mm", "Nmm/kg", "N mm/kg"])
def test_moments_of_plug_in_gait_may_be_stated_as_it_writes_them(unit: str) -> None:
    assert convention_unit(c3d(MOMENT_UNITS=unit), "Moment") == ""


@pytest.mark.parametrize("unit", ["Nm", "Nm/kg"])
def test_moments_in_another_unit_are_none_of_plug_in_gait(unit: str) -> None:
    found = convention_unit(c3d(MOMENT_UNITS=[unit]), "Moment")
    assert f"POINT:MOMENT_UNITS is '{unit}', expected Nmm" in found
    assert "list channels" in found


@pytest.mark.parametrize(
    ("label", "message"),
    [("LKneeAngle.x", "POINT:ANGLE_UNITS says 'rad'; state unit: rad"), ("gonio", "the channel says 'V'; is it this")],
)
def test_a_unit_that_the_file_states_wins(label: str, message: str) -> None:
    content = Content(
        files=TrialFiles.of({"trial": "w", "c3d": "w.c3d"}),
        paths={"c3d": Path("w.c3d")},
        c3d=c3d(ANGLE_UNITS="rad", ANGLES=["LKneeAngle"]),
        tables={},
        events=(),
        problems=(),
    )
    channel = {"label": label, "joint": "knee", "motion": "flexion", "side": "left", "unit": "deg", "sign": 1}
    columns = stream(content, "angles", [label])
    assert columns is not None
    (found,) = column_units(content, "angles", columns, [AngleChannel.of(channel)])
    assert message in found
