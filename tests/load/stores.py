"""Small strides products with every kind of gap, written by the store's own writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr.schema import AFTER, BEFORE, HISTORY, LABELS
from biomech_xr.store import create_part, finish, publish, write_shard
from biomech_xr.store.layout import STRIDES_PER_SHARD, shard_count

JOINTS = ("stride", "joint", "motion")
TEXT = {
    "session": "1",
    "source_activity": "w",
    "condition": "none",
    "surface": "treadmill",
    "duration_source": "events",
    "population": "able_bodied",
    "affected_side": "none",
    "sex": "unknown",
    "emg_state": "raw",
    "evidence": "notes",
    "source_file": "a.csv",
    "source_sha256": "0" * 64,
    "reader_version": "1",
}


def make_labels(
    dataset: str, strides: dict[str, int], rng: np.random.Generator, *, shortest: float = 0.40
) -> pd.DataFrame:
    """Return labels of consecutive strides, one trial a patient; a few have another activity or condition."""
    rows: list[dict[str, Any]] = []
    for patient, count in strides.items():
        clock = 1.0
        for number in range(count):
            row: dict[str, Any] = {name: 0.0 if kind == "float" else False for name, kind in LABELS.items()}
            row |= TEXT | {"dataset": dataset, "patient": f"{dataset}-{patient}", "source_patient": patient}
            row |= {"person_group": f"{dataset}-{patient}", "trial": "t1", "side": "left", "stride_number": number}
            row |= {"activity": "ramp_ascent" if number % 5 == 4 else "walk", "trial_time": clock}
            row["condition"] = "fatigue" if number % 11 == 10 else "none"
            row["duration"] = float(np.round(rng.uniform(shortest, 0.59), 4))
            row["emg_history"] = int(rng.choice([0, 3, 120, HISTORY]))
            row["kinematics_history"] = int(rng.integers(0, BEFORE + 1))
            row["kinematics_future"] = int(rng.choice([0, 1, 7, AFTER]))
            row["emg_lookahead"] = 0.02
            clock += row["duration"] + (0.5 if number % 7 == 6 else 0.0)
            rows.append(row)
    return pd.DataFrame(rows)[[name for name in LABELS if name != "emg_clipped"]]


def make_block(labels: pd.DataFrame, *, grid: dict[str, float], time: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return random signals that are NaN wherever the labels say that there is nothing, and in a few more places."""
    n = len(labels)
    duration = labels["duration"].to_numpy()
    points = int(grid["phase"]) if "phase" in grid else int(np.ceil((time - HISTORY) / 1000 * grid["rate"]))
    stamps = np.arange(-HISTORY, time - HISTORY)
    emg = rng.uniform(0, 1, (n, 13, time)).astype(np.float32)
    emg[np.broadcast_to(stamps >= 1000 * duration[:, None], (n, time))[:, None].repeat(13, 1)] = np.nan
    emg[np.broadcast_to(stamps < -labels["emg_history"].to_numpy()[:, None], (n, time))[:, None].repeat(13, 1)] = np.nan
    emg[::3, 2] = np.nan
    emg[1::4, 5, HISTORY + 100] = np.nan
    emg[7::20] = np.nan
    kinematics = 30 * rng.standard_normal((n, 3, 3, points)).astype(np.float32)
    kinetics = rng.standard_normal((n, 3, 3, points)).astype(np.float32)
    if "rate" in grid:
        outside = np.arange(points) >= np.ceil(duration * grid["rate"] - 1e-6)[:, None]
        kinematics[np.broadcast_to(outside[:, None, None], kinematics.shape)] = np.nan
        kinetics[np.broadcast_to(outside[:, None, None], kinetics.shape)] = np.nan
    kinematics[::4, 0, 1] = np.nan
    kinematics[1::6, 2, 2, 9] = np.nan
    kinematics[9::30] = np.nan
    kinetics[::2, 1] = np.nan
    kinetics[1::6, 0, 0, 12] = np.nan
    before = 30 * rng.standard_normal((n, 3, 3, BEFORE)).astype(np.float32)
    before[:, :, :, :][np.broadcast_to(_too_early(labels)[:, None, None], before.shape)] = np.nan
    after = 30 * rng.standard_normal((n, 3, 3, AFTER)).astype(np.float32)
    late = np.arange(AFTER) >= labels["kinematics_future"].to_numpy()[:, None]
    after[np.broadcast_to(late[:, None, None], after.shape)] = np.nan
    block = {
        "emg": emg,
        "kinematics": kinematics,
        "kinetics": kinetics,
        "kinematics_before": before,
        "kinematics_after": after,
        "kinetics_after": (after / 30).astype(np.float32),
        "emg_scale": np.ones((n, 13), np.float32),
    }
    owned = (stamps >= 0) & (stamps < 1000 * duration[:, None])
    share = (np.isfinite(emg) & owned[:, None]).sum(-1) / owned.sum(-1)[:, None]
    block |= {"emg_mask": share == 1, "emg_coverage": share.astype(np.float32)}
    for name in ("kinematics", "kinetics"):
        share = np.isfinite(block[name]).mean(-1)
        block |= {f"{name}_mask": share == 1, f"{name}_coverage": share.astype(np.float32)}
    return block


