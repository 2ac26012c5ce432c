"""Camargo 2021: treadmill, level ground, ramps and stairs, both legs, MATLAB tables with one absolute clock per trial.

Layout `<root>/<subject>/<date>/<mode>/<sensor>/<trial>.mat`, `SubjectInfo.mat` beside the subjects. The facts come from
the distribution's README and scripts and from public readers; of the real files only `SubjectInfo.mat` was at hand.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.camargo.files import date_folders, trial_files
from biomech_xr.datasets.camargo.people import read_person
from biomech_xr.datasets.camargo.trial import RATES, SIGNALS, TrialFiles, read_trial
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.errors import MissingInputError
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Trial

logger = logging.getLogger(__name__)

_JOINTS: Final = (
    *((f"hip_{motion}", "hip", motion, 1.0) for motion in words.MOTIONS),
    ("knee_angle", "knee", "flexion", -1.0),
    ("ankle_angle", "ankle", "flexion", 1.0),
)
_LEGS: Final[tuple[words.Side, ...]] = ("right", "left")
_ANGLES: Final = {
    f"{name}_{side[0]}": JointColumn(joint=joint, motion=motion, side=side, factor=sign)
    for side in _LEGS
    for name, joint, motion, sign in _JOINTS
}
_MUSCLES: Final = {
    "gastrocmed": "gastrocnemius_medialis",
    "tibialisanterior": "tibialis_anterior",
    "soleus": "soleus",
    "vastusmedialis": "vastus_medialis",
    "vastuslateralis": "vastus_lateralis",
    "rectusfemoris": "rectus_femoris",
    "bicepsfemoris": "biceps_femoris",
    "semitendinosus": "semitendinosus",
    "gracilis": "gracilis",
    "gluteusmedius": "gluteus_medius",
    "rightexternaloblique": "external_oblique",
}

SPEC: Final = DatasetSpec(
    name="camargo",
    title="Lower-limb biomechanics in multiple conditions of stairs, ramps, level ground and transitions",
    doi="10.1016/j.jbiomech.2021.110320",
    data_doi="10.17632/fcgm3chfff, 10.17632/k9kvm5tn3f, 10.17632/jj3r5f9pnf",
    licence="CC BY 4.0",
    licence_use="open",
    reference=Reference(
        authors="Camargo J, Ramanathan A, Flanagan W, Young A",
        title="A comprehensive, open-source dataset of lower limb biomechanics in multiple conditions of "
        "stairs, ramps, and level-ground ambulation and transitions",
        journal="Journal of Biomechanics",
        volume="119",
        pages="110320",
        year=2021,
    ),
    host="Mendeley Data",
    laboratory="Georgia Tech, EPIC Lab",
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="bandpassed",
    emg_unit="mV",
    emg_rate=RATES["emg"],
    rates={
        "emg": Rate(hz=(1000.0,)),
        "kinematics": Rate(hz=(200.0,)),
        "kinetics": Rate(hz=(200.0,)),
        "forces": Rate(hz=(1000.0,)),
    },
    emg_lookahead=0.16,
    upstream_filters="EMG: band-pass 20-400 Hz; moments: zero-phase low-pass of 6 Hz (the authors' RUN_OSIM.m)",
    sides=("left", "right"),
    activities=("walk", "turn", "ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent"),
    minimum_duration=0.5,
    maximum_duration=2.5,
    people=22,
    known_defects=(
        "Moments of a leg are NaN while its foot is on the ground beside the force plates (not on the treadmill), and "
        "spike at plate edges.",
        "Ramp moments were computed twice (either foot on the middle plate) and merged: they may jump.",
        "EMG is of the right leg only: strides of the left leg have theirs masked.",
        "Where gait cycles come from markers, those before the first and after the last contact are no full cycles.",
        "The label idle covers steps beside the terrain too (the authors' STRIDES.m discards them): such cycles are "
        "rejected as posture.",
    ),
    assumptions=(
        "EMG in mV.",
        "The upstream band-pass is taken as 4th order in each pass and zero-phase; emg_lookahead (0.156 s) leaves less "
        "than 1e-4 of the absolute sum of its impulse response to later samples.",
        "The smoothing of markers is not stated: kinematics_lookahead is unknown.",
        "The order in which trials were recorded is not stated: they are read by date, mode and name.",
        "A transition label takes the activity that it enters, and a step into standing is walking.",
        "A stride belongs to the activity that its labels name for more than half of the time, else to none.",
        "A belt speed within 0.01 m/s over a stride counts as constant, one below 0.05 m/s as standing.",
        "A gait cycle more than 5 % away from a straight rise is no stride, and zeros end a cycle from five on.",
        "Each time of the nominal grid takes the row whose Header is nearest, at most half a sample away, else NaN; a "
        "gait cycle in which Header skips more than half a row is unpaired.",
        "A table whose rows are more than 1 % off the nominal rate, or fewer than half of its time, is not used.",
        "Inclines from 0.1 to 45 degrees and stairs from 2 to 12 inches are believed, else the file name's.",
        "Ages from 5 to 110 years and heights from 1.2 to 2.3 m are believed, else left out; masses from 30 to 200 kg, "
        "else the published ones.",
        "Angles are those of ik; ik_offset (update of 2024) is the same less the mean of the static trial, on request.",
        "Inertial units are in m/s2 and rad/s, by the axis labels of the authors' yLabelSelector.m; a trial whose "
        "median acceleration is not 0.7 to 1.3 of gravity has them left out. Their axes are the sensors' own, and "
        "which leg wears them is not stated.",
        "Left out: forces (only their vertical axis is described, and which foot is on which plate is not stored), "
        "goniometers (unit not stated), joint powers (derived), markers, and the oblique subtalar angle.",
    ),
    emg={name: EmgColumn(muscle=muscle, side="right") for name, muscle in _MUSCLES.items()},
    angles=_ANGLES,
    moments={f"{name}_moment": column for name, column in _ANGLES.items()},
    reader_version="4",
)
"""OpenSim Gait2392: the knee is extension-positive, so its angle and moment are negated together; moments in N m."""

OPTIONS: Final[Mapping[str, Option]] = {
    "angles": Option(
        kind="choice",
        choices=("ik", "ik_offset"),
        help="ik (the default): angles of the model; ik_offset: relative to the static pose, update of 2024 only",
    ),
    "knee_sign": Option(
        kind="choice",
        choices=("negative", "positive", "left_positive", "right_positive"),
        help="Sign of knee flexion in ik and, with it, of the knee's moment: negative (the default) or positive in "
        "both legs, or positive in one leg only",
    ),
}


def patients(root: Path) -> list[str]:
    """Return the source ids (AB06, ...) of the folders below ``root``, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no folder of a person.
    """
    return list(cycles.patient_folders(root, dataset="camargo", pattern="[Aa][Bb][0-9]*", example="AB06"))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the trials of one person, by date, mode and name; a trial's name is its file's in lower case.

    EMG is (sample, side, channel) in mV at 1 kHz, of the right leg; kinematics (degree) and kinetics (N m/kg) are
    (sample, side, joint, motion) at 200 Hz, of both legs; imu is (sample, segment, channel) at 200 Hz. The trial's
    clock is the absolute `Header` time, on which the tables are joined.

    A treadmill stride needs a constant belt speed. Elsewhere the activity of a stride is the one that covers more than
    half of it in `Label`, else it is an `activity_change`; `transition` is true where a transition label or another
    activity occurs within. Strides of the right leg need ik and gcRight, those of the left ik and gcLeft, else all
    cycles of that leg are `unpaired`; without emg its channels are masked. Cycles of a trial without any signal stand
    under its name in `rejected` of the first trial that is yielded. The option `angles` reads ik_offset instead of ik.

    Raises
    ------
    MissingInputError
        No such person.
    DataFormatError
        A file breaks the format, the body mass is unknown, the curves of a knee surely contradict its sign and the
        option `knee_sign` is not given, the person has no stride at all, or an EMG channel or angle is NaN in every
        trial that has its table.
    """
    folders = cycles.patient_folders(root, dataset="camargo", pattern="[Aa][Bb][0-9]*", example="AB06")
    if patient not in folders:
        raise MissingInputError(f"camargo: {root}: no folder {patient}. Known: {', '.join(folders)}.")
    person, info, notes = read_person(root, patient)
    watch = cycles.Watch(dataset="camargo", folder=folders[patient])
    angles = str(options.get("angles") or "ik")
    spec = _with_knee(str(options.get("knee_sign") or "negative"))
    lost: list[Trial] = []
    for one in _trials(folders[patient], angles):
        sources = (*((cycles.relative(path, root), sha256(path)) for path in one.files.values()), *info)
        trial, silent = read_trial(one, person, spec, angles=angles, sources=sources, options=options)
        trial = watch.saw(dataclasses.replace(trial, notes={**trial.notes, **notes}), silent)
        if trial.signals:
            yield _with_lost(trial, lost)
            lost = []
        else:
            logger.warning("camargo: %s: trial %s has no file of a signal", folders[patient], one.name)
            lost.append(trial)
    watch.finish()


