"""The cheap first pass: which strides there will be, their labels and sizes, from the tables alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError, NotAStoreError, ProcessingError
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.facts import chain_for, product_attrs, refuse_mixed
from biomech_xr.process.trials.kinematics import grid_size
from biomech_xr.process.trials.pieces import follows
from biomech_xr.process.trials.trial import MODALITIES, Recordings
from biomech_xr.schema import AFTER, BEFORE, HISTORY, LABELS, REJECTED_COLUMNS
from biomech_xr.store.recordings import list_patients, open_patient

LATE_LABELS: Final = ("kinetics_artefact", "emg_history", "kinematics_history", "kinematics_future")
"""Labels known only after processing; the plan holds placeholders, the shards hold the values."""

_CLOCK: Final = {"kind": "", "t0": 0.0, "sampling_frequency": np.nan, "points": 0, "row_size": 0}

Dims = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a chain will make of one dataset.

    `chain` is what of the given one is in force for the people (`chains.in_force`). `labels` has one row a stride in
    the order of the product (patient, trial, side, stride_number) and all columns of `schema.LABELS`; `order` is each
    stride's place in recording order; `units` maps (patient, trial) to the rows (start, stop) of its strides;
    `rejected` lists candidates dropped here; `attrs` are the facts to store.
    """

    root: str
    dataset: str
    chain: Chain
    labels: pd.DataFrame
    order: npt.NDArray[np.int64]
    rejected: pd.DataFrame
    units: Mapping[tuple[str, str], tuple[int, int]]
    time_size: int
    attrs: Mapping[str, Any]

    @property
    def grid_size(self) -> int:
        """Samples of the kinematic grid."""
        return grid_size(self.chain, (self.time_size - HISTORY) / 1000)

    @property
    def template(self) -> dict[str, tuple[Dims, tuple[int, ...]]]:
        """Name of each variable of a shard -> (dims, shape without the strides), for `store.create_part`."""
        grid = "phase" if self.chain.grid.phase is not None else "time_kinematics"
        channel = (len(words.MUSCLES),)
        joints = (len(words.JOINTS), len(words.MOTIONS))
        dims = ("stride", "joint", "motion")
        out: dict[str, tuple[Dims, tuple[int, ...]]] = {
            "emg": (("stride", "channel", "time"), (*channel, self.time_size)),
            "kinematics": ((*dims, grid), (*joints, self.grid_size)),
            "kinetics": ((*dims, grid), (*joints, self.grid_size)),
            "kinematics_before": ((*dims, "before"), (*joints, BEFORE)),
            "kinematics_after": ((*dims, "after"), (*joints, AFTER)),
            "kinetics_after": ((*dims, "after"), (*joints, AFTER)),
            "emg_scale": (("stride", "channel"), channel),
            "emg_mask": (("stride", "channel"), channel),
            "emg_coverage": (("stride", "channel"), channel),
            "emg_reason": (("stride", "channel"), channel),
        }
        for group in ("kinematics", "kinetics"):
            out |= {f"{group}_{kind}": (dims, joints) for kind in ("mask", "coverage")}
        return out | dict.fromkeys(LATE_LABELS, (("stride",), ()))


def make_plan(
    root: str, dataset: str, chain: Chain, patients: Sequence[str] | None = None, *, allow_empty: bool = False
) -> Plan:
    """Return the plan of one dataset; reads tables only.

    Parameters
    ----------
    root
        URL of the store that holds the recordings.
    patients
        Platform-wide names (``<dataset>-<source id>``); all committed ones by default.
    allow_empty
        Return a plan although no stride can be used; it holds the reasons.

    Raises
    ------
    NotAStoreError
        The store holds no recordings of this dataset.
    ConfigError
        A patient is not there.
    ProcessingError
        No stride is left, or the chain can serve the EMG of no stride of the dataset.
    """
    found = [name for _, name in list_patients(root, dataset)]
    if not found:
        raise NotAStoreError(f"{root}: no recordings of {dataset!r} here. Run parse first, or correct the URL.")
    missing = sorted(set(patients or ()) - set(found))
    if missing:
        raise ConfigError(f"{root}: no recordings of {', '.join(missing)}; found {', '.join(found)}. Correct patients.")
    opened = [open_patient(root, dataset, name) for name in found if patients is None or name in set(patients)]
    return plan_recordings(opened, root, dataset, chain, allow_empty=allow_empty)


