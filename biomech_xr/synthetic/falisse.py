"""Writer of the file of Falisse et al. 2019: one struct, eleven time-normalised strides of one right leg.

Nesting, column names, units and signs are those of `ExperimentalData.mat` in github.com/antoinefalisse/3dpredictsim
(doi:10.1098/rsif.2019.0402). The time recorded is fixed: ``minutes`` changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.emg import envelopes
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments, velocities, vertical_forces
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.person import FloatArray, generator, make_person, stride_time
from biomech_xr.synthetic.truth import Truth, stride_truth

STRIDES: Final = 11
POINTS: Final = 100
BODY_MASS: Final = 62.0
SPEED: Final = 1.33
COORDINATES: Final = (
    "pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz", "hip_flexion",
    "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle", "lumbar_extension",
    "lumbar_bending", "lumbar_rotation", "arm_flex", "arm_add", "arm_rot", "elbow_flex",
)  # fmt: skip
MUSCLES: Final = {
    "Hamstrings-lateralis": "biceps_femoris", "Tibialis-anterior": "tibialis_anterior",
    "Peroneus-longus": "peroneus_longus", "Gastrocnemius-lateralis": "gastrocnemius_lateralis",
    "Hamstrings-medialis": "semitendinosus", "Soleus": "soleus", "Vastus-lateralis": "vastus_lateralis",
    "Vastus-medialis": "vastus_medialis", "Gluteus-medialis": "gluteus_medius", "Rectus-femoris": "rectus_femoris",
    "Peroneus-brevis": "peroneus_brevis", "Gastrocnemius-medialis": "gastrocnemius_medialis",
    "Adductor-longus": "adductor_longus", "Tensor-fasciae-latae": "tensor_fasciae_latae",
}  # fmt: skip
MISSING: Final = (("Peroneus-longus", (1, 3, 10)), ("Tibialis-anterior", (3,)))
"""Muscles that are NaN in the strides (from 0) named."""

SIGNS: Final = {
    "knee_angle": "extension positive, angle and torque: canonical = -value",
    "Torques": "N m: canonical = value / 62 kg, generalised force of the angle",
    "GRFs": "per cent of body weight",
    "other angles": "canonical, degrees",
}
_JOINTS: Final = {"hip_flexion": (0, 2, 1), "hip_adduction": (0, 0, 1), "hip_rotation": (0, 1, 1),
                  "knee_angle": (1, 2, -1), "ankle_angle": (2, 2, 1)}  # fmt: skip


def write_falisse(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the one person's file; ``patients`` is 1 and ``minutes`` has no effect."""
    del patients, minutes
    rng = generator(seed, "falisse")
    person = make_person("falisse-subject1", seed=seed, height=1.7, body_mass=BODY_MASS)
    pace = person.pace * 1.015 / stride_time(person, "walk", SPEED)
    gait = make_gait(replace(person, pace=pace), [Bout(activity="walk", duration=14.0, speed=SPEED)], rng, grid=1000)
    starts = gait.contacts["right"][1 : STRIDES + 1]
    durations = gait.contacts["right"][2 : STRIDES + 2] - starts
    times = starts + np.linspace(0, 1, POINTS)[:, None] * durations
    save_struct(out / "ExperimentalData.mat", {"ExperimentalData": _content(gait, times, durations, rng)})
    rows = [
        {"source_patient": "subject1", "trial": "walk", "side": "right", "activity": "walk", "trial_time": np.nan,
         "duration": float(duration)}
        for duration in durations
    ]  # fmt: skip
    planted = {name: f"NaN in strides {', '.join(map(str, strides))}" for name, strides in MISSING}
    return Truth(dataset="falisse", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _content(gait: Gait, times: FloatArray, durations: FloatArray, rng: np.random.Generator) -> dict[str, Any]:
    """Return the nested struct; ``times`` is (point, stride) in s."""
    flat = times.T.ravel()
    order = np.argsort(flat, kind="stable")
    back = np.argsort(order, kind="stable")

    def cut(values: FloatArray) -> FloatArray:
        return np.asarray(np.moveaxis(values[back].reshape(STRIDES, POINTS, -1), 0, 2))

    clock = flat[order]
    angle, rate, torque = _coordinates(gait, clock)
    radians = np.where([name in ("pelvis_tx", "pelvis_ty", "pelvis_tz") for name in COORDINATES], 1, np.pi / 180)
    emg = cut(0.22 * envelopes(gait, "right", tuple(MUSCLES.values()), clock) / _gain(gait))
    emg *= np.exp(0.1 * rng.standard_normal((1, *emg.shape[1:])))
    for name, strides in MISSING:
        emg[:, list(MUSCLES).index(name), list(strides)] = np.nan
    force = vertical_forces(gait, clock, "right") / 9.81 * 100
    stance = np.maximum(np.sin(2 * np.pi * (gait.cycles(clock, "right") % 1) / 1.22), 0) * (force > 0)
    forces = np.stack([-0.18 * force * np.cos(np.pi * (gait.cycles(clock, "right") % 1) / 0.61), force, -3 * stance], 1)
    sway = cut(1.5 * np.sin(2 * np.pi * gait.cycles(clock, "right"))[:, None])[:, 0]
    width = 0.085 + 0.006 * rng.standard_normal((1, STRIDES))
    return {
        "Q": {"subject1": {"Qs": _statistics(cut(angle), COORDINATES), "Qdots": _statistics(cut(rate), COORDINATES)}},
        "GRFs": {"subject1": _statistics(cut(forces), ("Fore-aft", "Vertical", "Lateral"))},
        "Torques": {"subject1": _statistics(cut(torque), COORDINATES)},
        "Powers": {"subject1": _statistics(cut(torque * rate * radians), COORDINATES)},
        "EMG": {"subject1": _statistics(emg, tuple(MUSCLES))},
        "TrunkSway": {"subject1": _statistics(sway)},
        "StepWidth": {"subject1": _statistics(width)},
        "StrideLength": {"subject1": _statistics(SPEED * durations[None, :])},
    }


def _gain(gait: Gait) -> FloatArray:
    """Return the peak envelope of each muscle over the trial, mV."""
    time = np.arange(0, gait.duration, 0.01)
    return np.asarray(envelopes(gait, "right", tuple(MUSCLES.values()), time).max(axis=0))


def _coordinates(gait: Gait, time: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return angles (degrees, m), their rates and torques (N m, N), each (time, coordinate), in Gait2392 signs."""
    angle, rate, moment = (f(gait, time, "right") for f in (angles, velocities, moments))
    q, qdot, torque = (np.zeros((time.size, len(COORDINATES))) for _ in range(3))
    turn = 2 * np.pi * gait.cycles(time, "right")
    speed = 2 * np.pi * (gait.cycles(time + 1e-4, "right") - gait.cycles(time - 1e-4, "right")) / 2e-4
    for k, name in enumerate(COORDINATES):
        if name in _JOINTS:
            j, m, sign = _JOINTS[name]
            q[:, k], qdot[:, k] = sign * angle[:, j, m], sign * rate[:, j, m]
            torque[:, k] = sign * moment[:, j, m] * BODY_MASS
            continue
        size = 0.02 if name.startswith("pelvis_t") and len(name) == 9 else 3.0
        q[:, k], qdot[:, k] = size * np.sin(turn + k), size * speed * np.cos(turn + k)
        torque[:, k] = 5 * np.cos(turn + 2 * k)
    q[:, COORDINATES.index("pelvis_ty")] += 0.95
    torque[:, COORDINATES.index("pelvis_ty")] += 620
    return q, qdot, torque


def _statistics(values: FloatArray, headers: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Return `all` with its mean and SD over strides (last axis), and the column headers where there are any."""
    result: dict[str, Any] = {"all": values, "mean": np.nanmean(values, axis=-1), "std": np.nanstd(values, axis=-1)}
    if headers:
        result["colheaders"] = np.array([list(headers)], dtype=object)
    return result