def _with_knee(positive: str) -> DatasetSpec:
    """Return the facts with the knee's factors for a choice of `knee_sign`."""

    def columns(given: Mapping[str, JointColumn]) -> dict[str, JointColumn]:
        return {
            name: dataclasses.replace(column, factor=1.0)
            if column.joint == "knee" and positive in ("positive", f"{column.side}_positive")
            else column
            for name, column in given.items()
        }

    return dataclasses.replace(SPEC, angles=columns(SPEC.angles), moments=columns(SPEC.moments))


def _trials(folder: Path, angles: str) -> list[TrialFiles]:
    """Return the trials of a person with the files that are read, those without any signal first."""
    dates = date_folders(folder)
    unused = {"ik", "ik_offset"} - {angles}
    found = []
    for date in dates:
        for mode, name, files in trial_files(date):
            read = {sensor: path for sensor, path in files.items() if sensor not in unused}
            if mode == "static" and not SIGNALS & set(read):
                continue
            unique = name if len(dates) == 1 else f"{date.name}_{name}"
            found.append(TrialFiles(mode=mode, name=unique, session=date.name, files=read))
    if angles != "ik" and not any(angles in one.files for one in found):
        raise MissingInputError(
            f"camargo: {folder}: option angles={angles}: found no folder {angles} in any mode; expected the update of "
            "2024. Leave the option out to read ik."
        )
    return sorted(found, key=lambda one: bool(SIGNALS & set(one.files)))


def _with_lost(trial: Trial, lost: Sequence[Trial]) -> Trial:
    """Return a trial that also carries the candidates of trials without any signal, which no recording can hold."""
    if not lost:
        return trial
    rejected = pd.concat([one.rejected for one in (trial, *lost) if len(one.rejected)], ignore_index=True)
    files = "; ".join(f"{one.trial} ({', '.join(name for name, _ in one.sources)})" for one in lost)
    notes = {**trial.notes, "trials_without_signals": f"their cycles stand in `rejected` here: {files}"}
    return dataclasses.replace(trial, rejected=rejected, notes=notes)