def plan_recordings(
    recordings: Sequence[Recordings], root: str, dataset: str, chain: Chain, *, allow_empty: bool = False
) -> Plan:
    """Return the plan of opened recordings; errors as in `make_plan`."""
    spec = recordings[0].spec
    refuse_mixed(recordings, dataset)
    tables = [_candidates(one, chain) for one in recordings]
    candidates = pd.concat(tables, ignore_index=True)
    reasons, details = _reasons(candidates, spec)
    order = ["patient", "trial", "side", "stride_number"]
    kept = candidates[reasons == ""].sort_values(order, kind="stable", ignore_index=True)
    if not allow_empty:
        _refuse_empty(candidates, kept, dataset, chain)
    rejected = candidates[reasons != ""].assign(stage="process", reason=reasons[reasons != ""])
    rejected = rejected.assign(detail=details[reasons != ""])[["dataset", "patient", *REJECTED_COLUMNS]]
    time_size = HISTORY + round(float(spec["maximum_duration"]) * 1000)
    own, forms = chain_for(recordings, candidates[np.isin(reasons, ("", "unservable_emg"))], chain)
    longest = (time_size - HISTORY) / 1000
    labels = kept[list(LABELS)].astype({name: "category" for name, kind in LABELS.items() if kind == "category"})
    return Plan(
        root=root,
        dataset=dataset,
        chain=own,
        labels=labels,
        order=kept["_order"].to_numpy(dtype=np.int64),
        rejected=rejected.reset_index(drop=True),
        units=_units(labels),
        time_size=time_size,
        attrs=product_attrs(recordings, kept, own, forms, chain_hash=chain.hash(), longest=longest),
    )


def _candidates(one: Recordings, chain: Chain) -> pd.DataFrame:
    """Return the strides of one patient with all labels, and columns ``_...`` that decide about them."""
    patient, spec, strides = one.patient, one.spec, one.strides
    rows = (cast("dict[str, Any]", one.trials.iloc[i].to_dict()) for i in range(len(one.trials)))
    facts = pd.DataFrame([{**_trial_facts(row, chain), "_trial_index": i} for i, row in enumerate(rows)])
    text = [name for name in strides if isinstance(strides[name].dtype, pd.CategoricalDtype)]
    table = strides.astype(dict.fromkeys(text, object)).merge(facts, on="trial", how="left", validate="many_to_one")
    ambiguous = [side in sides for side, sides in zip(table["side"], table["_ambiguous"], strict=True)]
    table = table.assign(
        dataset=patient.dataset,
        patient=patient.patient,
        source_patient=patient.source_patient,
        person_group=patient.group,
        population=patient.population,
        affected_side=patient.affected_side,
        sex=patient.sex,
        age=patient.age,
        height=patient.height,
        body_mass=patient.body_mass,
        evidence=spec["evidence"],
        reader_version=spec["reader_version"],
        emg_native_rate=_native_rate(table, "emg"),
        _kinematics_rate=_native_rate(table, "kinematics"),
        _kinetics_rate=_native_rate(table, "kinetics"),
        channel_ambiguous=np.array(ambiguous, dtype=bool),
        edge_filtered=table["_cut"].to_numpy(dtype=bool) & _alone(table),
        kinetics_artefact=False,
        emg_clipped=False,
        emg_history=-1,
        kinematics_history=-1,
        kinematics_future=-1,
    )
    for group in MODALITIES:
        table[f"_has_{group}"] = _measured(table, group)
    place = table["_trial_index"].to_numpy() if len(table) else np.empty(0)
    order = np.lexsort((table["stride_number"], table["trial_time"], place))
    table["_order"] = np.argsort(order)
    return table


