"""The facts of a product, stored with it: its chain, and what its values know of the future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets.spec import BIBLIOGRAPHIC
from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains.building import only_interpolated
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.chains.in_force import Form, forms_as_facts, in_force
from biomech_xr.process.engine.kernels import Array
from biomech_xr.process.steps.resample import EMG_RATE
from biomech_xr.process.trials.pieces import follows
from biomech_xr.process.trials.reasons import EMG_REASONS
from biomech_xr.process.trials.trial import Recordings


class _Form(NamedTuple):
    """EMG as a chain gets it: parameters of `Chain.lookahead` and `Chain.delay`."""

    rate: float
    state: words.EmgState
    kind: words.SignalKind
    band_rate: float | None = None
    spacing: float = 0.0


def refuse_mixed(recordings: Sequence[Recordings], dataset: str) -> None:
    """One product has one set of facts: a person parsed under others (synthetic, other mapping) does not belong."""
    facts = recordings[0].spec
    for one in recordings[1:]:
        differing = (name for name, fact in facts.items() if not _same_fact(one.spec.get(name), fact))
        other = sorted(set(differing) - BIBLIOGRAPHIC)
        if other:
            raise ProcessingError(
                f"{dataset}: {one.patient.patient} was parsed under other facts than {recordings[0].patient.patient} "
                f"({', '.join(other)}); expected one set. Parse all of them again into a new store."
            )


def _same_fact(one: object, two: object) -> bool:
    return one == two or (one != one and two != two)  # unknown numbers are NaN


def chain_for(recordings: Sequence[Recordings], strides: pd.DataFrame, chain: Chain) -> tuple[Chain, list[Form]]:
    """Return what of a chain is in force for some patients, and the forms of their EMG by which that is decided.

    Parameters
    ----------
    recordings
        The patients, all under one set of facts.
    strides
        Those that the plan keeps, or would if the chain served their EMG, with its columns ``_...``.
    """
    forms = _forms_in(recordings, strides[strides["_has_emg"]])
    people = {one.patient.patient for one in recordings}
    return in_force(chain, forms, line_frequency=float(recordings[0].spec["line_frequency"]), people=people), forms


def _forms_in(recordings: Sequence[Recordings], strides: pd.DataFrame) -> list[Form]:
    """Return the forms of EMG that strides have, in order, served or not."""
    found: set[Form] = set()
    for key, rows in strides.groupby(["emg_state", "_emg_kind", "_isolated"], observed=True):
        state, kind, apart = cast("tuple[words.EmgState, words.SignalKind, bool]", key)
        contiguity: words.Contiguity = "isolated" if apart else "consecutive"
        if only_interpolated(state, kind):
            found.add(Form(state, kind, contiguity, float(EMG_RATE)))
        else:
            fitted = _emg_forms(recordings, rows)
            found |= {Form(state, kind, contiguity, one.rate, one.band_rate) for one in fitted}
    return sorted(found, key=str)


def product_attrs(
    recordings: Sequence[Recordings],
    kept: pd.DataFrame,
    chain: Chain,
    forms: Sequence[Form],
    *,
    chain_hash: str,
    longest: float,
) -> dict[str, Any]:
    """Return the attributes of a product.

    Parameters
    ----------
    recordings
        The patients, all under one set of facts.
    kept
        Their strides as the plan holds them, with its columns ``_...``.
    chain
        What of a chain is in force for them.
    forms
        The forms of EMG by which that was decided.
    chain_hash
        Hash of all settings of the chain.
    longest
        Longest stride stored, s.
    """
    spec = recordings[0].spec
    line = float(spec["line_frequency"])
    served = kept[kept["_has_emg"] & (kept["_refusal"] == "")]
    fitted = [{**form._asdict(), "line_frequency": line} for form in _emg_forms(recordings, served)]
    joints = _joint_rates(kept, longest)
    ahead = [chain.lookahead(**form) for form in fitted] + [chain.kinematics_lookahead(*joint) for joint in joints]
    own = max(ahead, default=0.0)
    upstream, known = _upstream(spec, served, kept)
    return {
        "chain": chain.model_dump(mode="json"),
        "chain_hash": chain_hash,
        "product": chain.product,
        "causal": chain.causal,
        "grid": chain.grid.model_dump(exclude_none=True),
        "normalize": chain.normalize.model_dump(),
        "calibration": chain.calibration,
        "emg_reasons": {str(code): text for code, text in EMG_REASONS.items()},
        "lookahead": own + upstream,
        "lookahead_chain": own,
        "lookahead_upstream": upstream,
        "kinematics_lookahead_known": known,
        "emg_delay": max((chain.delay(**form) for form in fitted), default=0.0),
        "emg_bands": _bands(chain, fitted),
        "emg_forms": forms_as_facts(forms),
        "emg_refused": _refused(kept),
        "kinematics_delay": max((chain.kinematics_delay(*joint) for joint in joints), default=0.0),
        "substitutes": {name: words.SUBSTITUTES[name] for name in sorted(set(kept["_substituted"].explode().dropna()))},
        "spec": dict(spec),
        "counts": {
            "candidates": sum(len(one.strides) + len(one.rejected) for one in recordings),
            "rejected_at_parse": sum(len(one.rejected) for one in recordings),
            "strides": len(kept),
        },
    }


def _refused(kept: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return why EMG of kept strides is masked as a whole -> how many strides and trials that is, and the first one."""
    rows = kept[kept["_has_emg"] & (kept["_refusal"] != "")]
    found: dict[str, dict[str, Any]] = {}
    for reason, some in rows.groupby("_refusal", sort=True):
        trials = [f"{patient}/{trial}" for patient, trial in zip(some["patient"], some["trial"], strict=True)]
        found[str(reason)] = {"strides": len(some), "trials": len(set(trials)), "first": trials[0]}
    return found


