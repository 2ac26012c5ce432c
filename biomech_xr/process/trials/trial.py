"""All strides of one trial: the unit of work of the process stage, before amplitudes are referred to the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.errors import ProcessingError, describe
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.engine.kernels import Array32, suffix_length
from biomech_xr.process.trials.cutting import unpack
from biomech_xr.process.trials.emg import least_history, process_emg
from biomech_xr.process.trials.kinematics import (
    JointTask,
    artefact_strides,
    grid_size,
    grid_times,
    native_share,
    sample_group,
    side_values,
    without_artefacts,
)
from biomech_xr.process.trials.reasons import masked_because
from biomech_xr.process.trials.samples import Candidates, Index, TrialData, codes_of, samples_of
from biomech_xr.process.trials.tracks import CHANNELS, EmgTask
from biomech_xr.schema import BEFORE, HISTORY, Patient, Signal
from biomech_xr.store.recordings import open_patient

Block = dict[str, npt.NDArray[Any]]
"""Arrays by variable name, first dim stride."""

MODALITIES: Final = ("emg", "kinematics", "kinetics")
"""Signal groups that are processed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStrides:
    """Processed strides of one trial: EMG end to end (see `cutting`), its maxima and history, other variables by name.

    ``flat`` (m, samples) holds the rows ``channels`` of the product; ``past`` (n, channel) are samples before contact.
    """

    flat: Array32
    channels: Index
    ends: Index
    peaks: Array32
    past: Index
    values: Block


class Recordings(Protocol):
    """What processing needs of a patient's recordings; `store.PatientRecordings` has it."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """Facts of the source."""

    @property
    def patient(self) -> Patient:
        """The person."""

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial."""

    @property
    def strides(self) -> pd.DataFrame:
        """Candidate strides, columns `schema.STRIDE_COLUMNS`."""

    @property
    def rejected(self) -> pd.DataFrame:
        """Candidates rejected at parse, columns `schema.REJECTED_COLUMNS`."""

    def signal(self, trial: str, group: str) -> Signal | None:
        """Return one signal of one trial, or None."""


def process_trial(
    root: str,
    dataset: str,
    patient: str,
    trial: str,
    rows: pd.DataFrame,
    chain: Chain,
    *,
    time_size: int,
    joint_delay: float = 0.0,
) -> Block:
    """Return the processed strides of one trial of a recordings store; see `process_recording`."""
    opened = open_patient(root, dataset, patient)
    return process_recording(opened, trial, rows, chain, time_size=time_size, joint_delay=joint_delay)


def process_recording(
    recordings: Recordings, trial: str, rows: pd.DataFrame, chain: Chain, *, time_size: int, joint_delay: float = 0.0
) -> Block:
    """Return the processed strides of one trial, EMG not yet divided by its reference.

    Parameters
    ----------
    rows
        The n strides wanted: columns `side` and `stride_number`.
    time_size
        EMG samples stored a stride: 250 of history and the dataset's maximum duration in ms.
    joint_delay
        Lag (s) of causal angles and moments, at least that of this trial's own rates; the plan's, so that all agree.

    Returns
    -------
    Block
        float32 `emg` (n, channel, time) in the source's unit, `peaks` (n, channel), `kinematics` and `kinetics`
        (n, joint, motion, grid) in degrees and N m/kg, `kinematics_before`, `kinematics_after`, `kinetics_after`;
        masks, coverages, `emg_reason` (code of `reasons.EMG_REASONS`) and the labels that only processing knows.
        Masks and coverages of joints hold for the grid
        and for the native samples in [contact, contact + duration): a coverage is the lesser of the two shares, and a
        mask is true where both are 1, so that a gap between two grid samples is not overlooked.

    Raises
    ------
    ProcessingError
        The chain cannot be applied to this trial; the message names dataset, patient and trial.
    """
    data = trial_data(recordings, trial)
    chosen = data.strides.places(codes_of(rows["side"], words.SIDES), rows["stride_number"].to_numpy())
    done = process_strides(data, chosen, chain, time_size=time_size, joint_delay=joint_delay)
    emg = np.empty((chosen.size, CHANNELS, time_size), dtype=np.float32)
    unpack(done.flat, done.ends, done.channels, np.ones((chosen.size, done.channels.size), dtype=np.float32), emg)
    history = least_history(done.past, done.values["emg_mask"])
    return {"emg": emg, "peaks": done.peaks, "emg_history": history, **done.values}


