"""A walking human whose both legs are known at every instant, as a strides product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from biomech_xr.schema import AFTER, BEFORE, HISTORY
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait
from biomech_xr.synthetic.person import make_person
from tests.load.stores import make_block, make_labels, write_block


def walk(seconds: float, seed: int) -> Gait:
    """Return a walk with strides of different lengths."""
    rng = np.random.default_rng(seed)
    return make_gait(
        make_person(f"walker {seed}", seed=seed), [Bout(activity="walk", duration=seconds)], rng, grid=1000
    )


def labels_of(gait: Gait, *, patient: str, skip: int = 0) -> pd.DataFrame:
    """Return the labels of both legs, without every ``skip``-th stride (0: with all of them)."""
    legs = []
    for side in ("left", "right"):
        contact = gait.contacts[side]
        table = make_labels("hu", {patient: len(contact) - 1}, np.random.default_rng(0))
        table = table.assign(side=side, activity="walk", condition="none", trial_time=contact[:-1] + 3.0)
        table = table.assign(duration=np.diff(contact), emg_history=HISTORY)
        table = table.assign(kinematics_history=BEFORE, kinematics_future=AFTER)
        legs.append(table[(table["stride_number"] % skip != 1) if skip else slice(None)])
    return pd.concat(legs, ignore_index=True)


def write_walkers(
    root: Path,
    gaits: dict[str, Gait],
    *,
    grid: dict[str, float],
    skip: int = 0,
    holes: bool = False,
    change_after: float = np.inf,
) -> None:
    """Write walkers as one part; angles of the left leg are others after a time of the gait's clock.

    With ``holes`` the signals are random numbers with gaps instead.
    """
    tables = [labels_of(gait, patient=patient, skip=skip) for patient, gait in gaits.items()]
    labels = pd.concat(tables, ignore_index=True)
    block = make_block(labels, grid=grid, time=HISTORY + 1300, rng=np.random.default_rng(1))
    if not holes:
        points = block["kinematics"].shape[-1]
        names = {"kinematics_before": np.arange(-BEFORE, 0), "kinematics": np.arange(points)}
        for name, samples in names.items():
            for row, label in labels.iterrows():
                gait, side = gaits[label["source_patient"]], str(label["side"])
                step = 1 / grid["rate"] if "rate" in grid else label["duration"] / points
                time = label["trial_time"] - 3.0 + samples * step
                values = angles(gait, time, side)
                values[(time > change_after) & (side == "left")] += 7
                block[name][row] = np.moveaxis(values, 0, -1)
            block["kinematics_mask"][:] = True
            block["kinematics_coverage"][:] = 1
    write_block(root, "hu", labels, block, grid=grid)