def _bands(chain: Chain, forms: Sequence[Mapping[str, Any]]) -> dict[str, list[list[float]]]:
    """Return by native rate (Hz) the edges (Hz) that each band-pass of the chain has there."""
    found: dict[str, list[list[float]]] = {}
    for form in forms:
        native = form["band_rate"] or form["rate"]
        edges = chain.bands(form["rate"], state=form["state"], band_rate=form["band_rate"])
        if edges:
            found[f"{native:g}"] = [list(edge) for edge in edges]
    return found


def _emg_forms(recordings: Sequence[Recordings], served: pd.DataFrame) -> list[_Form]:
    """Return the forms in which EMG is served; of strides that a source cut, the extremes over the runs they join."""
    forms: list[_Form] = []
    for key, rows in served.groupby(["emg_state", "_emg_kind"], observed=True):
        state, kind = cast("tuple[words.EmgState, words.SignalKind]", key)
        rates = np.unique(rows["_emg_rate"].to_numpy(dtype=np.float64))
        if kind == "continuous":
            forms += [_Form(rate=float(rate), state=state, kind=kind) for rate in rates]
        elif kind == "ragged":
            forms += [_Form(rate=float(rate), state=state, kind=kind, spacing=1 / float(rate)) for rate in rates]
        else:
            steps = rows["_emg_points"].to_numpy(dtype=np.float64) - 1
            shortest, longest = _run_durations(recordings, rows)
            finest, coarsest = steps / shortest, steps / longest
            joined = np.maximum(EMG_RATE, np.ceil(finest - 1e-6))
            forms += [
                _Form(
                    rate=float(rate), state=state, kind=kind, band_rate=float(band), spacing=1 / float(coarsest.min())
                )
                for rate in {joined.min(), joined.max()}
                for band in {coarsest.min(), coarsest.max()}
            ]
    return forms


def _run_durations(recordings: Sequence[Recordings], rows: pd.DataFrame) -> tuple[Array, Array]:
    """Return the shortest and longest duration (s) of the strides that each cut stride is joined with, itself too."""
    keys = ["patient", "trial", "side", "stride_number"]
    tables = []
    for one in recordings:
        table = one.strides[one.strides["segment"] >= 0].sort_values(keys[1:], kind="stable")
        trial, side = (table[name].astype(str).to_numpy() for name in ("trial", "side"))
        joined = follows(table["stride_number"], table["trial_time"], table["duration"])
        joined &= (trial[1:] == trial[:-1]) & (side[1:] == side[:-1])
        run = np.concatenate(([0], np.cumsum(~joined)))[: len(table)]
        durations = table["duration"].groupby(run)
        extremes = {"shortest": durations.transform("min"), "longest": durations.transform("max")}
        tables.append(
            table[keys[1:]].astype({"trial": str, "side": str}).assign(patient=one.patient.patient, **extremes)
        )
    own = rows[keys].astype({"patient": str, "trial": str, "side": str})
    found = own.merge(pd.concat(tables), on=keys, how="left", validate="one_to_one")
    alone = rows["_isolated"].to_numpy(dtype=bool)
    shortest, longest = (
        np.where(alone, rows["duration"], found[name]).astype(np.float64) for name in ("shortest", "longest")
    )
    return shortest, longest


def _joint_rates(kept: pd.DataFrame, longest: float) -> list[tuple[float, float | None]]:
    """Return (rate in Hz, longest stride in s or None) of all angles and moments; of cut ones the lowest rate only."""
    found: set[tuple[float, float | None]] = set()
    for group in ("kinematics", "kinetics"):
        here = kept[kept[f"_has_{group}"]]
        whole = (here[f"_{group}_kind"] == "continuous").to_numpy()
        rates = here[f"_{group}_rate"].to_numpy(dtype=np.float64)
        found |= {(float(rate), longest) for rate in np.unique(rates[whole]) if np.isfinite(rate)}
        if np.isfinite(rates[~whole]).any():
            found.add((float(np.nanmin(rates[~whole])), None))
    return sorted(found, key=str)


def _upstream(spec: Mapping[str, Any], served: pd.DataFrame, kept: pd.DataFrame) -> tuple[float, bool]:
    """Return how far (s) the source's own processing looks ahead as far as known, and whether it is for kinematics."""
    emg = float(served["emg_lookahead"].max()) if len(served) else 0.0
    stated = spec.get("kinematics_lookahead")
    joints = np.nan if stated is None else float(stated)
    if not kept["_has_kinematics"].any():
        joints = 0.0
    return float(np.nanmax([emg, joints, 0.0])), bool(np.isfinite(joints))