def trial_data(recordings: Recordings, trial: str) -> TrialData:
    """Return what one trial of some recordings is processed from."""
    table = recordings.strides
    info = recordings.trials[(recordings.trials["trial"] == trial).to_numpy()].iloc[0]
    found = {group: recordings.signal(trial, group) for group in MODALITIES}
    return TrialData(
        patient=recordings.patient.patient,
        trial=trial,
        state=info["emg_state"],
        line_frequency=float(recordings.spec["line_frequency"]),
        kinetics_limit=float(recordings.spec.get("kinetics_limit", np.inf)),
        strides=Candidates.of(table[(table["trial"] == trial).to_numpy()]),
        signals={group: None if one is None else samples_of(one, group) for group, one in found.items()},
    )


def process_strides(
    data: TrialData, rows: Index, chain: Chain, *, time_size: int, joint_delay: float = 0.0
) -> TrialStrides:
    """Return the processed strides of one trial, EMG not yet divided by its reference.

    Parameters
    ----------
    data
        The trial.
    rows
        The n candidate strides wanted.
    time_size, joint_delay
        As for `process_recording`.

    Raises
    ------
    ProcessingError
        As in `process_recording`.
    """
    task = EmgTask(
        strides=data.strides, rows=rows, state=data.state, line_frequency=data.line_frequency, time_size=time_size
    )
    try:
        emg = process_emg(data.signals["emg"], task, chain)
    except ProcessingError as error:
        where = describe(dataset=data.patient, file=f"trial {data.trial}", field="emg")
        raise ProcessingError(f"{where} Chain {chain.name!r}: {error}") from error
    mask = emg.count == (emg.ends - HISTORY)[:, None]
    values = {
        "emg_mask": mask,
        "emg_coverage": _share(emg.count, task.owned),
        "emg_reason": masked_because(mask, emg.codes),
    }
    duration, longest = data.strides.duration[rows], (time_size - HISTORY) / 1000
    joints = JointTask(
        strides=data.strides,
        rows=rows,
        grid=grid_times(chain, duration, grid_size(chain, longest)),
        chain=chain,
        maximum_duration=longest,
        delay=joint_delay,
    )
    return TrialStrides(
        flat=emg.flat,
        channels=emg.channels,
        ends=emg.ends,
        peaks=emg.peaks,
        past=emg.past,
        values=values | _joints(data, joints),
    )


def _joints(data: TrialData, task: JointTask) -> Block:
    signals = {name: data.signals[name] for name in ("kinematics", "kinetics")}
    block: Block = {"kinetics_artefact": np.zeros(task.rows.size, dtype=bool)}
    moments = signals["kinetics"]
    if moments is not None:
        clean, bad = without_artefacts(moments, data.kinetics_limit, causal=task.chain.causal)
        block["kinetics_artefact"] = artefact_strides(moments, bad, task.strides, task.rows)
        signals["kinetics"] = clean
    for name, signal in signals.items():
        sides = side_values(signal)
        values = sample_group(signal, sides, task)
        before, inside, after = np.split(values, (BEFORE, BEFORE + task.grid.size), axis=-1)
        native = native_share(signal, sides, task.strides, task.rows)
        count = np.isfinite(inside).sum(axis=-1)
        measured = (count == task.grid.owned[:, None]) & (native == 1)
        block[name] = _joint_dims(inside)
        block[f"{name}_after"] = _joint_dims(after)
        block[f"{name}_mask"] = _joint_dims(measured)
        block[f"{name}_coverage"] = _joint_dims(np.minimum(_share(count, task.grid.owned), native.astype(np.float32)))
        if name == "kinematics":
            block["kinematics_before"] = _joint_dims(before)
            block["kinematics_history"] = _least(suffix_length(np.isfinite(before)), measured)
            block["kinematics_future"] = _least(suffix_length(np.isfinite(after)[..., ::-1]), measured)
    return block


def _joint_dims(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(values.reshape(len(values), len(words.JOINTS), len(words.MOTIONS), *values.shape[2:]))


def _least(lengths: npt.NDArray[np.int64], measured: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the least length over the fully measured components of each stride; 0 without one."""
    least = np.where(measured, lengths, np.iinfo(np.int64).max).min(axis=1)
    return np.where(measured.any(axis=1), least, 0)


def _share(count: npt.NDArray[np.int64], owned: npt.NDArray[np.int64]) -> Array32:
    return (count / np.maximum(owned, 1)[:, None]).astype(np.float32)
