"""Makers of trials, labels and blocks for the tests of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.schema import AFTER, BEFORE, LABELS, Patient, Signal, Trial, rejected_table, stride_table
from biomech_xr.store import create_part, finish, publish, write_shard
from biomech_xr.store.layout import shard_bounds, shard_count

CHAIN = "envelope"
JOINTS = (3, 3)


def make_spec(name: str = "hu", **changes: Any) -> DatasetSpec:
    facts: dict[str, Any] = {
        "name": name,
        "title": "Walking",
        "doi": "10.1/paper",
        "data_doi": "10.1/data",
        "licence": "CC-BY-4.0",
        "citation": "A. Author (2020)",
        "host": "example.org",
        "evidence": "notes",
        "population": "able_bodied",
        "line_frequency": 60.0,
        "emg_state": "raw",
        "emg_unit": "V",
        "emg_rate": 1000.0,
        "emg_lookahead": 0.0,
        "upstream_filters": "none",
        "sides": ("left", "right"),
        "activities": ("walk",),
        "minimum_duration": 0.4,
        "maximum_duration": 1.6,
    }
    return DatasetSpec(**{**facts, **changes})


def make_trial(trial: str, *, channels: tuple[str, ...], sides: tuple[str, ...], rows: int, seed: int) -> Trial:
    """Return a trial with continuous EMG and segmented kinematics of two strides."""
    rng = np.random.default_rng(seed)
    emg = xr.DataArray(
        rng.normal(size=(rows, len(sides), len(channels))).astype(np.float32),
        dims=("sample", "side", "channel"),
        coords={"side": list(sides), "channel": list(channels)},
        attrs={"units": "V", "ambiguous": [f"{sides[0]}:{channels[0]}"]},
    )
    angles = xr.DataArray(
        rng.normal(size=(2 * 51, len(sides), *JOINTS)).astype(np.float32),
        dims=("sample", "side", "joint", "motion"),
        coords={"side": list(sides), "joint": list(words.JOINTS), "motion": list(words.MOTIONS)},
        attrs={"units": "degree"},
    )
    angles[:, 0, 0, 0] = np.nan
    strides = [
        {"trial": trial, "side": sides[0], "stride_number": i, "activity": "walk", "segment": i, "duration": 1.1}
        for i in range(2)
    ]
    rejected = [{"trial": trial, "side": sides[0], "stride_number": 2, "reason": "too_long", "detail": "1.9 s"}]
    return Trial(
        patient=Patient(dataset="hu", source_patient="AB01", body_mass=70.0),
        trial=trial,
        task="level/ground",
        signals={
            "emg": Signal(kind="continuous", values=emg, sampling_frequency=1000.0, t0=0.25),
            "kinematics": Signal(kind="segmented", values=angles, points=51, contiguity="isolated"),
        },
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=((f"{trial}.csv", "ab" * 32),),
        notes={"belt": "left"},
    )


def make_trials() -> list[Trial]:
    """Return three trials whose sides and channels differ."""
    return [
        make_trial("t1", channels=("soleus", "tibialis_anterior"), sides=("left", "right"), rows=700, seed=1),
        make_trial("t2", channels=("gluteus_medius", "soleus"), sides=("right",), rows=300, seed=2),
        make_trial("t3", channels=("soleus",), sides=("left",), rows=500, seed=3),
    ]


def make_labels(dataset: str, strides: int) -> pd.DataFrame:
    """Return labels of four patients, two activities, two trials and both legs, all that is known up front."""
    position = np.arange(strides)
    patient = position * 4 // max(strides, 1)
    columns: dict[str, Any] = {name: "" for name, kind in LABELS.items() if kind == "category"}
    columns |= {name: np.nan for name, kind in LABELS.items() if kind == "float"}
    columns |= {name: 0 for name, kind in LABELS.items() if kind == "int"}
    columns |= {name: False for name, kind in LABELS.items() if kind == "bool" and name != "emg_clipped"}
    del columns["kinetics_artefact"]
    frame = pd.DataFrame(columns, index=position)
    frame["dataset"] = dataset
    frame["source_patient"] = [f"AB{number:02d}" for number in patient]
    frame["patient"] = frame["person_group"] = [f"{dataset}-AB{number:02d}" for number in patient]
    frame["activity"] = np.where(position % 5 == 0, "ramp_ascent", "walk")
    frame["trial"] = np.where(position % 2 == 0, "t1", "t2")
    frame["side"] = np.where(position % 3 == 0, "left", "right")
    frame["stride_number"] = position
    frame["condition"] = "none"
    frame["duration"] = 0.6 + 0.001 * (position % 7)
    frame["speed"] = 0.8 + 0.1 * (position % 6)
    return frame


@dataclass(frozen=True, kw_only=True)
class Product:
    """A strides product in memory, as the process stage would hand it over."""

    dataset: str
    labels: pd.DataFrame
    block: dict[str, np.ndarray]
    template: dict[str, tuple[tuple[str, ...], tuple[int, ...]]]
    attrs: dict[str, Any]

    def create(self, root: str, *, config_hash: str = "c0ffee") -> dict[str, Any]:
        rejected = rejected_table([{"trial": "t1", "side": "left", "stride_number": 9999, "reason": "too_long"}])
        arguments = (root, CHAIN, self.dataset, self.labels, rejected, self.template, self.attrs)
        return create_part(*arguments, config_hash=config_hash)

    def shard(self, number: int) -> dict[str, np.ndarray]:
        start, stop = shard_bounds(number, len(self.labels))
        return {name: values[start:stop] for name, values in self.block.items()}

    def write_shard(self, root: str, number: int, entry: dict[str, Any]) -> dict[str, Any]:
        block = self.shard(number)
        return write_shard(root, CHAIN, self.dataset, number, block, fingerprint=entry["fingerprint"])

    def write(self, root: str) -> dict[str, Any]:
        entry = self.create(root)
        for number in range(shard_count(len(self.labels))):
            self.write_shard(root, number, entry)
        manifest = finish(root, CHAIN, self.dataset, [entry["fingerprint"]])
        publish(root, CHAIN, [self.dataset])
        return manifest


def make_product(dataset: str, *, strides: int, time: int, seed: int, phase: int = 200) -> Product:
    """Return strides with EMG to each stride's end, NaN after it, and one channel that was not measured."""
    rng = np.random.default_rng(seed)
    labels = make_labels(dataset, strides)
    emg = rng.random(size=(strides, 13, time), dtype=np.float32)
    stamps = np.arange(time) - 250
    emg[(stamps[None, :] >= np.ceil(1000 * labels["duration"].to_numpy())[:, None])[:, None, :].repeat(13, 1)] = np.nan
    emg[:, 10] = np.nan
    joint = ("stride", "joint", "motion")
    template = {
        "emg": (("stride", "channel", "time"), (13, time)),
        "kinematics": ((*joint, "phase"), (*JOINTS, phase)),
        "kinetics": ((*joint, "phase"), (*JOINTS, phase)),
        "kinematics_before": ((*joint, "before"), (*JOINTS, BEFORE)),
        "kinematics_after": ((*joint, "after"), (*JOINTS, AFTER)),
        "kinetics_after": ((*joint, "after"), (*JOINTS, AFTER)),
        "emg_scale": (("stride", "channel"), (13,)),
        "emg_mask": (("stride", "channel"), (13,)),
        "emg_coverage": (("stride", "channel"), (13,)),
        "kinematics_mask": (joint, JOINTS),
        "kinematics_coverage": (joint, JOINTS),
        "kinetics_mask": (joint, JOINTS),
        "kinetics_coverage": (joint, JOINTS),
        "kinetics_artefact": (("stride",), ()),
    }
    block: dict[str, np.ndarray] = {"emg": emg}
    for name, (_, tail) in template.items():
        if name == "emg":
            continue
        values = rng.normal(size=(strides, *tail)).astype(np.float32)
        block[name] = values > 0 if name.endswith("_mask") or name == "kinetics_artefact" else values
    spec = {"emg_unit": "V", "doi": "10.1/paper", "data_doi": "10.1/data", "licence": "CC-BY-4.0"}
    attrs = {"spec": spec, "lookahead": 0.25 if dataset == "hu" else 0.5, "grid": {"phase": phase}}
    return Product(dataset=dataset, labels=labels, block=block, template=template, attrs=attrs)
