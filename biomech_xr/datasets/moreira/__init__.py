"""Moreira 2021: overground walking at seven imposed speeds, both legs, strides cut to 1001 points, four muscles.

Read from the MATLAB release (`Processed_Data.mat`, tables in cells) or from the text release. Names, signs and units
were checked on real tables of one person's right leg (two trials of the text release); the MATLAB container, the left
leg and the stride times follow published descriptions and public readers.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.moreira.emg import LOOKAHEAD, MUSCLES, choose_emg
from biomech_xr.datasets.moreira.kinetics import find_mass, settle_mass
from biomech_xr.datasets.moreira.legs import SPEEDS, Leg, open_legs
from biomech_xr.datasets.moreira.people import METADATA, PEOPLE, find_people, read_person, read_stated_times
from biomech_xr.datasets.moreira.trial import Context, Durations, make_trial
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.errors import ConfigError, MissingInputError
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Trial

logger = logging.getLogger(__name__)

_SIDES: Final[tuple[tuple[str, words.Side], ...]] = (("L", "left"), ("R", "right"))
_MOTIONS: Final = {"X": "flexion", "Y": "adduction", "Z": "rotation"}
_EXTERNAL: Final = "Hip_Z"


def _joint_columns(group: str) -> dict[str, JointColumn]:
    return {
        f"{letter}/{group}/{joint.title()}_{axis}": JointColumn(
            joint=joint,
            motion=motion,
            side=side,
            factor=-1.0 if group == "Torques_Norm" and f"{joint.title()}_{axis}" == _EXTERNAL else 1.0,
        )
        for letter, side in _SIDES
        for joint in words.JOINTS
        for axis, motion in _MOTIONS.items()
    }


SPEC: Final = DatasetSpec(
    name="moreira",
    title="Lower limb kinematic, kinetic, and EMG data from young healthy humans during walking at controlled speeds",
    doi="10.1038/s41597-021-00881-3",
    data_doi="",
    licence="not verified (believed CC BY 4.0)",
    reference=Reference(
        authors="Moreira L, Figueiredo J, Fonseca P, Vilas-Boas JP, Santos CP",
        journal="Scientific Data",
        volume="8",
        pages="103",
        year=2021,
    ),
    host="figshare",
    evidence="real_file",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="envelope",
    emg_unit="% MVC",
    emg_rate=1000.0,
    rates={
        "emg": Rate(points=1001),
        "kinematics": Rate(points=1001),
        "kinetics": Rate(points=1001),
        "forces": Rate(points=1001),
    },
    emg_lookahead=LOOKAHEAD["envelope"],
    upstream_filters="not stated; everything is time-normalised to 1001 points a stride",
    sides=("left", "right"),
    activities=("walk",),
    minimum_duration=0.6,
    maximum_duration=3.0,
    people=PEOPLE,
    known_defects=(
        "Participant 4 lacks the speeds 1.0, 3.5 and 4.0 km/h.",
        "Tables of the left leg often hold only the first stride, without pelvis and with four EMG columns.",
        "The text release gives no durations and neither has a clock of the trial: durations come from Stride_Time of "
        "the MATLAB release or from the options, contact times are unknown.",
        "EMG exists only time-normalised: a band-passed product is refused.",
    ),
    assumptions=(
        "Checked on real tables of the right leg of one person only; the left leg is taken to have the same signs.",
        "The hip rotation torque is external-positive and is negated; the other torques are internal and canonical.",
        "The second stride of a table follows the first without a gap: in the real tables its first row is the last "
        "of the first stride.",
        "Row k of Stride_Time belongs to row k of Angles, or of the other signals where a leg has no Angles and they "
        "all list the same trials, and only where both have as many rows; a time of 0 or less is none.",
        "A channel of zeros throughout a stride was not measured there.",
        "EMG was sampled at 1000 Hz; EMGs_filt is in mV.",
        "The names of the text release's EMG folders are not known: EMG is what has the columns St1_VL, ..., and "
        "whether it is an envelope is decided from its samples.",
        "emg_lookahead: the filters are not stated; a zero-phase low-pass at 6 Hz or above of at most 4th order in "
        "each pass leaves less than 1e-4 of the absolute sum of its impulse response after 0.563 s; the filtered "
        "signal, by a band-pass from 10 Hz or above of that order, after 0.301 s.",
        "The sign of the medio-lateral force is that of the file.",
        "A stride without vertical force whose ankle moment stays below 0.3 N m/kg was beside the plates: its moments "
        "are those of the limb's inertia alone and are left out.",
    ),
    emg={
        f"{letter}/{raw}": EmgColumn(muscle=muscle, side=side)
        for letter, side in _SIDES
        for raw, muscle in MUSCLES.items()
    },
    angles=_joint_columns("Angles"),
    moments=_joint_columns("Torques_Norm"),
    reader_version="2",
)

OPTIONS: Final[Mapping[str, Option]] = {
    "stride_time": Option(
        kind="number", help="Duration in seconds of every stride whose duration the files do not give, such as 1.2."
    ),
    "stride_times": Option(
        kind="file",
        help="CSV file with the columns participant, speed, leg, trial, stride and seconds, such as "
        "Participant1,V1,R,T2,1,1.93: durations that the files do not give.",
    ),
    "emg": Option(
        kind="choice",
        choices=("envelope", "filtered"),
        help="Which EMG to read: the envelope in per cent of MVC (default where it is there), or the filtered signal.",
    ),
}


def patients(root: Path) -> list[str]:
    """Return the people (Participant1, ...) of either release below ``root``, in the order of their numbers.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds nobody, or somebody twice.
    """
    return list(find_people(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the trials of one person, one a speed, leg and walk (``V15_R_T2``), each of one or two strides.

    EMG (sample, side, channel) in % MVC, angles in degrees and moments in N m/kg (sample, side, joint, motion), forces
    in N/kg, all segmented with 1001 points. Durations are those of `Stride_Time`, else of the options, else NaN.

    Parameters
    ----------
    root
        Folder of one release or of both.
    patient
        One of `patients`.
    options
        Those of `OPTIONS`.

    Raises
    ------
    MissingInputError
        No such person, or no data of theirs.
    DataFormatError
        A table breaks the format, no leg has angles, moments and body mass disagree, or durations are stated of strides
        that are not there.
    ConfigError
        The option stride_time is not positive.
    """
    every = options.get("stride_time", math.nan)
    if "stride_time" in options and not 0 < every < math.inf:
        raise ConfigError(f"moreira: option stride_time={every:g}: expected more than 0 s, such as 1.2.")
    people = find_people(root)
    if patient not in people:
        raise MissingInputError(f"moreira: {root}: no folder of {patient}. Known: {', '.join(people)}.")
    folder = people[patient]
    stated = read_stated_times(options["stride_times"]) if "stride_times" in options else {}
    watch = cycles.Watch(dataset="moreira", folder=folder)
    with open_legs(folder) as legs:
        mass = find_mass(legs)
        person, mass_source = settle_mass(read_person(folder, patient), mass, legs)
        absent = [speed for speed in SPEEDS if speed not in {leg.speed for leg in legs}]
        context = Context(
            spec=SPEC,
            person=person,
            mass=mass,
            emg=choose_emg(legs, options.get("emg")),
            durations=Durations(stated=stated, every=every),
            notes={"body_mass": mass_source, "absent_speeds": ", ".join(absent) or "none"},
        )
        hashes, seen = _Hashes(root, folder), set[tuple[str, str, str, int]]()
        for leg in legs:
            for name in leg.trials(context.emg.member):
                trial = make_trial(leg, name, context, sources=hashes.of(leg, name))
                seen |= {(leg.speed, leg.letter, name, k + 1) for k in _numbers(trial)}
                yield watch.saw(trial, {})
        if stated:
            context.durations.check(options["stride_times"], patient, seen)
    watch.finish()


class _Hashes:
    """The files behind a trial with their checksums, each computed once."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._always = [folder / METADATA] if (folder / METADATA).is_file() else []
        self._known: dict[Path, str] = {}

    def of(self, leg: Leg, trial: str) -> tuple[tuple[str, str], ...]:
        paths = [*leg.files(trial), *self._always]
        for path in paths:
            self._known[path] = self._known.get(path) or sha256(path)
        return tuple((cycles.relative(path, self._root), self._known[path]) for path in paths)


def _numbers(trial: Trial) -> list[int]:
    return [*trial.strides["stride_number"].tolist(), *trial.rejected["stride_number"].tolist()]
