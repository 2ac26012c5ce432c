"""Wei 2023, SIAT-LLMD: sixteen movements of 40 people, left-leg EMG at 1920 Hz, angles and torques of both legs, CSV.

Layout, columns and labels follow the data descriptor and public readers of the release. Real EMG channels of one person
were at hand, no whole file (`evidence="notes"`); what stays open is decided from each person's own level walking.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.siat.decisions import Facts, Gait, decide, knees_of, name_of, pool_knees, read_gait
from biomech_xr.datasets.siat.files import RATE, Table, people, read_data, read_person, trial_files
from biomech_xr.datasets.siat.labels import Cycle, confirm_legs
from biomech_xr.datasets.siat.signals import make_signals
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option, Rate, Reference
from biomech_xr.datasets.walking import ASSUMPTIONS, FRONTAL
from biomech_xr.datasets.walking import OPTIONS as WALK_OPTIONS
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.ahead import Ahead
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

FloatArray = npt.NDArray[np.float64]

__all__ = ["OPTIONS", "SPEC", "patients", "recordings"]

logger = logging.getLogger(__name__)

OPTIONS: Final[Mapping[str, Option]] = {**WALK_OPTIONS, **FRONTAL}

_LOOKAHEAD: Final[Mapping[str, float]] = {"raw": 0.0, "bandpassed": 4.72, "envelope": 5.29}
_MUSCLES: Final = {
    "tensor fascia lata": "tensor_fasciae_latae",
    "rectus femoris": "rectus_femoris",
    "vastus medialis": "vastus_medialis",
    "semimembranosus": "semimembranosus",
    "upper tibialis anterior": "tibialis_anterior_upper",
    "lower tibialis anterior": "tibialis_anterior_lower",
    "lateral gastrocnemius": "gastrocnemius_lateralis",
    "medial gastrocnemius": "gastrocnemius_medialis",
    "soleus": "soleus",
}
_COMPONENTS: Final = (("hip", "adduction"), ("hip", "flexion"), ("knee", "flexion"), ("ankle", "flexion"))
_GAIT: Final[Mapping[str, tuple[str, str]]] = {
    "WAK": ("walk", "overground"),
    "UPS": ("stair_ascent", "stairs"),
    "DNS": ("stair_descent", "stairs"),
}


def _joints(kind: str) -> dict[str, JointColumn]:
    return {
        name_of(kind, joint, motion, side): JointColumn(joint=joint, motion=motion, side=side)
        for side in words.SIDES
        for joint, motion in _COMPONENTS
    }


SPEC: Final = DatasetSpec(
    name="siat",
    title="Surface electromyogram, kinematic and kinetic dataset of lower limb walking for movement intent recognition",
    doi="10.1038/s41597-023-02263-3",
    data_doi="10.6084/m9.figshare.c.6271164",
    licence="CC0 1.0 (as a public user of the data states it)",
    reference=Reference(
        authors="Wei W, Tan F, Zhang H, Mao H, Fu M, Samuel OW, Li G",
        journal="Scientific Data",
        volume="10",
        pages="358",
        year=2023,
    ),
    host="figshare",
    evidence="notes",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="raw",
    emg_unit="mV",
    emg_rate=RATE,
    rates={"emg": Rate(hz=(RATE,)), "kinematics": Rate(hz=(RATE,)), "kinetics": Rate(hz=(RATE,))},
    emg_lookahead=0.0,
    upstream_filters="EMG: none stated, offset left in; angles and torques: OpenSim, on the clock of the EMG; "
    "filters not stated",
    sides=("left", "right"),
    activities=("walk", "stair_ascent", "stair_descent"),
    minimum_duration=0.6,
    maximum_duration=2.5,
    people=40,
    known_defects=(
        "EMG is of the left leg alone: strides of the right leg have angles and moments only.",
        "Data and label files of a trial may differ in length: they are joined by their `Time`.",
        "Angles and torques are interpolated to the rows of the EMG: their bandwidth is far below 1920 Hz. Where rows "
        "are held instead, the held rows are taken once.",
        "Groups 1 to 5 are taken by one reader of the release for the right leg and 6 to 10 for the left, by others as "
        "a plain counter: the leg of every cycle is decided from the knees.",
    ),
    assumptions=(
        "EMG in mV.",
        "Level walking is taken for overground: whether it was on a treadmill is not stated.",
        "The EMG has no filter that sees ahead, as the release calls it unprocessed (emg_lookahead 0). EMG that is "
        "band-passed after all has the filters that the release's code applies, in both directions: Butterworth 15 to "
        "400 Hz of order 7 and a notch at 50 Hz of Q 100, less than 1e-4 of whose response lies after 4.72 s; an "
        "envelope a low-pass at 6 Hz or above of at most 4th order besides (5.29 s).",
        "The smoothing of angles is not stated: kinematics_lookahead is unknown.",
        *ASSUMPTIONS,
        "A leg without a labelled cycle in level walking is judged on the cycles of the other leg half a cycle later.",
        "A leg's cycles in one trial are no strides where its knee says that they start at the other foot's contact; "
        "where they are too few to be sure, the leg's cycles of all trials say so.",
        "Where only events are marked, a cycle ends at the first mark of the next one if that is of the same leg and "
        "the time up to it within a quarter of the median of the trial's other cycles.",
        "The two electrodes on tibialis anterior stay apart.",
        "A held row of angles or torques belongs to the first time of its run.",
        "Movements without labelled gait phases are recordings without strides.",
    ),
    emg={f"sEMG: {raw}": EmgColumn(muscle=muscle, side="left") for raw, muscle in _MUSCLES.items()},
    angles=_joints("angle"),
    moments=_joints("moment"),
)
"""The factors of angles and moments are those of a file in canonical signs; every person's own are decided."""


