"""Van Criekinge 2023: whether the signs that the notes infer hold for the strides of one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from biomech_xr.datasets.criekinge.people import Subject
from biomech_xr.datasets.criekinge.strides import JOINTS, LegData
from biomech_xr.datasets.deciding import ANGLE_SIGNS
from biomech_xr.datasets.spec import JointColumn
from biomech_xr.evidence import Decision, moment_sign


def check_signs(
    subject: Subject, legs: Sequence[LegData], angles: Mapping[str, JointColumn], moments: Mapping[str, JointColumn]
) -> dict[str, str]:
    """Return the evidence on the sagittal signs of one person, both legs together, as notes.

    Raises
    ------
    DataFormatError
        A curve is clearly upside down once its column's factor is applied: not the release that is described.
    """
    notes: dict[str, str] = {}
    for joint in JOINTS:
        for quantity, columns in (("Angles", angles), ("Moment", moments)):
            factor = next(c.factor for c in columns.values() if (c.joint, c.motion) == (joint, "flexion"))
            name = f"{joint.title()}{quantity}.x"
            rows = [leg.curves[name] * factor for leg in legs if name in leg.curves and not leg.unpaired]
            if not rows:
                continue
            curves = np.concatenate(rows)
            decision: Decision[int] = ANGLE_SIGNS[joint](curves) if quantity == "Angles" else moment_sign(joint, curves)
            if decision.sure and decision.value < 0:
                raise subject.node.bad(
                    found=f"{name} upside down: {decision.note()}",
                    expected="angles positive in flexion, moments positive in extension",
                    action="Use the file of the authors' release",
                )
            notes[f"evidence.{joint}_{'angle' if quantity == 'Angles' else 'moment'}_sign"] = decision.note()
    return notes
