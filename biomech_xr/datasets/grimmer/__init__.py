"""Grimmer 2020: stairs of three heights and the level walking before and after them, both legs, raw EMG.

Read from `Preprocessed/EMG`, `Processed/Touchdowns`, `Processed/Joint_Kinematics` and `Processed/Joint_Kinetics`, with
`Preprocessed/Forces` for foot off and `FullyProcessed` for body mass. The facts come from notes on public readers of
the same files; no real file was at hand (`evidence="notes"`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.grimmer import files as files_of
from biomech_xr.datasets.grimmer.files import FloatArray
from biomech_xr.datasets.grimmer.reader import LEGS, Reader
from biomech_xr.datasets.grimmer.signs import OPTIONS, decide_scales, stated_unit
from biomech_xr.datasets.grimmer.strides import Context, Part, stride_rows
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Rate, Reference
from biomech_xr.errors import MissingInputError
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

__all__ = ["OPTIONS", "SPEC", "patients", "recordings"]

HEIGHTS: Final = (("low", 0.10), ("normal", 0.17), ("high", 0.24))
"""Name and riser (m) of configurations 1 to 3, and again of 4 to 6."""

_MUSCLES: Final = {
    "vas": "vastus_lateralis",
    "rcf": "rectus_femoris",
    "tib": "tibialis_anterior",
    "bcf": "biceps_femoris",
    "gas": "gastrocnemius_lateralis",
    "sol": "soleus",
}
_COMPONENTS: Final = (
    ("hip", "flexion"),
    ("hip", "adduction"),
    ("hip", "rotation"),
    ("knee", "flexion"),
    ("ankle", "flexion"),
)

SPEC: Final = DatasetSpec(
    name="grimmer",
    title="Transitions between level walking and stair ambulation at three stair inclinations",
    doi="10.26083/tuprints-00019271",
    data_doi="10.48328/tudatalib-1182",
    licence="not known",
    reference=Reference(
        authors="Grimmer M, Zeiss J, Weigand F, Zhao G, Lamm S, Steil M, Heller A",
        title="Lower limb joint biomechanics-based identification of gait transitions in between level walking "
        "and stair ambulation",
        journal="PLOS ONE",
        volume="15",
        number="9",
        year=2020,
    ),
    host="TUdatalib",
    laboratory="TU Darmstadt",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="raw",
    emg_unit="mV",
    emg_rate=1111.11,
    rates={
        "emg": Rate(hz=(1111.11,)),
        "kinematics": Rate(hz=(200.0,)),
        "kinetics": Rate(hz=(200.0,)),
        "forces": Rate(hz=(200.0,)),
    },
    emg_lookahead=0.0,
    upstream_filters="EMG: none; joints: not stated",
    sides=("left", "right"),
    activities=("walk", "stair_ascent", "stair_descent", "other"),
    minimum_duration=0.5,
    maximum_duration=2.0,
    people=12,
    known_defects=(
        "Trial-level EMG still holds the signal errors and outliers that the authors left out of their averages.",
        "The axes of the force plates are not described: no grf group, forces give foot off only.",
    ),
    assumptions=(
        "Touchdowns are 1-based frames at TD_fs (200 Hz), fractions kept; EMG is cut by time at its own Emg_fs. All "
        "streams of a recording start together.",
        "The source lists the touchdowns of an ascent and of a descent without saying which strides are on stairs. The "
        "stride's own knee decides: ascending, it walks where the knee is below 15 degrees at both contacts and climbs "
        "where it is above 25 at one of them; descending, by the mean from 42 to 48 % of the stride (below 20, above "
        "30). In between the activity is other.",
        "A stair stride is a transition where its two contacts differ in that way (ascent) or where the leg's stride "
        "before or after it walks.",
        "Units and signs of angles and moments are decided on each person's strides; adduction and rotation angles of "
        "the hip are taken as adduction and internal rotation, and the rotation moment has the sign that the adduction "
        "moment shows.",
        "Foot off is the end of the leg's force record (NaN without contact) where the force is there from within two "
        "frames of the touchdown on, ends once, and ends at 40 to 80 % of the stride; these limits are ours.",
        "Strides of the ascent and descent lists of a leg that overlap by more than a frame are kept once where both "
        "lists hold the same stride and give it one activity, else rejected: it is open which list is right.",
        "Forces that cannot be read are noted, as are EMG, moments and forces that have not six configurations.",
        "Mains at 50 Hz, as in Darmstadt.",
        "Configurations 1 to 3 and 4 to 6 have stairs of 0.10, 0.17 and 0.24 m each.",
        "The smoothing of the joints is not stated: kinematics_lookahead is unknown.",
    ),
    emg={f"{raw}_{leg}": EmgColumn(muscle=muscle, side=side) for leg, side in LEGS for raw, muscle in _MUSCLES.items()},
    angles={
        f"{joint}_angle_{motion}_{leg}": JointColumn(joint=joint, motion=motion, side=side)
        for leg, side in LEGS
        for joint, motion in _COMPONENTS
    },
    moments={
        f"{joint}_moment_{motion}_{leg}": JointColumn(joint=joint, motion=motion, side=side)
        for leg, side in LEGS
        for joint, motion in _COMPONENTS
    },
)
"""The factors of angles and moments are decided for each person; those here are 1."""


def patients(root: Path) -> list[str]:
    """Return the people (subject1, ...) whose files lie below ``root``, by number.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no file of a person, or two of one kind.
    """
    return [f"subject{number}" for number in files_of.find_people(root)]


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the recordings of one person, each with an ascent and a descent, by configuration and trial.

    EMG is continuous (sample, side, channel) in mV at Emg_fs, kinematics and kinetics (sample, side, joint, motion) in
    degrees and N m/kg at TD_fs, all from 0 s.

    Raises
    ------
    MissingInputError
        No such person, or no touchdowns or angles.
    DataFormatError
        A file breaks the format, there is no stride, or a sign or unit is in doubt and no option settles it.
    """
    people = files_of.find_people(root)
    numbers = {f"subject{number}": number for number in people}
    if patient not in numbers:
        raise MissingInputError(f"grimmer: {root}: found nobody named {patient!r}. Known: {', '.join(numbers)}.")
    files = people[numbers[patient]]
    mass = files_of.body_mass(root, numbers[patient])
    watch = cycles.Watch(dataset=SPEC.name, folder=files.get("touchdowns", root))
    notes: dict[str, str] = {}
    with files_of.open_person(root, files, notes) as opened:
        reader = Reader(SPEC, opened, options)
        if "emg" in opened and options.get("emg_unit"):
            notes["evidence.emg_unit"] = f"{options['emg_unit']} (option emg_unit={options['emg_unit']})"
        keys = [(c, t) for c, count in enumerate(files_of.trial_counts(opened)) for t in range(count)]
        stated = {kind: stated_unit(opened.get(kind)) for kind in ("kinematics", "kinetics")}
        strides = reader.curves(keys)
        used = {kind: files[kind] for kind in opened}
        scales = decide_scales(strides, files=used, stated=stated, mass=mass, options=options)
        notes |= scales.notes
        person = Patient(dataset=SPEC.name, source_patient=patient, body_mass=mass)
        sources = files_of.hashes(root, files)
        for key in keys:
            parts = reader.parts(*key)
            signals, unpaired = reader.signals(*key, scales)
            if signals or any(part.contacts.size > 1 for part in parts):
                trial = _trial(reader, key, parts, signals, unpaired, person, notes, sources)
                yield watch.saw(trial, {})
    watch.finish()