def _alone(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return whether a cut stride is filtered by itself: isolated, or no neighbor meets it at a contact."""
    alone = np.ones(len(table), dtype=bool)
    for _, rows in table.reset_index(drop=True).groupby(["trial", "side"], sort=False, observed=True):
        joined = follows(rows["stride_number"], rows["trial_time"], rows["duration"])
        neighbors = np.concatenate(([False], joined, [False]))
        alone[rows.index] = ~(neighbors[:-1] | neighbors[1:])
    return np.asarray(alone | table["_isolated"].to_numpy(dtype=bool))


def _trial_facts(row: Mapping[str, Any], chain: Chain) -> dict[str, Any]:
    facts = {name: row[name] for name in ("trial", "session", "emg_state", "emg_lookahead", "source_file")}
    facts |= {"source_sha256": row["source_sha256"]}
    for group in MODALITIES:
        for name, default in _CLOCK.items():
            facts[f"_{group}_{name}"] = row.get(f"{group}_{name}", default)
    kind, contiguity = str(row.get("emg_kind", "")), str(row.get("emg_contiguity", ""))
    rate = float(row.get("emg_sampling_frequency", np.nan))
    state: words.EmgState = row["emg_state"]
    cut = kind in ("segmented", "ragged") and not chain.causal and not (state == "envelope" and kind == "segmented")
    labels = json.loads(row.get("emg_labels") or "{}") if kind else {}
    notes = json.loads(row.get("emg_attrs") or "{}") if kind else {}
    muscles = (*words.MUSCLES, *words.SUBSTITUTES.values())
    return facts | {
        "_emg_rate": rate,
        "_refusal": chain.refusal(
            state=state, kind=kind, contiguity=contiguity, rate=rate, longest=_longest_piece(row, rate)
        )
        if kind
        else "",
        "_cut": cut,
        "_isolated": contiguity == "isolated",
        "_ambiguous": {text.split(":")[0] for text in notes.get("ambiguous", ()) if text.split(":")[-1] in muscles},
        "_substituted": [
            muscle
            for muscle, other in words.SUBSTITUTES.items()
            if other in labels.get("channel", ()) and muscle not in labels.get("channel", ())
        ],
    }


def _longest_piece(row: Mapping[str, Any], rate: float) -> float:
    """Return how long (s) no piece of a trial's EMG can be longer than, as far as the tables tell."""
    if row["emg_kind"] == "segmented":
        return np.inf
    strides = json.loads(str(row["emg_lengths"])) if row["emg_contiguity"] == "isolated" else []
    return float(max(strides, default=int(row["emg_row_size"])) + 1) / rate


def _native_rate(table: pd.DataFrame, group: str) -> npt.NDArray[np.float64]:
    """Return the rate (Hz) of a group in each stride; of time-normalised strides that of their own duration."""
    points = table[f"_{group}_points"].to_numpy(dtype=np.float64)
    cut = (points - 1) / table["duration"].to_numpy(dtype=np.float64)
    known = table[f"_{group}_sampling_frequency"].to_numpy(dtype=np.float64)
    return np.where((table[f"_{group}_kind"] == "segmented").to_numpy(), cut, known)


def _measured(table: pd.DataFrame, group: str) -> npt.NDArray[np.bool_]:
    """Return whether a group has samples in the time of each stride, as far as the tables tell."""
    rows = table[f"_{group}_row_size"].to_numpy(dtype=np.float64)
    start = table[f"_{group}_t0"].to_numpy(dtype=np.float64)
    rate = table[f"_{group}_sampling_frequency"].to_numpy(dtype=np.float64)
    time = table["trial_time"].to_numpy(dtype=np.float64)
    during = (time < start + rows / rate) & (time + table["duration"].to_numpy() > start)
    points = table[f"_{group}_points"].to_numpy(dtype=np.int64)
    segment = table["segment"].to_numpy(dtype=np.int64)
    within = (segment >= 0) & ((points == 0) | (segment * points < rows))
    continuous = (table[f"_{group}_kind"] == "continuous").to_numpy()
    return np.asarray((rows > 0) & np.where(continuous, during, within))


def _reasons(table: pd.DataFrame, spec: Mapping[str, Any]) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Return the reason for rejection of every candidate (empty: kept) and its detail."""
    limit = float(spec["maximum_duration"])
    unknown = table["duration"].isna().to_numpy()
    long = (table["duration"] > limit + 1e-9).to_numpy()
    emg, joints = table["_has_emg"].to_numpy(), (table["_has_kinematics"] | table["_has_kinetics"]).to_numpy()
    refused = emg & (table["_refusal"] != "").to_numpy() & ~joints
    choices = ["unknown_duration", "too_long", "no_signal", "unservable_emg"]
    reason = np.select([unknown, long, ~emg & ~joints, refused], choices, default="")
    detail = np.full(len(table), "", dtype=object)
    detail[unknown] = "the source gives no duration; parse it with the source's option for it"
    detail[long] = [f"{value:.3f} s, at most {limit:g} s" for value in table["duration"][long]]
    detail[refused & ~long & ~unknown] = table["_refusal"].to_numpy()[refused & ~long & ~unknown]
    return reason.astype(object), detail


def _refuse_empty(candidates: pd.DataFrame, kept: pd.DataFrame, dataset: str, chain: Chain) -> None:
    refusals = candidates.loc[candidates["_has_emg"], "_refusal"]
    if chain.product == "bandpassed" and len(refusals) and (refusals != "").all():
        raise ProcessingError(
            f"{dataset}: chain {chain.name!r}: {refusals.iloc[0]}. Use the chain 'envelope' for this dataset."
        )
    if kept.empty:
        raise ProcessingError(
            f"{dataset}: chain {chain.name!r}: found {len(candidates)} candidate strides, of which none can be "
            "processed; expected at least one. See the table `rejected` of the recordings for the reasons."
        )


def _units(labels: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the rows of every trial, from the codes of the labels."""
    if labels.empty:
        return {}
    patient, trial = labels["patient"].cat, labels["trial"].cat
    codes = np.stack([patient.codes.to_numpy(), trial.codes.to_numpy()])
    first = np.flatnonzero((np.diff(codes, axis=1) != 0).any(axis=0)) + 1
    edges = [0, *first.tolist(), len(labels)]
    return {
        (str(patient.categories[codes[0, i]]), str(trial.categories[codes[1, i]])): (i, j) for i, j in pairwise(edges)
    }