def patients(root: Path) -> list[str]:
    """Return the source ids (Sub01, ...) of the folders below ``root`` or below the archive's doubled folder, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no folder of a person.
    """
    return list(people(root))


def recordings(root: Path, patient: str, options: Mapping[str, Any]) -> Iterator[Trial]:
    """Yield the movements of one person in alphabetical order of their codes.

    EMG is (sample, side, channel) of the left leg in mV, kinematics and kinetics (sample, side, joint, motion) of both
    legs in degrees and N m/kg, all on the file's clock. Level walking and stairs have strides: a labelled cycle from
    the first row of phase 1 to the next contact of the leg that the knees name. The other movements have none.

    Raises
    ------
    MissingInputError
        No such person, or no data file.
    DataFormatError
        A file breaks the format or is cut, a sign or unit cannot be decided and no option settles it, the person has
        no stride at all, or an EMG channel, angle or torque is NaN in every movement.
    """
    found = people(root)
    if patient not in found:
        raise MissingInputError(f"siat: {root}: no folder {patient}. Known: {', '.join(found)}.")
    folder = found[patient]
    person, extra = read_person(folder.parent, root, patient)
    files = trial_files(folder)
    gait = read_gait({code: paths for code, paths in files.items() if code in _GAIT}, SPEC)
    pooled = pool_knees(gait.values())
    others = [data for code, (data, _) in files.items() if code not in gait]
    watch = cycles.Watch(dataset="siat", folder=folder)
    with (
        Ahead(lambda paths: _sums(root, paths), files.values(), most=len(files)) as sums,
        Ahead(lambda data: read_data(data, SPEC), others) as tables,
    ):
        facts = _facts(files, gait, pooled, person, options, folder)
        for code, (data, label) in files.items():
            walked = gait.pop(code, None)
            table = next(tables) if walked is None else walked.table
            trial = _trial(
                table,
                data,
                code,
                person=person,
                facts=facts,
                sources=(*next(sums), *extra),
                labelled=label is not None,
                walked=walked,
                pooled=pooled,
            )
            joints = {**SPEC.angles, **(SPEC.moments if facts.moment else {})}
            yield watch.saw(trial, {"emg": cycles.silent(table, SPEC.emg), "joints": cycles.silent(table, joints)})
    watch.finish()


