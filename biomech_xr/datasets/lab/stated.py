"""What files state of their units against what the mapping says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from biomech_xr.datasets import plug_in_gait
from biomech_xr.datasets.lab.contents import Columns, Content
from biomech_xr.datasets.lab.mapping import AngleChannel, MomentChannel, PowerChannel
from biomech_xr.readers.c3d import C3dTrial

_AGREE: Final = {
    "deg": ("deg",),
    "rad": ("rad",),
    "nm": ("N m", "N m/kg"),
    "nmm": ("N mm", "N mm/kg"),
    "nm/kg": ("N m/kg",),
    "nmm/kg": ("N mm/kg",),
    "w": ("W", "W/kg"),
    "w/kg": ("W/kg",),
}
"""Units of a mapping that agree with a stated one; models write N m and W for values per kg too."""

_ANGLES: Final = {"degree": "deg", "degrees": "deg", "\u00b0": "deg", "radian": "rad", "radians": "rad"}
_GROUPS: Final = {"angles": "ANGLE", "moments": "MOMENT", "powers": "POWER"}
_PLUG_IN_MOMENTS: Final = ("", "nmm", "nmm/kg")


def convention_unit(c3d: C3dTrial, output: plug_in_gait.Output) -> str:
    """Return what is wrong with the unit that a file states of Plug-in Gait angles or moments; empty if nothing is."""
    name = "ANGLE_UNITS" if output == plug_in_gait.ANGLES else "MOMENT_UNITS"
    unit = parameter(c3d, name)
    if output == plug_in_gait.ANGLES and plain(unit) not in ("", "deg"):
        return (
            f"POINT:{name} is {unit!r}, expected deg as Plug-in Gait writes them; list channels instead of the "
            "convention, for example {label: LKneeAngles.x, ..., unit: rad, sign: 1}"
        )
    if output == plug_in_gait.MOMENTS and plain(unit) not in _PLUG_IN_MOMENTS:
        return (
            f"POINT:{name} is {unit!r}, expected Nmm as Plug-in Gait writes them (meaning N mm/kg); list channels "
            "instead of the convention, each with its unit: {label: LKneeMoment.x, ..., unit: N m, sign: -1}"
        )
    return ""


def column_units(
    content: Content, role: str, table: Columns, channels: Sequence[AngleChannel | MomentChannel | PowerChannel]
) -> list[str]:
    """Return the channels whose unit is another one than the file states; what states none is believed."""
    found = []
    for channel in channels:
        if channel.label not in table.values:
            continue
        unit, where = _of_column(content, role, table, channel.label)
        fits = _AGREE.get(plain(unit), ())
        if unit and channel.unit not in fits and (fits or where == "the channel"):
            expected = f"state unit: {' or '.join(fits)}" if fits else "is it this column?"
            found.append(f"{role}: {channel.label!r} has unit: {channel.unit}, {where} says {unit!r}; {expected}")
    return found


def _of_column(content: Content, role: str, table: Columns, label: str) -> tuple[str, str]:
    """Return the unit that the file states of a column, and where; empty without one."""
    c3d = content.c3d
    if role in content.paths or c3d is None:
        return "", ""
    if label in c3d.analogs:
        return table.units.get(label, ""), "the channel"
    group = _GROUPS[role]
    listed = _texts(c3d, f"{group}S")
    if listed and label[:-2] not in listed:
        return "", ""
    return parameter(c3d, f"{group}_UNITS"), f"POINT:{group}_UNITS"


def parameter(c3d: C3dTrial, name: str) -> str:
    """Return the first text of a parameter of the group POINT; empty without one."""
    return next(iter(_texts(c3d, name)), "")


def _texts(c3d: C3dTrial, name: str) -> list[str]:
    value = c3d.parameters.get("POINT", {}).get(name)
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return [str(text).strip() for text in values]


def plain(unit: str) -> str:
    """Return a unit in lower case without signs of multiplication and spaces: ``N.mm/kg`` is ``nmm/kg``."""
    bare = re.sub("[\\s.*\u00b7\u22c5]", "", unit.lower())
    return _ANGLES.get(bare, bare)
