"""Small patients whose signals are known in closed form, in memory, for the tests of the process stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets import DatasetSpec
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.plan import Plan, plan_recordings
from biomech_xr.process.trials.trial import process_recording
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table
from biomech_xr.store.trials import trial_table

MUSCLES = ("vastus_lateralis", "soleus", "semimembranosus")

SPEC = DatasetSpec(
    name="made",
    title="Made",
    doi="",
    data_doi="",
    licence="CC0",
    citation="",
    host="",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="raw",
    emg_unit="mV",
    emg_rate=1000.0,
    emg_lookahead=0.0,
    upstream_filters="none",
    sides=("left", "right"),
    activities=("walk",),
    minimum_duration=0.5,
    maximum_duration=1.6,
    kinetics_limit=3.0,
)


@dataclass
class FakePatient:
    """The attributes of `store.PatientRecordings` over trials in memory."""

    members: Sequence[Trial]
    spec: Mapping[str, Any] = field(default_factory=lambda: asdict(SPEC))

    @property
    def patient(self) -> Patient:
        return self.members[0].patient

    @property
    def trials(self) -> pd.DataFrame:
        return trial_table(list(self.members))

    @property
    def strides(self) -> pd.DataFrame:
        return pd.concat([trial.strides for trial in self.members], ignore_index=True)

    @property
    def rejected(self) -> pd.DataFrame:
        return pd.concat([trial.rejected for trial in self.members], ignore_index=True)

    def signal(self, trial: str, group: str) -> Signal | None:
        return next(one for one in self.members if one.trial == trial).signals.get(group)


def joint_values(values: np.ndarray, sides: Sequence[str], units: str = "degree") -> xr.DataArray:
    """Return rows (sample, side) put on knee flexion of an otherwise empty joint array."""
    full = np.full((len(values), len(sides), 3, 3), np.nan, dtype=np.float32)
    full[:, :, 1, 2] = values
    coords = {"side": list(sides), "joint": list(words.JOINTS), "motion": list(words.MOTIONS)}
    return xr.DataArray(full, dims=("sample", "side", "joint", "motion"), coords=coords, attrs={"units": units})


def emg_values(values: np.ndarray, sides: Sequence[str], muscles: Sequence[str] = MUSCLES) -> xr.DataArray:
    """Return rows (sample, side, channel) with labels."""
    coords = {"side": list(sides), "channel": list(muscles)}
    dims = ("sample", "side", "channel")
    return xr.DataArray(values.astype(np.float32), dims=dims, coords=coords, attrs={"units": "mV"})


def raw_emg(seconds: float, rate: float, *, seed: int, channels: int = 3) -> np.ndarray:
    """Return noise that is modulated once a second, (sample, 2 sides, channel), with an offset and mains hum."""
    count = round(seconds * rate)
    rng = np.random.default_rng(seed)
    t = np.arange(count) / rate
    shape = 0.05 + np.clip(np.sin(2 * np.pi * t), 0, None) ** 2
    hum = 0.1 * np.sin(2 * np.pi * 50 * t)
    noise = rng.standard_normal((count, 2, channels))
    return 0.3 + noise * shape[:, None, None] + hum[:, None, None]


def knee_angle(t: np.ndarray) -> np.ndarray:
    """Return a smooth angle in degrees at times in s (harmonics as a knee has them)."""
    return 25 + 22 * np.sin(2 * np.pi * 0.9 * t) + 12 * np.sin(2 * np.pi * 1.8 * t + 1)


def stride_rows(trial: str, contacts: Mapping[str, np.ndarray], **labels: Any) -> pd.DataFrame:
    """Return the strides between successive contacts (s) of each side."""
    rows = [
        {
            "trial": trial,
            "side": side,
            "stride_number": i,
            "activity": "walk",
            "trial_time": start,
            "duration": stop - start,
            **labels,
        }
        for side, times in contacts.items()
        for i, (start, stop) in enumerate(pairwise(times))
    ]
    return stride_table(rows)


def walking_trial(
    *,
    trial: str = "walk_1",
    person: str = "A",
    session: str = "1",
    seconds: float = 12.0,
    emg_rate: float = 1000.0,
    joint_rate: float = 100.0,
    seed: int = 0,
    contacts: Mapping[str, np.ndarray] | None = None,
    emg: np.ndarray | None = None,
    angles: np.ndarray | None = None,
    moments: np.ndarray | None = None,
    moment_rate: float | None = None,
    **labels: Any,
) -> Trial:
    """Return a continuous trial of both legs: EMG, knee angles and a knee moment."""
    if contacts is None:
        contacts = {"left": 0.5 + 1.1 * np.arange(10), "right": 1.05 + 1.1 * np.arange(10)}
    t = np.arange(round(seconds * joint_rate)) / joint_rate
    angles = np.stack([knee_angle(t), knee_angle(t + 0.5)], axis=1) if angles is None else angles
    if moments is None:
        moments = 0.5 * np.cos(t)[:, None].repeat(2, axis=1)
    sides = ("left", "right")
    signals = {
        "emg": Signal(
            kind="continuous",
            values=emg_values(raw_emg(seconds, emg_rate, seed=seed) if emg is None else emg, sides),
            sampling_frequency=emg_rate,
        ),
        "kinematics": Signal(kind="continuous", values=joint_values(angles, sides), sampling_frequency=joint_rate),
        "kinetics": Signal(
            kind="continuous",
            values=joint_values(moments, sides, "N m kg-1"),
            sampling_frequency=moment_rate or joint_rate,
        ),
    }
    return Trial(
        patient=Patient(dataset="made", source_patient=person, body_mass=70.0),
        trial=trial,
        task="walk",
        session=session,
        signals=signals,
        strides=stride_rows(trial, contacts, **labels),
        rejected=rejected_table([]),
        sources=(("made.csv", "0" * 64),),
    )


def cut_trial(
    *,
    contiguity: words.Contiguity,
    points: int = 101,
    endpoint: bool = True,
    durations: Sequence[float] = (1.0, 1.1, 0.95, 1.05),
    state: words.EmgState = "envelope",
    emg_points: int = 1001,
) -> Trial:
    """Return the right leg cut into strides of a fixed number of points, sampled from the same closed forms."""
    starts = np.concatenate(([0.0], np.cumsum(durations)[:-1]))

    def grid(count: int) -> np.ndarray:
        return np.concatenate(
            [s + d * np.arange(count) / (count - endpoint) for s, d in zip(starts, durations, strict=True)]
        )

    t = grid(emg_points)
    envelope = 1 + np.sin(2 * np.pi * t)
    noise = np.random.default_rng(3).standard_normal(t.size) * envelope
    emg = (envelope if state == "envelope" else noise)[:, None, None].repeat(3, axis=2)
    common = {"kind": "segmented", "endpoint": endpoint, "contiguity": contiguity}
    signals = {
        "emg": Signal(values=emg_values(emg, ("right",)), points=emg_points, **common),
        "kinematics": Signal(
            values=joint_values(knee_angle(grid(points))[:, None], ("right",)), points=points, **common
        ),
    }
    rows = [
        {"trial": "cut", "side": "right", "stride_number": i, "activity": "walk", "duration": d, "segment": i}
        for i, d in enumerate(durations)
    ]
    return Trial(
        patient=Patient(dataset="made", source_patient="C"),
        trial="cut",
        task="walk",
        signals=signals,
        strides=stride_table(rows),
        rejected=rejected_table([]),
        sources=(("made.mat", "0" * 64),),
        emg_state=state,
    )


def processed(trial: Trial, chain: Chain, *, time_size: int = 1850) -> dict[str, np.ndarray]:
    """Return the block of all strides of a trial, in the order of its table."""
    rows = trial.strides[["side", "stride_number"]]
    return process_recording(FakePatient([trial]), trial.trial, rows, chain, time_size=time_size)


def planned(trials: Sequence[Trial], chain: Chain, **facts: Any) -> Plan:
    """Return the plan of one patient in memory."""
    return plan_recordings([FakePatient(trials, {**asdict(SPEC), **facts})], "memory", "made", chain)