def _sums(root: Path, paths: tuple[Path, Path | None]) -> tuple[tuple[str, str], ...]:
    """Return the files of a trial as sources, with their checksums."""
    return tuple((cycles.relative(path, root), sha256(path)) for path in paths if path is not None)


def _facts(
    files: Mapping[str, tuple[Path, Path | None]],
    gait: Mapping[str, Gait],
    pooled: Mapping[words.Side, FloatArray],
    person: Patient,
    options: Mapping[str, Any],
    folder: Path,
) -> Facts:
    """Return what the person's level walking decides."""
    if "WAK" not in gait:
        raise DataFormatError.of(
            dataset="siat",
            file=folder / "Data",
            field="WAK",
            found=f"the movements {', '.join(files)}",
            expected=f"{folder.name}_WAK_Data.csv, from which signs and units are decided",
            action="Complete the download, or leave this person out",
        )
    return decide(gait["WAK"], pooled, files["WAK"][0], body_mass=person.body_mass, options=options)


def _trial(
    table: Table,
    data: Path,
    code: str,
    *,
    person: Patient,
    facts: Facts,
    sources: tuple[tuple[str, str], ...],
    labelled: bool,
    walked: Gait | None,
    pooled: Mapping[words.Side, FloatArray],
) -> Trial:
    signals, rows = make_signals(table, SPEC, facts)
    notes = {**facts.notes, **rows}
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    if not labelled:
        notes["labels"] = "no label file: no candidate"
        logger.warning("siat: %s: no label file, read without strides", data)
    elif walked is not None:
        kept, rejected = _rows(_labelled(walked, pooled, notes), table, code, signals)
    return Trial(
        patient=person,
        trial=code,
        task=code,
        signals=signals,
        strides=stride_table(kept),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=facts.emg_state,
        emg_lookahead=_LOOKAHEAD[facts.emg_state],
        notes=notes,
    )


def _labelled(walked: Gait, pooled: Mapping[words.Side, FloatArray], notes: dict[str, str]) -> list[Cycle]:
    """Return the cycles of a gait trial with their legs; notes say how the legs were decided."""
    if walked.labels != walked.time.size:
        notes["length"] = f"{walked.time.size} rows of data, {walked.labels} of labels: joined by Time"
    note, found = confirm_legs(walked.cycles, knees_of(walked.table), walked.time, pooled)
    notes["evidence.leg"] = note or "no cycle"
    return found


def _rows(
    found: list[Cycle], table: Table, code: str, signals: Mapping[str, Signal]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and `rejected`: every labelled cycle is a candidate of its leg."""
    activity, surface = _GAIT[code]
    span = float(table["Time"][0]), float(table["Time"][-1]) + 1 / RATE
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for side in words.SIDES:
        for number, cycle in enumerate(cycle for cycle in found if cycle.side == side):
            rows = cycles.sort_candidates(
                spec=SPEC,
                trial=code,
                side=side,
                contacts=np.array([cycle.start, cycle.stop]),
                span=span,
                judge=lambda _, cycle=cycle: _verdict(cycle, signals, activity, surface, code),  # type: ignore[misc]
                first_number=number,
            )
            kept += rows[0]
            rejected += rows[1]
    return kept, rejected


def _verdict(cycle: Cycle, signals: Mapping[str, Signal], activity: str, surface: str, code: str) -> cycles.Verdict:
    labels: dict[str, Any] = {"source_activity": code}
    if cycle.fault:
        return cycles.Verdict(labels=labels, reason="not_a_stride", detail=cycle.fault)
    if not cycles.has_samples(signals, cycle.side, cycle.start, cycle.stop):
        return cycles.NO_SIGNAL
    labels |= {"activity": activity, "surface": surface, "foot_off": cycle.off - cycle.start}
    return cycles.Verdict(labels=labels)
