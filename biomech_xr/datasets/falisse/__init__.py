"""Falisse 2019: eleven right walking strides of one person with EMG envelopes, angles, moments, powers and forces.

One MATLAB v5 file, `ExperimentalData.mat`, of the repository 3dpredictsim; arrays are points x columns x strides. Signs
and units were read from the file itself: moment x velocity is its published power, OpenSim's knee is negative in
flexion, the vertical force starts at 20 N of a person of 62 kg.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.falisse.grid import POINTS, Columns, derive_spans, includes_endpoint
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Rate, Reference
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.matlab import load_struct
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

BODY_MASS: Final = 62.0
"""Body mass in kg, from the settings of the same repository."""

MAXIMUM_SPREAD: Final = 0.03
"""Largest relative spread over joints of a derived duration."""

_FILE: Final = "ExperimentalData.mat"
_PERSON: Final = "subject1"
_TRIAL: Final = "walk"
_SPEED: Final = 1.33
_GRAVITY: Final = 9.80665
_CONTACT_FORCE: Final = 20.0
_FORCES: Final = ("Fore-aft", "Vertical", "Lateral")

_JOINTS: Final = {
    "hip_flexion": JointColumn(joint="hip", motion="flexion", side="right"),
    "hip_adduction": JointColumn(joint="hip", motion="adduction", side="right"),
    "hip_rotation": JointColumn(joint="hip", motion="rotation", side="right"),
    "knee_angle": JointColumn(joint="knee", motion="flexion", side="right", factor=-1.0),
    "ankle_angle": JointColumn(joint="ankle", motion="flexion", side="right"),
}
_MUSCLES: Final = {
    "Hamstrings-lateralis": "biceps_femoris",
    "Tibialis-anterior": "tibialis_anterior",
    "Peroneus-longus": "peroneus_longus",
    "Gastrocnemius-lateralis": "gastrocnemius_lateralis",
    "Hamstrings-medialis": "semitendinosus",
    "Soleus": "soleus",
    "Vastus-lateralis": "vastus_lateralis",
    "Vastus-medialis": "vastus_medialis",
    "Gluteus-medialis": "gluteus_medius",
    "Rectus-femoris": "rectus_femoris",
    "Peroneus-brevis": "peroneus_brevis",
    "Gastrocnemius-medialis": "gastrocnemius_medialis",
    "Adductor-longus": "adductor_longus",
    "Tensor-fasciae-latae": "tensor_fasciae_latae",
}
_HEADLESS: Final = {"Hamstrings-medialis"}

SPEC: Final = DatasetSpec(
    name="falisse",
    title="Experimental data of 'Rapid predictive simulations with complex musculoskeletal models'",
    doi="10.1098/rsif.2019.0402",
    data_doi="",
    licence="MIT (repository)",
    licence_use="open",
    reference=Reference(
        authors="Falisse A, Serrancoli G, Dembia CL, Gillis J, Jonkers I, De Groote F",
        title="Rapid predictive simulations with complex musculoskeletal models suggest that diverse healthy "
        "and pathological human gaits can emerge from similar control strategies",
        journal="Journal of the Royal Society Interface",
        volume="16",
        pages="20190402",
        year=2019,
    ),
    host="github.com/antoinefalisse/3dpredictsim",
    evidence="real_file",
    population="able_bodied",
    line_frequency=50.0,
    emg_state="envelope",
    emg_unit="1",
    emg_rate=95.0,  # 100 points over about 1.04 s
    rates={
        "emg": Rate(points=100, isolated=True),
        "kinematics": Rate(points=100),
        "kinetics": Rate(points=100),
        "forces": Rate(points=100),
    },
    emg_lookahead=0.57,
    upstream_filters="EMG envelopes, time-normalised to 100 points; filters not stated",
    sides=("right",),
    activities=("walk",),
    minimum_duration=0.6,
    maximum_duration=1.6,
    people=1,
    known_defects=(
        "ten of fourteen muscles are absent (NaN) in strides 1, 3, 5, 8 and 10, two more in 1, 3 and 10",
        "the subtalar axis is oblique: subtalar_angle is not mapped",
    ),
    assumptions=(
        "the 100 points include the next contact (point j at j / 99 of the stride): over 99 intervals every stride "
        "lasts a whole number of milliseconds (1 kHz contact times), over 100 none does; checked in the data at every "
        "reading",
        "durations are derived from angles against published angular velocities",
        "the EMG envelopes see at most 0.57 s into the future: a zero-phase low-pass at 6 Hz or above, of at most 4th "
        "order in each pass (0.563 s; 2nd order 0.299 s), leaves less than 1e-4 of the absolute sum of its impulse "
        "response to later samples",
        "the smoothing of angles is not stated: kinematics_lookahead is unknown",
        "durations are 1.010 to 1.087 s by the file itself, while the description of the data says 1.00 to 1.03 s",
        "a muscle that is zero in all points of a stride is not measured there",
        "Hamstrings-medialis names no head: stored as semitendinosus, ambiguous",
        "foot off is the first point after the peak force with less than 20 N of vertical force",
        "strides are isolated; their order in time is not stated",
    ),
    emg={raw: EmgColumn(muscle=muscle, side="right", ambiguous=raw in _HEADLESS) for raw, muscle in _MUSCLES.items()},
    angles=_JOINTS,
    moments=_JOINTS,
)


def patients(root: Path) -> list[str]:
    """Return the one person of the file.

    Raises
    ------
    MissingInputError
        ``root`` has no `ExperimentalData.mat`.
    """
    _find(root)
    return [_PERSON]


def recordings(root: Path, patient: str) -> Iterator[Trial]:
    """Yield the one trial: 11 isolated strides of the right leg, 100 points each.

    Raises
    ------
    MissingInputError
        The file or the person does not exist.
    DataFormatError
        The file is damaged, lacks an array or a column, or a muscle or an angle is NaN in every stride.
    """
    path = _find(root)
    if patient != _PERSON:
        raise MissingInputError(f"{SPEC.name}: {path}: found no person {patient!r}. Known: {_PERSON}.")
    content = load_struct(path, dataset=SPEC.name)
    angles = _block(path, content, ("Q", _PERSON, "Qs"), list(_JOINTS))
    velocities = _block(path, content, ("Q", _PERSON, "Qdots"), list(_JOINTS))
    moments = _block(path, content, ("Torques", _PERSON), list(_JOINTS))
    forces = _block(path, content, ("GRFs", _PERSON), _FORCES)
    emg = _block(path, content, ("EMG", _PERSON), list(SPEC.emg))
    watch = cycles.Watch(dataset=SPEC.name, folder=path)
    silent = {"emg": cycles.silent(emg, SPEC.emg), "angles": cycles.silent(angles, SPEC.angles)}
    spans, spread = derive_spans(angles, velocities)
    endpoint, grid = includes_endpoint(spans)
    durations = spans if endpoint else spans * POINTS / (POINTS - 1)
    signals = {
        "emg": _emg_signal(emg, endpoint=endpoint),
        "kinematics": _joint_signal(angles, words.UNITS["kinematics"], scale=1.0, endpoint=endpoint),
        "kinetics": _joint_signal(moments, words.UNITS["kinetics"], scale=1.0 / BODY_MASS, endpoint=endpoint),
        "grf": _force_signal(forces, endpoint=endpoint),
    }
    strides, rejected = _rows(durations, spread, _foot_off(forces["Vertical"], durations, endpoint=endpoint))
    trial = Trial(
        patient=Patient(dataset=SPEC.name, source_patient=_PERSON, body_mass=BODY_MASS),
        trial=_TRIAL,
        task="walk",
        signals=signals,
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=((path.name, sha256(path)),),
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes={
            "grid": grid,
            "duration": f"angles against velocities, spread over joints {np.nanmax(spread, initial=0.0):.1e}",
        },
    )
    yield watch.saw(trial, silent)
    watch.finish()


def _find(root: Path) -> Path:
    path = root / _FILE
    if not path.is_file():
        raise MissingInputError(f"{SPEC.name}: {path}: no such file. Give the folder that holds {_FILE}.")
    return path


def _block(path: Path, content: Mapping[str, Any], keys: Sequence[str], columns: Sequence[str]) -> Columns:
    """Return columns of one array of the struct after checking its shape."""
    node: Any = content.get("ExperimentalData")
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    found = node if isinstance(node, Mapping) else {}
    values = np.asarray(found.get("all", 0.0))
    names = [str(name) for name in np.ravel(found.get("colheaders", ()))]
    missing = [name for name in columns if name not in names]
    if values.ndim != 3 or values.shape[:2] != (POINTS, len(names)) or missing or values.dtype.kind != "f":
        raise DataFormatError.of(
            dataset=SPEC.name,
            file=path,
            field=".".join(("ExperimentalData", *keys)),
            found=f"array of shape {values.shape}, columns missing: {', '.join(missing) or 'none'}",
            expected=f"{POINTS} points x columns x strides in 'all' with 'colheaders'",
            action="Download the file again",
        )
    return {name: values[:, names.index(name)].astype(np.float64) for name in columns}


def _signal(
    values: npt.NDArray[np.float64], coords: Mapping[str, Sequence[str]], *, endpoint: bool, **attrs: Any
) -> Signal:
    """Return values (sample, ...) of the right leg as a segmented signal."""
    array = xr.DataArray(
        values[:, None].astype(np.float32),
        dims=("sample", "side", *coords),
        coords={"side": ["right"], **{dim: list(labels) for dim, labels in coords.items()}},
        attrs=attrs,
    )
    return Signal(kind="segmented", values=array, points=POINTS, endpoint=endpoint, contiguity="isolated")


def _emg_signal(raw: Columns, *, endpoint: bool) -> Signal:
    measured = (np.where((raw[name] == 0).all(axis=0), np.nan, raw[name]) for name in SPEC.emg)
    values = np.stack([column.T.ravel() for column in measured], axis=1)
    muscles = [column.muscle for column in SPEC.emg.values()]
    ambiguous = [f"right:{column.muscle}" for column in SPEC.emg.values() if column.ambiguous]
    return _signal(values, {"channel": muscles}, endpoint=endpoint, units=SPEC.emg_unit, ambiguous=ambiguous)


def _joint_signal(raw: Columns, units: str, *, scale: float, endpoint: bool) -> Signal:
    rows = raw[next(iter(_JOINTS))].size
    values = np.full((rows, len(words.JOINTS), len(words.MOTIONS)), np.nan)
    for name, column in _JOINTS.items():
        place = words.JOINTS.index(column.joint), words.MOTIONS.index(column.motion)
        values[:, *place] = raw[name].T.ravel() * column.factor * scale
    return _signal(values, {"joint": words.JOINTS, "motion": words.MOTIONS}, endpoint=endpoint, units=units)


def _force_signal(raw: Columns, *, endpoint: bool) -> Signal:
    values = np.stack([raw[name].T.ravel() for name in _FORCES], axis=1) * (_GRAVITY / 100)
    return _signal(values, {"axis": words.AXES}, endpoint=endpoint, units=words.UNITS["grf"])


def _foot_off(
    vertical: npt.NDArray[np.float64], durations: npt.NDArray[np.float64], *, endpoint: bool
) -> npt.NDArray[np.float64]:
    """Return the foot off of every stride in s after contact, NaN where the force never ends.

    ``vertical`` has shape (point, stride), per cent of body weight.
    """
    off = vertical * (BODY_MASS * _GRAVITY / 100) < _CONTACT_FORCE
    off &= np.arange(POINTS)[:, None] > np.argmax(vertical, axis=0)
    step = durations / (POINTS - 1 if endpoint else POINTS)
    return np.where(off.any(axis=0), np.argmax(off, axis=0) * step, np.nan)


def _rows(
    durations: npt.NDArray[np.float64], spread: npt.NDArray[np.float64], foot_off: npt.NDArray[np.float64]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    strides: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for number, duration in enumerate(durations):
        row = {"trial": _TRIAL, "side": "right", "stride_number": number, "source_activity": "walking"}
        if not spread[number] <= MAXIMUM_SPREAD:
            known = np.isfinite(spread[number])
            detail = (
                f"durations derived from the joints differ by {spread[number]:.0%}" if known else "no joint measured"
            )
            rejected.append(row | {"reason": "unknown_duration", "detail": detail})
            continue
        row |= {"duration": float(duration)}
        if not SPEC.minimum_duration <= duration <= SPEC.maximum_duration:
            reason = "too_short" if duration < SPEC.minimum_duration else "too_long"
            rejected.append(row | {"reason": reason, "detail": f"{duration:.3f} s"})
            continue
        labels = {"activity": "walk", "surface": "overground", "duration_source": "samples", "speed": _SPEED}
        strides.append(row | labels | {"foot_off": float(foot_off[number]), "segment": number})
    return strides, rejected