def _trial(
    reader: Reader,
    key: tuple[int, int],
    parts: list[Part],
    signals: Mapping[str, Signal],
    unpaired: str,
    person: Patient,
    notes: Mapping[str, str],
    sources: tuple[tuple[str, str], ...],
) -> Trial:
    height, riser = HEIGHTS[key[0] % len(HEIGHTS)]
    name = f"config{key[0] + 1}_trial{key[1] + 1}"
    ends = [(s.values.sizes["sample"] - 1) / s.sampling_frequency for s in signals.values()]
    signals = signals or {"kinematics": reader.nothing()}
    standing, fault = reader.standing(*key)
    knees: dict[str, FloatArray] = {}
    if "kinematics" in signals:
        place = words.JOINTS.index("knee"), words.MOTIONS.index("flexion")
        angles = signals["kinematics"].values
        rows, sides = angles.values[:, :, *place], angles.get_index("side").tolist()
        knees = {side: rows[:, sides.index(side)].astype(np.float64) for _, side in LEGS}
    context = Context(
        spec=SPEC,
        trial=name,
        stair_height=riser,
        span=(0.0, max(ends, default=np.inf)),
        signals=signals,
        knees=knees,
        rate=reader.rate,
        standing=standing,
        unpaired=unpaired,
    )
    kept, rejected = stride_rows(parts, context)
    return Trial(
        patient=person,
        trial=name,
        task=f"stairs_{height}",
        signals=signals,
        strides=stride_table(kept),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes=dict(notes) | context.notes | ({"forces": fault} if fault else {}),
    )