def _too_early(labels: pd.DataFrame) -> np.ndarray:
    return np.arange(-BEFORE, 0) < -labels["kinematics_history"].to_numpy()[:, None]


def write_store(
    root: Path,
    dataset: str,
    strides: dict[str, int],
    *,
    grid: dict[str, float] | None = None,
    time: int = HISTORY + 600,
    chain: str = "envelope",
    seed: int = 0,
    person_groups: dict[str, str] | None = None,
    kinematics_delay: float = 0.0,
    facts: dict[str, Any] | None = None,
    shortest: float = 0.40,
) -> None:
    """Write one finished part of random signals; strides take from ``shortest`` to 0.59 s."""
    rng = np.random.default_rng(seed)
    grid = grid or {"phase": 40}
    labels = make_labels(dataset, strides, rng, shortest=shortest)
    labels["person_group"] = labels["person_group"].replace(person_groups or {})
    block = make_block(labels, grid=grid, time=time, rng=rng)
    attrs = {"kinematics_delay": kinematics_delay} | (facts or {})
    write_block(root, dataset, labels, block, grid=grid, chain=chain, facts=attrs)


def write_block(
    root: Path,
    dataset: str,
    labels: pd.DataFrame,
    block: dict[str, Any],
    *,
    grid: dict[str, float],
    chain: str = "envelope",
    facts: dict[str, Any] | None = None,
) -> None:
    """Write labels and signals as one finished part."""
    kinematic = "phase" if "phase" in grid else "time_kinematics"
    dims = {"emg": ("stride", "channel", "time"), "emg_scale": ("stride", "channel")}
    dims |= {"kinematics": (*JOINTS, kinematic), "kinetics": (*JOINTS, kinematic)}
    dims |= {"kinematics_before": (*JOINTS, "before")}
    dims |= {"kinematics_after": (*JOINTS, "after"), "kinetics_after": (*JOINTS, "after")}
    for name, base in (("emg", ("stride", "channel")), ("kinematics", JOINTS), ("kinetics", JOINTS)):
        dims |= {f"{name}_mask": base, f"{name}_coverage": base}
    template = {name: (dims[name], values.shape[1:]) for name, values in block.items()}
    rejected = pd.DataFrame({"patient": pd.Series([], dtype=object)})
    attrs = {"spec": {}, "lookahead": 0.1, "grid": grid, "kinematics_delay": 0.0}
    attrs |= {"kinematics_lookahead_known": True, "calibration": "none: as made"} | (facts or {})
    entry = create_part(str(root), chain, dataset, labels, rejected, template, attrs, config_hash="test")
    for shard in range(shard_count(len(labels))):
        rows = slice(shard * STRIDES_PER_SHARD, (shard + 1) * STRIDES_PER_SHARD)
        piece = {name: values[rows] for name, values in block.items()}
        write_shard(str(root), chain, dataset, shard, piece, fingerprint=entry["fingerprint"])
    finish(str(root), chain, dataset, [entry["fingerprint"]])
    publish(str(root), chain, [dataset])
