"""Writer of a laboratory's own overground trials: C3D files with Plug-in Gait outputs, and the YAML that maps them.

Labels, signs, units and defects are those measured on public Plug-in Gait files: moments in N mm/kg, extensor positive
while angles are flexion positive; exactly 0 where the model was not computed; values of tens of thousands at the
borders of force plates; event times from the start of the capture.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from biomech_xr import vocabulary as words
from biomech_xr.errors import MissingDependencyError
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments, velocities, vertical_forces
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth

MOST_PEOPLE: Final = 99
RATE: Final = 120
ANALOG_RATES: Final = (1200, 1800)
LINE_FREQUENCY: Final = 50.0
LATE_START: Final = 61
CHANNELS: Final = (
    ("EMG1", "gastrocnemius_medialis", "Gastrocnemius", True),
    ("EMG3", "biceps_femoris", "Lateral Hamstrings", False),
    ("EMG5", "vastus_lateralis", "Vastus Lateralis", False),
    ("EMG7", "rectus_femoris", "Rectus Femoris", False),
    ("EMG9", "tibialis_anterior", "Tibialis Anterior", False),
    ("EMG11", "soleus", "Soleus", False),
)
"""Label on the left leg (the right one has the next number), muscle, description, whether the head is not named."""

SIGNS: Final = {
    "*Angles": "canonical, degrees; x flexion, y adduction, z rotation",
    "*Moment": "N mm/kg, extensor, abductor and external rotator positive: canonical = -value / 1000",
    "*Power": "W/kg per plane: canonical moment x angular velocity",
    "EMG": "V",
}
_MOTION_ORDER: Final = [words.MOTIONS.index(motion) for motion in ("flexion", "adduction", "rotation")]
_MARKERS: Final = ("LASI", "RASI", "SACR", "LKNE", "RKNE", "LANK", "RANK", "LHEE", "RHEE", "LTOE", "RTOE")
_LEAD: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """One trial: `first_frame` from 0, `analog_rate` Hz, `prefix` before the model labels, `variant` of event words."""

    path: Path
    gait: Gait
    first_frame: int
    analog_rate: int
    prefix: str
    variant: int


def write_lab(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write ``lab.yaml`` and a folder of C3D trials of about 7 s for each person; `minutes` in all per person."""
    rows: list[dict[str, Any]] = []
    people = []
    for index in range(patients):
        name = f"P{index + 1:02d}"
        person = make_person(f"lab-{name}", seed=seed)
        files = []
        for number in range(1, max(2, round(minutes * 60 / 7)) + 1):
            trial = _trial(out, name, person, index=index, number=number, seed=seed)
            _write_c3d(trial, generator(seed, "lab", name, number, "signals"))
            rows += _true_strides(name, trial)
            files.append(trial.path.relative_to(out).as_posix())
        size = {"body_mass": person.body_mass, "height": person.height, "age": person.age, "sex": person.sex}
        people.append({"id": name, **size, "population": "able_bodied", "affected_side": "none", "files": files})
    (out / "lab.yaml").write_text(yaml.safe_dump(_mapping(people), sort_keys=False), encoding="utf-8")
    planted = {
        "late first frame": f"walk_02 starts at frame {LATE_START} from 0; event times count from the capture's start",
        "plate artefact": "walk_01: three frames of the left leg's moments exceed 3000 N mm/kg",
        "not computed": "moments and powers are exactly 0 before the second and after the last but one contact",
        "event words": "`Foot Strike` in odd, `foot strike` in even trials, where events are not in order of time",
        "label prefix": "model labels of every second person start with the name and a colon",
    }
    return Truth(dataset="lab", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _mapping(people: list[dict[str, Any]]) -> dict[str, Any]:
    channels = [
        {"label": label, "muscle": muscle, "side": side} | ({"ambiguous": True} if ambiguous else {})
        for label, muscle, side, _, ambiguous in _channels()
    ]
    return {
        "people": people,
        "activity": "walk",
        "surface": "overground",
        "speed": None,
        "line_frequency": LINE_FREQUENCY,
        "maximum_duration": 2.5,
        "angles": {"convention": "plug_in_gait"},
        "moments": {"convention": "plug_in_gait", "limit": 3.0},
        "emg": {"state": "raw", "unit": "V", "channels": channels},
    }


def _channels() -> list[tuple[str, str, str, str, bool]]:
    """Return (label, muscle, side, description, ambiguous), left and right in turn."""
    return [
        (f"EMG{int(label[3:]) + k}", muscle, side, f"{side.title()} {text}", ambiguous)
        for label, muscle, text, ambiguous in CHANNELS
        for k, side in enumerate(words.SIDES)
    ]


def _trial(out: Path, name: str, person: Person, *, index: int, number: int, seed: int) -> _File:
    rng = generator(seed, "lab", name, number)
    bouts = [Bout(activity="walk", duration=6.5, speed=float(rng.uniform(1.0, 1.5)))]
    return _File(
        path=out / name / f"walk_{number:02d}.c3d",
        gait=make_gait(person, bouts, rng, grid=RATE),
        first_frame=LATE_START if number == 2 else 0,
        analog_rate=ANALOG_RATES[number % 2],
        prefix=f"{name}:" if index % 2 else "",
        variant=number % 2,
    )


def _events(gait: Gait) -> list[tuple[str, str, float]]:
    """Return (kind, side, time in s on the gait's clock) of the events inside the volume, by side."""
    events = []
    for side in words.SIDES:
        both = {"strike": gait.contacts[side], "off": gait.foot_offs[side]}
        events += [
            (kind, side, float(time))
            for kind, times in both.items()
            for time in times
            if _LEAD <= time <= gait.duration - _LEAD
        ]
    return events


def _write_c3d(trial: _File, rng: np.random.Generator) -> None:
    try:
        import ezc3d
    except ImportError as error:
        raise MissingDependencyError.of("ezc3d", "readers") from error
    file = ezc3d.c3d()
    frames = round(trial.gait.duration * RATE)
    outputs = _points(trial, np.arange(frames) / RATE)
    names, analogs = _analogs(trial, frames, rng)
    parameters = file["parameters"]
    parameters["POINT"]["RATE"]["value"] = [float(RATE)]
    parameters["POINT"]["UNITS"]["value"] = ["mm"]
    parameters["POINT"]["LABELS"]["value"] = list(outputs)
    parameters["POINT"]["DESCRIPTIONS"]["value"] = ["" for _ in outputs]
    for kind, unit in (("ANGLE", "deg"), ("MOMENT", "Nmm"), ("POWER", "W")):
        file.add_parameter("POINT", f"{kind}_UNITS", [unit])
    parameters["ANALOG"]["RATE"]["value"] = [float(trial.analog_rate)]
    parameters["ANALOG"]["LABELS"]["value"] = [label for label, _, _ in names]
    parameters["ANALOG"]["UNITS"]["value"] = [unit for _, unit, _ in names]
    parameters["ANALOG"]["DESCRIPTIONS"]["value"] = [text for _, _, text in names]
    file["data"]["points"] = np.ones((4, len(outputs), frames))
    file["data"]["points"][:3] = np.stack(list(outputs.values()), axis=1)
    file["data"]["analogs"] = analogs[None]
    file["header"]["points"]["first_frame"] = trial.first_frame
    _add_events(file, trial)
    trial.path.parent.mkdir(parents=True, exist_ok=True)
    file.write(str(trial.path))


def _add_events(file: Any, trial: _File) -> None:
    labels = {"strike": "Foot Strike", "off": "Foot Off"}
    if not trial.variant:
        labels = {kind: label.lower() for kind, label in labels.items()}
    events = _events(trial.gait)
    if trial.variant:
        events.sort(key=lambda event: event[2])
    seconds = [time + trial.first_frame / RATE for _, _, time in events]
    file.add_parameter("EVENT", "USED", [len(events)])
    file.add_parameter("EVENT", "CONTEXTS", [side.title() for _, side, _ in events])
    file.add_parameter("EVENT", "LABELS", [labels[kind] for kind, _, _ in events])
    file.add_parameter("EVENT", "TIMES", np.array([np.zeros(len(events)), seconds]))


def _points(trial: _File, time: FloatArray) -> dict[str, FloatArray]:
    """Return the trajectories by label, each (3, frame): markers in mm, then the model's outputs."""
    gait = trial.gait
    swing = np.sin(2 * np.pi * gait.cycles(time, "right"))
    points = {
        marker: np.stack([1000 * gait.bouts[0].speed * time + 150 * swing, np.full(time.size, 80.0), 900 + 20 * swing])
        for marker in _MARKERS
    }
    for side in words.SIDES:
        contacts = gait.contacts[side]
        seen = (time >= _LEAD / 2) & (time <= gait.duration - _LEAD / 2)
        on_plates = (time >= contacts[1]) & (time < contacts[-2])
        angle, rate, moment = (f(gait, time, side) for f in (angles, velocities, moments))
        power = moment * np.deg2rad(rate)
        stored = -1000 * moment
        if trial.path.stem == "walk_01" and side == "left":
            edge = int(np.ceil(contacts[3] * RATE))
            stored[edge : edge + 3] *= np.array([0, 0, 0])[:, None, None]
            stored[edge : edge + 3] += np.array([9000, 30000, -15000])[:, None, None]
        for j, joint in enumerate(words.JOINTS):
            label = f"{trial.prefix}{side[0].upper()}{joint.title()}"
            for suffix, values, known in (
                ("Angles", angle, seen),
                ("Moment", stored, on_plates),
                ("Power", power, on_plates),
            ):
                points[label + suffix] = np.where(known, values[:, j, _MOTION_ORDER].T, 0.0)
    return points


def _analogs(trial: _File, frames: int, rng: np.random.Generator) -> tuple[list[tuple[str, str, str]], FloatArray]:
    """Return (label, unit, description) and values (channel, sample): one force plate under each foot, then EMG."""
    samples = frames * trial.analog_rate // RATE
    time = np.arange(samples) / trial.analog_rate
    names, rows = [], []
    for plate, side in enumerate(words.SIDES, start=1):
        vertical = -trial.gait.person.body_mass * vertical_forces(trial.gait, time, side)
        for component in ("Fx", "Fy", "Fz", "Mx", "My", "Mz"):
            names.append((f"{component}{plate}", "N" if component[0] == "F" else "Nmm", f"plate {plate}"))
            rows.append(vertical if component == "Fz" else 0.05 * vertical)
    muscles = tuple(muscle for _, muscle, _, _ in CHANNELS)
    emg = {
        side: make_emg(trial.gait, side, muscles, rng, rate=trial.analog_rate, line_frequency=LINE_FREQUENCY) / 1000
        for side in words.SIDES
    }
    for label, muscle, side, text, _ in _channels():
        names.append((label, "V", text))
        rows.append(emg[side][:samples, muscles.index(muscle)])
    return names, np.stack(rows)


def _true_strides(name: str, trial: _File) -> list[dict[str, Any]]:
    shift = trial.first_frame / RATE
    rows: list[dict[str, Any]] = []
    for side in words.SIDES:
        times = [time for kind, foot, time in _events(trial.gait) if kind == "strike" and foot == side]
        rows += [
            {"source_patient": name, "trial": trial.path.stem, "side": side, "activity": "walk",
             "trial_time": start + shift, "duration": stop - start}
            for start, stop in pairwise(times)
        ]  # fmt: skip
    return rows
